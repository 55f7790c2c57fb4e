// Elementary functions on vectors: NAME_f32(vf).
//
// Polynomials and rationals are minimax fits of our own (Lawson-weighted least squares, coefficients rounded one by
// one). The bounds above the functions hold with multiply-add fused or not; tests/kernels/test_math.c checks them on a
// sample and measures, on demand, every float. Signed zeros, denormals, infinities and NaN come out as C's Annex F
// says. Nothing traps; only huge arguments of sin, cos and tan and far-apart ones of fmod take a loop.
#pragma once
#include "templates/vector.h"

// Doubles, for the few steps that need more bits. Never passed by value: wider than a register.
typedef double vd __attribute__((vector_size(2 * VECTOR_BYTES)));
typedef int64_t vl __attribute__((vector_size(2 * VECTOR_BYTES)));
#define TO_DOUBLE(x) __builtin_convertvector(x, vd)

// c[0]·x^(n-1) + … + c[n-1]
HELPER vf horner(vf x, const float *c, idx n) {
  vf y = splat(c[0]);
  UNROLL for (idx i = 1; i < n; i++) y = y * x + c[i];
  return y;
}
#define POLY(x, ...) horner(x, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

// Adding 1.5·2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
#define ROUNDER   0x1.8p23f
#define LN2_HIGH  0x1.62e4p-1f // 16 bits: times an exponent it is exact
#define LN2_LOW   0x1.7f7d1cp-20f
#define FLOAT_INF __builtin_inff()
#define FLOAT_NAN __builtin_nanf("")

// Rounding and square root under the names that the emitters use.
TEMPLATE vf round_f32(vf x) { return vround(x); } // half to even
TEMPLATE vf floor_f32(vf x) { return vfloor(x); }
TEMPLATE vf ceil_f32(vf x) { return vceil(x); }
TEMPLATE vf trunc_f32(vf x) { return vtrunc(x); }
TEMPLATE vf sqrt_f32(vf x) { return vsqrt(x); }

// e^r - 1 for |r| <= ln2 / 2, where x = *n·ln2 + r.
HELPER vf exp_reduced(vf x, vf *n) {
  *n = (x * 0x1.715476p0f + ROUNDER) - ROUNDER;
  vf r = x - *n * LN2_HIGH - *n * LN2_LOW;
  return r * r * POLY(r, 0x1.6a4154p-10f, 0x1.1239c6p-7f, 0x1.5558bcp-5f, 0x1.555492p-3f, 0x1.fffffcp-2f) + r;
}

// e^x·2^power, power 0 or -1
HELPER vf exp_times(vf x, float power) {
  vf n;
  x = vselect(x > 91.0f, splat(91.0f), x);
  x = vselect(x < -105.0f, splat(-105.0f), x);
  vf y = exp_reduced(x, &n) + 1.0f;
  return vscale(y, n + power);
}

// At most 1.1 ULP.
TEMPLATE vf exp_f32(vf x) { return exp_times(x, 0); }

// At most 1.7 ULP.
TEMPLATE vf expm1_f32(vf x) {
  vf n, a = vselect(x > 89.0f, splat(89.0f), x);
  a = vselect(a < -20.0f, splat(-20.0f), a);
  vf y = exp_reduced(a, &n);
  vf half = (vf)(((vu)(n + ROUNDER) << 23) + 0x3f000000); // 2^(n-1): 2^128 is no float
  y = (half * y + (half - 0.5f)) * 2.0f;
  return vselect(vabs(x) < 0x1p-25f, x, y);
}

// At most 2.6 ULP.
TEMPLATE vf sigmoid_f32(vf x) {
  vf e = exp_f32((vf)((vi)x | INT32_MIN)); // e^-|x| does not overflow
  return vselect((vi)x < 0, e, splat(1.0f)) / (e + 1.0f);
}

// x·P(x²) / Q(x²): at most 6 ULP
TEMPLATE vf tanh_f32(vf x) {
  vf a = vselect(x > 9.02f, splat(9.02f), x);
  a = vselect(a < -9.02f, splat(-9.02f), a);
  vf u = a * a;
  vf p = POLY(u, -0x1.ad5ee2p-37f, 0x1.06b91ep-25f, 0x1.d5e310p-16f, 0x1.fb0784p-9f, 0x1.182a26p-3f, 1.0f);
  vf q = POLY(u, 0x1.59931ap-20f, 0x1.9cfecap-12f, 0x1.be6552p-6f, 0x1.e16a68p-2f, 1.0f);
  vf y = a * p / q;
  y = vselect(y > 1.0f, splat(1.0f), y);
  return vselect(y < -1.0f, splat(-1.0f), y);
}

// x·P(x²) / Q(x²): at most 6.8 ULP
TEMPLATE vf erf_f32(vf x) {
  vf a = vselect(x > 3.95f, splat(3.95f), x);
  a = vselect(a < -3.95f, splat(-3.95f), a);
  vf u = a * a;
  vf p = POLY(u, 0x1.0fe9c8p-19f, 0x1.2a843ap-12f, 0x1.f324460p-9f, 0x1.b127c4p-5f, 0x1.884b5ep-3f, 0x1.20dd74p+0f);
  vf q = POLY(u, 0x1.3d5b38p-15f, 0x1.32e5e2p-10f, 0x1.ed5308p-7f, 0x1.d53c58p-4f, 0x1.0194f0p-1f, 1.0f);
  vf y = a * p / q;
  y = vselect(y > 1.0f, splat(1.0f), y);
  return vselect(y < -1.0f, splat(-1.0f), y);
}

// A positive finite x = m·2^*e with m in [√½, √2); returns m.
HELPER vf split_exponent(vf x, vf *e) {
  vi small = x < 0x1p-126f;
  vi bits = (vi)((vu)vselect(small, x * 0x1p23f, x) - 0x3f3504f3);
  *e = to_float((bits >> 23) - (small & 23));
  return (vf)((bits & 0x7fffff) + 0x3f3504f3);
}

// log(x) for x > 0 and finite
HELPER vf log_positive(vf x) {
  vf e, f = split_exponent(x, &e) - 1.0f;
  vf p = POLY(f, 0x1.1475e0p-4f, -0x1.de02a8p-4f, 0x1.e6bf3ep-4f, -0x1.fc2888p-4f, 0x1.233ba8p-3f, -0x1.555c46p-3f,
              0x1.99a476p-3f, -0x1.000006p-2f, 0x1.555548p-2f);
  vf u = f * f, y = u * f * p + e * LN2_LOW;
  return e * LN2_HIGH + (f + (y - 0.5f * u));
}

// At most 0.9 ULP.
TEMPLATE vf log_f32(vf x) {
  vf y = vselect(x < FLOAT_INF, log_positive(x), x); // infinity and NaN stay
  y = vselect(x < 0.0f, splat(FLOAT_NAN), y);
  return vselect(x == 0.0f, splat(-FLOAT_INF), y);
}

// At most 1.5 ULP.
TEMPLATE vf log1p_f32(vf x) {
  vf u = 1.0f + x, lost = x - (u - 1.0f);
  vf y = vselect(u < FLOAT_INF, log_positive(u) + lost / u, u);
  y = vselect(x < -1.0f, splat(FLOAT_NAN), y);
  y = vselect(x == -1.0f, splat(-FLOAT_INF), y);
  return vselect(vabs(x) < 0x1p-25f, x, y);
}

#include "templates/math_pow.h"
#include "templates/math_trig.h"
