// The elementwise loop, and the vector operations that all templates stand on.
#include "tests/kernels/kernels.h"
#include "templates/map.h"

typedef struct {
  idx n0, n1, n2, n3;
  const float *x;
  float *y;
} Call;
static Status add_one(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  const Call *c = bufs[0];
  idx at = ((i0 * c->n1 + i1) * c->n2 + i2) * c->n3 + i3;
  vf x = load_some(c->x + at, lanes);
  store_some(c->y + at, x + 1.0f, lanes);
  return vany((x > 1e30f) & lane_mask(lanes)) ? STATUS_DIVIDE : STATUS_OK;
}
static Status run(void *context, idx part, idx parts) {
  Call *c = context;
  return map(c->n0, c->n1, c->n2, c->n3, add_one, (void *[]){c}, part, parts);
}
static void test_map(void **state) {
  (void)state;
  const idx rows[][3] = {{1, 1, 1}, {2, 3, 4}, {1, 5, 1}, {3, 1, 2}, {0, 2, 2}};
  const idx lengths[] = {0, 1, V - 1, V, V + 1, 4 * V, 4 * V + 1, 11 * V + 3};
  for (size_t r = 0; r < 5; r++) {
    for (size_t l = 0; l < 8; l++) {
      idx count = rows[r][0] * rows[r][1] * rows[r][2] * lengths[l];
      float *x = new_random(count), *y = new_floats(count);
      Call c = {rows[r][0], rows[r][1], rows[r][2], lengths[l], x, y};
      run_parts(run, &c, y, count * 4);
      for (idx i = 0; i < count; i++) assert_true(y[i] == x[i] + 1.0f);
      c.y = x; // in place
      assert_int_equal(run(&c, 0, 1), STATUS_OK);
      assert_memory_equal(x, y, (size_t)count * 4);
      for (idx i = 0; i < count; i += 7) { // a fault is reported from wherever it is
        float kept = x[i];
        x[i] = 1e38f;
        assert_int_equal(run(&c, 0, 1), STATUS_DIVIDE);
        x[i] = kept;
      }
      free(x), free(y);
    }
  }
}

static void test_partial(void **state) {
  (void)state;
  for (idx lanes = 0; lanes <= V; lanes++) {
    float *x = new_random(lanes), *y = new_floats(lanes);
    vf v = load_some(x, lanes);
    store_some(y, v, lanes);
    for (idx i = 0; i < V; i++) assert_true(v[i] == (i < lanes ? x[i] : 0));
    for (idx i = 0; i < lanes; i++) assert_true(y[i] == x[i]);
    for (idx i = 0; i < V; i++) assert_int_equal(lane_mask(lanes)[i], i < lanes ? -1 : 0);
    free(x), free(y);
  }
}

static void test_horizontal(void **state) {
  (void)state;
  for (int round = 0; round < 100; round++) {
    vf x;
    double sum = 0, product = 1, most = -INFINITY, least = INFINITY;
    for (idx i = 0; i < V; i++) {
      x[i] = random_float();
      sum += x[i], product *= x[i], most = fmax(most, x[i]), least = fmin(least, x[i]);
    }
    assert_true(is_close(sum_lanes(x), sum, 1e-6) && is_close(product_lanes(x), product, 1e-6));
    assert_true(max_lanes(x) == most && min_lanes(x) == least);
    x[round % V] = NAN;
    assert_true(isnan(max_lanes(x)) && isnan(min_lanes(x)) && isnan(sum_lanes(x)));
    assert_true(vany(x != x) && !vany(x > 2.0f));
  }
}

static void test_transpose_lanes(void **state) {
  (void)state;
  vf r[V];
  for (idx i = 0; i < V; i++)
    for (idx j = 0; j < V; j++) r[i][j] = (float)(i * V + j);
  transpose_lanes(r);
  for (idx i = 0; i < V; i++)
    for (idx j = 0; j < V; j++) assert_true(r[i][j] == (float)(j * V + i));
}

static void test_scale(void **state) {
  (void)state;
  for (int n = -250; n <= 250; n++) {
    vf y = vscale(splat(1.5f), splat((float)n));
    assert_true(y[0] == (float)ldexp(1.5, n) && y[V - 1] == y[0]);
  }
}

static void test_splat_keeps_sign(void **state) {
  (void)state;
  assert_true(signbit(splat(-0.0f)[0]) && signbit(vcopysign(splat(0.0f), splat(-1.0f))[0]));
  assert_true(vabs(splat(-3.0f))[0] == 3);
}

RUN_TESTS(cmocka_unit_test(test_map), cmocka_unit_test(test_partial), cmocka_unit_test(test_horizontal),
          cmocka_unit_test(test_transpose_lanes), cmocka_unit_test(test_scale), cmocka_unit_test(test_splat_keeps_sign))
