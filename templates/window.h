// Sliding windows over padded axes: which taps of a window lie inside.
#pragma once
#include "templates/template.h"

// The taps [*from, *to) of k taps, `dilation` apart and the first at `start`, that lie in [low, high).
HELPER void clip_window(idx start, idx k, idx dilation, idx low, idx high, idx *from, idx *to) {
  *from = start < low ? (low - start + dilation - 1) / dilation : 0;
  *to = start < high ? min_idx(k, (high - start + dilation - 1) / dilation) : 0;
  *from = min_idx(*from, *to);
}
