// Reductions of views, for every family that needs one (global pools, dot products).
#pragma once
#include "compiler/ops/ops.h"

typedef enum { REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PRODUCT } ReduceKind; // as in templates/reduce.h

// out = store(reduction of load(ins) over the axes that are `reduced`). All views have the same rank; ins[0] has every
// dim, the others broadcast to it, and `out` has 1 in the reduced axes. `load` is over EX_LOAD i = ins[i] (at most
// two), `store` over EX_ACC.
bool lower_reduction(Lower *lower, ReduceKind kind, const View *ins, int in_count, const Expr *load,
                     const bool *reduced, const View *out, const Expr *store);
// The same by the template that takes any number of axes and any type: for views that nobody should copy, such as
// overlapping windows. float32 always goes the faster way in lower_reduction.
bool lower_fold(Lower *lower, ReduceKind kind, const View *ins, int in_count, const Expr *load, const bool *reduced,
                const View *out, const Expr *store);
// Mean, maximum, ... of one view without anything around it.
bool lower_plain_reduction(Lower *lower, ReduceKind kind, bool mean, const View *in, const bool *reduced,
                           const View *out);
