// TreeEnsembleClassifier and TreeEnsembleRegressor: reading and checking their attributes, and what is made of the
// sums.
#include "compiler/ops/ml_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned tree_outcomes(unsigned how, double value, bool missing_tracks_true) {
  if (how == (TREE_LESS | TREE_GREATER)) how |= TREE_NAN; // a NaN differs from everything
  if (isnan(value)) how = how & TREE_NAN ? TREE_LESS | TREE_EQUAL | TREE_GREATER | TREE_NAN : 0;
  return missing_tracks_true ? how | TREE_NAN : how;
}

/* nodes by (tree, node) */

typedef struct {
  int64_t tree, id;
  int64_t index;
} Name;

static int by_name(const void *a, const void *b) {
  const Name *x = a, *y = b;
  if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static bool find_node(const Name *names, size_t count, int64_t tree, int64_t id, int64_t *out) {
  Name key = {tree, id, 0};
  const Name *found = bsearch(&key, names, count, sizeof *names, by_name);
  return found && (*out = found->index, true);
}

static bool read_mode(Expansion *e, const char *mode, unsigned *how) {
  static const struct {
    const char *name;
    unsigned how;
  } modes[] = {{"BRANCH_LEQ", TREE_LESS | TREE_EQUAL},
               {"BRANCH_LT", TREE_LESS},
               {"BRANCH_GTE", TREE_GREATER | TREE_EQUAL},
               {"BRANCH_GT", TREE_GREATER},
               {"BRANCH_EQ", TREE_EQUAL},
               {"BRANCH_NEQ", TREE_LESS | TREE_GREATER}};
  for (size_t i = 0; i < COUNT(modes); i++)
    if (!strcmp(modes[i].name, mode)) return *how = modes[i].how, true;
  return node_error(e->model, e->node, "'nodes_modes' has '%s'", mode);
}

static bool read_nodes(Expansion *e, Ensemble *t, Name **names_out) {
  Model *model = e->model;
  size_t n = 0, values, modes, missing;
  const int64_t *trees = ml_ints(e, "nodes_treeids", &n, true);
  if (!trees) return false;
  const int64_t *ids = ml_ints(e, "nodes_nodeids", &n, false);
  const int64_t *features = ids ? ml_ints(e, "nodes_featureids", &n, false) : NULL;
  const int64_t *yes = features ? ml_ints(e, "nodes_truenodeids", &n, false) : NULL;
  const int64_t *no = yes ? ml_ints(e, "nodes_falsenodeids", &n, false) : NULL;
  if (!no) return false;
  const double *value = ml_reals(e, "nodes_values", "nodes_values_as_tensor", &values);
  const char *const *mode = node_strings(e->node, "nodes_modes", &modes);
  const int64_t *track = node_ints(e->node, "nodes_missing_value_tracks_true", &missing);
  if (values != n) return node_error(model, e->node, "'nodes_values' has %zu numbers; %zu are needed", values, n);
  if (modes != n) return node_error(model, e->node, "'nodes_modes' has %zu names; %zu are needed", modes, n);
  Name *names = NEW_ARRAY(model->arena, Name, n);
  for (size_t i = 0; i < n; i++) names[i] = (Name){trees[i], ids[i], (int64_t)i};
  qsort(names, n, sizeof *names, by_name);
  size_t tree_count = 1;
  for (size_t i = 1; i < n; i++) {
    tree_count += names[i].tree != names[i - 1].tree;
    if (!by_name(&names[i - 1], &names[i]))
      return node_error(model, e->node, "node %lld of tree %lld is there twice", (long long)names[i].id,
                        (long long)names[i].tree);
  }
  int64_t feature_count = ml_features(e);
  if (feature_count < 0) return false;
  t->nodes = NEW_ARRAY(model->arena, Branch, n);
  t->count = n;
  for (size_t i = 0; i < n; i++) {
    Branch *node = &t->nodes[i];
    *node = (Branch){.tree = trees[i], .id = ids[i], .value = value[i], .yes = -1, .no = -1, .leaf = (int64_t)i};
    if (!i || trees[i] != trees[i - 1]) APPEND(model->arena, t->roots, t->root_count, (int64_t)i); // first is the root
    if (!strcmp(mode[i], "LEAF")) continue;
    unsigned how;
    if (!read_mode(e, mode[i], &how)) return false;
    node->how = tree_outcomes(how, value[i], i < missing && track[i] == 1);
    if (isnan(node->value)) node->value = 0;
    node->feature = features[i];
    if (features[i] < 0 || features[i] >= feature_count)
      return node_error(model, e->node, "node %lld of tree %lld asks for feature %lld of %lld", (long long)ids[i],
                        (long long)trees[i], (long long)features[i], (long long)feature_count);
    int64_t ways[2] = {yes[i], no[i]};
    for (int k = 0; k < 2; k++) {
      if (!find_node(names, n, trees[i], ways[k], k ? &node->no : &node->yes))
        return node_error(model, e->node, "node %lld of tree %lld leads to node %lld, which is not there",
                          (long long)ids[i], (long long)trees[i], (long long)ways[k]);
    }
  }
  *names_out = names;
  return t->root_count == tree_count || node_error(model, e->node, "the nodes of a tree do not stand together");
}

// What "class_" or "target_" attributes say of leaves.
typedef struct {
  size_t count;
  const int64_t *ids;
  const double *weights;
} Weights;

static bool read_weights(Expansion *e, Ensemble *t, const char *prefix, int64_t targets, const Name *names,
                         Weights *w) {
  Model *model = e->model;
  Arena *arena = model->arena;
  w->count = 0;
  const int64_t *ids = ml_ints(e, arena_printf(arena, "%s_ids", prefix), &w->count, true);
  const int64_t *trees = ids ? ml_ints(e, arena_printf(arena, "%s_treeids", prefix), &w->count, false) : NULL;
  const int64_t *nodes = trees ? ml_ints(e, arena_printf(arena, "%s_nodeids", prefix), &w->count, false) : NULL;
  if (!nodes) return false;
  size_t count;
  w->ids = ids;
  w->weights = ml_reals(e, arena_printf(arena, "%s_weights", prefix),
                        arena_printf(arena, "%s_weights_as_tensor", prefix), &count);
  if (count != w->count)
    return node_error(model, e->node, "'%s_weights' has %zu numbers; %zu are needed", prefix, count, w->count);
  int64_t *leaf = NEW_ARRAY(arena, int64_t, w->count);
  t->leaf_starts = NEW_ARRAY(arena, int64_t, t->count + 2);
  for (size_t i = 0; i < w->count; i++) {
    if (ids[i] < 0 || ids[i] >= targets)
      return node_error(model, e->node, "'%s_ids' has %lld; there are %lld", prefix, (long long)ids[i],
                        (long long)targets);
    if (!find_node(names, t->count, trees[i], nodes[i], &leaf[i]))
      return node_error(model, e->node, "a weight is for node %lld of tree %lld, which is not there",
                        (long long)nodes[i], (long long)trees[i]);
    if (t->nodes[leaf[i]].yes >= 0)
      leaf[i] = -1; // old converters wrote such; they have no meaning
    else
      t->leaf_starts[leaf[i] + 2]++;
  }
  for (size_t i = 0; i < t->count; i++) {
    if (t->nodes[i].yes < 0 && !t->leaf_starts[i + 2])
      return node_error(model, e->node, "leaf %lld of tree %lld has no weight", (long long)t->nodes[i].id,
                        (long long)t->nodes[i].tree);
    t->leaf_starts[i + 2] += t->leaf_starts[i + 1];
  }
  t->entries = t->leaf_starts[t->count + 1];
  t->ids = NEW_ARRAY(arena, int64_t, (size_t)t->entries);
  t->weights = NEW_ARRAY(arena, double, (size_t)t->entries);
  for (size_t i = 0; i < w->count; i++) {
    if (leaf[i] < 0) continue;
    int64_t at = t->leaf_starts[leaf[i] + 1]++;
    t->ids[at] = ids[i];
    t->weights[at] = w->weights[i];
  }
  return true;
}

/* results */

bool tree_targets(Expansion *e, int64_t *out) {
  *out = node_int(e->node, "n_targets", 1);
  if (*out > 0 && *out <= INT32_MAX) return true;
  return node_error(e->model, e->node, "'n_targets' is %lld", (long long)*out);
}

static bool read_aggregate(Expansion *e, int *out) {
  static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const char *name = node_string(e->node, "aggregate_function", "SUM");
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(names[i], name)) return *out = (int)i, true;
  return node_error(e->model, e->node, "'aggregate_function' is '%s'", name);
}

bool tree_regress(Expansion *e, const Ensemble *t, TreeOptions options, int transform) {
  Value *x = ml_rows(e, &options.wide);
  options.tracked = options.targets > 1 && options.aggregate >= TREE_MIN;
  Value *out = x ? tree_lay_out(e, t, x, &options) : NULL;
  if (!out) return false;
  if (options.tracked) more_results(e, out, 1);
  if (transform != SCORES_NONE && (options.targets > 1 || transform == SCORES_PROBIT)) {
    if (options.wide) out = expand_cast(e, out, DT_F32);
    out = ml_scores(e, out, &(ScoreRule){.transform = transform});
  }
  bool same = !strcmp(e->node->type, "TreeEnsemble"); // the others give float32
  return expand_done(e, 0, expand_cast(e, out, same ? e->node->in[0]->type : DT_F32));
}

bool expand_tree_regressor(Expansion *e, Node *node) {
  Ensemble t = {0};
  Name *names;
  Weights weights;
  TreeOptions options = {.wide = node->in[0]->type == DT_F64};
  int transform = ml_transform(e);
  if (transform < 0 || !tree_targets(e, &options.targets) || !read_aggregate(e, &options.aggregate) ||
      !read_nodes(e, &t, &names) || !read_weights(e, &t, "target", options.targets, names, &weights))
    return false;
  size_t bases;
  const double *base = ml_reals(e, "base_values", "base_values_as_tensor", &bases);
  if (bases && bases != (size_t)options.targets)
    return node_error(e->model, node, "%zu base values for %lld targets", bases, (long long)options.targets);
  if (bases) options.base = expand_tensor(e, options.wide ? DT_F64 : DT_F32, 1, &options.targets, base);
  return tree_regress(e, &t, options, transform);
}

// Two classes of which only one ever gets a weight: a single score stands for both.
static bool one_class_scored(const Weights *w, size_t classes) {
  for (size_t i = 1; i < w->count; i++)
    if (w->ids[i] != w->ids[0]) return false;
  return classes == 2;
}

bool expand_tree_classifier(Expansion *e, Node *node) {
  static const int64_t zero_and_one[] = {0, 1};
  Ensemble t = {0};
  Name *names;
  Weights weights;
  Labels labels;
  ScoreRule rule = {.transform = ml_transform(e), .label = LABEL_LARGEST};
  if (rule.transform < 0 || !ml_labels(e, "classlabels_int64s", "classlabels_strings", &labels)) return false;
  int64_t classes = (int64_t)labels.count;
  if (!read_nodes(e, &t, &names) || !read_weights(e, &t, "class", classes, names, &weights)) return false;
  TreeOptions options = {.targets = classes, .aggregate = TREE_SUM};
  size_t bases;
  const double *given = ml_reals(e, "base_values", "base_values_as_tensor", &bases);
  if (bases && bases != labels.count && !(bases == 1 && classes == 2))
    return node_error(e->model, node, "%zu base values for %zu classes", bases, labels.count);
  double base[2] = {bases ? given[0] : 0, 0};
  if (one_class_scored(&weights, labels.count) || classes == 1) {
    bool positive = classes == 2;
    for (size_t i = 0; i < weights.count; i++) positive = positive && weights.weights[i] >= 0;
    rule.label = LABEL_OVER;
    rule.limit = positive ? 0.5 : 0;
    rule.pick = (int)weights.ids[0];
    if (classes == 2 && rule.pick == 0) {
      rule.second = positive ? SECOND_COMPLEMENT : SECOND_NEGATED;
      options.targets = 1;
    }
    if (classes == 1) labels = (Labels){.count = 2, .ints = zero_and_one};
  }
  if (bases == 2 || (bases == 1 && classes == 2)) {
    if (bases == 2) base[1] = given[1];
    given = base;
  }
  options.tracked = rule.label == LABEL_LARGEST && !bases;
  Value *x = ml_rows(e, &options.wide), *raw = x ? tree_lay_out(e, &t, x, &options) : NULL;
  if (!raw) return false;
  rule.seen = options.tracked ? more_results(e, raw, 1) : NULL;
  rule.base = bases ? expand_tensor(e, DT_F32, 1, &options.targets, given) : NULL;
  Value *scores = ml_scores(e, expand_cast(e, raw, DT_F32), &rule);
  ml_set_labels(e, &labels, more_results(e, scores, 1));
  return expand_done(e, 1, scores);
}
