// Sliding windows over the spatial dims of an [N, C, spatial...] value: what convolutions and pools share.
#pragma once
#include "compiler/ops/ops.h"

typedef struct {
  int rank; // spatial dims
  int64_t kernel[MAX_RANK], stride[MAX_RANK], dilation[MAX_RANK];
  Dim before[MAX_RANK], after[MAX_RANK]; // pads
  bool same, same_lower;                 // pads follow from the input's size; the odd pixel stands before
  bool ceil;                             // a last window that is cut off counts
} Window;

// Reads the attributes. `kernel` holds the kernel's dims where a weight gives them (conv), else NULL: they are the
// attribute kernel_shape. Every number is 1..2^31-1 after it, pads 0..2^31-1. False after a recorded error.
bool read_window(const Model *model, const Node *node, int rank, const int64_t *kernel, Window *out);
// Number of windows along a spatial axis.
Dim window_count(const Model *model, const Window *window, int axis, Dim in);
// Sets dims 2.. of the node's output 0 (dims 0 and 1 are given): an error where no window fits.
bool infer_windows(Model *model, Node *node, const Window *window, Dim n, Dim c);
// Fills in the pads of auto_pad=SAME_*. Ends the run where no window fits.
void settle_pads(Lower *lower, Window *window, const View *x, const View *y);
// One or two spatial dims as two: the window and views [N, C, L] get a dim of 1 in front. False after a recorded error
// where there are more.
bool window_to_2d(Lower *lower, Window *window, View *x, View *y);
// The arguments kernel, stride and dilation of a template for two spatial dims.
void step_window(Program *program, Step *step, const Window *window);
// The coordinates (n, y, x, c) of an [N, C, H, W] view.
View view_channels_inside(const View *image);

/* window_general.c: windows of any rank over any type, as reductions of overlapping views */

// The input with `value` around it, so that every window of the output y lies inside: `x` itself where nothing is
// missing. Pads must be settled.
bool pad_windows(Lower *lower, const Window *window, const View *x, const View *y, const Expr *value, View *out);
// x as [N, C, O..., K...]: each tap of each window of y. x is padded.
View view_windows(const Window *window, const View *x, const View *y);
bool lower_general_conv(Lower *lower, const Window *window, int64_t groups, const View *x, const View *w,
                        const View *bias, const View *y);
bool lower_general_pool(Lower *lower, const Window *window, bool mean, bool count_pads, const View *x, const View *y);
// Makes a convolution over more than two spatial dims one over the last two: the others become images of their own, and
// their taps channels. x is padded already, and y is channels-last.
bool unfold_conv(Lower *lower, Window *window, int64_t groups, View *x, View *w, View *y);
