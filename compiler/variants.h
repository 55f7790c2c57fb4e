// The model compiled for several shapes: --shape given more than once for an input. One shape is a table of one
// variant.
#pragma once
#include "compiler/build.h"

typedef struct {
  Graph **graphs; // after the passes
  Program **programs;
  size_t count;
} Variants;

// Passes, lowering and planning of each variant of the model that was read; weights are joined. False after recorded
// errors.
bool make_variants(Model *model, const Target *target, const BuildOptions *options, Variants *out);
