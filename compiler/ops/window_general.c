// Windows over any number of spatial dims and any type of elements. Around a padded input every window is a view of it
// with an axis for each kernel dim, so that a pool reduces that view and a convolution its product with the weights.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/pad.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/window.h"

bool pad_windows(Lower *lower, const Window *w, const View *x, const View *y, const Expr *value, View *out) {
  View padded = *x;
  Dim begin[MAX_RANK] = {{0}};
  bool same = true;
  int64_t bytes = dtype_unit(x->type);
  for (int i = 0; i < w->rank; i++) {
    Dim reach =
        dim_plus(dim_times(dim_plus(y->dims[2 + i], -1), w->stride[i]), w->dilation[i] * (w->kernel[i] - 1) + 1);
    Dim own = dim_add(x->dims[2 + i], w->before[i]), all = dim_max(reach, own);
    begin[2 + i] = w->before[i];
    padded.dims[2 + i] = dim_is_const(all) ? all : dim_define(lower->model->dims, "padded", all);
    same &= dim_equal(padded.dims[2 + i], x->dims[2 + i]);
  }
  *out = *x;
  if (same) return true;
  for (int i = 0; i < x->rank; i++)
    if (dim_is_const(padded.dims[i]) && !mul_size(bytes, padded.dims[i].value, &bytes))
      return lower_error(lower, "the padded input is larger than memory can be");
  View made = lower_scratch(lower, x->type, x->rank, padded.dims);
  if (dim_is(x->strides[1], 1)) order_innermost(&made, (bool[MAX_RANK]){false, true});
  *out = made;
  return lower_border(lower, &made, x, begin, value, NULL);
}

View view_windows(const Window *w, const View *x, const View *y) {
  View taps = *x;
  taps.rank = 2 + 2 * w->rank;
  for (int i = 0; i < w->rank; i++) {
    int tap = 2 + w->rank + i;
    taps.dims[2 + i] = y->dims[2 + i];
    taps.strides[2 + i] = dim_times(x->strides[2 + i], w->stride[i]);
    taps.dims[tap] = dim_const(w->kernel[i]);
    taps.strides[tap] = dim_times(x->strides[2 + i], w->dilation[i]);
  }
  return taps;
}

static void add_axis(View *view, Dim dim, Dim stride) {
  view->dims[view->rank] = dim;
  view->strides[view->rank++] = stride;
}

bool lower_general_conv(Lower *lower, const Window *window, int64_t groups, const View *x, const View *w,
                        const View *bias, const View *y) {
  ExprTable *exprs = lower->program->exprs;
  int rank = window->rank, spatial = 2;
  if (4 + 2 * rank > MAX_RANK) return lower_error(lower, "convolutions of %d spatial dims are not supported", rank);
  View padded, sum = bias ? lower_scratch(lower, y->type, y->rank, y->dims) : *y;
  if (!pad_windows(lower, window, x, y, expr_const(exprs, x->type, 0), &padded)) return false;
  View taps = view_windows(window, &padded, y), ins[2] = {padded, *w}, out = sum;
  Dim one = dim_const(1), zero = dim_const(0), all = dim_const(groups), ic = w->dims[1];
  Dim oc = dim_div(w->dims[0], all);
  bool reduced[MAX_RANK] = {0};
  // [N, group, channel of it, O..., input channel of it, K...]
  ins[0].rank = ins[1].rank = out.rank = 0;
  const View *const y_view = &sum;
  add_axis(&ins[0], x->dims[0], padded.strides[0]), add_axis(&ins[1], x->dims[0], zero);
  add_axis(&out, x->dims[0], y_view->strides[0]);
  add_axis(&ins[0], all, dim_mul(padded.strides[1], ic)), add_axis(&ins[1], all, dim_mul(w->strides[0], oc));
  Dim group_stride = dim_mul(y_view->strides[1], oc), channel_stride = y_view->strides[1], strides[MAX_RANK];
  for (int i = 0; i < rank; i++) strides[i] = y_view->strides[spatial + i];
  out.dims[1] = all, out.strides[1] = group_stride;
  out.dims[2] = oc, out.strides[2] = channel_stride;
  out.rank = 3;
  add_axis(&ins[0], oc, zero), add_axis(&ins[1], oc, w->strides[0]);
  for (int i = 0; i < rank; i++) {
    add_axis(&ins[0], taps.dims[spatial + i], taps.strides[spatial + i]);
    add_axis(&ins[1], taps.dims[spatial + i], zero);
    add_axis(&out, taps.dims[spatial + i], strides[i]);
  }
  add_axis(&ins[0], ic, padded.strides[1]), add_axis(&ins[1], ic, w->strides[1]), add_axis(&out, one, zero);
  for (int i = 0; i < rank; i++) {
    add_axis(&ins[0], taps.dims[spatial + rank + i], taps.strides[spatial + rank + i]);
    add_axis(&ins[1], taps.dims[spatial + rank + i], w->strides[spatial + i]);
    add_axis(&out, one, zero);
  }
  for (int i = 3 + rank; i < ins[0].rank; i++) reduced[i] = true;
  const Expr *a = expr_load(exprs, x->type, 0), *b = expr_load(exprs, x->type, 1);
  Dim macs = view_count(&ins[0]);
  if (dim_is_const(macs)) lower->program->macs += macs.value;
  if (!lower_fold(lower, REDUCE_SUM, ins, 2, expr_op(exprs, EX_MUL, a, b, NULL), reduced, &out,
                  expr_acc(exprs, y->type)))
    return false;
  if (!bias) return true;
  View along = *bias;
  along.rank = rank + 1;
  for (int i = 1; i <= rank; i++) along.dims[i] = one, along.strides[i] = zero;
  return lower_map(lower, y, (View[]){sum, along}, 2, expr_op(exprs, EX_ADD, a, b, NULL));
}

/* pools */

// How many taps of each window along an axis lie in [low, high), as a vector.
static bool count_taps(Lower *lower, const Window *w, int axis, Dim low, Dim high, Dim count, DType type, View *out) {
  ExprTable *exprs = lower->program->exprs;
  View ins[4] = {{0}};
  size_t in_count = 0;
  int64_t dilation = w->dilation[axis];
  const Expr *zero = expr_int(exprs, DT_I64, 0), *i = expr_coord(exprs, COORDS - 1);
  const Expr *start = expr_op(exprs, EX_MUL, i, expr_int(exprs, DT_I64, w->stride[axis]), NULL);
  start = expr_op(exprs, EX_SUB, start, dim_operand(lower, DT_I64, w->before[axis], ins, &in_count), NULL);
  const Dim ends[2] = {low, high};
  const Expr *taps[2]; // those before each end: (end - start) / dilation, rounded up, in [0, kernel]
  for (int k = 0; k < 2; k++) {
    const Expr *left = expr_op(exprs, EX_SUB, dim_operand(lower, DT_I64, ends[k], ins, &in_count), start, NULL);
    left = expr_op(exprs, EX_ADD, left, expr_int(exprs, DT_I64, dilation - 1), NULL);
    left = expr_op(exprs, EX_DIV, expr_op(exprs, EX_MAX, left, zero, NULL), expr_int(exprs, DT_I64, dilation), NULL);
    taps[k] = expr_op(exprs, EX_MIN, left, expr_int(exprs, DT_I64, w->kernel[axis]), NULL);
  }
  *out = lower_scratch(lower, type, 1, &count);
  return lower_map(lower, out, ins, in_count, expr_cast(exprs, type, expr_op(exprs, EX_SUB, taps[1], taps[0], NULL)));
}

static bool divide_by_taps(Lower *lower, const Window *w, bool count_pads, const View *x, const View *sum,
                           const View *y) {
  ExprTable *exprs = lower->program->exprs;
  View ins[1 + MAX_RANK] = {*sum};
  const Expr *divisor = NULL;
  for (int i = 0; i < w->rank; i++) {
    Dim low = count_pads ? dim_times(w->before[i], -1) : dim_const(0), high = x->dims[2 + i];
    if (count_pads) high = dim_add(high, w->after[i]);
    View *taps = &ins[1 + i];
    if (!count_taps(lower, w, i, low, high, y->dims[2 + i], y->type, taps)) return false;
    taps->rank = w->rank - i;
    for (int k = 1; k < taps->rank; k++) taps->dims[k] = dim_const(1), taps->strides[k] = dim_const(0);
    const Expr *n = expr_load(exprs, y->type, 1 + i);
    divisor = divisor ? expr_op(exprs, EX_MUL, divisor, n, NULL) : n;
  }
  const Expr *mean = expr_op(exprs, EX_DIV, expr_load(exprs, y->type, 0), divisor, NULL);
  return lower_map(lower, y, ins, (size_t)w->rank + 1, mean);
}

// Below everything that the type holds.
static const Expr *lowest(ExprTable *exprs, DType type) {
  if (dtype_is_float(type)) return expr_float(exprs, type, -__builtin_inf());
  return expr_int(exprs, type, dtype_is_signed(type) ? -(INT64_C(1) << (dtype_bits(type) - 1)) : 0);
}

bool lower_general_pool(Lower *lower, const Window *w, bool mean, bool count_pads, const View *x, const View *y) {
  ExprTable *exprs = lower->program->exprs;
  if (2 + 2 * w->rank > MAX_RANK) return lower_error(lower, "pools of %d spatial dims are not supported", w->rank);
  View padded, sum = mean ? lower_scratch(lower, y->type, y->rank, y->dims) : *y;
  const Expr *around = mean ? expr_const(exprs, x->type, 0) : lowest(exprs, x->type);
  if (!pad_windows(lower, w, x, y, around, &padded)) return false;
  View taps = view_windows(w, &padded, y), out = sum;
  bool reduced[MAX_RANK] = {0};
  for (int i = 0; i < w->rank; i++) {
    add_axis(&out, dim_const(1), dim_const(0));
    reduced[2 + w->rank + i] = true;
  }
  return lower_fold(lower, mean ? REDUCE_SUM : REDUCE_MAX, &taps, 1, expr_load(exprs, x->type, 0), reduced, &out,
                    expr_acc(exprs, y->type)) &&
         (!mean || divide_by_taps(lower, w, count_pads, x, &sum, y));
}

/* more than two dims as two */

bool unfold_conv(Lower *lower, Window *window, int64_t groups, View *x, View *w, View *y) {
  Window last = *window;
  int more = window->rank - 2;
  View taps = *x, to = *x; // [N, O..., H, W, group, channel of it, K...]
  Dim images = x->dims[0], channels = dim_const(w->dims[1].value * groups);
  taps.rank = 0;
  add_axis(&taps, x->dims[0], x->strides[0]);
  for (int i = 0; i < more; i++) {
    add_axis(&taps, y->dims[2 + i], dim_times(x->strides[2 + i], window->stride[i]));
    images = dim_mul(images, y->dims[2 + i]);
  }
  for (int i = 0; i < 2; i++) add_axis(&taps, x->dims[2 + more + i], x->strides[2 + more + i]);
  add_axis(&taps, channels, x->strides[1]);
  for (int i = 0; i < more; i++) {
    add_axis(&taps, dim_const(window->kernel[i]), dim_times(x->strides[2 + i], window->dilation[i]));
    channels = dim_times(channels, window->kernel[i]);
  }
  to = lower_scratch(lower, x->type, taps.rank, taps.dims);
  if (!lower_copy(lower, &to, &taps)) return false;
  const Dim dims[4] = {images, x->dims[2 + more], x->dims[3 + more], channels};
  View flat = view_dense(to.buffer, to.type, 4, dims);
  static const int order[4] = {0, 3, 1, 2};
  x->rank = 4, x->buffer = flat.buffer, x->offset = dim_const(0);
  for (int i = 0; i < 4; i++) x->dims[i] = flat.dims[order[i]], x->strides[i] = flat.strides[order[i]];
  const Dim w_dims[4] = {w->dims[0], dim_div(channels, dim_const(groups)), w->dims[2 + more], w->dims[3 + more]};
  if (!view_reshape(w, 4, w_dims, w)) {
    View dense = lower_dense_view(lower, w, w->buffer->name);
    view_reshape(&dense, 4, w_dims, w);
  }
  // In a channels-last output images lie behind one another.
  y->dims[0] = images, y->strides[0] = y->strides[1 + more];
  for (int i = 2; i < 4; i++) y->dims[i] = y->dims[i + more], y->strides[i] = y->strides[i + more];
  y->rank = 4;
  for (int i = 0; i < 2; i++) {
    last.kernel[i] = window->kernel[more + i];
    last.stride[i] = window->stride[more + i];
    last.dilation[i] = window->dilation[more + i];
    last.before[i] = last.after[i] = dim_const(0);
  }
  last.rank = 2;
  *window = last;
  return true;
}
