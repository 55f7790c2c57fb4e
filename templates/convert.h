// Element types narrower than what is computed with: small floats, and integers of 4 and 2 bits.
//
// X_to_f32 and X_from_f32 convert one code, rounding half to even; what is too large becomes the largest number, or
// with _open infinity, or NaN where the type has none. NAME_lanes does V of them: for the LLVM emitter.
#pragma once
#include "templates/scalar.h"

// What the codes above the largest finite number mean.
enum {
  SMALL_IEEE,       // infinities and NaNs, as float16 has them
  SMALL_ALL_ONES,   // one NaN of each sign, all other bits set; no infinities
  SMALL_MINUS_ZERO, // one NaN in the place of -0, no infinities
  SMALL_FINITE,     // nothing but numbers
};

HELPER uint32_t bits_of_f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
HELPER float f32_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// A code of sign, exponent and mantissa; `bits` in all.
HELPER float widen_small(uint32_t code, int bits, int mantissa, int bias, int special) {
  uint32_t sign = code >> (bits - 1) & 1, magnitude = code & (((uint32_t)1 << (bits - 1)) - 1);
  uint32_t most = ((uint32_t)1 << (bits - 1)) - 1, infinity = most - (((uint32_t)1 << mantissa) - 1);
  // A product with the difference of the exponents' biases is right for denormals too.
  float x = f32_of_bits(magnitude << (23 - mantissa)) * f32_of_bits((uint32_t)(254 - bias) << 23);
  uint32_t y = bits_of_f32(x);
  if (special == SMALL_IEEE && magnitude >= infinity) y = 0x7f800000 | (magnitude - infinity) << (23 - mantissa);
  if (special == SMALL_ALL_ONES && magnitude == most) y = 0x7fc00000;
  if (special == SMALL_MINUS_ZERO && code == most + 1) y = 0x7fc00000;
  return f32_of_bits(y | sign << 31);
}

HELPER uint32_t narrow_small(float x, int bits, int mantissa, int bias, int special, int open) {
  uint32_t raw = bits_of_f32(x), m = raw & 0x7fffffff, sign = raw >> 31 << (bits - 1);
  uint32_t most = ((uint32_t)1 << (bits - 1)) - 1, infinity = most - (((uint32_t)1 << mantissa) - 1);
  uint32_t top = special == SMALL_IEEE ? infinity - 1 : special == SMALL_ALL_ONES ? most - 1 : most;
  int shift = 23 - mantissa;
  // Denormals: a sum with a number whose last place is theirs rounds as it must.
  uint32_t anchor = (uint32_t)(127 + 24 - bias - mantissa) << 23;
  uint32_t low = bits_of_f32(f32_of_bits(m) + f32_of_bits(anchor)) - anchor;
  uint32_t high = m - ((uint32_t)(127 - bias) << 23);
  high = (high + ((uint32_t)1 << (shift - 1)) - 1 + (high >> shift & 1)) >> shift;
  uint32_t code = m < (uint32_t)(128 - bias) << 23 ? low : high;
  uint32_t beyond = special == SMALL_IEEE ? infinity : special == SMALL_MINUS_ZERO ? most + 1 : most;
  uint32_t nan = special == SMALL_IEEE ? infinity | (uint32_t)1 << (mantissa - 1) : beyond;
  if (code > top) code = open ? beyond : top;
  if (m > 0x7f800000) code = nan;
  if (special == SMALL_FINITE && m > 0x7f800000) code = sign = 0; // there is nothing better
  if (special == SMALL_MINUS_ZERO && (code == 0 || code == most + 1)) sign = 0;
  return code | sign;
}

TEMPLATE float f8e4m3fn_to_f32(uint8_t x) { return widen_small(x, 8, 3, 7, SMALL_ALL_ONES); }
TEMPLATE float f8e4m3fnuz_to_f32(uint8_t x) { return widen_small(x, 8, 3, 8, SMALL_MINUS_ZERO); }
TEMPLATE float f8e5m2_to_f32(uint8_t x) { return widen_small(x, 8, 2, 15, SMALL_IEEE); }
TEMPLATE float f8e5m2fnuz_to_f32(uint8_t x) { return widen_small(x, 8, 2, 16, SMALL_MINUS_ZERO); }
TEMPLATE float f4e2m1_to_f32(uint8_t x) { return widen_small(x, 4, 1, 1, SMALL_FINITE); }
TEMPLATE uint8_t f8e4m3fn_from_f32(float x) { return (uint8_t)narrow_small(x, 8, 3, 7, SMALL_ALL_ONES, 0); }
TEMPLATE uint8_t f8e4m3fnuz_from_f32(float x) { return (uint8_t)narrow_small(x, 8, 3, 8, SMALL_MINUS_ZERO, 0); }
TEMPLATE uint8_t f8e5m2_from_f32(float x) { return (uint8_t)narrow_small(x, 8, 2, 15, SMALL_IEEE, 0); }
TEMPLATE uint8_t f8e5m2fnuz_from_f32(float x) { return (uint8_t)narrow_small(x, 8, 2, 16, SMALL_MINUS_ZERO, 0); }
TEMPLATE uint8_t f4e2m1_from_f32(float x) { return (uint8_t)narrow_small(x, 4, 1, 1, SMALL_FINITE, 0); }
TEMPLATE uint8_t f8e4m3fn_from_f32_open(float x) { return (uint8_t)narrow_small(x, 8, 3, 7, SMALL_ALL_ONES, 1); }
TEMPLATE uint8_t f8e4m3fnuz_from_f32_open(float x) { return (uint8_t)narrow_small(x, 8, 3, 8, SMALL_MINUS_ZERO, 1); }
TEMPLATE uint8_t f8e5m2_from_f32_open(float x) { return (uint8_t)narrow_small(x, 8, 2, 15, SMALL_IEEE, 1); }
TEMPLATE uint8_t f8e5m2fnuz_from_f32_open(float x) { return (uint8_t)narrow_small(x, 8, 2, 16, SMALL_MINUS_ZERO, 1); }

// float16 and bfloat16, for CPUs and types that lack an instruction.
TEMPLATE float f16_to_f32(uint16_t x) { return widen_small(x, 16, 10, 15, SMALL_IEEE); }
TEMPLATE uint16_t f16_from_f32(float x) { return (uint16_t)narrow_small(x, 16, 10, 15, SMALL_IEEE, 1); }
TEMPLATE float bf16_to_f32(uint16_t x) { return f32_of_bits((uint32_t)x << 16); }
TEMPLATE uint16_t bf16_from_f32(float x) {
  uint32_t bits = bits_of_f32(x);
  return (uint16_t)(x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// float8e8m0: 2^(code - 127), 255 is NaN. A sign is not seen. Rounds up, down, or to the nearest with ties up; beyond
// its range: the nearest end, or with _open NaN.
TEMPLATE float f8e8m0_to_f32(uint8_t x) {
  return f32_of_bits(x == 255 ? 0x7fc00000 : x == 0 ? 0x400000 : (uint32_t)x << 23);
}
HELPER uint8_t narrow_f8e8m0(float x, uint32_t add, int open) {
  uint32_t m = bits_of_f32(x) & 0x7fffffff, code = (m + add) >> 23;
  // Below 2^-126 half an exponent's step is the least power, 2^-127.
  if (m < 0x800000) code = add == 0x7fffff ? m > 0x400000 : add == 0x400000 ? m >= 0x600000 : 0;
  if (open && m < 0x400000) code = 255;
  if (code > 254 && !open) code = 254;
  return m > 0x7f800000 ? 255 : (uint8_t)code;
}
TEMPLATE uint8_t f8e8m0_from_f32_up(float x) { return narrow_f8e8m0(x, 0x7fffff, 0); }
TEMPLATE uint8_t f8e8m0_from_f32_down(float x) { return narrow_f8e8m0(x, 0, 0); }
TEMPLATE uint8_t f8e8m0_from_f32_nearest(float x) { return narrow_f8e8m0(x, 0x400000, 0); }
TEMPLATE uint8_t f8e8m0_from_f32_up_open(float x) { return narrow_f8e8m0(x, 0x7fffff, 1); }
TEMPLATE uint8_t f8e8m0_from_f32_down_open(float x) { return narrow_f8e8m0(x, 0, 1); }
TEMPLATE uint8_t f8e8m0_from_f32_nearest_open(float x) { return narrow_f8e8m0(x, 0x400000, 1); }

// x rounded to float32 so that rounding that once more, to a format of at most 22 bits of mantissa, is as good as
// rounding once: an inexact result has an odd last bit (Boldo and Melquiond, "Emulation of FMA and correctly rounded
// sums: proved algorithms using rounding to odd", 2008).
TEMPLATE float f64_to_odd(double x) {
  float y = (float)x;
  uint32_t bits = bits_of_f32(y);
  int inexact = (double)y < x || (double)y > x, larger = __builtin_fabs((double)y) > __builtin_fabs(x);
  return f32_of_bits(inexact && !(bits & 1) ? (larger ? bits - 1 : bits + 1) : bits);
}

#define CONVERT_LANES(name, from, to)                                                                                  \
  TEMPLATE void name##_lanes(const from *x, to *y) { LANES_LOOP for (idx l = 0; l < V; l++) y[l] = name(x[l]); }
CONVERT_LANES(f8e4m3fn_to_f32, uint8_t, float)
CONVERT_LANES(f8e4m3fnuz_to_f32, uint8_t, float)
CONVERT_LANES(f8e5m2_to_f32, uint8_t, float)
CONVERT_LANES(f8e5m2fnuz_to_f32, uint8_t, float)
CONVERT_LANES(f4e2m1_to_f32, uint8_t, float)
CONVERT_LANES(f8e8m0_to_f32, uint8_t, float)
CONVERT_LANES(f16_to_f32, uint16_t, float)
CONVERT_LANES(bf16_to_f32, uint16_t, float)
CONVERT_LANES(f8e4m3fn_from_f32, float, uint8_t)
CONVERT_LANES(f8e4m3fnuz_from_f32, float, uint8_t)
CONVERT_LANES(f8e5m2_from_f32, float, uint8_t)
CONVERT_LANES(f8e5m2fnuz_from_f32, float, uint8_t)
CONVERT_LANES(f4e2m1_from_f32, float, uint8_t)
CONVERT_LANES(f8e4m3fn_from_f32_open, float, uint8_t)
CONVERT_LANES(f8e4m3fnuz_from_f32_open, float, uint8_t)
CONVERT_LANES(f8e5m2_from_f32_open, float, uint8_t)
CONVERT_LANES(f8e5m2fnuz_from_f32_open, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_up, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_down, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_nearest, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_up_open, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_down_open, float, uint8_t)
CONVERT_LANES(f8e8m0_from_f32_nearest_open, float, uint8_t)
CONVERT_LANES(f16_from_f32, float, uint16_t)
CONVERT_LANES(bf16_from_f32, float, uint16_t)
CONVERT_LANES(f64_to_odd, double, float)
#undef CONVERT_LANES

// Elements of `bits` bits (4 or 2), packed into bytes from the low end, from and to one a byte. is_signed extends the
// sign. `count` elements.
TEMPLATE Status unpack_bits(idx bits, idx is_signed, idx count, const void *x, void *y, void *const *bufs, idx part,
                            idx parts) {
  const uint8_t *from = x;
  int8_t *to = y;
  idx per_byte = 8 / bits, begin, end;
  (void)bufs;
  share((count + per_byte - 1) / per_byte, part, parts, &begin, &end);
  for (idx i = begin; i < end; i++)
    for (idx k = 0; k < per_byte && i * per_byte + k < count; k++) {
      uint32_t top = (uint32_t)from[i] << (32 - bits - k * bits);
      to[i * per_byte + k] = (int8_t)(is_signed ? (int32_t)top >> (32 - bits) : (int32_t)(top >> (32 - bits)));
    }
  return STATUS_OK;
}
TEMPLATE Status pack_bits(idx bits, idx count, const void *x, void *y, void *const *bufs, idx part, idx parts) {
  const uint8_t *from = x;
  uint8_t *to = y;
  idx per_byte = 8 / bits, begin, end;
  (void)bufs;
  share((count + per_byte - 1) / per_byte, part, parts, &begin, &end);
  for (idx i = begin; i < end; i++) {
    uint32_t byte = 0;
    for (idx k = 0; k < per_byte && i * per_byte + k < count; k++)
      byte |= (from[i * per_byte + k] & (((uint32_t)1 << bits) - 1)) << k * bits;
    to[i] = (uint8_t)byte;
  }
  return STATUS_OK;
}
