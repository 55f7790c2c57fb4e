// ConvTranspose as a convolution. Output position q·s + r along an axis of stride s sums over the taps r, r + s, ...
// of the kernel only, which makes s ordinary convolutions with kernels of ceil(K / s) taps. All of them together are
// one convolution with s times as many channels, whose results are then put beside one another.
#include "compiler/ops/expand.h"
#include "compiler/ops/window.h"

typedef struct {
  Window window;
  int rank;                               // spatial dims
  int64_t groups, ic, oc;                 // channels of one group
  int64_t taps[MAX_RANK];                 // of each of the small kernels
  int64_t phases;                         // small kernels: the product of the strides
  int64_t begin[MAX_RANK], end[MAX_RANK]; // what Pad adds to the whole result, or takes away
} Transposed;

static int64_t extent(const Window *w, int axis) { return w->dilation[axis] * (w->kernel[axis] - 1) + 1; }

// Pads of one axis, from the size that the output shall have.
static bool read_output_size(Expansion *e, Transposed *t, int axis, int64_t output_padding, int64_t size) {
  Window *w = &t->window;
  int64_t in;
  if (!expand_const_dim(e, 0, 2 + axis, &in)) return false;
  int64_t total = w->stride[axis] * (in - 1) + output_padding + extent(w, axis) - size;
  int64_t half = total / 2, before = w->same && !w->same_lower ? half : total - half;
  if (total < 0) before = 0; // what is missing stands at the end
  w->before[axis] = dim_const(before);
  w->after[axis] = dim_const(total - before);
  return true;
}

static bool read_borders(Expansion *e, Node *node, Transposed *t) {
  Window *w = &t->window;
  size_t count, more;
  const int64_t *sizes = node_ints(node, "output_shape", &count), *extra = node_ints(node, "output_padding", &more);
  if (sizes && count == (size_t)t->rank + 2)
    sizes += 2; // with those of batch and channels
  else if (sizes && count != (size_t)t->rank)
    return node_error(e->model, node, "'output_shape' has %zu numbers; %d are needed", count, t->rank);
  if (extra && more != (size_t)t->rank)
    return node_error(e->model, node, "'output_padding' has %zu numbers; %d are needed", more, t->rank);
  t->phases = 1;
  for (int i = 0; i < t->rank; i++) {
    int64_t stride = w->stride[i], added = extra ? extra[i] : 0, size;
    if (added < 0 || added > INT32_MAX)
      return node_error(e->model, node, "'output_padding' has %lld", (long long)added);
    if (sizes && (sizes[i] < 1 || sizes[i] > INT32_MAX))
      return node_error(e->model, node, "'output_shape' has %lld", (long long)sizes[i]);
    t->taps[i] = div_up(extent(w, i), stride);
    if (sizes && !read_output_size(e, t, i, added, sizes[i])) return false;
    if (!sizes && w->same) { // the output is `stride` times as large
      int64_t total = added + extent(w, i) - stride, half = total / 2;
      w->before[i] = dim_const(w->same_lower ? total - half : half);
      w->after[i] = dim_const(w->same_lower ? half : total - half);
    }
    size = stride * t->taps[i]; // both results have stride · (in - 1) elements more than that
    t->begin[i] = -w->before[i].value;
    t->end[i] = extent(w, i) + added - w->after[i].value - size;
    if (!mul_size(t->phases, stride, &t->phases)) return node_error(e->model, node, "the strides are too large");
  }
  return true;
}

static Value *reshape(Expansion *e, Value *x, size_t count, const int64_t *dims) {
  return MAKE(e, "Reshape", x, expand_ints(e, count, dims));
}

// Zeros at the end of the spatial axes, of which there is one in `each`.
static Value *pad_spatial(Expansion *e, const Transposed *t, Value *x, int first, int each, const int64_t *begin,
                          const int64_t *end) {
  int64_t pads[4 * MAX_RANK] = {0};
  size_t rank = (size_t)(first + each * t->rank);
  bool any = false;
  for (int i = 0; i < t->rank; i++) {
    size_t axis = (size_t)(first + each * i + each - 1);
    pads[axis] = begin ? begin[i] : 0;
    pads[rank + axis] = end[i];
    any |= pads[axis] || pads[rank + axis];
  }
  return any ? MAKE(e, "Pad", x, expand_ints(e, 2 * rank, pads)) : x;
}

// W[groups·ic][oc][K...] with zeros between its taps, K becoming K·dilation.
static Value *dilate(Expansion *e, const Transposed *t, Value *w) {
  const Window *window = &t->window;
  int64_t apart[2 * MAX_RANK] = {t->groups * t->ic, t->oc}, joined[MAX_RANK] = {apart[0], apart[1]}, zeros[MAX_RANK];
  bool any = false;
  for (int i = 0; i < t->rank; i++) {
    apart[2 + 2 * i] = window->kernel[i], apart[3 + 2 * i] = 1;
    joined[2 + i] = window->kernel[i] * window->dilation[i];
    zeros[i] = window->dilation[i] - 1;
    any |= zeros[i] > 0;
  }
  if (!any) return w;
  w = pad_spatial(e, t, reshape(e, w, (size_t)(2 + 2 * t->rank), apart), 2, 2, NULL, zeros);
  return reshape(e, w, (size_t)(2 + t->rank), joined);
}

// The weights of the convolution: [groups · phases · oc][ic][taps...], turned round.
static Value *small_kernels(Expansion *e, const Transposed *t, Value *w) {
  int r = t->rank;
  int64_t more[MAX_RANK], apart[2 * MAX_RANK + 3] = {t->groups, t->ic, t->oc}, perm[2 * MAX_RANK + 3] = {0};
  int64_t joined[MAX_RANK] = {t->groups * t->phases * t->oc, t->ic};
  for (int i = 0; i < r; i++) {
    int64_t stride = t->window.stride[i];
    more[i] = stride * t->taps[i] - t->window.kernel[i] * t->window.dilation[i];
    apart[3 + 2 * i] = joined[2 + i] = t->taps[i], apart[4 + 2 * i] = stride;
    perm[1 + i] = 4 + 2 * i, perm[3 + r + i] = 3 + 2 * i;
  }
  perm[1 + r] = 2, perm[2 + r] = 1;
  w = reshape(e, pad_spatial(e, t, dilate(e, t, w), 2, 1, NULL, more), (size_t)(3 + 2 * r), apart);
  w = expand_transpose(e, w, (size_t)(3 + 2 * r), perm);
  for (int i = 0; i < r; i++) w = expand_slice(e, w, 3 + r + i, -1, INT64_MIN, -1);
  return reshape(e, w, (size_t)(2 + r), joined);
}

// Phases beside one another: [N, groups · phases · oc, Q...] to [N, groups · oc, Q · stride...].
static Value *interleave(Expansion *e, const Transposed *t, Value *y, Value *const *count) {
  int r = t->rank;
  int64_t last[MAX_RANK] = {0}, first[MAX_RANK] = {0, r + 1}, perm[2 * MAX_RANK + 3] = {0};
  Value *apart[2 * MAX_RANK + 3], *joined[MAX_RANK];
  apart[0] = joined[0] = DIM(e, e->node->in[0], 0);
  apart[r + 1] = INT(e, t->groups), apart[2 * r + 2] = INT(e, t->oc), joined[r + 1] = INT(e, t->groups * t->oc);
  for (int i = 0; i < r; i++) {
    last[1 + i] = 2 + i, first[2 + i] = 1 + i;
    apart[1 + i] = count[i], apart[r + 2 + i] = INT(e, t->window.stride[i]);
    joined[1 + i] = MUL(e, count[i], apart[r + 2 + i]);
    perm[1 + 2 * i] = 1 + i, perm[2 + 2 * i] = r + 2 + i;
  }
  last[r + 1] = 1;
  perm[2 * r + 1] = r + 1, perm[2 * r + 2] = 2 * r + 2;
  y = expand_transpose(e, y, (size_t)(r + 2), last);
  y = MAKE(e, "Reshape", y, with_int(expand_make(e, "Concat", (size_t)(2 * r + 3), apart), "axis", 0));
  y = expand_transpose(e, y, (size_t)(2 * r + 3), perm);
  y = MAKE(e, "Reshape", y, with_int(expand_make(e, "Concat", (size_t)(r + 2), joined), "axis", 0));
  return expand_transpose(e, y, (size_t)(r + 2), first);
}

bool expand_conv_transpose(Expansion *e, Node *node) {
  Value *x = node->in[0], *w = node->in[1], *bias = node_in(node, 2), *count[MAX_RANK];
  Transposed t = {.rank = x->rank - 2, .groups = node_int(node, "group", 1)};
  int64_t kernel[MAX_RANK], pads[2 * MAX_RANK];
  if (!need_rank(e->model, node, 0, 3, 8) || !need_rank(e->model, node, 1, x->rank, x->rank)) return false;
  if (!value_is_static(w) || value_count(w) < 1)
    return node_error(e->model, node, "the dims of 'W' must be constants, none of them 0");
  for (int i = 0; i < t.rank; i++) kernel[i] = w->dims[2 + i].value;
  if (!read_window(e->model, node, t.rank, kernel, &t.window) || !read_borders(e, node, &t)) return false;
  if (t.groups < 1 || w->dims[0].value % t.groups || (dim_is_const(x->dims[1]) && !dim_equal(x->dims[1], w->dims[0])))
    return node_error(e->model, node, "the channels of 'X' do not fit those of 'W' in %lld groups",
                      (long long)t.groups);
  t.ic = w->dims[0].value / t.groups;
  t.oc = w->dims[1].value;
  // Without strides the borders are those of the convolution, where they are no wider than it can have.
  bool plain = t.phases == 1;
  for (int i = 0; i < t.rank; i++) {
    int64_t reach = t.taps[i] - 1;
    pads[i] = pads[t.rank + i] = reach;
    plain &= reach + t.begin[i] >= 0 && reach + t.end[i] >= 0;
  }
  for (int i = 0; i < t.rank && plain; i++) {
    pads[i] += t.begin[i], pads[t.rank + i] += t.end[i];
    t.begin[i] = t.end[i] = 0;
  }
  Value *y = with_int(MAKE(e, "Conv", x, small_kernels(e, &t, w)), "group", t.groups);
  with_ints(y, "pads", 2 * (size_t)t.rank, pads);
  if (t.phases > 1) {
    for (int i = 0; i < t.rank; i++) count[i] = ADD(e, expand_size(e, x->dims[2 + i], x, 2 + i), INT(e, t.taps[i] - 1));
    y = interleave(e, &t, y, count);
  }
  y = pad_spatial(e, &t, y, 2, 1, t.begin, t.end);
  return expand_done(e, 0, bias ? ADD(e, y, expand_channels(e, bias, x->rank)) : y);
}
