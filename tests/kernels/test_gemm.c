// gemm_f32 and pack_b_f32 against a triple loop in double: shapes below, at, above and between tile sizes, strides,
// batches, shared B, every way to split the work.
#include "tests/kernels/kernels.h"
#include "templates/gemm.h"

typedef struct {
  idx b0, b1, m, n, k;
  idx a_b0, a_b1, a_m, a_k, b_b0, b_b1;
  const float *a, *packed;
  float *c; // [b0][b1][m][n]
} Gemm;

static void store_c(void *const *bufs, vf v, idx i0, idx i1, idx i, idx j, idx lanes) {
  const Gemm *g = bufs[0];
  assert_true(lanes >= 1 && lanes <= V && i < g->m && j + lanes <= g->n);
  store_some(g->c + ((i0 * g->b1 + i1) * g->m + i) * g->n + j, v, lanes);
}

// Constant tiles as the compiler would pass them, and one with everything at run time.
#define TILE(mr, nv)                                                                                                   \
  static Status run_##mr##_##nv(void *context, idx part, idx parts) {                                                  \
    Gemm *g = context;                                                                                                 \
    return gemm_f32(g->b0, g->b1, g->m, g->n, g->k, g->a, g->a_b0, g->a_b1, g->a_m, g->a_k, g->packed, g->b_b0,        \
                    g->b_b1, mr, nv, store_c, (void *[]){g}, part, parts);                                             \
  }
TILE(1, 1)
TILE(1, 4)
TILE(6, 2)
TILE(14, 2)
static volatile idx run_time_mr = 5, run_time_nv = 3;
static Status run_any(void *context, idx part, idx parts) {
  Gemm *g = context;
  return gemm_f32(g->b0, g->b1, g->m, g->n, g->k, g->a, g->a_b0, g->a_b1, g->a_m, g->a_k, g->packed, g->b_b0, g->b_b1,
                  run_time_mr, run_time_nv, store_c, (void *[]){g}, part, parts);
}
static const struct {
  idx mr, nv;
  Run *run;
} tiles[] = {{1, 1, run_1_1}, {1, 4, run_1_4}, {6, 2, run_6_2}, {14, 2, run_14_2}, {5, 3, run_any}};

// transposed_a: A is stored [k][m]; transposed_b: B is [n][k]; shared: one B for all matrices.
static void check(size_t tile, idx b0, idx b1, idx m, idx n, idx k, int transposed_a, int transposed_b, int shared) {
  idx nr = tiles[tile].nv * V, panels = (n + nr - 1) / nr, matrices = shared ? 1 : b0 * b1;
  float *a = new_random(b0 * b1 * m * k), *b = new_random(matrices * k * n),
        *packed = new_floats(matrices * panels * k * nr);
  float *c = new_floats(b0 * b1 * m * n);
  idx b_k = transposed_b ? 1 : n, b_n = transposed_b ? k : 1;
  for (idx part = 0; part < 3; part++) {
    pack_b_f32(shared ? 1 : b0, shared ? 1 : b1, k, n, b, shared ? 0 : b1 * k * n, k * n, b_k, b_n, nr, packed, NULL,
               part, 3);
  }
  for (idx i = 0; i < matrices * panels * k * nr; i++) {
    idx j = i % nr + i / nr / k % panels * nr, row = i / nr % k, matrix = i / nr / k / panels;
    float want = j < n ? b[matrix * k * n + row * b_k + j * b_n] : 0;
    if (packed[i] != want) fail_msg("packed[%td] is %g, not %g", i, packed[i], want);
  }
  Gemm g = {b0,
            b1,
            m,
            n,
            k,
            b1 * m * k,
            m * k,
            transposed_a ? 1 : k,
            transposed_a ? m : 1,
            shared ? 0 : b1 * panels * k * nr,
            shared ? 0 : panels * k * nr,
            a,
            packed,
            c};
  run_parts(tiles[tile].run, &g, c, b0 * b1 * m * n * 4);
  for (idx batch = 0; batch < b0 * b1; batch++) {
    for (idx i = 0; i < m; i++) {
      for (idx j = 0; j < n; j++) {
        double want = 0;
        for (idx l = 0; l < k; l++) {
          want +=
              (double)a[batch * m * k + i * g.a_m + l * g.a_k] * b[(shared ? 0 : batch) * k * n + l * b_k + j * b_n];
        }
        float got = c[(batch * m + i) * n + j];
        if (!is_close(got, want, 1e-5)) {
          fail_msg("tile %tdx%td, %tdx%td of m=%td n=%td k=%td: [%td][%td][%td] is %.9g, not %.9g", tiles[tile].mr,
                   tiles[tile].nv, b0, b1, m, n, k, batch, i, j, got, want);
        }
      }
    }
  }
  free(a), free(b), free(packed), free(c);
}

static void test_shapes(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
    idx mr = tiles[t].mr, nr = tiles[t].nv * V;
    const idx ms[] = {1, mr - 1, mr, mr + 1, 2 * mr, 3 * mr - 1},
              ns[] = {1, V - 1, V, V + 1, nr - 1, nr, nr + 1, 2 * nr, 3 * nr + V + 1};
    const idx ks[] = {1, 2, 7, 8, 33};
    for (size_t i = 0; i < 6; i++) {
      for (size_t j = 0; j < 9; j++) {
        for (size_t l = 0; l < 5; l++) {
          if (ms[i] > 0) check(t, 1, 1, ms[i], ns[j], ks[l], 0, 0, 0);
        }
      }
    }
  }
}

static void test_strides_and_batches(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
    for (int flags = 0; flags < 8; flags++) {
      check(t, 2, 3, tiles[t].mr + 2, tiles[t].nv * V + 5, 19, flags & 1, flags & 2, flags & 4);
      check(t, 3, 1, 3, 2 * V, 2 * V + 1, flags & 1, flags & 2, flags & 4);
    }
  }
}

static void test_empty(void **state) {
  (void)state;
  float c[1] = {7};
  Gemm g = {1, 1, 0, 5, 3, 0, 0, 3, 1, 0, 0, NULL, NULL, c};
  assert_int_equal(run_6_2(&g, 0, 1), STATUS_OK);
  assert_true(c[0] == 7);
}

// NaN and infinities reach exactly the outputs that they belong to, and an empty sum is 0.
static void test_special_values(void **state) {
  (void)state;
  enum { M = 7, N = 5, K = 3 };
  float a[M * K], b[K * N], packed[3 * K * 4 * V], c[M * N];
  for (int i = 0; i < M * K; i++) a[i] = 1;
  for (int i = 0; i < K * N; i++) b[i] = i < N ? 0 : 1;
  a[2 * K + 1] = NAN;
  a[4 * K + 2] = INFINITY;
  a[5 * K + 0] = INFINITY; // meets a zero of B
  pack_b_f32(1, 1, K, N, b, 0, 0, N, 1, 2 * V, packed, NULL, 0, 1);
  Gemm g = {1, 1, M, N, K, 0, 0, K, 1, 0, 0, a, packed, c};
  assert_int_equal(run_6_2(&g, 0, 1), STATUS_OK);
  for (int i = 0; i < M; i++) {
    for (int j = 0; j < N; j++) assert_true(is_close(c[i * N + j], i == 2 || i == 5 ? NAN : i == 4 ? INFINITY : 2, 0));
  }
  g.k = 0;
  assert_int_equal(run_6_2(&g, 0, 1), STATUS_OK);
  for (int i = 0; i < M * N; i++) assert_true(c[i] == 0);
}

RUN_TESTS(cmocka_unit_test(test_shapes), cmocka_unit_test(test_strides_and_batches), cmocka_unit_test(test_empty),
          cmocka_unit_test(test_special_values))
