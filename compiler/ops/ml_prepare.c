// Preparing features: Binarizer, Imputer, Normalizer, Scaler, FeatureVectorizer, ArrayFeatureExtractor.
#include "compiler/ops/ml.h"

#include <math.h>
#include <string.h>

// Integers are compared as floats: a threshold need not be whole.
bool expand_binarizer(Expansion *e, Node *node) {
  DType type = node->in[0]->type, real = type == DT_F64 ? DT_F64 : DT_F32;
  Value *x = expand_cast(e, node->in[0], real);
  Value *over = MAKE(e, "Greater", x, expand_scalar(e, real, node_float(node, "threshold", 0)));
  return expand_done(e, 0, expand_cast(e, over, type));
}

// One number for all features or one for each: the length of the last axis.
static bool check_length(Expansion *e, const char *name, size_t count) {
  if (count == 1) return true;
  int64_t features = ml_features(e);
  if (features < 0 || (size_t)features == count) return features >= 0;
  return node_error(e->model, e->node, "'%s' has %zu numbers for %lld features", name, count, (long long)features);
}

static Value *new_reals(Expansion *e, DType type, const double *x, size_t count) {
  int64_t dim = (int64_t)count;
  return expand_tensor(e, type, 1, &dim, x);
}

bool expand_imputer(Expansion *e, Node *node) {
  Value *x = node->in[0], *with, *missing;
  size_t ints, floats;
  const int64_t *whole = node_ints(node, "imputed_value_int64s", &ints);
  const double *real = ml_floats(node, "imputed_value_floats", &floats);
  double replaced = node_float(node, "replaced_value_float", 0);
  if (dtype_is_float(x->type)) {
    if (!floats) return node_error(e->model, node, "'imputed_value_floats' is missing");
    if (!check_length(e, "imputed_value_floats", floats)) return false;
    with = new_reals(e, x->type, real, floats);
    missing = isnan(replaced) ? MAKE(e, "IsNaN", x) : MAKE(e, "Equal", x, expand_scalar(e, x->type, replaced));
  } else {
    if (!ints) return node_error(e->model, node, "'imputed_value_int64s' is missing");
    if (!check_length(e, "imputed_value_int64s", ints)) return false;
    int64_t old = node_int(node, "replaced_value_int64", 0);
    with = expand_cast(e, expand_ints(e, ints, whole), x->type);
    missing = MAKE(e, "Equal", x, expand_cast(e, INT(e, old), x->type));
  }
  return expand_done(e, 0, WHERE(e, missing, with, x));
}

bool expand_scaler(Expansion *e, Node *node) {
  static const double zero = 0, one = 1;
  Value *x = expand_cast(e, node->in[0], DT_F32);
  size_t offsets, scales;
  const double *offset = ml_floats(node, "offset", &offsets), *scale = ml_floats(node, "scale", &scales);
  if (!offset) offset = &zero, offsets = 1;
  if (!scale) scale = &one, scales = 1;
  if (!check_length(e, "offset", offsets) || !check_length(e, "scale", scales)) return false;
  x = MAKE(e, "Sub", x, new_reals(e, DT_F32, offset, offsets));
  return expand_done(e, 0, MAKE(e, "Mul", x, new_reals(e, DT_F32, scale, scales)));
}

// x / norm, and x itself where the norm is 0. The norms are those of rows; MAX is the largest number, not magnitude.
bool expand_normalizer(Expansion *e, Node *node) {
  static const struct {
    const char *norm, *reduce;
  } norms[] = {{"MAX", "ReduceMax"}, {"L1", "ReduceL1"}, {"L2", "ReduceL2"}};
  const char *norm = node_string(node, "norm", "MAX"), *reduce = NULL;
  for (size_t i = 0; i < COUNT(norms); i++)
    if (!strcmp(norms[i].norm, norm)) reduce = norms[i].reduce;
  if (!reduce) return node_error(e->model, node, "'norm' is '%s'", norm);
  if (!need_rank(e->model, node, 0, 1, 2)) return false;
  Value *x = expand_cast(e, node->in[0], DT_F32);
  Value *size = MAKE(e, reduce, x, INT(e, -1));
  Value *zero = MAKE(e, "Equal", size, expand_scalar(e, DT_F32, 0));
  return expand_done(e, 0, MAKE(e, "Div", x, WHERE(e, zero, expand_scalar(e, DT_F32, 1), size)));
}

/* joining and picking */

// Inputs are [rows, C], or [C] for one row. What is longer than it should be is cut, what is shorter filled with zeros.
bool expand_feature_vectorizer(Expansion *e, Node *node) {
  size_t count, used = 0;
  const int64_t *sizes = node_ints(node, "inputdimensions", &count);
  if (count != node->in_count)
    return node_error(e->model, node, "'inputdimensions' has %zu numbers for %zu inputs", count, node->in_count);
  Value **parts = NEW_ARRAY(e->model->arena, Value *, count);
  for (size_t i = 0; i < count; i++) {
    const Value *x = node->in[i];
    int64_t columns;
    if (!need_rank(e->model, node, i, 1, 2) || !expand_const_dim(e, i, x->rank - 1, &columns)) return false;
    if (sizes[i] < 0) return node_error(e->model, node, "'inputdimensions' has %lld", (long long)sizes[i]);
    if (sizes[i] == 0) continue;
    Value *part = expand_cast(e, node->in[i], DT_F32);
    if (x->rank == 1) part = UNSQUEEZE(e, part, 0);
    if (columns > sizes[i]) part = expand_slice(e, part, 1, 0, sizes[i], 1);
    if (columns < sizes[i]) part = MAKE(e, "Pad", part, INTS(e, 0, 0, 0, sizes[i] - columns));
    parts[used++] = part;
  }
  if (!used) return node_error(e->model, node, "there are no columns");
  return expand_done(e, 0, with_int(expand_make(e, "Concat", used, parts), "axis", 1));
}

// Y picks from the last axis of X; a vector counts as one row.
bool expand_array_feature_extractor(Expansion *e, Node *node) {
  Value *x = node->in[0], *y = node->in[1];
  if (!need_rank(e->model, node, 0, 1, MAX_RANK)) return false;
  if (y->rank != 1) y = RESHAPE(e, y, -1);
  if (x->rank == 1) x = UNSQUEEZE(e, x, 0);
  return expand_done(e, 0, GATHER(e, x, y, -1));
}
