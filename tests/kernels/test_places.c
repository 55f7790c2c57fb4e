// Order, places and choices against plain loops: sort, scatter, running sums, counts, boxes, random numbers.
#include "tests/kernels/kernels.h"
#include "templates/blocks.h"
#include "templates/cumulate.h"
#include "templates/indices.h"
#include "templates/nms.h"
#include "templates/random.h"
#include "templates/sample.h"
#include "templates/scatter.h"
#include "templates/sort.h"

enum { OUTER = 3, N = 37, INNER = 70, COUNT = OUTER * N * INNER };

// Few different values, so that many are equal.
static float *new_few(idx count) {
  float *x = new_floats(count);
  for (idx i = 0; i < count; i++) x[i] = (float)((int)(random_bits() % 9) - 4);
  return x;
}

typedef struct {
  idx a, b, k;
  const float *x;
  float *values;
  int64_t *y;
} Order;

static Status run_extreme(void *context, idx part, idx parts) {
  Order *s = context;
  return arg_extreme(NUMBER_F32, s->a, s->b, OUTER, N, INNER, s->x, s->y, NULL, part, parts);
}
static void test_extreme(void **state) {
  (void)state;
  float *x = new_few(COUNT);
  x[5] = NAN, x[5 + INNER] = NAN;
  int64_t *y = new_bytes(8 * OUTER * INNER);
  for (int mode = 0; mode < 4; mode++) {
    Order s = {mode & 1, mode >> 1, 0, x, NULL, y};
    run_parts(run_extreme, &s, y, 8 * OUTER * INNER);
    for (idx line = 0; line < OUTER * INNER; line++) {
      const float *p = x + line / INNER * N * INNER + line % INNER;
      idx best = 0;
      for (idx k = 1; k < N; k++) {
        float v = p[k * INNER], old = p[best * INNER];
        if (isnan(old) && !s.b) continue;
        if (isnan(old) ? isnan(v) : isnan(v) || (s.a ? v < old : v > old) || (s.b && v == old)) best = k;
      }
      assert_int_equal(y[line], best);
    }
  }
  free(x), free(y);
}

static Status run_top_k(void *context, idx part, idx parts) {
  Order *s = context;
  return top_k(NUMBER_F32, 4, OUTER, N, INNER, s->k, s->a, s->x, s->values, s->y, NULL, part, parts);
}
static void test_top_k(void **state) {
  (void)state;
  float *x = new_few(COUNT), *values = new_floats(COUNT);
  int64_t *y = new_bytes(8 * COUNT);
  for (idx k = 1; k <= N; k += 6) {
    for (int largest = 0; largest < 2; largest++) {
      Order s = {largest, 0, k, x, values, y};
      run_parts(run_top_k, &s, y, 8 * OUTER * k * INNER);
      for (idx at = 0; at < OUTER * k * INNER; at++) {
        idx o = at / INNER / k, rank = at / INNER % k, i = at % INNER, before = 0;
        const float *p = x + o * N * INNER + i;
        float own = p[(idx)y[at] * INNER];
        assert_true(values[at] == own);
        for (idx j = 0; j < N; j++) { // how many come before it
          float v = p[j * INNER];
          before += (largest ? v > own : v < own) || (v == own && j < y[at]);
        }
        assert_int_equal(before, rank);
      }
    }
  }
  free(x), free(values), free(y);
}

static void test_unique(void **state) {
  (void)state;
  for (int sorted = 0; sorted < 2; sorted++) {
    float *x = new_few(N);
    int64_t order[2 * N], first[N], inverse[N], counts[N], count, seen[N] = {0};
    assert_int_equal(unique(NUMBER_F32, 1, N, 1, sorted, x, order, first, inverse, counts, &count, NULL, 0, 1),
                     STATUS_OK);
    for (idx j = 0; j < N; j++) {
      int64_t u = inverse[j];
      assert_true(u >= 0 && u < count && x[first[u]] == x[j] && first[u] <= j);
      seen[u]++;
    }
    for (int64_t u = 0; u < count; u++) {
      assert_int_equal(counts[u], seen[u]);
      if (u > 0) assert_true(sorted ? x[first[u - 1]] < x[first[u]] : first[u - 1] < first[u]);
    }
    free(x);
  }
}

static void test_scatter(void **state) {
  (void)state;
  const int64_t dims[] = {2, 3}, strides[] = {4, 1}, indices[] = {0, -1, 3, 2, 2, 2}, bad[] = {0, 4, 0, 0, 0, 0};
  const int32_t updates[] = {1, 2, 3, 4, 5, 6};
  int32_t out[8] = {10, 10, 10, 10, 10, 10, 10, 10};
  assert_int_equal(
      scatter_elements(NUMBER_I32, 4, COMBINE_ADD, 2, 1, 4, dims, strides, indices, 8, updates, out, NULL, 0, 1),
      STATUS_OK);
  const int32_t sums[8] = {11, 10, 10, 15, 10, 10, 25, 10};
  assert_memory_equal(out, sums, sizeof sums);
  assert_int_equal(
      scatter_elements(NUMBER_I32, 4, COMBINE_NONE, 2, 1, 4, dims, strides, bad, 8, updates, out, NULL, 0, 1),
      STATUS_INDEX);
  const int64_t sizes[] = {4}, blocks[] = {3, -4, 3};
  int32_t rows[8] = {0};
  assert_int_equal(scatter_nd(NUMBER_I32, 4, COMBINE_MAX, 3, 1, 2, sizes, blocks, updates, rows, NULL, 0, 1),
                   STATUS_OK);
  const int32_t most[8] = {3, 4, 0, 0, 0, 0, 5, 6};
  assert_memory_equal(rows, most, sizeof most);
}

static Status run_cumulate(void *context, idx part, idx parts) {
  Order *s = context;
  return cumulate(NUMBER_F32, s->k, OUTER, N, INNER, s->a, s->b, s->x, s->values, NULL, part, parts);
}
static void test_cumulate(void **state) {
  (void)state;
  float *x = new_random(COUNT), *y = new_floats(COUNT);
  for (int mode = 0; mode < 8; mode++) {
    Order s = {mode & 1, mode >> 1 & 1, mode >> 2, x, y, NULL};
    run_parts(run_cumulate, &s, y, 4 * COUNT);
    for (idx at = 0; at < COUNT; at++) {
      idx j = at / INNER % N;
      double want = s.k ? 1 : 0;
      for (idx k = 0; k < N; k++) {
        if (s.a ? k < j : k > j) continue;
        if (s.b && k == j) continue;
        want = s.k ? want * x[at + (k - j) * INNER] : want + x[at + (k - j) * INNER];
      }
      assert_true(is_close(y[at], want, 1e-5));
    }
  }
  free(x), free(y);
}

static void test_choices(void **state) {
  (void)state;
  const float x[6] = {0, 2, -0.0f, NAN, 0, 5}, start = 1, limit = 0, delta = -0.3f, none = 0;
  const int64_t dims[] = {2, 3}, want[] = {0, 1, 1, 1, 0, 2};
  int64_t found = 0, places[6], count = 0;
  assert_int_equal(count_nonzero(NUMBER_F32, 6, x, &found, NULL, 0, 1), STATUS_OK);
  assert_int_equal(found, 3);
  assert_int_equal(nonzero(NUMBER_F32, 2, 6, 3, dims, x, places, NULL, 0, 1), STATUS_OK);
  assert_memory_equal(places, want, sizeof want);
  const uint8_t chosen[] = {0, 1, 1};
  float kept[4];
  assert_int_equal(compress(2, 3, 3, 2, 4, chosen, x, kept, NULL, 0, 1), STATUS_OK);
  assert_true(kept[0] == 2 && kept[1] == 0 && kept[2] == 0 && kept[3] == 5);
  assert_int_equal(range_count(4, &start, &limit, &delta, &count, NULL, 0, 1), STATUS_OK);
  assert_int_equal(count, 4);
  assert_int_equal(range_count(4, &start, &limit, &none, &count, NULL, 0, 1), STATUS_DIVIDE);
}

static void test_boxes(void **state) {
  (void)state;
  const float boxes[] = {0, 0, 1, 1, 1, 1, 0, 0.1f, 0, 2, 1, 3, 0, 2, 1, 3.1f}, scores[] = {0.5f, 0.9f, 0.8f, 0.1f};
  const int64_t limit = 9, want[] = {0, 0, 1, 0, 0, 2};
  const float overlap = 0.5f, least = 0.2f;
  int64_t order[4], out[12], count;
  assert_int_equal(
      non_max_suppression(1, 1, 4, 0, 1, boxes, scores, &limit, &overlap, &least, order, out, &count, NULL, 0, 1),
      STATUS_OK);
  assert_int_equal(count, 2);
  assert_memory_equal(out, want, sizeof want);
}

static void test_sampling(void **state) {
  (void)state;
  const float x[] = {1, 2, 3, 4}, grid[] = {0, 0, -1, -1, 1, 1, 9, 9};
  float y[4];
  assert_int_equal(grid_sample(4, 2, 1, 1, 1, 2, 2, 4, SAMPLE_LINEAR, SAMPLE_ZEROS, 1, x, grid, y, NULL, 0, 1),
                   STATUS_OK);
  assert_true(y[0] == 2.5f && y[1] == 1 && y[2] == 4 && y[3] == 0);
  assert_true(reflect_between(-1.25, -0.5, 3.5) == 0.25 && reflect_between(8, -0.5, 3.5) == 0);
  const double m[] = {0, 2, 1, 1, 1, 1, 2, 0, 3};
  double work[9], d;
  assert_int_equal(determinant(8, 1, 3, m, work, &d, NULL, 0, 1), STATUS_OK);
  assert_true(is_close(d, -4, 1e-12));
  const float rois[] = {0, 0, 9, 9};
  const int64_t batch = 1;
  assert_int_equal(roi_align(4, 1, 1, 2, 2, 1, 1, 1, 0, 0, 1, 0.5, x, rois, &batch, y, NULL, 0, 1), STATUS_INDEX);
}

// numpy.random.RandomState(0).uniform(size=3), and number 700 of that
static void test_twister(void **state) {
  (void)state;
  double y[701];
  assert_int_equal(mersenne_uniform(0, 701, y, NULL, 0, 1), STATUS_OK);
  assert_true(is_close(y[0], 0.5488135039273248, 1e-15) && is_close(y[1], 0.7151893663724195, 1e-15));
  assert_true(is_close(y[2], 0.6027633760716439, 1e-15) && is_close(y[700], 0.37321595574479416, 1e-15));
}

RUN_TESTS(cmocka_unit_test(test_extreme), cmocka_unit_test(test_top_k), cmocka_unit_test(test_unique),
          cmocka_unit_test(test_scatter), cmocka_unit_test(test_cumulate), cmocka_unit_test(test_choices),
          cmocka_unit_test(test_boxes), cmocka_unit_test(test_sampling), cmocka_unit_test(test_twister))
