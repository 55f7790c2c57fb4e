// Elements of any type of number in a plain buffer: for templates that compare or combine single elements, with the
// type as a parameter that vanishes when it is constant.
#pragma once
#include "templates/kinds.h"
#include "templates/scalar.h"

// The larger or smaller one; NaN where either is.
#define PICK(to, x, better) ((to) != (to) || (to)better(x) ? (to) : (x))

// *to = *to combined with *from. Integers wrap; of truth values, sums are "or" and products "and".
HELPER void combine(idx type, idx how, void *to, const void *from) {
  switch (type) {
#define FLOAT(name, T)                                                                                                 \
  case name: {                                                                                                         \
    T a = *(T *)to, b = *(const T *)from;                                                                              \
    *(T *)to = how == COMBINE_ADD   ? a + b                                                                            \
               : how == COMBINE_MUL ? a * b                                                                            \
               : how == COMBINE_MAX ? PICK(a, b, >)                                                                    \
               : how == COMBINE_MIN ? PICK(a, b, <)                                                                    \
                                    : b;                                                                               \
    return;                                                                                                            \
  }
#define INTEGER(name, T)                                                                                               \
  case name: {                                                                                                         \
    T a = *(T *)to, b = *(const T *)from;                                                                              \
    *(T *)to = how == COMBINE_ADD   ? (T)((uint64_t)a + (uint64_t)b)                                                   \
               : how == COMBINE_MUL ? (T)((uint64_t)a * (uint64_t)b)                                                   \
               : how == COMBINE_MAX ? PICK(a, b, >)                                                                    \
               : how == COMBINE_MIN ? PICK(a, b, <)                                                                    \
                                    : b;                                                                               \
    return;                                                                                                            \
  }
    FLOAT(NUMBER_F32, float)
    FLOAT(NUMBER_F64, double)
    INTEGER(NUMBER_U8, uint8_t)
    INTEGER(NUMBER_I8, int8_t)
    INTEGER(NUMBER_U16, uint16_t)
    INTEGER(NUMBER_I16, int16_t)
    INTEGER(NUMBER_U32, uint32_t)
    INTEGER(NUMBER_I32, int32_t)
    INTEGER(NUMBER_U64, uint64_t)
    INTEGER(NUMBER_I64, int64_t)
  case NUMBER_BOOL: {
    uint8_t a = *(uint8_t *)to, b = *(const uint8_t *)from;
    *(uint8_t *)to = how == COMBINE_ADD || how == COMBINE_MAX ? a | b : how == COMBINE_NONE ? b : a & b;
    return;
  }
  default: return;
  }
#undef FLOAT
#undef INTEGER
}

// Whether element i is not zero.
HELPER int is_nonzero(idx type, const void *x, idx i) {
  switch (type) {
#define X(name, number, T)                                                                                             \
  case name: return ((const T *)x)[i] != 0;
    NUMBER_TYPES(X)
#undef X
  default: return 0;
  }
}

// A number whose order among the keys of a type is that of the elements. -0 and 0 have one key; NaN has one above all
// others.
HELPER uint64_t order_key(idx type, const void *x, idx i) {
  const uint64_t top = (uint64_t)1 << 63;
  switch (type) {
  case NUMBER_F32:
  case NUMBER_F64: {
    double value = type == NUMBER_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
    uint64_t bits;
    if (value != value) return UINT64_MAX;
    value += 0.0; // -0 becomes 0
    memcpy(&bits, &value, sizeof bits);
    return bits & top ? ~bits : bits | top;
  }
#define X(name, T)                                                                                                     \
  case name: return (uint64_t)(int64_t)((const T *)x)[i] ^ top;
    X(NUMBER_I8, int8_t)
    X(NUMBER_I16, int16_t)
    X(NUMBER_I32, int32_t)
    X(NUMBER_I64, int64_t)
#undef X
#define X(name, T)                                                                                                     \
  case name: return ((const T *)x)[i];
    X(NUMBER_U8, uint8_t)
    X(NUMBER_U16, uint16_t)
    X(NUMBER_U32, uint32_t)
    X(NUMBER_U64, uint64_t)
    X(NUMBER_BOOL, uint8_t)
#undef X
  default: return 0;
  }
}
