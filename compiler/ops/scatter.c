// Elements written to computed places: ScatterElements, Scatter, ScatterND, MaxUnpool. The output starts as a copy of
// what the updates go over.
#include "compiler/ops/mapping.h"
#include "templates/kinds.h"
#include "templates/status.h"

#include <string.h>

// How updates combine with what is there; reports an unknown one.
static bool read_reduction(Model *model, Node *node, int *how) {
  static const struct {
    const char *name;
    int how;
  } reductions[] = {
      {"none", COMBINE_NONE}, {"add", COMBINE_ADD}, {"mul", COMBINE_MUL}, {"max", COMBINE_MAX}, {"min", COMBINE_MIN}};
  const char *name = node_string(node, "reduction", "none");
  DType type = node->in[0]->type;
  bool combines = (dtype_bits(type) >= 8 && type < DT_C64 && type != DT_STRING) || type == DT_BF16;
  for (size_t i = 0; i < COUNT(reductions); i++) {
    if (strcmp(reductions[i].name, name)) continue;
    *how = reductions[i].how;
    if (*how == COMBINE_NONE || combines) return true;
    return node_error(model, node, "'reduction' must be none for elements of type %s", dtype_name(type));
  }
  return node_error(model, node, "'reduction' is '%s'; none, add, mul, max or min is needed", name);
}

/* ScatterElements, Scatter */

bool infer_scatter_elements(Model *model, Node *node) {
  const Value *data = node->in[0], *indices = node->in[1], *updates = node->in[2];
  int axis, how;
  if (indices->rank != data->rank || updates->rank != data->rank)
    return node_error(model, node, "'data', 'indices' and 'updates' differ in rank");
  if (!need_axis(model, node, node_int(node, "axis", 0), data->rank, &axis)) return false;
  for (int i = 0; i < data->rank; i++) {
    Dim have = data->dims[i], want = indices->dims[i], given = updates->dims[i];
    if (dim_is_const(want) && dim_is_const(given) && !dim_equal(want, given))
      return node_error(model, node, "'indices' and 'updates' differ in dim %d", i);
    if (i != axis && dim_is_const(have) && dim_is_const(want) && want.value > have.value)
      return node_error(model, node, "dim %d of 'indices' is %lld, that of 'data' %lld", i, (long long)want.value,
                        (long long)have.value);
  }
  return read_reduction(model, node, &how) && infer_same(model, node);
}

bool lower_scatter_elements(Lower *lower, Node *node) {
  int axis = node_axis(node, "axis", 0, node->in[0]->rank), how;
  if (!read_reduction(lower->model, node, &how)) return false;
  View data = lower_in(lower, node->in[0]), indices = lower_dense(lower, node->in[1]);
  View updates = lower_dense(lower, node->in[2]);
  for (int i = 0; i < data.rank; i++) {
    lower_check_equal(lower, indices.dims[i], updates.dims[i]);
    if (i != axis) lower_check(lower, dim_sub(data.dims[i], indices.dims[i]), STATUS_SHAPE);
  }
  View out = lower_out(lower, node->out[0]);
  if (!lower_copy(lower, &out, &data)) return false;
  if (view_is_empty(&indices)) return true;
  View dims = lower_ints(lower, (size_t)out.rank, indices.dims);
  View strides = lower_ints(lower, (size_t)out.rank, out.strides);
  Program *program = lower->program;
  Step *step = lower_step(lower, "scatter_elements");
  step_int(program, step, out.type);
  step_int(program, step, dtype_unit(out.type));
  step_int(program, step, how);
  step_int(program, step, out.rank);
  step_int(program, step, axis);
  ADD_DIMS(program, step, out.dims[axis]);
  step_view(lower, step, &dims);
  step_view(lower, step, &strides);
  step_view(lower, step, &indices);
  step_int(program, step, dtype_unit(indices.type));
  step_view(lower, step, &updates);
  step_view(lower, step, &out);
  return true;
}

/* ScatterND */

bool infer_scatter_nd(Model *model, Node *node) {
  const Value *data = node->in[0], *indices = node->in[1], *updates = node->in[2];
  int how;
  if (data->rank < 1 || indices->rank < 1) return node_error(model, node, "inputs of rank 0 are not possible");
  Dim last = indices->dims[indices->rank - 1];
  if (!dim_is_const(last)) return node_error(model, node, "the last dim of 'indices' must be known when compiling");
  if (last.value < 0 || last.value > data->rank)
    return node_error(model, node, "the last dim of 'indices' is %lld, 'data' has rank %d", (long long)last.value,
                      data->rank);
  int outer = indices->rank - 1, depth = (int)last.value;
  if (updates->rank != outer + data->rank - depth)
    return node_error(model, node, "'updates' has rank %d, %d is needed", updates->rank, outer + data->rank - depth);
  for (int i = 0; i < updates->rank; i++) {
    Dim want = i < outer ? indices->dims[i] : data->dims[i - outer + depth];
    if (dim_is_const(want) && dim_is_const(updates->dims[i]) && !dim_equal(want, updates->dims[i]))
      return node_error(model, node, "dim %d of 'updates' is %lld, %lld is needed", i,
                        (long long)updates->dims[i].value, (long long)want.value);
  }
  return read_reduction(model, node, &how) && infer_same(model, node);
}

// `updates` over `out`, which holds what they go over.
static void add_scatter_nd(Lower *lower, int how, Dim tuples, int depth, Dim inner, const Dim *sizes,
                           const View *indices, const View *updates, const View *out) {
  View dims = lower_ints(lower, (size_t)depth, sizes);
  Program *program = lower->program;
  Step *step = lower_step(lower, "scatter_nd");
  step_int(program, step, out->type);
  step_int(program, step, dtype_unit(out->type));
  step_int(program, step, how);
  ADD_DIMS(program, step, tuples, dim_const(depth), inner);
  step_view(lower, step, &dims);
  step_view(lower, step, indices);
  step_view(lower, step, updates);
  step_view(lower, step, out);
}

bool lower_scatter_nd(Lower *lower, Node *node) {
  int how;
  if (!read_reduction(lower->model, node, &how)) return false;
  View data = lower_in(lower, node->in[0]), indices = lower_dense(lower, node->in[1]);
  View updates = lower_dense(lower, node->in[2]);
  int outer = indices.rank - 1, depth = (int)indices.dims[outer].value;
  for (int i = 0; i < updates.rank; i++)
    lower_check_equal(lower, updates.dims[i], i < outer ? indices.dims[i] : data.dims[i - outer + depth]);
  View out = lower_out(lower, node->out[0]);
  if (!lower_copy(lower, &out, &data)) return false;
  if (view_is_empty(&updates)) return true;
  add_scatter_nd(lower, how, dims_product(indices.dims, 0, outer), depth, dims_product(out.dims, depth, out.rank),
                 out.dims, &indices, &updates, &out);
  return true;
}

/* MaxUnpool */

// The shape that the indices are meant in.
static bool unpooled_dims(Model *model, Node *node, Dim *dims) {
  const Value *in = node->in[0];
  int spatial = in->rank - 2;
  size_t count, pad_count = 0, stride_count = 0;
  const int64_t *kernel = node_ints(node, "kernel_shape", &count), *pads = node_ints(node, "pads", &pad_count);
  const int64_t *strides = node_ints(node, "strides", &stride_count);
  if (!need_rank(model, node, 0, 3, MAX_RANK) || !need_rank(model, node, 1, in->rank, in->rank)) return false;
  if (!kernel || count != (size_t)spatial || (pads && pad_count != 2 * count) || (strides && stride_count != count))
    return node_error(model, node, "'kernel_shape', 'strides' or 'pads' do not fit to %d spatial dims", spatial);
  dims[0] = in->dims[0], dims[1] = in->dims[1];
  for (int i = 0; i < spatial; i++) {
    int64_t stride = strides ? strides[i] : 1, pad = pads ? pads[i] + pads[spatial + i] : 0;
    if (stride < 1 || stride > INT32_MAX || kernel[i] < 1 || kernel[i] > INT32_MAX || pad < 0 || pad > INT32_MAX)
      return node_error(model, node, "window of spatial dim %d is out of range", i);
    Dim reach = dim_op(model->dims, DIM_MUL, dim_plus(in->dims[2 + i], -1), dim_const(stride));
    dims[2 + i] = dim_op(model->dims, DIM_ADD, reach, dim_const(kernel[i] - pad));
  }
  return true;
}

bool infer_max_unpool(Model *model, Node *node) {
  Dim dims[MAX_RANK] = {0};
  int64_t count;
  if (!unpooled_dims(model, node, dims)) return false;
  if (!node_in(node, 2)) return set_dims(model, node, 0, node->in[0]->rank, dims);
  const Dim *shape = need_elems(model, node, 2, &count);
  if (!shape) return false;
  if (count != node->in[0]->rank)
    return node_error(model, node, "'output_shape' has %lld numbers for rank %d", (long long)count, node->in[0]->rank);
  return set_dims(model, node, 0, (int)count, shape);
}

static bool fill_zero(Lower *lower, const View *out) {
  return lower_map(lower, out, NULL, 0, expr_const(lower->program->exprs, out->type, 0));
}

bool lower_max_unpool(Lower *lower, Node *node) {
  Dim dims[MAX_RANK] = {0};
  if (!unpooled_dims(lower->model, node, dims)) return false;
  View data = lower_dense(lower, node->in[0]), indices = lower_dense(lower, node->in[1]);
  for (int i = 0; i < data.rank; i++) lower_check_equal(lower, data.dims[i], indices.dims[i]);
  View out = lower_out(lower, node->out[0]), inner = out, target = out;
  bool whole = true;
  for (int i = 0; i < out.rank; i++) whole = whole && dim_equal(out.dims[i], dims[i]);
  if (!fill_zero(lower, &out)) return false;
  if (!whole) { // what is missing lies at the end of each axis
    target = lower_scratch(lower, out.type, out.rank, dims);
    if (!fill_zero(lower, &target)) return false;
  }
  Dim all = view_count(&target);
  if (!view_is_empty(&data))
    add_scatter_nd(lower, COMBINE_NONE, view_count(&data), 1, dim_const(1), &all, &indices, &data, &target);
  if (whole) return true;
  for (int i = 0; i < out.rank; i++) {
    lower_check(lower, dim_sub(out.dims[i], dims[i]), STATUS_SHAPE);
    inner.dims[i] = dims[i];
  }
  return lower_copy(lower, &inner, &target);
}
