// Operators whose elements follow from their coordinates: Range, EyeLike, Trilu, OneHot, Tile.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/expand.h"
#include "compiler/ops/mapping.h"
#include "templates/status.h"

#include <math.h>
#include <string.h>

static bool need_scalar(Model *model, Node *node, size_t input) {
  const Value *value = node->in[input];
  if (value_is_static(value) && value_count(value) == 1) return true;
  return node_error(model, node, "'%s' must have one element", op_input_name(node->op, input));
}

/* Range */

// ceil((limit - start) / delta), not negative.
static bool count_ints(Model *model, Node *node, Dim *count) {
  Dim x[3];
  for (size_t i = 0; i < 3; i++) {
    int64_t one;
    const Dim *elems = need_elems(model, node, i, &one);
    if (!elems) return false;
    x[i] = *elems;
  }
  if (dim_is(x[2], 0)) return node_error(model, node, "'delta' is 0");
  Dim minus = dim_const(-1), zero = dim_const(0);
  Dim back = dim_op(model->dims, DIM_ADD, x[0], dim_op(model->dims, DIM_MUL, minus, x[1]));
  *count = dim_op(model->dims, DIM_MUL, minus, dim_op(model->dims, DIM_DIV, back, x[2]));
  if (dim_is(x[2], 1)) *count = dim_op(model->dims, DIM_MUL, minus, back);
  if (dim_may_be_negative(*count)) *count = dim_max(*count, zero);
  *count = dim_define(model->dims, "count", *count);
  if (!dim_is_const(*count) || count->value > INT16_MAX) return true;
  Dim *elems = NEW_ARRAY(model->arena, Dim, (size_t)count->value + 1);
  for (int64_t i = 0; i < count->value; i++)
    elems[i] = dim_op(model->dims, DIM_ADD, x[0], dim_op(model->dims, DIM_MUL, x[2], dim_const(i)));
  node->out[0]->elems = elems;
  return true;
}

static bool count_floats(Model *model, Node *node, Dim *count) {
  for (size_t i = 0; i < 3; i++) {
    if (node->in[i]->data) continue;
    if (want_constant(model, node->in[i])) return false;
    return *count = dim_new_symbol(model->dims, "count"), true;
  }
  double start = tensor_float(node->in[0]->data, 0), limit = tensor_float(node->in[1]->data, 0);
  double delta = tensor_float(node->in[2]->data, 0), length = limit - start;
  if (node->in[0]->type != DT_F64) length = (float)length;
  double n = ceil(length / delta);
  if (isnan(n) || n > 1e15) return node_error(model, node, "the range has no end");
  return *count = dim_const(n > 0 ? (int64_t)n : 0), true;
}

bool infer_range(Model *model, Node *node) {
  Dim count;
  for (size_t i = 0; i < 3; i++)
    if (!need_scalar(model, node, i)) return false;
  return (dtype_is_float(node->in[0]->type) ? count_floats(model, node, &count) : count_ints(model, node, &count)) &&
         set_dims(model, node, 0, 1, &count);
}

bool lower_range(Lower *lower, Node *node) {
  DType type = node->in[0]->type;
  Dim n = node->out[0]->dims[0];
  if (dtype_is_float(type) && !dim_is_const(n)) {
    Program *program = lower->program;
    Step *step = lower_step(lower, "range_count");
    step_int(program, step, dtype_unit(type));
    for (size_t i = 0; i < 3; i++) {
      View view = lower_in(lower, node->in[i]);
      step_view(lower, step, &view);
    }
    step_slot(lower, step, n);
  } else if (!dtype_is_float(type)) {
    int64_t one;
    const Dim *delta = known_elems(lower->model, node->in[2], &one);
    if (delta) lower_check(lower, dim_times(dim_equals(*delta, dim_const(0)), -1), STATUS_DIVIDE);
  }
  View out = lower_out(lower, node->out[0]);
  Mapping m = map_over(lower, &out);
  const Expr *steps = map_op(&m, EX_MUL, map_cast(&m, type, map_coord(&m, 0)), map_scalar(&m, node->in[2]));
  return map_done(&m, map_op(&m, EX_ADD, map_scalar(&m, node->in[0]), steps));
}

/* EyeLike, Trilu */

bool infer_eye_like(Model *model, Node *node) {
  int64_t type = node_int(node, "dtype", node->in[0]->type);
  if (type <= 0 || type >= DT_COUNT || dtype_bits((DType)type) < 8 || type == DT_C64 || type == DT_C128)
    return node_error(model, node, "attribute 'dtype' names no element type that is supported");
  node->out[0]->type = (DType)type;
  return need_rank(model, node, 0, 2, 2) && infer_same(model, node);
}

bool lower_eye_like(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  Mapping m = map_over(lower, &out);
  const Expr *diagonal = map_op(&m, EX_SUB, map_coord(&m, 1), map_coord(&m, 0));
  const Expr *on = map_op(&m, EX_EQ, diagonal, map_int(&m, node_int(node, "k", 0)));
  return map_done(&m, map_choose(&m, on, map_value(&m, 1), map_value(&m, 0)));
}

bool infer_trilu(Model *model, Node *node) {
  if (node_in(node, 1) && !need_scalar(model, node, 1)) return false;
  return need_rank(model, node, 0, 2, MAX_RANK) && infer_same(model, node);
}

bool lower_trilu(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  int rank = out.rank;
  Dim dims[3] = {dims_product(out.dims, 0, rank - 2), out.dims[rank - 2], out.dims[rank - 1]};
  View to = view_shaped(&out, 3, dims), from = lower_shaped(lower, node->in[0], 3, dims);
  Mapping m = map_over(lower, &to);
  const Expr *diagonal = map_op(&m, EX_SUB, map_coord(&m, 2), map_coord(&m, 1));
  const Expr *k = node_in(node, 1) ? map_scalar(&m, node->in[1]) : map_int(&m, 0);
  bool upper = node_int(node, "upper", 1) != 0;
  const Expr *kept = upper ? map_op(&m, EX_LE, k, diagonal) : map_op(&m, EX_LE, diagonal, k);
  return map_done(&m, map_choose(&m, kept, map_load(&m, &from), map_value(&m, 0)));
}

/* OneHot */

// A depth that is no integer is rounded down to one.
bool expand_one_hot(Expansion *e, Node *node) {
  if (!dtype_is_float(node->in[1]->type)) return true;
  Value *depth = expand_cast(e, node->in[1], DT_I64);
  return expand_done(e, 0, with_same(e, MAKE(e, "OneHot", node->in[0], depth, node->in[2]), "axis"));
}

bool infer_one_hot(Model *model, Node *node) {
  const Value *indices = node->in[0], *values = node->in[2];
  int64_t one;
  int axis;
  Dim dims[MAX_RANK + 1];
  if (indices->rank == MAX_RANK) return node_error(model, node, "rank %d is too high", indices->rank);
  if (!need_axis(model, node, node_int(node, "axis", -1), indices->rank + 1, &axis)) return false;
  if (!need_scalar(model, node, 1)) return false;
  if (!value_is_static(values) || value_count(values) != 2)
    return node_error(model, node, "'values' must have two elements");
  const Dim *depth = need_elems(model, node, 1, &one);
  if (!depth) return false;
  for (int i = 0, from = 0; i <= indices->rank; i++) dims[i] = i == axis ? *depth : indices->dims[from++];
  return set_dims(model, node, 0, indices->rank + 1, dims);
}

// Where the index is the coordinate: values[1], else values[0]. From opset 11 on indices may count from the end.
bool lower_one_hot(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]), values = lower_dense(lower, node->in[2]);
  Dim dims[3], flat[3];
  group_axis(out.dims, out.rank, node_axis(node, "axis", -1, out.rank), dims);
  memcpy(flat, dims, sizeof flat);
  flat[1] = dim_const(1);
  View to = view_shaped(&out, 3, dims), indices = lower_shaped(lower, node->in[0], 3, flat), off = values, on = values;
  off.rank = on.rank = 0;
  on.offset = dim_plus(on.offset, 1);
  Mapping m = map_over(lower, &to);
  const Expr *index = map_cast(&m, DT_I64, map_load(&m, &indices));
  if (node->op->since >= 11) index = map_wrap(&m, index, dims[1]);
  const Expr *hit = map_op(&m, EX_EQ, index, map_coord(&m, 1));
  return map_done(&m, map_choose(&m, hit, map_load(&m, &on), map_load(&m, &off)));
}

/* Tile */

// How often each axis is repeated: from the input `repeats`, or, in opset 1, from one number and its axis.
static bool read_repeats(Model *model, Node *node, Dim *repeats) {
  const Value *in = node->in[0];
  int64_t count;
  for (int i = 0; i < in->rank; i++) repeats[i] = dim_const(1);
  if (node->op->since < 6) {
    const Value *tiles = node->in[1], *axis = node->in[2];
    int at;
    if (!tiles->data || !axis->data || value_count(tiles) != 1 || value_count(axis) != 1)
      return node_error(model, node, "'tiles' and 'axis' must be constants of one element");
    if (!need_axis(model, node, (int64_t)tensor_float(axis->data, 0), in->rank, &at)) return false;
    repeats[at] = dim_const((int64_t)tensor_float(tiles->data, 0));
    return true;
  }
  const Dim *given = need_elems(model, node, 1, &count);
  if (!given) return false;
  if (count != in->rank)
    return node_error(model, node, "'repeats' has %lld numbers for rank %d", (long long)count, in->rank);
  if (count) memcpy(repeats, given, (size_t)count * sizeof *given);
  return true;
}

bool infer_tile(Model *model, Node *node) {
  Dim repeats[MAX_RANK], dims[MAX_RANK];
  const Value *in = node->in[0];
  if (!read_repeats(model, node, repeats)) return false;
  for (int i = 0; i < in->rank; i++) dims[i] = dim_op(model->dims, DIM_MUL, in->dims[i], repeats[i]);
  if (!set_dims(model, node, 0, in->rank, dims)) return false;
  int64_t count;
  const Dim *elems = known_elems(model, node->in[0], &count);
  if (!elems || in->rank != 1 || !dim_is_const(dims[0]) || dims[0].value > INT16_MAX) return true;
  node->out[0]->elems = NEW_ARRAY(model->arena, Dim, (size_t)dims[0].value + 1);
  for (int64_t i = 0; i < dims[0].value; i++) node->out[0]->elems[i] = elems[i % count];
  return true;
}

// One axis after another, the last first: [outer, n * inner] becomes [outer, times, n * inner]. An axis of one element
// is a view.
bool lower_tile(Lower *lower, Node *node) {
  Dim repeats[MAX_RANK] = {0};
  Value *out = node->out[0];
  if (!read_repeats(lower->model, node, repeats)) return false;
  View view = lower_in(lower, node->in[0]);
  for (int i = 0; i < out->rank; i++) lower_check(lower, repeats[i], STATUS_SHAPE);
  if (value_is_empty(out)) return lower_out(lower, out), true;
  for (int i = view.rank - 1; i >= 0; i--) {
    if (dim_is(repeats[i], 1)) continue;
    Dim dims[MAX_RANK], groups[3] = {dims_product(view.dims, 0, i), repeats[i], dims_product(view.dims, i, view.rank)};
    memcpy(dims, view.dims, sizeof dims);
    dims[i] = dim_mul(view.dims[i], repeats[i]);
    if (dim_is(view.dims[i], 1)) {
      view = view_broadcast(&view, view.rank, dims);
      continue;
    }
    view = lower_dense_view(lower, &view, out->name);
    Dim once[3] = {groups[0], dim_const(1), groups[2]};
    View next = lower_scratch(lower, view.type, view.rank, dims), to = view_shaped(&next, 3, groups);
    View from = view_shaped(&view, 3, once);
    if (!lower_copy(lower, &to, &from)) return false;
    view = next;
  }
  lower_alias(lower, out, &view);
  return true;
}
