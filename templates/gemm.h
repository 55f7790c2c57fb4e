// Matrix products: C[m][n] = A[m][k]·B[k][n] for a batch b0×b1, B packed into panels of nr = nv·V columns.
//
// A is read through strides, without packing. K is not blocked: the accumulators of a tile stay in registers from the
// first to the last k, so partial sums never travel. A panel of B (k·nr floats) lies in L2 while all rows of A pass by
// it; A then feeds 2·nr operations a float, little enough for L3 to deliver. Weights mostly come from memory: while the
// first tiles of a panel are computed, the next panel is fetched (17 % faster with cold weights of 768×768).
#pragma once
#include "templates/tile.h"

HELPER void gemm_tile(idx rows, idx nv, idx columns, idx k, const float *a, idx a_m, idx a_k, const float *b, idx nr,
                      const float *ahead, Store *store, void *const *bufs, idx i0, idx i1, idx i, idx j) {
  vf acc[TILE_MAX];
  idx at[TILE_MAX];
  UNROLL for (idx r = 0; r < rows; r++) at[r] = r * a_m;
  tile_clear(rows, nv, acc);
  tile_multiply(rows, nv, k, a, at, a_k, b, nr, ahead, acc);
  tile_join(rows, nv, acc);
  UNROLL for (idx r = 0; r < rows; r++) {
    UNROLL for (idx v = 0; v < nv; v++) {
      if (v * V < columns) store(bufs, acc[r * nv + v], i0, i1, i + r, j + v * V, min_idx(V, columns - v * V));
    }
  }
}

// Row tiles [from, to) of one panel; the last tile has m % mr rows; where only the run tells how many, they are tiles
// of 4 and of 1. The first tiles fetch the next panel, a cache line a step.
HELPER void gemm_panel(idx from, idx to, idx mr, idx nv, idx columns, idx m, idx k, const float *a, idx a_m, idx a_k,
                       const float *b, idx nr, Store *store, void *const *bufs, idx i0, idx i1, idx j) {
  idx whole = m / mr;
  NO_UNROLL for (idx t = from; t < min_idx(to, whole); t++) {
    const float *ahead = (t - from) * LINE_FLOATS < nr ? b + k * (nr + (t - from) * LINE_FLOATS) : b;
    gemm_tile(mr, nv, columns, k, a + t * mr * a_m, a_m, a_k, b, nr, ahead, store, bufs, i0, i1, t * mr, j);
  }
  if (to <= whole) return;
  idx i = whole * mr, left = m % mr;
  if (__builtin_constant_p(m)) {
    gemm_tile(left, nv, columns, k, a + i * a_m, a_m, a_k, b, nr, b, store, bufs, i0, i1, i, j);
    return;
  }
  NO_UNROLL for (; left >= 4; left -= 4, i += 4) {
    gemm_tile(4, nv, columns, k, a + i * a_m, a_m, a_k, b, nr, b, store, bufs, i0, i1, i, j);
  }
  NO_UNROLL for (; left > 0; left--, i++) {
    gemm_tile(1, nv, columns, k, a + i * a_m, a_m, a_k, b, nr, b, store, bufs, i0, i1, i, j);
  }
}

// C = A·B, handed to store(bufs, v, i_b0, i_b1, i_m, i_n, lanes). A[b0][b1][m][k] has strides a_b0, a_b1, a_m, a_k. B
// is [ceil(n / nr)][k][nr], zeros in the columns past n, as pack_b_f32 makes it; b_b0 and b_b1 are floats between
// packed matrices, 0 for one that all share. nr = nv·V. Parallel over panels, then row tiles.
TEMPLATE Status gemm_f32(idx b0, idx b1, idx m, idx n, idx k, const float *a, idx a_b0, idx a_b1, idx a_m, idx a_k,
                         const float *b, idx b_b0, idx b_b1, idx mr, idx nv, Store *store, void *const *bufs, idx part,
                         idx parts) {
  idx nr = nv * V, whole = n / nr, panels = (n + nr - 1) / nr, tiles = (m + mr - 1) / mr, unit, end;
  share(b0 * b1 * panels * tiles, part, parts, &unit, &end);
  while (unit < end) {
    idx from = unit % tiles, panel = unit / tiles % panels, i0 = unit / tiles / panels / b1;
    idx i1 = unit / tiles / panels % b1, to = min_idx(tiles, from + end - unit), j = panel * nr;
    unit += to - from;
    const float *matrix = a + i0 * a_b0 + i1 * a_b1, *columns = b + i0 * b_b0 + i1 * b_b1 + panel * k * nr;
    if (panel < whole) {
      gemm_panel(from, to, mr, nv, nr, m, k, matrix, a_m, a_k, columns, nr, store, bufs, i0, i1, j);
    } else if (__builtin_constant_p(n)) {
      idx left = n % nr;
      gemm_panel(from, to, mr, (left + V - 1) / V, left, m, k, matrix, a_m, a_k, columns, nr, store, bufs, i0, i1, j);
    } else {
      gemm_panel(from, to, mr, nv, n % nr, m, k, matrix, a_m, a_k, columns, nr, store, bufs, i0, i1, j);
    }
  }
  return STATUS_OK;
}

// Packs b0×b1 matrices B[k][n] with strides b_b0, b_b1, b_k, b_n into out[b0][b1][ceil(n / nr)][k][nr], zeros past n.
// The result does not depend on the vector width. Parallel over panels.
TEMPLATE Status pack_b_f32(idx b0, idx b1, idx k, idx n, const float *b, idx b_b0, idx b_b1, idx b_k, idx b_n, idx nr,
                           float *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx panels = (n + nr - 1) / nr, unit, end;
  share(b0 * b1 * panels, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx j = unit % panels * nr, columns = min_idx(nr, n - j), batch = unit / panels;
    const float *from = b + batch / b1 * b_b0 + batch % b1 * b_b1 + j * b_n;
    float *to = out + unit * k * nr;
    idx c = 0;
    // Columns that are contiguous along k, V at a time, through a transpose in registers.
    if (b_k == 1 && b_n != 1) {
      for (; c + V <= columns; c += V) {
        idx i = 0;
        for (; i + V <= k; i += V) {
          vf square[V];
          UNROLL for (idx u = 0; u < V; u++) square[u] = load_all(from + (c + u) * b_n + i);
          transpose_lanes(square);
          UNROLL for (idx u = 0; u < V; u++) store_all(to + (i + u) * nr + c, square[u]);
        }
        for (; i < k; i++) {
          for (idx u = 0; u < V; u++) to[i * nr + c + u] = from[(c + u) * b_n + i];
        }
      }
    }
    for (idx i = 0; i < k; i++) {
      float *row = to + i * nr;
      const float *source = from + i * b_k;
      if (b_n == 1 && columns == nr) {
        memcpy(row, source, (size_t)nr * sizeof *row);
        continue;
      }
      for (idx u = c; u < columns; u++) row[u] = source[u * b_n];
      for (idx u = columns; u < nr; u++) row[u] = 0;
    }
  }
  return STATUS_OK;
}
