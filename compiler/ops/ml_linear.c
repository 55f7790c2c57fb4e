// LinearRegressor and LinearClassifier: a product with the transposed coefficients and what is made of its scores.
#include "compiler/ops/ml.h"
#include "templates/ml.h"

// x · coefficientsᵀ + intercepts as [rows, targets]; NULL after an error.
static Value *multiply(Expansion *e, int64_t targets) {
  size_t count, intercepts;
  const double *coefficients = ml_floats(e->node, "coefficients", &count);
  const double *intercept = ml_floats(e->node, "intercepts", &intercepts);
  int64_t features = ml_features(e), needed = 0;
  if (features < 0) return NULL;
  if (!mul_size(targets, features, &needed) || (size_t)needed > count || count % (size_t)targets) {
    node_error(e->model, e->node, "'coefficients' has %zu numbers; %lld targets of %lld features need %lld", count,
               (long long)targets, (long long)features, (long long)needed);
    return NULL;
  }
  if ((size_t)needed < count) // models whose input is declared too narrow: ONNX Runtime runs them like that
    diag_warning(e->model->diag, e->model->file,
                 "%s has %zu coefficients; with %lld targets and the %lld features of its input the first %lld count",
                 e->node->loc.op, count, (long long)targets, (long long)features, (long long)needed);
  if (intercepts && intercepts != (size_t)targets) {
    node_error(e->model, e->node, "%zu intercepts for %lld targets", intercepts, (long long)targets);
    return NULL;
  }
  Value *x = ml_rows(e, NULL);
  if (!x) return NULL;
  Value *in[] = {x, expand_tensor(e, DT_F32, 2, (int64_t[]){targets, features}, coefficients),
                 intercept ? expand_tensor(e, DT_F32, 1, &targets, intercept) : NULL};
  return with_int(expand_make(e, "Gemm", COUNT(in), in), "transB", 1);
}

bool expand_linear_regressor(Expansion *e, Node *node) {
  int transform = ml_transform(e);
  int64_t targets = node_int(node, "targets", 1);
  if (targets < 1 || targets > INT32_MAX) return node_error(e->model, node, "'targets' is %lld", (long long)targets);
  Value *out = transform < 0 ? NULL : multiply(e, targets);
  if (!out) return false;
  if (transform != SCORES_NONE && (targets > 1 || transform == SCORES_PROBIT))
    out = ml_scores(e, out, &(ScoreRule){.transform = transform});
  return expand_done(e, 0, out);
}

bool expand_linear_classifier(Expansion *e, Node *node) {
  Labels labels;
  size_t count;
  ScoreRule rule = {.transform = ml_transform(e), .label = LABEL_LARGEST};
  if (rule.transform < 0 || !ml_labels(e, "classlabels_ints", "classlabels_strings", &labels)) return false;
  ml_floats(node, "intercepts", &count);
  if (!count) count = labels.count;
  if (count == 1) {
    rule.label = LABEL_OVER;
    rule.second = SECOND_COMPLEMENT;
  }
  if (labels.count != (count == 1 ? 2 : count))
    return node_error(e->model, node, "%zu labels for %zu scores", labels.count, count);
  Value *raw = multiply(e, (int64_t)count);
  if (!raw) return false;
  Value *scores = ml_scores(e, raw, &rule);
  ml_set_labels(e, &labels, more_results(e, scores, 1));
  return expand_done(e, 1, scores);
}
