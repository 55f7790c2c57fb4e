// The micro-kernel that matrix products and convolutions share: a tile of output rows × vectors stays in registers
// while K is walked once. Per step of K it loads nv vectors of packed B and multiplies them by one value of each row.
//
// A tile fits the register file when rows·nv + nv + 2 <= 32 (AVX-512, NEON) or 16 (AVX2, SSE). With constant sizes and
// strides there is then no spill: rows are displacements of one address.
#pragma once
#include "templates/vector.h"

enum { TILE_MAX = 64 }; // accumulators; more than any register file holds

// Independent chains that hide the latency of multiply-add: a tile with fewer accumulators splits K among several sets.
enum { TILE_CHAINS = 8 };

HELPER idx tile_split(idx rows, idx nv) { return rows * nv >= TILE_CHAINS ? 1 : TILE_CHAINS / (rows * nv); }

enum { LINE_FLOATS = 16 }; // of a cache line

HELPER void tile_clear(idx rows, idx nv, vf acc[TILE_MAX]) {
  UNROLL for (idx i = 0; i < rows * nv * tile_split(rows, nv); i++) acc[i] = (vf){0};
}

// Sums that wait in memory.
HELPER void tile_copy(idx rows, idx nv, vf to[TILE_MAX], const vf from[TILE_MAX]) {
  UNROLL for (idx i = 0; i < rows * nv * tile_split(rows, nv); i++) to[i] = from[i];
}

// acc += A[rows][k]·B[k][nv·V]. Row r of A starts at a + at[r]. Each step of k is a_k floats on in A and nr floats on
// in B, and asks for one cache line of `ahead`.
HELPER void tile_multiply(idx rows, idx nv, idx k, const float *a, const idx at[TILE_MAX], idx a_k, const float *b,
                          idx nr, const float *ahead, vf acc[TILE_MAX]) {
  idx split = tile_split(rows, nv), i = 0;
  NO_UNROLL for (; i + split <= k; i += split) {
    if (split == 1) __builtin_prefetch(ahead + i * LINE_FLOATS, 0, 2);
    UNROLL for (idx s = 0; s < split; s++) {
      vf columns[TILE_MAX];
      UNROLL for (idx j = 0; j < nv; j++) columns[j] = load_all(b + s * nr + j * V);
      UNROLL for (idx r = 0; r < rows; r++) {
        vf value = splat(a[at[r] + s * a_k]);
        UNROLL for (idx j = 0; j < nv; j++) acc[(s * rows + r) * nv + j] += value * columns[j];
      }
    }
    a += split * a_k;
    b += split * nr;
  }
  if (split == 1) return;
  NO_UNROLL for (; i < k; i++, a += a_k, b += nr) {
    UNROLL for (idx r = 0; r < rows; r++) {
      vf value = splat(a[at[r]]);
      UNROLL for (idx j = 0; j < nv; j++) acc[r * nv + j] += value * load_all(b + j * V);
    }
  }
}

// Brings the sets of a split K together: the sums are in acc[0 .. rows·nv).
HELPER void tile_join(idx rows, idx nv, vf acc[TILE_MAX]) {
  UNROLL for (idx s = 1; s < tile_split(rows, nv); s++) {
    UNROLL for (idx i = 0; i < rows * nv; i++) acc[i] += acc[s * rows * nv + i];
  }
}
