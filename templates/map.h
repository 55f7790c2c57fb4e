// Elementwise steps: the whole computation is the generated body; this is the loop around it.
#pragma once
#include "templates/vector.h"

// Calls body(bufs, i0, i1, i2, i3, lanes) for every V elements of the innermost axis of a box n0×n1×n2×n3; the last
// call of a row has fewer lanes. Returns the first fault that a body reports. Parallel over all vectors of the box, so
// one long row splits as well as many short ones.
TEMPLATE Status map(idx n0, idx n1, idx n2, idx n3, Body *body, void *const *bufs, idx part, idx parts) {
  idx vectors = (n3 + V - 1) / V, whole = n3 / V, from, to;
  if (n0 * n1 * n2 * vectors == 0) return STATUS_OK;
  share(n0 * n1 * n2 * vectors, part, parts, &from, &to);
  idx row = from / vectors, j = from % vectors;
  idx i2 = row % n2, i1 = row / n2 % n1, i0 = row / n2 / n1;
  for (idx left = to - from; left > 0;) {
    idx end = min_idx(vectors, j + left);
    left -= end - j;
    // Four bodies at once: their chains of operations are independent and overlap.
    for (; j + 4 <= min_idx(end, whole); j += 4) {
      Status status[4];
      UNROLL for (idx u = 0; u < 4; u++) status[u] = body(bufs, i0, i1, i2, (j + u) * V, V);
      UNROLL for (idx u = 0; u < 4; u++) if (status[u]) return status[u];
    }
    NO_UNROLL for (; j < min_idx(end, whole); j++) {
      Status status = body(bufs, i0, i1, i2, j * V, V);
      if (status) return status;
    }
    if (n3 % V && j < end) {
      Status status = body(bufs, i0, i1, i2, j * V, n3 - whole * V);
      if (status) return status;
    }
    j = 0;
    if (++i2 < n2) continue;
    i2 = 0;
    if (++i1 < n1) continue;
    i1 = 0;
    i0++;
  }
  return STATUS_OK;
}
