// Ensembles of trees between reading their attributes (ml_trees.c, ml_tree_ensemble.c) and the arrays of
// templates/ml_tree.h (ml_tree_layout.c).
#pragma once
#include "compiler/ops/ml.h"
#include "templates/ml.h"

// One node as the model has it. A leaf has yes < 0.
typedef struct {
  int64_t tree, id; // as the model names it: for messages
  int64_t feature;
  double value;
  unsigned how;    // outcomes of x[feature] against value that lead to `yes`: TREE_LESS, ...
  int64_t yes, no; // indices into the ensemble's nodes
  int64_t leaf;    // index into leaf_starts
} Branch;

typedef struct {
  Branch *nodes;
  size_t count;
  int64_t *roots;
  size_t root_count;
  // Leaf i adds weights[k] to target ids[k] for leaf_starts[i] <= k < leaf_starts[i + 1].
  int64_t *leaf_starts, *ids;
  double *weights;
  int64_t entries;
} Ensemble;

// Adds the test of x[feature] against a set of values in place of node `at`, as a search by halves.
void tree_add_members(Expansion *e, Ensemble *ensemble, int64_t at, double *values, size_t count,
                      bool missing_tracks_yes);

typedef struct {
  bool wide;
  int64_t targets;
  int aggregate;
  bool tracked; // whether the node's second result says which targets were seen
  Value *base;  // or NULL
} TreeOptions;
// A node Trees over rows x; NULL after an error: a cycle, too many nodes.
Value *tree_lay_out(Expansion *e, const Ensemble *t, Value *x, const TreeOptions *o);

/* ml_trees.c */
// The outcomes of x against value that lead to the first child, for the comparison whose outcomes are `how`.
unsigned tree_outcomes(unsigned how, double value, bool missing_tracks_true);
bool tree_targets(Expansion *e, int64_t *out); // the attribute n_targets
// The targets of a regression, transformed, as the node's output.
bool tree_regress(Expansion *e, const Ensemble *t, TreeOptions options, int transform);
