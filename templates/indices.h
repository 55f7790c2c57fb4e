// Results whose number of elements only the data tell: the run writes that number into the frame before it fills them.
#pragma once
#include "templates/number.h"

// *count = how many steps of *delta lead from *start to below *limit: ceil((limit - start) / delta), at least 0. All
// are float32 (bytes 4) or float64 (8). Only part 0 works.
TEMPLATE Status range_count(idx bytes, const void *start, const void *limit, const void *delta, int64_t *count,
                            void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  if (part) return STATUS_OK;
  double length = bytes == 8 ? *(const double *)limit - *(const double *)start
                             : (double)(*(const float *)limit - *(const float *)start);
  double by = bytes == 8 ? *(const double *)delta : (double)*(const float *)delta;
  if (by == 0) return STATUS_DIVIDE;
  double n = ceil_real(length / by);
  if (!(n < 0x1p48)) return STATUS_MEMORY;
  *count = n > 0 ? (int64_t)n : 0;
  return STATUS_OK;
}

// *found = how many of `count` elements are not zero. Only part 0 works.
TEMPLATE Status count_nonzero(idx type, idx count, const void *x, int64_t *found, void *const *bufs, idx part,
                              idx parts) {
  (void)bufs, (void)parts;
  int64_t sum = 0;
  if (part) return STATUS_OK;
  for (idx i = 0; i < count; i++) sum += is_nonzero(type, x, i);
  *found = sum;
  return STATUS_OK;
}

// out[k][j] = coordinate k of the j-th element of x that is not zero, of `found` in all. Only part 0 works.
TEMPLATE Status nonzero(idx type, idx rank, idx count, idx found, const int64_t *dims, const void *x, int64_t *out,
                        void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  if (part) return STATUS_OK;
  for (idx i = 0, j = 0; i < count && j < found; i++) {
    if (!is_nonzero(type, x, i)) continue;
    idx rest = i;
    for (idx k = rank - 1; k >= 0; k--) {
      out[k * found + j] = rest % (idx)dims[k];
      rest /= (idx)dims[k];
    }
    j++;
  }
  return STATUS_OK;
}

// out[o] = the blocks x[o][j] of `bytes` each for which chosen[j] is true, `found` of `count` in all; x has n of them
// for each of `outer`. Parallel over outer.
TEMPLATE Status compress(idx outer, idx n, idx count, idx found, idx bytes, const uint8_t *chosen, const void *x,
                         void *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx o, end;
  share(outer, part, parts, &o, &end);
  for (; o < end; o++) {
    char *to = (char *)out + o * found * bytes;
    for (idx j = 0; j < count; j++) {
      if (!chosen[j]) continue;
      memcpy(to, (const char *)x + (o * n + j) * bytes, (size_t)bytes);
      to += bytes;
    }
  }
  return STATUS_OK;
}
