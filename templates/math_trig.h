// Circular and hyperbolic functions and their inverses; part of math.h.
#pragma once
#include "templates/math.h"

// x = quadrant·π/2 + *r for |x| >= 2^28, |*r| <= π/4: takes the 96 bits of 2/π that matter for this exponent (Payne and
// Hanek, "Radian reduction for trigonometric functions", 1983). A function of its own: it is hardly ever called.
__attribute__((noinline, unused)) static int32_t reduce_huge(float x, double *r) {
  static const uint32_t two_over_pi[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                         0xdb629599, 0x3c439041, 0xfe5163ab};
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint64_t mantissa = (bits & 0x7fffff) | 0x800000;
  uint32_t at = ((bits >> 23) & 0xff) - 127 - 23 - 2; // bits before these give multiples of 4
  const uint32_t *w = two_over_pi + at / 32;
  uint64_t high = (uint64_t)w[0] << 32 | w[1], low = (uint64_t)w[2] << 32 | w[3];
  if (at % 32) {
    high = high << at % 32 | low >> (64 - at % 32);
    low <<= at % 32;
  }
  uint64_t turn = mantissa * high + (mantissa * (low >> 32) >> 32); // fraction of four quadrants
  uint32_t quadrant = (uint32_t)((turn + (1ull << 61)) >> 62);
  *r = (double)(int64_t)(turn - ((uint64_t)quadrant << 62)) * (0x1.921fb54442d18p0 * 0x1p-62);
  return (int32_t)quadrant;
}

// For x >= 0: the quadrant q and r = x - q·π/2, |r| <= π/4; NaN for infinity and NaN.
HELPER vi reduce_quadrant(vf x, vf *r) {
  vd wide = TO_DOUBLE(x), sum = wide * 0x1.45f306dc9c883p-1 + 0x1.8p52, q = sum - 0x1.8p52;
  vd rest = wide - q * 0x1.921fb5p0 - q * 0x1.110b4611a6263p-26; // the first product is exact
  vi quadrant = __builtin_convertvector((vl)sum, vi);
  vi huge = x >= 0x1p28f;
  if (vany(huge)) {
    for (idx i = 0; i < V; i++) {
      double reduced = __builtin_nan("");
      if (!huge[i]) continue;
      if (x[i] < FLOAT_INF) quadrant[i] = reduce_huge(x[i], &reduced);
      rest[i] = reduced;
    }
  }
  *r = __builtin_convertvector(rest, vf);
  return quadrant;
}

// sin and cos of |r| <= π/4
HELPER vf sin_reduced(vf r) {
  vf u = r * r;
  return r + r * u * POLY(u, -0x1.9951f8p-13f, 0x1.110774p-7f, -0x1.555546p-3f);
}
HELPER vf cos_reduced(vf r) {
  vf u = r * r;
  return 1.0f - (0.5f * u - u * u * POLY(u, 0x1.99e816p-16f, -0x1.6c0c28p-10f, 0x1.55554ap-5f));
}

// At most 1.7 ULP.
TEMPLATE vf sin_f32(vf x) {
  vf r;
  vi q = reduce_quadrant(vabs(x), &r);
  vf y = vselect((q & 1) != 0, cos_reduced(r), sin_reduced(r));
  return (vf)((vu)y ^ ((vu)q & 2) << 30 ^ ((vu)x & 0x80000000));
}

// At most 1.7 ULP.
TEMPLATE vf cos_f32(vf x) {
  vf r;
  vi q = reduce_quadrant(vabs(x), &r);
  vf y = vselect((q & 1) != 0, sin_reduced(r), cos_reduced(r));
  return (vf)((vu)y ^ (((vu)q + 1) & 2) << 30);
}

// At most 3.6 ULP.
TEMPLATE vf tan_f32(vf x) {
  vf r;
  vi q = reduce_quadrant(vabs(x), &r), odd = (q & 1) != 0;
  vf s = sin_reduced(r), c = cos_reduced(r);
  vf y = vselect(odd, c, s) / vselect(odd, s, c);
  return (vf)((vu)y ^ ((vu)q & 1) << 31 ^ ((vu)x & 0x80000000));
}

// asin of 0 <= x <= 1/2, and of √u where u = x²
HELPER vf asin_small(vf x, vf u) {
  return x + x * u * POLY(u, 0x1.5959dcp-5f, 0x1.8c4132p-6f, 0x1.747b74p-5f, 0x1.330206p-4f, 0x1.5555c8p-3f);
}
#define HALF_PI      0x1.921fb6p0f
#define HALF_PI_REST -0x1.777a5cp-25f // π/2 - HALF_PI

// At most 2.6 ULP.
TEMPLATE vf asin_f32(vf x) {
  vf a = vabs(x), half = 0.5f - 0.5f * a;
  vi large = a > 0.5f;
  vf u = vselect(large, half, a * a), y = asin_small(vselect(large, vsqrt(half), a), u);
  return vcopysign(vselect(large, HALF_PI - (2.0f * y - HALF_PI_REST), y), x);
}

// At most 1.3 ULP.
TEMPLATE vf acos_f32(vf x) {
  vf a = vabs(x), half = 0.5f - 0.5f * a;
  vi large = a > 0.5f;
  vf u = vselect(large, half, a * a), y = asin_small(vselect(large, vsqrt(half), a), u);
  vf far = vselect(x < 0.0f, 2.0f * HALF_PI - (2.0f * y - 2.0f * HALF_PI_REST), 2.0f * y);
  return vselect(large, far, HALF_PI - (vcopysign(y, x) - HALF_PI_REST));
}

// At most 2.1 ULP.
TEMPLATE vf atan_f32(vf x) {
  vf a = vabs(x);
  vi far = a > 0x1.3504f4p1f, middle = a > 0x1.a8279ap-2f; // tan 3π/8, tan π/8
  vf top = vselect(far, splat(-1.0f), vselect(middle, a - 1.0f, a));
  vf bottom = vselect(far, a, vselect(middle, a + 1.0f, splat(1.0f)));
  vf base = vselect(far, splat(HALF_PI), vselect(middle, splat(0.5f * HALF_PI), (vf){0}));
  vf z = top / bottom, u = z * z;
  vf p = POLY(u, -0x1.f2e3d4p-5f, 0x1.b22418p-4f, -0x1.23b9a0p-3f, 0x1.9991e2p-3f, -0x1.55554ap-2f);
  vf y = base + (z + (z * u * p + base * (HALF_PI_REST / HALF_PI)));
  return vcopysign(y, x);
}

// At most 1.8 ULP.
TEMPLATE vf sinh_f32(vf x) {
  vf a = vabs(x), u = a * a;
  vf small = a + a * u * POLY(u, 0x1.756c1ep-19f, 0x1.a022bcp-13f, 0x1.1110e0p-7f, 0x1.555556p-3f);
  vf large = exp_times(a, -1.0f) - exp_times(-a, -1.0f);
  return vcopysign(vselect(a < 1.0f, small, large), x);
}

// At most 1.6 ULP.
TEMPLATE vf cosh_f32(vf x) { return exp_times(vabs(x), -1.0f) + exp_times(-vabs(x), -1.0f); }

#define LN2 0x1.62e430p-1f

// At most 2.2 ULP.
TEMPLATE vf asinh_f32(vf x) {
  vf a = vabs(x), u = a * a;
  vi large = a > 0x1p28f; // log 2a
  vf y = log1p_f32(vselect(large, a, a + u / (1.0f + vsqrt(1.0f + u)))) + vselect(large, splat(LN2), (vf){0});
  return vcopysign(y, x);
}

// At most 3.2 ULP.
TEMPLATE vf acosh_f32(vf x) {
  vf t = x - 1.0f;
  vi large = x > 0x1p28f;
  vf y = log1p_f32(vselect(large, x, t + vsqrt(t * (t + 2.0f)))) + vselect(large, splat(LN2), (vf){0});
  return vselect(x < 1.0f, splat(FLOAT_NAN), y);
}

// At most 2.8 ULP.
TEMPLATE vf atanh_f32(vf x) {
  vf a = vabs(x);
  return vcopysign(0.5f * log1p_f32(2.0f * a / (1.0f - a)), x);
}
