// Powers and remainders, in double precision inside; part of math.h.
#pragma once
#include "templates/math.h"

// y = y·x + c over a list of coefficients, on doubles.
#define POLY_DOUBLE(y, x, ...)                                                                                         \
  do {                                                                                                                 \
    static const double c_[] = {__VA_ARGS__};                                                                          \
    y = (vd){0} + c_[0];                                                                                               \
    UNROLL for (size_t i_ = 1; i_ < sizeof c_ / sizeof *c_; i_++) y = y * x + c_[i_];                                  \
  } while (0)

// x^y = 2^(y·log2 x): at most 0.51 ULP
TEMPLATE vf pow_f32(vf x, vf y) {
  vf a = vabs(x), e, m = split_exponent(a, &e), edge;
  // log2 a = e + 2/ln2·artanh(s)
  vd s = TO_DOUBLE(m), u, p;
  s = (s - 1.0) / (s + 1.0);
  u = s * s;
  POLY_DOUBLE(p, u, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0);
  edge = vselect(a == 0.0f, splat(-FLOAT_INF), vselect(a < FLOAT_INF, (vf){0}, a));
  vd t = TO_DOUBLE(y) * (TO_DOUBLE(e) + TO_DOUBLE(edge) + p * s * 0x1.71547652b82fep1);
  vl high = t > 200.0, low = t < -200.0;
  t = (vd)(((vl)t & ~(high | low)) | ((vl)((vd){0} + 200.0) & high) | ((vl)((vd){0} - 200.0) & low));
  vd sum = t + 0x1.8p52, f = (t - (sum - 0x1.8p52)) * 0x1.62e42fefa39efp-1;
  POLY_DOUBLE(p, f, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0);
  p *= (vd)(((vl)sum << 52) + (1023ll << 52));
  vf power = __builtin_convertvector(p, vf);
  power = vselect((a == 1.0f) & (y == y), splat(1.0f), power); // 1^∞
  vi whole = vtrunc(y) == y, odd = whole & (vtrunc(y * 0.5f) != y * 0.5f);
  power = (vf)((vi)power ^ (odd & (vi)x & INT32_MIN));
  power = vselect((x < 0.0f) & (a < FLOAT_INF) & ~whole, splat(FLOAT_NAN), power);
  return vselect((y == 0.0f) | (x == 1.0f), splat(1.0f), power);
}

// x - y·trunc(x / y), exact: the sign of x, NaN for y = 0 or x = ±∞ (C's fmod).
TEMPLATE vf fmod_f32(vf x, vf y) {
  vi valid = (vabs(x) < FLOAT_INF) & (y == y) & (y != 0.0f), divide = valid & (vabs(y) < FLOAT_INF);
  vf numerator = vselect(divide, vabs(x), (vf){0}), denominator = vselect(divide, vabs(y), splat(1.0f));
  vd r = TO_DOUBLE(numerator), d = TO_DOUBLE(denominator);
  // Each turn takes away as many multiples of d·2^k as a quotient of 26 bits holds; all its steps are exact.
  for (;;) {
    vl active = r >= d;
    if (!vany(__builtin_convertvector(active, vi))) break;
    vl k = ((vl)r >> 52) - ((vl)d >> 52) - 25;
    k &= (k > 0) & active;
    vd scaled = (vd)((vl)d + (k << 52)), q = (r / scaled + 0x1p52) - 0x1p52;
    q = (vd)((vl)q & active);
    r -= q * scaled;
    r += (vd)((vl)scaled & (r < 0.0));
  }
  vf rest = __builtin_convertvector(r, vf);
  return vselect(divide, vcopysign(rest, x), vselect(valid, x, splat(FLOAT_NAN)));
}
