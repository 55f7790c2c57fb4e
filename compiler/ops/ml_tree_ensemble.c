// TreeEnsemble: interior nodes and leaves by index.
#include "compiler/ops/ml_trees.h"

#include <math.h>
#include <string.h>

// Sets of BRANCH_MEMBER nodes, in their order, each ended by a NaN.
static bool add_sets(Expansion *e, Ensemble *t, const bool *member, size_t interior, const int64_t *track,
                     size_t tracks) {
  size_t count, at = 0;
  const double *given = ml_reals(e, NULL, "membership_values", &count);
  double *values = NEW_ARRAY(e->model->arena, double, count);
  if (count) memcpy(values, given, count * sizeof *values);
  for (size_t i = 0; i < interior; i++) {
    if (!member[i]) continue;
    size_t end = at;
    while (end < count && !isnan(values[end])) end++;
    if (end == count) return node_error(e->model, e->node, "'membership_values' ends before the set of node %zu", i);
    tree_add_members(e, t, (int64_t)i, values + at, end - at, i < tracks && track[i] == 1);
    at = end + 1;
  }
  return at == count || node_error(e->model, e->node, "'membership_values' has more sets than nodes ask for");
}

static bool read_ensemble(Expansion *e, Ensemble *t, int64_t targets) {
  static const unsigned modes[] = {TREE_LESS | TREE_EQUAL, TREE_LESS,  TREE_GREATER | TREE_EQUAL,
                                   TREE_GREATER,           TREE_EQUAL, TREE_LESS | TREE_GREATER};
  enum { MEMBER = COUNT(modes) };
  Model *model = e->model;
  size_t n = 0, leaves = 0, splits, weights, tracks;
  const int64_t *features = ml_ints(e, "nodes_featureids", &n, true);
  const int64_t *yes = features ? ml_ints(e, "nodes_truenodeids", &n, false) : NULL;
  const int64_t *no = yes ? ml_ints(e, "nodes_falsenodeids", &n, false) : NULL;
  const int64_t *yes_leaf = no ? ml_ints(e, "nodes_trueleafs", &n, false) : NULL;
  const int64_t *no_leaf = yes_leaf ? ml_ints(e, "nodes_falseleafs", &n, false) : NULL;
  const int64_t *ids = no_leaf ? ml_ints(e, "leaf_targetids", &leaves, true) : NULL;
  const int64_t *roots = ids ? ml_ints(e, "tree_roots", &t->root_count, true) : NULL;
  if (!roots) return false;
  const int64_t *track = node_ints(e->node, "nodes_missing_value_tracks_true", &tracks);
  const double *split = ml_reals(e, NULL, "nodes_splits", &splits);
  const double *weight = ml_reals(e, NULL, "leaf_weights", &weights);
  const Attr *mode = node_attr(e->node, "nodes_modes");
  if (!mode || mode->type != ATTR_TENSOR || mode->t->type != DT_U8 || (size_t)tensor_count(mode->t) != n)
    return node_error(model, e->node, "'nodes_modes' must be %zu numbers of uint8", n);
  if (splits != n) return node_error(model, e->node, "'nodes_splits' has %zu numbers; %zu are needed", splits, n);
  if (weights != leaves)
    return node_error(model, e->node, "'leaf_weights' has %zu numbers; %zu are needed", weights, leaves);
  int64_t feature_count = ml_features(e);
  if (feature_count < 0) return false;
  Arena *arena = model->arena;
  bool *member = NEW_ARRAY(arena, bool, n);
  for (size_t i = 0; i < n; i++) {
    int64_t which = tensor_int(mode->t, (int64_t)i), ways[2] = {yes[i], no[i]}, is_leaf[2] = {yes_leaf[i], no_leaf[i]};
    if (which > MEMBER) return node_error(model, e->node, "'nodes_modes' has %lld", (long long)which);
    if (features[i] < 0 || features[i] >= feature_count)
      return node_error(model, e->node, "node %zu asks for feature %lld of %lld", i, (long long)features[i],
                        (long long)feature_count);
    for (int k = 0; k < 2; k++) {
      if (ways[k] < 0 || ways[k] >= (int64_t)(is_leaf[k] ? leaves : n))
        return node_error(model, e->node, "node %zu leads to %s %lld of %zu", i, is_leaf[k] ? "leaf" : "node",
                          (long long)ways[k], is_leaf[k] ? leaves : n);
      if (is_leaf[k]) ways[k] += (int64_t)n;
    }
    member[i] = which == MEMBER;
    Branch node = {.id = (int64_t)i, .feature = features[i], .value = split[i], .yes = ways[0], .no = ways[1]};
    if (!member[i]) node.how = tree_outcomes(modes[which], split[i], i < tracks && track[i] == 1);
    if (isnan(node.value)) node.value = 0;
    APPEND(arena, t->nodes, t->count, node);
  }
  t->leaf_starts = NEW_ARRAY(arena, int64_t, leaves + 1);
  for (size_t i = 0; i < leaves; i++) {
    if (ids[i] < 0 || ids[i] >= targets)
      return node_error(model, e->node, "'leaf_targetids' has %lld; there are %lld", (long long)ids[i],
                        (long long)targets);
    t->leaf_starts[i + 1] = (int64_t)i + 1;
    Branch leaf = {.id = (int64_t)i, .yes = -1, .no = -1, .leaf = (int64_t)i};
    APPEND(arena, t->nodes, t->count, leaf);
  }
  t->ids = (int64_t *)ids, t->weights = (double *)weight, t->entries = (int64_t)leaves;
  t->roots = NEW_ARRAY(arena, int64_t, t->root_count);
  for (size_t i = 0; i < t->root_count; i++) {
    if (roots[i] < 0 || roots[i] >= (int64_t)n)
      return node_error(model, e->node, "'tree_roots' has %lld; there are %zu nodes", (long long)roots[i], n);
    t->roots[i] = roots[i];
  }
  for (size_t i = 0; i < t->root_count; i++) // names for messages
    t->nodes[t->roots[i]].tree = (int64_t)i;
  return add_sets(e, t, member, n, track, tracks);
}

bool expand_tree_ensemble(Expansion *e, Node *node) {
  Ensemble t = {0};
  TreeOptions options = {0};
  int64_t aggregate = node_int(node, "aggregate_function", TREE_SUM);
  int64_t transform = node_int(node, "post_transform", SCORES_NONE);
  if (aggregate < TREE_AVERAGE || aggregate > TREE_MAX)
    return node_error(e->model, node, "'aggregate_function' is %lld", (long long)aggregate);
  if (transform < SCORES_NONE || transform > SCORES_PROBIT)
    return node_error(e->model, node, "'post_transform' is %lld", (long long)transform);
  options.aggregate = (int)aggregate;
  return tree_targets(e, &options.targets) && read_ensemble(e, &t, options.targets) &&
         tree_regress(e, &t, options, (int)transform);
}
