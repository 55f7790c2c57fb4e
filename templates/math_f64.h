// Elementary functions on doubles: NAME_f64. Circular and hyperbolic ones are in math_f64_trig.h.
//
// Polynomials are Taylor series where their arguments are small, else Chebyshev interpolations of our own. The bounds
// above the functions are checked by tests/kernels/test_math.c. Special values come out as C's Annex F says. All is
// written without branches, so that compilers can make vectors of it, but for huge arguments of sin, cos and tan.
#pragma once
#include "templates/scalar.h"

HELPER uint64_t bits_of_f64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
HELPER double f64_of_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// c[0]·x^(n-1) + … + c[n-1]
HELPER double horner_f64(double x, const double *c, idx n) {
  double y = c[0];
  UNROLL for (idx i = 1; i < n; i++) y = y * x + c[i];
  return y;
}
#define POLY_F64(x, ...) horner_f64(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / 8)

#define ROUNDER_F64  0x1.8p52 // the sum's low bits are the rounded number
#define LN2_HIGH_F64 0x1.62e42feep-1
#define LN2_LOW_F64  0x1.a39ef35793c76p-33
#define LN2_F64      0x1.62e42fefa39efp-1

// e^r - 1 for |r| <= ln2 / 2, where x + low = *n·ln2 + r.
HELPER double exp_reduced_f64(double x, double low, double *n) {
  *n = (x * 0x1.71547652b82fep0 + ROUNDER_F64) - ROUNDER_F64;
  double r = (x - *n * LN2_HIGH_F64) - *n * LN2_LOW_F64 + low;
  return r + r * r *
                 POLY_F64(r, 1 / 6227020800., 1 / 479001600., 1 / 39916800., 1 / 3628800., 1 / 362880., 1 / 40320.,
                          1 / 5040., 1 / 720., 1 / 120., 1 / 24., 1 / 6., 1 / 2.);
}

// e^(x + low) for a small `low`
HELPER double exp_sum_f64(double x, double low) {
  double n;
  x = x > 720 ? 720 : x < -760 ? -760 : x;
  double y = exp_reduced_f64(x, low, &n) + 1;
  // Two factors that are both normal: 2^n itself may not be.
  int64_t whole = (int64_t)(bits_of_f64(n + ROUNDER_F64) - 0x4338000000000000), half = whole >> 1;
  return y * f64_of_bits((uint64_t)(half + 1023) << 52) * f64_of_bits((uint64_t)(whole - half + 1023) << 52);
}

// At most 1 ULP.
TEMPLATE double exp_f64(double x) { return exp_sum_f64(x, 0); }

// At most 2 ULP.
TEMPLATE double expm1_f64(double x) {
  double n, a = x > 710 ? 710 : x < -50 ? -50 : x;
  double y = exp_reduced_f64(a, 0, &n);
  double half = f64_of_bits((bits_of_f64(n + ROUNDER_F64) + 1022) << 52); // 2^(n-1): 2^1024 is no double
  y = (half * y + (half - 0.5)) * 2;
  return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

// At most 3 ULP.
TEMPLATE double sigmoid_f64(double x) {
  double e = exp_f64(-__builtin_fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

// At most 3 ULP.
TEMPLATE double tanh_f64(double x) {
  double a = __builtin_fabs(x), t = expm1_f64(2 * (a > 20 ? 20 : a));
  return __builtin_copysign(t / (t + 2), x);
}

// A positive finite x = m·2^*e with m in [√½, √2); returns m.
HELPER double split_exponent_f64(double x, double *e) {
  int small = x < 0x1p-1022;
  uint64_t bits = bits_of_f64(small ? x * 0x1p54 : x) - 0x3fe6a09e667f3bcd;
  uint64_t exponent = (uint64_t)((int64_t)bits >> 52);
  *e = f64_of_bits(0x4338000000000000 + exponent) - ROUNDER_F64 - (small ? 54 : 0);
  return f64_of_bits((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);
}

// Σ 2·z^k / (2k + 3): what log(m) = 2s + s·z·(…) needs, where s = (m - 1) / (m + 1) and z = s².
HELPER double log_tail_f64(double z) {
  return POLY_F64(z, 2 / 21., 2 / 19., 2 / 17., 2 / 15., 2 / 13., 2 / 11., 2 / 9., 2 / 7., 2 / 5., 2 / 3.);
}

// log(x) for x > 0 and finite
HELPER double log_positive_f64(double x) {
  double e, f = split_exponent_f64(x, &e) - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
  return e * LN2_HIGH_F64 - ((half - (s * (half + z * log_tail_f64(z)) + e * LN2_LOW_F64)) - f);
}

// At most 1 ULP.
TEMPLATE double log_f64(double x) {
  double y = x < __builtin_inf() ? log_positive_f64(x) : x; // infinity and NaN stay
  return x < 0 ? __builtin_nan("") : x == 0 ? -__builtin_inf() : y;
}

// At most 2 ULP.
TEMPLATE double log1p_f64(double x) {
  double u = 1 + x, lost = x - (u - 1);
  double y = u < __builtin_inf() ? log_positive_f64(u) + lost / u : u;
  y = x < -1 ? __builtin_nan("") : x == -1 ? -__builtin_inf() : y;
  return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

// At most 2 ULP. From 1 on: 1 - e^(-x²)·P((x - 2) / (x + 2)).
TEMPLATE double erf_f64(double x) {
  double a = __builtin_fabs(x), u = a * a;
  double small = a * POLY_F64(u, 0x1.05ffd737fb32ep-34, -0x1.389d4f2641625p-30, 0x1.f7b4bf3b13964p-27,
                              -0x1.5f1ecb6f0764cp-23, 0x1.b9df224ca4b97p-20, -0x1.f4d1e3183f7aep-17,
                              0x1.f9a321d5b8e1ep-14, -0x1.c02db3dac435fp-11, 0x1.565bcd0dbaa38p-8,
                              -0x1.b82ce31284e00p-6, 0x1.ce2f21a042b30p-4, -0x1.812746b0379e6p-2, 0x1.20dd750429b6dp+0);
  double b = a > 6 ? 6 : a, t = (b - 2) / (b + 2);
  double p = POLY_F64(t, -0x1.30be46f379823p-20, 0x1.559a2f0faada6p-20, 0x1.0d39558a33004p-18, 0x1.5e89dbd23021dp-20,
                      -0x1.d5b4578dde1bbp-17, -0x1.ce6ac975b91e0p-16, 0x1.cdd4519ae1742p-16, 0x1.6da887a2804f7p-13,
                      0x1.6d5ee91b54222p-15, -0x1.016b5b63ce721p-10, -0x1.bc25a48873fcfp-11, 0x1.ca95ed50b7c81p-8,
                      0x1.e9471597be87ap-9, -0x1.437f0b68c0489p-4, 0x1.eeea7dc8a78a1p-3, -0x1.b57034efd3f74p-2,
                      0x1.058671b52c776p-2);
  return __builtin_copysign(a < 1 ? small : 1 - exp_f64(-b * b) * p, x);
}

// a·b = *low + the result, exactly. Without a fused multiply-add by Dekker, "A floating-point technique for extending
// the available precision", 1971, which compilers with one might break by using it.
HELPER double product_f64(double a, double b, double *low) {
#if defined(__FMA__) || defined(__aarch64__)
  *low = __builtin_fma(a, b, -(a * b));
  return a * b;
#else
  double a_part = a * 0x1.0000002p27, b_part = b * 0x1.0000002p27, p = a * b;
  double a_high = a_part - (a_part - a), b_high = b_part - (b_part - b), a_low = a - a_high, b_low = b - b_high;
  *low = a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low);
  return p;
#endif
}

// x^y = e^(y·log x), the logarithm in more than double precision: at most 16 ULP.
TEMPLATE double pow_f64(double x, double y) {
  const double inf = __builtin_inf();
  double a = __builtin_fabs(x), e, m = split_exponent_f64(a, &e), f = m - 1;
  double d = m + 1, d_low = m - (d - 1), s = f / d, product_low, product = product_f64(s, d, &product_low);
  double s_low = (((f - product) - product_low) - s * d_low) / d, z = s * s;
  double whole = e * LN2_HIGH_F64, high = whole + 2 * s; // |whole| is 0 or above |2s|
  double low = (e == 0 ? 0 : 2 * s - (high - whole)) + (e * LN2_LOW_F64 + (2 * s_low + s * z * log_tail_f64(z)));
  double sum = high + low, rest = low - (sum - high);
  sum = a == 0 ? -inf : a < inf ? sum : a;
  double p = product_f64(y, sum, &product_low);
  double power = exp_sum_f64(p, __builtin_fabs(p) < 1000 ? product_low + y * rest : 0);
  power = a == 1 && y == y ? 1 : power; // 1^∞
  int is_whole = trunc_real(y) == y, odd = is_whole && trunc_real(y * 0.5) != y * 0.5;
  power = odd && bits_of_f64(x) >> 63 ? -power : power;
  power = x < 0 && a < inf && !is_whole ? __builtin_nan("") : power;
  return y == 0 || x == 1 ? 1 : power;
}

TEMPLATE double fmod_f64(double x, double y) { return rem_real(x, y); }
