// Determinants, and images put together from overlapping blocks.
#pragma once
#include "templates/number.h"

// y[b] = determinant of x[b][n][n] (elements of 4 or 8 bytes), by elimination with pivots in `work`, which has room for
// n·n numbers. Only part 0 works.
TEMPLATE Status determinant(idx bytes, idx batch, idx n, const void *x, double *work, void *y, void *const *bufs,
                            idx part, idx parts) {
  (void)bufs, (void)parts;
  for (idx m = 0; m < batch && part == 0; m++) {
    double product = 1;
    for (idx i = 0; i < n * n; i++)
      work[i] = bytes == 4 ? (double)((const float *)x)[m * n * n + i] : ((const double *)x)[m * n * n + i];
    for (idx k = 0; k < n; k++) {
      idx pivot = k;
      for (idx i = k + 1; i < n; i++)
        if (__builtin_fabs(work[i * n + k]) > __builtin_fabs(work[pivot * n + k])) pivot = i;
      double head = work[pivot * n + k];
      product *= pivot == k ? head : -head;
      if (head == 0) break;
      for (idx j = k; j < n && pivot != k; j++) {
        double swap = work[k * n + j];
        work[k * n + j] = work[pivot * n + j], work[pivot * n + j] = swap;
      }
      for (idx i = k + 1; i < n; i++) {
        double factor = work[i * n + k] / head;
        for (idx j = k + 1; j < n; j++) work[i * n + j] -= factor * work[k * n + j];
      }
    }
    if (bytes == 4)
      ((float *)y)[m] = (float)product;
    else
      ((double *)y)[m] = product;
  }
  return STATUS_OK;
}

// Images y[m] as sums of overlapping blocks x[m][element of the block][block]. sizes: `rank` numbers each of the
// image's dims, the block's dims, the numbers of blocks, their strides, the dilations and the pads before. Parallel
// over images.
TEMPLATE Status col2im(idx type, idx bytes, idx images, idx rank, const int64_t *sizes, const void *x, void *y,
                       void *const *bufs, idx part, idx parts) {
  (void)bufs;
  const int64_t *image = sizes, *kernel = image + rank, *blocks = kernel + rank, *strides = blocks + rank;
  const int64_t *dilations = strides + rank, *pads = dilations + rank;
  idx pixels = 1, elements = 1, count = 1, m, end;
  for (idx i = 0; i < rank; i++) pixels *= (idx)image[i], elements *= (idx)kernel[i], count *= (idx)blocks[i];
  share(images, part, parts, &m, &end);
  for (; m < end; m++) {
    char *to = (char *)y + m * pixels * bytes;
    const char *from = (const char *)x + m * elements * count * bytes;
    memset(to, 0, (size_t)(pixels * bytes));
    for (idx k = 0; k < elements * count; k++) {
      idx element = k / count, block = k % count, at = 0, step = 1;
      int inside = 1;
      for (idx i = rank - 1; i >= 0; i--) {
        idx place =
            block % (idx)blocks[i] * (idx)strides[i] + element % (idx)kernel[i] * (idx)dilations[i] - (idx)pads[i];
        inside &= place >= 0 && place < (idx)image[i];
        at += place * step;
        step *= (idx)image[i];
        block /= (idx)blocks[i], element /= (idx)kernel[i];
      }
      if (inside) combine(type, COMBINE_ADD, to + at * bytes, from + k * bytes);
    }
  }
  return STATUS_OK;
}
