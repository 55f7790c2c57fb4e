// Helpers of the infer rules: broadcasting, axes, and the elements of small integer tensors.
//
// Exporters compute shapes inside the graph (Shape, Gather, Concat, Mul, ...). Such tensors are followed as lists of
// dims beside the ordinary inference, so that a Reshape finds its target without running anything.
#include "compiler/ops/elementwise.h"

#include <stdlib.h>
#include <string.h>

// Far more than machines have, and so little that sums over all values of a model cannot overflow.
static const int64_t MOST_BYTES = INT64_C(1) << 44;

bool set_dims(Model *model, Node *node, size_t output, int rank, const Dim *dims) {
  Value *value = node_out(node, output);
  if (!value) return true;
  if (rank > MAX_RANK) return node_error(model, node, "result has rank %d; at most %d is supported", rank, MAX_RANK);
  int64_t bytes = 16; // of the largest element
  for (int i = 0; i < rank; i++) {
    if (!dim_is_const(dims[i])) continue;
    if (dims[i].value < 0)
      return node_error(model, node, "dim %d of the result would be %lld", i, (long long)dims[i].value);
    if (dims[i].value && (!mul_size(bytes, dims[i].value, &bytes) || bytes > MOST_BYTES))
      return node_error(model, node, "the result would be larger than memory can be");
  }
  value->rank = rank;
  value->dims = NEW_ARRAY(model->arena, Dim, (size_t)rank);
  if (rank) memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
  return true;
}

bool set_dims_like(Model *model, Node *node, size_t output, const Value *like) {
  return set_dims(model, node, output, like->rank, like->dims);
}

static bool broadcast_dim(Dim a, Dim b, Dim *out) {
  if (dim_equal(a, b)) return *out = a, true;
  bool one_a = dim_is_const(a) && a.value == 1, one_b = dim_is_const(b) && b.value == 1;
  if (one_a || one_b) return *out = one_a ? b : a, true;
  if (dim_is_const(a) && dim_is_const(b)) return false;
  if (dim_is_const(a) || dim_is_const(b)) return *out = dim_is_const(a) ? a : b, true; // the symbol is that or 1
  return *out = dim_choose(dim_equals(a, dim_const(1)), b, a), true;
}

bool broadcast_dims(int *rank, Dim *dims, int more, const Dim *with) {
  for (; *rank < more; ++*rank) {
    memmove(dims + 1, dims, (size_t)*rank * sizeof *dims);
    dims[0] = dim_const(1);
  }
  for (int k = 0; k < more; k++) {
    Dim *dim = &dims[*rank - more + k];
    if (!broadcast_dim(*dim, with[k], dim)) return false;
  }
  return true;
}

bool infer_broadcast(Model *model, Node *node) {
  Dim dims[MAX_RANK];
  int rank = 0;
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && !broadcast_dims(&rank, dims, node->in[i]->rank, node->in[i]->dims))
      return node_error(model, node, "shapes cannot be broadcast together");
  return set_dims(model, node, 0, rank, dims);
}

bool infer_same(Model *model, Node *node) {
  for (size_t i = 0; i < node->out_count; i++)
    if (!set_dims_like(model, node, i, node->in[0])) return false;
  return true;
}

/* known elements */

enum { MAX_ELEMS = 4096 }; // more are no shape

const Dim *known_elems(Model *model, Value *value, int64_t *count) {
  if (!value || !value_is_static(value) || dtype_is_float(value->type) || dtype_bits(value->type) < 8) return NULL;
  *count = value_count(value);
  if (*count < 0 || *count > MAX_ELEMS) return NULL;
  if (!value->elems && value->data) {
    value->elems = NEW_ARRAY(model->arena, Dim, (size_t)*count);
    for (int64_t i = 0; i < *count; i++) value->elems[i] = dim_const(tensor_int(value->data, i));
  }
  return value->elems;
}

Tensor *elems_tensor(Model *model, const Value *value) {
  if (!value->elems || !value_is_static(value)) return NULL;
  int64_t count = value_count(value), bytes = dtype_bits(value->type) / 8;
  for (int64_t i = 0; i < count; i++)
    if (!dim_is_const(value->elems[i])) return NULL;
  int64_t *dims = NEW_ARRAY(model->arena, int64_t, (size_t)value->rank);
  for (int i = 0; i < value->rank; i++) dims[i] = value->dims[i].value;
  char *data = NEW_ARRAY(model->arena, char, (size_t)(count * bytes));
  for (int64_t i = 0; i < count; i++) memcpy(data + i * bytes, &value->elems[i].value, (size_t)bytes); // little-endian
  Tensor *tensor = NEW(model->arena, Tensor);
  *tensor = (Tensor){.type = value->type, .rank = value->rank, .dims = dims, .data = count ? data : NULL};
  return tensor;
}

// What only the run can tell becomes symbols, which it leaves in the frame.
static bool measure_elems(Model *model, Value *value, int64_t *count) {
  if (!value || dtype_is_float(value->type) || !value_is_static(value) || dtype_bits(value->type) < 8) return false;
  *count = value_count(value);
  if (*count < 0 || *count > MAX_ELEMS) return false;
  value->measured = true;
  value->elems = NEW_ARRAY(model->arena, Dim, (size_t)*count + 1);
  for (int64_t i = 0; i < *count; i++)
    value->elems[i] = dim_data_symbol(model->dims, arena_printf(model->arena, "%s[%lld]", value->name, (long long)i));
  return true;
}

bool want_constant(Model *model, Value *value) {
  if (!value->from_constants || model->wanted) return false;
  model->wanted = value;
  return true;
}

const Dim *need_elems(Model *model, Node *node, size_t input, int64_t *count) {
  Value *value = node_in(node, input);
  const Dim *elems = known_elems(model, value, count);
  if (elems) return elems;
  if (value && want_constant(model, value)) return NULL;
  if (measure_elems(model, value, count)) return value->elems;
  node_error(model, node, "the number of elements of input '%s' must be known when compiling",
             op_input_name(node->op, input));
  return NULL;
}

const int64_t *need_ints(Model *model, Node *node, size_t input, int64_t *count) {
  const Dim *elems = need_elems(model, node, input, count);
  if (!elems) return NULL;
  int64_t *ints = NEW_ARRAY(model->arena, int64_t, (size_t)*count);
  for (int64_t i = 0; i < *count; i++) {
    if (!dim_is_const(elems[i])) {
      node_error(model, node, "element %lld of input '%s' is '%s'; it must be a constant (set it with --shape)",
                 (long long)i, op_input_name(node->op, input), dim_text(model->dims, elems[i]));
      return NULL;
    }
    ints[i] = elems[i].value;
  }
  return ints;
}

const Dim *attr_dims(Model *model, const Node *node, const char *name, int64_t *count) {
  size_t given = 0;
  const int64_t *ints = node_ints(node, name, &given);
  *count = (int64_t)given;
  if (!ints) return NULL;
  Dim *dims = NEW_ARRAY(model->arena, Dim, given + 1);
  for (size_t i = 0; i < given; i++) dims[i] = dim_const(ints[i]);
  return dims;
}

bool need_axis(Model *model, Node *node, int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank)
    return node_error(model, node, "axis %lld is outside of rank %d", (long long)axis, rank);
  *out = (int)(axis < 0 ? axis + rank : axis);
  return true;
}

bool need_rank(Model *model, Node *node, size_t input, int min, int max) {
  int rank = node->in[input]->rank;
  if (rank >= min && rank <= max) return true;
  if (min == max)
    return node_error(model, node, "input '%s' has rank %d; %d is needed", op_input_name(node->op, input), rank, min);
  return node_error(model, node, "input '%s' has rank %d; %d to %d are possible", op_input_name(node->op, input), rank,
                    min, max);
}

// Evaluates an integer expression over dims; false when an operation has no meaning on symbols.
static bool evaluate(Model *model, const Expr *e, const Dim *x, Dim *out) {
  static const struct {
    ScalarOp scalar;
    DimOp dim;
  } same[] = {{EX_ADD, DIM_ADD}, {EX_MUL, DIM_MUL}, {EX_MIN, DIM_MIN}, {EX_MAX, DIM_MAX}};
  Dim a[3] = {0};
  for (int i = 0; i < scalar_arity(e->op); i++)
    if (!evaluate(model, e->a[i], x, &a[i])) return false;
  if (e->op == EX_LOAD) return *out = x[e->index], true;
  if (e->op == EX_CONST) return *out = dim_const(e->i), true;
  if (e->op == EX_CAST && e->type == DT_BOOL) return *out = dim_const(a[0].value != 0), dim_is_const(a[0]);
  if (e->op == EX_CAST) return *out = a[0], !dtype_is_float(e->type);
  if (e->op == EX_SELECT) return *out = a[0].value ? a[1] : a[2], dim_is_const(a[0]);
  for (size_t i = 0; i < COUNT(same); i++)
    if (same[i].scalar == e->op) return *out = dim_op(model->dims, same[i].dim, a[0], a[1]), true;
  Dim minus = dim_const(-1);
  if (e->op == EX_NEG) return *out = dim_op(model->dims, DIM_MUL, minus, a[0]), true;
  if (e->op == EX_SUB)
    return *out = dim_op(model->dims, DIM_ADD, a[0], dim_op(model->dims, DIM_MUL, minus, a[1])), true;
  if (e->op == EX_EQ && dim_equal(a[0], a[1])) return *out = dim_const(1), true;
  bool binary = scalar_arity(e->op) == 2;
  if (!dim_is_const(a[0]) || (binary && !dim_is_const(a[1]))) {
    // Sizes are not negative, where flooring and truncating agree.
    if (e->op == EX_DIV && dim_is_const(a[1]) && a[1].value > 0)
      return *out = dim_op(model->dims, DIM_DIV, a[0], a[1]), true;
    return false;
  }
  int64_t p = a[0].value, q = binary ? a[1].value : 0;
  switch (e->op) {
  case EX_DIV: return *out = dim_const(q == -1 || q == 0 ? 0 : p / q), q != 0 && q != -1;
  case EX_REM: return *out = dim_const(q == -1 || q == 0 ? 0 : p % q), q != 0;
  case EX_LT: return *out = dim_const(p < q), true;
  case EX_LE: return *out = dim_const(p <= q), true;
  case EX_EQ: return *out = dim_const(p == q), true;
  case EX_AND: return *out = dim_const(p & q), true;
  case EX_OR: return *out = dim_const(p | q), true;
  case EX_NOT: return *out = dim_const(!p), true;
  case EX_ABS: return *out = dim_const(p < 0 ? -p : p), p != INT64_MIN;
  default: return false;
  }
}

// Row-major element of `value` that broadcasts to element i of `out`.
static int64_t broadcast_index(const Value *out, const Value *value, int64_t i) {
  int64_t index = 0, stride = 1;
  for (int k = 1; k <= out->rank; k++) {
    int64_t size = out->dims[out->rank - k].value, at = i % size;
    i /= size;
    if (k > value->rank) continue;
    int64_t own = value->dims[value->rank - k].value;
    if (own != 1) index += at * stride;
    stride *= own;
  }
  return index;
}

void carry_elems(Model *model, Node *node, const Expr *e) {
  Value *out = node->out[0];
  int64_t count, in_count;
  if (!value_is_static(out) || dtype_is_float(out->type) || (count = value_count(out)) < 0 || count > MAX_ELEMS) return;
  if (node->in_count > 8) return;
  const Dim *in[8] = {0};
  for (size_t k = 0; k < node->in_count; k++)
    if (node->in[k] && !(in[k] = known_elems(model, node->in[k], &in_count))) return;
  Dim *elems = NEW_ARRAY(model->arena, Dim, (size_t)count);
  for (int64_t i = 0; i < count; i++) {
    Dim x[8];
    for (size_t k = 0; k < node->in_count; k++)
      if (in[k]) x[k] = in[k][broadcast_index(out, node->in[k], i)];
    if (!evaluate(model, e, x, &elems[i])) return;
  }
  out->elems = elems;
}
