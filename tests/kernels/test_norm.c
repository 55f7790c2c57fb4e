// softmax_f32 and layernorm_f32 against double: rows around the vector and around what is kept on the stack, large
// values, rows of -infinity, NaN, +infinity, in place.
#include "tests/kernels/kernels.h"
#include "templates/norm.h"

typedef struct {
  idx n0, n1, n2, n, mode; // mode: log of softmax, rms of layernorm
  const float *x;
  float *y, *scratch;
} Call;
static const double epsilon = 1e-5;

static vf load_x(void *const *bufs, idx i0, idx i1, idx i2, idx i, idx lanes) {
  const Call *c = bufs[0];
  vf x = load_some(c->x + ((i0 * c->n1 + i1) * c->n2 + i2) * c->n + i, lanes);
  return vselect(lane_mask(lanes), x, splat(1e30f)); // lanes past the end hold anything finite
}
static void store_y(void *const *bufs, vf v, idx i0, idx i1, idx i2, idx i, idx lanes) {
  const Call *c = bufs[0];
  store_some(c->y + ((i0 * c->n1 + i1) * c->n2 + i2) * c->n + i, v, lanes);
}
static Status run_softmax(void *context, idx part, idx parts) {
  Call *c = context;
  return softmax_f32(c->n0, c->n1, c->n2, c->n, c->mode, load_x, c->scratch, store_y, (void *[]){c}, part, parts);
}
static Status run_layernorm(void *context, idx part, idx parts) {
  Call *c = context;
  return layernorm_f32(c->n0, c->n1, c->n2, c->n, epsilon, c->mode, load_x, store_y, (void *[]){c}, part, parts);
}

static void want_softmax(const float *x, idx n, idx log_too, double *want) {
  double top = -INFINITY, sum = 0;
  for (idx i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
  for (idx i = 0; i < n; i++) sum += exp((double)x[i] - top);
  for (idx i = 0; i < n; i++) want[i] = log_too ? x[i] - top - log(sum) : exp((double)x[i] - top) / sum;
}
static void want_layernorm(const float *x, idx n, idx rms, double *want) {
  double mean = 0, square = 0;
  for (idx i = 0; i < n && !rms; i++) mean += x[i] / (double)n;
  for (idx i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / (double)n;
  for (idx i = 0; i < n; i++) want[i] = (x[i] - mean) / sqrt(square + epsilon);
}

static const idx lengths[] = {1, V - 1, V, V + 1, 5 * V + 3, 1000, 1024, 1025, 3001};

static void check(Run *run, void want_row(const float *, idx, idx, double *), idx n, idx mode, float scale,
                  float special) {
  Call c = {2, 1, 3, n, mode, NULL, NULL, NULL};
  idx rows = c.n0 * c.n1 * c.n2;
  float *x = new_random(rows * n), *y = new_floats(rows * n);
  c.x = x, c.y = y, c.scratch = n > 1024 ? new_floats(7 * ((n + 15) / 16 * 16)) : NULL;
  for (idx i = 0; i < rows * n; i++) x[i] *= scale;
  if (special != 0) x[n + n / 2] = special;
  if (special != 0)
    for (idx i = 0; i < n; i++) x[2 * n + i] = -INFINITY;
  double *want = new_bytes(rows * n * 8);
  for (idx r = 0; r < rows; r++) want_row(x + r * n, n, mode, want + r * n);
  run_parts(run, &c, y, rows * n * 4);
  assert_close(y, want, rows * n, 3e-6, "apart");
  c.y = x; // in place
  assert_int_equal(run(&c, 0, 1), STATUS_OK);
  assert_memory_equal(x, y, (size_t)(rows * n * 4));
  free(x), free(y), free(want), free(c.scratch);
}

static void test_softmax(void **state) {
  (void)state;
  const float specials[] = {0, NAN, INFINITY, -INFINITY};
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
    for (int s = 0; s < 4; s++) {
      check(run_softmax, want_softmax, lengths[l], 0, 1, specials[s]);
      check(run_softmax, want_softmax, lengths[l], 1, 90, specials[s]);
      check(run_softmax, want_softmax, lengths[l], 0, 1e4f, specials[s]);
    }
  }
}

static void test_layernorm(void **state) {
  (void)state;
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
    for (idx rms = 0; rms < 2; rms++) {
      check(run_layernorm, want_layernorm, lengths[l], rms, 1, 0);
      check(run_layernorm, want_layernorm, lengths[l], rms, 100, 0);
      if (lengths[l] > 1) check(run_layernorm, want_layernorm, lengths[l], rms, 1, NAN);
    }
  }
}

// A large mean must not eat the variance.
static void test_far_from_zero(void **state) {
  (void)state;
  enum { N = 768 };
  float x[N], y[N];
  double want[N];
  for (int i = 0; i < N; i++) x[i] = 4096 + (float)(i % 5);
  want_layernorm(x, N, 0, want);
  Call c = {1, 1, 1, N, 0, x, y, NULL};
  assert_int_equal(run_layernorm(&c, 0, 1), STATUS_OK);
  assert_close(y, want, N, 1e-3, "far");
}

RUN_TESTS(cmocka_unit_test(test_softmax), cmocka_unit_test(test_layernorm), cmocka_unit_test(test_far_from_zero))
