// Circular and hyperbolic functions and their inverses on doubles.
#pragma once
#include "templates/math_f64.h"

#define HALF_PI_F64      0x1.921fb54442d18p+0
#define HALF_PI_REST_F64 0x1.1a62633145c07p-54 // π/2 - HALF_PI_F64

// The high 64 bits of a product.
HELPER uint64_t multiply_high(uint64_t a, uint64_t b) {
  uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (uint32_t)middle;
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

// x = quadrant·π/2 + *r for finite x >= 2^20, |*r| <= π/4: takes the 192 bits of 2/π that matter for this exponent
// (Payne and Hanek, 1983). A function of its own: it is hardly ever called.
__attribute__((noinline, unused)) static int64_t reduce_huge_f64(double x, double *r) {
  static const uint32_t two_over_pi[] = {
      0, // two words of the integer part
      0,          0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
      0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026,
      0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f,
      0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1,
      0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d};
  uint64_t bits = bits_of_f64(x), mantissa = (bits & 0xfffffffffffff) | 0x10000000000000, window[3];
  uint32_t at = (uint32_t)(bits >> 52 & 0x7ff) - 1023 - 54 + 64; // bits before these give multiples of 4
  for (uint32_t i = 0; i < 3; i++) {
    const uint32_t *w = two_over_pi + at / 32 + 2 * i;
    window[i] = (uint64_t)w[0] << 32 | w[1];
    if (at % 32) window[i] = window[i] << at % 32 | w[2] >> (32 - at % 32);
  }
  uint64_t low = mantissa * window[1] + multiply_high(mantissa, window[2]);
  uint64_t carry = low < mantissa * window[1];
  uint64_t turn = mantissa * window[0] + multiply_high(mantissa, window[1]) + carry; // fraction of four quadrants
  uint64_t quadrant = (turn + ((uint64_t)1 << 61)) >> 62;
  double high = (double)(int64_t)(turn - (quadrant << 62));
  *r = (high + (double)low * 0x1p-64) * (HALF_PI_F64 * 0x1p-62);
  return (int64_t)quadrant;
}

// For x >= 0: the quadrant and r = x - quadrant·π/2, |r| <= π/4; NaN for infinity and NaN.
HELPER uint64_t reduce_quadrant_f64(double x, double *r) {
  double sum = x * 0x1.45f306dc9c883p-1 + ROUNDER_F64, q = sum - ROUNDER_F64;
  // π/2 in parts of 33 bits: their products with q are exact
  *r = ((x - q * 0x1.921fb544p+0) - q * 0x1.0b4611a6p-34) - q * 0x1.3198a2ep-69 - q * 0x1.b839a252049c1p-104;
  if (x < 0x1p20) return bits_of_f64(sum);
  if (x < __builtin_inf()) return (uint64_t)reduce_huge_f64(x, r);
  *r = __builtin_nan("");
  return 0;
}

// sin and cos of |r| <= π/4
HELPER double sin_reduced_f64(double r) {
  double u = r * r;
  return r + r * u *
                 POLY_F64(u, 1 / 355687428096000., -1 / 1307674368000., 1 / 6227020800., -1 / 39916800., 1 / 362880.,
                          -1 / 5040., 1 / 120., -1 / 6.);
}
HELPER double cos_reduced_f64(double r) {
  double u = r * r;
  return 1 - (0.5 * u - u * u *
                            POLY_F64(u, 1 / 20922789888000., -1 / 87178291200., 1 / 479001600., -1 / 3628800.,
                                     1 / 40320., -1 / 720., 1 / 24.));
}

// At most 3 ULP.
TEMPLATE double sin_f64(double x) {
  double r;
  uint64_t q = reduce_quadrant_f64(__builtin_fabs(x), &r);
  double y = q & 1 ? cos_reduced_f64(r) : sin_reduced_f64(r);
  return f64_of_bits(bits_of_f64(y) ^ (q & 2) << 62 ^ (bits_of_f64(x) & (uint64_t)1 << 63));
}

// At most 3 ULP.
TEMPLATE double cos_f64(double x) {
  double r;
  uint64_t q = reduce_quadrant_f64(__builtin_fabs(x), &r);
  double y = q & 1 ? sin_reduced_f64(r) : cos_reduced_f64(r);
  return f64_of_bits(bits_of_f64(y) ^ ((q + 1) & 2) << 62);
}

// At most 4 ULP.
TEMPLATE double tan_f64(double x) {
  double r;
  uint64_t q = reduce_quadrant_f64(__builtin_fabs(x), &r);
  double s = sin_reduced_f64(r), c = cos_reduced_f64(r), y = q & 1 ? -c / s : s / c;
  return f64_of_bits(bits_of_f64(y) ^ (bits_of_f64(x) & (uint64_t)1 << 63));
}

// asin of 0 <= x <= 1/2, and of √u where u = x²
HELPER double asin_small_f64(double x, double u) {
  return x + x * u *
                 POLY_F64(u, 0x1.e529c6fce9bb4p-6, -0x1.3b416bb7d9257p-6, 0x1.406192d124629p-6, 0x1.8f193743418ffp-9,
                          0x1.31622469ce5adp-7, 0x1.3b49de7121487p-7, 0x1.7b027ee1dd585p-7, 0x1.c990ad3d8fdcap-7,
                          0x1.1c4efce23019fp-6, 0x1.6e8ba123e494cp-6, 0x1.f1c71c7a52ba3p-6, 0x1.6db6db6dac1e0p-5,
                          0x1.3333333333388p-4, 0x1.5555555555555p-3);
}

// At most 3 ULP.
TEMPLATE double asin_f64(double x) {
  double a = __builtin_fabs(x), half = 0.5 - 0.5 * a;
  int large = a > 0.5;
  double y = asin_small_f64(large ? sqrt_real(half) : a, large ? half : a * a);
  return __builtin_copysign(large ? HALF_PI_F64 - (2 * y - HALF_PI_REST_F64) : y, x);
}

// At most 2 ULP.
TEMPLATE double acos_f64(double x) {
  double a = __builtin_fabs(x), half = 0.5 - 0.5 * a;
  int large = a > 0.5;
  double y = asin_small_f64(large ? sqrt_real(half) : a, large ? half : a * a);
  double far = x < 0 ? 2 * HALF_PI_F64 - (2 * y - 2 * HALF_PI_REST_F64) : 2 * y;
  return large ? far : HALF_PI_F64 - (__builtin_copysign(y, x) - HALF_PI_REST_F64);
}

// At most 2 ULP.
TEMPLATE double atan_f64(double x) {
  double a = __builtin_fabs(x);
  int far = a > 0x1.3504f333f9de6p1, middle = a > 0x1.a827999fcef32p-2; // tan 3π/8, tan π/8
  double z = far ? -1 / a : middle ? (a - 1) / (a + 1) : a, u = z * z;
  double base = far ? HALF_PI_F64 : middle ? 0.5 * HALF_PI_F64 : 0;
  double rest = far ? HALF_PI_REST_F64 : middle ? 0.5 * HALF_PI_REST_F64 : 0;
  double p = POLY_F64(u, -0x1.c81291cfc455fp-7, 0x1.f5ef74d05428dp-6, -0x1.503c4469943acp-5, 0x1.829ce3237ab26p-5,
                      -0x1.aebd1fa559894p-5, 0x1.e1d8e9bffe59dp-5, -0x1.1110cee80b516p-4, 0x1.3b13aea9e84b6p-4,
                      -0x1.745d173565149p-4, 0x1.c71c71c6ddbfcp-4, -0x1.24924924920adp-3, 0x1.9999999999997p-3,
                      -0x1.5555555555555p-2);
  return __builtin_copysign(base + (z + (z * u * p + rest)), x);
}

// At most 3 ULP.
TEMPLATE double sinh_f64(double x) {
  double a = __builtin_fabs(x), t = expm1_f64(a), root = exp_f64(0.5 * a);
  return __builtin_copysign(a < 40 ? 0.5 * (t + t / (t + 1)) : 0.5 * root * root, x);
}

// At most 3 ULP.
TEMPLATE double cosh_f64(double x) {
  double a = __builtin_fabs(x), e = exp_f64(a), root = exp_f64(0.5 * a);
  return a < 40 ? 0.5 * (e + 1 / e) : 0.5 * root * root;
}

// At most 3 ULP.
TEMPLATE double asinh_f64(double x) {
  double a = __builtin_fabs(x), u = a * a;
  int large = a > 0x1p54; // log 2a
  double y = log1p_f64(large ? a : a + u / (1 + sqrt_real(1 + u))) + (large ? LN2_F64 : 0);
  return __builtin_copysign(y, x);
}

// At most 4 ULP.
TEMPLATE double acosh_f64(double x) {
  double t = x - 1;
  int large = x > 0x1p54;
  double y = log1p_f64(large ? x : t + sqrt_real(t * (t + 2))) + (large ? LN2_F64 : 0);
  return x < 1 ? __builtin_nan("") : y;
}

// At most 3 ULP.
TEMPLATE double atanh_f64(double x) {
  double a = __builtin_fabs(x);
  return __builtin_copysign(0.5 * log1p_f64(2 * a / (1 - a)), x);
}
