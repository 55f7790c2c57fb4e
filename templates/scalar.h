// What `--emit=c` builds generated functions from: operations on single elements that C leaves undefined or would call
// libm for. Integers wrap; conversions from floats saturate; nothing here traps, allocates or depends on flags.
#pragma once
#include "templates/template.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Before a loop over lanes: no lane reads what another one writes. A step that works in place reads each element just
// before it writes it. gcc has to be told; clang looks for itself at run time.
#ifdef __clang__
#define LANES_LOOP
#else
#define LANES_LOOP _Pragma("GCC ivdep")
#endif

// Whether `at` is an index of `bound` elements; a fault in *status when it is not.
HELPER int is_inside(int64_t at, int64_t bound, Status *status) {
  if (at < 0 || at >= bound) *status = STATUS_INDEX;
  return at >= 0 && at < bound;
}

// Division and remainder towards zero; by zero: a fault in *status and 0. The only overflow, MIN / -1, wraps to MIN.
// Shifts by the width or more give 0. to_X: towards zero, NaN gives 0, beyond the range its nearest end. `U` is an
// unsigned type that C does not promote to int.
#define INTEGER_COMMON(S, T, U, BITS)                                                                                  \
  HELPER T shl_##S(T a, T b) { return (U)b < BITS ? (T)((U)a << b) : 0; }                                              \
  HELPER T shr_##S(T a, T b) { return (U)b < BITS ? (T)(a >> b) : 0; }
#define INTEGER_SIGNED(S, T, U, BITS)                                                                                  \
  INTEGER_COMMON(S, T, U, BITS)                                                                                        \
  HELPER T div_##S(T a, T b, Status *status) {                                                                         \
    if (b == 0) *status = STATUS_DIVIDE;                                                                               \
    return b == 0 ? 0 : b == -1 ? (T)(0 - (U)a) : (T)(a / b);                                                          \
  }                                                                                                                    \
  HELPER T rem_##S(T a, T b, Status *status) {                                                                         \
    if (b == 0) *status = STATUS_DIVIDE;                                                                               \
    return b == 0 || b == -1 ? 0 : (T)(a % b);                                                                         \
  }                                                                                                                    \
  HELPER T to_##S(double x) {                                                                                          \
    const U end = (U)1 << (BITS - 1);                                                                                  \
    return x >= (double)end ? (T)(end - 1) : x < -(double)end ? (T)(0 - end) : x == x ? (T)x : 0;                      \
  }
#define INTEGER_UNSIGNED(S, T, U, BITS)                                                                                \
  INTEGER_COMMON(S, T, U, BITS)                                                                                        \
  HELPER T div_##S(T a, T b, Status *status) {                                                                         \
    if (b == 0) *status = STATUS_DIVIDE;                                                                               \
    return b == 0 ? 0 : (T)(a / b);                                                                                    \
  }                                                                                                                    \
  HELPER T rem_##S(T a, T b, Status *status) {                                                                         \
    if (b == 0) *status = STATUS_DIVIDE;                                                                               \
    return b == 0 ? 0 : (T)(a % b);                                                                                    \
  }                                                                                                                    \
  HELPER T to_##S(double x) {                                                                                          \
    const double end = 2.0 * (double)((U)1 << (BITS - 1));                                                             \
    return x >= end ? (T) - 1 : x > 0 ? (T)x : 0;                                                                      \
  }
// An element of 16 bytes that is only moved.
typedef struct {
  uint64_t low, high;
} Pair;

// Integers of 4 and 2 bits, one a byte.
HELPER int8_t wrap_i4(uint32_t x) { return (int8_t)((int32_t)(x << 28) >> 28); }
HELPER int8_t wrap_i2(uint32_t x) { return (int8_t)((int32_t)(x << 30) >> 30); }

INTEGER_SIGNED(i8, int8_t, uint32_t, 8)
INTEGER_SIGNED(i16, int16_t, uint32_t, 16)
INTEGER_SIGNED(i32, int32_t, uint32_t, 32)
INTEGER_SIGNED(i64, int64_t, uint64_t, 64)
INTEGER_UNSIGNED(u8, uint8_t, uint32_t, 8)
INTEGER_UNSIGNED(u16, uint16_t, uint32_t, 16)
INTEGER_UNSIGNED(u32, uint32_t, uint32_t, 32)
INTEGER_UNSIGNED(u64, uint64_t, uint64_t, 64)
#undef INTEGER_COMMON
#undef INTEGER_SIGNED
#undef INTEGER_UNSIGNED

// Rounding, for float64 and, exactly, for every narrower type. Adding 2^52 leaves no room for a fraction, so that the
// sum is rounded half to even; larger numbers are whole. The sign of zero is kept.
HELPER double round_real(double x) {
  double m = __builtin_fabs(x);
  return m < 0x1p52 ? __builtin_copysign((m + 0x1p52) - 0x1p52, x) : x;
}
HELPER double floor_real(double x) {
  double whole = round_real(x);
  return whole > x ? whole - 1 : whole;
}
HELPER double ceil_real(double x) { return -floor_real(-x); }
HELPER double trunc_real(double x) { return __builtin_copysign(floor_real(__builtin_fabs(x)), x); }

// Correctly rounded; rounded once more to a narrower type it is still correct there. The plain builtin would call
// libm's sqrt for negative numbers, to set errno.
HELPER double sqrt_real(double x) {
#if defined(__SSE2__)
  return _mm_cvtsd_f64(_mm_sqrt_pd(_mm_set1_pd(x)));
#elif defined(__aarch64__)
  return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
#else
  return __builtin_sqrt(x);
#endif
}

// x - y·trunc(x / y), exactly, with the sign of x: long division, one bit a turn. Every difference is exact because
// rest and part differ by less than a factor of two.
HELPER double rem_real(double x, double y) {
  double rest = __builtin_fabs(x), divisor = __builtin_fabs(y), part = divisor;
  if (!(rest < __builtin_inf()) || !(divisor > 0)) return __builtin_nan("");
  while (part <= rest / 2) part *= 2;
  for (; rest >= divisor; part /= 2)
    if (rest >= part) rest -= part;
  return __builtin_copysign(rest, x);
}

// float16 and bfloat16 are stored as uint16_t and computed with as float. Both are sign, exponent, mantissa.
HELPER float f16_to_float(uint16_t h) {
  uint32_t magnitude = h & 0x7fffu, bits = magnitude << 13;
  float x;
  if (magnitude >= 0x7c00) bits |= 0x7f800000;
  memcpy(&x, &bits, sizeof x);
  if (magnitude < 0x7c00) x *= 0x1p112f; // the difference of the exponents' biases; right for denormals too
  return h & 0x8000 ? -x : x;
}
HELPER float bf16_to_float(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// Rounds half to even to a format of 16 bits; beyond its range: infinity.
HELPER uint16_t narrow_real(double x, int mantissa, int bias) {
  uint64_t bits, infinity = (uint64_t)(2 * bias + 1) << mantissa;
  memcpy(&bits, &x, sizeof bits);
  uint64_t sign = bits >> 48 & 0x8000, m = bits & INT64_MAX;
  if (x != x) return (uint16_t)(sign | infinity | (uint64_t)1 << (mantissa - 1));
  int shift = 52 - mantissa, below = 1024 - bias - (int)(m >> 52); // > 0: as many bits less for a denormal result
  if (below > mantissa + 1) return (uint16_t)sign;
  if (below > 0) {
    m = (m & 0xfffffffffffff) | (uint64_t)1 << 52;
    shift += below;
  } else {
    m -= (uint64_t)(1023 - bias) << 52;
  }
  m = (m + ((uint64_t)1 << (shift - 1)) - 1 + (m >> shift & 1)) >> shift;
  return (uint16_t)(sign | (m < infinity ? m : infinity));
}
HELPER uint16_t f16_from_real(double x) { return narrow_real(x, 10, 15); }
HELPER uint16_t bf16_from_real(double x) { return narrow_real(x, 7, 127); }
