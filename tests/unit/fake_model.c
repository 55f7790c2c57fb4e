// A model made by hand, as a compiler would write it, for the tests of the runtime: y = 2x + 1 over float32[2,3], the
// integer n = k + 1 over int64[2], and h, the sum of x as float16. A step in between is long
// enough for the team to share; a k of -1 is a fault.
#include <string.h>

#include "runtime/half.h"
#include "runtime/model.h"
#include "templates/template.h"

enum { WORK = 1 << 16 };
static _Alignas(64) const float weights[2] = {2.0f, 1.0f};

// 0: x, 1: weights, 2: scratch (arena)
static int scale(void *const *bufs, idx part, idx parts) {
  const float *x = bufs[0], *w = bufs[1];
  float *scratch = bufs[2];
  idx from, to;
  share(6, part, parts, &from, &to);
  for (idx i = from; i < to; i++) scratch[i] = x[i] * w[0];
  return STATUS_OK;
}

// 0: scratch, 1: weights, 2: y
static int shift(void *const *bufs, idx part, idx parts) {
  const float *scratch = bufs[0], *w = bufs[1];
  float *y = bufs[2];
  idx from, to;
  share(6, part, parts, &from, &to);
  for (idx i = from; i < to; i++) y[i] = scratch[i] + w[1];
  return STATUS_OK;
}

// 0: k, 1: n. A k of -1 is a fault, as a gather's index would be.
static int count(void *const *bufs, idx part, idx parts) {
  const int64_t *k = bufs[0];
  int64_t *n = bufs[1];
  (void)part, (void)parts;
  for (int i = 0; i < 2; i++) {
    if (k[i] == -1) return STATUS_INDEX;
    n[i] = k[i] + 1;
  }
  return STATUS_OK;
}

// 0: x, 1: work area in the arena
static int fill(void *const *bufs, idx part, idx parts) {
  const float *x = bufs[0];
  float *work = bufs[1];
  idx from, to;
  share(WORK, part, parts, &from, &to);
  for (idx i = from; i < to; i++) work[i] = x[i % 6] * (float)(i % 7);
  return STATUS_OK;
}

// 0: x, 1: state (runs so far), 2: h. h is the sum of x; the state counts runs and is not part of it.
static int sum(void *const *bufs, idx part, idx parts) {
  const float *x = bufs[0];
  uint64_t *runs = bufs[1];
  (void)part, (void)parts;
  float total = 0;
  for (int i = 0; i < 6; i++) total += x[i];
  ++*runs;
  *(uint16_t *)bufs[2] = float_to_half(total);
  return STATUS_OK;
}

static const int64_t matrix[] = {2, 3}, pair[] = {2};
static const ModelTensor inputs[] = {
    {.name = "x", .dtype = 1, .rank = 2, .dims = matrix, .bytes = 24},
    {.name = "k", .dtype = 7, .rank = 1, .dims = pair, .bytes = 16},
};
static const ModelTensor outputs[] = {
    {.name = "y", .dtype = 1, .rank = 2, .dims = matrix, .bytes = 24},
    {.name = "n", .dtype = 7, .rank = 1, .dims = pair, .bytes = 16},
    {.name = "h", .dtype = 10, .rank = 0, .bytes = 2},
};

enum { X = BASE_IO, K = BASE_IO + 1, Y = BASE_IO + 2, N = BASE_IO + 3, H = BASE_IO + 4 };
static const ModelRef scale_refs[] = {{X, 0, 0}, {BASE_WEIGHTS, 0, 0}, {BASE_ARENA, 0, 0}};
static const ModelRef shift_refs[] = {{BASE_ARENA, 0, 0}, {BASE_WEIGHTS, 0, 0}, {Y, 0, 0}};
static const ModelRef count_refs[] = {{K, 0, 0}, {N, 0, 0}};
static const ModelRef fill_refs[] = {{X, 0, 0}, {BASE_ARENA, 0, 64}};
static const ModelRef sum_refs[] = {{X, 0, 0}, {BASE_STATE, 0, 0}, {H, 0, 0}};
static const ModelStep steps[] = {
    {scale, scale_refs, NULL, 3, 0, 0, 2, "mul", "map mul 2x3", 6},
    {shift, shift_refs, NULL, 3, 0, 0, 2, "add", "map add 2x3", 6},
    {count, count_refs, NULL, 2, 0, 0, 1, "count", "map add 2", 0},
    {fill, fill_refs, NULL, 2, 0, 0, 64, "fill", "map mul 65536", WORK},
    {sum, sum_refs, NULL, 3, 0, 0, 1, "sum", "reduce sum 6", 5},
};

// x of seed 7 by runtime/sample.c, worked out in Python.
static const uint64_t check_at[] = {0, 5};
static const double check_y[] = {1.8860325813293457, -0.2708592414855957};
static const ModelCheck checks[] = {{0, 2, check_at, check_y}};

static const ModelVariant variant = {.steps = steps, .checks = checks, .step_count = 5, .check_count = 1, .macs = 12};
const IngotModel ingot_model = {
    .abi = MODEL_ABI,
    .variant_count = 1,
    .variants = &variant,
    .input_count = 2,
    .output_count = 3,
    .threads = 1,
    .inputs = inputs,
    .outputs = outputs,
    .check_seed = 7,
    .arena_bytes = 64 + WORK * sizeof(float),
    .state_bytes = 64,
    .weights = weights,
    .weight_bytes = sizeof weights,
    .parameters = 2,
    .name = "fake",
    .producer = "hand",
    .target = "x86_64-linux",
    .cpu = "x86-64-v2",
    .compiler = "ingot 0.1.0",
};
