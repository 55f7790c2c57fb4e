// Pools: windows over channels-last images. Global pools are reductions over all pixels.
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/window.h"

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
  if (indices && indices->use_count + indices->is_output > 0)
    return node_error(model, node, "output 'Indices' is not supported");
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

static bool lower_pool(Lower *lower, Node *node, const char *kernel, bool mean) {
  Window w;
  if (!read_window(lower->model, node, node->in[0]->rank - 2, NULL, &w)) return false;
  if (w.rank > 2) return lower_error(lower, "pools of %d spatial dims are not supported yet", w.rank);
  View x = lower_in(lower, node->in[0]);
  if (!dim_is(x.strides[1], 1)) x = lower_channels_last(lower, node->in[0]);
  View y = lower_out_channels_last(lower, node->out[0]);
  if (view_is_empty(&y)) return true;
  settle_pads(&w, &x, &y);
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
