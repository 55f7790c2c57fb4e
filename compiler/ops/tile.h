// How matrix products and convolutions are cut into tiles that fit the register file.
#pragma once
#include "compiler/ops/ops.h"

typedef struct {
  int64_t mr, nv; // rows of a tile; vectors of a row
  int64_t nr;     // columns of a panel of packed weights: nv vectors
  double cycles;  // what the model says that all of it takes
} Tile;

// The cheapest tile for `lines` lines of m rows each (a matrix product: one line; a convolution: rows of pixels), n
// columns and k products an element. A tile may cover several lines that are shorter than it.
Tile choose_tile(const Target *target, int64_t lines, int64_t m, int64_t n, int64_t k);
// Pixels of a row that a depthwise convolution computes at once.
int64_t choose_depthwise_pixels(const Target *target, int64_t ow);
// Notes what a step computes, and with it how many shares of it are worth having.
void step_macs(Lower *lower, Step *step, Dim macs);
// The size to choose tiles for where only the run tells it.
int64_t usual_size(Dim size);
