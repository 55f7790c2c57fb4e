// What quantised operators of all domains share: q stands for (q - zero point) · scale. Zero points may be NULL.
#pragma once
#include "compiler/ops/expand.h"

// q - zero point, exact in float32.
Value *centred(Expansion *e, Value *q, Value *zero_point);
Value *dequantised(Expansion *e, Value *q, Value *scale, Value *zero_point);
// The integer of `type` nearest to x / scale + zero point. `scale` NULL: x is divided already.
Value *quantised(Expansion *e, Value *x, Value *scale, Value *zero_point, DType type);
// A scale or zero point of rows as a column; one for all stays as it is.
Value *as_column(Expansion *e, Value *value);
// The int32 product of centred matrices, whose zero points may belong to the rows of a and the columns of b. `terms`:
// the columns of a; where the run tells it is a product of int32. NULL after an error.
Value *integer_matmul(Expansion *e, Value *a, Value *a_zero, Value *b, Value *b_zero, Dim terms);
// x as uint8 with one scale for all, as DynamicQuantizeLinear does.
typedef struct {
  Value *q, *scale, *zero_point;
} Quantised;
Quantised quantised_dynamically(Expansion *e, Value *x);
