// Elementwise steps over more dims than a step has coordinates, where they cannot be joined: everything is laid out in
// one line first, by copies of any rank, and coordinates are computed from the place in that line.
#include "compiler/ops/lower.h"

#include <string.h>

// Copies a view to another of equal dims and type.
static void copy_box(Lower *lower, const View *out, const View *in) {
  enum { NUMBERS = 3 }; // of an axis: dim and both strides
  Dim numbers[NUMBERS * MAX_RANK];
  int last = out->rank - 1;
  for (int i = 0; i < last; i++) {
    numbers[NUMBERS * i] = out->dims[i];
    numbers[NUMBERS * i + 1] = in->strides[i];
    numbers[NUMBERS * i + 2] = out->strides[i];
  }
  Program *program = lower->program;
  Step *step = lower_step(lower, "copy_box");
  ADD_DIMS(program, step, dim_const(dtype_unit(out->type)), dim_const(last));
  step_table(lower, step, (size_t)(NUMBERS * last), numbers);
  ADD_DIMS(program, step, out->dims[last], in->strides[last], out->strides[last]);
  step_view(lower, step, in);
  step_view(lower, step, out);
  step->parts = count_parts(view_count(out), 4096);
}

static bool is_one_element(const View *view) {
  for (int i = 0; i < view->rank; i++)
    if (!dim_is(view->strides[i], 0)) return false;
  return true;
}

typedef struct {
  Lower *lower;
  const View *out; // the space
  View *ins;       // what the expression loads, in one line
  size_t in_count;
  const Expr *coords[MAX_RANK];
  const View *fetched[MAX_VIEWS];
} Wide;

static const Expr *number(Wide *w, Dim value) { return dim_operand(w->lower, DT_I64, value, w->ins, &w->in_count); }

// Coordinate along dim i: (place / elements behind the dim) % dim.
static const Expr *coordinate(Wide *w, int i) {
  ExprTable *exprs = w->lower->program->exprs;
  if (w->coords[i]) return w->coords[i];
  Dim behind = dims_product(w->out->dims, i + 1, w->out->rank);
  const Expr *at = expr_coord(exprs, COORDS - 1);
  if (!dim_is(behind, 1)) at = expr_op(exprs, EX_DIV, at, number(w, behind), NULL);
  if (i > 0) at = expr_op(exprs, EX_REM, at, number(w, w->out->dims[i]), NULL);
  return w->coords[i] = at;
}

static const Expr *rewrite(Wide *w, const Expr *e);

// A fetch at an index is one at index + Σ coordinate · stride, which stays outside where the index was outside.
static const Expr *rewrite_fetch(Wide *w, const Expr *e) {
  ExprTable *exprs = w->lower->program->exprs;
  const View *view = w->fetched[e->index];
  const Expr *at = rewrite(w, e->a[0]), *bound = rewrite(w, e->a[1]), *place = at, *end = bound;
  const Expr *minus = expr_int(exprs, DT_I64, -1);
  for (int i = 0; i < view->rank; i++) {
    if (dim_is(view->strides[i], 0)) continue;
    const Expr *stride = number(w, view->strides[i]), *last = number(w, dim_plus(view->dims[i], -1));
    place = expr_op(exprs, EX_ADD, place, expr_op(exprs, EX_MUL, coordinate(w, i), stride, NULL), NULL);
    end = expr_op(exprs, EX_ADD, end, expr_op(exprs, EX_MUL, last, stride, NULL), NULL);
  }
  if (place != at) {
    const Expr *inside =
        expr_op(exprs, EX_AND, expr_op(exprs, EX_LT, minus, at, NULL), expr_op(exprs, EX_LT, at, bound, NULL), NULL);
    place = expr_op(exprs, EX_SELECT, inside, place, minus);
  }
  return expr_fetch(exprs, e->type, e->index, place, end);
}

static const Expr *rewrite(Wide *w, const Expr *e) {
  ExprTable *exprs = w->lower->program->exprs;
  if (e->op == EX_COORD) return coordinate(w, e->index - (COORDS - w->out->rank));
  if (e->op == EX_FETCH) return rewrite_fetch(w, e);
  if (e->op == EX_CAST) return expr_cast(exprs, e->type, rewrite(w, e->a[0]));
  if (scalar_arity(e->op) == 0) return e;
  const Expr *a[3] = {0};
  for (int i = 0; i < 3 && e->a[i]; i++) a[i] = rewrite(w, e->a[i]);
  return expr_op(exprs, e->op, a[0], a[1], a[2]);
}

bool lower_map_wide(Lower *lower, const View *views, size_t count, const bool *fetched, const Expr *value) {
  const View *out = &views[0];
  Dim all = view_count(out), one = dim_const(1);
  if (value->op == EX_LOAD) return copy_box(lower, out, &views[1 + value->index]), true;
  View line = view_dense(NULL, out->type, 1, &all), ins[MAX_VIEWS];
  Wide w = {.lower = lower, .out = out, .ins = ins, .in_count = count - 1};
  for (size_t v = 1; v < count; v++) {
    View dense = view_dense(views[v].buffer, views[v].type, out->rank, out->dims);
    ins[v - 1] = view_dense(views[v].buffer, views[v].type, 1, &all);
    ins[v - 1].offset = views[v].offset;
    if (fetched[v - 1] || is_one_element(&views[v])) {
      ins[v - 1].dims[0] = one;
      if (fetched[v - 1]) w.fetched[v - 1] = &views[v];
      continue;
    }
    if (view_is_dense(&views[v])) continue;
    dense = lower_scratch(lower, dense.type, dense.rank, dense.dims);
    copy_box(lower, &dense, &views[v]);
    ins[v - 1].buffer = dense.buffer;
    ins[v - 1].offset = dense.offset;
  }
  bool direct = view_is_dense(out);
  View made = direct ? *out : lower_scratch(lower, out->type, out->rank, out->dims);
  line.buffer = made.buffer, line.offset = made.offset;
  const Expr *flat = rewrite(&w, value);
  if (w.in_count >= MAX_VIEWS) return lower_error(lower, "elementwise over too many dims");
  if (!lower_map(lower, &line, ins, w.in_count, flat)) return false;
  if (!direct) copy_box(lower, out, &made);
  return true;
}
