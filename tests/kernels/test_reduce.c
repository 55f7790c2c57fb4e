// reduce_f32 and reduce_row_f32 against loops in double: all kinds, sizes around the vector, NaN and infinities, and
// the accuracy of long sums.
#include "tests/kernels/kernels.h"
#include "templates/reduce.h"

typedef struct {
  idx kind, o, r0, r1, i; // or o0, o1, r0, r1
  const float *x;
  float *y;
} Call;

static vf load_x(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  const Call *c = bufs[0];
  return load_some(c->x + ((i0 * c->r0 + i1) * c->r1 + i2) * c->i + i3, lanes);
}
static void store_y(void *const *bufs, vf v, idx i0, idx i1, idx o, idx i, idx lanes) {
  const Call *c = bufs[0];
  assert_true(i0 == 0 && i1 == 0);
  store_some(c->y + o * c->i + i, v, lanes);
}
static Status run(void *context, idx part, idx parts) {
  Call *c = context;
  return reduce_f32(c->kind, c->o, c->r0, c->r1, c->i, load_x, store_y, (void *[]){c}, part, parts);
}

static vf load_row(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  const Call *c = bufs[0];
  vf x = load_some(c->x + ((i0 * c->r0 + i1) * c->r1 + i2) * c->i + i3, lanes);
  return vselect(lane_mask(lanes), x, splat(1e30f)); // lanes past the end hold anything finite
}
static void store_row(void *const *bufs, vf v, idx i0, idx i1, idx o, idx i, idx lanes) {
  const Call *c = bufs[0];
  assert_true(i0 == 0 && i1 == 0 && lanes == 1);
  c->y[o * c->r0 + i] = v[0];
}
static Status run_row(void *context, idx part, idx parts) {
  Call *c = context;
  return reduce_row_f32(c->kind, c->o, c->r0, c->r1, c->i, load_row, store_row, (void *[]){c}, part, parts);
}

static double combine(idx kind, double a, double b) {
  if (kind == REDUCE_SUM) return a + b;
  if (kind == REDUCE_PRODUCT) return a * b;
  if (isnan(a) || isnan(b)) return NAN;
  return kind == REDUCE_MAX ? fmax(a, b) : fmin(a, b);
}
static const double starts[] = {0, -INFINITY, INFINITY, 1};

// Reduces the middle axes of [o][a][b][i] (rows: of [o][a][b][i] the two last).
static void check(idx kind, idx o, idx a, idx b, idx i, float special) {
  float *x = new_random(o * a * b * i);
  for (idx r = 0; r < o * a * b * i && kind == REDUCE_PRODUCT; r++) x[r] = copysignf(1 + x[r] / 64, x[r]);
  if (special != 0) x[o * a * b * i / 2] = special;
  for (int rows = 0; rows < 2; rows++) {
    idx count = rows ? o * a : o * i;
    float *y = new_floats(count);
    Call c = {kind, o, a, b, i, x, y};
    run_parts(rows ? run_row : run, &c, y, count * 4);
    for (idx at = 0; at < count; at++) {
      double want = starts[kind], size = 0; // size: what rounding errors are in proportion to
      for (idx r = 0; r < (rows ? b * i : a * b); r++) {
        double term = rows ? x[at * b * i + r] : x[(at / i * a * b + r) * i + at % i];
        want = combine(kind, want, term);
        size += fabs(term);
      }
      double error = kind == REDUCE_SUM ? 3e-7 * size / (1 + fabs(want)) : kind == REDUCE_PRODUCT ? 3e-5 : 0;
      if (!is_close(y[at], want, isfinite(error) ? error : 0)) {
        fail_msg("kind %td rows %d [%td][%td][%td][%td]: [%td] is %.9g, not %.9g", kind, rows, o, a, b, i, at, y[at],
                 want);
      }
    }
    free(y);
  }
  free(x);
}

static void test_all(void **state) {
  (void)state;
  const idx sizes[] = {1, V - 1, V, V + 1, 4 * V, 9 * V + 3};
  const float specials[] = {0, NAN, INFINITY, -INFINITY};
  for (idx kind = 0; kind < 4; kind++) {
    for (size_t i = 0; i < 6; i++) {
      for (size_t r = 0; r < 6; r++) check(kind, 3, 2, sizes[r], sizes[i], specials[(i + r) % 4]);
    }
    check(kind, 2, 1, 1000, 5, 0);
    check(kind, 1, 5, 1, 300 * V + 1, 0);
  }
}

// A million terms of 0.1: adding one by one would be off by a part in a thousand.
static void test_long_sum(void **state) {
  (void)state;
  enum { COUNT = 1000003 };
  float *x = new_floats(COUNT), y;
  for (idx i = 0; i < COUNT; i++) x[i] = 0.1f;
  Call column = {REDUCE_SUM, 1, 1, COUNT, 1, x, &y}, row = {REDUCE_SUM, 1, 1, 1, COUNT, x, &y};
  double want = 0.1f * (double)COUNT;
  assert_int_equal(run(&column, 0, 1), STATUS_OK);
  assert_true(fabs(y / want - 1) < 1e-5);
  assert_int_equal(run_row(&row, 0, 1), STATUS_OK);
  assert_true(fabs(y / want - 1) < 2e-6);
  free(x);
}

RUN_TESTS(cmocka_unit_test(test_all), cmocka_unit_test(test_long_sum))
