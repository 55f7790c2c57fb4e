// Pad: borders of a constant, and borders that repeat what lies inside.
#include "compiler/ops/pad.h"
#include "compiler/ops/lower.h"

#include <string.h>

/* shapes */

// Elements to add (negative: to take away) at the start and the end of each axis.
typedef struct {
  int64_t before[MAX_RANK], after[MAX_RANK];
} Pads;

// From the attribute `pads`, which opset 1 calls `paddings`, or from inputs `pads` and `axes`.
static bool read_pads(Model *model, Node *node, Pads *out) {
  int rank = node->in[0]->rank;
  size_t given = 0;
  int64_t count, axis_count = rank;
  const int64_t *axes = NULL, *pads;
  if (node_in(node, 1)) {
    if (!(pads = need_ints(model, node, 1, &count))) return false;
    if (node_in(node, 3) && !(axes = need_ints(model, node, 3, &axis_count))) return false;
  } else {
    pads = node_ints(node, "pads", &given);
    if (!pads) pads = node_ints(node, "paddings", &given);
    if (!pads) return node_error(model, node, "attribute 'pads' is missing");
    count = (int64_t)given;
  }
  if (count != 2 * axis_count)
    return node_error(model, node, "'pads' has %lld numbers for %lld axes", (long long)count, (long long)axis_count);
  *out = (Pads){0};
  for (int64_t i = 0; i < axis_count; i++) {
    int axis = (int)i;
    if (axes && !need_axis(model, node, axes[i], rank, &axis)) return false;
    int64_t before = pads[i], after = pads[axis_count + i];
    if (before < -INT32_MAX || before > INT32_MAX || after < -INT32_MAX || after > INT32_MAX)
      return node_error(model, node, "a pad of axis %d is out of range", axis);
    out->before[axis] = before;
    out->after[axis] = after;
  }
  return true;
}

static bool check_mode(Model *model, Node *node, const Pads *pads) {
  static const struct {
    const char *name;
    int64_t least; // elements of an axis beyond those that its longer border repeats; constant: none
  } modes[] = {{"constant", INT64_MIN}, {"reflect", 1}, {"edge", INT64_MIN}, {"wrap", 0}};
  const char *mode = node_string(node, "mode", "constant");
  const Value *in = node->in[0];
  size_t m = 0;
  while (m < COUNT(modes) && strcmp(mode, modes[m].name)) m++;
  if (m == COUNT(modes))
    return node_error(model, node, "'mode' is '%s'; constant, reflect, edge or wrap is needed", mode);
  for (int i = 0; i < in->rank; i++) {
    int64_t before = pads->before[i], after = pads->after[i], longer = before > after ? before : after;
    if (!dim_is_const(in->dims[i])) continue;
    int64_t left = in->dims[i].value + (before < 0 ? before : 0) + (after < 0 ? after : 0);
    if (left < 0)
      return node_error(model, node, "more is cut off axis %d than its %s elements", i,
                        dim_text(model->dims, in->dims[i]));
    if (m && longer > 0 && (left == 0 || (modes[m].least >= 0 && longer > left - modes[m].least)))
      return node_error(model, node, "axis %d has too few elements for a border of %lld in mode '%s'", i,
                        (long long)longer, mode);
  }
  return true;
}

bool infer_pad(Model *model, Node *node) {
  Pads pads;
  Dim dims[MAX_RANK];
  const Value *in = node->in[0], *value = node_in(node, 2);
  if (!read_pads(model, node, &pads) || !check_mode(model, node, &pads)) return false;
  if (value && (!value_is_static(value) || value_count(value) != 1))
    return node_error(model, node, "'constant_value' must have one element");
  for (int i = 0; i < in->rank; i++)
    dims[i] = dim_op(model->dims, DIM_ADD, in->dims[i], dim_const(pads.before[i] + pads.after[i]));
  return set_dims(model, node, 0, in->rank, dims);
}

/* lowering */

// `size` elements of an axis from `from` on.
static void cut(View *view, int axis, Dim from, Dim size) {
  view->offset = dim_add(view->offset, dim_mul(from, view->strides[axis]));
  view->dims[axis] = size;
}

bool lower_border(Lower *lower, const View *out, const View *in, const Dim *begin, const Expr *value,
                  const View *element) {
  View rest = *out; // without the borders of the axes before
  for (int i = 0; i < in->rank; i++) {
    Dim end = dim_add(begin[i], in->dims[i]);
    const Dim starts[2] = {dim_const(0), end}, sizes[2] = {begin[i], dim_sub(out->dims[i], end)};
    for (int side = 0; side < 2; side++) {
      View border = rest;
      cut(&border, i, starts[side], sizes[side]);
      if (!lower_map(lower, &border, element, element ? 1 : 0, value)) return false;
    }
    cut(&rest, i, begin[i], in->dims[i]);
  }
  return lower_copy(lower, &rest, in);
}

// Borders that repeat elements, one axis after another: those of the second axis repeat those of the first too.
static bool repeat_inside(Lower *lower, const View *out, const View *in, const Dim *begin, const char *mode) {
  View filled = *out;
  for (int i = 0; i < in->rank; i++) cut(&filled, i, begin[i], in->dims[i]);
  if (!lower_copy(lower, &filled, in)) return false;
  for (int i = 0; i < in->rank; i++) {
    Dim n = in->dims[i], end = dim_add(begin[i], n), whole = out->dims[i];
    int64_t step = *mode == 'r' ? -1 : *mode == 'w' ? 1 : 0;
    const Dim starts[2] = {dim_const(0), end}, sizes[2] = {begin[i], dim_sub(whole, end)};
    // The element that the first one of each border repeats.
    const Dim reflect[2] = {dim_times(begin[i], 2), dim_plus(end, -2)}, edge[2] = {begin[i], dim_plus(end, -1)};
    const Dim wrap[2] = {n, begin[i]};
    const Dim *source = *mode == 'r' ? reflect : *mode == 'w' ? wrap : edge;
    View line = filled; // with the whole of this axis
    line.offset = dim_sub(line.offset, dim_mul(begin[i], line.strides[i]));
    for (int side = 0; side < 2; side++) {
      View to = line, from = line;
      cut(&to, i, starts[side], sizes[side]);
      cut(&from, i, source[side], sizes[side]);
      from.strides[i] = dim_times(from.strides[i], step);
      if (!lower_copy(lower, &to, &from)) return false;
    }
    line.dims[i] = whole;
    filled = line;
  }
  return true;
}

bool lower_pad(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  Pads pads;
  if (!read_pads(lower->model, node, &pads)) return false;
  View in = lower_in(lower, node->in[0]);
  Dim begin[MAX_RANK];
  bool only_cut = true;
  for (int i = 0; i < in.rank; i++) {
    int64_t before = pads.before[i], after = pads.after[i];
    only_cut &= before <= 0 && after <= 0;
    begin[i] = dim_const(before > 0 ? before : 0);
    cut(&in, i, dim_const(before < 0 ? -before : 0),
        dim_plus(in.dims[i], (before < 0 ? before : 0) + (after < 0 ? after : 0)));
  }
  if (only_cut) return lower_alias(lower, node->out[0], &in), true;
  View out = lower_out_like(lower, node->out[0], &in);
  const char *mode = node_string(node, "mode", "constant");
  if (view_is_empty(&out)) return true;
  if (*mode != 'c') return repeat_inside(lower, &out, &in, begin, mode);
  const Value *value = node_in(node, 2);
  if (!value)
    return lower_border(lower, &out, &in, begin, expr_const(exprs, out.type, node_float(node, "value", 0)), NULL);
  View element = lower_in(lower, value);
  return lower_border(lower, &out, &in, begin, expr_load(exprs, out.type, 0), &element);
}
