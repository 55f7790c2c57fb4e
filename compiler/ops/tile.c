// The model by which tiles are chosen. It needs no machine, so that foreign targets get good tiles too.
//
// A tile of mr rows × nv vectors keeps mr·nv sums in registers; beside them stand nv vectors of B, one value of A and
// one spare: mr·nv + nv + 2 registers, or the compiler spills. For each k a tile takes
//   mr·nv / 2 cycles of multiply-adds (two a cycle), or
//   (mr + nv) / 2 cycles of loads (two a cycle), or
//   the time in which the caches deliver its part of A and B,
// whichever is longest, and at its end a fixed time and one for each vector stored. The cost of a product is the sum
// over its whole tiles and those at its edges, which are smaller.
#include "compiler/ops/tile.h"

enum { MAX_NV = 8 };

// Bytes a cycle that arrive from the smallest cache that holds `bytes`. Typical figures of current cores.
static double bandwidth(const Target *target, double bytes) {
  if (bytes <= (double)target->l1 / 2) return 128;
  if (bytes <= (double)target->l2) return 48;
  return bytes <= (double)target->l3 ? 20 : 8;
}

static double larger(double a, double b) { return a > b ? a : b; }

typedef struct {
  const Target *target;
  double k, a_bytes; // bytes of all of A, which pass by each panel of B
} Product;

static double tile_cycles(const Product *p, int64_t rows, int64_t nv) {
  if (rows == 0 || nv == 0) return 0;
  double sums = (double)(rows * nv), b_bytes = p->k * (double)(nv * p->target->vector_bytes);
  double arithmetic = larger(sums / 2, (double)(rows + nv) / 2) * p->k;
  double traffic = b_bytes / bandwidth(p->target, b_bytes) + 4 * (double)rows * p->k / bandwidth(p->target, p->a_bytes);
  return larger(arithmetic, traffic) + sums + 12;
}

// All tiles of one panel that is nv vectors wide.
static double panel_cycles(const Product *p, int64_t lines, int64_t m, int64_t mr, int64_t nv) {
  if (m < mr && mr % m == 0) { // lines together
    int64_t at_once = mr / m;
    return (double)(lines / at_once) * tile_cycles(p, mr, nv) + tile_cycles(p, lines % at_once * m, nv);
  }
  return (double)lines * ((double)(m / mr) * tile_cycles(p, mr, nv) + tile_cycles(p, m % mr, nv));
}

Tile choose_tile(const Target *target, int64_t lines, int64_t m, int64_t n, int64_t k) {
  Product p = {target, (double)k, 4.0 * (double)k * (double)m * (double)lines};
  int64_t lanes = target->vector_bytes / 4;
  Tile best = {1, 1, lanes, -1};
  for (int64_t nv = 1; nv <= MAX_NV; nv++)
    for (int64_t mr = 1; mr * nv + nv + 2 <= target->registers; mr++) {
      if ((nv > 1 && (nv - 1) * lanes >= n) || mr > lines * m) continue;
      int64_t left = div_up(n % (nv * lanes), lanes);
      double cycles =
          (double)(n / (nv * lanes)) * panel_cycles(&p, lines, m, mr, nv) + panel_cycles(&p, lines, m, mr, left);
      // What was measured to be good on the machine breaks near ties.
      if (mr == target->gemm_mr && nv == target->gemm_nv) cycles *= 0.98;
      if (best.cycles < 0 || cycles < best.cycles) best = (Tile){mr, nv, nv * lanes, cycles};
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
