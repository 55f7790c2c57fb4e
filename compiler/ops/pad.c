// Pad: borders of a constant, and borders that repeat what lies inside.
#include "compiler/ops/pad.h"
#include "compiler/ops/lower.h"
#include "templates/status.h"

#include <string.h>

/* shapes */

// Elements to add (negative: to take away) at the start and the end of each axis.
typedef struct {
  Dim before[MAX_RANK], after[MAX_RANK];
} Pads;

static void add_pads(const Node *node, Pads *pads, Dim axis, Dim before, Dim after) {
  int rank = node->in[0]->rank;
  for (int k = 0; k < rank; k++) {
    Dim here = dim_max(dim_equals(axis, dim_const(k)), dim_equals(axis, dim_const(k - rank)));
    pads->before[k] = dim_add(pads->before[k], dim_mul(here, before));
    pads->after[k] = dim_add(pads->after[k], dim_mul(here, after));
  }
}

static bool is_out_of_range(Dim pad) { return dim_is_const(pad) && (pad.value < -INT32_MAX || pad.value > INT32_MAX); }

// From the attribute `pads`, which opset 1 calls `paddings`, or from inputs `pads` and `axes`.
static bool read_pads(Model *model, Node *node, Pads *out) {
  int rank = node->in[0]->rank, axis;
  int64_t count, axis_count = rank;
  const Dim *axes = NULL, *pads;
  if (node_in(node, 1)) {
    if (!(pads = need_elems(model, node, 1, &count))) return false;
    if (node_in(node, 3) && !(axes = need_elems(model, node, 3, &axis_count))) return false;
  } else {
    pads = attr_dims(model, node, "pads", &count);
    if (!pads) pads = attr_dims(model, node, "paddings", &count);
    if (!pads) return node_error(model, node, "attribute 'pads' is missing");
  }
  if (count != 2 * axis_count)
    return node_error(model, node, "'pads' has %lld numbers for %lld axes", (long long)count, (long long)axis_count);
  *out = (Pads){0};
  for (int64_t i = 0; i < axis_count; i++) {
    Dim at = axes ? axes[i] : dim_const(i), before = pads[i], after = pads[axis_count + i];
    if (dim_is_const(at) && !need_axis(model, node, at.value, rank, &axis)) return false;
    if (is_out_of_range(before) || is_out_of_range(after))
      return node_error(model, node, "a pad of axis %lld is out of range", (long long)i);
    add_pads(node, out, at, before, after);
  }
  for (int i = 0; i < rank; i++) {
    out->before[i] = dim_define(model->dims, "pad", out->before[i]);
    out->after[i] = dim_define(model->dims, "pad", out->after[i]);
  }
  return true;
}

// What is added at an end, and what is taken away.
static Dim added(Dim pad) { return dim_may_be_negative(pad) ? dim_max(pad, dim_const(0)) : pad; }
static Dim taken(Dim pad) {
  return dim_may_be_negative(pad) ? dim_max(dim_times(pad, -1), dim_const(0)) : dim_const(0);
}

// A sum with run-time pads gets a name: products of such sums would be long.
static Dim settled(Model *model, int axis, const Pads *pads, Dim sum) {
  bool constant = dim_is_const(pads->before[axis]) && dim_is_const(pads->after[axis]);
  return constant ? sum : dim_define(model->dims, "dim", sum);
}

static bool check_mode(Model *model, Node *node, const Pads *pads) {
  static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
  const char *mode = node_string(node, "mode", "constant");
  const Value *in = node->in[0];
  size_t m = 0;
  while (m < COUNT(modes) && strcmp(mode, modes[m])) m++;
  if (m == COUNT(modes))
    return node_error(model, node, "'mode' is '%s'; constant, reflect, edge or wrap is needed", mode);
  for (int i = 0; i < in->rank; i++) {
    Dim cut_off = dim_add(taken(pads->before[i]), taken(pads->after[i])), left = dim_sub(in->dims[i], cut_off);
    Dim more = dim_add(added(pads->before[i]), added(pads->after[i]));
    if (!dim_is_const(left)) continue;
    if (left.value < 0)
      return node_error(model, node, "more is cut off axis %d than its %s elements", i,
                        dim_text(model->dims, in->dims[i]));
    if (m && left.value == 0 && !dim_is(more, 0))
      return node_error(model, node, "axis %d has no elements that a border in mode '%s' could repeat", i, mode);
  }
  return true;
}

bool infer_pad(Model *model, Node *node) {
  Pads pads;
  Dim dims[MAX_RANK] = {0};
  const Value *in = node->in[0], *value = node_in(node, 2);
  if (!read_pads(model, node, &pads) || !check_mode(model, node, &pads)) return false;
  if (value && (!value_is_static(value) || value_count(value) != 1))
    return node_error(model, node, "'constant_value' must have one element");
  for (int i = 0; i < in->rank; i++)
    dims[i] =
        settled(model, i, &pads,
                dim_op(model->dims, DIM_ADD, in->dims[i], dim_op(model->dims, DIM_ADD, pads.before[i], pads.after[i])));
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

// Whether no border is longer than what it repeats, so that one copy makes it.
static bool repeats_once(const View *out, const View *in, const Dim *begin, const char *mode) {
  for (int i = 0; i < in->rank; i++) {
    Dim n = in->dims[i], end = dim_sub(out->dims[i], dim_add(begin[i], n));
    if (dim_is(begin[i], 0) && dim_is(end, 0)) continue;
    if (!dim_is_const(n) || !dim_is_const(begin[i]) || !dim_is_const(end)) return false;
    int64_t most = *mode == 'e' ? INT64_MAX : *mode == 'r' ? n.value - 1 : n.value;
    if (begin[i].value > most || end.value > most) return false;
  }
  return true;
}

// a modulo n, not negative.
static const Expr *modulo(ExprTable *exprs, const Expr *a, const Expr *n) {
  const Expr *rest = expr_op(exprs, EX_REM, a, n, NULL);
  return expr_op(exprs, EX_REM, expr_op(exprs, EX_ADD, rest, n, NULL), n, NULL);
}

// The element of an axis of n that a mode takes for element i, which may be outside.
static const Expr *repeated(ExprTable *exprs, const char *mode, const Expr *i, const Expr *n) {
  const Expr *zero = expr_int(exprs, DT_I64, 0), *one = expr_int(exprs, DT_I64, 1);
  const Expr *last = expr_op(exprs, EX_SUB, n, one, NULL);
  if (*mode == 'w') return modulo(exprs, i, n);
  if (*mode == 'e') return expr_op(exprs, EX_MAX, zero, expr_op(exprs, EX_MIN, i, last, NULL), NULL);
  const Expr *period = expr_op(exprs, EX_MAX, one, expr_op(exprs, EX_ADD, last, last, NULL), NULL);
  const Expr *at = modulo(exprs, i, period);
  return expr_op(exprs, EX_MIN, at, expr_op(exprs, EX_SUB, period, at, NULL), NULL);
}

// Borders of any length: each element is fetched from the place that it repeats.
static bool repeat_anyhow(Lower *lower, const View *out, const View *in, const Dim *begin, const char *mode) {
  ExprTable *exprs = lower->program->exprs;
  View ins[1 + 3 * MAX_RANK] = {*in};
  size_t count = 1;
  const Expr *at = expr_int(exprs, DT_I64, 0), *bound = expr_int(exprs, DT_I64, 1);
  for (int i = 0; i < in->rank; i++) {
    Dim n = in->dims[i];
    if (dim_is(begin[i], 0) && dim_equal(n, out->dims[i])) continue;
    ins[0].dims[i] = dim_const(1);
    const Expr *size = dim_operand(lower, DT_I64, n, ins, &count), *from = expr_coord(exprs, COORDS - in->rank + i);
    const Expr *stride = dim_operand(lower, DT_I64, in->strides[i], ins, &count);
    from = expr_op(exprs, EX_SUB, from, dim_operand(lower, DT_I64, begin[i], ins, &count), NULL);
    from = expr_op(exprs, EX_MUL, repeated(exprs, mode, from, size), stride, NULL);
    const Expr *last = expr_op(exprs, EX_SUB, size, expr_int(exprs, DT_I64, 1), NULL);
    at = expr_op(exprs, EX_ADD, at, from, NULL);
    bound = expr_op(exprs, EX_ADD, bound, expr_op(exprs, EX_MUL, last, stride, NULL), NULL);
  }
  return lower_map(lower, out, ins, count, expr_fetch(exprs, in->type, 0, at, bound));
}

bool lower_pad(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  Pads pads;
  if (!read_pads(lower->model, node, &pads)) return false;
  const char *mode = node_string(node, "mode", "constant");
  View in = lower_in(lower, node->in[0]);
  Dim begin[MAX_RANK] = {0};
  bool only_cut = true;
  for (int i = 0; i < in.rank; i++) {
    Dim off = dim_add(taken(pads.before[i]), taken(pads.after[i])), end = added(pads.after[i]);
    begin[i] = settled(lower->model, i, &pads, added(pads.before[i]));
    only_cut &= dim_is(begin[i], 0) && dim_is(end, 0);
    cut(&in, i, taken(pads.before[i]), settled(lower->model, i, &pads, dim_sub(in.dims[i], off)));
    lower_check(lower, in.dims[i], STATUS_SHAPE);
  }
  if (only_cut) return lower_alias(lower, node->out[0], &in), true;
  View out = lower_out_like(lower, node->out[0], &in);
  if (view_is_empty(&out)) return true;
  if (*mode != 'c' && repeats_once(&out, &in, begin, mode)) return repeat_inside(lower, &out, &in, begin, mode);
  if (*mode != 'c') { // places are computed from strides, none of which may be negative
    in = lower_dense_view(lower, &in, node->out[0]->name);
    return repeat_anyhow(lower, &out, &in, begin, mode);
  }
  const Value *value = node_in(node, 2);
  if (!value)
    return lower_border(lower, &out, &in, begin, expr_const(exprs, out.type, node_float(node, "value", 0)), NULL);
  View element = lower_in(lower, value);
  return lower_border(lower, &out, &in, begin, expr_load(exprs, out.type, 0), &element);
}
