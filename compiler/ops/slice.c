// Cutting, joining, picking: Slice, Split, Concat, Gather, ConstantOfShape.
//
// Slices and splits are views. A concatenation is copies into slices of its output, which fusion lets the steps before
// write at once. Exporters compute shapes with these operators, so all of them carry known elements along.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/lower.h"
#include "templates/status.h"

#include <string.h>

// Known to be no index into a dim: then nothing is taken, though `size` may not tell before the run.
static bool is_outside(Dim index, Dim dim) {
  return dim_is_const(index) && dim_is_const(dim) && (index.value < 0 || index.value >= dim.value);
}

// Takes `size` elements of an axis: from, from + step, ...
static void cut(View *view, int axis, Dim from, Dim step, Dim size) {
  if (!dim_is(size, 0) && !is_outside(from, view->dims[axis]))
    view->offset = dim_add(view->offset, dim_mul(from, view->strides[axis]));
  view->strides[axis] = dim_mul(view->strides[axis], step);
  view->dims[axis] = size;
}

// The known elements of a vector that lie at from, from + step, ...
static void pick_elems(Model *model, Value *in, Value *out, int64_t from, int64_t step, int64_t size) {
  int64_t count;
  const Dim *elems = known_elems(model, in, &count);
  if (!elems || !out || in->rank != 1) return;
  out->elems = NEW_ARRAY(model->arena, Dim, (size_t)size + 1);
  for (int64_t i = 0; i < size; i++) out->elems[i] = elems[from + i * step];
}

/* Slice */

typedef struct {
  Dim start, end, step;
  bool given;
} Range;

static bool add_range(Model *model, Node *node, Range *ranges, int64_t axis, const Range *range) {
  int at;
  if (!need_axis(model, node, axis, node->in[0]->rank, &at)) return false;
  if (ranges[at].given) return node_error(model, node, "axis %d is given twice", at);
  if (dim_is(range->step, 0)) return node_error(model, node, "step of axis %d is 0", at);
  ranges[at] = *range;
  if (dim_is(range->step, INT64_MIN)) ranges[at].step.value++; // its opposite is a number too, and no axis is that long
  return true;
}

// The same for an axis that the run finds out: each axis has this range if it is the one.
static void add_run_time_range(const Node *node, Range *ranges, Dim axis, const Range *range) {
  const Value *in = node->in[0];
  for (int k = 0; k < in->rank; k++) {
    Range *own = &ranges[k];
    if (!own->given) *own = (Range){dim_const(0), in->dims[k], dim_const(1), true};
    Dim here = dim_max(dim_equals(axis, dim_const(k)), dim_equals(axis, dim_const(k - in->rank)));
    own->start = dim_choose(here, range->start, own->start);
    own->end = dim_choose(here, range->end, own->end);
    own->step = dim_choose(here, range->step, own->step);
  }
}

// Of each axis, from attributes (before opset 10) or inputs.
static bool read_ranges(Model *model, Node *node, Range *ranges) {
  enum { STARTS, ENDS, AXES, STEPS, LISTS };
  static const char *const names[] = {"starts", "ends", "axes", "steps"};
  const Dim *lists[LISTS] = {0};
  int64_t counts[LISTS] = {0};
  for (size_t i = 0; i < LISTS; i++) {
    if (node->in_count > 1) {
      if (node_in(node, 1 + i) && !(lists[i] = need_elems(model, node, 1 + i, &counts[i]))) return false;
      continue;
    }
    lists[i] = attr_dims(model, node, names[i], &counts[i]);
    if (!lists[i] && i <= ENDS) return node_error(model, node, "attribute '%s' is missing", names[i]);
  }
  for (int i = 0; i < LISTS; i++)
    if (lists[i] && counts[i] != counts[STARTS])
      return node_error(model, node, "'%s' has %lld numbers, 'starts' has %lld", names[i], (long long)counts[i],
                        (long long)counts[STARTS]);
  memset(ranges, 0, MAX_RANK * sizeof *ranges);
  bool known = true;
  for (int64_t i = 0; lists[AXES] && i < counts[AXES]; i++) known &= dim_is_const(lists[AXES][i]);
  for (int64_t i = 0; i < counts[STARTS]; i++) {
    Range range = {lists[STARTS][i], lists[ENDS][i], lists[STEPS] ? lists[STEPS][i] : dim_const(1), true};
    Dim axis = lists[AXES] ? lists[AXES][i] : dim_const(i);
    if (!known)
      add_run_time_range(node, ranges, axis, &range);
    else if (!add_range(model, node, ranges, axis.value, &range))
      return false;
  }
  return true;
}

// An index that counts from the end where negative, clamped to [low, high]. Constants far beyond what an axis can have
// mean its ends. Of an axis without elements `high` may be below `low`: it is the result.
static Dim clamp_index(Dim i, Dim dim, Dim low, Dim high) {
  if (dim_is_const(i) && i.value >= INT32_MAX) return high;
  if (dim_is_const(i) && i.value < -INT32_MAX) return dim_min(low, high);
  if (dim_is_const(i))
    i = i.value < 0 ? dim_add(dim, i) : i;
  else
    i = dim_add(i, dim_mul(dim_less(i, dim_const(0)), dim));
  if (dim_is(low, 0) && !dim_may_be_negative(i)) return dim_min(i, high);
  return dim_min(dim_max(low, i), high);
}

// The same where only the run knows the step.
static Dim settle_run_time_range(Model *model, const Range *r, Dim dim, Dim *from) {
  Dim zero = dim_const(0), step = dim_define(model->dims, "step", r->step);
  Dim down = dim_define(model->dims, "down", dim_less(step, zero)), high = dim_sub(dim, down);
  Dim start = dim_define(model->dims, "start", clamp_index(r->start, dim, zero, high));
  Dim end = dim_define(model->dims, "end", clamp_index(r->end, dim, dim_times(down, -1), high));
  Dim length = dim_max(dim_choose(down, dim_sub(start, end), dim_sub(end, start)), zero);
  Dim size = dim_max(dim_min(dim_choose(down, dim_times(step, -1), step), dim_const(INT32_MAX)), dim_const(1));
  size = dim_define(model->dims, "size", size);
  *from = start;
  return dim_define(model->dims, "count", dim_div(dim_plus(dim_add(length, size), -1), size));
}

// First element and number of elements of a range over an axis.
static Dim settle_range(Model *model, const Range *r, Dim dim, Dim *from) {
  if (!dim_is_const(r->step)) return settle_run_time_range(model, r, dim, from);
  bool down = r->step.value < 0;
  int64_t step = down ? -r->step.value : r->step.value;
  Dim low = dim_const(down ? -1 : 0), high = down ? dim_plus(dim, -1) : dim;
  Dim start = clamp_index(r->start, dim, dim_const(0), high);
  Dim end = clamp_index(r->end, dim, low, high), length = down ? dim_sub(start, end) : dim_sub(end, start);
  *from = start;
  if (dim_may_be_negative(length)) length = dim_max(length, dim_const(0));
  if (step > INT32_MAX) return dim_min(length, dim_const(1));
  return dim_div_up(length, step);
}

bool infer_slice(Model *model, Node *node) {
  Value *in = node->in[0];
  Range ranges[MAX_RANK];
  Dim dims[MAX_RANK], from = dim_const(0);
  if (!read_ranges(model, node, ranges)) return false;
  for (int i = 0; i < in->rank; i++)
    dims[i] = ranges[i].given ? settle_range(model, &ranges[i], in->dims[i], &from) : in->dims[i];
  if (!set_dims(model, node, 0, in->rank, dims)) return false;
  bool known = in->rank == 1 && dim_is_const(dims[0]) && dim_is_const(from);
  if (known && (!ranges[0].given || dim_is_const(ranges[0].step)))
    pick_elems(model, in, node->out[0], from.value, ranges[0].given ? ranges[0].step.value : 1, dims[0].value);
  return true;
}

bool lower_slice(Lower *lower, Node *node) {
  Range ranges[MAX_RANK];
  View view = lower_in(lower, node->in[0]);
  if (!read_ranges(lower->model, node, ranges)) return false;
  for (int i = 0; i < view.rank; i++) {
    if (!ranges[i].given) continue;
    Dim from, size = settle_range(lower->model, &ranges[i], view.dims[i], &from);
    bool single = dim_is(size, 0) || dim_is(size, 1);
    if (!dim_is_const(ranges[i].step)) { // no step is 0
      Dim step = ranges[i].step;
      lower_check(lower, dim_plus(dim_max(step, dim_times(step, -1)), -1), STATUS_SHAPE);
    }
    cut(&view, i, from, single ? dim_const(1) : ranges[i].step, size);
  }
  lower_alias(lower, node->out[0], &view);
  return true;
}

/* Split */

// Sizes of the parts: the attribute or input `split`, or equal parts; the last may be smaller where `uneven`.
static bool split_sizes(Model *model, Node *node, bool uneven) {
  Value *in = node->in[0];
  int axis;
  int64_t count = 0, parts = (int64_t)node->out_count;
  if (parts == 0) return node_error(model, node, "there are no outputs");
  if (!need_axis(model, node, node_int(node, "axis", 0), in->rank, &axis)) return false;
  const Dim *sizes = attr_dims(model, node, "split", &count);
  if (node_in(node, 1) && !(sizes = need_elems(model, node, 1, &count))) return false;
  if (sizes && count != parts)
    return node_error(model, node, "'split' has %lld sizes for %lld outputs", (long long)count, (long long)parts);
  Dim dim = in->dims[axis], from = dim_const(0), each = dim_div_up(dim, parts);
  if (!sizes && !uneven && dim_is_const(dim) && dim.value % parts)
    return node_error(model, node, "%lld elements cannot be split into %lld equal parts", (long long)dim.value,
                      (long long)parts);
  if (!sizes && !uneven && !dim_is_const(dim)) each = dim_div(dim, dim_const(parts));
  for (int64_t i = 0; i < parts; i++) {
    Dim left = dim_sub(dim, from), size = sizes ? sizes[i] : uneven ? dim_max(dim_min(left, each), dim_const(0)) : each;
    if (dim_is_const(size) && (size.value < 0 || (dim_is_const(left) && size.value > left.value)))
      return node_error(model, node, "part %lld of %lld elements does not fit into %s", (long long)i,
                        (long long)size.value, dim_text(model->dims, dim));
    Dim dims[MAX_RANK];
    if (in->rank) memcpy(dims, in->dims, (size_t)in->rank * sizeof *dims);
    dims[axis] = size;
    if (!set_dims(model, node, (size_t)i, in->rank, dims)) return false;
    if (dim_is_const(size) && dim_is_const(from)) pick_elems(model, in, node->out[i], from.value, 1, size.value);
    from = dim_op(model->dims, DIM_ADD, from, size);
  }
  if (dim_is_const(dim) && dim_is_const(from) && from.value != dim.value)
    return node_error(model, node, "the parts have %lld elements, axis %d has %lld", (long long)from.value, axis,
                      (long long)dim.value);
  return true;
}
bool infer_split(Model *model, Node *node) { return split_sizes(model, node, false); }
// From opset 18 on equal parts may leave a smaller one.
bool infer_split_uneven(Model *model, Node *node) {
  int64_t given = node_int(node, "num_outputs", (int64_t)node->out_count);
  if (given != (int64_t)node->out_count)
    return node_error(model, node, "'num_outputs' is %lld, the node has %zu outputs", (long long)given,
                      node->out_count);
  return split_sizes(model, node, true);
}

bool lower_split(Lower *lower, Node *node) {
  View in = lower_in(lower, node->in[0]);
  Dim from = dim_const(0);
  int64_t axis = node_int(node, "axis", 0);
  if (axis < 0) axis += in.rank;
  for (size_t i = 0; i < node->out_count; i++) {
    if (!node->out[i]) return lower_error(lower, "an absent output is not supported");
    View part = in;
    Dim size = node->out[i]->dims[axis];
    cut(&part, (int)axis, from, dim_const(1), size);
    from = dim_add(from, size);
    lower_alias(lower, node->out[i], &part);
  }
  Dim rest = dim_sub(in.dims[axis], from); // nothing may be left, and nothing missing
  lower_check(lower, rest, STATUS_SHAPE);
  lower_check(lower, dim_times(rest, -1), STATUS_SHAPE);
  return true;
}

/* Concat */

static bool concat_axis(Model *model, Node *node, int64_t otherwise) {
  if (!node_in(node, 0)) return node_error(model, node, "there are no inputs");
  Value *first = node->in[0], *out = node->out[0];
  Dim dims[MAX_RANK];
  int axis;
  if (!need_axis(model, node, node_int(node, "axis", otherwise), first->rank, &axis)) return false;
  memcpy(dims, first->dims, (size_t)first->rank * sizeof *dims);
  dims[axis] = dim_const(0);
  for (size_t i = 0; i < node->in_count; i++) {
    const Value *in = node->in[i];
    if (!in) return node_error(model, node, "input %zu is absent", i);
    if (in->rank != first->rank) return node_error(model, node, "inputs 0 and %zu differ in rank", i);
    for (int k = 0; k < in->rank; k++) {
      bool constants = dim_is_const(in->dims[k]) && dim_is_const(dims[k]);
      if (k == axis)
        dims[k] = dim_op(model->dims, DIM_ADD, dims[k], in->dims[k]);
      else if (constants && in->dims[k].value != dims[k].value)
        return node_error(model, node, "dim %d of input %zu is %lld, that of the inputs before %lld", k, i,
                          (long long)in->dims[k].value, (long long)dims[k].value);
      else if (dim_is_const(in->dims[k]))
        dims[k] = in->dims[k];
    }
  }
  if (!set_dims(model, node, 0, first->rank, dims)) return false;
  if (first->rank != 1 || !dim_is_const(dims[0]) || dtype_is_float(first->type) || dims[0].value > INT16_MAX)
    return true;
  Dim *elems = NEW_ARRAY(model->arena, Dim, (size_t)dims[0].value + 1);
  for (size_t i = 0, at = 0; i < node->in_count; i++) {
    int64_t count;
    const Dim *own = known_elems(model, node->in[i], &count);
    if (!own) return true;
    for (int64_t k = 0; k < count; k++) elems[at++] = own[k];
  }
  out->elems = elems;
  return true;
}
bool infer_concat_default(Model *model, Node *node) { return concat_axis(model, node, 1); }
bool infer_concat(Model *model, Node *node) {
  if (!node_attr(node, "axis")) return node_error(model, node, "attribute 'axis' is missing");
  return concat_axis(model, node, 0);
}

// The output lies in memory in the order of its largest input.
bool lower_concat(Lower *lower, Node *node) {
  View like = lower_in(lower, node->in[0]);
  for (size_t i = 1; i < node->in_count; i++) {
    View in = lower_in(lower, node->in[i]);
    if (dim_compare(view_count(&in), view_count(&like)) > 0) like = in;
  }
  Dim from = dim_const(0);
  int64_t axis = node_int(node, "axis", 1);
  if (axis < 0) axis += like.rank;
  View out = lower_out_like(lower, node->out[0], &like);
  for (size_t i = 0; i < node->in_count; i++) {
    View in = lower_in(lower, node->in[i]), part = out;
    for (int k = 0; k < in.rank; k++)
      if (k != axis) lower_check_equal(lower, in.dims[k], out.dims[k]);
    cut(&part, (int)axis, from, dim_const(1), in.dims[axis]);
    from = dim_add(from, in.dims[axis]);
    if (!lower_copy(lower, &part, &in)) return false;
  }
  return true;
}

/* Gather */

bool infer_gather(Model *model, Node *node) {
  Value *data = node->in[0], *indices = node->in[1];
  Dim dims[2 * MAX_RANK];
  int axis, rank = 0;
  int64_t count;
  if (!need_axis(model, node, node_int(node, "axis", 0), data->rank, &axis)) return false;
  for (int i = 0; i < axis; i++) dims[rank++] = data->dims[i];
  for (int i = 0; i < indices->rank; i++) dims[rank++] = indices->dims[i];
  for (int i = axis + 1; i < data->rank; i++) dims[rank++] = data->dims[i];
  if (!set_dims(model, node, 0, rank, dims)) return false;
  const Dim *picks = known_elems(model, indices, &count);
  if (!picks || !dim_is_const(data->dims[axis])) return true;
  int64_t size = data->dims[axis].value, data_count;
  const Dim *elems = data->rank == 1 ? known_elems(model, data, &data_count) : NULL;
  Dim *result = elems ? NEW_ARRAY(model->arena, Dim, (size_t)count + 1) : NULL;
  for (int64_t i = 0; i < count; i++) {
    if (!dim_is_const(picks[i])) return true;
    int64_t at = picks[i].value;
    if (at < -size || at >= size)
      return node_error(model, node, "index %lld is outside of axis %d with %lld elements", (long long)at, axis,
                        (long long)size);
    if (elems) result[i] = elems[at < 0 ? at + size : at];
  }
  node->out[0]->elems = result;
  return true;
}

// Known indices at equal distances are a slice: the view, whose axis has that many elements.
static bool gather_slice(Lower *lower, Node *node, int axis) {
  int64_t count, rank = 0;
  View view = lower_in(lower, node->in[0]), out = view;
  const Dim *picks = known_elems(lower->model, node->in[1], &count);
  if (!picks || count == 0 || node->in[1]->rank > 1) return false;
  Dim first = dim_const(0), last = first, step = dim_const(1);
  for (int64_t i = 0; i < count; i++) {
    if (!dim_is_const(picks[i])) return false;
    Dim at = picks[i].value < 0 ? dim_add(view.dims[axis], picks[i]) : picks[i];
    if (i == 0) first = at;
    if (i == 1) step = dim_sub(at, first);
    if (i > 1 && !dim_equal(dim_sub(at, last), step)) return false;
    lower_check(lower, at, STATUS_INDEX);
    lower_check(lower, dim_plus(dim_sub(view.dims[axis], at), -1), STATUS_INDEX);
    last = at;
  }
  cut(&view, axis, first, step, dim_const(count));
  for (int i = 0; i < view.rank; i++) {
    if (i == axis && node->in[1]->rank == 0) continue; // a scalar index takes the axis away
    out.dims[rank] = view.dims[i];
    out.strides[rank++] = view.strides[i];
  }
  out.rank = (int)rank;
  out.offset = view.offset;
  lower_alias(lower, node->out[0], &out);
  return true;
}

bool lower_gather(Lower *lower, Node *node) {
  int64_t axis = node_int(node, "axis", 0);
  if (axis < 0) axis += node->in[0]->rank;
  if (value_is_empty(node->out[0])) return lower_out(lower, node->out[0]), true;
  if (gather_slice(lower, node, (int)axis)) return true;
  View data = lower_dense(lower, node->in[0]), indices = lower_dense(lower, node->in[1]);
  View out = lower_out(lower, node->out[0]);
  Dim outer = dims_product(data.dims, 0, (int)axis), inner = dims_product(data.dims, (int)axis + 1, data.rank);
  Program *program = lower->program;
  Step *step = lower_step(lower, "gather");
  ADD_DIMS(program, step, outer, data.dims[axis], view_count(&indices), dim_bytes(data.type, inner));
  step_view(lower, step, &data);
  step_view(lower, step, &indices);
  step_int(program, step, dtype_unit(indices.type));
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&out), 4096);
  return true;
}

/* ConstantOfShape */

bool infer_constant_of_shape(Model *model, Node *node) {
  int64_t rank, count;
  Value *out = node->out[0];
  const Dim *shape = need_elems(model, node, 0, &rank);
  const Attr *value = node_attr(node, "value");
  if (!shape) return false;
  if (node->in[0]->rank != 1 || rank > MAX_RANK)
    return node_error(model, node, "'input' must be a list of at most %d dims", MAX_RANK);
  if (value && (value->type != ATTR_TENSOR || tensor_count(value->t) != 1))
    return node_error(model, node, "attribute 'value' must be a tensor of one element");
  out->type = value ? value->t->type : DT_F32;
  if (dtype_bits(out->type) < 8 || out->type >= DT_C64)
    return node_error(model, node, "elements of type %s are not supported", dtype_name(out->type));
  if (!set_dims(model, node, 0, (int)rank, shape)) return false;
  if (dtype_is_float(out->type) || !value_is_static(out)) return true;
  if ((count = value_count(out)) < 0 || count > INT16_MAX) return true;
  out->elems = NEW_ARRAY(model->arena, Dim, (size_t)count + 1);
  for (int64_t i = 0; i < count; i++) out->elems[i] = dim_const(value ? tensor_int(value->t, 0) : 0);
  return true;
}

bool lower_constant_of_shape(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Attr *value = node_attr(node, "value");
  View out = lower_out(lower, node->out[0]);
  const Expr *x = !value                     ? expr_float(exprs, out.type, 0)
                  : dtype_is_float(out.type) ? expr_float(exprs, out.type, tensor_float(value->t, 0))
                                             : expr_int(exprs, out.type, tensor_int(value->t, 0));
  return lower_map(lower, &out, NULL, 0, x);
}
