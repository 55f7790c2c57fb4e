// Elements picked by computed indices: GatherElements, GatherND, ReverseSequence, TensorScatter. Each is a formula over
// the output's coordinates, so that it fuses with what stands around it.
#include "compiler/ops/mapping.h"
#include "templates/status.h"

#include <string.h>

/* GatherElements */

bool infer_gather_elements(Model *model, Node *node) {
  const Value *data = node->in[0], *indices = node->in[1];
  int axis;
  if (indices->rank != data->rank) return node_error(model, node, "'data' and 'indices' differ in rank");
  if (!need_axis(model, node, node_int(node, "axis", 0), data->rank, &axis)) return false;
  for (int i = 0; i < data->rank; i++) {
    Dim have = data->dims[i], want = indices->dims[i];
    if (i != axis && dim_is_const(have) && dim_is_const(want) && want.value > have.value)
      return node_error(model, node, "dim %d of 'indices' is %lld, that of 'data' %lld", i, (long long)want.value,
                        (long long)have.value);
  }
  return set_dims_like(model, node, 0, indices);
}

bool lower_gather_elements(Lower *lower, Node *node) {
  View data = lower_dense(lower, node->in[0]), indices = lower_in(lower, node->in[1]);
  View out = lower_out(lower, node->out[0]);
  int axis = node_axis(node, "axis", 0, out.rank);
  for (int i = 0; i < out.rank; i++) {
    if (i == axis || dim_equal(data.dims[i], out.dims[i])) continue;
    lower_check(lower, dim_sub(data.dims[i], out.dims[i]), STATUS_SHAPE);
    data.dims[i] = out.dims[i];
  }
  Mapping m = map_over(lower, &out);
  Dim size = data.dims[axis], stride = data.strides[axis];
  const Expr *index = map_wrap(&m, map_load(&m, &indices), size);
  data.dims[axis] = dim_const(1);
  return map_done(&m, map_fetch(&m, &data, 1, &size, &stride, &index));
}

/* GatherND */

// How many leading dims of data the last dim of indices picks from, after the batch dims.
static bool read_depth(Model *model, Node *node, int *batch, int *depth) {
  const Value *data = node->in[0], *indices = node->in[1];
  int64_t dims = node_int(node, "batch_dims", 0);
  if (data->rank < 1 || indices->rank < 1) return node_error(model, node, "inputs of rank 0 are not possible");
  if (dims < 0 || dims >= indices->rank || dims >= data->rank)
    return node_error(model, node, "'batch_dims' is %lld", (long long)dims);
  Dim last = indices->dims[indices->rank - 1];
  if (!dim_is_const(last)) return node_error(model, node, "the last dim of 'indices' must be known when compiling");
  if (last.value < 1 || last.value > data->rank - dims)
    return node_error(model, node, "the last dim of 'indices' is %lld; 1 to %d are possible", (long long)last.value,
                      data->rank - (int)dims);
  *batch = (int)dims, *depth = (int)last.value;
  return true;
}

bool infer_gather_nd(Model *model, Node *node) {
  const Value *data = node->in[0], *indices = node->in[1];
  int batch, depth, rank = 0;
  Dim dims[2 * MAX_RANK];
  if (!read_depth(model, node, &batch, &depth)) return false;
  for (int i = 0; i < batch; i++)
    if (dim_is_const(data->dims[i]) && dim_is_const(indices->dims[i]) && !dim_equal(data->dims[i], indices->dims[i]))
      return node_error(model, node, "'data' and 'indices' differ in batch dim %d", i);
  for (int i = 0; i < indices->rank - 1; i++) dims[rank++] = indices->dims[i];
  for (int i = batch + depth; i < data->rank; i++) dims[rank++] = data->dims[i];
  return set_dims(model, node, 0, rank, dims);
}

// Over [batch, tuples of indices, inner dims].
bool lower_gather_nd(Lower *lower, Node *node) {
  const Value *data = node->in[0], *indices = node->in[1];
  int batch, depth;
  if (!read_depth(lower->model, node, &batch, &depth)) return false;
  for (int i = 0; i < batch; i++) lower_check_equal(lower, data->dims[i], indices->dims[i]);
  Dim batches = dims_product(indices->dims, 0, batch), tuples = dims_product(indices->dims, batch, indices->rank - 1);
  Dim inner = dims_product(data->dims, batch + depth, data->rank);
  View out = lower_out(lower, node->out[0]), to = view_shaped(&out, 3, (Dim[]){batches, tuples, inner});
  if (view_is_empty(&out)) return true;
  // Data as [batch, 1 for the tuples, inner].
  View from = lower_dense(lower, data), picked = {.buffer = from.buffer, .type = from.type, .offset = from.offset};
  View index = lower_shaped(lower, indices, 3, (Dim[]){batches, tuples, dim_const(depth)});
  picked.rank = 3;
  picked.dims[0] = batches, picked.dims[1] = dim_const(1), picked.dims[2] = inner;
  picked.strides[0] = dims_product(data->dims, batch, data->rank), picked.strides[2] = dim_const(1);
  Mapping m = map_over(lower, &to);
  const Expr *at[MAX_RANK];
  Dim dims[MAX_RANK], strides[MAX_RANK];
  for (int i = 0; i < depth; i++) {
    View column = index;
    column.offset = dim_add(index.offset, dim_times(index.strides[2], i));
    column.dims[2] = dim_const(1);
    dims[i] = data->dims[batch + i];
    strides[i] = dims_product(data->dims, batch + i + 1, data->rank);
    at[i] = map_wrap(&m, map_load(&m, &column), dims[i]);
  }
  return map_done(&m, map_fetch(&m, &picked, depth, dims, strides, at));
}

/* ReverseSequence */

bool infer_reverse_sequence(Model *model, Node *node) {
  int64_t time = node_int(node, "time_axis", 0), batch = node_int(node, "batch_axis", 1);
  const Value *in = node->in[0], *lengths = node->in[1];
  if (!need_rank(model, node, 0, 2, MAX_RANK) || !need_rank(model, node, 1, 1, 1)) return false;
  if (time < 0 || time > 1 || batch != 1 - time)
    return node_error(model, node, "'time_axis' and 'batch_axis' must be 0 and 1, or 1 and 0");
  if (dim_is_const(lengths->dims[0]) && dim_is_const(in->dims[batch]) && !dim_equal(lengths->dims[0], in->dims[batch]))
    return node_error(model, node, "'sequence_lens' has %lld numbers for %lld sequences",
                      (long long)lengths->dims[0].value, (long long)in->dims[batch].value);
  return infer_same(model, node);
}

bool lower_reverse_sequence(Lower *lower, Node *node) {
  int time = (int)node_int(node, "time_axis", 0);
  View data = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Dim dims[3] = {out.dims[0], out.dims[1], dims_product(out.dims, 2, out.rank)};
  Dim batches[3] = {dim_const(1), dim_const(1), dim_const(1)};
  batches[1 - time] = node->in[1]->dims[0];
  View to = view_shaped(&out, 3, dims), from = view_shaped(&data, 3, dims);
  View lengths = lower_shaped(lower, node->in[1], 3, batches);
  Dim stride = from.strides[time];
  from.dims[time] = dim_const(1);
  Mapping m = map_over(lower, &to);
  const Expr *at = map_coord(&m, time), *length = map_load(&m, &lengths);
  const Expr *mirrored = map_op(&m, EX_SUB, map_op(&m, EX_SUB, length, map_int(&m, 1)), at);
  at = map_choose(&m, map_op(&m, EX_LT, at, length), mirrored, at);
  return map_done(&m, map_fetch(&m, &from, 1, &dims[time], &stride, &at));
}

/* TensorScatter */

bool infer_tensor_scatter(Model *model, Node *node) {
  const Value *past = node->in[0], *update = node->in[1], *at = node_in(node, 2);
  const char *mode = node_string(node, "mode", "linear");
  int axis;
  if (!need_rank(model, node, 0, 2, MAX_RANK) || !need_rank(model, node, 1, past->rank, past->rank)) return false;
  if (at && !need_rank(model, node, 2, 1, 1)) return false;
  if (!need_axis(model, node, node_int(node, "axis", -2), past->rank, &axis)) return false;
  if (axis == 0) return node_error(model, node, "'axis' must not be the batch axis");
  if (strcmp(mode, "linear") && strcmp(mode, "circular"))
    return node_error(model, node, "'mode' is '%s'; linear and circular are possible", mode);
  for (int i = 0; i < past->rank; i++) {
    Dim have = past->dims[i], more = update->dims[i];
    if (!dim_is_const(have) || !dim_is_const(more) || (i == axis ? more.value <= have.value : dim_equal(have, more)))
      continue;
    return node_error(model, node, "dim %d of 'update' does not fit", i);
  }
  if (at && dim_is_const(at->dims[0]) && dim_is_const(past->dims[0]) && !dim_equal(at->dims[0], past->dims[0]))
    return node_error(model, node, "'write_indices' must have one number for each batch");
  return infer_same(model, node);
}

// Over [batch, outer, sequence, inner]: position s of the cache is position s - start of the update.
bool lower_tensor_scatter(Lower *lower, Node *node) {
  const Value *past = node->in[0], *update = node->in[1], *starts = node_in(node, 2);
  int axis = node_axis(node, "axis", -2, past->rank);
  if (value_is_empty(update)) {
    View same = lower_in(lower, past);
    return lower_alias(lower, node->out[0], &same), true;
  }
  Dim size = past->dims[axis], more = update->dims[axis], one = dim_const(1);
  Dim dims[4] = {past->dims[0], dims_product(past->dims, 1, axis), size,
                 dims_product(past->dims, axis + 1, past->rank)};
  Dim parts[4] = {dims[0], dims[1], more, dims[3]};
  lower_check(lower, dim_sub(size, more), STATUS_SHAPE);
  for (int i = 0; i < past->rank; i++)
    if (i != axis) lower_check_equal(lower, past->dims[i], update->dims[i]);
  View out = lower_out(lower, node->out[0]), to = view_shaped(&out, 4, dims);
  View old = lower_shaped(lower, past, 4, dims), dense = lower_dense(lower, update), from;
  from = view_shaped(&dense, 4, parts);
  Dim stride = from.strides[2];
  from.dims[2] = one;
  Mapping m = map_over(lower, &to);
  const Expr *zero = map_int(&m, 0), *start = zero;
  if (starts) {
    View numbers = lower_shaped(lower, starts, 4, (Dim[]){dims[0], one, one, one});
    start = map_load(&m, &numbers);
  }
  const Expr *length = map_dim(&m, size), *count = map_dim(&m, more), *last, *at;
  at = map_op(&m, EX_SUB, map_coord(&m, 2), start);
  if (!strcmp(node_string(node, "mode", "linear"), "circular")) {
    at = map_choose(&m, map_op(&m, EX_LT, at, zero), map_op(&m, EX_ADD, at, length), at);
    last = map_op(&m, EX_SUB, length, map_int(&m, 1));
  } else {
    last = map_op(&m, EX_SUB, length, count);
  }
  const Expr *valid = map_op(&m, EX_AND, map_op(&m, EX_LE, zero, start), map_op(&m, EX_LE, start, last));
  const Expr *inside = map_op(&m, EX_AND, map_op(&m, EX_LE, zero, at), map_op(&m, EX_LT, at, count));
  at = map_choose(&m, valid, map_choose(&m, inside, at, zero), map_int(&m, -1));
  const Expr *fresh = map_fetch(&m, &from, 1, &more, &stride, &at);
  return map_done(&m, map_choose(&m, inside, fresh, map_load(&m, &old)));
}
