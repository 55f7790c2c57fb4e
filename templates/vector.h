// Vectors of V floats beyond what GNU C's operators give: partial loads and stores, selection, rounding, minimum and
// maximum as ONNX means them, horizontal reductions, transposes. The only file that knows instruction sets: each
// function has a plain fallback, so that a new architecture works before it is fast.
//
// Names start with v where libc has the plain one. Nothing here traps or calls libm.
#pragma once
#include "templates/template.h"
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef uint32_t vu __attribute__((vector_size(VECTOR_BYTES))); // for arithmetic on bits that may wrap

// The instruction set of this vector width, if the compiler may use it.
#if VECTOR_BYTES == 64 && defined(__AVX512F__) && defined(__AVX512DQ__)
#define VECTOR_AVX512 1
#elif VECTOR_BYTES == 32 && defined(__AVX2__)
#define VECTOR_AVX2 1
#elif VECTOR_BYTES == 16 && defined(__SSE2__)
#define VECTOR_SSE 1
#elif VECTOR_BYTES == 16 && defined(__aarch64__)
#define VECTOR_NEON 1
#endif

// LANES(F, w): the list F(w, 0), …, F(w, V - 1), for shuffles and constants.
#define LANES4(F, w, i) F(w, (i)), F(w, (i) + 1), F(w, (i) + 2), F(w, (i) + 3)
#if VECTOR_BYTES == 64
#define LANES(F, w) LANES4(F, w, 0), LANES4(F, w, 4), LANES4(F, w, 8), LANES4(F, w, 12)
#elif VECTOR_BYTES == 32
#define LANES(F, w) LANES4(F, w, 0), LANES4(F, w, 4)
#else
#define LANES(F, w) LANES4(F, w, 0)
#endif

HELPER vi splat_int(int32_t x) { return x - (vi){0}; }

// Lane by lane: mask is all ones → a, all zeros → b. Comparisons of vectors give such masks.
HELPER vf vselect(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
HELPER vi vselect_int(vi mask, vi a, vi b) { return (mask & a) | (~mask & b); }

// All ones in the first `lanes` lanes.
HELPER vi lane_mask(idx lanes) {
#define LANE(w, i) (i)
  return (vi){LANES(LANE, 0)} < splat_int((int32_t)lanes);
#undef LANE
}

HELPER vf vabs(vf x) { return (vf)((vi)x & 0x7fffffff); }
HELPER vf vcopysign(vf magnitude, vf sign) {
  return (vf)(((vi)magnitude & 0x7fffffff) | ((vi)sign & splat_int(INT32_MIN)));
}

// The first `lanes` floats at p (0..V), zeros behind them; reads nothing past them.
HELPER vf load_some(const float *p, idx lanes) {
#if defined(VECTOR_AVX512)
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << lanes) - 1), p);
#elif defined(VECTOR_AVX2)
  return (vf)_mm256_maskload_ps(p, (__m256i)lane_mask(lanes));
#else
  vf x = {0};
  if (lanes >= V) return load_all(p);
  UNROLL for (idx i = 0; i < V - 1; i++) if (i < lanes) x[i] = p[i];
  return x;
#endif
}
HELPER void store_some(float *p, vf x, idx lanes) {
#if defined(VECTOR_AVX512)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << lanes) - 1), (__m512)x);
#elif defined(VECTOR_AVX2)
  _mm256_maskstore_ps(p, (__m256i)lane_mask(lanes), (__m256)x);
#else
  if (lanes >= V) {
    store_all(p, x);
    return;
  }
  UNROLL for (idx i = 0; i < V - 1; i++) if (i < lanes) p[i] = x[i];
#endif
}

HELPER vf to_float(vi x) { return __builtin_convertvector(x, vf); }
// Towards zero; x must fit.
HELPER vi to_int(vf x) { return __builtin_convertvector(x, vi); }

// Maximum and minimum: a NaN on either side gives NaN (ONNX, numpy.maximum); of +0 and -0 either may come.
HELPER vf vmax(vf a, vf b) { return vselect(a != a, a, vselect(a > b, a, b)); }
HELPER vf vmin(vf a, vf b) { return vselect(a != a, a, vselect(a < b, a, b)); }

#if !defined(VECTOR_AVX512) && !defined(VECTOR_AVX2) && !defined(VECTOR_NEON) &&                                       \
    !(defined(VECTOR_SSE) && defined(__SSE4_1__))
// Adding 2^23 leaves no room for a fraction: round half to even under the default rounding mode. Larger ones are whole.
HELPER vf vround(vf x) {
  vf whole = (vabs(x) + 0x1p23f) - 0x1p23f;
  return vselect(vabs(x) < 0x1p23f, vcopysign(whole, x), x);
}
HELPER vf vfloor(vf x) {
  vf whole = vround(x);
  return vselect(whole > x, whole - 1.0f, whole);
}
HELPER vf vceil(vf x) { return (vf)((vi)vfloor((vf)((vi)x ^ INT32_MIN)) ^ INT32_MIN); }
HELPER vf vtrunc(vf x) { return vcopysign(vfloor(vabs(x)), x); }
#else
#if defined(VECTOR_AVX512)
#define ROUND(x, mode, neon) (vf) _mm512_roundscale_ps((__m512)(x), (mode) | _MM_FROUND_NO_EXC)
#elif defined(VECTOR_AVX2)
#define ROUND(x, mode, neon) (vf) _mm256_round_ps((__m256)(x), (mode) | _MM_FROUND_NO_EXC)
#elif defined(VECTOR_SSE)
#define ROUND(x, mode, neon) (vf) _mm_round_ps((__m128)(x), (mode) | _MM_FROUND_NO_EXC)
#else
#define ROUND(x, mode, neon) (vf) neon((float32x4_t)(x))
#endif
HELPER vf vround(vf x) { return ROUND(x, _MM_FROUND_TO_NEAREST_INT, vrndnq_f32); } // half to even
HELPER vf vfloor(vf x) { return ROUND(x, _MM_FROUND_TO_NEG_INF, vrndmq_f32); }
HELPER vf vceil(vf x) { return ROUND(x, _MM_FROUND_TO_POS_INF, vrndpq_f32); }
HELPER vf vtrunc(vf x) { return ROUND(x, _MM_FROUND_TO_ZERO, vrndq_f32); }
#undef ROUND
#endif

HELPER vf vsqrt(vf x) {
#if defined(VECTOR_AVX512)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(VECTOR_AVX2)
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(VECTOR_SSE)
  return (vf)_mm_sqrt_ps((__m128)x);
#elif defined(VECTOR_NEON)
  return (vf)vsqrtq_f32((float32x4_t)x);
#else
  UNROLL for (idx i = 0; i < V; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// x·2^n for a whole n in -250..250, with overflow to infinity and one correct rounding into the denormals.
HELPER vf vscale(vf x, vf n) {
#if defined(VECTOR_AVX512)
  return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  // Two factors that are both normal: 2^n itself may not be.
  vi whole = (vi)((vu)(n + 0x1.8p23f) - 0x4b400000), half = whole >> 1; // the sum's low bits are n as an integer
  return x * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
#endif
}

// Whether any lane of a mask is set.
HELPER int vany(vi mask) {
#if defined(VECTOR_AVX512)
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(VECTOR_AVX2)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(VECTOR_SSE)
  return _mm_movemask_ps((__m128)mask) != 0;
#elif defined(VECTOR_NEON)
  return vmaxvq_u32((uint32x4_t)mask) != 0;
#else
  int32_t any = 0;
  UNROLL for (idx i = 0; i < V; i++) any |= mask[i];
  return any != 0;
#endif
}

// Horizontal reductions fold the vector in halves: the order is fixed, so results are the same everywhere.
#define FOLD(x, op)                                                                                                    \
  if (V > 8) x = op(x, __builtin_shufflevector(x, x, LANES(SWAP_LANE, 8 % V)));                                        \
  if (V > 4) x = op(x, __builtin_shufflevector(x, x, LANES(SWAP_LANE, 4 % V)));                                        \
  x = op(x, __builtin_shufflevector(x, x, LANES(SWAP_LANE, 2)));                                                       \
  x = op(x, __builtin_shufflevector(x, x, LANES(SWAP_LANE, 1)));                                                       \
  return x[0]
#define SWAP_LANE(w, i) ((i) ^ (w))
HELPER vf vadd(vf a, vf b) { return a + b; }
HELPER vf vmul(vf a, vf b) { return a * b; }
HELPER vf vlarger(vf a, vf b) { return vselect(a > b, a, b); } // b where one is NaN
HELPER float sum_lanes(vf x) { FOLD(x, vadd); }
HELPER float product_lanes(vf x) { FOLD(x, vmul); }
HELPER float max_lanes(vf x) { FOLD(x, vmax); }
HELPER float min_lanes(vf x) { FOLD(x, vmin); }
HELPER float largest_lane(vf x) { FOLD(x, vlarger); } // of a vector without NaN
#undef FOLD
#undef SWAP_LANE

// Transposes V×V in place: swaps the off-diagonal halves of ever larger blocks.
#define LOW_LANE(w, i)  (((i) & (w)) ? V + (i) - (w) : (i))
#define HIGH_LANE(w, i) (((i) & (w)) ? V + (i) : (i) + (w))
#define SWAP_BLOCKS(w)                                                                                                 \
  UNROLL for (idx i = 0; i < V; i++) if (!(i & (w))) {                                                                 \
    vf low = __builtin_shufflevector(r[i], r[i + (w)], LANES(LOW_LANE, w));                                            \
    r[i + (w)] = __builtin_shufflevector(r[i], r[i + (w)], LANES(HIGH_LANE, w));                                       \
    r[i] = low;                                                                                                        \
  }
HELPER void transpose_lanes(vf r[V]) {
  SWAP_BLOCKS(1)
  SWAP_BLOCKS(2)
#if VECTOR_BYTES >= 32
  SWAP_BLOCKS(4)
#endif
#if VECTOR_BYTES >= 64
  SWAP_BLOCKS(8)
#endif
}
#undef LOW_LANE
#undef HIGH_LANE
#undef SWAP_BLOCKS
