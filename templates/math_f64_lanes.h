// Elementary functions on V doubles: NAME_f64_lanes. For the LLVM emitter, which passes vectors of doubles through
// memory: they are wider than a register.
#pragma once
#include "templates/math_f64_trig.h"

#define LANES_F64(name)                                                                                                \
  TEMPLATE void name##_f64_lanes(const double *x, double *y) {                                                         \
    LANES_LOOP for (idx l = 0; l < V; l++) y[l] = name##_f64(x[l]);                                                    \
  }
#define LANES2_F64(name)                                                                                               \
  TEMPLATE void name##_f64_lanes(const double *x, const double *y, double *z) {                                        \
    LANES_LOOP for (idx l = 0; l < V; l++) z[l] = name##_f64(x[l], y[l]);                                              \
  }
LANES_F64(exp)
LANES_F64(expm1)
LANES_F64(sigmoid)
LANES_F64(tanh)
LANES_F64(log)
LANES_F64(log1p)
LANES_F64(erf)
LANES_F64(sin)
LANES_F64(cos)
LANES_F64(tan)
LANES_F64(asin)
LANES_F64(acos)
LANES_F64(atan)
LANES_F64(sinh)
LANES_F64(cosh)
LANES_F64(asinh)
LANES_F64(acosh)
LANES_F64(atanh)
LANES2_F64(pow)
LANES2_F64(fmod)
#undef LANES_F64
#undef LANES2_F64
