// Classical models: what the families share, and the rows' types and shapes.
#include "compiler/ops/ml.h"
#include "templates/ml.h"

#include <assert.h>
#include <string.h>

/* making nodes */

Value *ml_new(Expand *e, const char *domain, const char *type, Value *const *in, size_t in_count) {
  Value *out = value_new_typed(e->graph, e->node->out[0] ? e->node->out[0]->name : type, DT_UNDEFINED, -1, NULL);
  return node_new(e->graph, e->node, domain, type, in, in_count, &out, 1)->out[0];
}

Value *ml_op(Expand *e, const char *type, Value *a, Value *b) {
  return ml_new(e, "", type, (Value *[]){a, b}, b ? 2 : 1);
}

Value *ml_second(Expand *e, Value *first) {
  Node *node = first->producer;
  Value *out = value_new_typed(e->graph, first->name, DT_UNDEFINED, -1, NULL);
  out->producer = node;
  APPEND(e->model->arena, node->out, node->out_count, out);
  return out;
}

Value *ml_cast(Expand *e, Value *x, DType type) {
  if (x->type == type) return x;
  Value *out = ml_op(e, "Cast", x, NULL);
  node_set_int(e->model, out->producer, "to", type);
  return out;
}

static Value *new_constant(Expand *e, Tensor tensor) {
  Tensor *copy = NEW(e->model->arena, Tensor);
  *copy = tensor;
  return value_const(e->graph, e->node->out[0] ? e->node->out[0]->name : "constant", copy);
}

Value *ml_constant(Expand *e, DType type, int64_t count, const void *data) {
  int64_t *dims = NEW(e->model->arena, int64_t);
  *dims = count;
  return new_constant(e, (Tensor){.type = type, .rank = 1, .dims = dims, .data = count ? data : NULL});
}

Value *ml_scalar(Expand *e, DType type, double x) { return value_const_float(e->graph, "scalar", type, x); }

Value *ml_reals(Expand *e, DType type, int rank, const int64_t *dims, const double *x) {
  Arena *arena = e->model->arena;
  Tensor tensor = {.type = type, .rank = rank};
  int64_t *copy = NEW_ARRAY(arena, int64_t, (size_t)rank), count = 1;
  for (int i = 0; i < rank; i++) count *= copy[i] = dims[i];
  tensor.dims = copy;
  size_t size = (size_t)dtype_bits(type) / 8;
  char *data = arena_alloc_array(arena, (size_t)count, size);
  for (int64_t i = 0; i < count; i++) {
    uint64_t bits = float_bits(type, x[i]);
    memcpy(data + (size_t)i * size, &bits, size); // little-endian
  }
  tensor.data = count ? data : NULL;
  return new_constant(e, tensor);
}

Value *ml_strings(Expand *e, const char *const *strings, size_t count) {
  int64_t *dims = NEW(e->model->arena, int64_t);
  *dims = (int64_t)count;
  return new_constant(e, (Tensor){.type = DT_STRING, .rank = 1, .dims = dims, .strings = strings});
}

void ml_set(Expand *e, size_t i, Value *value) {
  Value *out = e->node->out[i];
  e->node->out[i] = NULL;
  out->producer = NULL;
  node_new(e->graph, e->node, "", "Identity", &value, 1, &out, 1);
}

/* reading nodes */

Value *ml_rows(Expand *e, bool *wide) {
  Value *x = e->node->in[0];
  bool keep = wide && x->type == DT_F64;
  if (wide) *wide = keep;
  int rank = x->rank;
  x = ml_cast(e, x, keep ? DT_F64 : DT_F32);
  return rank == 1 ? ml_op(e, "Unsqueeze", x, value_const_ints(e->graph, "axes", (int64_t[]){0}, 1)) : x;
}

int64_t ml_features(Expand *e) {
  const Value *x = e->node->in[0];
  Dim features = x->rank ? x->dims[x->rank - 1] : dim_const(1);
  if (dim_is_const(features)) return features.value;
  node_error(e->model, e->node, "the number of features is '%s'; it must be a constant (set it with --shape)",
             dim_text(e->model->dims, features));
  return -1;
}

const double *ml_floats(const Node *node, const char *name, size_t *count) {
  const Attr *attr = node_attr(node, name);
  bool given = attr && attr->type == ATTR_FLOATS && attr->count;
  *count = given ? attr->count : 0;
  return given ? attr->floats : NULL;
}

const char *const *ml_names(const Node *node, const char *name, size_t *count) {
  const Attr *attr = node_attr(node, name);
  bool given = attr && attr->type == ATTR_STRINGS && attr->count;
  *count = given ? attr->count : 0;
  return given ? attr->strings : NULL;
}

/* scores and labels */

int ml_transform(Expand *e) {
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const char *name = node_string(e->node, "post_transform", "NONE");
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(names[i], name)) return (int)i;
  node_error(e->model, e->node, "'post_transform' is '%s'", name);
  return -1;
}

bool ml_labels(Expand *e, const char *ints, const char *strings, Labels *out) {
  size_t count;
  *out = (Labels){.strings = ml_names(e->node, strings, &out->count)};
  const int64_t *numbers = node_ints(e->node, ints, &count);
  if (out->strings && count) return node_error(e->model, e->node, "both '%s' and '%s' are given", ints, strings);
  if (!out->strings) out->ints = numbers, out->count = count;
  if (!out->count) return node_error(e->model, e->node, "neither '%s' nor '%s' is given", ints, strings);
  return true;
}

void ml_set_labels(Expand *e, size_t output, const Labels *labels, Value *numbers) {
  bool same = !labels->strings;
  for (size_t i = 0; same && i < labels->count; i++) same = labels->ints[i] == (int64_t)i;
  if (same) {
    ml_set(e, output, numbers);
    return;
  }
  Value *table = labels->strings ? ml_strings(e, labels->strings, labels->count)
                                 : value_const_ints(e->graph, "labels", labels->ints, (int64_t)labels->count);
  ml_set(e, output, ml_op(e, "Gather", table, numbers));
}

Value *ml_scores(Expand *e, Value *raw, const ScoreRule *rule) {
  Value *out = ml_new(e, "ingot", "Scores", (Value *[]){raw, rule->base, rule->seen}, 3);
  node_set_int(e->model, out->producer, "transform", rule->transform);
  node_set_int(e->model, out->producer, "second", rule->second);
  node_set_int(e->model, out->producer, "label", rule->label);
  node_set_int(e->model, out->producer, "pick", rule->pick);
  node_set_float(e->model, out->producer, "limit", rule->limit);
  return out;
}

/* types and shapes */

// Rows and scores of a classifier: labels [rows], scores [rows, columns].
static bool set_classifier(Model *model, Node *node, bool strings, int64_t columns) {
  const Value *x = node->in[0];
  if (!need_rank(model, node, 0, 1, 2)) return false;
  Dim dims[2] = {x->rank == 1 ? dim_const(1) : x->dims[0], dim_const(columns)};
  if (node_out(node, 0)) node->out[0]->type = strings ? DT_STRING : DT_I64;
  return set_dims(model, node, 0, 1, dims) && set_dims(model, node, 1, 2, dims);
}

static size_t count_labels(const Node *node, const char *ints, bool *strings) {
  size_t names, numbers;
  *strings = ml_names(node, "classlabels_strings", &names) != NULL;
  node_ints(node, ints, &numbers);
  return *strings ? names : numbers;
}

bool infer_tree_classifier(Model *model, Node *node) {
  bool strings;
  size_t count = count_labels(node, "classlabels_int64s", &strings);
  return set_classifier(model, node, strings, (int64_t)count);
}

bool infer_linear_classifier(Model *model, Node *node) {
  bool strings;
  size_t labels = count_labels(node, "classlabels_ints", &strings), scores;
  ml_floats(node, "intercepts", &scores);
  if (!scores) scores = labels;
  return set_classifier(model, node, strings, scores == 1 && labels == 2 ? 2 : (int64_t)scores);
}

bool infer_svm_classifier(Model *model, Node *node) {
  bool strings;
  size_t count = count_labels(node, "classlabels_ints", &strings), vectors, probabilities;
  if (count > 65535) return node_error(model, node, "%zu classes; at most 65535 are supported", count);
  node_ints(node, "vectors_per_class", &vectors);
  ml_floats(node, "prob_a", &probabilities);
  bool pairs = vectors && !probabilities && count > 2;
  return set_classifier(model, node, strings, (int64_t)(pairs ? count * (count - 1) / 2 : count));
}

// [rows, targets]
static bool set_regressor(Model *model, Node *node, int64_t targets) {
  const Value *x = node->in[0];
  if (!need_rank(model, node, 0, 1, 2)) return false;
  if (targets < 1) return node_error(model, node, "%lld targets", (long long)targets);
  return set_dims(model, node, 0, 2, (Dim[]){x->rank == 1 ? dim_const(1) : x->dims[0], dim_const(targets)});
}

bool infer_tree_regressor(Model *model, Node *node) {
  return set_regressor(model, node, node_int(node, "n_targets", 1));
}
bool infer_linear_regressor(Model *model, Node *node) {
  return set_regressor(model, node, node_int(node, "targets", 1));
}
bool infer_svm_regressor(Model *model, Node *node) { return set_regressor(model, node, 1); }

/* the table */

typedef bool Rule(Expand *e);
Rule expand_tree_classifier, expand_tree_regressor, expand_tree_ensemble;
Rule expand_linear_classifier, expand_linear_regressor, expand_svm_classifier, expand_svm_regressor;
Rule expand_binarizer, expand_imputer, expand_normalizer, expand_scaler, expand_feature_vectorizer;
Rule expand_array_feature_extractor, expand_category_mapper, expand_label_encoder, expand_one_hot_encoder;

static const struct {
  const char *type;
  Rule *rule;
} rules[] = {
    {"ArrayFeatureExtractor", expand_array_feature_extractor},
    {"Binarizer", expand_binarizer},
    {"CategoryMapper", expand_category_mapper},
    {"FeatureVectorizer", expand_feature_vectorizer},
    {"Imputer", expand_imputer},
    {"LabelEncoder", expand_label_encoder},
    {"LinearClassifier", expand_linear_classifier},
    {"LinearRegressor", expand_linear_regressor},
    {"Normalizer", expand_normalizer},
    {"OneHotEncoder", expand_one_hot_encoder},
    {"SVMClassifier", expand_svm_classifier},
    {"SVMRegressor", expand_svm_regressor},
    {"Scaler", expand_scaler},
    {"TreeEnsemble", expand_tree_ensemble},
    {"TreeEnsembleClassifier", expand_tree_classifier},
    {"TreeEnsembleRegressor", expand_tree_regressor},
};

bool ml_expand(Model *model, Graph *graph) {
  int errors = model->diag->errors;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (strcmp(node->domain, "ai.onnx.ml") != 0) continue;
    Expand e = {model, graph, node};
    for (size_t i = 0; i < COUNT(rules); i++) {
      if (strcmp(rules[i].type, node->type) != 0 || !rules[i].rule(&e)) continue;
      node_settle(graph, node);
      break;
    }
  }
  return model->diag->errors == errors;
}

bool lower_expanded(Lower *lower, Node *node) {
  (void)lower, (void)node;
  assert(!"a node of ai.onnx.ml is left");
  return false;
}
