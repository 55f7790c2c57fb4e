// Running sums and products along an axis.
#pragma once
#include "templates/number.h"

#define CUMULATE(NAME, T)                                                                                              \
  HELPER void cumulate_##NAME(idx kind, idx n, idx stride, int reverse, int exclusive, const T *x, T *y) {             \
    T total = kind == CUMULATE_SUM ? 0 : 1;                                                                            \
    for (idx k = 0; k < n; k++) {                                                                                      \
      idx at = (reverse ? n - 1 - k : k) * stride;                                                                     \
      T next = kind == CUMULATE_SUM ? total + x[at] : total * x[at];                                                   \
      y[at] = exclusive ? total : next;                                                                                \
      total = next;                                                                                                    \
    }                                                                                                                  \
  }
CUMULATE(f32, float)
CUMULATE(f64, double)
CUMULATE(u32, uint32_t)
CUMULATE(u64, uint64_t)
#undef CUMULATE

// y[o][j][i] = x[o][0][i] + ... + x[o][j][i], or their product; `reverse`: from the end; `exclusive`: without the
// element itself. Element types as in number.h; integers wrap. Parallel over (outer, inner).
TEMPLATE Status cumulate(idx type, idx kind, idx outer, idx n, idx inner, idx reverse, idx exclusive, const void *x,
                         void *y, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx unit, end;
  share(outer * inner, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx at = unit / inner * n * inner + unit % inner;
    int back = reverse != 0, without = exclusive != 0;
    if (type == NUMBER_F32) cumulate_f32(kind, n, inner, back, without, (const float *)x + at, (float *)y + at);
    if (type == NUMBER_F64) cumulate_f64(kind, n, inner, back, without, (const double *)x + at, (double *)y + at);
    if (type == NUMBER_I32 || type == NUMBER_U32)
      cumulate_u32(kind, n, inner, back, without, (const uint32_t *)x + at, (uint32_t *)y + at);
    if (type == NUMBER_I64 || type == NUMBER_U64)
      cumulate_u64(kind, n, inner, back, without, (const uint64_t *)x + at, (uint64_t *)y + at);
  }
  return STATUS_OK;
}
