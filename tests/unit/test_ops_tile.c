// Tiles: within the register file for every machine and shape, and the ones that were measured to be best.
#include "compiler/ops/tile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const Target machines[] = {
    {.vector_bytes = 64, .registers = 32, .l1 = 32 << 10, .l2 = 1 << 20, .l3 = 8 << 20, .gemm_mr = 14, .gemm_nv = 2},
    {.vector_bytes = 32, .registers = 16, .l1 = 32 << 10, .l2 = 256 << 10, .l3 = 2 << 20, .gemm_mr = 6, .gemm_nv = 2},
    {.vector_bytes = 16, .registers = 32, .l1 = 32 << 10, .l2 = 512 << 10, .l3 = 2 << 20, .gemm_mr = 8, .gemm_nv = 3},
};

static void test_bounds(void **state) {
  (void)state;
  static const int64_t sizes[] = {1, 2, 3, 7, 8, 13, 16, 33, 56, 200, 1000, 25088};
  for (size_t t = 0; t < COUNT(machines); t++)
    for (size_t i = 0; i < COUNT(sizes) * COUNT(sizes) * COUNT(sizes); i++) {
      int64_t m = sizes[i % COUNT(sizes)], n = sizes[i / COUNT(sizes) % COUNT(sizes)];
      int64_t k = sizes[i / COUNT(sizes) / COUNT(sizes)], lines = 1 + (int64_t)(i % 5) * 7;
      Tile tile = choose_tile(&machines[t], (TileWork){1 + lines % 2, lines * m, n, k, m, k, k});
      assert_true(tile.mr >= 1 && tile.nv >= 1 && tile.cycles > 0);
      assert_true(tile.mr * tile.nv + tile.nv + 2 <= machines[t].registers);
      assert_int_equal(tile.nr, tile.nv * machines[t].vector_bytes / 4);
      assert_true(tile.mr <= lines * m && tile.nr < n + machines[t].vector_bytes / 4); // no vector is padding alone
      assert_true(tile.mr <= 6 || lines == 1 || m % tile.mr == 0 || tile.mr % m == 0); // few address registers
    }
  for (int64_t ow = 0; ow < 300; ow++) {
    int64_t pixels = choose_depthwise_pixels(&machines[0], ow);
    assert_true(pixels >= 1 && pixels <= machines[0].registers - 2 && (pixels <= ow || pixels == 1));
  }
}

static void assert_tile(const Target *target, TileWork work, int64_t mr, int64_t nv) {
  Tile tile = choose_tile(target, work);
  assert_int_equal(tile.mr, mr);
  assert_int_equal(tile.nv, nv);
}

static void test_measured(void **state) {
  (void)state;
  // ResNet's convolutions with AVX-512: lines of 56, 28, 14 pixels in tiles of 14, maps of 7×7 two lines at a time.
  for (int64_t size = 7; size <= 56; size *= 2) {
    int64_t channels = 3584 / size;
    assert_tile(&machines[0], (TileWork){1, size * size, channels, 9 * channels, size, channels, 3 * channels}, 14, 2);
  }
  // With AVX2 tiles go on across the lines of a map of 7×7.
  assert_tile(&machines[1], (TileWork){1, 49, 2048, 512, 7, 512, 512}, 6, 2);
  assert_tile(&machines[1], (TileWork){1, 49, 512, 9 * 512, 7, 512, 3 * 512}, 6, 2);
  // Rows of A that are a multiple of 4 KB apart share a set of the first-level cache.
  assert_tile(&machines[0], (TileWork){1, 128, 768, 3072, 128, 3072, 3072}, 8, 3);
  Tile vector =
      choose_tile(&machines[0], (TileWork){1, 1, 1000, 2048, 1, 2048, 2048}); // one row: many sums side by side
  assert_int_equal(vector.mr, 1);
  assert_true(vector.nv >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounds), cmocka_unit_test(test_measured)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
