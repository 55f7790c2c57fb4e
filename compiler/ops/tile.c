// The model by which tiles are chosen. It needs no machine, so that foreign targets get good tiles too.
//
// A tile of mr rows × nv vectors keeps mr·nv sums in registers; beside them stand nv vectors of B, one value of A and
// one spare: mr·nv + nv + 2 registers, or the compiler spills. For each k a tile takes
//   mr·nv / 2 cycles of multiply-adds (two a cycle), or
//   the cycles until a sum can be added to again, or
//   (mr + nv) / 2 cycles of loads (two a cycle), or
//   the time in which the caches deliver its part of A and B,
// whichever is longest, a little more where the caches cannot quite deliver beside it, and at its end a fixed time and
// one for each vector stored. The cost of a product is the sum over its whole tiles and those at its edges, which are
// smaller.
#include "compiler/ops/tile.h"
#include <math.h>
#include <string.h>

enum { MAX_NV = 8 };

// Bytes a cycle that arrive from the smallest cache that holds `bytes`. Typical figures of current cores.
static double bandwidth(const Target *target, double bytes) {
  if (bytes <= (double)target->l1 / 2) return 128;
  if (bytes <= (double)target->l2) return 48;
  return bytes <= (double)target->l3 ? 20 : 8;
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

// Whether a step of k touches more lines of A than a first-level cache has ways for, so that they push each other out
// before all their floats are used. Its sets repeat every 4 KB; ways are 8 or more.
static bool rows_collide(const TileWork *w, int64_t rows) {
  enum { SETS_BYTES = 4096, WAYS = 8 };
  return rows * common_divisor(4 * w->row, SETS_BYTES) > WAYS * SETS_BYTES;
}

static double tile_cycles(const Target *target, const TileWork *w, int64_t rows, int64_t nv) {
  enum { LATENCY = 5, CHAINS = 8, LINE_BYTES = 64 }; // with fewer sums than chains, k is split: tile_split of tile.h
  if (rows == 0 || nv == 0) return 0;
  int64_t split = rows * nv < CHAINS ? CHAINS / (rows * nv) : 1;
  double k = (double)w->k, sums = (double)(rows * nv), wait = LATENCY / (double)split;
  double b_bytes = (double)(nv * target->vector_bytes), a_bytes = 4 * k * (double)(w->m * w->batch);
  double taken = (double)rows * (rows_collide(w, rows) ? LINE_BYTES : 4);
  double arithmetic = fmax(fmax(sums, (double)(rows + nv)) / 2, wait) * k;
  double traffic = (b_bytes / bandwidth(target, b_bytes * (double)w->pass) + taken / bandwidth(target, a_bytes)) * k;
  return fmax(arithmetic, traffic) + fmin(arithmetic, traffic) / 16 + sums + 12;
}

// All tiles of one panel that is nv vectors wide.
static double panel_cycles(const Target *target, const TileWork *w, int64_t mr, int64_t nv) {
  double whole = (double)(w->m / mr) * tile_cycles(target, w, mr, nv);
  return (double)w->batch * (whole + tile_cycles(target, w, w->m % mr, nv));
}

// Whether the rows of a tile are displacements of one address, or few enough for an address register each.
static bool rows_addressable(const TileWork *w, int64_t mr) {
  enum { ROW_REGISTERS = 6 };
  return mr <= ROW_REGISTERS || w->line == w->m || w->line % mr == 0 || mr % w->line == 0;
}

// The cheapest tile; of those with so many columns a panel, where that is not 0. Cycles are -1 where there is none.
static Tile choose_among(const Target *target, TileWork work, int64_t panel) {
  int64_t lanes = target->vector_bytes / 4;
  Tile best = {1, 1, lanes, -1};
  for (int64_t nv = 1; nv <= MAX_NV; nv++)
    for (int64_t mr = 1; mr * nv + nv + 2 <= target->registers && mr <= work.m; mr++) {
      if (panel > 0 && panel != nv * lanes) continue;
      if ((nv > 1 && (nv - 1) * lanes >= work.n) || !rows_addressable(&work, mr)) continue;
      int64_t whole = work.n / (nv * lanes), left = div_up(work.n % (nv * lanes), lanes);
      double cycles = (double)whole * panel_cycles(target, &work, mr, nv) + panel_cycles(target, &work, mr, left);
      // What was measured to be good on the machine breaks near ties.
      if (mr == target->gemm_mr && nv == target->gemm_nv) cycles *= 0.98;
      if (best.cycles < 0 || cycles < best.cycles) best = (Tile){mr, nv, nv * lanes, cycles};
    }
  return best;
}

Tile choose_tile(const Target *target, TileWork work) { return choose_among(target, work, 0); }

// Columns of the panels in which a program has weights of the same node; 0: it has none.
static int64_t find_panel(const Program *program, const Node *node) {
  for (size_t i = 0; i < program->step_count; i++) {
    const Step *step = program->steps[i];
    if (step->loc.index != node->loc.index || strcmp(step->loc.graph, node->loc.graph)) continue;
    for (size_t p = 0; p < step->pointer_count; p++)
      if (step->pointers[p].buffer->kind == BUFFER_WEIGHT && step->pointers[p].buffer->pack.panel > 0)
        return step->pointers[p].buffer->pack.panel;
  }
  return 0;
}

Tile choose_weight_tile(const Lower *lower, TileWork work) {
  const double next_to_nothing = 1.05;
  Tile best = choose_tile(lower->target, work);
  for (size_t i = 0; i < lower->other_count; i++) {
    int64_t panel = find_panel(lower->others[i], lower->node);
    Tile same = panel > 0 ? choose_among(lower->target, work, panel) : best;
    if (panel > 0 && same.cycles >= 0 && same.cycles <= next_to_nothing * best.cycles) return same;
  }
  return best;
}

// Each tap loads one vector of weights and one of each pixel; sums and both loads stay in registers.
int64_t choose_depthwise_pixels(const Target *target, int64_t ow) {
  int64_t best = 1, best_loads = INT64_MAX;
  for (int64_t pixels = 1; pixels <= target->registers / 4 + 2; pixels++) {
    int64_t loads = ow / pixels * (pixels + 1) + (ow % pixels ? ow % pixels + 1 : 0);
    if (loads >= best_loads) continue;
    best_loads = loads;
    best = pixels;
  }
  return best;
}

enum { SHARE_MACS = 1 << 17 }; // some microseconds: many times what it costs to hand a share to a thread

void step_macs(Lower *lower, Step *step, Dim macs) {
  step->parts = count_parts(macs, SHARE_MACS);
  if (!dim_is_const(macs)) return;
  step->flops = 2 * macs.value;
  lower->program->macs += macs.value;
}

int64_t usual_size(Dim size) { return (int64_t)dim_estimate(size); }
