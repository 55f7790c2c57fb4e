// What control flow needs besides jumps: memory for values whose size changes while the model runs.
#pragma once
#include "templates/template.h"

enum { BLOCK_ALIGN = 64 };

// Gives a block of the heap room for `bytes`. block[0] is its place in the heap, block[1] its capacity. Blocks lie in
// the upper half of the heap, of which *used bytes are taken; one that grows moves to new room, at least twice as
// large, with its first `keep` bytes. `data` is where it lies now.
TEMPLATE Status reserve(idx bytes, idx keep, idx heap, char *data, int64_t *block, int64_t *used, void *const *bufs,
                        idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  if (bytes < 0) return STATUS_SHAPE;
  if (bytes <= block[1]) return STATUS_OK;
  idx half = heap / 2 / BLOCK_ALIGN * BLOCK_ALIGN, left = half - *used;
  if (bytes > left) return STATUS_MEMORY;
  idx room = max_idx(bytes, min_idx(2 * block[1], left));
  room = min_idx((room + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN, left);
  idx place = half + *used;
  if (keep > 0) memcpy(data + (place - block[0]), data, (size_t)keep);
  *used += room;
  block[0] = place;
  block[1] = room;
  return STATUS_OK;
}
