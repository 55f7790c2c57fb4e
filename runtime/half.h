// IEEE binary16 and bfloat16 to and from float32, rounding to nearest, ties to even. NaN stays NaN, infinities and
// denormals are exact. Header only: the compiler uses it too.
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline float float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, mantissa = h & 1023u;
  if (exponent == 31) return float_from_bits(sign | 0x7f800000u | mantissa << 13);
  if (exponent > 0) return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  float magnitude = (float)mantissa * 0x1p-24f; // zero and denormals: exact
  return sign ? -magnitude : magnitude;
}

static inline uint16_t float_to_half(float x) {
  uint32_t bits = float_bits(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 1023u));
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); // 65520 and more rounds to infinity
  uint32_t value, rest, half;
  if (magnitude >= 0x38800000u) { // normal: drop 13 bits
    value = (magnitude - 0x38000000u) >> 13, rest = magnitude & 0x1fffu, half = 0x1000u;
  } else if (magnitude >= 0x33000000u) { // denormal: a shift of 14 to 24
    uint32_t shift = 126 - (magnitude >> 23), mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    value = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
  } else {
    return (uint16_t)sign;
  }
  value += rest > half || (rest == half && (value & 1)); // a carry runs into the exponent, as it must
  return (uint16_t)(sign | value);
}

static inline float bfloat_to_float(uint16_t b) { return float_from_bits((uint32_t)b << 16); }

static inline uint16_t float_to_bfloat(float x) {
  uint32_t bits = float_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
