// Resizing any number of axes by any mode. Each axis that changes is a pass, which sums weighted fetches of neighbours.
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/resize.h"

#include <string.h>

enum { CHUNK = 16 }; // taps of one step

static const Expr *binary(Resize *r, ScalarOp op, const Expr *a, const Expr *b) {
  return expr_op(r->exprs, op, a, b, NULL);
}

// A table along one axis of views of a rank.
static View along(const View *table, int axis, int rank) {
  View view = *table;
  view.rank = rank;
  for (int i = 0; i < rank; i++) view.dims[i] = dim_const(1), view.strides[i] = dim_const(0);
  view.dims[axis] = table->dims[table->rank - 1], view.strides[axis] = dim_const(1);
  return view;
}

// Taps [from, to) of an axis; what those before gave is in `sum` (from > 0).
static bool add_taps(Resize *r, const Line *l, const View *x, const View *sum, const View *y, int64_t from,
                     int64_t to) {
  ExprTable *exprs = r->exprs;
  DType type = r->nearest ? x->type : x->type == DT_F64 ? DT_F64 : DT_F32;
  View ins[2 * CHUNK + 8] = {*x, along(&l->first, l->axis, x->rank)};
  size_t count = 2;
  ins[0].dims[l->axis] = dim_const(1);
  const Expr *size = dim_operand(r->lower, DT_I64, l->in, ins, &count), *total = NULL;
  const Expr *stride = dim_operand(r->lower, DT_I64, x->strides[l->axis], ins, &count);
  const Expr *zero = expr_int(exprs, DT_I64, 0), *last = binary(r, EX_SUB, size, expr_int(exprs, DT_I64, 1));
  if (from > 0) {
    ins[count] = *sum;
    total = expr_load(exprs, type, (int)count++);
  }
  for (int64_t k = from; k < to; k++) {
    const Expr *at = binary(r, EX_ADD, expr_load(exprs, DT_I64, 1), expr_int(exprs, DT_I64, k));
    at = binary(r, EX_MAX, zero, binary(r, EX_MIN, at, last));
    const Expr *value = expr_fetch(exprs, x->type, 0, binary(r, EX_MUL, at, stride), binary(r, EX_MUL, size, stride));
    value = expr_cast(exprs, type, value);
    if (!r->nearest) {
      View weight = along(&l->weights, l->axis, x->rank);
      weight.offset = dim_add(weight.offset, dim_times(l->out, k));
      ins[count] = weight;
      value = binary(r, EX_MUL, value, expr_cast(exprs, type, expr_load(exprs, DT_F32, (int)count++)));
    }
    total = total ? binary(r, EX_ADD, total, value) : value;
  }
  if (r->crops && to == l->taps.value) {
    ins[count] = along(&l->outside, l->axis, x->rank);
    const Expr *outside = expr_load(exprs, DT_BOOL, (int)count++);
    total = expr_op(exprs, EX_SELECT, outside, expr_const(exprs, type, r->extrapolation), total);
  }
  return lower_map(r->lower, y, ins, count, expr_cast(exprs, y->type, total));
}

// As many taps as the run finds out: the weighted neighbours as a tensor of its own, [taps, x...], which is summed.
static bool add_open_taps(Resize *r, const Line *l, const View *x, const View *y) {
  ExprTable *exprs = r->exprs;
  int rank = x->rank + 1, axis = l->axis + 1;
  if (rank > MAX_RANK) return lower_error(r->lower, "antialias of tensors of rank %d is not supported", x->rank);
  View ins[8] = {*x, along(&l->first, axis, rank), along(&l->weights, axis, rank)}, terms;
  size_t count = 3;
  Dim dims[MAX_RANK] = {l->taps};
  ins[0].rank = rank;
  ins[0].dims[0] = dim_const(1), ins[0].strides[0] = dim_const(0);
  for (int i = 1; i < rank; i++) {
    dims[i] = y->dims[i - 1];
    ins[0].dims[i] = i == axis ? dim_const(1) : x->dims[i - 1], ins[0].strides[i] = x->strides[i - 1];
  }
  for (int t = 1; t < 3; t++) ins[t].dims[0] = l->taps, ins[t].strides[0] = l->out;
  const Expr *size = dim_operand(r->lower, DT_I64, l->in, ins, &count), *zero = expr_int(exprs, DT_I64, 0);
  const Expr *stride = dim_operand(r->lower, DT_I64, x->strides[l->axis], ins, &count);
  const Expr *last = binary(r, EX_SUB, size, expr_int(exprs, DT_I64, 1));
  const Expr *at = binary(r, EX_MAX, zero, binary(r, EX_MIN, expr_load(exprs, DT_I64, 1), last));
  const Expr *value = expr_fetch(exprs, x->type, 0, binary(r, EX_MUL, at, stride), binary(r, EX_MUL, size, stride));
  const Expr *weight = expr_cast(exprs, y->type, expr_load(exprs, DT_F32, 2));
  View sum = *y;
  sum.rank = rank;
  for (int i = 0; i < rank; i++) {
    sum.dims[i] = i ? y->dims[i - 1] : dim_const(1);
    sum.strides[i] = i ? y->strides[i - 1] : dim_const(0);
  }
  terms = lower_scratch(r->lower, y->type, rank, dims);
  return lower_map(r->lower, &terms, ins, count, binary(r, EX_MUL, expr_cast(exprs, y->type, value), weight)) &&
         lower_reduction(r->lower, REDUCE_SUM, &terms, 1, expr_load(exprs, y->type, 0), (bool[MAX_RANK]){true}, &sum,
                         expr_acc(exprs, y->type));
}

bool lower_resize_general(Lower *lower, Node *node, const Sizes *sizes) {
  Resize r = {.lower = lower, .node = node, .sizes = sizes, .exprs = lower->program->exprs};
  Value *out = node->out[0];
  if (!find_resize_formulas(&r)) return false;
  View x = lower_dense(lower, node->in[0]);
  DType type = r.nearest ? x.type : x.type == DT_F64 ? DT_F64 : DT_F32;
  for (int i = 0; i < x.rank; i++) {
    Line l = {.axis = i, .in = x.dims[i], .out = out->dims[i]};
    if (sizes->computed[i] && !compute_resize_size(&r, &l)) return false;
  }
  for (int i = 0; i < x.rank; i++) {
    Line l = {.axis = i, .in = x.dims[i], .out = out->dims[i]};
    bool same = dim_equal(l.in, l.out) && sizes->scale[i] == 1;
    if (same && !r.crops) continue;
    Dim dims[MAX_RANK];
    memcpy(dims, x.dims, sizeof dims);
    dims[i] = l.out;
    if (!make_resize_tables(&r, &l)) return false;
    View y = x, sum = x;
    if (!dim_is_const(l.taps)) {
      y = lower_scratch(lower, type, x.rank, dims);
      if (!add_open_taps(&r, &l, &x, &y)) return false;
    }
    for (int64_t k = 0, taps = l.taps.value; dim_is_const(l.taps) && k < taps; k += CHUNK) {
      y = lower_scratch(lower, type, x.rank, dims);
      if (!add_taps(&r, &l, &x, &sum, &y, k, k + CHUNK < taps ? k + CHUNK : taps)) return false;
      sum = y;
    }
    x = y;
  }
  View y = lower_out(lower, out);
  const Expr *value = expr_cast(lower->program->exprs, y.type, expr_load(lower->program->exprs, x.type, 0));
  return lower_map(lower, &y, &x, 1, value);
}
