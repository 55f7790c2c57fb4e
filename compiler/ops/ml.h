// Classical models (ai.onnx.ml): each operator is a composition (expand.h) of nodes of ai.onnx and of the few of the
// domain "ingot" that ml_steps.c lowers. One file a family: ml_trees.c, ml_svm.c, ml_linear.c, ml_prepare.c,
// ml_encode.c.
#pragma once
#include "compiler/ops/expand.h"
#include "compiler/ops/strings.h"

// The first result, of this type, of a new node of the domain "ingot". Inputs may be NULL.
Value *ml_make(Expansion *e, const char *type, DType result, size_t count, Value *const *in);
#define ML_MAKE(e, type, result, ...)                                                                                  \
  ml_make(e, type, result, COUNT(((Value *const[]){__VA_ARGS__})), (Value *const[]){__VA_ARGS__})
Value *ml_constant(Expansion *e, DType type, int64_t count, const void *data); // of rank 1; data is kept
Value *ml_strings(Expansion *e, const char *const *strings, size_t count);

// The node's first input as [rows, features] of float32, or of float64 when it is that and `wide` is not NULL. NULL
// after an error.
Value *ml_rows(Expansion *e, bool *wide);
// How many features a row has; -1 after an error where that is not known when compiling.
int64_t ml_features(Expansion *e);
const double *ml_floats(const Node *node, const char *name, size_t *count); // NULL, 0 where absent

// `count` numbers of an attribute; NULL after an error. With `any` their number, not 0, is what the node says.
const int64_t *ml_ints(Expansion *e, const char *name, size_t *count, bool any);
// Floats of an attribute (`name` may be NULL) or of the tensor that may stand for it. *count: how many, 0 where absent.
const double *ml_reals(Expansion *e, const char *name, const char *tensor_name, size_t *count);

/* scores and labels: see templates/ml_score.h */

// Number of post_transform by name; -1 after an error.
int ml_transform(Expansion *e);

// Labels of classes: `count` numbers or strings.
typedef struct {
  size_t count;
  const int64_t *ints;
  const char *const *strings; // or NULL
} Labels;
bool ml_labels(Expansion *e, const char *ints, const char *strings, Labels *out);
// The node's first output becomes the labels of class numbers.
void ml_set_labels(Expansion *e, const Labels *labels, Value *numbers);

typedef struct {
  int transform, second, label, pick;
  double limit;
  Value *base, *seen; // or NULL
} ScoreRule;
// A node Scores; its second result, where `label` asks for it, are numbers of classes.
Value *ml_scores(Expansion *e, Value *raw, const ScoreRule *rule);
