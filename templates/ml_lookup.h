// Looking values up in a table of keys: what encoders of categories and labels do.
#pragma once
#include "templates/ml.h"
#include "templates/template.h"

// A value as the 64-bit key that stands for it: integers as they are, floats by their bits as double, where -0 is 0 and
// every NaN the same.
HELPER int64_t key_of(idx kind, const void *x, idx i) {
  if (kind == KEY_I64) return ((const int64_t *)x)[i];
  if (kind == KEY_I32) return ((const int32_t *)x)[i];
  if (kind == KEY_I16) return ((const int16_t *)x)[i];
  double real = kind == KEY_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
  int64_t bits;
  memcpy(&bits, &real, sizeof bits);
  return real != real ? INT64_MAX : real == 0 ? 0 : bits;
}

// out[i] = values[k] where keys[k], in rising order, is the key of x[i]; `missing` where there is none, or STATUS_INDEX
// where strict is not 0. Parallel over count.
TEMPLATE Status ml_lookup(idx kind, idx count, idx key_count, idx missing, idx strict, const void *x,
                          const int64_t *keys, const int64_t *values, int64_t *out, void *const *bufs, idx part,
                          idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  NO_UNROLL for (; i < end; i++) {
    int64_t key = key_of(kind, x, i);
    idx low = 0;
    for (idx left = key_count; left > 1;) { // the last key that is not larger lies in [low, low + left)
      idx half = left / 2;
      low = keys[low + half] <= key ? low + half : low;
      left -= half;
    }
    idx found = key_count > 0 && keys[low] == key;
    if (!found && strict) return STATUS_INDEX;
    out[i] = found ? values[low] : missing;
  }
  return STATUS_OK;
}
