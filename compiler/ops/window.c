// Windows: reading their attributes, counting them, padding.
#include "compiler/ops/window.h"
#include "templates/status.h"

#include <string.h>

// A list attribute of `count` numbers in [min, 2^31), or `otherwise` for each.
static bool read_list(const Model *model, const Node *node, const char *name, int count, int64_t min, int64_t otherwise,
                      int64_t *out) {
  size_t given;
  const int64_t *list = node_ints(node, name, &given);
  if (list && given != (size_t)count)
    return node_error(model, node, "'%s' has %zu numbers; %d are needed", name, given, count);
  for (int i = 0; i < count; i++) {
    out[i] = list ? list[i] : otherwise;
    if (out[i] < min || out[i] > INT32_MAX)
      return node_error(model, node, "'%s' has %lld; %lld to %d are possible", name, (long long)out[i], (long long)min,
                        INT32_MAX);
  }
  return true;
}

bool read_window(const Model *model, const Node *node, int rank, const int64_t *kernel, Window *out) {
  Window w = {.rank = rank};
  int64_t pads[2 * MAX_RANK];
  const char *auto_pad = node_string(node, "auto_pad", "NOTSET");
  if (!kernel && !node_attr(node, "kernel_shape"))
    return node_error(model, node, "attribute 'kernel_shape' is missing");
  if (!read_list(model, node, "kernel_shape", rank, 1, 1, w.kernel)) return false;
  for (int i = 0; kernel && i < rank; i++) {
    if (node_attr(node, "kernel_shape") && w.kernel[i] != kernel[i])
      return node_error(model, node, "'kernel_shape' differs from the dims of the weights");
    w.kernel[i] = kernel[i];
  }
  if (!read_list(model, node, "strides", rank, 1, 1, w.stride)) return false;
  if (!read_list(model, node, "dilations", rank, 1, 1, w.dilation)) return false;
  if (!read_list(model, node, "pads", 2 * rank, 0, 0, pads)) return false;
  w.same_lower = !strcmp(auto_pad, "SAME_LOWER");
  w.same = w.same_lower || !strcmp(auto_pad, "SAME_UPPER");
  bool given = !strcmp(auto_pad, "NOTSET") || !*auto_pad;
  if (!w.same && !given && strcmp(auto_pad, "VALID"))
    return node_error(model, node, "'auto_pad' is '%s'; NOTSET, SAME_UPPER, SAME_LOWER or VALID is needed", auto_pad);
  w.ceil = !w.same && node_int(node, "ceil_mode", 0) != 0;
  for (int i = 0; given && i < rank; i++) {
    w.before[i] = dim_const(pads[i]);
    w.after[i] = dim_const(pads[rank + i]);
  }
  *out = w;
  return true;
}

static int64_t extent(const Window *w, int axis) { return w->dilation[axis] * (w->kernel[axis] - 1) + 1; }

Dim window_count(const Model *model, const Window *w, int axis, Dim in) {
  DimTable *dims = model->dims;
  Dim one = dim_const(1), stride = dim_const(w->stride[axis]);
  if (w->same) return dim_op(dims, DIM_DIV, dim_op(dims, DIM_ADD, in, dim_const(w->stride[axis] - 1)), stride);
  int64_t before = w->before[axis].value, after = w->after[axis].value;
  int64_t more = before + after - extent(w, axis) + (w->ceil ? w->stride[axis] - 1 : 0);
  Dim count = dim_op(dims, DIM_ADD, one, dim_op(dims, DIM_DIV, dim_op(dims, DIM_ADD, in, dim_const(more)), stride));
  if (!w->ceil) return count;
  // A window that would start in the padding at the end does not count.
  Dim last = dim_op(dims, DIM_DIV, dim_op(dims, DIM_ADD, in, dim_const(before - 1)), stride);
  return dim_op(dims, DIM_MIN, count, dim_op(dims, DIM_ADD, last, one));
}

bool infer_windows(Model *model, Node *node, const Window *window, Dim n, Dim c) {
  Dim dims[MAX_RANK] = {n, c};
  const Value *x = node->in[0];
  for (int i = 0; i < window->rank; i++) {
    dims[2 + i] = window_count(model, window, i, x->dims[2 + i]);
    if (dim_is_const(dims[2 + i]) && dims[2 + i].value < 1)
      return node_error(model, node, "a window of %lld does not fit into %s along spatial axis %d, pads included",
                        (long long)extent(window, i), dim_text(model->dims, x->dims[2 + i]), i);
  }
  return set_dims(model, node, 0, x->rank, dims);
}

void settle_pads(Lower *lower, Window *w, const View *x, const View *y) {
  for (int i = 0; i < w->rank; i++) lower_check(lower, dim_plus(y->dims[2 + i], -1), STATUS_SHAPE);
  for (int i = 0; w->same && i < w->rank; i++) {
    Dim reach = dim_plus(dim_times(dim_plus(y->dims[2 + i], -1), w->stride[i]), extent(w, i));
    Dim total = dim_max(dim_sub(reach, x->dims[2 + i]), dim_const(0)), half = dim_div(total, dim_const(2));
    w->before[i] = w->same_lower ? dim_sub(total, half) : half;
    w->after[i] = dim_sub(total, w->before[i]);
  }
}

static View insert_line(const View *view) {
  View image = *view;
  image.rank = 4;
  image.dims[2] = dim_const(1), image.strides[2] = dim_const(0);
  image.dims[3] = view->dims[2], image.strides[3] = view->strides[2];
  return image;
}

bool window_to_2d(Lower *lower, Window *w, View *x, View *y) {
  if (w->rank > 2) return lower_error(lower, "%d spatial dims are not supported yet", w->rank);
  if (w->rank == 2) return true;
  *x = insert_line(x);
  *y = insert_line(y);
  int64_t *const lists[] = {w->kernel, w->stride, w->dilation};
  for (size_t i = 0; i < COUNT(lists); i++) {
    lists[i][1] = lists[i][0];
    lists[i][0] = 1;
  }
  w->before[1] = w->before[0], w->after[1] = w->after[0];
  w->before[0] = w->after[0] = dim_const(0);
  w->rank = 2;
  return true;
}

void step_window(Program *program, Step *step, const Window *w) {
  const int64_t *const lists[] = {w->kernel, w->stride, w->dilation};
  for (size_t i = 0; i < COUNT(lists); i++)
    for (int k = 0; k < 2; k++) step_int(program, step, lists[i][k]);
}

View view_channels_inside(const View *image) {
  static const int order[COORDS] = {0, 2, 3, 1};
  View result = *image;
  for (int i = 0; i < COORDS; i++) {
    result.dims[i] = image->dims[order[i]];
    result.strides[i] = image->strides[order[i]];
  }
  return result;
}
