// fold against plain loops: all kinds, several types, one tensor and products, vectors along outputs and along terms,
// empty axes, and integers that wrap.
#include "tests/kernels/kernels.h"
#include "templates/fold.h"

enum { KEPT = 3, REDUCED = 4 }; // outputs [KEPT][n], terms [REDUCED][r]

typedef struct {
  idx kind, type, products, rows, n, r;
  int64_t table[8];
  const void *x, *z;
  void *y;
} Call;

static Status run(void *context, idx part, idx parts) {
  Call *c = context;
  return fold(c->kind, c->type, c->products, c->rows, 1, 1, c->table, c->n, 1, 2, 1, c->r, c->n, 3, c->x, c->z, c->y,
              NULL, part, parts);
}

static double combine(idx kind, double a, double b) {
  if (kind == REDUCE_SUM) return a + b;
  if (kind == REDUCE_PRODUCT) return a * b;
  if (isnan(a) || isnan(b)) return NAN;
  return kind == REDUCE_MAX ? fmax(a, b) : fmin(a, b);
}

// x[KEPT][REDUCED][r][n], z[REDUCED][r] and [n] by strides 3 and 2.
#define CHECK(name, T, number, make)                                                                                   \
  static void check_##name(idx kind, idx n, idx r, idx products, idx rows) {                                           \
    idx x_count = KEPT * REDUCED * r * n, z_count = REDUCED * r * 3 + 2 * n + 1;                                       \
    T *x = new_bytes((x_count + 1) * (idx)sizeof(T)), *z = new_bytes(z_count * (idx)sizeof(T));                        \
    T *y = new_bytes((KEPT * n + 1) * (idx)sizeof(T));                                                                 \
    for (idx i = 0; i < x_count; i++) x[i] = (T)(make);                                                                \
    for (idx i = 0; i < z_count; i++) z[i] = (T)(make);                                                                \
    Call c = {kind, number, products, rows, n, r, {KEPT, REDUCED * r * n, 0, n, REDUCED, r * n, r * 3, 0}, x, z, y};   \
    run_parts(run, &c, y, KEPT *n *(idx)sizeof(T));                                                                    \
    for (idx o = 0; o < KEPT; o++) {                                                                                   \
      for (idx j = 0; j < n; j++) {                                                                                    \
        double want = kind == REDUCE_PRODUCT ? 1 : 0;                                                                  \
        for (idx a = 0; a < REDUCED * r; a++) {                                                                        \
          double term = (double)x[(o * REDUCED * r + a) * n + j];                                                      \
          if (products) term *= (double)z[a * 3 + j * 2];                                                              \
          want = a == 0 && kind != REDUCE_PRODUCT ? term : combine(kind, want, term);                                  \
        }                                                                                                              \
        double got = (double)y[o * n + j];                                                                             \
        if (!is_close(got, want, 1e-5)) fail_msg(#name " kind %td n %td r %td: %g, not %g", kind, n, r, got, want);    \
      }                                                                                                                \
    }                                                                                                                  \
    free(x), free(z), free(y);                                                                                         \
  }
CHECK(f32, float, 1, random_float())
CHECK(f64, double, 11, random_float())
CHECK(i32, int32_t, 6, (int32_t)(random_bits() % 7) - 3)
CHECK(i64, int64_t, 7, (int64_t)(random_bits() % 7) - 3)
CHECK(u8, uint8_t, 2, random_bits() % 2)

static void all_kinds(void **state) {
  (void)state;
  static const idx sizes[] = {1, 3, 16, 17, 40};
  for (idx kind = REDUCE_SUM; kind <= REDUCE_PRODUCT; kind++) {
    for (size_t i = 0; i < 5; i++) {
      for (idx flags = 0; flags < 4; flags++) {
        idx n = sizes[i], products = flags & 1, rows = flags >> 1;
        check_f32(kind, n, 5, products, rows), check_f32(kind, 3, n, products, rows);
        check_f64(kind, n, 5, products, rows), check_f64(kind, 3, n, products, rows);
        check_u8(kind, n, 5, products, rows), check_u8(kind, 3, n, products, rows);
        idx few = kind == REDUCE_PRODUCT ? 2 : n; // what fits into int32
        check_i32(kind, n, kind == REDUCE_PRODUCT ? 1 : 5, products, rows), check_i64(kind, 3, few, products, rows);
      }
    }
  }
}

static void empty(void **state) {
  (void)state;
  float f[3] = {1, 2, 3}, g[3];
  int8_t i[3] = {1, 2, 3}, h[3];
  for (idx rows = 0; rows < 2; rows++) {
    Call c = {REDUCE_MAX, 1, 0, rows, 3, 0, {1, 0, 0, 0, 1, 0, 0, 0}, f, f, g};
    assert_int_equal(run(&c, 0, 1), STATUS_OK);
    assert_true(g[0] == -INFINITY && g[2] == -INFINITY);
    c = (Call){REDUCE_MIN, 3, 0, rows, 3, 5, {1, 0, 0, 0, 0, 0, 0, 0}, i, i, h};
    assert_int_equal(run(&c, 0, 1), STATUS_OK);
    assert_true(h[0] == INT8_MAX && h[2] == INT8_MAX);
  }
}

static void wraps_and_not_a_number(void **state) {
  (void)state;
  int32_t x[2] = {INT32_MAX, 2}, y[1];
  float f[3] = {1, NAN, 2}, g[1];
  Call c = {REDUCE_SUM, 6, 0, 1, 1, 2, {1, 0, 0, 0, 1, 0, 0, 0}, x, x, y};
  assert_int_equal(run(&c, 0, 1), STATUS_OK);
  assert_int_equal(y[0], INT32_MIN + 1);
  c = (Call){REDUCE_MAX, 1, 0, 0, 1, 3, {1, 0, 0, 0, 1, 0, 0, 0}, f, f, g};
  assert_int_equal(run(&c, 0, 1), STATUS_OK);
  assert_true(isnan(g[0]));
}

RUN_TESTS(cmocka_unit_test(all_kinds), cmocka_unit_test(empty), cmocka_unit_test(wraps_and_not_a_number))
