// Reductions of any rank over any type of number, of one tensor or of the products of two: whatever no faster template
// does. Windows are axes too: a convolution reduces an overlapping view of its padded input.
//
// Integers wrap. float32 sums up in double.
#pragma once
#include "templates/reduce.h"

enum { FOLD_LANES = 16, FOLD_AXES = 32 };

// One row of the table of axes: kept ones first.
typedef struct {
  int64_t dim, x, z, y; // strides of the two operands and the result
} FoldAxis;

// The innermost loop: `steps` times the lanes. Constants after inlining, but for the steps.
typedef struct {
  idx kind, lanes, steps, last; // lanes of the last step
  idx x_step, x_lane, z_step, z_lane;
} FoldLine;

// The value of coordinates `unit` over axes with one stride.
HELPER idx fold_offset(const FoldAxis *axes, idx count, const idx *at, idx which) {
  idx sum = 0;
  for (idx i = 0; i < count; i++) {
    int64_t stride = which == 0 ? axes[i].x : which == 1 ? axes[i].z : axes[i].y;
    sum += at[i] * (idx)stride;
  }
  return sum;
}

// The next point of a box; 0 after the last.
HELPER int fold_next(const FoldAxis *axes, idx count, idx *at) {
  for (idx i = count; i-- > 0;) {
    if (++at[i] < axes[i].dim) return 1;
    at[i] = 0;
  }
  return 0;
}

// For one type T with accumulators of type A and arithmetic in U: fold_T does outputs of one line.
#define FOLD(S, T, A, U, LOW, HIGH)                                                                                    \
  HELPER A fold_start_##S(idx kind) {                                                                                  \
    return kind == REDUCE_SUM ? (A)0 : kind == REDUCE_PRODUCT ? (A)1 : kind == REDUCE_MAX ? (A)(LOW) : (A)(HIGH);      \
  }                                                                                                                    \
  HELPER A fold_pair_##S(idx kind, A a, A b) {                                                                         \
    if (kind == REDUCE_SUM) return (A)((U)a + (U)b);                                                                   \
    if (kind == REDUCE_PRODUCT) return (A)((U)a * (U)b);                                                               \
    return b != b || (kind == REDUCE_MAX ? b > a : b < a) ? b : a; /* NaN stays */                                     \
  }                                                                                                                    \
  HELPER void fold_line_##S(const FoldLine *s, const T *x, const T *z, A acc[FOLD_LANES]) {                            \
    for (idx i = 0; i < s->steps; i++) {                                                                               \
      idx lanes = i + 1 < s->steps ? s->lanes : s->last;                                                               \
      const T *xs = x + i * s->x_step, *zs = z ? z + i * s->z_step : xs;                                               \
      if (lanes == FOLD_LANES) {                                                                                       \
        UNROLL for (idx l = 0; l < FOLD_LANES; l++) {                                                                  \
          A value = z ? (A)((U)xs[l * s->x_lane] * (U)zs[l * s->z_lane]) : (A)xs[l * s->x_lane];                       \
          acc[l] = fold_pair_##S(s->kind, acc[l], value);                                                              \
        }                                                                                                              \
        continue;                                                                                                      \
      }                                                                                                                \
      NO_UNROLL for (idx l = 0; l < lanes; l++) {                                                                      \
        A value = z ? (A)((U)xs[l * s->x_lane] * (U)zs[l * s->z_lane]) : (A)xs[l * s->x_lane];                         \
        acc[l] = fold_pair_##S(s->kind, acc[l], value);                                                                \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  HELPER void fold_block_##S(const FoldLine *s, const FoldAxis *axes, idx count, idx rows, const T *x, const T *z,     \
                             T *y, idx y_lane) {                                                                       \
    A acc[FOLD_LANES];                                                                                                 \
    idx at[FOLD_AXES] = {0};                                                                                           \
    for (idx l = 0; l < FOLD_LANES; l++) acc[l] = fold_start_##S(s->kind);                                             \
    do {                                                                                                               \
      fold_line_##S(s, x + fold_offset(axes, count, at, 0), z ? z + fold_offset(axes, count, at, 1) : z, acc);         \
    } while (fold_next(axes, count, at));                                                                              \
    if (rows) {                                                                                                        \
      for (idx half = FOLD_LANES / 2; half; half /= 2) {                                                               \
        for (idx l = 0; l < half; l++) acc[l] = fold_pair_##S(s->kind, acc[l], acc[l + half]);                         \
      }                                                                                                                \
      *y = (T)acc[0];                                                                                                  \
    } else {                                                                                                           \
      for (idx l = 0; l < s->lanes; l++) y[l * y_lane] = (T)acc[l];                                                    \
    }                                                                                                                  \
  }
FOLD(f32, float, double, double, -__builtin_inf(), __builtin_inf())
FOLD(f64, double, double, double, -__builtin_inf(), __builtin_inf())
FOLD(i8, int8_t, int8_t, uint32_t, INT8_MIN, INT8_MAX)
FOLD(i16, int16_t, int16_t, uint32_t, INT16_MIN, INT16_MAX)
FOLD(i32, int32_t, int32_t, uint32_t, INT32_MIN, INT32_MAX)
FOLD(i64, int64_t, int64_t, uint64_t, INT64_MIN, INT64_MAX)
FOLD(u8, uint8_t, uint8_t, uint32_t, 0, UINT8_MAX)
FOLD(u16, uint16_t, uint16_t, uint32_t, 0, UINT16_MAX)
FOLD(u32, uint32_t, uint32_t, uint32_t, 0, UINT32_MAX)
FOLD(u64, uint64_t, uint64_t, uint64_t, 0, UINT64_MAX)
#undef FOLD

// y = reduction of x, or of x·z where `products`, over the reduced axes. There are kept + reduced axes in the table,
// kept ones first, and one more of each kind that the arguments give: outputs n with strides x_n, z_n, y_n and terms r
// with strides x_r, z_r. Vectors lie along the terms where `rows`, else along the outputs. `type` is ONNX's number;
// bools are 0 and 1 and only have a maximum and a minimum. x, z and y have one type. Parallel over outputs.
TEMPLATE Status fold(idx kind, idx type, idx products, idx rows, idx kept, idx reduced, const void *table, idx n,
                     idx x_n, idx z_n, idx y_n, idx r, idx x_r, idx z_r, const void *x, const void *z, void *y,
                     void *const *bufs, idx part, idx parts) {
  (void)bufs;
  const FoldAxis *axes = table, *inner = axes + kept;
  idx each = rows ? 1 : FOLD_LANES, blocks = (n + each - 1) / each, units = blocks, unit, end, none = r == 0;
  for (idx i = 0; i < kept; i++) units *= (idx)axes[i].dim;
  for (idx i = 0; i < reduced; i++) none |= inner[i].dim == 0;
  share(units, part, parts, &unit, &end);
  NO_UNROLL for (; unit < end; unit++) {
    idx block = unit % blocks * each, rest = unit / blocks, xo = block * x_n, zo = block * z_n, yo = block * y_n;
    for (idx i = kept; i-- > 0; rest /= (idx)axes[i].dim) {
      idx at = rest % (idx)axes[i].dim;
      xo += at * (idx)axes[i].x, zo += at * (idx)axes[i].z, yo += at * (idx)axes[i].y;
    }
    idx width = min_idx(each, n - block), steps = rows ? (r + FOLD_LANES - 1) / FOLD_LANES : r;
    idx last = rows ? r - (steps - 1) * FOLD_LANES : width;
    FoldLine s = {kind,
                  rows ? FOLD_LANES : width,
                  none ? 0 : steps,
                  last,
                  rows ? FOLD_LANES * x_r : x_r,
                  rows ? x_r : x_n,
                  rows ? FOLD_LANES * z_r : z_r,
                  rows ? z_r : z_n};
    idx count = none ? 0 : reduced;
#define FOLD(S, T, number)                                                                                             \
  if (type == number)                                                                                                  \
    fold_block_##S(&s, inner, count, rows, (const T *)x + xo, products ? (const T *)z + zo : NULL, (T *)y + yo, y_n);
    FOLD(f32, float, 1)
    FOLD(u8, uint8_t, 2)
    FOLD(i8, int8_t, 3)
    FOLD(u16, uint16_t, 4)
    FOLD(i16, int16_t, 5)
    FOLD(i32, int32_t, 6)
    FOLD(i64, int64_t, 7)
    FOLD(u8, uint8_t, 9)
    FOLD(f64, double, 11)
    FOLD(u32, uint32_t, 12)
    FOLD(u64, uint64_t, 13)
#undef FOLD
  }
  return STATUS_OK;
}
