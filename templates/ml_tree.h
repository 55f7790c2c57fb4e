// Ensembles of decision trees: every row of x goes down every tree; what its leaves hold is aggregated by target.
//
// A node is { real value; int32 word; int32 child; leaf }, 16 bytes, or 24 when reals are double. The two children
// stand side by side: the step goes to `child` when the test of x[feature] against `value` holds, else to child + 1. A
// leaf has a NaN for its value, which fails every test, and child + 1 is the leaf itself: it needs no branch and no
// end. `leaf` is the weight (a real) or, with several targets, an int32 index into `starts`. The low 28 bits of `word`
// are the feature; the high ones say which outcomes of x against value take the first child: less, equal, greater, and
// x being NaN. Where all nodes ask for the same the test is a constant of the call and the high bits are zero.
//
// One row walks TREE_LANES trees at a time, several rows walk one tree together: the chains of loads are independent
// and hide each other's latency. Weights are added in the order of the trees either way.
#pragma once
#include "templates/ml.h"
#include "templates/vector.h"

enum { TREE_ROWS = 64 }; // rows that one tree after the other sees

HELPER double tree_real(idx wide, const char *p) {
  float narrow;
  double real;
  if (wide) return memcpy(&real, p, sizeof real), real;
  return memcpy(&narrow, p, sizeof narrow), (double)narrow;
}
HELPER void tree_set(idx wide, char *p, double x) {
  float narrow = (float)x;
  if (wide)
    memcpy(p, &x, sizeof x);
  else
    memcpy(p, &narrow, sizeof narrow);
}
HELPER idx tree_int(const char *p) {
  int32_t x;
  return memcpy(&x, p, sizeof x), (idx)x;
}

// The node after `at` on the way of one row.
HELPER idx tree_next(idx wide, idx test, const char *nodes, idx at, const char *x) {
  const char *node = nodes + at * (wide ? 24 : 16), *word = node + (wide ? 8 : 4);
  idx bits = tree_int(word), feature = test <= TREE_LT ? bits : bits & TREE_FEATURE;
  double value = tree_real(wide, node), real = tree_real(wide, x + feature * (wide ? 8 : 4));
  idx first = test == TREE_LE || test == TREE_LE_NAN ? real <= value : real < value;
  if (test == TREE_LE_NAN || test == TREE_LT_NAN) first |= (real != real) & (bits < 0);
  if (test == TREE_ANY) {
    idx is = (real < value) * TREE_LESS | (real == value) * TREE_EQUAL | (real > value) * TREE_GREATER |
             (real != real) * TREE_NAN;
    first = (bits >> 28 & is) != 0;
  }
  return tree_int(word + 4) + !first;
}

// All lanes from their roots to their leaves, in at most `depth` steps.
HELPER void tree_walk(idx wide, idx test, const char *nodes, const char *const *x, idx depth, idx *at) {
  enum { STRIDE = 4 }; // steps between two looks whether all have arrived
  for (idx level = 0, moved = 1; level < depth && moved; level += STRIDE) {
    for (idx i = 1; i < min_idx(STRIDE, depth - level); i++) {
      UNROLL for (idx l = 0; l < TREE_LANES; l++) at[l] = tree_next(wide, test, nodes, at[l], x[l]);
    }
    moved = 0;
    UNROLL for (idx l = 0; l < TREE_LANES; l++) {
      idx next = tree_next(wide, test, nodes, at[l], x[l]);
      moved |= next ^ at[l];
      at[l] = next;
    }
  }
}

// What the leaves' weights go to.
typedef struct {
  idx wide, targets, aggregate, tracked;
  const char *nodes, *weights;
  const int32_t *starts, *ids;
  char *out;     // reals [rows][targets]
  uint8_t *seen; // [rows][targets]: whether a leaf had a weight for it; only where tracked
} TreeSums;

HELPER void tree_add(const TreeSums *s, idx target, double weight, idx first) {
  idx size = s->wide ? 8 : 4;
  double had = tree_real(s->wide, s->out + target * size);
  if (s->aggregate == TREE_MIN) weight = first || weight < had ? weight : had;
  if (s->aggregate == TREE_MAX) weight = first || weight > had ? weight : had;
  if (s->aggregate <= TREE_SUM) weight = had + weight;
  tree_set(s->wide, s->out + target * size, weight);
}

HELPER void tree_leaf(const TreeSums *s, idx row, idx at, idx tree) {
  const char *leaf = s->nodes + at * (s->wide ? 24 : 16) + (s->wide ? 16 : 12);
  if (s->targets == 1) {
    tree_add(s, row, tree_real(s->wide, leaf), tree == 0);
    return;
  }
  idx which = tree_int(leaf), size = s->wide ? 8 : 4;
  NO_UNROLL for (idx e = s->starts[which]; e < s->starts[which + 1]; e++) {
    idx target = row * s->targets + s->ids[e];
    tree_add(s, target, tree_real(s->wide, s->weights + e * size), s->tracked && !s->seen[target]);
    if (s->tracked) s->seen[target] = 1;
  }
}

// out[row][target] = the weights of the leaves that the row reaches, aggregated, plus base[target] where bases is not
// 0. Reals are double where wide is not 0, else float. roots: of each tree, rounded up to whole groups of TREE_LANES
// with any root; depths: of the deepest tree of each group. starts, ids, weights: of leaf number i the weights
// starts[i]..starts[i + 1], each for target ids[e]; only with several targets. seen: see above; tracked must be set
// with several targets where the aggregate is a minimum or a maximum. Parallel over rows.
TEMPLATE Status ml_trees(idx wide, idx test, idx rows, idx trees, idx targets, idx aggregate, const void *x, idx x_row,
                         const void *nodes, const int32_t *roots, const int32_t *depths, const int32_t *starts,
                         const int32_t *ids, const void *weights, idx bases, const void *base, void *out, idx tracked,
                         uint8_t *seen, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx size = wide ? 8 : 4, from, to, at[TREE_LANES];
  const char *lines[TREE_LANES];
  TreeSums sums = {wide, targets, aggregate, tracked, nodes, weights, starts, ids, out, seen};
  share(rows, part, parts, &from, &to);
  NO_UNROLL for (idx end; from < to; from = end) {
    end = min_idx(to, from + TREE_ROWS);
    memset((char *)out + from * targets * size, 0, (size_t)((end - from) * targets * size));
    if (tracked) memset(seen + from * targets, 0, (size_t)((end - from) * targets));
    if (end - from < TREE_LANES) { // few rows: several trees at a time
      NO_UNROLL for (idx row = from; row < end; row++) {
        UNROLL for (idx l = 0; l < TREE_LANES; l++) lines[l] = (const char *)x + row * x_row * size;
        NO_UNROLL for (idx tree = 0; tree < trees; tree += TREE_LANES) {
          UNROLL for (idx l = 0; l < TREE_LANES; l++) at[l] = roots[tree + l];
          tree_walk(wide, test, nodes, lines, depths[tree / TREE_LANES], at);
          for (idx l = 0; l < min_idx(TREE_LANES, trees - tree); l++) tree_leaf(&sums, row, at[l], tree + l);
        }
      }
    } else {
      NO_UNROLL for (idx tree = 0; tree < trees; tree++) {
        NO_UNROLL for (idx row = from; row < end; row += TREE_LANES) {
          UNROLL for (idx l = 0; l < TREE_LANES; l++) {
            lines[l] = (const char *)x + min_idx(row + l, end - 1) * x_row * size;
            at[l] = roots[tree];
          }
          tree_walk(wide, test, nodes, lines, depths[tree / TREE_LANES], at);
          for (idx l = 0; l < min_idx(TREE_LANES, end - row); l++) tree_leaf(&sums, row + l, at[l], tree);
        }
      }
    }
    for (idx i = from * targets; i < end * targets && (bases || aggregate == TREE_AVERAGE); i++) {
      char *total = (char *)out + i * size;
      if (aggregate == TREE_AVERAGE) tree_set(wide, total, tree_real(wide, total) / (double)trees);
      if (bases)
        tree_set(wide, total, tree_real(wide, total) + tree_real(wide, (const char *)base + i % targets * size));
    }
  }
  return STATUS_OK;
}
