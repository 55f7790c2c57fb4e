// Elementwise steps put together operand by operand: loads, sizes, coordinates, and elements at computed indices. For
// operators that are a formula over the coordinates of their output.
//
//   Mapping m = map_over(lower, &out);
//   const Expr *row = map_coord(&m, 0), *x = map_load(&m, &in);
//   return map_done(&m, map_choose(&m, map_op(&m, EX_LT, row, map_dim(&m, n)), x, map_zero(&m)));
#pragma once
#include "compiler/ops/lower.h"

typedef struct {
  Lower *lower;
  ExprTable *exprs;
  View out; // of at most COORDS dims where coordinates are used
  View ins[MAX_VIEWS - 1];
  size_t count;
} Mapping;

Mapping map_over(Lower *lower, const View *out);
const Expr *map_load(Mapping *m, const View *in); // broadcasts to the output
// The only element of a value: a constant where it is one.
const Expr *map_scalar(Mapping *m, const Value *value);
const Expr *map_dim(Mapping *m, Dim dim);          // int64
const Expr *map_coord(const Mapping *m, int axis); // int64, along an axis of the output
static inline const Expr *map_op(const Mapping *m, ScalarOp op, const Expr *a, const Expr *b) {
  return expr_op(m->exprs, op, a, b, NULL);
}
const Expr *map_choose(const Mapping *m, const Expr *condition, const Expr *a, const Expr *b);
const Expr *map_int(const Mapping *m, int64_t i);  // int64
const Expr *map_value(const Mapping *m, double x); // of the output's type
const Expr *map_cast(const Mapping *m, DType type, const Expr *a);
// An index (of any integer type) into an axis as int64: one below 0 counts from the end.
const Expr *map_wrap(Mapping *m, const Expr *index, Dim dim);
// The element at index[i] (int64) along axes of dims[i] elements that lie strides[i] (not negative) apart. `data` leads
// to the first of them; it broadcasts to the output. An index outside of its axis is a run-time fault.
const Expr *map_fetch(Mapping *m, const View *data, int count, const Dim *dims, const Dim *strides,
                      const Expr *const *index);
bool map_done(Mapping *m, const Expr *value);

// A value's elements in row-major order, seen with other dims of the same count.
View lower_shaped(Lower *lower, const Value *value, int rank, const Dim *dims);
// The same of a buffer that is in this order.
View view_shaped(const View *view, int rank, const Dim *dims);
// [dims before the axis, the axis, dims after it].
void group_axis(const Dim *dims, int rank, int axis, Dim groups[3]);
// The node's attribute, which inference has checked, as an axis that is not negative.
int node_axis(const Node *node, const char *name, int64_t otherwise, int rank);
// Numbers of at most one word each that a template reads as an int64 vector: a constant, or out of the frame.
View lower_ints(Lower *lower, size_t count, const Dim *numbers);
