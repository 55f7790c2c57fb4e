// Convolutions.
//
// Activations are channels-last views of [N, C, H, W]; a first layer of few channels is read in whatever order it
// comes. Four ways, the cheapest that fits: a 1×1 convolution is a matrix product over pixels; a depthwise one has a
// template of its own that knows padding; all others read a padded input. Padding is written around the place where the
// input is copied to, and fusion lets the step before write there at once.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/pad.h"
#include "compiler/ops/tile.h"
#include "compiler/ops/window.h"

/* shapes */

bool infer_conv(Model *model, Node *node) {
  const Value *x = node->in[0], *w = node->in[1], *b = node_in(node, 2);
  int64_t group = node_int(node, "group", 1), kernel[MAX_RANK];
  Window window;
  if (!need_rank(model, node, 0, 3, MAX_RANK) || !need_rank(model, node, 1, x->rank, x->rank)) return false;
  if (!value_is_static(w)) return node_error(model, node, "the dims of 'W' must be constants");
  if (value_count(w) < 1) return node_error(model, node, "'W' is empty");
  int64_t oc = w->dims[0].value, ic = w->dims[1].value;
  if (group < 1 || oc % group)
    return node_error(model, node, "%lld output channels cannot be split into %lld groups", (long long)oc,
                      (long long)group);
  if (dim_is_const(x->dims[1]) && (x->dims[1].value % group || x->dims[1].value / group != ic))
    return node_error(model, node, "'X' has %lld channels, 'W' takes %lld in each of %lld groups",
                      (long long)x->dims[1].value, (long long)ic, (long long)group);
  if (b && (b->rank != 1 || (dim_is_const(b->dims[0]) && b->dims[0].value != oc)))
    return node_error(model, node, "'B' must have %lld elements", (long long)oc);
  for (int i = 0; i < x->rank - 2; i++) kernel[i] = w->dims[2 + i].value;
  return read_window(model, node, x->rank - 2, kernel, &window) &&
         infer_windows(model, node, &window, x->dims[0], w->dims[0]);
}

/* lowering */

typedef struct {
  Window window;          // of two dims
  int64_t groups, oc, ic; // channels of one group
  View x, w, y;           // [N, C, H, W], [O, I, kh, kw], [N, O, H, W]
  const View *bias;       // [O], or NULL
} Conv;

// Stores along four coordinates of the output, of which the given ones are the group and the channel.
static void add_store(Lower *lower, Step *step, const Conv *c, const View *out, int group, int channel) {
  ExprTable *exprs = lower->program->exprs;
  Func *func = step_store(lower, step, out);
  if (!c->bias) return;
  View bias = *c->bias;
  Dim stride = bias.strides[0];
  bias.rank = COORDS;
  for (int i = 0; i < COORDS; i++) {
    bias.dims[i] = out->dims[i];
    bias.strides[i] = i == channel ? stride : i == group ? dim_times(stride, c->oc) : dim_const(0);
  }
  const Expr *load = expr_load(exprs, bias.type, step_load_more(lower, step, func, &bias));
  func->values[0] = expr_op(exprs, EX_ADD, func->values[0], load, NULL);
}

// Weights as [groups][ceil(oc / nr)][kh][kw][ic][nr].
static Buffer *pack_weights(Lower *lower, const Conv *c, int64_t nr) {
  const Tensor *constant = view_constant(&c->w);
  const Dim *s = c->w.strides;
  int64_t kh = c->window.kernel[0], kw = c->window.kernel[1];
  int64_t panels = div_up(c->oc, nr), count = c->groups * panels * kh * kw * c->ic * nr;
  if (constant) {
    Pack pack = {.rank = 6,
                 .dims = {c->groups, panels, kh, kw, c->ic, nr},
                 .strides = {c->oc * s[0].value, nr * s[0].value, s[2].value, s[3].value, s[1].value, s[0].value},
                 .panel = nr,
                 .panel_dim = 1,
                 .bound = c->oc};
    return lower_pack(lower, constant, &pack, c->w.buffer->name);
  }
  Program *program = lower->program;
  Dim size = dim_const(count);
  View out = lower_scratch(lower, DT_F32, 1, &size);
  Step *step = lower_step(lower, "pack_conv_f32");
  ADD_DIMS(program, step, dim_const(c->groups), dim_const(c->oc), dim_const(c->ic), dim_const(kh), dim_const(kw));
  step_view(lower, step, &c->w);
  ADD_DIMS(program, step, s[0], s[1], s[2], s[3], dim_const(nr));
  step_view(lower, step, &out);
  step->parts = count / 4096 + 1;
  return out.buffer;
}

static bool has_pads(const Window *w) {
  return !dim_is(w->before[0], 0) || !dim_is(w->before[1], 0) || !dim_is(w->after[0], 0) || !dim_is(w->after[1], 0);
}

// Pixels of an image as one line: y and x behind one another in both views.
static bool join_pixels(const Conv *c, Axis *out) {
  const View *x = &c->x, *y = &c->y;
  return axis_join((Axis){x->dims[2], {x->strides[2], y->strides[2]}},
                   (Axis){x->dims[3], {x->strides[3], y->strides[3]}}, 2, out);
}

// The cheapest tile for pixels of an image after another, as conv2d_f32 takes them.
static Tile choose_conv_tile(const Lower *lower, const Conv *c) {
  const Window *w = &c->window;
  const View *x = &c->x, *y = &c->y;
  Dim pixels = dim_mul(y->dims[2], y->dims[3]), row = dim_times(x->strides[3], w->stride[1]);
  int64_t pass = c->ic * w->kernel[1], each = usual_size(pixels);
  bool even = dim_equal(dim_times(x->strides[2], w->stride[0]), dim_mul(y->dims[3], row));
  int64_t line = even ? each : dim_is_const(y->dims[3]) ? y->dims[3].value : 1; // not known: every row on its own
  return choose_weight_tile(
      lower, (TileWork){usual_size(y->dims[0]), each, c->oc, pass * w->kernel[0], line, usual_size(row), pass});
}

// The cheapest tile for `pixels` in one line.
static Tile choose_line_tile(const Lower *lower, const Conv *c, Axis pixels) {
  return choose_weight_tile(lower, (TileWork){1, usual_size(pixels.dim), c->oc, c->ic, usual_size(pixels.dim),
                                              usual_size(pixels.stride[0]), c->ic});
}

// Whether pixels of all images in one line make better tiles than those of each alone, which leave y and x apart: a
// store along both can become a store into a padded image, and that is worth more than a little waste.
static bool prefers_line(const Lower *lower, const Conv *c, Axis pixels) {
  pixels.dim = dim_mul(pixels.dim, c->y.dims[0]);
  return choose_line_tile(lower, c, pixels).cycles < 0.95 * choose_conv_tile(lower, c).cycles;
}

// 1×1, stride 1: [pixels, ic]·[ic, oc] for each group.
static bool lower_pointwise(Lower *lower, const Conv *c, Axis pixels) {
  Program *program = lower->program;
  const View *x = &c->x, *y = &c->y;
  Axis images = {x->dims[0], {x->strides[0], y->strides[0]}};
  if (axis_join(images, pixels, 2, &pixels)) images = no_axis;
  Tile tile = choose_line_tile(lower, c, pixels);
  Buffer *w = pack_weights(lower, c, tile.nr);
  Axis groups = {dim_const(c->groups), {dim_times(x->strides[1], c->ic), dim_times(y->strides[1], c->oc)}};
  Axis channels = {dim_const(c->oc), {dim_const(0), y->strides[1]}};
  Axis coords[COORDS] = {groups, images, pixels, channels};
  Step *step = lower_step(lower, "gemm_f32");
  ADD_DIMS(program, step, groups.dim, images.dim, pixels.dim, channels.dim, dim_const(c->ic));
  step_view(lower, step, x);
  ADD_DIMS(program, step, groups.stride[0], images.stride[0], pixels.stride[0], x->strides[1]);
  step_buffer(program, step, w, dim_const(0));
  ADD_DIMS(program, step, dim_const(div_up(c->oc, tile.nr) * c->ic * tile.nr), dim_const(0), dim_const(tile.mr),
           dim_const(tile.nv));
  View along = axes_view(y, 1, coords);
  add_store(lower, step, c, &along, 0, 3);
  step_macs(lower, step, dim_times(view_count(y), c->ic));
  return true;
}

// Weights as [kh][kw][c].
static View pack_taps(Lower *lower, const Conv *c) {
  const Dim *s = c->w.strides;
  const int64_t *kernel = c->window.kernel, dims[3] = {kernel[0], kernel[1], c->groups};
  const Tensor *constant = view_constant(&c->w);
  View taps = view_of_ints(NULL, DT_F32, 3, dims), from = taps;
  if (constant) {
    Pack pack = {.rank = 3, .dims = {dims[0], dims[1], dims[2]}, .strides = {s[2].value, s[3].value, s[0].value}};
    taps.buffer = lower_pack(lower, constant, &pack, c->w.buffer->name);
    return taps;
  }
  from.buffer = c->w.buffer;
  from.offset = c->w.offset;
  from.strides[0] = s[2], from.strides[1] = s[3], from.strides[2] = s[0];
  taps = lower_scratch(lower, DT_F32, 3, from.dims);
  lower_copy(lower, &taps, &from);
  return taps;
}

static bool lower_depthwise(Lower *lower, const Conv *c) {
  Program *program = lower->program;
  const View *x = &c->x, *y = &c->y;
  const Window *w = &c->window;
  View taps = pack_taps(lower, c), out = view_channels_inside(y);
  Step *step = lower_step(lower, "depthwise2d_f32");
  ADD_DIMS(program, step, y->dims[0], y->dims[2], y->dims[3], dim_const(c->groups));
  step_window(program, step, w);
  ADD_DIMS(program, step, x->dims[2], x->dims[3], w->before[0], w->before[1]);
  step_view(lower, step, x);
  ADD_DIMS(program, step, x->strides[0], x->strides[2], x->strides[3]);
  step_view(lower, step, &taps);
  step_int(program, step, choose_depthwise_pixels(lower->target, usual_size(y->dims[3])));
  add_store(lower, step, c, &out, -1, 3);
  step_macs(lower, step, dim_times(view_count(y), w->kernel[0] * w->kernel[1]));
  return true;
}

// The input with zeros around it, channels-last or in planes as it was.
static bool pad_input(Lower *lower, Conv *c) {
  const Window *w = &c->window;
  if (!has_pads(w)) return true;
  Dim dims[4] = {c->x.dims[0], c->x.dims[1]}, begin[4] = {{0}, {0}, w->before[0], w->before[1]};
  int64_t bytes = 4;
  for (int i = 0; i < 2; i++) dims[2 + i] = dim_add(c->x.dims[2 + i], dim_add(w->before[i], w->after[i]));
  for (int i = 0; i < 4; i++)
    if (dim_is_const(dims[i]) && !mul_size(bytes, dims[i].value, &bytes))
      return lower_error(lower, "the padded input is larger than memory can be");
  View padded = lower_scratch(lower, DT_F32, 4, dims);
  if (dim_is(c->x.strides[1], 1)) order_innermost(&padded, (bool[MAX_RANK]){false, true});
  if (!lower_border(lower, &padded, &c->x, begin, expr_float(lower->program->exprs, DT_F32, 0), NULL)) return false;
  c->x = padded;
  return true;
}

static bool lower_direct(Lower *lower, Conv *c) {
  if (!pad_input(lower, c)) return false;
  Program *program = lower->program;
  const View *x = &c->x, *y = &c->y;
  const Window *w = &c->window;
  int64_t depth = c->ic * w->kernel[0] * w->kernel[1];
  Tile tile = choose_conv_tile(lower, c);
  Buffer *weights = pack_weights(lower, c, tile.nr);
  View out = view_channels_inside(y);
  Step *step = lower_step(lower, "conv2d_f32");
  ADD_DIMS(program, step, y->dims[0], y->dims[2], y->dims[3], dim_const(c->groups), dim_const(c->oc), dim_const(c->ic));
  step_window(program, step, w);
  step_view(lower, step, x);
  ADD_DIMS(program, step, x->strides[0], x->strides[2], x->strides[3], x->strides[1]);
  step_buffer(program, step, weights, dim_const(0));
  step_int(program, step, tile.mr);
  step_int(program, step, tile.nv);
  add_store(lower, step, c, &out, -1, 3);
  step_macs(lower, step, dim_times(view_count(y), depth));
  return true;
}

enum { FEW_CHANNELS = 4 }; // up to here an input is read across planes rather than copied to channels-last

bool lower_conv(Lower *lower, Node *node) {
  Conv c = {.groups = node_int(node, "group", 1)};
  View w = lower_in(lower, node->in[1]), bias, unused = w;
  int64_t kernel[MAX_RANK];
  int rank = w.rank - 2;
  for (int i = 0; i < rank; i++) kernel[i] = w.dims[2 + i].value;
  if (!read_window(lower->model, node, rank, kernel, &c.window)) return false;
  c.oc = w.dims[0].value / c.groups;
  c.ic = w.dims[1].value;
  c.x = lower_in(lower, node->in[0]);
  lower_check_equal(lower, c.x.dims[1], dim_const(c.ic * c.groups));
  bool depthwise = c.groups > 1 && c.oc == 1 && c.ic == 1;
  int64_t channels = c.ic * c.groups;
  bool free_order = !depthwise && channels <= FEW_CHANNELS;
  if (!dim_is(c.x.strides[1], 1) && channels != 1 && !free_order) c.x = lower_channels_last(lower, node->in[0]);
  bool general = c.x.type != DT_F32;
  if (general) c.x = lower_in(lower, node->in[0]);
  c.y = general ? lower_out(lower, node->out[0]) : lower_out_channels_last(lower, node->out[0]);
  if (view_is_empty(&c.y)) return true;
  settle_pads(lower, &c.window, &c.x, &c.y);
  if (node_in(node, 2)) {
    bias = lower_in(lower, node->in[2]);
    lower_check_equal(lower, bias.dims[0], dim_const(c.oc * c.groups));
    c.bias = &bias;
  }
  if (general) return lower_general_conv(lower, &c.window, c.groups, &c.x, &w, c.bias, &c.y);
  if (rank > 2) {
    const Expr *zero = expr_float(lower->program->exprs, DT_F32, 0);
    View padded;
    if (!pad_windows(lower, &c.window, &c.x, &c.y, zero, &padded)) return false;
    c.x = padded;
    if (!unfold_conv(lower, &c.window, c.groups, &c.x, &w, &c.y)) return false;
    c.ic = w.dims[1].value;
    depthwise = false;
  }
  Window as_2d = c.window;
  if (!window_to_2d(lower, &as_2d, &w, &unused) || !window_to_2d(lower, &c.window, &c.x, &c.y)) return false;
  c.w = w;
  const Window *window = &c.window;
  Axis pixels;
  bool pointwise = window->kernel[0] * window->kernel[1] * window->stride[0] * window->stride[1] == 1 &&
                   !has_pads(window) && join_pixels(&c, &pixels) && prefers_line(lower, &c, pixels);
  if (depthwise) return lower_depthwise(lower, &c);
  return pointwise ? lower_pointwise(lower, &c, pixels) : lower_direct(lower, &c);
}
