// Templates over strings: decimals against strtod and printf, UTF-8 against every code, cutting, looking up and running
// out of space.
#include "tests/kernels/kernels.h"
#include "templates/string_case.h"
#include "templates/string_number.h"
#include "templates/string_split.h"

enum { POOL_BYTES = 4096 };
typedef struct {
  char bytes[POOL_BYTES];
  int64_t used[2];
} Pool;

static String add(Pool *pool, const char *text) {
  String string;
  assert_int_equal(claim_text(pool->used, strlen(text), &string), STATUS_OK);
  memcpy(pool->bytes + string.offset, text, string.size);
  return string;
}

static double random_double(void) {
  uint64_t bits = random_bits();
  double x;
  memcpy(&x, &bits, sizeof x);
  return isfinite(x) ? x : random_double();
}

static void test_doubles(void **state) {
  (void)state;
  for (int i = 0; i < 4000; i++) {
    double x = i < 2098 ? ldexp(1, i - 1074) : random_double();
    if (i >= 2098 && i % 2) x = (double)(int64_t)random_bits() / 1000;
    if (!isfinite(x)) continue;
    Pool pool = {.used = {0, POOL_BYTES}};
    String text = {0, 0};
    double back;
    assert_int_equal(string_from_float(1, 53, -1074, 16, &x, pool.bytes, pool.used, &text, NULL, 0, 1), STATUS_OK);
    char copy[64] = {0}, printed[64];
    memcpy(copy, pool.bytes + text.offset, text.size);
    assert_true(strtod(copy, NULL) == x);
    assert_int_equal(string_to_float(1, 53, -1074, &text, pool.bytes, &back, NULL, 0, 1), STATUS_OK);
    assert_memory_equal(&back, &x, sizeof x);
    for (int digits = 1; digits <= 20; digits++) { // what is read, nearest or not
      snprintf(printed, sizeof printed, "%.*e", digits, x);
      text = add(&pool, printed);
      assert_int_equal(string_to_float(1, 53, -1074, &text, pool.bytes, &back, NULL, 0, 1), STATUS_OK);
      if (back != strtod(printed, NULL)) fail_msg("'%s' is read as %.17g", printed, back);
    }
  }
}

static void test_floats(void **state) {
  (void)state;
  for (int i = 0; i < 4000; i++) {
    uint32_t bits = (uint32_t)random_bits();
    float x, back;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x)) continue;
    Pool pool = {.used = {0, POOL_BYTES}};
    String text = {0, 0};
    double wide = (double)x;
    assert_int_equal(string_from_float(1, 24, -149, 8, &wide, pool.bytes, pool.used, &text, NULL, 0, 1), STATUS_OK);
    pool.bytes[text.offset + text.size] = '\0';
    back = strtof(pool.bytes + text.offset, NULL);
    assert_memory_equal(&back, &x, sizeof x);
    assert_int_equal(string_to_float(1, 24, -149, &text, pool.bytes, &wide, NULL, 0, 1), STATUS_OK);
    assert_true(wide == (double)x);
  }
}

static void test_utf8(void **state) {
  (void)state;
  for (uint32_t code = 0; code < 0x120000; code++) {
    char text[4];
    uint32_t back = 0;
    uint64_t size = code < 0x110000 ? write_utf8(code, text) : 0;
    if (size == 0) continue;
    int character = code < 0xd800 || code > 0xdfff;
    assert_int_equal(read_utf8(text, size, &back), character ? size : 0);
    if (character) assert_int_equal(back, code);
    if (size > 1) assert_int_equal(read_utf8(text, size - 1, &back), 0);
  }
  static const char *const wrong[] = {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                      "\xff"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint32_t code;
    assert_int_equal(read_utf8(wrong[i], strlen(wrong[i]), &code), 0);
  }
}

static void test_space(void **state) {
  (void)state;
  Pool pool = {.used = {0, 20}};
  String x[2] = {add(&pool, "abcdefgh"), add(&pool, "1234")}, out[2];
  assert_int_equal(string_concat(1, &x[1], 1, &x[1], 1, pool.bytes, pool.used, out, NULL, 0, 1), STATUS_OK);
  assert_int_equal(pool.used[0], 20);
  assert_memory_equal(pool.bytes + out[0].offset, "12341234", 8);
  assert_int_equal(string_concat(1, x, 1, x, 1, pool.bytes, pool.used, out, NULL, 0, 1), STATUS_MEMORY);
  int64_t number = 5;
  assert_int_equal(string_from_int(1, 1, &number, pool.bytes, pool.used, out, NULL, 0, 1), STATUS_MEMORY);
}

static void test_split(void **state) {
  (void)state;
  Pool pool = {.used = {0, POOL_BYTES}};
  String x[3] = {add(&pool, "a,,b"), {0, 0}, add(&pool, ",")}, comma = add(&pool, ","), parts[9];
  int64_t counts[3], width;
  assert_int_equal(string_parts(3, -1, x, &comma, pool.bytes, counts, &width, NULL, 0, 1), STATUS_OK);
  assert_true(counts[0] == 3 && counts[1] == 1 && counts[2] == 2 && width == 3);
  assert_int_equal(string_split(3, -1, width, x, &comma, pool.bytes, parts, NULL, 0, 1), STATUS_OK);
  assert_true(parts[0].size == 1 && parts[1].size == 0 && parts[2].offset == x[0].offset + 3 && parts[8].size == 0);
}

RUN_TESTS(cmocka_unit_test(test_doubles), cmocka_unit_test(test_floats), cmocka_unit_test(test_utf8),
          cmocka_unit_test(test_space), cmocka_unit_test(test_split))
