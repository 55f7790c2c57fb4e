// Reductions: ReduceSum and its relatives.
//
// Two templates do all of them: vectors along a kept axis (columns), or along a reduced one (rows). The view decides:
// whichever axis lies contiguously in memory carries the vectors. Axes are joined first; what still has too many is
// copied once, with the reduced axes innermost.
#include "compiler/ops/reduce.h"
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/marks.h"

#include <math.h>
#include <string.h>

/* shapes */

// Which axes a node reduces: attribute or second input `axes`; all when there are none, unless noop_with_empty_axes.
// *count: how many there are.
static bool read_reduced(Model *model, Node *node, Dim *reduced, int64_t *count) {
  int rank = node->in[0]->rank;
  const Dim *axes = attr_dims(model, node, "axes", count);
  if (node_in(node, 1) && !(axes = need_elems(model, node, 1, count))) return false;
  bool all = *count == 0 && !node_int(node, "noop_with_empty_axes", 0);
  if (!mark_axes(model, node, *count, axes, rank, false, reduced)) return false;
  for (int i = 0; i < rank && all; i++) reduced[i] = dim_const(1);
  if (!marks_are_const(reduced, rank)) return true;
  *count = 0; // of different ones
  for (int i = 0; i < rank; i++) *count += reduced[i].value;
  return true;
}

// The dims with 1 in place of those that are reduced.
static void flatten_dims(Model *model, const Dim *reduced, int rank, const Dim *dims, Dim *out) {
  for (int i = 0; i < rank; i++) {
    Dim one = dim_const(1);
    out[i] = dim_is_const(reduced[i]) ? (reduced[i].value ? one : dims[i])
                                      : dim_define(model->dims, "dim", dim_choose(reduced[i], one, dims[i]));
  }
}

bool infer_reduce(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim reduced[MAX_RANK], dims[MAX_RANK];
  int64_t count;
  if (!read_reduced(model, node, reduced, &count)) return false;
  if (count > in->rank) return node_error(model, node, "'axes' has more elements than 'data' has axes");
  if (node_int(node, "keepdims", 1)) {
    flatten_dims(model, reduced, in->rank, in->dims, dims);
    return set_dims(model, node, 0, in->rank, dims);
  }
  drop_marked(model, reduced, in->rank, in->dims, count, dims);
  return set_dims(model, node, 0, in->rank - (int)count, dims);
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
  if (load->type != DT_F32) return lower_fold(lower, kind, ins, in_count, load, reduced, out, store);

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

// Divides what `sum` makes, a sum over the dims of `out`, by `count`.
typedef bool Sum(Lower *lower, const void *context, const View *out, const Expr *store);
static bool lower_mean(Lower *lower, Sum *sum, const void *context, Dim count, const View *out) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *acc = expr_acc(exprs, out->type), *n;
  bool real = dtype_is_float(out->type);
  if (dim_is_const(count)) {
    n = expr_const(exprs, out->type, real ? 1.0 / (double)count.value : (double)count.value);
    return sum(lower, context, out, expr_op(exprs, real ? EX_MUL : EX_DIV, acc, n, NULL));
  }
  View ins[2] = {lower_scratch(lower, out->type, out->rank, out->dims)};
  size_t in_count = 1;
  n = dim_operand(lower, out->type, count, ins, &in_count);
  return sum(lower, context, &ins[0], acc) &&
         lower_map(lower, out, ins, in_count, expr_op(exprs, EX_DIV, expr_load(exprs, out->type, 0), n, NULL));
}

typedef struct {
  const View *in;
  const bool *reduced;
} Plain;

static bool sum_plain(Lower *lower, const void *context, const View *out, const Expr *store) {
  const Plain *p = context;
  const Expr *x = expr_load(lower->program->exprs, p->in->type, 0);
  return lower_reduction(lower, REDUCE_SUM, p->in, 1, x, p->reduced, out, store);
}

bool lower_plain_reduction(Lower *lower, ReduceKind kind, bool mean, const View *in, const bool *reduced,
                           const View *out) {
  ExprTable *exprs = lower->program->exprs;
  Dim count = dim_const(1);
  for (int i = 0; i < in->rank; i++) count = reduced[i] ? dim_mul(count, in->dims[i]) : count;
  if (mean) return lower_mean(lower, sum_plain, &(Plain){in, reduced}, count, out);
  return lower_reduction(lower, kind, in, 1, expr_load(exprs, in->type, 0), reduced, out, expr_acc(exprs, out->type));
}

/* operators */

// A node's operands, of equal rank. `marks` are 1 or 0, or what the run finds out.
typedef struct {
  View in, out;
  Dim marks[MAX_RANK], count; // elements that make one
  bool reduced[MAX_RANK], constant;
} Reduction;

static bool read_reduction(Lower *lower, Node *node, Reduction *r) {
  Dim flat[MAX_RANK], one = dim_const(1);
  int64_t count;
  *r = (Reduction){.in = lower_in(lower, node->in[0]), .count = one};
  View out = lower_out(lower, node->out[0]);
  if (!read_reduced(lower->model, node, r->marks, &count)) return false;
  lower_check_marks(lower, r->marks, r->in.rank, count);
  flatten_dims(lower->model, r->marks, r->in.rank, r->in.dims, flat);
  r->constant = marks_are_const(r->marks, r->in.rank);
  r->out = view_dense(out.buffer, out.type, r->in.rank, flat);
  for (int i = 0; i < r->in.rank; i++) {
    Dim dim = r->in.dims[i];
    r->reduced[i] = dim_is(r->marks[i], 1);
    if (!dim_is_const(r->marks[i])) dim = dim_define(lower->model->dims, "dim", dim_choose(r->marks[i], dim, one));
    if (!dim_is(r->marks[i], 0)) r->count = dim_mul(r->count, dim);
  }
  return true;
}

// Where only the run tells whether an axis is reduced, views get it twice, as a kept and as a reduced one: one of the
// two has size 1 then.
static bool lower_run_time_axes(Lower *lower, const Reduction *r, ReduceKind kind, View in, View out,
                                const Expr *store) {
  bool reduced[MAX_RANK];
  int rank = in.rank;
  memcpy(reduced, r->reduced, sizeof reduced);
  for (int i = 0; i < r->in.rank; i++) {
    if (dim_is_const(r->marks[i])) continue;
    if (rank == MAX_RANK) return lower_error(lower, "run-time axes of a tensor of rank %d are not supported", in.rank);
    in.dims[rank] = dim_choose(r->marks[i], in.dims[i], dim_const(1));
    in.strides[rank] = in.strides[i];
    in.dims[i] = out.dims[i];
    out.dims[rank] = dim_const(1), out.strides[rank] = dim_const(0);
    reduced[rank++] = true;
  }
  in.rank = out.rank = rank;
  return lower_fold(lower, kind, &in, 1, expr_load(lower->program->exprs, in.type, 0), reduced, &out, store);
}

static bool lower_reduce(Lower *lower, const Reduction *r, ReduceKind kind, const View *ins, int in_count,
                         const Expr *load, const View *out, const Expr *store) {
  if (r->constant) return lower_reduction(lower, kind, ins, in_count, load, r->reduced, out, store);
  View terms = ins[0];
  if (load->op != EX_LOAD) {
    terms = lower_scratch(lower, load->type, r->in.rank, r->in.dims);
    if (!lower_map(lower, &terms, ins, (size_t)in_count, load)) return false;
  }
  return lower_run_time_axes(lower, r, kind, terms, *out, store);
}

// A rule says what is reduced and what becomes of it, as formulas over x and acc. `real`: integers are computed with as
// float64.
typedef struct {
  ExprTable *exprs;
  DType in, type;
} Operands;

static const Expr *find_operand(void *context, const char *name, size_t length) {
  (void)length;
  const Operands *o = context;
  if (*name == 'a') return expr_acc(o->exprs, o->type);
  return expr_cast(o->exprs, o->type, expr_load(o->exprs, o->in, 0));
}

static bool lower_rule(Lower *lower, Node *node, ReduceKind kind, bool real, const char *before, const char *after) {
  Reduction r;
  if (!read_reduction(lower, node, &r)) return false;
  Operands o = {lower->program->exprs, r.in.type, real && !dtype_is_float(r.in.type) ? DT_F64 : r.in.type};
  const Expr *load = formula_read(o.exprs, before, find_operand, &o);
  const Expr *store = formula_read(o.exprs, after, find_operand, &o);
  return lower_reduce(lower, &r, kind, &r.in, 1, load, &r.out, expr_cast(o.exprs, r.out.type, store));
}

#define REDUCE(name, kind, real, before, after)                                                                        \
  bool lower_reduce_##name(Lower *lower, Node *node) { return lower_rule(lower, node, kind, real, before, after); }
REDUCE(l1, REDUCE_SUM, false, "abs(x)", "acc")
REDUCE(l2, REDUCE_SUM, true, "x * x", "sqrt(acc)")
REDUCE(log_sum, REDUCE_SUM, true, "x", "log(acc)")
REDUCE(max, REDUCE_MAX, false, "x", "acc")
REDUCE(min, REDUCE_MIN, false, "x", "acc")
REDUCE(prod, REDUCE_PRODUCT, false, "x", "acc")
REDUCE(sum, REDUCE_SUM, false, "x", "acc")
REDUCE(sum_square, REDUCE_SUM, false, "x * x", "acc")
#undef REDUCE

static bool sum_of_node(Lower *lower, const void *context, const View *out, const Expr *store) {
  const Reduction *r = context;
  const Expr *x = expr_load(lower->program->exprs, r->in.type, 0);
  return lower_reduce(lower, r, REDUCE_SUM, &r->in, 1, x, out, store);
}

bool lower_reduce_mean(Lower *lower, Node *node) {
  Reduction r;
  return read_reduction(lower, node, &r) && lower_mean(lower, sum_of_node, &r, r.count, &r.out);
}

// log Σ e^x as top + log Σ e^(x - top), top being the maximum where that is finite: no sum overflows.
bool lower_reduce_log_sum_exp(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  Reduction r;
  if (!read_reduction(lower, node, &r)) return false;
  DType type = dtype_is_float(r.in.type) ? r.in.type : DT_F64;
  View top = lower_scratch(lower, type, r.out.rank, r.out.dims), sum = top;
  sum.buffer = lower_scratch(lower, type, r.out.rank, r.out.dims).buffer;
  const Expr *acc = expr_acc(exprs, type), *zero = expr_float(exprs, type, 0);
  const Expr *x = expr_cast(exprs, type, expr_load(exprs, r.in.type, 0)), *y = expr_load(exprs, type, 1);
  const Expr *infinite =
      expr_op(exprs, EX_EQ, expr_op(exprs, EX_ABS, acc, NULL, NULL), expr_float(exprs, type, INFINITY), NULL);
  const Expr *power = expr_op(exprs, EX_EXP, expr_op(exprs, EX_SUB, x, y, NULL), NULL, NULL);
  const Expr *result = expr_op(exprs, EX_ADD, expr_load(exprs, type, 0), y, NULL);
  return lower_reduce(lower, &r, REDUCE_MAX, &r.in, 1, x, &top, expr_op(exprs, EX_SELECT, infinite, zero, acc)) &&
         lower_reduce(lower, &r, REDUCE_SUM, (View[]){r.in, top}, 2, power, &sum,
                      expr_op(exprs, EX_LOG, acc, NULL, NULL)) &&
         lower_map(lower, &r.out, (View[]){sum, top}, 2, expr_cast(exprs, r.out.type, result));
}
