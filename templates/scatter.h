// Writing elements to computed places. Later updates see what earlier ones wrote, so only part 0 works.
#pragma once
#include "templates/number.h"

// An index (of 4 or 8 bytes) into an axis; -1 where it is outside. Those below 0 count from the end.
HELPER idx read_index(const void *indices, idx bytes, idx i, idx dim) {
  int64_t at = bytes == 8 ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];
  if (at < 0) at += dim;
  return at >= 0 && at < dim ? (idx)at : -1;
}

// Element e of updates goes to its own place, but for the coordinate along `axis`, which is indices[e]. Indices and
// updates are packed over dims[rank]; `out` has strides[rank] and axis_dim elements along the axis. `how` combines an
// element of a number's `type` with the one there; COMBINE_NONE takes elements of any type of `bytes` each.
TEMPLATE Status scatter_elements(idx type, idx bytes, idx how, idx rank, idx axis, idx axis_dim, const int64_t *dims,
                                 const int64_t *strides, const void *indices, idx index_bytes, const void *updates,
                                 void *out, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  enum { MOST = 16 };
  idx at[MOST] = {0}, count = 1, offset = 0; // offset: of the coordinates but that along the axis
  for (idx i = 0; i < rank; i++) count *= (idx)dims[i];
  if (part) return STATUS_OK;
  for (idx e = 0; e < count; e++) {
    idx index = read_index(indices, index_bytes, e, axis_dim);
    if (index < 0) return STATUS_INDEX;
    char *to = (char *)out + (offset + index * (idx)strides[axis]) * bytes;
    const char *from = (const char *)updates + e * bytes;
    if (how == COMBINE_NONE)
      memcpy(to, from, (size_t)bytes);
    else
      combine(type, how, to, from);
    for (idx i = rank - 1; i >= 0; i--) {
      idx stride = i == axis ? 0 : (idx)strides[i];
      offset += stride;
      if (++at[i] < (idx)dims[i]) break;
      offset -= stride * at[i];
      at[i] = 0;
    }
  }
  return STATUS_OK;
}

// Each of `tuples` blocks of `inner` elements goes to out[indices[t][0]][indices[t][1]]..., over axes of dims[depth]
// elements. Indices are int64.
TEMPLATE Status scatter_nd(idx type, idx bytes, idx how, idx tuples, idx depth, idx inner, const int64_t *dims,
                           const int64_t *indices, const void *updates, void *out, void *const *bufs, idx part,
                           idx parts) {
  (void)bufs, (void)parts;
  if (part) return STATUS_OK;
  for (idx t = 0; t < tuples; t++) {
    idx block = 0;
    for (idx i = 0; i < depth; i++) {
      idx index = read_index(indices, 8, t * depth + i, (idx)dims[i]);
      if (index < 0) return STATUS_INDEX;
      block = block * (idx)dims[i] + index;
    }
    char *to = (char *)out + block * inner * bytes;
    const char *from = (const char *)updates + t * inner * bytes;
    if (how == COMBINE_NONE)
      memcpy(to, from, (size_t)(inner * bytes));
    else
      for (idx i = 0; i < inner; i++) combine(type, how, to + i * bytes, from + i * bytes);
  }
  return STATUS_OK;
}
