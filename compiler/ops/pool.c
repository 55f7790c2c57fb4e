// Pools: windows over channels-last images. Global pools are reductions over all pixels.
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/window.h"

#include <string.h>

/* shapes */

bool infer_pool(Model *model, Node *node) {
  const Value *x = node->in[0], *indices = node_out(node, 1);
  Window w;
  if (!need_rank(model, node, 0, 3, MAX_RANK) || !read_window(model, node, x->rank - 2, NULL, &w)) return false;
  for (int i = 0; i < w.rank; i++) {
    int64_t reach = w.dilation[i] * (w.kernel[i] - 1);
    if (w.before[i].value > reach || w.after[i].value > reach)
      return node_error(model, node, "a window could lie in the padding alone: pads must be smaller than the kernel");
  }
  if (!infer_windows(model, node, &w, x->dims[0], x->dims[1])) return false;
  return !indices || set_dims_like(model, node, 1, node->out[0]);
}

bool infer_global_pool(Model *model, Node *node) {
  const Value *x = node->in[0];
  Dim dims[MAX_RANK];
  if (!need_rank(model, node, 0, 3, MAX_RANK)) return false;
  for (int i = 0; i < x->rank; i++) dims[i] = i < 2 ? x->dims[i] : dim_const(1);
  return set_dims(model, node, 0, x->rank, dims);
}

/* lowering */

// The largest element of each window and its place in the input.
static bool lower_pool_indices(Lower *lower, Node *node, Window *w) {
  enum { NUMBERS = 7 }; // of a spatial axis
  View x = lower_dense(lower, node->in[0]), y = lower_out(lower, node->out[0]), at = lower_out(lower, node->out[1]);
  Dim numbers[NUMBERS * MAX_RANK], stride = dim_const(1), strides[MAX_RANK];
  if (view_is_empty(&y)) return true;
  settle_pads(lower, w, &x, &y);
  bool columns = node_int(node, "storage_order", 0) != 0; // the first spatial axis is counted fastest
  for (int i = 0; i < w->rank; i++) {
    int axis = columns ? i : w->rank - 1 - i;
    strides[axis] = stride;
    stride = dim_mul(stride, x.dims[2 + axis]);
  }
  for (int i = 0; i < w->rank; i++) {
    const Dim row[NUMBERS] = {
        x.dims[2 + i], y.dims[2 + i], dim_const(w->kernel[i]), dim_const(w->stride[i]), dim_const(w->dilation[i]),
        w->before[i],  strides[i]};
    memcpy(numbers + NUMBERS * i, row, sizeof row);
  }
  Program *program = lower->program;
  Step *step = lower_step(lower, "maxpool_indices");
  ADD_DIMS(program, step, dim_const(x.type), dim_mul(x.dims[0], x.dims[1]), dim_const(w->rank));
  step_table(lower, step, (size_t)(NUMBERS * w->rank), numbers);
  step_view(lower, step, &x);
  step_view(lower, step, &y);
  step_view(lower, step, &at);
  step->parts = count_parts(view_count(&y), 256);
  return true;
}

static bool lower_pool(Lower *lower, Node *node, const char *kernel, bool mean) {
  Window w;
  if (!read_window(lower->model, node, node->in[0]->rank - 2, NULL, &w)) return false;
  View x = lower_in(lower, node->in[0]);
  if (node_out(node, 1) && node->out[1]->use_count + node->out[1]->is_output > 0)
    return lower_pool_indices(lower, node, &w);
  if (w.rank > 2 || x.type != DT_F32) {
    View out = lower_out(lower, node->out[0]);
    if (view_is_empty(&out)) return true;
    settle_pads(lower, &w, &x, &out);
    return lower_general_pool(lower, &w, mean, node_int(node, "count_include_pad", 0) != 0, &x, &out);
  }
  if (!dim_is(x.strides[1], 1)) x = lower_channels_last(lower, node->in[0]);
  View y = lower_out_channels_last(lower, node->out[0]);
  if (view_is_empty(&y)) return true;
  settle_pads(lower, &w, &x, &y);
  if (!window_to_2d(lower, &w, &x, &y)) return false;
  Program *program = lower->program;
  Step *step = lower_step(lower, kernel);
  ADD_DIMS(program, step, y.dims[0], y.dims[2], y.dims[3], y.dims[1]);
  step_window(program, step, &w);
  ADD_DIMS(program, step, x.dims[2], x.dims[3], w.before[0], w.before[1]);
  // Pixels around the image that the divisor of a mean counts.
  bool counted = node_int(node, "count_include_pad", 0) != 0;
  const Dim around[] = {w.before[0], w.before[1], w.after[0], w.after[1]}, none[COUNT(around)] = {0};
  if (mean) step_dims(program, step, COUNT(around), counted ? around : none);
  step_view(lower, step, &x);
  ADD_DIMS(program, step, x.strides[0], x.strides[2], x.strides[3]);
  View out = view_channels_inside(&y);
  step_store(lower, step, &out);
  step->parts = count_parts(dim_times(view_count(&y), w.kernel[0] * w.kernel[1]), 8192);
  return true;
}
bool lower_average_pool(Lower *lower, Node *node) { return lower_pool(lower, node, "avgpool2d_f32", true); }
bool lower_max_pool(Lower *lower, Node *node) { return lower_pool(lower, node, "maxpool2d_f32", false); }

static bool lower_global(Lower *lower, Node *node, ReduceKind kind, bool mean) {
  View x = lower_in(lower, node->in[0]), y = lower_out(lower, node->out[0]);
  bool reduced[MAX_RANK] = {0};
  for (int i = 2; i < x.rank; i++) reduced[i] = true;
  return lower_plain_reduction(lower, kind, mean, &x, reduced, &y);
}
bool lower_global_average_pool(Lower *lower, Node *node) { return lower_global(lower, node, REDUCE_SUM, true); }
bool lower_global_max_pool(Lower *lower, Node *node) { return lower_global(lower, node, REDUCE_MAX, false); }
