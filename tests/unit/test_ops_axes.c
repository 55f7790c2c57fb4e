// Joining axes: for random views the joined axes visit the same elements as the views' own, in step.
#include "compiler/ops/axes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t seed = 1;
static int64_t random_below(int64_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)(seed >> 33) % n;
}

// A dense view with its axes in a random order in memory, some of them broadcast.
static View random_view(int rank, const int64_t *dims) {
  View view = {.rank = rank};
  int order[MAX_RANK];
  int64_t stride = 1;
  for (int i = 0; i < rank; i++) {
    int at = (int)random_below(i + 1);
    order[i] = i;
    for (int k = i; k > at; k--) order[k] = order[k - 1];
    order[at] = i;
  }
  bool shuffle = random_below(2);
  for (int i = rank - 1; i >= 0; i--) {
    int axis = shuffle ? order[i] : i;
    view.dims[axis] = dim_const(dims[axis]);
    view.strides[axis] = dim_const(random_below(4) ? stride : 0);
    stride *= dims[axis];
  }
  return view;
}

typedef struct {
  int64_t at[2];
} Place;
static int compare_places(const void *a, const void *b) { return memcmp(a, b, sizeof(Place)); }

// Places in both views of all points of a box.
static int64_t walk(int rank, const int64_t *dims, int64_t strides[2][MAX_RANK], Place *out) {
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dims[i];
  for (int64_t p = 0; p < count; p++) {
    out[p] = (Place){{0, 0}};
    int64_t rest = p;
    for (int i = rank - 1; i >= 0; i--) {
      for (int v = 0; v < 2; v++) out[p].at[v] += rest % dims[i] * strides[v][i];
      rest /= dims[i];
    }
  }
  qsort(out, (size_t)count, sizeof *out, compare_places);
  return count;
}

static void test_join(void **state) {
  (void)state;
  static Place before[4096], after[4096];
  for (int round = 0; round < 20000; round++) {
    int rank = (int)random_below(5) + 1, chosen_rank = 0;
    int64_t dims[MAX_RANK] = {0}, chosen_dims[MAX_RANK] = {0}, strides[2][MAX_RANK] = {{0}};
    bool chosen[MAX_RANK] = {0}, sorted = random_below(2);
    for (int i = 0; i < rank; i++) dims[i] = random_below(4) + 1;
    View a = random_view(rank, dims), b = random_view(rank, dims);
    for (int i = 0; i < rank; i++) {
      chosen[i] = random_below(3) != 0;
      if (!chosen[i]) continue;
      chosen_dims[chosen_rank] = dims[i];
      strides[0][chosen_rank] = a.strides[i].value;
      strides[1][chosen_rank++] = b.strides[i].value;
    }
    Axes axes = axes_join((const View *[]){&a, &b}, 2, chosen, sorted);
    int64_t count = walk(chosen_rank, chosen_dims, strides, before);
    for (int i = 0; i < axes.count; i++) {
      assert_true(dim_compare(axes.at[i].dim, dim_const(1)) > 0);
      chosen_dims[i] = axes.at[i].dim.value;
      strides[0][i] = axes.at[i].stride[0].value;
      strides[1][i] = axes.at[i].stride[1].value;
      if (sorted && i) assert_true(llabs(axes.at[i - 1].stride[0].value) >= llabs(axes.at[i].stride[0].value));
    }
    assert_int_equal(walk(axes.count, chosen_dims, strides, after), count);
    assert_memory_equal(before, after, (size_t)count * sizeof *before);
  }
}

static void test_fewest(void **state) {
  (void)state;
  // NCHW over a channels-last buffer: pixels join, and so do images; channels stand alone.
  View x = {.rank = 4};
  for (int i = 0; i < 4; i++) {
    x.dims[i] = dim_const(((const int64_t[]){2, 8, 5, 7})[i]);
    x.strides[i] = dim_const(((const int64_t[]){280, 1, 56, 8})[i]);
  }
  const View *views[] = {&x};
  assert_int_equal(axes_join(views, 1, (bool[MAX_RANK]){true, false, true, true}, true).count, 1);
  assert_int_equal(axes_join(views, 1, (bool[MAX_RANK]){true, true, true, true}, true).count, 1);
  assert_int_equal(axes_join(views, 1, (bool[MAX_RANK]){true, true, true, true}, false).count, 3);
  order_innermost(&x, (bool[MAX_RANK]){false, false, true});
  const int64_t wanted[] = {280, 35, 1, 5};
  for (int i = 0; i < 4; i++) assert_true(dim_is(x.strides[i], wanted[i]));
}

// The same with dims that only the run knows: what joins for every number of images, channels and pixels does.
static void test_symbols(void **state) {
  (void)state;
  Arena *arena = arena_new();
  DimTable *table = dims_new(arena);
  Dim n = dim_symbol(table, "n"), h = dim_symbol(table, "h"), w = dim_symbol(table, "w"), pixels = dim_mul(h, w);
  View x = {.rank = 4, .dims = {n, dim_const(8), h, w}};
  x.strides[0] = dim_times(pixels, 8), x.strides[1] = dim_const(1);
  x.strides[2] = dim_times(w, 8), x.strides[3] = dim_const(8);
  const View *views[] = {&x};
  Axes axes = axes_join(views, 1, (bool[MAX_RANK]){true, false, true, true}, false);
  assert_int_equal(axes.count, 1);
  assert_true(dim_equal(axes.at[0].dim, dim_mul(n, pixels)));
  assert_true(dim_is(axes.at[0].stride[0], 8));
  axes = axes_join(views, 1, (bool[MAX_RANK]){true, true, true, true}, false);
  assert_int_equal(axes.count, 3); // images, channels, pixels
  assert_true(dim_equal(axes.at[2].dim, pixels));
  x.strides[2] = dim_times(dim_plus(w, 1), 8); // rows with a margin
  axes = axes_join(views, 1, (bool[MAX_RANK]){false, false, true, true}, false);
  assert_int_equal(axes.count, 2);
  x.dims[2] = dim_const(1); // of a single row it does not matter
  axes = axes_join(views, 1, (bool[MAX_RANK]){false, false, true, true}, false);
  assert_int_equal(axes.count, 1);
  arena_free(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_join), cmocka_unit_test(test_fewest),
                                     cmocka_unit_test(test_symbols)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
