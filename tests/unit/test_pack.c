// Packing weights, against a reference that looks up one element at a time.
#undef NDEBUG
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "compiler/program/program.h"

typedef struct {
  unsigned char *data;
  size_t size, room;
  int writes_left; // fails when it gets to 0
  size_t largest;
} Sink;

static bool sink_write(void *context, const void *data, size_t size) {
  Sink *sink = context;
  if (--sink->writes_left == 0) return false;
  assert_true(sink->size + size <= sink->room);
  memcpy(sink->data + sink->size, data, size);
  sink->size += size;
  if (size > sink->largest) sink->largest = size;
  return true;
}

// The packed form by its definition in program.h.
static void pack_reference(const Buffer *weight, unsigned char *out, int64_t size) {
  const Pack *p = &weight->pack;
  for (int64_t k = 0; k < pack_count(weight); k++) {
    int64_t rest = k, index[8] = {0}, from = p->rank ? 0 : k;
    for (int d = p->rank; d-- > 0; rest /= p->dims[d]) index[d] = rest % p->dims[d];
    for (int d = 0; d < p->rank; d++) from += index[d] * p->strides[d];
    bool zero = p->panel > 0 && index[p->panel_dim] * p->panel + index[p->rank - 1] >= p->bound;
    for (int64_t b = 0; b < size; b++)
      out[k * size + b] = zero ? 0 : ((const unsigned char *)weight->tensor->data)[from * size + b];
  }
}

static void check_pack(DType type, int64_t source_count, Pack pack) {
  int64_t size = dtype_bits(type) / 8, dims[] = {source_count};
  unsigned char *source = malloc((size_t)(source_count * size));
  for (int64_t i = 0; i < source_count * size; i++) source[i] = (unsigned char)(i * 31 + i / 251 + 1);
  Tensor tensor = {.type = type, .rank = 1, .dims = dims, .data = source};
  Buffer weight = {.kind = BUFFER_WEIGHT, .tensor = &tensor, .pack = pack};
  int64_t bytes = pack_count(&weight) * size;
  unsigned char *want = malloc((size_t)bytes);
  Sink sink = {.data = malloc((size_t)bytes), .room = (size_t)bytes};
  pack_reference(&weight, want, size);
  assert_true(pack_write(&weight, sink_write, &sink));
  assert_int_equal(sink.size, bytes);
  assert_memory_equal(want, sink.data, (size_t)bytes);
  assert_true(sink.largest <= 1 << 20);
  free(source);
  free(want);
  free(sink.data);
}

static const DType types[] = {DT_U8, DT_F16, DT_F32, DT_I64};

// B[k][n] into [n / nr][k][nr]; the source's rows lie along n, or along k when it is transposed.
static void test_gemm(void **state) {
  (void)state;
  static const int64_t sizes[][3] = {{1, 1, 4},    {5, 8, 4},     {16, 32, 32},  {17, 33, 32},
                                     {70, 31, 16}, {300, 70, 64}, {2500, 65, 32}};
  for (size_t t = 0; t < COUNT(types); t++)
    for (size_t i = 0; i < COUNT(sizes); i++) {
      int64_t k = sizes[i][0], n = sizes[i][1], nr = sizes[i][2];
      Pack pack = {.rank = 3, .dims = {div_up(n, nr), k, nr}, .strides = {nr, n, 1}, .panel = nr, .bound = n};
      check_pack(types[t], k * n, pack);
      Pack transposed = {.rank = 3, .dims = {div_up(n, nr), k, nr}, .strides = {nr * k, 1, k}, .panel = nr, .bound = n};
      check_pack(types[t], k * n, transposed);
    }
}

// W[g·o][i][kh][kw] into [g][o / nr][kh][kw][i][nr].
static void test_conv(void **state) {
  (void)state;
  static const int64_t sizes[][6] = {
      {1, 16, 3, 3, 3, 16}, {1, 20, 7, 3, 3, 16}, {1, 33, 40, 1, 1, 32}, {3, 5, 4, 2, 5, 8}, {2, 70, 65, 3, 3, 32}};
  for (size_t t = 0; t < COUNT(types); t++)
    for (size_t c = 0; c < COUNT(sizes); c++) {
      int64_t g = sizes[c][0], o = sizes[c][1], i = sizes[c][2], kh = sizes[c][3], kw = sizes[c][4], nr = sizes[c][5];
      int64_t tap = kh * kw, filter = i * tap;
      Pack pack = {.rank = 6,
                   .dims = {g, div_up(o, nr), kh, kw, i, nr},
                   .strides = {o * filter, nr * filter, kw, 1, tap, filter},
                   .panel = nr,
                   .panel_dim = 1,
                   .bound = o};
      check_pack(types[t], g * o * filter, pack);
    }
}

static void test_other_forms(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(types); t++) {
    check_pack(types[t], 1000, (Pack){.rank = 0});
    check_pack(types[t], 37,
               (Pack){.rank = 2, .dims = {3, 16}, .strides = {16, 1}, .panel = 16, .bound = 37}); // a bias
    check_pack(types[t], 7, (Pack){.rank = 1, .dims = {7}, .strides = {1}});
    check_pack(types[t], 1, (Pack){.rank = 2, .dims = {5, 9}, .strides = {0, 0}}); // one value for all
    check_pack(types[t], 11 * 13 * 17, (Pack){.rank = 3, .dims = {13, 17, 11}, .strides = {17, 1, 221}});
    // rows that are longer than any block
    check_pack(types[t], 300001 * 3, (Pack){.rank = 2, .dims = {3, 300001}, .strides = {300001, 1}});
    check_pack(types[t], 300001 * 3, (Pack){.rank = 2, .dims = {3, 300001}, .strides = {1, 3}});
  }
}

static void test_failed_write(void **state) {
  (void)state;
  enum { COUNT_OF_SOURCE = 1 << 20 };
  float *source = calloc(COUNT_OF_SOURCE, sizeof *source);
  int64_t dims[] = {COUNT_OF_SOURCE};
  Tensor tensor = {.type = DT_F32, .rank = 1, .dims = dims, .data = source};
  Buffer weight = {.kind = BUFFER_WEIGHT, .tensor = &tensor};
  weight.pack = (Pack){.rank = 2, .dims = {1 << 10, 1 << 10}, .strides = {1, 1 << 10}};
  unsigned char *out = malloc(sizeof(float) * COUNT_OF_SOURCE);
  for (int at = 1; at <= 3; at++) {
    Sink sink = {.data = out, .room = sizeof(float) * COUNT_OF_SOURCE, .writes_left = at};
    assert_false(pack_write(&weight, sink_write, &sink));
    assert_int_equal(sink.writes_left, 0); // and no call after that
  }
  dims[0] = 0;
  Sink empty = {.writes_left = 1};
  weight.pack = (Pack){.rank = 0};
  assert_true(pack_write(&weight, sink_write, &empty));
  free(source);
  free(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_gemm), cmocka_unit_test(test_conv),
                                     cmocka_unit_test(test_other_forms), cmocka_unit_test(test_failed_write)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
