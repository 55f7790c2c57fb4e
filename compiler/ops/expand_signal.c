// Signals: Fourier transforms as products with matrices of sines and cosines, windows, mel weights.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/expand.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* transforms */

// A transform of `length` points as a matrix over (point, part) pairs: part 0 is real, part 1 imaginary.
typedef struct {
  int64_t length, in, out; // in, out: points that are there at either end
  int in_parts, out_parts;
  bool inverse;
  bool half_in; // the input is the first half of a spectrum whose second half mirrors it
} Transform;

// What part p of input j adds to part q of output k: Re or Im of i^p · exp(∓2πi·jk / length), and for a half spectrum
// also what its mirror image adds.
static double weight(const Transform *t, int64_t j, int p, int64_t k, int q) {
  double angle = 2 * pi * (double)(j * k % t->length) / (double)t->length * (t->inverse ? 1 : -1);
  double w = p == q ? cos(angle) : (p ? -1 : 1) * sin(angle);
  bool mirrored = t->half_in && j > 0 && 2 * j != t->length;
  return w * (mirrored ? 2 : 1) / (t->inverse ? (double)t->length : 1);
}

// The matrix as [in, in_parts, out, out_parts], or with the two ends exchanged. NULL after an error.
static Value *transform_matrix(Expansion *e, DType type, const Transform *t, bool exchanged) {
  const int64_t most = 1 << 24;
  int64_t rows = t->in * t->in_parts, columns = t->out * t->out_parts;
  if (t->length < 1 || t->in > most || t->out > most || rows * columns > most) {
    node_report(e->model, e->node, "a transform of %lld points is not supported", (long long)t->length);
    return NULL;
  }
  double *x = NEW_ARRAY(e->model->arena, double, (size_t)(rows * columns));
  for (int64_t j = 0; j < rows; j++)
    for (int64_t k = 0; k < columns; k++)
      x[exchanged ? k * rows + j : j * columns + k] =
          weight(t, j / t->in_parts, (int)(j % t->in_parts), k / t->out_parts, (int)(k % t->out_parts));
  return expand_tensor(e, type, 2, exchanged ? (int64_t[]){columns, rows} : (int64_t[]){rows, columns}, x);
}

static bool read_parts(Expansion *e, const Value *x, int *parts) {
  Dim last = x->dims[x->rank - 1];
  *parts = (int)last.value;
  if (dim_is_const(last) && (last.value == 1 || last.value == 2)) return true;
  return node_error(e->model, e->node, "the last dim must be 1 for real and 2 for complex numbers");
}

// The first `rank` - 2 dims as they are, then these.
static Value *with_last_dims(Expansion *e, Value *x, int rank, int64_t a, int64_t b) {
  int64_t dims[MAX_RANK] = {0};
  dims[rank - 2] = a;
  dims[rank - 1] = b;
  return MAKE(e, "Reshape", x, expand_ints(e, (size_t)(b ? rank : rank - 1), dims));
}

static bool transform(Expansion *e, const Node *node, int64_t axis_given) {
  Value *x = node->in[0];
  int axis, rank = x->rank;
  int64_t n, swap[MAX_RANK];
  bool onesided = node_int(node, "onesided", 0);
  Transform t = {.inverse = node_int(node, "inverse", 0), .out_parts = 2};
  if (!need_rank(e->model, e->node, 0, 2, MAX_RANK) || !read_parts(e, x, &t.in_parts)) return false;
  if (!need_axis(e->model, e->node, axis_given, rank, &axis) || !expand_const_dim(e, 0, axis, &n)) return false;
  if (axis == rank - 1) return node_error(e->model, e->node, "the last axis holds the parts of complex numbers");
  t.half_in = t.inverse && onesided;
  if (!expand_int_input(e, 1, t.half_in ? 2 * (n - 1) : n, &t.length)) return false;
  t.in = n < t.length ? n : t.length;
  t.out = t.length;
  if (t.half_in) {
    t.out_parts = 1;
    if (t.in > t.length / 2 + 1) t.in = t.length / 2 + 1;
  } else if (onesided) {
    t.out = t.length / 2 + 1;
  }
  Value *matrix = transform_matrix(e, x->type, &t, false);
  if (!matrix) return false;
  for (int i = 0; i < rank; i++) swap[i] = i;
  swap[axis] = rank - 2, swap[rank - 2] = axis;
  if (t.in < n) x = expand_slice(e, x, axis, 0, t.in, 1);
  if (axis != rank - 2) x = expand_transpose(e, x, (size_t)rank, swap);
  Value *y = MATMUL(e, with_last_dims(e, x, rank, t.in * t.in_parts, 0), matrix);
  y = with_last_dims(e, y, rank, t.out, t.out_parts);
  return expand_done(e, 0, axis != rank - 2 ? expand_transpose(e, y, (size_t)rank, swap) : y);
}

/* an axis that only the run knows: a branch for each */

// A branch of the node's graph with one output.
static Graph *new_branch(Expansion *e, const char *name) {
  Graph *branch = graph_new(e->model, e->graph, name);
  Value *out = value_new_typed(branch, name, e->node->in[0]->type, -1, NULL);
  size_t names = 0;
  out->is_output = true;
  APPEND(e->model->arena, branch->output_names, names, out->name);
  APPEND(e->model->arena, branch->outputs, branch->output_count, out);
  return branch;
}

static Graph *branch_on_axis(Expansion *e, int64_t axis) {
  Graph *branch = new_branch(e, "axis");
  Value *at = value_const_ints(branch, "axis", &axis, 1), *in[] = {e->node->in[0], e->node->in[1], at};
  Node *node = node_new(branch, NULL, "", "DFT", in, COUNT(in), branch->outputs, 1);
  node->loc = e->node->loc;
  node_set_int(e->model, node, "inverse", node_int(e->node, "inverse", 0));
  node_set_int(e->model, node, "onesided", node_int(e->node, "onesided", 0));
  return branch;
}

// The graph's output is that of one of two branches.
static void choose(Expansion *e, Graph *graph, Value *condition, Graph *yes, Graph *no) {
  Node *node = node_new(graph, NULL, "", "If", &condition, 1, graph->outputs, 1);
  Attr branches[] = {{.name = "then_branch", .type = ATTR_GRAPH, .g = yes},
                     {.name = "else_branch", .type = ATTR_GRAPH, .g = no}};
  node->loc = e->node->loc;
  for (int i = 0; i < 2; i++) {
    branches[i].g->parent = graph;
    APPEND(e->model->arena, node->attrs, node->attr_count, branches[i]);
  }
}

// Whether there is something to transform along the axis: half a spectrum of one point stands for none.
static bool may_transform(const Node *node, int axis) {
  Dim dim = node->in[0]->dims[axis];
  bool half_in = node_int(node, "inverse", 0) && node_int(node, "onesided", 0);
  return !half_in || node_in(node, 1) || !dim_is_const(dim) || dim.value > 1;
}

static bool transform_on_any_axis(Expansion *e, Node *node) {
  int rank = node->in[0]->rank, count = 0, axes[MAX_RANK];
  Value *conditions[MAX_RANK];
  if (!need_rank(e->model, node, 0, 2, MAX_RANK)) return false;
  Value *axis = RESHAPE(e, node->in[2], -1), *zero = INT(e, 0);
  axis = WHERE(e, LESS(e, axis, zero), ADD(e, axis, INT(e, rank)), axis);
  for (int i = 0; i < rank - 1; i++) {
    if (!may_transform(node, i)) continue;
    conditions[count] = SQUEEZE(e, EQUAL(e, axis, INT(e, i)), 0);
    axes[count++] = i;
  }
  if (!count) return node_error(e->model, node, "no axis has points to transform");
  Graph *branch = branch_on_axis(e, axes[count - 1]);
  for (int i = count - 2; i >= 0; i--) {
    Graph *more = new_branch(e, "axes");
    choose(e, more, conditions[i], branch_on_axis(e, axes[i]), branch);
    branch = more;
  }
  return expand_done(e, 0, expand_inline(e, branch, NULL));
}

// Whether the numbers of an input are known when compiling.
static bool is_known(Expansion *e, size_t input) {
  int64_t count;
  Value *value = node_in(e->node, input);
  const Dim *elems = known_elems(e->model, value, &count);
  for (int64_t i = 0; elems && i < count; i++)
    if (!dim_is_const(elems[i])) return false;
  return !value || elems;
}

bool expand_dft(Expansion *e, Node *node) {
  int64_t axis;
  Value *given = node_in(node, 2);
  if (!is_known(e, 2)) return !want_constant(e->model, given) && transform_on_any_axis(e, node);
  return expand_int_input(e, 2, -2, &axis) && transform(e, node, axis);
}

bool expand_dft_attributes(Expansion *e, Node *node) { return transform(e, node, node_int(node, "axis", 1)); }

// sin(π · x / n)
static Value *sine(Expansion *e, Value *x, Value *n) { return SIN(e, MUL(e, DIV(e, x, n), SCALAR(e, x, pi))); }

// The transform of n real points as a matrix [n, out · 2], both vectors of one element. Angles are brought to -π/2 ...
// π/2 as integers, so that zeros are zeros: half turns of x / n for x in -n ... n.
static Value *run_time_matrix(Expansion *e, DType type, Value *n, Value *out) {
  Value *product = MUL(e, RESHAPE(e, expand_range(e, n), -1, 1), expand_range(e, out)), *two = INT(e, 2);
  Value *x = MUL(e, SUB(e, product, MUL(e, DIV(e, product, n), n)), two);
  x = expand_cast(e, WHERE(e, LESS(e, n, x), SUB(e, x, MUL(e, n, two)), x), type);
  Value *whole = expand_cast(e, n, type), *size = ABS(e, x), *double_size = ADD(e, size, size);
  Value *real = sine(e, SUB(e, whole, double_size), ADD(e, whole, whole));
  Value *imaginary = MUL(e, MAKE(e, "Sign", NEG(e, x)), sine(e, MIN(e, size, SUB(e, whole, size)), whole));
  return RESHAPE(e, CONCAT(e, 2, UNSQUEEZE(e, real, 2), UNSQUEEZE(e, imaginary, 2)), 0, -1);
}

// With a step or a length that only the run knows: frames are gathered.
static bool run_time_stft(Expansion *e, const Node *node) {
  Value *x = node->in[0], *window = node_in(node, 2), *length = node_in(node, 3);
  Value *step = RESHAPE(e, expand_cast(e, node->in[1], DT_I64), -1), *one = INT(e, 1);
  if (!dim_is_const(x->dims[2]) || x->dims[2].value != 1)
    return node_error(e->model, node, "frames of complex numbers must be known when compiling");
  Value *n = length ? RESHAPE(e, expand_cast(e, length, DT_I64), -1) : window ? DIM(e, window, 0) : DIM(e, x, 1);
  Value *count = ADD(e, DIV(e, SUB(e, DIM(e, x, 1), n), step), one);
  Value *at = ADD(e, MUL(e, RESHAPE(e, expand_range(e, count), -1, 1), step), expand_range(e, n));
  Value *frames = GATHER(e, SQUEEZE(e, x, 2), at, 1);
  if (window) frames = MUL(e, frames, window);
  Value *out = node_int(node, "onesided", 1) ? ADD(e, DIV(e, n, INT(e, 2)), one) : n;
  return expand_done(e, 0, RESHAPE(e, MATMUL(e, frames, run_time_matrix(e, x->type, n, out)), 0, 0, -1, 2));
}

// A convolution: each frame is a place of the kernel, whose outputs are the points of the frame's transform.
bool expand_stft(Expansion *e, Node *node) {
  Value *x = node->in[0], *window = node_in(node, 2);
  int64_t step, length = 0;
  Transform t = {.out_parts = 2};
  if (!need_rank(e->model, node, 0, 3, 3) || !read_parts(e, x, &t.in_parts)) return false;
  for (size_t i = 1; i < 4; i += 2)
    if (!is_known(e, i)) return !want_constant(e->model, node->in[i]) && run_time_stft(e, node);
  if (!expand_int_input(e, 1, 1, &step)) return false;
  if (window && (!need_rank(e->model, node, 2, 1, 1) || !expand_const_dim(e, 2, 0, &length))) return false;
  if (!window && !node_in(node, 3) && !expand_const_dim(e, 0, 1, &length)) return false;
  if (!expand_int_input(e, 3, length, &t.length)) return false;
  if (window && length != t.length) return node_error(e->model, node, "the window's length is not the frame's");
  if (step < 1) return node_error(e->model, node, "'frame_step' is %lld", (long long)step);
  t.in = t.out = t.length;
  if (node_int(node, "onesided", 1)) t.out = t.length / 2 + 1;
  Value *matrix = transform_matrix(e, x->type, &t, true);
  if (!matrix) return false;
  Value *kernel = TRANSPOSE(e, RESHAPE(e, matrix, t.out * 2, t.in, t.in_parts), 0, 2, 1);
  if (window) kernel = MUL(e, kernel, window);
  Value *frames = with_ints(MAKE(e, "Conv", TRANSPOSE(e, x, 0, 2, 1), kernel), "strides", 1, &step);
  return expand_done(e, 0, RESHAPE(e, TRANSPOSE(e, frames, 0, 2, 1), 0, 0, t.out, 2));
}

/* windows */

// An integer input, divided and moved, as a vector of one element: a constant where it is known.
static Value *whole(Expansion *e, Value *x, int64_t by, int64_t more) {
  if (x->data && tensor_count(x->data) == 1) return INT(e, tensor_int(x->data, 0) / by + more);
  Value *n = RESHAPE(e, expand_cast(e, x, DT_I64), -1);
  if (by != 1) n = DIV(e, n, INT(e, by));
  return more ? ADD(e, n, INT(e, more)) : n;
}

// The type to compute in, for results of a given type.
static DType float_type(DType type) { return type == DT_F64 ? DT_F64 : DT_F32; }

// 0, π/N, 2π/N, ... for N = size, or size - 1 when the window is symmetric.
static Value *half_turns(Expansion *e, const Node *node, DType type) {
  bool periodic = node_int(node, "periodic", 1);
  Value *size = node->in[0], *n = expand_cast(e, whole(e, size, 1, periodic ? 0 : -1), type);
  Value *at = expand_cast(e, expand_range(e, whole(e, size, 1, 0)), type);
  return DIV(e, MUL(e, at, SCALAR(e, at, pi)), n);
}

// a - b · cos(2x) + c · cos(4x)
static bool cosine_window(Expansion *e, const Node *node, double a, double b, double c) {
  DType out = (DType)node_int(node, "output_datatype", DT_F32), type = float_type(out);
  Value *x = half_turns(e, node, type);
  Value *y = SUB(e, SCALAR(e, x, a), MUL(e, SCALAR(e, x, b), COS(e, MUL(e, x, SCALAR(e, x, 2)))));
  if (c != 0) y = ADD(e, y, MUL(e, SCALAR(e, x, c), COS(e, MUL(e, x, SCALAR(e, x, 4)))));
  return expand_done(e, 0, expand_cast(e, y, out));
}

bool expand_hamming_window(Expansion *e, Node *node) { return cosine_window(e, node, 25. / 46, 21. / 46, 0); }
bool expand_blackman_window(Expansion *e, Node *node) { return cosine_window(e, node, 0.42, 0.5, 0.08); }

// sin²: exact zeros at the ends, where 1 - cos cancels
bool expand_hann_window(Expansion *e, Node *node) {
  DType out = (DType)node_int(node, "output_datatype", DT_F32), type = float_type(out);
  Value *y = SIN(e, half_turns(e, node, type));
  return expand_done(e, 0, expand_cast(e, MUL(e, y, y), out));
}

/* mel */

static Value *scaled(Expansion *e, Value *x, double by) { return MUL(e, x, SCALAR(e, x, by)); }

// 2595 · log10(1 + f / 700)
static Value *mel_of(Expansion *e, Value *hertz, DType type) {
  Value *f = scaled(e, RESHAPE(e, expand_cast(e, hertz, type), -1), 1. / 700);
  return scaled(e, LOG(e, ADD(e, f, SCALAR(e, f, 1))), 2595 / log(10));
}

// A triangle for each column: up from one bin to the next, down to the one after it.
bool expand_mel_weight_matrix(Expansion *e, Node *node) {
  DType out = (DType)node_int(node, "output_datatype", DT_F32), type = float_type(out);
  Value *bands = node->in[0], *length = node->in[1], *rate = expand_cast(e, whole(e, node->in[2], 1, 0), type);
  Value *low = mel_of(e, node->in[3], type), *high = mel_of(e, node->in[4], type);
  Value *points = expand_cast(e, whole(e, bands, 1, 2), type);
  Value *at = expand_cast(e, expand_range(e, whole(e, bands, 1, 2)), type);
  Value *mel = ADD(e, MUL(e, at, DIV(e, SUB(e, high, low), points)), low);
  Value *hertz = scaled(e, SUB(e, EXP(e, scaled(e, mel, log(10) / 2595)), SCALAR(e, mel, 1)), 700);
  Value *bins = FLOOR(e, DIV(e, MUL(e, expand_cast(e, whole(e, length, 1, 1), type), hertz), rate));
  Value *from = expand_slice(e, bins, 0, 0, -2, 1), *peak = expand_slice(e, bins, 0, 1, -1, 1);
  Value *to = expand_slice(e, bins, 0, 2, INT64_MAX, 1), *one = SCALAR(e, bins, 1), *zero = SCALAR(e, bins, 0);
  Value *bin = RESHAPE(e, expand_cast(e, expand_range(e, whole(e, length, 2, 1)), type), -1, 1);
  Value *up = DIV(e, SUB(e, bin, from), MAX(e, SUB(e, peak, from), one));
  Value *down = DIV(e, SUB(e, to, bin), MAX(e, SUB(e, to, peak), one));
  Value *slope = MAX(e, WHERE(e, LESS(e, bin, peak), up, down), zero);
  return expand_done(e, 0, expand_cast(e, WHERE(e, EQUAL(e, bin, peak), one, slope), out));
}
