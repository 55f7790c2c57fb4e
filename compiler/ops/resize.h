// Resize and Upsample: what the fast way for images and the general one share.
#pragma once
#include "compiler/ops/ops.h"

// What becomes of each axis.
typedef struct {
  float scale[MAX_RANK];         // output / input; 0: only the run knows it
  Dim dims[MAX_RANK];            // of the output
  Dim wanted[MAX_RANK];          // size that is asked for, where sizes are given
  bool computed[MAX_RANK];       // the output's dim is a symbol that the run computes from the scale
  const Value *scales;           // run-time scales, or NULL
  int64_t scale_index[MAX_RANK]; // of an axis
} Sizes;

bool read_resize(Model *model, Node *node, Sizes *sizes);
// Any mode, any number of axes, one after another.
bool lower_resize_general(Lower *lower, Node *node, const Sizes *sizes);
