// Microbenchmarks: every shape runs with constant sizes, as the compiler emits it, in turns with a loop of independent
// multiply-adds; printed are GFLOP/s and the share of that loop's peak in the same run, and ns per element where
// arithmetic is not the measure. Optional argument: only shapes whose name contains it.
#include "tests/kernels/kernels.h"
#include <time.h>
#include "templates/conv.h"
#include "templates/gemm.h"
#include "templates/map.h"
#include "templates/math.h"
#include "templates/move.h"
#include "templates/norm.h"
#include "templates/pool.h"
#include "templates/reduce.h"

#if VECTOR_BYTES == 64
enum { MR = 14, NV = 2, GEMV_NV = 4, PIXELS = 7 };
#else
enum { MR = 6, NV = 2, GEMV_NV = 4, PIXELS = 4 };
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // a stolen CPU does not count
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Rounds of 10 independent chains of multiply-adds; returns their number of operations.
__attribute__((noinline)) static double multiply_add(void) {
  enum { CHAINS = 10, ROUNDS = 100000 };
  vf a[CHAINS];
  for (int i = 0; i < CHAINS; i++) a[i] = splat((float)i);
  for (int r = 0; r < ROUNDS; r++) {
    UNROLL for (int i = 0; i < CHAINS; i++) a[i] = a[i] * 0.999f + 1e-3f;
    __asm__ volatile("" ::: "memory");
  }
  volatile float sink = 0;
  for (int i = 0; i < CHAINS; i++) sink += sum_lanes(a[i]);
  return 2.0 * V * CHAINS * ROUNDS;
}

static float *a_data, *b_data, *c_data; // large enough for every shape, 64-byte aligned

HELPER void store_relu(void *const *bufs, vf v, idx row_floats, idx at, idx j, idx lanes) {
  float *to = (float *)bufs[0] + at * row_floats + j;
  v = vselect(v > 0.0f, v, (vf){0});
  if (lanes == V)
    store_all(to, v);
  else
    store_some(to, v, lanes);
}

#define GEMM(name, M, N, K, mr, nv)                                                                                    \
  HELPER void store_##name(void *const *bufs, vf v, idx i0, idx i1, idx i, idx j, idx lanes) {                         \
    (void)i0, (void)i1;                                                                                                \
    store_relu(bufs, v, N, i, j, lanes);                                                                               \
  }                                                                                                                    \
  __attribute__((noinline)) static void run_##name(void *const *bufs) {                                                \
    gemm_f32(1, 1, M, N, K, a_data, 0, 0, K, 1, b_data, 0, 0, mr, nv, store_##name, bufs, 0, 1);                       \
  }
#define CONV(name, ic, oc, size, k, stride)                                                                            \
  HELPER void store_##name(void *const *bufs, vf v, idx n, idx oy, idx ox, idx c, idx lanes) {                         \
    (void)n;                                                                                                           \
    store_relu(bufs, v, oc, oy *(size) + ox, c, lanes);                                                                \
  }                                                                                                                    \
  __attribute__((noinline)) static void run_##name(void *const *bufs) {                                                \
    enum { IW = ((size) - 1) * (stride) + (k) };                                                                       \
    idx nchw = (ic) == 3;                                                                                              \
    conv2d_f32(1, size, size, 1, oc, ic, k, k, stride, stride, 1, 1, a_data, 0, nchw ? IW : IW *(ic), nchw ? 1 : (ic), \
               nchw ? IW *IW : 1, b_data, MR, NV, store_##name, bufs, 0, 1);                                           \
  }
#define DEPTHWISE(name, c, size, k, stride)                                                                            \
  HELPER void store_##name(void *const *bufs, vf v, idx n, idx oy, idx ox, idx j, idx lanes) {                         \
    (void)n;                                                                                                           \
    store_relu(bufs, v, c, oy *(size) + ox, j, lanes);                                                                 \
  }                                                                                                                    \
  __attribute__((noinline)) static void run_##name(void *const *bufs) {                                                \
    enum { IW = (size) * (stride) };                                                                                   \
    depthwise2d_f32(1, size, size, c, k, k, stride, stride, 1, 1, IW, IW, (k) / 2, (k) / 2, a_data, 0, IW * (c), c,    \
                    b_data, PIXELS, store_##name, bufs, 0, 1);                                                         \
  }

#define GEMMS(G)                                                                                                       \
  G(bert_qkv, 128, 768, 768, MR, NV)                                                                                   \
  G(bert_up, 128, 3072, 768, MR, NV)                                                                                   \
  G(bert_down, 128, 768, 3072, MR, NV)                                                                                 \
  G(minilm_qkv, 128, 384, 384, MR, NV)                                                                                 \
  G(minilm_up, 128, 1536, 384, MR, NV)                                                                                 \
  G(minilm_down, 128, 384, 1536, MR, NV)                                                                               \
  G(minilm_32_up, 32, 1536, 384, MR, NV)                                                                               \
  G(scores, 128, 128, 64, MR, NV)                                                                                      \
  G(context, 128, 64, 128, MR, NV)                                                                                     \
  G(square_1024, 1024, 1024, 1024, MR, NV)                                                                             \
  G(k_4096, 128, 4096, 4096, MR, NV)                                                                                   \
  G(m_8, 8, 4096, 4096, 8, NV)                                                                                         \
  G(gemv_2048, 1, 1000, 2048, 1, GEMV_NV)                                                                              \
  G(gemv_784, 1, 128, 784, 1, GEMV_NV)                                                                                 \
  G(gemv_25088, 1, 4096, 25088, 1, GEMV_NV)
#define CONVS(C)                                                                                                       \
  C(r50_stem, 3, 64, 112, 7, 2)                                                                                        \
  C(r50_64_64_1, 64, 64, 56, 1, 1)                                                                                     \
  C(r50_64_64_3, 64, 64, 56, 3, 1)                                                                                     \
  C(r50_64_256_1, 64, 256, 56, 1, 1)                                                                                   \
  C(r50_256_64_1, 256, 64, 56, 1, 1)                                                                                   \
  C(r50_256_128_1, 256, 128, 56, 1, 1)                                                                                 \
  C(r50_128_128_3s2, 128, 128, 28, 3, 2)                                                                               \
  C(r50_128_512_1, 128, 512, 28, 1, 1)                                                                                 \
  C(r50_512_128_1, 512, 128, 28, 1, 1)                                                                                 \
  C(r50_128_128_3, 128, 128, 28, 3, 1)                                                                                 \
  C(r50_256_256_3, 256, 256, 14, 3, 1)                                                                                 \
  C(r50_1024_256_1, 1024, 256, 14, 1, 1)                                                                               \
  C(r50_256_1024_1, 256, 1024, 14, 1, 1)                                                                               \
  C(r50_512_512_3, 512, 512, 7, 3, 1)                                                                                  \
  C(r50_2048_512_1, 2048, 512, 7, 1, 1)                                                                                \
  C(r50_512_2048_1, 512, 2048, 7, 1, 1)                                                                                \
  C(r50_1024_2048_1s2, 1024, 2048, 7, 1, 2)
#define DEPTHWISES(D)                                                                                                  \
  D(dw_32_112, 32, 112, 3, 1)                                                                                          \
  D(dw_96_56s2, 96, 56, 3, 2)                                                                                          \
  D(dw_144_56, 144, 56, 3, 1)                                                                                          \
  D(dw_192_28, 192, 28, 3, 1)                                                                                          \
  D(dw_384_14, 384, 14, 3, 1)                                                                                          \
  D(dw_960_7, 960, 7, 3, 1)
GEMMS(GEMM)
CONVS(CONV)
DEPTHWISES(DEPTHWISE)

// Steps that are measured by the element.
enum { ROWS = 128, ROW = 768, SOFT = 128, IMAGE = 112, CHANNELS = 64 };
HELPER vf load_row(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  (void)bufs, (void)i0, (void)i1;
  return load_some(a_data + i2 * ROW + i3, lanes);
}
HELPER vf load_soft(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  (void)bufs, (void)i0, (void)i1;
  return load_some(a_data + i2 * SOFT + i3, lanes);
}
HELPER void store_row(void *const *bufs, vf v, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  (void)i0, (void)i1;
  store_some((float *)bufs[0] + i2 * ROW + i3, v, lanes);
}
HELPER void store_soft(void *const *bufs, vf v, idx i0, idx i1, idx i2, idx i3, idx lanes) {
  (void)i0, (void)i1;
  store_some((float *)bufs[0] + i2 * SOFT + i3, v, lanes);
}
HELPER void store_pool(void *const *bufs, vf v, idx n, idx oy, idx ox, idx c, idx lanes) {
  (void)n;
  store_some((float *)bufs[0] + (oy * (IMAGE / 2) + ox) * CHANNELS + c, v, lanes);
}
__attribute__((noinline)) static void run_softmax(void *const *bufs) {
  softmax_f32(1, 1, ROWS * 6, SOFT, 0, load_soft, NULL, store_soft, bufs, 0, 1);
}
__attribute__((noinline)) static void run_layernorm(void *const *bufs) {
  layernorm_f32(1, 1, ROWS, ROW, 1e-5, 0, load_row, store_row, bufs, 0, 1);
}
__attribute__((noinline)) static void run_reduce_rows(void *const *bufs) {
  reduce_row_f32(REDUCE_SUM, 1, 1, ROWS, ROW, load_row, store_row, bufs, 0, 1);
}
__attribute__((noinline)) static void run_reduce_columns(void *const *bufs) {
  reduce_f32(REDUCE_SUM, 1, 1, ROWS, ROW, load_row, store_row, bufs, 0, 1);
}
__attribute__((noinline)) static void run_maxpool(void *const *bufs) {
  maxpool2d_f32(1, IMAGE / 2, IMAGE / 2, CHANNELS, 3, 3, 2, 2, 1, 1, IMAGE, IMAGE, 1, 1, a_data, 0, IMAGE * CHANNELS,
                CHANNELS, store_pool, bufs, 0, 1);
}
__attribute__((noinline)) static void run_transpose(void *const *bufs) {
  transpose(4, 1, 1, ROWS, ROW, a_data, 0, 0, ROW, 1, bufs[0], 0, 0, ROWS, 1, bufs, 0, 1);
}
__attribute__((noinline)) static void run_pack(void *const *bufs) {
  pack_b_f32(1, 1, 64, 1536, a_data, 0, 0, 1536, 1, NV * V, bufs[0], bufs, 0, 1);
}
__attribute__((noinline)) static void run_pack_transposed(void *const *bufs) {
  pack_b_f32(1, 1, 64, 1536, a_data, 0, 0, 1, 64, NV * V, bufs[0], bufs, 0, 1);
}
#define MAP(name, expression)                                                                                          \
  HELPER Status body_##name(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes) {                            \
    (void)i0, (void)i1, (void)i2;                                                                                      \
    vf x = load_some(a_data + i3, lanes);                                                                              \
    store_some((float *)bufs[0] + i3, expression, lanes);                                                              \
    return STATUS_OK;                                                                                                  \
  }                                                                                                                    \
  __attribute__((noinline)) static void run_##name(void *const *bufs) {                                                \
    map(1, 1, 1, ROWS *ROW, body_##name, bufs, 0, 1);                                                                  \
  }
#define MAPS(M)                                                                                                        \
  M(copy, x)                                                                                                           \
  M(exp, exp_f32(x))                                                                                                   \
  M(log, log_f32(x))                                                                                                   \
  M(tanh, tanh_f32(x))                                                                                                 \
  M(sigmoid, sigmoid_f32(x))                                                                                           \
  M(erf, erf_f32(x))                                                                                                   \
  M(gelu, x * 0.5f * (1.0f + erf_f32(x * 0.70710678f)))                                                                \
  M(sin, sin_f32(x))                                                                                                   \
  M(pow, pow_f32(x, x))
MAPS(MAP)

typedef struct {
  const char *name;
  void (*run)(void *const *bufs);
  double flops;    // or 0
  double elements; // or 0
} Case;
#define GEMM_CASE(name, M, N, K, mr, nv) {#name, run_##name, 2.0 * (M) * (N) * (K), 0},
#define CONV_CASE(name, ic, oc, size, k, stride)                                                                       \
  {#name, run_##name, 2.0 * (ic) * (oc) * (size) * (size) * (k) * (k), 0},
#define DEPTHWISE_CASE(name, c, size, k, stride) {#name, run_##name, 2.0 * (c) * (size) * (size) * (k) * (k), 0},
#define MAP_CASE(name, expression)               {#name, run_##name, 0, (double)ROWS * ROW},
static const Case cases[] = {GEMMS(GEMM_CASE) CONVS(CONV_CASE) DEPTHWISES(DEPTHWISE_CASE)
                                 MAPS(MAP_CASE){"softmax", run_softmax, 0, (double)ROWS * 6 * SOFT},
                             {"layernorm", run_layernorm, 0, (double)ROWS *ROW},
                             {"reduce_rows", run_reduce_rows, 0, (double)ROWS *ROW},
                             {"reduce_columns", run_reduce_columns, 0, (double)ROWS *ROW},
                             {"maxpool", run_maxpool, 0, (double)IMAGE *IMAGE *CHANNELS},
                             {"transpose", run_transpose, 0, (double)ROWS *ROW},
                             {"pack_b", run_pack, 0, (double)64 * 1536},
                             {"pack_b_transposed", run_pack_transposed, 0, (double)64 * 1536}};

int main(int argc, char **argv) {
  if (cannot_run()) return puts("this CPU lacks the instruction set"), 77;
  enum { FLOATS = 110 << 20, ROUNDS = 40 };
  a_data = aligned_alloc(64, 16 << 20), b_data = aligned_alloc(64, (size_t)FLOATS * 4),
  c_data = aligned_alloc(64, 16 << 20);
  if (!a_data || !b_data || !c_data) return puts("out of memory"), 1;
  for (idx i = 0; i < 4 << 20; i++) a_data[i] = random_float(), c_data[i] = 0;
  for (idx i = 0; i < FLOATS; i++) b_data[i] = (float)(i % 17) * 0.01f;
  printf("%-20s %9s %9s %8s %8s\n", "kernel", "us", "GFLOP/s", "% peak", "ns/elem");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *c = cases + i;
    if (argc > 1 && !strstr(c->name, argv[1])) continue;
    void *bufs[] = {c_data};
    double start = now(), best = 1e9, peak = 0;
    c->run(bufs);
    int repeats = 1 + (int)(0.003 / (now() - start));
    for (int round = 0; round < ROUNDS; round++) {
      start = now();
      double operations = multiply_add(), seconds = now() - start;
      if (operations / seconds > peak) peak = operations / seconds;
      start = now();
      for (int r = 0; r < repeats; r++) c->run(bufs);
      seconds = (now() - start) / repeats;
      if (seconds < best) best = seconds;
    }
    printf("%-20s %9.2f ", c->name, best * 1e6);
    if (c->flops > 0)
      printf("%9.1f %7.1f%%\n", c->flops / best * 1e-9, 100 * c->flops / best / peak);
    else
      printf("%9s %8s %8.3f\n", "", "", best * 1e9 / c->elements);
  }
  return 0;
}
