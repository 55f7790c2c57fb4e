// ONNX's floats of 8 and 4 bits.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// dtype: ONNX TensorProto.DataType of such a type. NaN and infinities where the type has them.
double read_minifloat(uint32_t dtype, uint32_t code);
// The nearest code, ties to even. False where the type cannot hold the value: beyond its range without an infinity, NaN
// without a NaN; of float8e8m0, which has no significand, all but powers of two.
bool write_minifloat(uint32_t dtype, double value, uint8_t *code);
