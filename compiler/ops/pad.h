// Borders around a view.
#pragma once
#include "compiler/ops/ops.h"

// Copies `in` into `out`, `begin` elements from its start along each axis, and fills what is left around it with
// `value`: a constant, or EX_LOAD 0 of the one element of `element`. The copy is an elementwise step of its own, so
// that the step which makes `in` can write there at once.
bool lower_border(Lower *lower, const View *out, const View *in, const Dim *begin, const Expr *value,
                  const View *element);
