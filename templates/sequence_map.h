// Maps: blocks of two elements, their keys and their values. No generated functions, all serial.
#pragma once
#include "templates/sequence.h"

// A sequence of `rows` maps, elements of kind `map`: the same keys for each row of x.
TEMPLATE Status zip_map(idx map, idx rows, idx columns, idx key_kind, idx key_bytes, idx kind, idx bytes, idx total,
                        const void *keys, const void *x, Sequence *block, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  int64_t dim = columns;
  idx at = (idx)sequence_head_bytes(rows);
  block->bytes = total;
  block->count = rows;
  for (idx r = 0; r < rows; r++) {
    Sequence *row = (Sequence *)((char *)block + sequence_write(block, r, at, map, 0, &dim, NULL, 0));
    row->count = 2;
    idx end = sequence_write(row, 0, (idx)sequence_head_bytes(2), key_kind, 1, &dim, keys, columns * key_bytes);
    end = sequence_write(row, 1, end, kind, 1, &dim, (const char *)x + r * columns * bytes, columns * bytes);
    row->bytes = end;
    at = (idx)((char *)row - (char *)block) + end;
  }
  return STATUS_OK;
}
