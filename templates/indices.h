// Numbers of elements that only the data tell: the run writes them into the frame before what they are sizes of.
#pragma once
#include "templates/scalar.h"

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
