// Half floats, the element types, and sample values.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "runtime/cpu.h"
#include "runtime/dtype.h"
#include "runtime/half.h"
#include "runtime/sample.h"

// The compiler's own half floats are the reference.
static void test_half(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 65536; h++) {
    __extension__ _Float16 reference;
    uint16_t bits = (uint16_t)h;
    memcpy(&reference, &bits, sizeof bits);
    float expected = (float)reference, got = half_to_float(bits);
    if (isnan(expected)) {
      assert_true(isnan(got) && isnan(half_to_float(float_to_half(got))));
      continue;
    }
    assert_int_equal(float_bits(got), float_bits(expected));
    assert_int_equal(float_to_half(got), h);
  }
  for (uint64_t b = 0; b < UINT64_C(1) << 32; b += 997) {
    float x = float_from_bits((uint32_t)b);
    if (isnan(x)) continue;
    __extension__ _Float16 reference = (_Float16)x;
    uint16_t bits;
    memcpy(&bits, &reference, sizeof bits);
    assert_int_equal(float_to_half(x), bits);
  }
  // Ties go to the even neighbour: 1 + 2^-11 lies between 1 and 1 + 2^-10.
  assert_int_equal(float_to_half(0x1.002p0f), 0x3c00);
  assert_int_equal(float_to_half(0x1.006p0f), 0x3c02);
  assert_int_equal(float_to_half(65519.99f), 0x7bff);
  assert_int_equal(float_to_half(65520.0f), 0x7c00);
}

static void test_bfloat(void **state) {
  (void)state;
  for (uint32_t b = 0; b < 65536; b++) {
    float x = bfloat_to_float((uint16_t)b);
    if (isnan(x))
      assert_true(isnan(bfloat_to_float(float_to_bfloat(x))));
    else
      assert_int_equal(float_to_bfloat(x), b);
  }
  assert_int_equal(float_to_bfloat(float_from_bits(0x3f808000)), 0x3f80); // a tie, down to even
  assert_int_equal(float_to_bfloat(float_from_bits(0x3f818000)), 0x3f82); // a tie, up to even
  assert_int_equal(float_to_bfloat(float_from_bits(0x3f808001)), 0x3f81);
}

static void test_elements(void **state) {
  (void)state;
  const struct {
    uint32_t dtype;
    double value;
    bool fits;
  } cases[] = {
      {DTYPE_INT8, -128, true},      {DTYPE_INT8, -129, false},    {DTYPE_INT8, 127, true},
      {DTYPE_INT8, 128, false},      {DTYPE_UINT8, 255, true},     {DTYPE_UINT8, 256, false},
      {DTYPE_UINT8, -1, false},      {DTYPE_UINT8, -0.0, true},    {DTYPE_INT32, 0.5, false},
      {DTYPE_INT32, NAN, false},     {DTYPE_INT64, 0x1p63, false}, {DTYPE_INT64, -0x1p63, true},
      {DTYPE_UINT64, 0x1p64, false}, {DTYPE_UINT64, 0x1p63, true}, {DTYPE_BOOL, 1, true},
      {DTYPE_BOOL, 2, false},        {DTYPE_FLOAT, 1e300, true},   {DTYPE_FLOAT16, 0.5, true},
      {DTYPE_UINT16, 65535, true},   {DTYPE_INT16, 32768, false},  {DTYPE_INT64, INFINITY, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t memory[2] = {0, 0};
    const Dtype *dtype = find_dtype(cases[i].dtype);
    assert_int_equal(write_element(dtype, memory, 1, cases[i].value), cases[i].fits);
    double expected = cases[i].dtype == DTYPE_FLOAT ? INFINITY : cases[i].value;
    if (cases[i].fits) assert_true(read_element(dtype, memory, 1) == expected);
  }
  // One rounding, not two: just above the tie between 1 and the next half float, by less than a float's precision.
  uint16_t half;
  assert_true(write_element(find_dtype(DTYPE_FLOAT16), &half, 0, 0x1.002p0 + 0x1p-40));
  assert_int_equal(half, 0x3c01);
  assert_true(write_element(find_dtype(DTYPE_FLOAT16), &half, 0, 0x1.002p0));
  assert_int_equal(half, 0x3c00);
  int64_t number;
  assert_true(write_integer(find_dtype(DTYPE_INT64), &number, 0, INT64_MAX, false) && number == INT64_MAX);
  assert_true(write_integer(find_dtype(DTYPE_INT64), &number, 0, UINT64_C(1) << 63, true) && number == INT64_MIN);
  assert_false(write_integer(find_dtype(DTYPE_INT64), &number, 0, UINT64_C(1) << 63, false));
  uint64_t count;
  assert_false(count_elements(2, (const int64_t[]){INT64_MAX, 3}, &count));
  assert_false(count_elements(1, (const int64_t[]){-1}, &count));
  assert_true(count_elements(0, NULL, &count) && count == 1);
}

// The numbers come from an implementation of splitmix64 in Python.
static void test_sample(void **state) {
  (void)state;
  const double expected[] = {0.44301629066467285, 0.29940855503082275,  0.09874856472015381,
                             0.20846951007843018, -0.30388307571411133, -0.6354296207427979};
  float x[6];
  sample_fill(DTYPE_FLOAT, x, 6, 7, 0);
  for (int i = 0; i < 6; i++) assert_true((double)x[i] == expected[i]);
  double y[6];
  sample_fill(DTYPE_DOUBLE, y, 6, 7, 0);
  for (int i = 0; i < 6; i++) assert_true(y[i] == expected[i]);
  uint16_t half[6];
  sample_fill(DTYPE_FLOAT16, half, 6, 7, 0);
  for (int i = 0; i < 6; i++) assert_int_equal(half[i], float_to_half(x[i]));
  float other[6];
  sample_fill(DTYPE_FLOAT, other, 6, 7, 1);
  assert_memory_not_equal(x, other, sizeof x);
  int64_t bits[1000], ones = 0;
  sample_fill(DTYPE_INT64, bits, 1000, 1, 0);
  for (int i = 0; i < 1000; i++) {
    assert_true(bits[i] == 0 || bits[i] == 1);
    ones += bits[i];
  }
  assert_in_range(ones, 400, 600);
}

static void test_cpu(void **state) {
  (void)state;
  char text[200];
  assert_string_equal(describe_cpu_features(text, sizeof text, CPU_X86_64_V4 | CPU_AVX512_VNNI),
                      "x86-64-v4 (AVX-512), AVX512-VNNI");
  assert_string_equal(describe_cpu_features(text, sizeof text, 0), "");
#ifdef __x86_64__
  uint32_t features = detect_cpu_features();
  assert_int_equal(!!(features & CPU_X86_64_V2), !!__builtin_cpu_supports("sse4.2"));
  assert_int_equal(!!(features & CPU_X86_64_V3), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  assert_int_equal(!!(features & CPU_X86_64_V4),
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
  assert_int_equal(!!(features & CPU_AVX512_VNNI), !!__builtin_cpu_supports("avx512vnni"));
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_half),   cmocka_unit_test(test_bfloat), cmocka_unit_test(test_elements),
      cmocka_unit_test(test_sample), cmocka_unit_test(test_cpu),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
