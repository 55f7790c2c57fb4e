// ml_trees against trees walked one by one with branches: both widths, all tests, NaN, equal values, infinities, rows
// around the groups and blocks, one and several targets, all aggregates.
#include "tests/kernels/kernels.h"
#include "templates/ml_tree.h"

enum { FEATURES = 5, MOST_NODES = 1 << 11 };

// A tree as it is grown: first and second are children, 0 at a leaf.
typedef struct {
  int feature, how, first, second, leaf; // leaf: its number; how: bits TREE_LESS...
  double value, weight;
} Grown;
typedef struct {
  Grown node[MOST_NODES];
  int count, depth;
} Tree;

static idx random_below(idx n) { return (idx)(random_bits() % (uint64_t)n); }
static double random_value(void) { // few different ones, so that x meets thresholds
  idx which = random_below(20);
  return which == 0 ? INFINITY : which == 1 ? -INFINITY : which == 2 ? -0.0 : (double)(which - 10) / 4;
}

static int grow(Tree *t, int depth, int least, int bits, int *leaves) {
  int at = t->count++;
  Grown *g = &t->node[at];
  *g = (Grown){.feature = (int)random_below(FEATURES), .how = bits, .value = random_value(), .weight = random_float()};
  if (bits < 0)
    g->how = (int)random_below(16);
  else if (bits & 16)
    g->how = (bits & 7) | (random_below(2) ? TREE_NAN : 0);
  if (depth == 0 || (least <= 0 && random_below(3) == 0)) return g->leaf = (*leaves)++, at;
  g->first = grow(t, depth - 1, least - 1, bits, leaves);
  g->second = grow(t, depth - 1, least - 1, bits, leaves);
  return at;
}

typedef struct {
  idx wide, test, rows, trees, targets, aggregate, bases, tracked;
  const void *x, *base, *weights;
  char *nodes;
  int32_t *roots, *depths, *starts, *ids;
  char *out;
  uint8_t *seen;
} Call;

static Status run(void *context, idx part, idx parts) {
  Call *c = context;
  return ml_trees(c->wide, c->test, c->rows, c->trees, c->targets, c->aggregate, c->x, FEATURES, c->nodes, c->roots,
                  c->depths, c->starts, c->ids, c->weights, c->bases, c->base, c->out, c->tracked, c->seen, NULL, part,
                  parts);
}

// Lays a tree out breadth first from node `base` on; returns the nodes used.
static int lay_out(const Call *c, const Tree *t, int base) {
  int order[MOST_NODES], place[MOST_NODES], used = 2, count = 1;
  idx size = c->wide ? 24 : 16, real = c->wide ? 8 : 4;
  order[0] = 0, place[0] = base;
  for (int i = 0; i < count; i++) {
    const Grown *g = &t->node[order[i]];
    char *node = c->nodes + place[i] * size;
    int32_t word = g->feature, child = place[i] - 1, leaf = g->leaf;
    if (c->test == TREE_LE_NAN || c->test == TREE_LT_NAN || c->test == TREE_ANY)
      word = (int32_t)((uint32_t)word | (uint32_t)g->how << 28);
    if (g->first) {
      child = base + used;
      order[count] = g->first, place[count++] = base + used++;
      order[count] = g->second, place[count++] = base + used++;
      tree_set(c->wide, node, g->value);
    } else {
      word = 0;
      tree_set(c->wide, node, NAN);
    }
    memcpy(node + real, &word, 4);
    memcpy(node + real + 4, &child, 4);
    if (c->targets == 1)
      tree_set(c->wide, node + real + 8, g->weight);
    else
      memcpy(node + real + 8, &leaf, 4);
  }
  return used;
}

static const Grown *walk(const Tree *t, const double *x, int wide) {
  const Grown *g = t->node;
  while (g->first) {
    double v = x[g->feature], value = wide ? g->value : (double)(float)g->value;
    int is = isnan(v) ? TREE_NAN : v < value ? TREE_LESS : v == value ? TREE_EQUAL : TREE_GREATER;
    g = &t->node[g->how & is ? g->first : g->second];
  }
  return g;
}

static void check(idx wide, idx test, idx rows, idx trees, idx targets, idx aggregate, idx bases) {
  static const int bits[] = {TREE_LESS | TREE_EQUAL, TREE_LESS, 16 | TREE_LESS | TREE_EQUAL, 16 | TREE_LESS, -1};
  idx size = wide ? 8 : 4, groups = (trees + TREE_LANES - 1) / TREE_LANES, nodes = 0;
  int leaves = 0;
  Tree *forest = new_bytes(trees * (idx)sizeof *forest);
  for (idx t = 0; t < trees; t++) {
    forest[t].count = 0, forest[t].depth = (int)(t % 9);
    grow(&forest[t], forest[t].depth, t % 3 ? 0 : forest[t].depth, bits[test], &leaves);
    nodes += forest[t].count + 1;
  }
  Call c = {.wide = wide, .test = test, .rows = rows, .trees = trees, .targets = targets, .aggregate = aggregate};
  c.bases = bases, c.tracked = targets > 1;
  c.nodes = new_bytes(nodes * (wide ? 24 : 16));
  c.roots = new_bytes(groups * TREE_LANES * 4), c.depths = new_bytes(groups * 4);
  c.starts = new_bytes((leaves + 1) * 4);
  memset(c.depths, 0, (size_t)groups * 4);
  int32_t at = 0;
  for (idx t = 0; t < groups * TREE_LANES; t++) {
    c.roots[t] = t < trees ? at : 0;
    if (t >= trees) continue;
    at += lay_out(&c, &forest[t], at);
    if (forest[t].depth > c.depths[t / TREE_LANES]) c.depths[t / TREE_LANES] = forest[t].depth;
  }
  // Leaf i has i % 3 weights, one of them twice for the same target.
  idx entries = 0;
  for (int i = 0; i < leaves; i++) c.starts[i] = (int32_t)entries, entries += i % 3;
  c.starts[leaves] = (int32_t)entries;
  c.ids = new_bytes(entries * 4 + 4);
  char *weights = new_bytes(entries * size + 1), *base = new_bytes(targets * size),
       *x = new_bytes(rows * FEATURES * size);
  for (idx e = 0; e < entries; e++)
    c.ids[e] = (int32_t)random_below(targets), tree_set(wide, weights + e * size, random_float());
  for (idx k = 0; k < targets; k++) tree_set(wide, base + k * size, random_float());
  double *values = new_bytes(rows * FEATURES * 8);
  for (idx i = 0; i < rows * FEATURES; i++) {
    values[i] = random_below(8) ? random_value() : NAN;
    tree_set(wide, x + i * size, values[i]);
  }
  c.weights = weights, c.base = base, c.x = x;
  c.out = new_bytes(rows * targets * size), c.seen = new_bytes(rows * targets);
  run_parts(run, &c, c.out, rows * targets * size);
  for (idx row = 0; row < rows; row++) {
    double want[8] = {0};
    int seen[8] = {0};
    for (idx t = 0; t < trees; t++) {
      const Grown *g = walk(&forest[t], values + row * FEATURES, (int)wide);
      idx from = targets > 1 ? c.starts[g->leaf] : 0, to = targets > 1 ? c.starts[g->leaf + 1] : 1;
      for (idx e = from; e < to; e++) {
        idx k = targets > 1 ? c.ids[e] : 0;
        double w = targets > 1 ? tree_real(wide, weights + e * size) : wide ? g->weight : (double)(float)g->weight;
        if (aggregate == TREE_MIN)
          want[k] = !seen[k] || w < want[k] ? w : want[k];
        else if (aggregate == TREE_MAX)
          want[k] = !seen[k] || w > want[k] ? w : want[k];
        else
          want[k] += w;
        seen[k] = 1;
      }
    }
    for (idx k = 0; k < targets; k++) {
      if (aggregate == TREE_AVERAGE) want[k] /= (double)trees;
      if (bases) want[k] += tree_real(wide, base + k * size);
      double got = tree_real(wide, c.out + (row * targets + k) * size);
      if (!is_close(got, want[k], wide ? 1e-13 : 1e-5))
        fail_msg("wide %td test %td rows %td trees %td targets %td aggregate %td: [%td][%td] is %.9g, not %.9g", wide,
                 test, rows, trees, targets, aggregate, row, k, got, want[k]);
      if (c.tracked) assert_int_equal(c.seen[row * targets + k], seen[k]);
    }
  }
  free(forest), free(c.nodes), free(c.roots), free(c.depths), free(c.starts), free(c.ids), free(weights), free(base);
  free(x), free(values), free(c.out), free(c.seen);
}

static void test_trees(void **state) {
  (void)state;
  const idx rows[] = {1, 3, 7, 8, 9, 16, 63, 64, 65, 150}, trees[] = {1, 2, 7, 8, 9, 20};
  for (idx wide = 0; wide < 2; wide++) {
    for (idx test = TREE_LE; test <= TREE_ANY; test++) {
      for (int r = 0; r < 10; r++)
        check(wide, test, rows[r], trees[(r + test) % 6], r % 2 ? 1 : 4, TREE_SUM, r % 3 == 0);
      for (idx a = TREE_AVERAGE; a <= TREE_MAX; a++) {
        check(wide, test, 20, 9, 1, a, 1);
        check(wide, test, 5, 9, 1, a, 0);
        check(wide, test, 20, 9, 3, a, 0);
        check(wide, test, 2, 9, 8, a, 1);
      }
    }
  }
}

RUN_TESTS(cmocka_unit_test(test_trees))
