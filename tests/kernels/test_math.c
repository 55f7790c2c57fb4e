// The elementary functions against libm in double precision, over a sample of all floats: error in ULP, special values,
// signs of zeros. With arguments it measures instead: `test_math STRIDE [FUNCTION]`; stride 1 takes every float there
// is.
#include "tests/kernels/kernels.h"
#include "templates/math.h"
#include "templates/math_f64_lanes.h"

#include <float.h>

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

// F(name, largest error in ULP that the comment of the function may promise, reference)
#define FUNCTIONS(F)                                                                                                   \
  F(exp, 1.1, exp)                                                                                                     \
  F(expm1, 1.7, expm1)                                                                                                 \
  F(sigmoid, 2.6, sigmoid)                                                                                             \
  F(tanh, 6.0, tanh)                                                                                                   \
  F(erf, 6.8, erf)                                                                                                     \
  F(log, 0.9, log)                                                                                                     \
  F(log1p, 1.5, log1p)                                                                                                 \
  F(sin, 1.7, sin)                                                                                                     \
  F(cos, 1.7, cos)                                                                                                     \
  F(tan, 3.6, tan)                                                                                                     \
  F(asin, 2.6, asin)                                                                                                   \
  F(acos, 1.3, acos)                                                                                                   \
  F(atan, 2.1, atan)                                                                                                   \
  F(sinh, 1.8, sinh)                                                                                                   \
  F(cosh, 1.6, cosh)                                                                                                   \
  F(asinh, 2.2, asinh)                                                                                                 \
  F(acosh, 3.2, acosh)                                                                                                 \
  F(atanh, 2.8, atanh)                                                                                                 \
  F(round, 0, rint)                                                                                                    \
  F(floor, 0, floor)                                                                                                   \
  F(ceil, 0, ceil)                                                                                                     \
  F(trunc, 0, trunc)                                                                                                   \
  F(sqrt, 0.5, sqrt)

typedef struct {
  double ulp;     // largest error
  float at;       // where
  uint64_t wrong; // special values: NaN, infinities, zeros and their signs
  float wrong_at;
} Worst;

// Adds one result to what was seen.
static void judge(Worst *worst, float x, float got, double want) {
  float rounded = (float)want;
  int special = isnan(want) || (isinf(want) || want == 0);
  if (isnan(got) || special) {
    int same = isnan(want) ? isnan(got) : got == rounded && signbit(got) == signbit(rounded);
    if (!same && worst->wrong++ == 0) worst->wrong_at = x;
    return;
  }
  if (signbit(got) != signbit(rounded) && worst->wrong++ == 0) worst->wrong_at = x;
  int exponent;
  frexp(want, &exponent);
  double ulp = ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
  double value = isinf(got) ? copysign(0x1p128, got) : got; // rounding up past the largest float is an error of ULPs
  double error = fabs(value - want) / ulp;
  if (isinf(got) && isinf(rounded)) error = 0;
  if (error > worst->ulp) worst->ulp = error, worst->at = x;
}

#define MEASURE(name, bound, reference)                                                                                \
  static Worst measure_##name(uint64_t stride) {                                                                       \
    Worst worst = {0};                                                                                                 \
    for (uint64_t bits = 0; bits < 1ull << 32; bits += stride * V) {                                                   \
      vi lanes = {0};                                                                                                  \
      for (idx i = 0; i < V; i++) lanes[i] = (int32_t)(uint32_t)(bits + stride * (uint64_t)i);                         \
      vf x = (vf)lanes, y = name##_f32(x);                                                                             \
      for (idx i = 0; i < V; i++) judge(&worst, x[i], y[i], reference((double)x[i]));                                  \
    }                                                                                                                  \
    return worst;                                                                                                      \
  }                                                                                                                    \
  static void test_##name(void **state) {                                                                              \
    (void)state;                                                                                                       \
    Worst worst = measure_##name(5003);                                                                                \
    const float points[] = {0.0f,      -0.0f,  1.0f,       -1.0f,          0x1p-149f,  -0x1p-149f, INFINITY,           \
                            -INFINITY, NAN,    0x1p-126f,  0x1p127f,       -0x1p127f,  0.5f,       -0.5f,              \
                            88.7f,     -88.7f, 88.722839f, 88.73f,         -103.9721f, -103.9722f, -87.3366f,          \
                            1.5f,      2.5f,   -2.5f,      0x1.fffffep127f};                                           \
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {                                                      \
      judge(&worst, points[i], name##_f32(splat(points[i]))[V - 1], reference((double)points[i]));                     \
    }                                                                                                                  \
    if (worst.wrong)                                                                                                   \
      fail_msg(#name ": %llu wrong special values, first at %.9g (%a)", (unsigned long long)worst.wrong,               \
               worst.wrong_at, worst.wrong_at);                                                                        \
    if (worst.ulp > bound) fail_msg(#name ": %.3f ulp at %.9g (%a)", worst.ulp, worst.at, worst.at);                   \
  }
FUNCTIONS(MEASURE)

// Two arguments: special values against each other, then random bits.
static void check_two(const char *name, vf function(vf, vf), double reference(double, double), double bound) {
  const float points[] = {0.0f,
                          -0.0f,
                          1.0f,
                          -1.0f,
                          INFINITY,
                          -INFINITY,
                          NAN,
                          0.5f,
                          -0.5f,
                          2.0f,
                          -2.0f,
                          3.0f,
                          -3.0f,
                          2.5f,
                          -2.5f,
                          0x1p-149f,
                          -0x1p-149f,
                          0x1.fffffep127f,
                          -0x1.fffffep127f,
                          0x1p24f,
                          0x1.000002p23f};
  enum { COUNT = sizeof points / sizeof *points };
  Worst worst = {0};
  for (idx i = 0; i < COUNT; i++) {
    for (idx j = 0; j < COUNT; j++) {
      float got = function(splat(points[i]), splat(points[j]))[V - 1];
      Worst here = {0};
      judge(&here, points[i], got, reference((double)points[i], (double)points[j]));
      if (here.wrong || here.ulp > bound) fail_msg("%s(%.9g, %.9g) is %.9g", name, points[i], points[j], got);
    }
  }
  for (int round = 0; round < 300000; round++) {
    vi low = {0}, high = {0};
    for (idx i = 0; i < V; i++) {
      uint64_t bits = random_bits();
      low[i] = (int32_t)(uint32_t)bits;
      high[i] = (int32_t)(uint32_t)(bits >> 32);
    }
    vf x = (vf)low, y = (vf)high;
    for (idx i = 0; i < V; i++) {
      if (round & 1) y[i] = random_float() * 150, x[i] = fabsf(random_float()) * 4;
      if ((round & 3) == 3) y[i] = truncf(y[i]), x[i] -= 2;
    }
    if ((round & 7) == 5) y[round / 8 % V] = INFINITY; // beside other lanes
    vf z = function(x, y);
    for (idx i = 0; i < V; i++) judge(&worst, x[i], z[i], reference((double)x[i], (double)y[i]));
  }
  if (worst.wrong)
    fail_msg("%s: %llu wrong special values, first at %.9g", name, (unsigned long long)worst.wrong, worst.wrong_at);
  if (worst.ulp > bound) fail_msg("%s: %.3f ulp at %.9g", name, worst.ulp, worst.at);
}

static vf pow_f32_call(vf x, vf y) { return pow_f32(x, y); }
static vf fmod_f32_call(vf x, vf y) { return fmod_f32(x, y); }
static void test_pow(void **state) { (void)state, check_two("pow", pow_f32_call, pow, 0.51); }
static void test_fmod(void **state) { (void)state, check_two("fmod", fmod_f32_call, fmod, 0); }

/* doubles, against libm's long double: 64 bits of mantissa on x86-64, 113 on aarch64 */

static long double sigmoid_long(long double x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }

static double ulps_f64(double got, long double want) {
  double rounded = (double)want;
  if (isnan(got) || isnan(rounded)) return isnan(got) && isnan(rounded) ? 0 : INFINITY;
  if (rounded == 0) return got == 0 && signbit(got) == signbit(rounded) ? 0 : INFINITY;
  if (isinf(rounded) || isinf(got)) return got == rounded || fabsl(want) > 0x1.fffffffffffffp1023L ? 0 : INFINITY;
  int exponent;
  frexpl(want, &exponent);
  return (double)(fabsl(got - want) / ldexpl(1, (exponent < -1021 ? -1021 : exponent) - 53));
}

static const double points_f64[] = {0.0,     -0.0,   1,         -1,      INFINITY, -INFINITY, NAN,    5e-324,
                                    -5e-324, 1e-310, 0x1p-1022, DBL_MAX, -DBL_MAX, 0.5,       -0.5,   709.78,
                                    709.79,  -745.1, -745.2,    710.47,  710.48,   1e22,      0x1p20, 0x1p1000,
                                    3.5,     -2.5,   1e5,       6,       5.9,      2,         3,      -3};

// Any bits, or a number of ordinary size.
static double random_f64(uint64_t *state, int any) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  uint64_t bits = *state ^ *state >> 29;
  if (any) return f64_of_bits(bits);
  return ldexp((bits & 1 ? -1 : 1) * (1 + (double)(bits >> 12) * 0x1p-52), (int)(*state >> 40 & 31) - 24);
}

static void check_f64(const char *name, void (*lanes)(const double *, double *), long double (*want)(long double),
                      double bound) {
  uint64_t state = 1;
  double worst = 0, at = 0, x[V], y[V];
  for (int i = 0; i < 200000; i++) {
    for (int l = 0; l < V; l++)
      x[l] = (size_t)i < sizeof points_f64 / 8 ? points_f64[i] : random_f64(&state, i % 3 == 0);
    lanes(x, y);
    for (int l = 0; l < V; l++) {
      double error = ulps_f64(y[l], want(x[l]));
      if (error > worst) worst = error, at = x[l];
    }
  }
  if (worst > bound) print_error("%s_f64: %.3g ULP at %.17g\n", name, worst, at);
  assert_true(worst <= bound);
}

#define CHECK_F64(name, reference, bound) check_f64(#name, name##_f64_lanes, reference, bound)
static void test_f64(void **state) {
  (void)state;
  CHECK_F64(exp, expl, 1);
  CHECK_F64(expm1, expm1l, 2);
  CHECK_F64(sigmoid, sigmoid_long, 3);
  CHECK_F64(tanh, tanhl, 3);
  CHECK_F64(erf, erfl, 2);
  CHECK_F64(log, logl, 1);
  CHECK_F64(log1p, log1pl, 2);
  CHECK_F64(sin, sinl, 3);
  CHECK_F64(cos, cosl, 3);
  CHECK_F64(tan, tanl, 4);
  CHECK_F64(asin, asinl, 3);
  CHECK_F64(acos, acosl, 2);
  CHECK_F64(atan, atanl, 2);
  CHECK_F64(sinh, sinhl, 3);
  CHECK_F64(cosh, coshl, 3);
  CHECK_F64(asinh, asinhl, 3);
  CHECK_F64(acosh, acoshl, 4);
  CHECK_F64(atanh, atanhl, 3);
}

static void test_f64_of_two(void **state) {
  (void)state;
  enum { POINTS = sizeof points_f64 / 8 };
  uint64_t seed = 2;
  double worst = 0, worst_rest = 0;
  for (int i = 0; i < 300000; i++) {
    double x = i < POINTS * POINTS ? points_f64[i % POINTS] : random_f64(&seed, i % 5 == 0);
    double y = i < POINTS * POINTS ? points_f64[i / POINTS] : random_f64(&seed, i % 7 == 0);
    if (i % 3 == 0 && i >= POINTS * POINTS) y = rint(y);
    double error = ulps_f64(pow_f64(x, y), powl(x, y)), rest = ulps_f64(fmod_f64(x, y), fmodl(x, y));
    worst = error > worst ? error : worst;
    worst_rest = rest > worst_rest ? rest : worst_rest;
  }
  assert_true(worst <= 16);
  assert_true(worst_rest == 0);
}

#define TEST(name, bound, reference) cmocka_unit_test(test_##name),
#define ROW(name, bound, reference)  {#name, measure_##name},
int main(int argc, char **argv) {
  if (cannot_run()) {
    puts("skipped: this CPU lacks the instruction set");
    return 77;
  }
  if (argc > 1) {
    const struct {
      const char *name;
      Worst (*measure)(uint64_t stride);
    } rows[] = {FUNCTIONS(ROW)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      if (argc > 2 && strcmp(argv[2], rows[i].name)) continue;
      Worst worst = rows[i].measure(strtoull(argv[1], NULL, 10));
      printf("%-9s %7.3f ulp at %-15.9g (%a)   %llu wrong specials, first at %a\n", rows[i].name, worst.ulp, worst.at,
             worst.at, (unsigned long long)worst.wrong, worst.wrong_at);
      fflush(stdout);
    }
    return 0;
  }
  const struct CMUnitTest tests[] = {FUNCTIONS(TEST) cmocka_unit_test(test_pow), cmocka_unit_test(test_fmod),
                                     cmocka_unit_test(test_f64), cmocka_unit_test(test_f64_of_two)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
