// Reductions: ReduceSum and its relatives.
//
// Two templates do all of them: vectors along a kept axis (columns), or along a reduced one (rows). The view decides:
// whichever axis lies contiguously in memory carries the vectors. Axes are joined first; what still has too many is
// copied once, with the reduced axes innermost.
#include "compiler/ops/reduce.h"
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"

#include <math.h>

/* shapes */

// Which axes a node reduces: attribute or second input `axes`; all when there are none, unless noop_with_empty_axes.
static bool read_reduced(Model *model, Node *node, bool *reduced) {
  int rank = node->in[0]->rank;
  size_t count = 0;
  int64_t input_count = 0;
  const int64_t *axes = node_ints(node, "axes", &count);
  if (node_in(node, 1)) {
    axes = need_ints(model, node, 1, &input_count);
    if (!axes) return false;
    count = (size_t)input_count;
  }
  bool all = count == 0 && !node_int(node, "noop_with_empty_axes", 0);
  for (int i = 0; i < MAX_RANK; i++) reduced[i] = all && i < rank;
  for (size_t i = 0; i < count; i++) {
    int axis;
    if (!need_axis(model, node, axes[i], rank, &axis)) return false;
    reduced[axis] = true;
  }
  return true;
}

bool infer_reduce(Model *model, Node *node) {
  bool reduced[MAX_RANK], keep = node_int(node, "keepdims", 1) != 0;
  const Value *in = node->in[0];
  Dim dims[MAX_RANK];
  int rank = 0;
  if (!read_reduced(model, node, reduced)) return false;
  for (int i = 0; i < in->rank; i++)
    if (!reduced[i] || keep) dims[rank++] = reduced[i] ? dim_const(1) : in->dims[i];
  return set_dims(model, node, 0, rank, dims);
}

/* lowering */

static bool is_unit(Axis axis) { return dim_is(axis.stride[0], 1) || dim_is(axis.stride[0], -1); }

bool lower_reduction(Lower *lower, ReduceKind kind, const View *ins, int in_count, const Expr *load,
                     const bool *reduced, const View *out, const Expr *store) {
  ExprTable *exprs = lower->program->exprs;
  View wide[2];
  bool kept[MAX_RANK], any = false;
  const View *views[3] = {&wide[0], in_count > 1 ? &wide[1] : out, out};
  if (view_is_empty(out)) return true;
  for (int i = 0; i < in_count; i++) wide[i] = view_broadcast(&ins[i], ins[0].rank, ins[0].dims);
  for (int i = 0; i < out->rank; i++) {
    kept[i] = !reduced[i];
    any |= reduced[i] && !dim_is(ins[0].dims[i], 1);
  }
  if (!any) return lower_map(lower, out, wide, (size_t)in_count, expr_substitute(exprs, store, load, NULL));

  Axes outer = axes_join(views, 3, kept, true), inner = axes_join(views, in_count, reduced, true);
  // The innermost axis of both kinds; the contiguous one carries the vectors.
  Axis column = axes_from_end(&outer, 0), row = axes_from_end(&inner, 0);
  bool rows = is_unit(row) || !is_unit(column);
  if (outer.count > 2 || inner.count > 2) {
    View copy = lower_scratch(lower, load->type, wide[0].rank, wide[0].dims);
    order_innermost(&copy, reduced);
    return lower_map(lower, &copy, wide, (size_t)in_count, load) &&
           lower_reduction(lower, kind, &copy, 1, expr_load(exprs, load->type, 0), reduced, out, store);
  }
  Axis one = no_axis, outer1 = axes_from_end(&outer, 1), inner1 = axes_from_end(&inner, 1);
  if (!rows && dim_compare(inner1.dim, row.dim) > 0) { // the longer of the two reduced axes goes last
    Axis swap = row;
    row = inner1, inner1 = swap;
  }
  Axis in_coords[COORDS] = {outer1, rows ? column : inner1, rows ? inner1 : row, rows ? row : column};
  Axis out_coords[COORDS] = {one, one, outer1, column};
  Step *step = lower_step(lower, rows ? "reduce_row_f32" : "reduce_f32");
  step_int(lower->program, step, kind);
  for (int i = 0; i < COORDS; i++) step_dims(lower->program, step, 1, &in_coords[i].dim);
  const Expr *loads[2] = {0};
  View along = axes_view(&wide[0], 0, in_coords);
  Func *func = step_load(lower, step, &along);
  func->acc = load->type;
  loads[0] = func->values[0];
  if (in_count > 1) {
    along = axes_view(&wide[1], 1, in_coords);
    loads[1] = expr_load(exprs, wide[1].type, step_load_more(lower, step, func, &along));
  }
  func->values[0] = expr_substitute(exprs, load, NULL, loads);
  along = axes_view(out, 2, out_coords);
  step_store(lower, step, &along)->values[0] = store;
  step->parts = count_parts(view_count(&wide[0]), 4096);
  return true;
}

bool lower_plain_reduction(Lower *lower, ReduceKind kind, bool mean, const View *in, const bool *reduced,
                           const View *out) {
  ExprTable *exprs = lower->program->exprs;
  Dim count = dim_const(1);
  for (int i = 0; i < in->rank; i++) count = reduced[i] ? dim_mul(count, in->dims[i]) : count;
  const Expr *acc = expr_acc(exprs, out->type), *x = expr_load(exprs, in->type, 0);
  if (!mean) return lower_reduction(lower, kind, in, 1, x, reduced, out, acc);
  if (dim_is_const(count)) {
    acc = expr_op(exprs, EX_MUL, acc, expr_float(exprs, out->type, 1.0 / (double)count.value), NULL);
    return lower_reduction(lower, kind, in, 1, x, reduced, out, acc);
  }
  View sum = lower_scratch(lower, out->type, out->rank, out->dims), divisor = lower_numbers(lower, 1, &count);
  const Expr *n = expr_cast(exprs, out->type, expr_load(exprs, DT_I64, 1));
  return lower_reduction(lower, kind, in, 1, x, reduced, &sum, acc) &&
         lower_map(lower, out, (View[]){sum, divisor}, 2,
                   expr_op(exprs, EX_DIV, expr_load(exprs, out->type, 0), n, NULL));
}

// The node's output with its reduced axes kept as dims of 1.
static View make_output(Lower *lower, Node *node, const View *in, const bool *reduced) {
  View out = lower_out(lower, node->out[0]), wide;
  Dim dims[MAX_RANK];
  for (int i = 0; i < in->rank; i++) dims[i] = reduced[i] ? dim_const(1) : in->dims[i];
  view_reshape(&out, in->rank, dims, &wide);
  return wide;
}

// A rule says what is reduced and what becomes of it, as formulas over x and acc.
static const Expr *find_operand(void *context, const char *name, size_t length) {
  (void)length;
  ExprTable *exprs = context;
  return *name == 'x' ? expr_load(exprs, DT_F32, 0) : expr_acc(exprs, DT_F32);
}

static bool lower_rule(Lower *lower, Node *node, ReduceKind kind, const char *before, const char *after) {
  ExprTable *exprs = lower->program->exprs;
  bool reduced[MAX_RANK];
  if (!read_reduced(lower->model, node, reduced)) return false;
  View in = lower_in(lower, node->in[0]), out = make_output(lower, node, &in, reduced);
  return lower_reduction(lower, kind, &in, 1, formula_read(exprs, before, find_operand, exprs), reduced, &out,
                         formula_read(exprs, after, find_operand, exprs));
}

#define REDUCE(name, kind, before, after)                                                                              \
  bool lower_reduce_##name(Lower *lower, Node *node) { return lower_rule(lower, node, kind, before, after); }
REDUCE(l1, REDUCE_SUM, "abs(x)", "acc")
REDUCE(l2, REDUCE_SUM, "x * x", "sqrt(acc)")
REDUCE(log_sum, REDUCE_SUM, "x", "log(acc)")
REDUCE(max, REDUCE_MAX, "x", "acc")
REDUCE(min, REDUCE_MIN, "x", "acc")
REDUCE(prod, REDUCE_PRODUCT, "x", "acc")
REDUCE(sum, REDUCE_SUM, "x", "acc")
REDUCE(sum_square, REDUCE_SUM, "x * x", "acc")
#undef REDUCE

bool lower_reduce_mean(Lower *lower, Node *node) {
  bool reduced[MAX_RANK];
  if (!read_reduced(lower->model, node, reduced)) return false;
  View in = lower_in(lower, node->in[0]), out = make_output(lower, node, &in, reduced);
  return lower_plain_reduction(lower, REDUCE_SUM, true, &in, reduced, &out);
}

// log Σ e^x as top + log Σ e^(x - top), top being the maximum where that is finite: no sum overflows.
bool lower_reduce_log_sum_exp(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  bool reduced[MAX_RANK];
  if (!read_reduced(lower->model, node, reduced)) return false;
  View in = lower_in(lower, node->in[0]), out = make_output(lower, node, &in, reduced);
  View top = lower_scratch(lower, in.type, out.rank, out.dims), sum = top;
  sum.buffer = lower_scratch(lower, in.type, out.rank, out.dims).buffer;
  const Expr *acc = expr_acc(exprs, in.type), *zero = expr_float(exprs, in.type, 0);
  const Expr *x = expr_load(exprs, in.type, 0), *y = expr_load(exprs, in.type, 1);
  const Expr *infinite =
      expr_op(exprs, EX_EQ, expr_op(exprs, EX_ABS, acc, NULL, NULL), expr_float(exprs, in.type, INFINITY), NULL);
  return lower_reduction(lower, REDUCE_MAX, &in, 1, x, reduced, &top, expr_op(exprs, EX_SELECT, infinite, zero, acc)) &&
         lower_reduction(lower, REDUCE_SUM, (View[]){in, top}, 2,
                         expr_op(exprs, EX_EXP, expr_op(exprs, EX_SUB, x, y, NULL), NULL, NULL), reduced, &sum,
                         expr_op(exprs, EX_LOG, acc, NULL, NULL)) &&
         lower_map(lower, &out, (View[]){sum, top}, 2, expr_op(exprs, EX_ADD, x, y, NULL));
}
