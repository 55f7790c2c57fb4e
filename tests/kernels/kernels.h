// What the kernel tests share: cmocka, seeded random numbers, buffers of exactly the size asked for (so that ASan sees
// a read past the end), comparison with a double reference, and a check that every split into parts gives the same
// bits.
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "templates/vector.h"

static uint64_t seed = 1;
static inline uint64_t random_bits(void) { // splitmix64
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static inline float random_float(void) { return (float)(int32_t)(uint32_t)random_bits() * 0x1p-31f; } // [-1, 1)

static inline void *new_bytes(idx size) {
  void *p = malloc((size_t)size);
  assert_non_null(p);
  return p;
}
static inline float *new_floats(idx count) { return new_bytes(count * (idx)sizeof(float)); }
static inline float *new_random(idx count) {
  float *x = new_floats(count);
  for (idx i = 0; i < count; i++) x[i] = random_float();
  return x;
}

// NaN equals NaN; infinities equal themselves; otherwise |got - want| <= tolerance·(1 + |want|).
static inline int is_close(double got, double want, double tolerance) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  if (isinf(want) || isinf(got)) return want == got;
  return fabs(got - want) <= tolerance * (1 + fabs(want));
}
static inline void assert_close(const float *got, const double *want, idx count, double tolerance, const char *what) {
  for (idx i = 0; i < count; i++) {
    if (!is_close(got[i], want[i], tolerance)) fail_msg("%s: [%td] is %.9g, not %.9g", what, i, got[i], want[i]);
  }
}

// A template call as a function of its share of the work.
typedef Status Run(void *context, idx part, idx parts);

// Runs all parts into `out` for 1, 2, 3 and 7 parts, from a canary fill each time: each run must give the first's bits.
static inline void run_parts(Run *run, void *context, void *out, idx bytes) {
  unsigned char *first = new_bytes(bytes);
  const idx counts[] = {1, 2, 3, 7};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    memset(out, 0xa5, (size_t)bytes);
    for (idx part = 0; part < counts[c]; part++) assert_int_equal(run(context, part, counts[c]), STATUS_OK);
    if (c == 0) memcpy(first, out, (size_t)bytes);
    if (memcmp(first, out, (size_t)bytes)) fail_msg("%td parts give other bits than one", counts[c]);
  }
  free(first);
}

// A test binary for a wider vector than this CPU has is skipped.
static inline int cannot_run(void) {
#if defined(VECTOR_AVX512)
  return !__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl");
#elif defined(VECTOR_AVX2)
  return !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma");
#else
  return 0;
#endif
}
#define RUN_TESTS(...)                                                                                                 \
  int main(void) {                                                                                                     \
    if (cannot_run()) {                                                                                                \
      puts("skipped: this CPU lacks the instruction set");                                                             \
      return 77;                                                                                                       \
    }                                                                                                                  \
    const struct CMUnitTest tests[] = {__VA_ARGS__};                                                                   \
    return cmocka_run_group_tests(tests, NULL, NULL);                                                                  \
  }
