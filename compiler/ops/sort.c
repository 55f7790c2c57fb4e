// Operators about the order of elements: ArgMax, ArgMin, TopK, Unique.
#include "compiler/ops/mapping.h"
#include "templates/status.h"

#include <string.h>

/* ArgMax, ArgMin */

bool infer_arg(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim dims[MAX_RANK];
  int axis, rank = 0;
  if (!need_axis(model, node, node_int(node, "axis", 0), in->rank, &axis)) return false;
  if (dim_is(in->dims[axis], 0)) return node_error(model, node, "axis %d has no elements", axis);
  for (int i = 0; i < in->rank; i++)
    if (i != axis || node_int(node, "keepdims", 1)) dims[rank++] = i == axis ? dim_const(1) : in->dims[i];
  return set_dims(model, node, 0, rank, dims);
}

static bool lower_arg(Lower *lower, Node *node, bool least) {
  View in = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  Dim dims[3];
  group_axis(in.dims, in.rank, node_axis(node, "axis", 0, in.rank), dims);
  lower_check(lower, dim_plus(dims[1], -1), STATUS_SHAPE);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "arg_extreme");
  step_int(program, step, in.type);
  step_int(program, step, least);
  step_int(program, step, node_int(node, "select_last_index", 0) != 0);
  step_dims(program, step, 3, dims);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&in), 4096);
  return true;
}
bool lower_arg_max(Lower *lower, Node *node) { return lower_arg(lower, node, false); }
bool lower_arg_min(Lower *lower, Node *node) { return lower_arg(lower, node, true); }

/* TopK */

// k, from the attribute (opset 1) or the input.
static bool read_k(Model *model, Node *node, Dim *k) {
  int64_t count = 0;
  if (node->in_count > 1) {
    const Dim *elems = need_elems(model, node, 1, &count);
    if (!elems) return false;
    if (count != 1) return node_error(model, node, "'K' must have one element");
    return *k = *elems, true;
  }
  if (!node_attr(node, "k")) return node_error(model, node, "attribute 'k' is missing");
  return *k = dim_const(node_int(node, "k", 0)), true;
}

bool infer_top_k(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim dims[MAX_RANK], k;
  int axis;
  if (!need_axis(model, node, node_int(node, "axis", -1), in->rank, &axis) || !read_k(model, node, &k)) return false;
  memcpy(dims, in->dims, (size_t)in->rank * sizeof *dims);
  if (dim_is_const(k) && (k.value < 0 || (dim_is_const(dims[axis]) && k.value > dims[axis].value)))
    return node_error(model, node, "%lld elements of %s are asked for", (long long)k.value,
                      dim_text(model->dims, dims[axis]));
  dims[axis] = k;
  return set_dims(model, node, 0, in->rank, dims) && set_dims(model, node, 1, in->rank, dims);
}

bool lower_top_k(Lower *lower, Node *node) {
  int axis = node_axis(node, "axis", -1, node->in[0]->rank);
  View in = lower_dense(lower, node->in[0]);
  Dim k, dims[3];
  if (!read_k(lower->model, node, &k)) return false;
  lower_check(lower, dim_sub(in.dims[axis], k), STATUS_SHAPE);
  View values = lower_out(lower, node->out[0]);
  View indices =
      node_out(node, 1) ? lower_out(lower, node->out[1]) : lower_scratch(lower, DT_I64, values.rank, values.dims);
  group_axis(in.dims, in.rank, axis, dims);
  if (view_is_empty(&values)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "top_k");
  step_int(program, step, in.type);
  step_int(program, step, dtype_unit(in.type));
  ADD_DIMS(program, step, dims[0], dims[1], dims[2], k);
  step_int(program, step, node_int(node, "largest", 1) != 0);
  step_view(lower, step, &in);
  step_view(lower, step, &values);
  step_view(lower, step, &indices);
  step->parts = count_parts(view_count(&in), 4096);
  return true;
}

/* Unique */

static int unique_axis(const Node *node) {
  return node_attr(node, "axis") ? node_axis(node, "axis", 0, node->in[0]->rank) : -1;
}

bool infer_unique(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim dims[MAX_RANK], all = dim_const(1);
  int axis = 0, rank = 1;
  bool flat = !node_attr(node, "axis");
  if (!flat && !need_axis(model, node, node_int(node, "axis", 0), in->rank, &axis)) return false;
  if (!flat) {
    rank = in->rank;
    memcpy(dims, in->dims, (size_t)rank * sizeof *dims);
    all = in->dims[axis];
  }
  for (int i = 0; flat && i < in->rank; i++) all = dim_op(model->dims, DIM_MUL, all, in->dims[i]);
  Dim found = dims[axis] = dim_found(model->dims, "unique", all);
  return set_dims(model, node, 0, rank, dims) && set_dims(model, node, 1, 1, &found) &&
         set_dims(model, node, 2, 1, &all) && set_dims(model, node, 3, 1, &found);
}

// The first elements of a vector as an output of the node.
static bool copy_first(Lower *lower, Value *value, const View *from) {
  if (!value) return true;
  View out = lower_out(lower, value), part = *from;
  part.dims[0] = out.dims[0];
  return lower_copy(lower, &out, &part);
}

bool lower_unique(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]);
  int axis = unique_axis(node);
  Dim dims[3] = {dim_const(1), view_count(&in), dim_const(1)}, found = node->out[0]->dims[axis < 0 ? 0 : axis];
  if (axis >= 0) group_axis(in.dims, in.rank, axis, dims);
  Dim twice = dim_times(dims[1], 2);
  View order = lower_scratch(lower, DT_I64, 1, &twice), first = lower_scratch(lower, DT_I64, 1, &dims[1]);
  View counts = lower_scratch(lower, DT_I64, 1, &dims[1]);
  View inverse = node_out(node, 2) ? lower_out(lower, node->out[2]) : lower_scratch(lower, DT_I64, 1, &dims[1]);
  Program *program = lower->program;
  Step *step = lower_step(lower, "unique");
  step_int(program, step, in.type);
  step_dims(program, step, 3, dims);
  step_int(program, step, node_int(node, "sorted", 1) != 0);
  step_view(lower, step, &in);
  step_view(lower, step, &order);
  step_view(lower, step, &first);
  step_view(lower, step, &inverse);
  step_view(lower, step, &counts);
  step_slot(lower, step, found);
  View out = lower_out(lower, node->out[0]);
  step = lower_step(lower, "gather");
  ADD_DIMS(program, step, dims[0], dims[1], found, dim_bytes(in.type, dims[2]));
  step_view(lower, step, &in);
  step_view(lower, step, &first);
  step_int(program, step, 8);
  step_view(lower, step, &out);
  return copy_first(lower, node_out(node, 1), &first) && copy_first(lower, node_out(node, 3), &counts);
}
