// DeformConv: the input is sampled at each tap's place, which GridSample does, and the samples are multiplied by the
// weights as one matrix.
#include "compiler/ops/expand.h"
#include "compiler/ops/window.h"

typedef struct {
  Window window;
  int64_t kernel[2], in[2], out[2], channels, groups, offset_groups, taps;
} Deform;

// Where tap (i, j) of output (oy, ox) lies without its offset, in the normalised coordinates of GridSample for pixels
// that are areas: (2·p + 1) / size - 1. As [1, taps, oh, ow, 2].
static Value *regular_places(Expansion *e, const Deform *d, DType type) {
  const Window *w = &d->window;
  const int64_t dims[5] = {1, d->taps, d->out[0], d->out[1], 2};
  double *places = NEW_ARRAY(e->model->arena, double, (size_t)(d->taps * d->out[0] * d->out[1] * 2));
  for (int64_t i = 0, count = d->taps * d->out[0] * d->out[1]; i < count; i++) {
    int64_t tap = i / d->out[1] / d->out[0], at[2] = {i / d->out[1] % d->out[0], i % d->out[1]};
    int64_t k[2] = {tap / d->kernel[1], tap % d->kernel[1]};
    for (int a = 0; a < 2; a++) {
      double p = (double)(at[a] * w->stride[a] - w->before[a].value + k[a] * w->dilation[a]);
      places[2 * i + a] = (2 * p + 1) / (double)d->in[a] - 1;
    }
  }
  return expand_tensor(e, type, 5, dims, places);
}

static bool read_deform(Expansion *e, Node *node, Deform *d) {
  const Value *w = node->in[1];
  int64_t bytes = 16;
  if (!need_rank(e->model, node, 0, 4, 4) || !need_rank(e->model, node, 1, 4, 4) || !need_rank(e->model, node, 2, 4, 4))
    return false;
  if (!expand_const_dim(e, 0, 1, &d->channels)) return false;
  for (int i = 0; i < 2; i++)
    if (!expand_const_dim(e, 1, 2 + i, &d->kernel[i]) || !expand_const_dim(e, 0, 2 + i, &d->in[i]) ||
        !expand_const_dim(e, 2, 2 + i, &d->out[i]))
      return false;
  if (!value_is_static(w) || value_count(w) < 1) return node_error(e->model, node, "the dims of 'W' must be constants");
  d->taps = d->kernel[0] * d->kernel[1];
  d->groups = node_int(node, "group", 1), d->offset_groups = node_int(node, "offset_group", 1);
  if (d->groups < 1 || d->offset_groups < 1 || d->channels % d->groups || d->channels % d->offset_groups ||
      w->dims[0].value % d->groups || w->dims[1].value != d->channels / d->groups)
    return node_error(e->model, node, "the channels do not fit into the groups");
  if (!read_window(e->model, node, 2, d->kernel, &d->window)) return false;
  for (int i = 0; i < 2; i++) {
    Dim windows = window_count(e->model, &d->window, i, dim_const(d->in[i]));
    if (!dim_is(windows, d->out[i]) || d->out[i] < 1)
      return node_error(e->model, node, "'offset' has %lld places along spatial axis %d; %lld are needed",
                        (long long)d->out[i], i, (long long)windows.value);
  }
  if (!mul_size(bytes, d->taps, &bytes) || !mul_size(bytes, d->out[0], &bytes) || !mul_size(bytes, d->out[1], &bytes) ||
      bytes > INT32_MAX)
    return node_error(e->model, node, "the output is too large");
  return true;
}

bool expand_deform_conv(Expansion *e, Node *node) {
  Deform d = {0};
  if (!read_deform(e, node, &d)) return false;
  Value *x = node->in[0], *w = node->in[1], *bias = node_in(node, 3), *mask = node_in(node, 4);
  int64_t h = d.out[0], width = d.out[1], oc = w->dims[0].value, terms = d.channels / d.groups * d.taps;
  const double scale[2] = {2 / (double)d.in[0], 2 / (double)d.in[1]};
  Value *grid = TRANSPOSE(e, RESHAPE(e, node->in[2], -1, d.taps, 2, h, width), 0, 1, 3, 4, 2); // (y, x)
  grid = MUL(e, grid, expand_tensor(e, x->type, 1, (const int64_t[]){2}, scale));
  grid = expand_slice(e, ADD(e, grid, regular_places(e, &d, x->type)), 4, -1, INT64_MIN, -1);
  grid = RESHAPE(e, grid, -1, d.taps * h, width, 2);
  Value *image = RESHAPE(e, x, -1, d.channels / d.offset_groups, d.in[0], d.in[1]);
  Value *samples = with_string(MAKE(e, "GridSample", image, grid), "mode", "linear");
  if (mask) {
    samples = RESHAPE(e, samples, -1, d.channels / d.offset_groups, d.taps, h * width);
    samples = MUL(e, samples, RESHAPE(e, mask, -1, 1, d.taps, h * width));
  }
  Value *kernels = RESHAPE(e, w, d.groups, oc / d.groups, terms);
  Value *y = MATMUL(e, kernels, RESHAPE(e, samples, -1, d.groups, terms, h * width));
  y = RESHAPE(e, y, -1, oc, h, width);
  return expand_done(e, 0, bias ? ADD(e, y, expand_channels(e, bias, 4)) : y);
}
