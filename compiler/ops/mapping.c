// Elementwise steps put together operand by operand.
#include "compiler/ops/mapping.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

Mapping map_over(Lower *lower, const View *out) {
  return (Mapping){.lower = lower, .exprs = lower->program->exprs, .out = *out};
}

static int add_view(Mapping *m, const View *in) {
  assert(m->count < COUNT(m->ins));
  m->ins[m->count] = *in;
  return (int)m->count++;
}

const Expr *map_load(Mapping *m, const View *in) { return expr_load(m->exprs, in->type, add_view(m, in)); }

const Expr *map_scalar(Mapping *m, const Value *value) {
  if (value->data)
    return dtype_is_float(value->type) ? expr_float(m->exprs, value->type, tensor_float(value->data, 0))
                                       : expr_int(m->exprs, value->type, tensor_int(value->data, 0));
  View view = lower_in(m->lower, value);
  view.rank = 0;
  return map_load(m, &view);
}

const Expr *map_dim(Mapping *m, Dim dim) {
  if (dim_is_const(dim)) return map_int(m, dim.value);
  View view = lower_numbers(m->lower, 1, &dim);
  return map_load(m, &view);
}

const Expr *map_coord(const Mapping *m, int axis) { return expr_coord(m->exprs, COORDS - m->out.rank + axis); }
const Expr *map_int(const Mapping *m, int64_t i) { return expr_int(m->exprs, DT_I64, i); }
const Expr *map_value(const Mapping *m, double x) { return expr_const(m->exprs, m->out.type, x); }
const Expr *map_cast(const Mapping *m, DType type, const Expr *a) { return expr_cast(m->exprs, type, a); }

const Expr *map_choose(const Mapping *m, const Expr *condition, const Expr *a, const Expr *b) {
  return expr_op(m->exprs, EX_SELECT, condition, a, b);
}

const Expr *map_wrap(Mapping *m, const Expr *index, Dim dim) {
  index = map_cast(m, DT_I64, index);
  return map_choose(m, map_op(m, EX_LT, index, map_int(m, 0)), map_op(m, EX_ADD, index, map_dim(m, dim)), index);
}

const Expr *map_fetch(Mapping *m, const View *data, int count, const Dim *dims, const Dim *strides,
                      const Expr *const *index) {
  int load = add_view(m, data);
  if (count == 1 && dim_is(strides[0], 1)) // the bound alone says it
    return expr_fetch(m->exprs, data->type, load, index[0], map_dim(m, dims[0]));
  const Expr *zero = map_int(m, 0), *at = zero, *inside = NULL;
  Dim bound = dim_const(1);
  for (int i = 0; i < count; i++) {
    const Expr *low = map_op(m, EX_LE, zero, index[i]), *high = map_op(m, EX_LT, index[i], map_dim(m, dims[i]));
    const Expr *fits = map_op(m, EX_AND, low, high);
    inside = inside ? map_op(m, EX_AND, inside, fits) : fits;
    at = map_op(m, EX_ADD, at, map_op(m, EX_MUL, index[i], map_dim(m, strides[i])));
    bound = dim_add(bound, dim_mul(dim_plus(dims[i], -1), strides[i]));
  }
  if (inside) at = map_choose(m, inside, at, map_int(m, -1));
  return expr_fetch(m->exprs, data->type, load, at, map_dim(m, bound));
}

bool map_done(Mapping *m, const Expr *value) { return lower_map(m->lower, &m->out, m->ins, m->count, value); }

/* shapes */

View view_shaped(const View *view, int rank, const Dim *dims) {
  View result;
  bool fits = view_reshape(view, rank, dims, &result);
  assert(fits);
  (void)fits;
  return result;
}

View lower_shaped(Lower *lower, const Value *value, int rank, const Dim *dims) {
  View view = lower_in(lower, value), result;
  if (view_reshape(&view, rank, dims, &result)) return result;
  view = lower_dense(lower, value);
  return view_shaped(&view, rank, dims);
}

void group_axis(const Dim *dims, int rank, int axis, Dim groups[3]) {
  groups[0] = dims_product(dims, 0, axis);
  groups[1] = axis < rank ? dims[axis] : dim_const(1);
  groups[2] = dims_product(dims, axis + 1, rank);
}

int node_axis(const Node *node, const char *name, int64_t otherwise, int rank) {
  int64_t axis = node_int(node, name, otherwise);
  return (int)(axis < 0 ? axis + rank : axis);
}

View lower_ints(Lower *lower, size_t count, const Dim *numbers) {
  Arena *arena = lower->program->arena;
  int64_t *ints = NEW_ARRAY(arena, int64_t, count + 1), *dims = NEW(arena, int64_t);
  *dims = (int64_t)count;
  for (size_t i = 0; i < count; i++) {
    if (!dim_is_const(numbers[i])) return lower_numbers(lower, count, numbers);
    ints[i] = numbers[i].value;
  }
  Tensor *tensor = NEW(arena, Tensor);
  *tensor = (Tensor){.type = DT_I64, .rank = 1, .dims = dims, .data = count ? ints : NULL};
  View view = view_of_ints(NULL, DT_I64, 1, dims);
  view.buffer = buffer_new(lower->program, BUFFER_WEIGHT, dim_bytes(DT_I64, view.dims[0]), "sizes");
  view.buffer->tensor = tensor;
  return view;
}
