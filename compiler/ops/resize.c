// Resize and Upsample: nearest and linear interpolation along at most two axes.
//
// Everything that depends on coordinates is computed here, in float32 as ONNX Runtime does it, and becomes tables that
// the templates read: the source of each output line and column, and for linear interpolation the two sources and their
// weights.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/resize.h"

#include <math.h>
#include <string.h>

/* shapes */

static bool read_axes(Model *model, Node *node, int rank, int *axes, int64_t *count) {
  size_t given;
  const int64_t *list = node_ints(node, "axes", &given);
  *count = list ? (int64_t)given : rank;
  if (*count > rank) return node_error(model, node, "'axes' has %lld axes, the input rank %d", (long long)*count, rank);
  for (int i = 0; i < *count; i++)
    if (!need_axis(model, node, list ? list[i] : i, rank, &axes[i])) return false;
  return true;
}

// The largest size that an axis can have when it is scaled.
static Dim scaled_most(Dim in, float scale) {
  int64_t most = dim_most(in);
  return dim_const(most > INT32_MAX ? INT64_MAX : (int64_t)floorf(scale * (float)most));
}

// A size that the run computes from floats.
static void add_computed(Model *model, Sizes *sizes, int axis, Dim most) {
  sizes->dims[axis] = dim_found(model->dims, "size", most);
  sizes->computed[axis] = sizes->rounded[axis] = true;
}

static bool set_scale(Model *model, Node *node, Sizes *sizes, int axis, double scale) {
  Dim in = node->in[0]->dims[axis];
  if (!(scale > 0) || scale > 1e6) return node_error(model, node, "scale %g of axis %d is out of range", scale, axis);
  sizes->scale[axis] = (float)scale;
  if ((float)scale == 1) return true;
  sizes->rounded[axis] = true;
  if (!dim_is_const(in)) {
    if (scale == floor(scale))
      sizes->dims[axis] = dim_op(model->dims, DIM_MUL, in, dim_const((int64_t)scale));
    else
      add_computed(model, sizes, axis, scaled_most(in, (float)scale));
    return true;
  }
  if (in.value > INT32_MAX) return node_error(model, node, "axis %d is too long", axis);
  sizes->dims[axis] = dim_const((int64_t)floorf((float)scale * (float)in.value));
  return true;
}

static bool set_sizes(Model *model, Node *node, Sizes *sizes, const int *axes, const Dim *wanted, int64_t count) {
  const Value *x = node->in[0];
  const char *policy = node_string(node, "keep_aspect_ratio_policy", "stretch");
  bool larger = !strcmp(policy, "not_smaller"), smaller = !strcmp(policy, "not_larger");
  if (!larger && !smaller && strcmp(policy, "stretch"))
    return node_error(model, node, "'keep_aspect_ratio_policy' is '%s'", policy);
  float common = 0;
  bool open = false;
  for (int64_t i = 0; i < count; i++) {
    Dim in = x->dims[axes[i]];
    if (dim_equal(in, wanted[i]) && !larger && !smaller) continue;
    sizes->wanted[axes[i]] = wanted[i];
    if (!dim_is_const(wanted[i]) || !dim_is_const(in)) {
      sizes->scale[axes[i]] = 0;
      sizes->dims[axes[i]] = wanted[i];
      open = true;
      continue;
    }
    if (wanted[i].value < 1 || wanted[i].value > INT32_MAX || in.value < 1 || in.value > INT32_MAX)
      return node_error(model, node, "axis %d cannot be resized from %lld to %lld", axes[i], (long long)in.value,
                        (long long)wanted[i].value);
    float scale = (float)wanted[i].value / (float)in.value;
    sizes->scale[axes[i]] = scale;
    sizes->dims[axes[i]] = wanted[i];
    if (common == 0 || (larger ? scale > common : scale < common)) common = scale;
  }
  for (int64_t i = 0; (larger || smaller) && open && i < count; i++) {
    sizes->scale[axes[i]] = 0;
    add_computed(model, sizes, axes[i], dim_const(INT64_MAX));
  }
  for (int64_t i = 0; (larger || smaller) && !open && i < count; i++) {
    double size = floor((double)common * (double)x->dims[axes[i]].value + 0.5);
    if (size > INT32_MAX) return node_error(model, node, "axis %d would be too long", axes[i]);
    sizes->scale[axes[i]] = common;
    sizes->rounded[axes[i]] = true;
    sizes->dims[axes[i]] = dim_const(size < 1 ? 1 : (int64_t)size);
  }
  return true;
}

// `scales` from the input of that number, or from the attribute.
static bool read_scales(Model *model, Node *node, size_t input, Sizes *sizes, const int *axes, int64_t count) {
  const Value *value = node_in(node, input);
  const Attr *attr = node_attr(node, "scales");
  if (!value && (!attr || attr->type != ATTR_FLOATS)) return node_error(model, node, "'scales' is missing");
  int64_t given = !value ? (int64_t)attr->count : value_is_static(value) ? value_count(value) : -1;
  if (given != count)
    return node_error(model, node, "'scales' has %lld numbers; %lld are needed", (long long)given, (long long)count);
  for (int64_t i = 0; value && !value->data && i < count; i++) {
    sizes->scale[axes[i]] = 0;
    sizes->scales = value;
    sizes->scale_index[axes[i]] = i;
    add_computed(model, sizes, axes[i], dim_const(INT64_MAX));
  }
  if (value && !value->data) return true;
  for (int64_t i = 0; i < count; i++)
    if (!set_scale(model, node, sizes, axes[i], value ? tensor_float(value->data, i) : attr->floats[i])) return false;
  return true;
}

bool read_resize(Model *model, Node *node, Sizes *sizes) {
  const Value *x = node->in[0], *scales = node_in(node, 2), *wanted = node_in(node, 3);
  int axes[MAX_RANK];
  int64_t count, size_count;
  *sizes = (Sizes){0};
  for (int i = 0; i < x->rank; i++) {
    sizes->scale[i] = 1;
    sizes->dims[i] = x->dims[i];
  }
  if (!read_axes(model, node, x->rank, axes, &count)) return false;
  if (node->op->since < 11) return read_scales(model, node, 1, sizes, axes, count);
  // An empty tensor stands for an absent one.
  if (scales && value_is_static(scales) && value_count(scales) == 0) scales = NULL;
  if (wanted && value_is_static(wanted) && value_count(wanted) == 0) wanted = NULL;
  if (!scales == !wanted) return node_error(model, node, "exactly one of 'scales' and 'sizes' must be given");
  if (scales) return read_scales(model, node, 2, sizes, axes, count);
  const Dim *dims = need_elems(model, node, 3, &size_count);
  if (!dims) return false;
  if (size_count != count)
    return node_error(model, node, "'sizes' has %lld numbers; %lld are needed", (long long)size_count,
                      (long long)count);
  return set_sizes(model, node, sizes, axes, dims, count);
}

bool infer_resize(Model *model, Node *node) {
  Sizes sizes;
  return read_resize(model, node, &sizes) && set_dims(model, node, 0, node->in[0]->rank, sizes.dims);
}

/* coordinates */

typedef struct {
  float scale, in, out, length; // length: of the output before it is rounded
} Ruler;

// Place in the input of element i of an axis of the output.
typedef float Place(float i, const Ruler *r);

static float half_pixel(float i, const Ruler *r) { return (i + 0.5f) / r->scale - 0.5f; }
static float half_pixel_symmetric(float i, const Ruler *r) {
  float adjustment = r->out / (r->scale * r->in), center = r->in / 2;
  return center * (1 - adjustment) + (i + 0.5f) / r->scale - 0.5f;
}
static float pytorch_half_pixel(float i, const Ruler *r) { return r->out > 1 ? half_pixel(i, r) : 0; }
static float tf_half_pixel_for_nn(float i, const Ruler *r) { return (i + 0.5f) / r->scale; }
static float align_corners(float i, const Ruler *r) { return r->length == 1 ? 0 : i * (r->in - 1) / (r->length - 1); }
static float asymmetric(float i, const Ruler *r) { return i / r->scale; }

// The element nearest to a place.
typedef float Nearest(float place, bool shrinks);

static float round_prefer_floor(float x, bool shrinks) {
  (void)shrinks;
  return ceilf(x - 0.5f);
}
static float round_prefer_ceil(float x, bool shrinks) {
  (void)shrinks;
  return floorf(x + 0.5f);
}
static float take_floor(float x, bool shrinks) {
  (void)shrinks;
  return floorf(x);
}
static float take_ceil(float x, bool shrinks) {
  (void)shrinks;
  return ceilf(x);
}
// Before opset 11, which named it, as ONNX's own tests of that time have it.
static float simple(float x, bool shrinks) { return shrinks ? ceilf(x) : floorf(x); }

static const struct {
  const char *name;
  Place *place;
} places[] = {
    {"half_pixel", half_pixel},       {"half_pixel_symmetric", half_pixel_symmetric},
    {"align_corners", align_corners}, {"pytorch_half_pixel", pytorch_half_pixel},
    {"asymmetric", asymmetric},       {"tf_half_pixel_for_nn", tf_half_pixel_for_nn},
};
static const struct {
  const char *name;
  Nearest *nearest;
} roundings[] = {
    {"round_prefer_floor", round_prefer_floor},
    {"round_prefer_ceil", round_prefer_ceil},
    {"floor", take_floor},
    {"ceil", take_ceil},
};

static float clamp_place(float x, int64_t size) { return x<0 ? 0 : x>(float)(size - 1) ? (float)(size - 1) : x; }

/* lowering */

typedef struct {
  Place *place;
  Nearest *nearest; // NULL: linear
} Method;

// False where there is none among those that have templates.
static bool find_method(const Node *node, Method *out) {
  bool old = node->op->since < 11;
  const char *mode = node_string(node, "mode", "nearest");
  const char *place = node_string(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const char *rounding = node_string(node, "nearest_mode", "round_prefer_floor");
  bool nearest = !strcmp(mode, "nearest");
  *out = (Method){0};
  if (!nearest && strcmp(mode, "linear") && strcmp(mode, "bilinear")) return false;
  if (node_int(node, "antialias", 0) || (!nearest && node->in[0]->type != DT_F32)) return false;
  for (size_t i = 0; i < COUNT(places); i++)
    if (!strcmp(places[i].name, place)) out->place = places[i].place;
  for (size_t i = 0; nearest && i < COUNT(roundings); i++)
    if (!strcmp(roundings[i].name, rounding)) out->nearest = roundings[i].nearest;
  if (nearest && old) out->nearest = simple;
  return out->place && (!nearest || out->nearest);
}

static Buffer *make_table(Lower *lower, DType type, int64_t count, void **data) {
  Arena *arena = lower->program->arena;
  Tensor *tensor = NEW(arena, Tensor);
  int64_t *dims = NEW(arena, int64_t);
  *dims = count;
  *data = arena_alloc_array(arena, (size_t)count, 4);
  *tensor = (Tensor){.type = type, .rank = 1, .dims = dims, .data = *data};
  return lower_pack(lower, tensor, &(Pack){0}, lower->node->out[0]->name);
}

// For each element of an axis of the output its source, or with linear interpolation two sources and their weights.
static void add_tables(Lower *lower, Step *step, const Method *method, int64_t in, int64_t out, float scale,
                       bool rounded) {
  const Ruler ruler = {scale, (float)in, (float)out, rounded ? scale * (float)in : (float)out};
  void *index, *weight = NULL;
  int64_t each = method->nearest ? 1 : 2;
  step_buffer(lower->program, step, make_table(lower, DT_I32, out * each, &index), dim_const(0));
  if (each > 1) step_buffer(lower->program, step, make_table(lower, DT_F32, out * each, &weight), dim_const(0));
  for (int64_t i = 0; i < out; i++) {
    float place = scale == 1 ? (float)i : method->place((float)i, &ruler);
    if (method->nearest) {
      ((int32_t *)index)[i] = (int32_t)clamp_place(method->nearest(place, scale < 1), in);
      continue;
    }
    place = clamp_place(place, in);
    int64_t first = (int64_t)place, second = first + 1 < in ? first + 1 : first;
    ((int32_t *)index)[2 * i] = (int32_t)first;
    ((int32_t *)index)[2 * i + 1] = (int32_t)second;
    ((float *)weight)[2 * i] = 1 - (place - (float)first);
    ((float *)weight)[2 * i + 1] = place - (float)first;
  }
}

// Joins the dims [from, to) of an order of a dense view.
static Dim join_dims(const View *view, const int *order, int from, int to) {
  Dim count = dim_const(1);
  for (int i = from; i < to; i++) count = dim_mul(count, view->dims[order[i]]);
  return count;
}

// [n][h][w][c] in memory, of which h and w change.
typedef struct {
  int order[MAX_RANK]; // of the dims in memory
  int line, column;    // places there; equal where only h changes, and all dims behind it are c
  int count;           // of dims that change
  bool channels_last;
} Layout;

// False where more axes change than the templates can, or some whose sizes only the run knows.
static bool find_layout(const View *x, const Value *y, const Sizes *sizes, bool nearest, Layout *l) {
  int rank = x->rank, scaled[2] = {-1, -1};
  // Channels-last where it is so, or where linear interpolation has channels to fill vectors with.
  bool many = rank >= 3 && !dim_is(x->dims[1], 1) && (!dim_is_const(x->dims[1]) || x->dims[1].value >= 4);
  *l = (Layout){0};
  l->channels_last = rank >= 3 && !dim_is(x->dims[1], 1) && (dim_is(x->strides[1], 1) || (!nearest && many));
  for (int i = 0; i < rank; i++) l->order[i] = !l->channels_last || i == 0 ? i : i == rank - 1 ? 1 : i + 1;
  for (int i = 0; i < rank; i++) { // places in `order` of the axes that change
    int axis = l->order[i];
    if (dim_equal(x->dims[axis], y->dims[axis]) && sizes->scale[axis] == 1) continue;
    if (l->count == 2 || !dim_is_const(x->dims[axis]) || !dim_is_const(y->dims[axis])) return false;
    scaled[l->count++] = i;
  }
  l->line = scaled[0], l->column = l->count == 2 ? scaled[1] : scaled[0];
  for (int i = l->line + 1; i < l->column; i++)
    if (!dim_is(x->dims[l->order[i]], 1)) return false;
  return true;
}

bool lower_resize(Lower *lower, Node *node) {
  Sizes sizes;
  Method method;
  Layout l;
  if (!read_resize(lower->model, node, &sizes)) return false;
  View x = lower_in(lower, node->in[0]);
  if (value_is_empty(node->out[0])) return lower_out(lower, node->out[0]), true;
  if (!find_method(node, &method) || !find_layout(&x, node->out[0], &sizes, method.nearest != NULL, &l))
    return lower_resize_general(lower, node, &sizes);
  x = l.channels_last ? lower_channels_last(lower, node->in[0]) : lower_dense(lower, node->in[0]);
  if (l.count == 0) return lower_alias(lower, node->out[0], &x), true;
  View y = l.channels_last ? lower_out_channels_last(lower, node->out[0]) : lower_out(lower, node->out[0]);
  const int *order = l.order;
  Dim n = join_dims(&x, order, 0, l.line), c = join_dims(&x, order, l.column + 1, x.rank), one = dim_const(1);
  Dim ih = x.dims[order[l.line]], oh = y.dims[order[l.line]];
  Dim iw = l.count == 2 ? x.dims[order[l.column]] : one, ow = l.count == 2 ? y.dims[order[l.column]] : one;
  float y_scale = sizes.scale[order[l.line]], x_scale = l.count == 2 ? sizes.scale[order[l.column]] : 1;
  Program *program = lower->program;
  int64_t bytes = dtype_unit(x.type), unit = method.nearest ? bytes : 1; // strides in bytes or floats
  Step *step = lower_step(lower, method.nearest ? "resize2d_nearest" : "resize2d_linear_f32");
  if (method.nearest) ADD_DIMS(program, step, dim_times(c, bytes));
  ADD_DIMS(program, step, n, oh, ow);
  if (!method.nearest) ADD_DIMS(program, step, c);
  add_tables(lower, step, &method, ih.value, oh.value, y_scale, sizes.rounded[order[l.line]]);
  add_tables(lower, step, &method, iw.value, ow.value, x_scale, l.count == 2 && sizes.rounded[order[l.column]]);
  step_view(lower, step, &x);
  c = dim_times(c, unit);
  ADD_DIMS(program, step, dim_mul(dim_mul(ih, iw), c), dim_mul(iw, c), c);
  step->parts = count_parts(view_count(&y), 4096);
  if (method.nearest) return step_view(lower, step, &y), true;
  const Dim dims[COORDS] = {n, oh, ow, c};
  View out = view_dense(y.buffer, y.type, COORDS, dims);
  step_store(lower, step, &out);
  return true;
}
