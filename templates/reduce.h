// Reductions: sum, maximum, minimum, product over axes of what Load gives, handed to Store.
//
// Sums add up in four chains over blocks of 64 terms, the blocks' sums in groups of 64, the groups' sums after that:
// the rounding error grows with these counts, not with the number of terms. No reduction is ever split between parts,
// so the result is the same for all of them.
#pragma once
#include "templates/vector.h"

enum { REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PRODUCT };
enum { REDUCE_CHAINS = 4, REDUCE_BLOCK = 64 };

HELPER vf reduce_start(idx kind) {
  return splat(kind == REDUCE_SUM       ? 0.0f
               : kind == REDUCE_PRODUCT ? 1.0f
               : kind == REDUCE_MAX     ? -__builtin_inff()
                                        : __builtin_inff());
}
HELPER vf reduce_pair(idx kind, vf a, vf b) {
  if (kind == REDUCE_SUM) return a + b;
  if (kind == REDUCE_PRODUCT) return a * b;
  return kind == REDUCE_MAX ? vmax(a, b) : vmin(a, b);
}
HELPER float reduce_lanes(idx kind, vf x) {
  if (kind == REDUCE_SUM) return sum_lanes(x);
  if (kind == REDUCE_PRODUCT) return product_lanes(x);
  return kind == REDUCE_MAX ? max_lanes(x) : min_lanes(x);
}
HELPER void reduce_clear(idx kind, vf chain[REDUCE_CHAINS]) {
  UNROLL for (idx u = 0; u < REDUCE_CHAINS; u++) chain[u] = reduce_start(kind);
}
HELPER vf reduce_chains(idx kind, const vf chain[REDUCE_CHAINS]) {
  return reduce_pair(kind, reduce_pair(kind, chain[0], chain[1]), reduce_pair(kind, chain[2], chain[3]));
}

// y[o][i] = reduction over r0 and r1 of load(bufs, o, r0, r1, i, lanes), handed to store(bufs, v, 0, 0, o, i, lanes).
// Vectors lie along i. Where both reduced axes are long, the longer should be r1. Parallel over (o, vectors of i).
TEMPLATE Status reduce_f32(idx kind, idx o, idx r0, idx r1, idx i, Load *load, Store *store, void *const *bufs,
                           idx part, idx parts) {
  idx vectors = (i + V - 1) / V, unit, end;
  share(o * vectors, part, parts, &unit, &end);
  NO_UNROLL for (; unit < end; unit++) {
    idx at = unit / vectors, from = unit % vectors * V, lanes = min_idx(V, i - from);
    vf total = reduce_start(kind), chain[REDUCE_CHAINS];
    NO_UNROLL for (idx a = 0; a < r0; a++) {
      NO_UNROLL for (idx b = 0; b < r1;) {
        idx last = min_idx(r1, b + REDUCE_BLOCK * REDUCE_BLOCK);
        vf group = reduce_start(kind);
        while (b < last) {
          idx stop = min_idx(last, b + REDUCE_BLOCK);
          reduce_clear(kind, chain);
          for (; b + REDUCE_CHAINS <= stop; b += REDUCE_CHAINS) {
            UNROLL for (idx u = 0; u < REDUCE_CHAINS; u++) {
              chain[u] = reduce_pair(kind, chain[u], load(bufs, at, a, b + u, from, lanes));
            }
          }
          for (; b < stop; b++) chain[0] = reduce_pair(kind, chain[0], load(bufs, at, a, b, from, lanes));
          group = reduce_pair(kind, group, reduce_chains(kind, chain));
        }
        total = reduce_pair(kind, total, group);
      }
    }
    store(bufs, total, 0, 0, at, from, lanes);
  }
  return STATUS_OK;
}

// y[o0][o1] = reduction over r0 and r1 of load(bufs, o0, o1, r0, r1, lanes), handed to store(bufs, v, 0, 0, o0, o1, 1),
// the value in lane 0. Vectors lie along r1. Parallel over (o0, o1).
TEMPLATE Status reduce_row_f32(idx kind, idx o0, idx o1, idx r0, idx r1, Load *load, Store *store, void *const *bufs,
                               idx part, idx parts) {
  idx whole = r1 / V * V, unit, end;
  share(o0 * o1, part, parts, &unit, &end);
  NO_UNROLL for (; unit < end; unit++) {
    idx i0 = unit / o1, i1 = unit % o1;
    vf total = reduce_start(kind), chain[REDUCE_CHAINS];
    NO_UNROLL for (idx a = 0; a < r0; a++) {
      NO_UNROLL for (idx b = 0; b < whole;) {
        idx last = min_idx(whole, b + REDUCE_BLOCK * REDUCE_BLOCK * V);
        vf group = reduce_start(kind);
        while (b < last) {
          idx stop = min_idx(last, b + REDUCE_BLOCK * V);
          reduce_clear(kind, chain);
          for (; b + REDUCE_CHAINS * V <= stop; b += REDUCE_CHAINS * V) {
            UNROLL for (idx u = 0; u < REDUCE_CHAINS; u++) {
              chain[u] = reduce_pair(kind, chain[u], load(bufs, i0, i1, a, b + u * V, V));
            }
          }
          for (; b < stop; b += V) chain[0] = reduce_pair(kind, chain[0], load(bufs, i0, i1, a, b, V));
          group = reduce_pair(kind, group, reduce_chains(kind, chain));
        }
        total = reduce_pair(kind, total, group);
      }
      if (r1 % V) {
        vf last = load(bufs, i0, i1, a, whole, r1 % V);
        total = reduce_pair(kind, total, vselect(lane_mask(r1 % V), last, reduce_start(kind)));
      }
    }
    store(bufs, splat(reduce_lanes(kind, total)), 0, 0, i0, i1, 1);
  }
  return STATUS_OK;
}
