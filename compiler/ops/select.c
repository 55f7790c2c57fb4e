// Operators that keep what the data choose: NonZero, Compress, NonMaxSuppression. A step counts, the next one fills a
// result of that size.
#include "compiler/ops/mapping.h"
#include "templates/status.h"

// A symbol for how many of the first `count` elements are not zero; a number where they are constant.
static Dim count_chosen(Model *model, const Value *value, Dim count, const char *name) {
  int64_t sum = 0;
  if (!value->data || !dim_is_const(count)) return dim_found(model->dims, name, count);
  for (int64_t i = 0; i < count.value; i++)
    sum += dtype_is_float(value->type) ? tensor_float(value->data, i) != 0 : tensor_int(value->data, i) != 0;
  return dim_const(sum);
}

static void add_count(Lower *lower, const View *view, Dim count, Dim found) {
  if (dim_is_const(found)) return;
  Program *program = lower->program;
  Step *step = lower_step(lower, "count_nonzero");
  step_int(program, step, view->type);
  ADD_DIMS(program, step, count);
  step_view(lower, step, view);
  step_slot(lower, step, found);
}

/* NonZero */

bool infer_nonzero(Model *model, Node *node) {
  Value *in = node->in[0];
  if (!in->data && want_constant(model, in)) return false;
  Dim count = dim_const(1);
  for (int i = 0; i < in->rank; i++) count = dim_op(model->dims, DIM_MUL, count, in->dims[i]);
  Dim dims[2] = {dim_const(in->rank), count_chosen(model, in, count, "nonzero")};
  return set_dims(model, node, 0, 2, dims);
}

bool lower_nonzero(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]);
  Dim count = view_count(&in), found = node->out[0]->dims[1];
  add_count(lower, &in, count, found);
  View out = lower_out(lower, node->out[0]), dims = lower_ints(lower, (size_t)in.rank, in.dims);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "nonzero");
  step_int(program, step, in.type);
  step_int(program, step, in.rank);
  ADD_DIMS(program, step, count, found);
  step_view(lower, step, &dims);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  return true;
}

/* Compress */

static bool is_flat(const Node *node) { return !node_attr(node, "axis"); }

// The condition may be shorter than the axis, and longer: then the rest of it means nothing.
static Dim count_asked(Model *model, const Node *node, int axis) {
  const Value *in = node->in[0], *condition = node->in[1];
  Dim n = dim_const(1);
  for (int i = 0; is_flat(node) && i < in->rank; i++) n = dim_op(model->dims, DIM_MUL, n, in->dims[i]);
  if (!is_flat(node)) n = in->dims[axis];
  return dim_min(n, condition->dims[0]);
}

bool infer_compress(Model *model, Node *node) {
  Value *in = node->in[0], *condition = node->in[1];
  Dim dims[MAX_RANK];
  int axis = 0, rank = is_flat(node) ? 1 : in->rank;
  if (!need_rank(model, node, 1, 1, 1)) return false;
  if (!is_flat(node) && !need_axis(model, node, node_int(node, "axis", 0), in->rank, &axis)) return false;
  if (!condition->data && want_constant(model, condition)) return false;
  for (int i = 0; i < rank && !is_flat(node); i++) dims[i] = in->dims[i];
  dims[axis] = count_chosen(model, condition, count_asked(model, node, axis), "chosen");
  return set_dims(model, node, 0, rank, dims);
}

bool lower_compress(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]), condition = lower_dense(lower, node->in[1]);
  int axis = is_flat(node) ? 0 : node_axis(node, "axis", 0, in.rank);
  Dim dims[3] = {dim_const(1), view_count(&in), dim_const(1)}, found = node->out[0]->dims[axis];
  Dim count = count_asked(lower->model, node, axis);
  if (!is_flat(node)) group_axis(in.dims, in.rank, axis, dims);
  add_count(lower, &condition, count, found);
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "compress");
  ADD_DIMS(program, step, dims[0], dims[1], count, found, dim_bytes(in.type, dims[2]));
  step_view(lower, step, &condition);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&in), 4096);
  return true;
}

/* NonMaxSuppression */

enum { NMS_BOXES, NMS_SCORES, NMS_LIMIT, NMS_OVERLAP, NMS_LEAST };

// For each batch and class no more than there are boxes, and than the limit says where it is known.
static Dim most_selected(Model *model, const Node *node) {
  const Value *limit = node_in(node, NMS_LIMIT);
  const Dim *dims = node->in[NMS_SCORES]->dims;
  bool known = limit && limit->data && tensor_int(limit->data, 0) >= 0;
  Dim each = known ? dim_min(dims[2], dim_const(tensor_int(limit->data, 0))) : dims[2];
  return dim_op(model->dims, DIM_MUL, dim_op(model->dims, DIM_MUL, dims[0], dims[1]), each);
}

bool infer_nms(Model *model, Node *node) {
  const Value *boxes = node->in[NMS_BOXES], *scores = node->in[NMS_SCORES];
  if (!need_rank(model, node, NMS_BOXES, 3, 3) || !need_rank(model, node, NMS_SCORES, 3, 3)) return false;
  if (dim_is_const(boxes->dims[2]) && boxes->dims[2].value != 4)
    return node_error(model, node, "a box has %lld numbers, 4 are needed", (long long)boxes->dims[2].value);
  for (int i = 0; i < 2; i++) { // batches, boxes
    Dim a = boxes->dims[i], b = scores->dims[2 * i];
    if (dim_is_const(a) && dim_is_const(b) && a.value != b.value)
      return node_error(model, node, "'boxes' and 'scores' do not fit to one another");
  }
  for (size_t i = NMS_LIMIT; i < node->in_count; i++)
    if (node->in[i] && (!value_is_static(node->in[i]) || value_count(node->in[i]) != 1))
      return node_error(model, node, "'%s' must have one element", op_input_name(node->op, i));
  Dim dims[2] = {dim_found(model->dims, "selected", most_selected(model, node)), dim_const(3)};
  return set_dims(model, node, 0, 2, dims);
}

// All that may be selected goes into memory of its own, since how much it is stands last.
bool lower_nms(Lower *lower, Node *node) {
  View boxes = lower_dense(lower, node->in[NMS_BOXES]), scores = lower_dense(lower, node->in[NMS_SCORES]);
  Dim batches = scores.dims[0], classes = scores.dims[1], n = scores.dims[2], none = dim_const(0);
  lower_check_equal(lower, boxes.dims[0], batches);
  lower_check_equal(lower, boxes.dims[1], n);
  lower_check_equal(lower, boxes.dims[2], dim_const(4));
  Dim dims[2] = {most_selected(lower->model, node), dim_const(3)};
  View all = lower_scratch(lower, DT_I64, 2, dims), order = lower_scratch(lower, DT_I64, 1, &n), numbers[5];
  for (size_t i = NMS_LIMIT; i <= NMS_LEAST; i++) // those absent: zero
    numbers[i] = node_in(node, i) ? lower_in(lower, node->in[i]) : lower_ints(lower, 1, &none);
  Program *program = lower->program;
  Step *step = lower_step(lower, "non_max_suppression");
  ADD_DIMS(program, step, batches, classes, n);
  step_int(program, step, node_int(node, "center_point_box", 0) != 0);
  step_int(program, step, node_in(node, NMS_LEAST) != NULL);
  step_view(lower, step, &boxes);
  step_view(lower, step, &scores);
  for (size_t i = NMS_LIMIT; i <= NMS_LEAST; i++) step_view(lower, step, &numbers[i]);
  step_view(lower, step, &order);
  step_view(lower, step, &all);
  step_slot(lower, step, node->out[0]->dims[0]);
  View out = lower_out(lower, node->out[0]);
  all.dims[0] = out.dims[0];
  return lower_copy(lower, &out, &all);
}
