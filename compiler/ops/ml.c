// What the families of classical models share: nodes, attributes, scores and labels.
#include "compiler/ops/ml.h"

#include <string.h>

/* nodes */

Value *ml_make(Expansion *e, const char *type, DType result, size_t count, Value *const *in) {
  Value *out = value_new_typed(e->graph, e->node->loc.name, result, -1, NULL);
  Node *node = node_new(e->graph, e->node, "ingot", type, in, count, &out, 1);
  node->loc = e->node->loc; // where the user finds it
  return out;
}

static Value *new_constant(Expansion *e, Tensor tensor) {
  Tensor *copy = NEW(e->model->arena, Tensor);
  *copy = tensor;
  return value_const(e->graph, e->node->loc.name, copy);
}

Value *ml_constant(Expansion *e, DType type, int64_t count, const void *data) {
  int64_t *dims = NEW(e->model->arena, int64_t);
  *dims = count;
  return new_constant(e, (Tensor){.type = type, .rank = 1, .dims = dims, .data = count ? data : NULL});
}

Value *ml_strings(Expansion *e, const char *const *strings, size_t count) {
  int64_t *dims = NEW(e->model->arena, int64_t);
  *dims = (int64_t)count;
  return new_constant(e, (Tensor){.type = DT_STRING, .rank = 1, .dims = dims, .strings = strings});
}

Value *ml_rows(Expansion *e, bool *wide) {
  Value *x = e->node->in[0];
  if (!need_rank(e->model, e->node, 0, 1, 2)) return NULL;
  bool keep = wide && x->type == DT_F64, vector = x->rank == 1;
  if (wide) *wide = keep;
  x = expand_cast(e, x, keep ? DT_F64 : DT_F32);
  return vector ? UNSQUEEZE(e, x, 0) : x;
}

/* attributes */

int64_t ml_features(Expansion *e) {
  int64_t features;
  int rank = e->node->in[0]->rank;
  if (rank == 0) return 1;
  return expand_const_dim(e, 0, rank - 1, &features) ? features : -1;
}

const double *ml_floats(const Node *node, const char *name, size_t *count) {
  const Attr *attr = node_attr(node, name);
  bool given = attr && attr->type == ATTR_FLOATS && attr->count;
  *count = given ? attr->count : 0;
  return given ? attr->floats : NULL;
}

const int64_t *ml_ints(Expansion *e, const char *name, size_t *count, bool any) {
  size_t given;
  const int64_t *ints = node_ints(e->node, name, &given);
  if (given && (any || given == *count)) return *count = given, ints;
  if (!given) {
    node_error(e->model, e->node, "'%s' is missing", name);
    return NULL;
  }
  node_error(e->model, e->node, "'%s' has %zu numbers; %zu are needed", name, given, *count);
  return NULL;
}

const double *ml_reals(Expansion *e, const char *name, const char *tensor_name, size_t *count) {
  const double *floats = name ? ml_floats(e->node, name, count) : NULL;
  const Attr *attr = node_attr(e->node, tensor_name);
  if (floats || !attr || attr->type != ATTR_TENSOR) return *count = floats ? *count : 0, floats;
  const Tensor *tensor = attr->t;
  *count = (size_t)tensor_count(tensor);
  double *reals = NEW_ARRAY(e->model->arena, double, *count);
  for (size_t i = 0; i < *count; i++) reals[i] = tensor_float(tensor, (int64_t)i);
  return reals;
}

/* scores and labels */

int ml_transform(Expansion *e) {
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const char *name = node_string(e->node, "post_transform", "NONE");
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(names[i], name)) return (int)i;
  node_error(e->model, e->node, "'post_transform' is '%s'", name);
  return -1;
}

bool ml_labels(Expansion *e, const char *ints, const char *strings, Labels *out) {
  size_t count;
  *out = (Labels){0};
  out->strings = node_strings(e->node, strings, &out->count);
  const int64_t *numbers = node_ints(e->node, ints, &count);
  if (out->strings && count) return node_error(e->model, e->node, "both '%s' and '%s' are given", ints, strings);
  if (!out->strings) out->ints = numbers, out->count = count;
  if (!out->count) return node_error(e->model, e->node, "neither '%s' nor '%s' is given", ints, strings);
  return true;
}

void ml_set_labels(Expansion *e, const Labels *labels, Value *numbers) {
  bool same = !labels->strings;
  for (size_t i = 0; same && i < labels->count; i++) same = labels->ints[i] == (int64_t)i;
  if (!same)
    numbers = GATHER(e,
                     labels->strings ? ml_strings(e, labels->strings, labels->count)
                                     : expand_ints(e, labels->count, labels->ints),
                     numbers, 0);
  expand_done(e, 0, numbers);
}

Value *ml_scores(Expansion *e, Value *raw, const ScoreRule *rule) {
  Value *out = ML_MAKE(e, "Scores", DT_F32, raw, rule->base, rule->seen);
  with_int(with_int(out, "transform", rule->transform), "second", rule->second);
  with_int(with_int(out, "label", rule->label), "pick", rule->pick);
  return with_float(out, "limit", rule->limit);
}
