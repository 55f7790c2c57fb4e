// Resizing: the tables of one axis, computed by steps, so that scales and sizes may be found out when the model runs.
// For each element of the axis in the output: the first of K neighbours in the input and K weights.
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/resize.h"

#include <math.h>
#include <string.h>

enum { MAX_TAPS = 4096 }; // of one axis

/* places */

static const struct {
  const char *name, *formula;
} places[] =
    {
        {"half_pixel", "(i + 0.5) / scale - 0.5"},
        {"half_pixel_symmetric", "in / 2 * (1 - out / (scale * in)) + (i + 0.5) / scale - 0.5"},
        {"align_corners", "length == 1 ? 0 : i * (in - 1) / (length - 1)"},
        {"pytorch_half_pixel", "out > 1 ? (i + 0.5) / scale - 0.5 : 0"},
        {"asymmetric", "i / scale"},
        {"tf_half_pixel_for_nn", "(i + 0.5) / scale"},
        {"tf_crop_and_resize", "length == 1 ? 0.5 * (start + end) * (in - 1)"
                               " : start * (in - 1) + i * (end - start) * (in - 1) / (length - 1)"},
},
  roundings[] = {
      {"round_prefer_floor", "ceil(p - 0.5)"},
      {"round_prefer_ceil", "floor(p + 0.5)"},
      {"floor", "floor(p)"},
      {"ceil", "ceil(p)"},
      {"", "scale < 1 ? ceil(p) : floor(p)"}, // before opset 11 named it
};

static const Expr *in_size(Resize *r, Line *l) {
  if (!l->in_size) l->in_size = dim_operand(r->lower, DT_F32, l->in, l->ins, &l->in_count);
  return l->in_size;
}

static const Expr *out_size(Resize *r, Line *l) {
  if (!l->out_size) l->out_size = dim_operand(r->lower, DT_F32, l->out, l->ins, &l->in_count);
  return l->out_size;
}

// The output's length before it is rounded.
static const Expr *whole_size(Resize *r, Line *l) {
  return r->sizes->rounded[l->axis] ? expr_op(r->exprs, EX_MUL, l->scale, in_size(r, l), NULL) : out_size(r, l);
}

typedef struct {
  Resize *r;
  Line *line;
  const Expr *i, *p, *t; // index in the output, place in the input, a neighbour's index
} Names;

static const Expr *find_name(void *context, const char *name, size_t length) {
  Names *n = context;
  Line *l = n->line;
  if (length == 1)
    return *name == 'i' ? n->i : *name == 'p' ? n->p : *name == 't' ? n->t : expr_float(n->r->exprs, DT_F32, n->r->a);
  if (!strncmp(name, "scale", length)) return l->scale;
  if (!strncmp(name, "start", length)) return l->start;
  if (!strncmp(name, "end", length)) return l->end;
  if (!strncmp(name, "length", length)) return whole_size(n->r, l);
  return !strncmp(name, "in", length) ? in_size(n->r, l) : out_size(n->r, l);
}

bool find_resize_formulas(Resize *r) {
  const Node *node = r->node;
  r->old = node->op->since < 11;
  const char *mode = node_string(node, "mode", "nearest");
  const char *place = node_string(node, "coordinate_transformation_mode", r->old ? "asymmetric" : "half_pixel");
  const char *rounding = r->old ? "" : node_string(node, "nearest_mode", "round_prefer_floor");
  r->nearest = !strcmp(mode, "nearest"), r->cubic = !strcmp(mode, "cubic");
  if (!r->nearest && !r->cubic && strcmp(mode, "linear") && strcmp(mode, "bilinear"))
    return lower_error(r->lower, "'mode' is '%s'; nearest, linear or cubic is needed", mode);
  for (size_t i = 0; i < COUNT(places); i++)
    if (!strcmp(places[i].name, place)) r->place = places[i].formula;
  for (size_t i = 0; i < COUNT(roundings); i++)
    if (!strcmp(roundings[i].name, rounding)) r->rounding = roundings[i].formula;
  if (!r->place) return lower_error(r->lower, "coordinate_transformation_mode '%s' is not known", place);
  if (!r->rounding) return lower_error(r->lower, "nearest_mode '%s' is not known", rounding);
  r->crops = !strcmp(place, "tf_crop_and_resize");
  r->extrapolation = node_float(node, "extrapolation_value", 0);
  r->a = node_float(node, "cubic_coeff_a", -0.75);
  r->antialias = !r->nearest && node_int(node, "antialias", 0) != 0;
  r->exclude = node_int(node, "exclude_outside", 0) != 0;
  return true;
}

/* scales */

// Element i of a vector as an expression over the line's operands.
static const Expr *element(Resize *r, Line *l, const Value *value, int64_t i) {
  View view = lower_dense(r->lower, value);
  view.offset = dim_plus(view.offset, i);
  view.rank = 1, view.dims[0] = dim_const(1), view.strides[0] = dim_const(0);
  l->ins[l->in_count] = view;
  return expr_cast(r->exprs, DT_F32, expr_load(r->exprs, view.type, (int)l->in_count++));
}

static const Expr *binary(Resize *r, ScalarOp op, const Expr *a, const Expr *b) {
  return expr_op(r->exprs, op, a, b, NULL);
}

// Output / input along an axis whose size is asked for.
static const Expr *ratio(Resize *r, Line *l, int axis) {
  const Expr *wanted = dim_operand(r->lower, DT_F32, r->sizes->wanted[axis], l->ins, &l->in_count);
  Dim in = r->node->in[0]->dims[axis];
  return binary(r, EX_DIV, wanted, dim_operand(r->lower, DT_F32, in, l->ins, &l->in_count));
}

static bool set_scale(Resize *r, Line *l) {
  const Sizes *s = r->sizes;
  const char *policy = node_string(r->node, "keep_aspect_ratio_policy", "stretch");
  Dim one = dim_const(1);
  bool same = !strcmp(policy, "stretch");
  if (s->scale[l->axis] != 0) {
    l->scale = expr_float(r->exprs, DT_F32, s->scale[l->axis]);
  } else if (s->scales) {
    l->scale = element(r, l, s->scales, s->scale_index[l->axis]);
  } else if (same) {
    l->scale = ratio(r, l, l->axis);
  } else { // the least or the greatest of all
    Line all = {.axis = l->axis};
    View view = lower_scratch(r->lower, DT_F32, 1, &one), next = view;
    for (int i = 0, first = 1; i < r->node->in[0]->rank; i++) {
      if (!s->computed[i]) continue;
      all.in_count = 1, all.ins[0] = view;
      const Expr *own = ratio(r, &all, i), *before = expr_load(r->exprs, DT_F32, 0);
      if (!first) own = binary(r, !strcmp(policy, "not_smaller") ? EX_MAX : EX_MIN, own, before);
      next = lower_scratch(r->lower, DT_F32, 1, &one);
      if (!lower_map(r->lower, &next, all.ins, all.in_count, own)) return false;
      view = next, first = 0;
    }
    l->ins[l->in_count] = view;
    l->scale = expr_load(r->exprs, DT_F32, (int)l->in_count++);
  }
  return true;
}

// The run finds out the output's size.
bool compute_resize_size(Resize *r, Line *l) {
  Dim one = dim_const(1);
  View slot = view_dense(frame_buffer(r->lower->program), DT_I64, 1, &one);
  Line scale = {.axis = l->axis, .in = l->in};
  if (!set_scale(r, &scale)) return false;
  slot.offset = dim_const(frame_slots(r->lower->program, 1, &l->out));
  const Expr *size = binary(r, EX_MUL, scale.scale, in_size(r, &scale));
  if (!r->sizes->scales && r->sizes->scale[l->axis] == 0)
    size =
        binary(r, EX_MAX, binary(r, EX_ADD, size, expr_float(r->exprs, DT_F32, 0.5)), expr_float(r->exprs, DT_F32, 1));
  size = expr_cast(r->exprs, DT_I64, expr_op(r->exprs, EX_FLOOR, size, NULL, NULL));
  return lower_map(r->lower, &slot, scale.ins, scale.in_count, size);
}

/* tables */

static const char *const linear_kernel = "max(0, 1 - abs(t))";
static const char *const cubic_kernel = "abs(t) < 1 ? ((a + 2) * abs(t) - (a + 3)) * t * t + 1 : abs(t) < 2 ?"
                                        " ((a * abs(t) - 5 * a) * abs(t) + 8 * a) * abs(t) - 4 * a : 0";

static const Expr *read(Resize *r, Line *l, const char *formula, const Expr *i, const Expr *p, const Expr *t) {
  Names names = {r, l, i, p, t};
  return formula_read(r->exprs, formula, find_name, &names);
}

// Reads roi: the start of each axis, then the end of each.
static bool set_region(Resize *r, Line *l) {
  size_t given;
  const Value *roi = node_in(r->node, 1);
  const int64_t *axes = node_ints(r->node, "axes", &given);
  int64_t count = axes ? (int64_t)given : r->node->in[0]->rank, at = axes ? -1 : l->axis;
  for (int64_t i = 0; axes && i < count; i++)
    if ((axes[i] < 0 ? axes[i] + r->node->in[0]->rank : axes[i]) == l->axis) at = i;
  l->start = expr_float(r->exprs, DT_F32, 0), l->end = expr_float(r->exprs, DT_F32, 1);
  if (!r->crops || at < 0) return true;
  if (!roi || !value_is_static(roi) || value_count(roi) != 2 * count)
    return lower_error(r->lower, "'roi' must have %lld numbers", (long long)(2 * count));
  l->start = element(r, l, roi, at);
  l->end = element(r, l, roi, count + at);
  return true;
}

// Whether places lie outside of the input.
static bool mark_outside(Resize *r, Line *l, const Expr *place) {
  const Expr *last = binary(r, EX_SUB, in_size(r, l), expr_float(r->exprs, DT_F32, 1));
  const Expr *before = binary(r, EX_LT, place, expr_float(r->exprs, DT_F32, 0));
  l->outside = lower_scratch(r->lower, DT_BOOL, 1, &l->out);
  return lower_map(r->lower, &l->outside, l->ins, l->in_count, binary(r, EX_OR, before, binary(r, EX_LT, last, place)));
}

// How much wider than its neighbours a kernel is, inverted, and the first neighbour relative to floor(place). Sets the
// number of taps.
static bool set_taps(Resize *r, Line *l, const Expr **shrink, const Expr **before) {
  ExprTable *exprs = r->exprs;
  double reach = r->cubic ? 2 : 1;
  const Expr *one = expr_float(exprs, DT_F32, 1);
  *shrink = r->antialias ? binary(r, EX_MIN, l->scale, one) : one;
  if (!r->antialias || l->scale->op == EX_CONST) {
    double scale = r->sizes->scale[l->axis], factor = r->antialias && scale < 1 ? scale : 1;
    double first = floor(-reach / factor) + 1;
    if (2 - 2 * first > MAX_TAPS) return lower_error(r->lower, "axis %d shrinks too much", l->axis);
    *shrink = expr_float(exprs, DT_F32, factor), *before = expr_float(exprs, DT_F32, first);
    l->taps = dim_const(2 - 2 * (int64_t)first);
    return true;
  }
  Dim size = dim_const(1);
  View slot = view_dense(frame_buffer(r->lower->program), DT_I64, 1, &size);
  l->taps = dim_new_symbol(r->lower->model->dims, "taps");
  slot.offset = dim_const(frame_slots(r->lower->program, 1, &l->taps));
  *before = binary(r, EX_DIV, expr_float(exprs, DT_F32, -reach), *shrink);
  *before = binary(r, EX_ADD, expr_op(exprs, EX_FLOOR, *before, NULL, NULL), one);
  const Expr *two = expr_float(exprs, DT_F32, 2), *taps = binary(r, EX_SUB, two, binary(r, EX_MUL, two, *before));
  return lower_map(r->lower, &slot, l->ins, l->in_count, expr_cast(exprs, DT_I64, taps));
}

static bool make_weights(Resize *r, Line *l, const Expr *column, const Expr *place) {
  ExprTable *exprs = r->exprs;
  const Expr *shrink, *before, *zero = expr_float(exprs, DT_F32, 0);
  if (!set_taps(r, l, &shrink, &before)) return false;
  const Dim dims[2] = {l->taps, l->out}, flat[2] = {dim_const(1), l->out};
  // Neighbour k is floor(place) + before + k.
  const Expr *first = binary(r, EX_ADD, expr_op(exprs, EX_FLOOR, place, NULL, NULL), before);
  const Expr *at = binary(r, EX_ADD, first, expr_cast(exprs, DT_F32, expr_coord(exprs, COORDS - 2)));
  bool open = !dim_is_const(l->taps);
  l->first = lower_scratch(r->lower, DT_I64, open ? 2 : 1, open ? dims : &l->out);
  l->weights = lower_scratch(r->lower, DT_F32, 2, dims);
  const Expr *distance = binary(r, EX_MUL, binary(r, EX_SUB, at, place), shrink);
  const Expr *weight = read(r, l, r->cubic ? cubic_kernel : linear_kernel, column, place, distance);
  if (r->exclude) {
    const Expr *out = binary(r, EX_OR, binary(r, EX_LT, at, zero), binary(r, EX_LE, in_size(r, l), at));
    weight = expr_op(exprs, EX_SELECT, out, zero, weight);
  }
  if (!lower_map(r->lower, &l->first, l->ins, l->in_count, expr_cast(exprs, DT_I64, open ? at : first)) ||
      !lower_map(r->lower, &l->weights, l->ins, l->in_count, weight))
    return false;
  if (!r->exclude && !r->antialias) return true;
  View raw = l->weights, sum = lower_scratch(r->lower, DT_F32, 2, flat);
  l->weights = lower_scratch(r->lower, DT_F32, 2, dims);
  const Expr *x = expr_load(exprs, DT_F32, 0);
  return lower_reduction(r->lower, REDUCE_SUM, &raw, 1, x, (bool[MAX_RANK]){true}, &sum, expr_acc(exprs, DT_F32)) &&
         lower_map(r->lower, &l->weights, (View[]){raw, sum}, 2, binary(r, EX_DIV, x, expr_load(exprs, DT_F32, 1)));
}

bool make_resize_tables(Resize *r, Line *l) {
  ExprTable *exprs = r->exprs;
  if (!set_scale(r, l) || !set_region(r, l)) return false;
  const Expr *column = expr_cast(exprs, DT_F32, expr_coord(exprs, COORDS - 1));
  const Expr *place = read(r, l, r->place, column, NULL, NULL);
  if (r->crops && !mark_outside(r, l, place)) return false;
  if (!r->nearest) return make_weights(r, l, column, place);
  l->taps = dim_const(1);
  l->first = lower_scratch(r->lower, DT_I64, 1, &l->out);
  const Expr *at = read(r, l, r->rounding, column, place, NULL);
  return lower_map(r->lower, &l->first, l->ins, l->in_count, expr_cast(exprs, DT_I64, at));
}
