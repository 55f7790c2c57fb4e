// SVMClassifier and SVMRegressor: kernels of rows and support vectors, then sums of them.
#include "compiler/ops/ml.h"
#include "templates/ml.h"

#include <string.h>

typedef struct {
  const char *kernel;
  double gamma, coef0, degree;
  int64_t vectors, features;
  const double *support; // [vectors][features]
} Machine;

static bool read_machine(Expansion *e, int64_t vectors, Machine *out) {
  static const char *const kernels[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  size_t params, count;
  const double *param = ml_floats(e->node, "kernel_params", &params);
  *out = (Machine){.kernel = node_string(e->node, "kernel_type", "LINEAR"), .vectors = vectors};
  bool known = false;
  for (size_t i = 0; i < COUNT(kernels); i++) known |= !strcmp(kernels[i], out->kernel);
  if (!known) return node_error(e->model, e->node, "'kernel_type' is '%s'", out->kernel);
  if (params && params != 3)
    return node_error(e->model, e->node, "'kernel_params' has %zu numbers; 3 are needed", params);
  if (params) out->gamma = param[0], out->coef0 = param[1], out->degree = param[2];
  if ((out->features = ml_features(e)) < 0) return false;
  out->support = ml_floats(e->node, "support_vectors", &count);
  int64_t needed = 0;
  if (!mul_size(vectors, out->features, &needed) || (size_t)needed != count)
    return node_error(e->model, e->node, "'support_vectors' has %zu numbers; %lld vectors of %lld features need %lld",
                      count, (long long)vectors, (long long)out->features, (long long)needed);
  return true;
}

// a · bᵀ·alpha + c for constants b [rows][k] and c
static Value *multiply(Expansion *e, Value *a, int64_t rows, int64_t k, const double *b, double alpha, double c) {
  Value *in[] = {a, expand_tensor(e, DT_F32, 2, (int64_t[]){rows, k}, b), c != 0 ? expand_scalar(e, DT_F32, c) : NULL};
  return with_float(with_int(expand_make(e, "Gemm", COUNT(in), in), "transB", 1), "alpha", alpha);
}

// The kernel of every row and support vector.
static Value *make_kernels(Expansion *e, Value *x, const Machine *m) {
  if (strcmp(m->kernel, "RBF") != 0) {
    bool linear = !strcmp(m->kernel, "LINEAR");
    Value *out = multiply(e, x, m->vectors, m->features, m->support, linear ? 1 : m->gamma, linear ? 0 : m->coef0);
    if (linear) return out;
    if (!strcmp(m->kernel, "SIGMOID")) return MAKE(e, "Tanh", out);
    return MAKE(e, "Pow", out, expand_scalar(e, DT_F32, m->degree));
  }
  int64_t dims[2] = {m->features, round_up(m->vectors, 16)}; // as templates/ml_svm.h reads them
  double *turned = NEW_ARRAY(e->model->arena, double, (size_t)(dims[0] * dims[1]));
  for (int64_t v = 0; v < m->vectors; v++)
    for (int64_t f = 0; f < m->features; f++) turned[f * dims[1] + v] = m->support[v * m->features + f];
  Value *out = ML_MAKE(e, "RbfKernel", DT_F32, x, expand_tensor(e, DT_F32, 2, dims, turned));
  return with_float(with_int(out, "count", m->vectors), "gamma", m->gamma);
}

bool expand_svm_regressor(Expansion *e, Node *node) {
  Machine m;
  size_t count, rhos;
  const double *coefficients = ml_floats(node, "coefficients", &count), *rho = ml_floats(node, "rho", &rhos);
  int64_t vectors = node_int(node, "n_supports", 0), features = ml_features(e);
  if (features < 0 || ml_transform(e) < 0) return false; // the transform means nothing here
  if (vectors < 0) return node_error(e->model, node, "'n_supports' is %lld", (long long)vectors);
  int64_t terms = vectors ? vectors : features;
  if (count != (size_t)terms || !rhos)
    return node_error(e->model, node, "'coefficients' has %zu numbers and 'rho' %zu; %lld and 1 are needed", count,
                      rhos, (long long)terms);
  if (vectors && !read_machine(e, vectors, &m)) return false;
  Value *x = ml_rows(e, NULL);
  Value *out = multiply(e, vectors ? make_kernels(e, x, &m) : x, 1, terms, coefficients, 1, rho[0]);
  if (node_int(node, "one_class", 0)) {
    Value *over = MAKE(e, "Greater", out, expand_scalar(e, DT_F32, 0));
    out = WHERE(e, over, expand_scalar(e, DT_F32, 1), expand_scalar(e, DT_F32, -1));
  }
  return expand_done(e, 0, out);
}

typedef struct {
  size_t coefficients, rhos, a_count, b_count, class_count;
  const double *coefficient, *rho, *a, *b;
  const int64_t *per_class; // NULL: a linear machine
} Classes;

// One score for each class.
static bool expand_linear(Expansion *e, const Classes *c, const Labels *labels, ScoreRule rule) {
  int64_t classes = (int64_t)labels->count, features = ml_features(e), needed = 0;
  if (features < 0) return false;
  if (!mul_size(classes, features, &needed) || (size_t)needed != c->coefficients)
    return node_error(e->model, e->node, "'coefficients' has %zu numbers; %lld classes of %lld features need %lld",
                      c->coefficients, (long long)classes, (long long)features, (long long)needed);
  bool positive = true;
  for (size_t i = 0; i < c->coefficients; i++) positive = positive && c->coefficient[i] >= 0;
  rule.label = classes != 2 ? LABEL_LARGEST : positive ? LABEL_LARGEST_AT_LEAST : LABEL_LARGEST_OVER;
  rule.limit = positive ? 0.5 : 0;
  Value *raw = multiply(e, ml_rows(e, NULL), classes, features, c->coefficient, 1, c->rho[0]);
  Value *scores = ml_scores(e, raw, &rule);
  ml_set_labels(e, labels, more_results(e, scores, 1));
  return expand_done(e, 1, scores);
}

// A score for each pair of classes, votes for the label, and probabilities where the model has their parameters.
static bool expand_pairs(Expansion *e, const Classes *c, const Labels *labels, ScoreRule rule) {
  Machine m;
  int64_t classes = (int64_t)labels->count, pairs = classes * (classes - 1) / 2, vectors = 0, needed = 0;
  int32_t *starts = NEW_ARRAY(e->model->arena, int32_t, labels->count + 1);
  if (c->class_count != labels->count)
    return node_error(e->model, e->node, "%zu numbers of vectors for %zu classes", c->class_count, labels->count);
  for (size_t i = 0; i < labels->count; i++) {
    if (!add_size(vectors, c->per_class[i], &vectors) || vectors > INT32_MAX)
      return node_error(e->model, e->node, "'vectors_per_class' has %lld", (long long)c->per_class[i]);
    starts[i + 1] = (int32_t)vectors;
  }
  if (!read_machine(e, vectors, &m)) return false;
  if (!mul_size(classes - 1, vectors, &needed) || c->coefficients != (size_t)needed)
    return node_error(e->model, e->node, "'coefficients' has %zu numbers; %lld classes with %lld vectors need %lld",
                      c->coefficients, (long long)classes, (long long)vectors, (long long)needed);
  if (c->rhos < (size_t)pairs || (c->a_count && c->a_count < (size_t)pairs) || c->a_count != c->b_count)
    return node_error(e->model, e->node, "'rho' has %zu, 'prob_a' %zu and 'prob_b' %zu numbers; there are %lld pairs",
                      c->rhos, c->a_count, c->b_count, (long long)pairs);
  Value *in[] = {make_kernels(e, ml_rows(e, NULL), &m), ml_constant(e, DT_I32, classes + 1, starts),
                 expand_tensor(e, DT_F32, 2, (int64_t[]){classes - 1, vectors}, c->coefficient),
                 expand_tensor(e, DT_F32, 1, &pairs, c->rho)};
  Value *scores = ml_make(e, "SvmPairs", DT_F32, COUNT(in), in), *votes = more_results(e, scores, 1);
  if (c->a_count)
    scores = ML_MAKE(e, "SvmProbabilities", DT_F32, scores, expand_tensor(e, DT_F32, 1, &pairs, c->a),
                     expand_tensor(e, DT_F32, 1, &pairs, c->b));
  else if (classes == 2)
    rule.second = rule.transform == SCORES_NONE ? SECOND_NEGATED : SECOND_COMPLEMENT;
  if (rule.transform != SCORES_NONE || rule.second != SECOND_NONE) scores = ml_scores(e, scores, &rule);
  ml_set_labels(e, labels, votes);
  return expand_done(e, 1, scores);
}

bool expand_svm_classifier(Expansion *e, Node *node) {
  Labels labels;
  Classes c = {0};
  ScoreRule rule = {.transform = ml_transform(e)};
  if (rule.transform < 0 || !ml_labels(e, "classlabels_ints", "classlabels_strings", &labels)) return false;
  c.coefficient = ml_floats(node, "coefficients", &c.coefficients);
  c.rho = ml_floats(node, "rho", &c.rhos);
  c.a = ml_floats(node, "prob_a", &c.a_count);
  c.b = ml_floats(node, "prob_b", &c.b_count);
  c.per_class = node_ints(node, "vectors_per_class", &c.class_count);
  if (!c.rhos) return node_error(e->model, node, "'rho' is missing");
  if (!c.class_count) return expand_linear(e, &c, &labels, rule);
  if (labels.count < 2) return node_error(e->model, node, "support vectors for a single class");
  return expand_pairs(e, &c, &labels, rule);
}
