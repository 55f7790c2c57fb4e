// Classical models (ai.onnx.ml): each operator is replaced by nodes of ai.onnx and by the few of the domain "ingot"
// that ml_steps.c lowers. One file a family: ml_trees.c, ml_svm.c, ml_linear.c, ml_prepare.c, ml_encode.c.
#pragma once
#include "compiler/ops/ops.h"

// The node that is being replaced; new ones go before it.
typedef struct {
  Model *model;
  Graph *graph;
  Node *node;
} Expand;

// Replaces every node of ai.onnx.ml in the graph; false after recorded errors.
bool ml_expand(Model *model, Graph *graph);

/* making nodes */

// The first result, not inferred yet, of a new node; attributes go to its producer. Inputs may be NULL.
Value *ml_new(Expand *e, const char *domain, const char *type, Value *const *in, size_t in_count);
Value *ml_op(Expand *e, const char *type, Value *a, Value *b); // of ai.onnx; b may be NULL
Value *ml_second(Expand *e, Value *first);                     // another result of the node that made `first`
Value *ml_cast(Expand *e, Value *x, DType type);               // x itself when it has that type
Value *ml_scalar(Expand *e, DType type, double x);
Value *ml_reals(Expand *e, DType type, int rank, const int64_t *dims, const double *x); // float32 or float64
Value *ml_constant(Expand *e, DType type, int64_t count, const void *data);             // of rank 1; data is kept
Value *ml_strings(Expand *e, const char *const *strings, size_t count);
// Output i of the node is `value` from now on.
void ml_set(Expand *e, size_t i, Value *value);

/* reading nodes */

// The node's first input as [rows, features] of float32, or of float64 when it is that and `wide` is not NULL.
Value *ml_rows(Expand *e, bool *wide);
// How many features a row has; -1 after an error where that is not known when compiling.
int64_t ml_features(Expand *e);
const double *ml_floats(const Node *node, const char *name, size_t *count); // NULL, 0 where absent
const char *const *ml_names(const Node *node, const char *name, size_t *count);

/* scores and labels: see templates/ml_score.h */

// Numbers of post_transform by name; -1 after an error.
int ml_transform(Expand *e);

// Labels of classes: `count` numbers or strings.
typedef struct {
  size_t count;
  const int64_t *ints;
  const char *const *strings; // or NULL
} Labels;
bool ml_labels(Expand *e, const char *ints, const char *strings, Labels *out);
// Output `output` becomes the labels of class numbers.
void ml_set_labels(Expand *e, size_t output, const Labels *labels, Value *numbers);

typedef struct {
  int transform, second, label, pick;
  double limit;
  Value *base, *seen; // or NULL
} ScoreRule;
// A node Scores; with `label` its second result, through ml_second, are numbers of classes.
Value *ml_scores(Expand *e, Value *raw, const ScoreRule *rule);
