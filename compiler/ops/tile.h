// How matrix products and convolutions are cut into tiles that fit the register file.
#pragma once
#include "compiler/ops/ops.h"

typedef struct {
  int64_t mr, nv; // rows of a tile; vectors of a row
  int64_t nr;     // columns of a panel of packed weights: nv vectors
  double cycles;  // what the model says that all of it takes
} Tile;

// A batch of products A[m][k]·B[k][n] that share B. Tiles do not cross from one to the next.
typedef struct {
  int64_t batch, m, n, k;
  int64_t line; // rows of A that follow each other evenly: m, or the pixels of a line that has a gap behind it
  int64_t row;  // their distance, in floats
  int64_t pass; // steps of k after which the next tile comes: k, or those of a row of taps
} TileWork;

Tile choose_tile(const Target *target, TileWork work); // the cheapest
// The same for the node's weights, with panels as another program of the model has them where that costs next to
// nothing: then both use the same packed weights.
Tile choose_weight_tile(const Lower *lower, TileWork work);
// Pixels of a row that a depthwise convolution computes at once.
int64_t choose_depthwise_pixels(const Target *target, int64_t ow);
// Notes what a step computes, and with it how many shares of it are worth having.
void step_macs(Lower *lower, Step *step, Dim macs);
// The size to choose tiles for where only the run tells it.
int64_t usual_size(Dim size);
