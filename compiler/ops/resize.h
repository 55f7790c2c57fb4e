// Resize and Upsample: what the fast way for images and the general one share.
#pragma once
#include "compiler/ops/ops.h"

// What becomes of each axis.
typedef struct {
  float scale[MAX_RANK];         // output / input; 0: only the run knows it
  Dim dims[MAX_RANK];            // of the output
  Dim wanted[MAX_RANK];          // size that is asked for, where sizes are given
  bool computed[MAX_RANK];       // the output's dim is a symbol that the run computes from the scale
  bool rounded[MAX_RANK];        // the output's dim is scale · input rounded to a whole number
  const Value *scales;           // run-time scales, or NULL
  int64_t scale_index[MAX_RANK]; // of an axis
} Sizes;

bool read_resize(Model *model, Node *node, Sizes *sizes);
// Any mode, any number of axes, one after another.
bool lower_resize_general(Lower *lower, Node *node, const Sizes *sizes);

/* resize_tables.c, for resize_general.c */

typedef struct {
  Lower *lower;
  Node *node;
  const Sizes *sizes;
  ExprTable *exprs;
  bool cubic, nearest, antialias, exclude, old;
  const char *place, *rounding; // formulas
  bool crops;                   // places outside of the input get `extrapolation`
  double a, extrapolation;      // of cubic kernels
} Resize;

// One axis: what formulas of its places refer to, and its tables.
typedef struct {
  int axis;
  Dim in, out;
  View ins[8];
  size_t in_count;
  const Expr *scale, *start, *end, *in_size, *out_size; // over ins
  Dim taps;
  View first, weights,
      outside; // [out] or, where only the run knows the number of taps, [taps, out]; [taps, out]; [out]
} Line;

// Reads the attributes. False after an error.
bool find_resize_formulas(Resize *r);
// Finds out the output's size along an axis when the model runs.
bool compute_resize_size(Resize *r, Line *l);
// Makes the tables of an axis.
bool make_resize_tables(Resize *r, Line *l);
