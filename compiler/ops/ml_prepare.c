// Preparing features: Binarizer, Imputer, Normalizer, Scaler, FeatureVectorizer, ArrayFeatureExtractor.
#include "compiler/ops/ml.h"

#include <math.h>
#include <string.h>

static Value *choose(Expand *e, Value *condition, Value *yes, Value *no) {
  return ml_new(e, "", "Where", (Value *[]){condition, yes, no}, 3);
}

// Integers are compared as floats: a threshold need not be whole.
bool expand_binarizer(Expand *e) {
  DType type = e->node->in[0]->type, real = type == DT_F64 ? DT_F64 : DT_F32;
  Value *x = ml_cast(e, e->node->in[0], real);
  Value *over = ml_op(e, "Greater", x, ml_scalar(e, real, node_float(e->node, "threshold", 0)));
  ml_set(e, 0, ml_cast(e, over, type));
  return true;
}

// One number for all features or one for each: the length of the last axis.
static bool check_length(Expand *e, const char *name, size_t count) {
  if (count == 1) return true;
  int64_t features = ml_features(e);
  if (features < 0 || (size_t)features == count) return features >= 0;
  return node_error(e->model, e->node, "'%s' has %zu numbers for %lld features", name, count, (long long)features);
}

static Value *new_reals(Expand *e, DType type, const double *x, size_t count) {
  int64_t dim = (int64_t)count;
  return ml_reals(e, type, 1, &dim, x);
}

bool expand_imputer(Expand *e) {
  Value *x = e->node->in[0], *with, *missing;
  size_t ints, floats;
  const int64_t *whole = node_ints(e->node, "imputed_value_int64s", &ints);
  const double *real = ml_floats(e->node, "imputed_value_floats", &floats);
  double replaced = node_float(e->node, "replaced_value_float", 0);
  if (dtype_is_float(x->type)) {
    if (!floats) return node_error(e->model, e->node, "'imputed_value_floats' is missing");
    if (!check_length(e, "imputed_value_floats", floats)) return false;
    with = new_reals(e, x->type, real, floats);
    missing = isnan(replaced) ? ml_op(e, "IsNaN", x, NULL) : ml_op(e, "Equal", x, ml_scalar(e, x->type, replaced));
  } else {
    if (!ints) return node_error(e->model, e->node, "'imputed_value_int64s' is missing");
    if (!check_length(e, "imputed_value_int64s", ints)) return false;
    int64_t old = node_int(e->node, "replaced_value_int64", 0);
    with = ml_cast(e, value_const_ints(e->graph, "imputed", whole, (int64_t)ints), x->type);
    missing = ml_op(e, "Equal", x, ml_cast(e, value_const_ints(e->graph, "replaced", &old, 1), x->type));
  }
  ml_set(e, 0, choose(e, missing, with, x));
  return true;
}

bool expand_scaler(Expand *e) {
  static const double zero = 0, one = 1;
  Value *x = ml_cast(e, e->node->in[0], DT_F32);
  size_t offsets, scales;
  const double *offset = ml_floats(e->node, "offset", &offsets), *scale = ml_floats(e->node, "scale", &scales);
  if (!offset) offset = &zero, offsets = 1;
  if (!scale) scale = &one, scales = 1;
  if (!check_length(e, "offset", offsets) || !check_length(e, "scale", scales)) return false;
  x = ml_op(e, "Sub", x, new_reals(e, DT_F32, offset, offsets));
  ml_set(e, 0, ml_op(e, "Mul", x, new_reals(e, DT_F32, scale, scales)));
  return true;
}

bool infer_normalizer(Model *model, Node *node) { return need_rank(model, node, 0, 1, 2) && infer_same(model, node); }

// x / norm, and x itself where the norm is 0. The norms are those of rows; MAX is the largest number, not magnitude.
bool expand_normalizer(Expand *e) {
  static const struct {
    const char *norm, *reduce;
  } norms[] = {{"MAX", "ReduceMax"}, {"L1", "ReduceL1"}, {"L2", "ReduceL2"}};
  const char *norm = node_string(e->node, "norm", "MAX"), *reduce = NULL;
  for (size_t i = 0; i < COUNT(norms); i++)
    if (!strcmp(norms[i].norm, norm)) reduce = norms[i].reduce;
  if (!reduce) return node_error(e->model, e->node, "'norm' is '%s'", norm);
  Value *x = ml_cast(e, e->node->in[0], DT_F32);
  Value *size = ml_op(e, reduce, x, value_const_ints(e->graph, "axes", (int64_t[]){-1}, 1));
  Value *zero = ml_op(e, "Equal", size, ml_scalar(e, DT_F32, 0));
  ml_set(e, 0, ml_op(e, "Div", x, choose(e, zero, ml_scalar(e, DT_F32, 1), size)));
  return true;
}

/* joining and picking */

// Inputs are [rows, C], or [C] for one row.
bool infer_feature_vectorizer(Model *model, Node *node) {
  size_t count;
  const int64_t *sizes = node_ints(node, "inputdimensions", &count);
  if (count != node->in_count)
    return node_error(model, node, "'inputdimensions' has %zu numbers for %zu inputs", count, node->in_count);
  int64_t columns = 0;
  for (size_t i = 0; i < count; i++) {
    if (!need_rank(model, node, i, 1, 2)) return false;
    if (!add_size(columns, sizes[i], &columns))
      return node_error(model, node, "'inputdimensions' has %lld", (long long)sizes[i]);
  }
  const Value *x = node->in[0];
  return set_dims(model, node, 0, 2, (Dim[]){x->rank == 1 ? dim_const(1) : x->dims[0], dim_const(columns)});
}

bool expand_feature_vectorizer(Expand *e) {
  size_t count;
  const int64_t *sizes = node_ints(e->node, "inputdimensions", &count);
  Value **parts = NEW_ARRAY(e->model->arena, Value *, count),
        *axis = value_const_ints(e->graph, "axis", (int64_t[]){1}, 1);
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    Value *x = e->node->in[i];
    Dim columns = x->dims[x->rank - 1];
    if (!dim_is_const(columns))
      return node_error(e->model, e->node,
                        "input %zu has '%s' columns; their number must be a constant (set it with --shape)", i,
                        dim_text(e->model->dims, columns));
    if (sizes[i] == 0) continue;
    Value *part = ml_cast(e, x, DT_F32);
    if (x->rank == 1) part = ml_op(e, "Unsqueeze", part, value_const_ints(e->graph, "axes", (int64_t[]){0}, 1));
    if (columns.value > sizes[i]) { // what is too long is cut, what is too short filled with zeros
      Value *in[] = {part, value_const_ints(e->graph, "starts", (int64_t[]){0}, 1),
                     value_const_ints(e->graph, "ends", &sizes[i], 1), axis};
      part = ml_new(e, "", "Slice", in, COUNT(in));
    } else if (columns.value < sizes[i]) {
      int64_t pads[] = {0, 0, 0, sizes[i] - columns.value};
      part = ml_op(e, "Pad", part, value_const_ints(e->graph, "pads", pads, 4));
    }
    parts[used++] = part;
  }
  if (!used) return node_error(e->model, e->node, "there are no columns");
  Value *out = ml_new(e, "", "Concat", parts, used);
  node_set_int(e->model, out->producer, "axis", 1);
  ml_set(e, 0, out);
  return true;
}

// Y picks from the last axis of X; a vector counts as one row.
bool infer_array_feature_extractor(Model *model, Node *node) {
  const Value *x = node->in[0], *y = node->in[1];
  if (!need_rank(model, node, 0, 1, MAX_RANK)) return false;
  Dim dims[MAX_RANK], count = dim_const(1);
  int rank = x->rank == 1 ? 2 : x->rank;
  for (int i = 0; i < y->rank; i++) count = dim_op(model->dims, DIM_MUL, count, y->dims[i]);
  for (int i = 0; i < rank - 1; i++) dims[i] = x->rank == 1 ? dim_const(1) : x->dims[i];
  dims[rank - 1] = count;
  node->out[0]->type = x->type;
  return set_dims(model, node, 0, rank, dims);
}

bool expand_array_feature_extractor(Expand *e) {
  Value *x = e->node->in[0], *y = e->node->in[1];
  if (y->rank != 1) y = ml_op(e, "Reshape", y, value_const_ints(e->graph, "dims", (int64_t[]){-1}, 1));
  if (x->rank == 1) x = ml_op(e, "Unsqueeze", x, value_const_ints(e->graph, "axes", (int64_t[]){0}, 1));
  Value *out = ml_op(e, "Gather", x, y);
  node_set_int(e->model, out->producer, "axis", -1);
  ml_set(e, 0, out);
  return true;
}
