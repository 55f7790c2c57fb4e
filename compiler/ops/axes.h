// The axes of several views walked together, joined into as few as possible: what templates with a fixed number of
// coordinates need. Axes of size 1 are left out; neighbours that lie behind one another in every view become one.
#pragma once
#include "compiler/ops/ops.h"

enum { AXES_VIEWS = 4 };

typedef struct {
  Dim dim;
  Dim stride[AXES_VIEWS]; // of each view
} Axis;

static const Axis no_axis = {.dim = {1, NULL}};

typedef struct {
  int count;
  Axis at[MAX_RANK]; // outermost first
} Axes;

// The chosen axes of views of equal dims there. Sorted: by falling stride of the first view, for computations in which
// the order of the axes is free; else in the views' own order.
Axes axes_join(const View *const *views, int view_count, const bool *chosen, bool sorted);
// The axis `i` places from the innermost; one of size 1 where there are fewer.
Axis axes_from_end(const Axes *axes, int i);
// Two axes as one, when a walk over both is a walk along one line.
bool axis_join(Axis outer, Axis inner, int view_count, Axis *out);
// View number `which` of the joined ones, seen along COORDS axes.
View axes_view(const View *view, int which, const Axis coords[COORDS]);
// Gives the view the strides of a dense buffer, in its own order but with the chosen axes innermost.
void order_innermost(View *view, const bool *chosen);
// The constant whose elements the view shows by its strides, or NULL.
const Tensor *view_constant(const View *view);
