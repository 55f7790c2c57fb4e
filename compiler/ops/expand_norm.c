// Normalisations made of means. Where rows of equal statistics can be brought side by side by a Reshape alone, the work
// is LayerNormalization's, which has a kernel.
#include "compiler/ops/expand.h"

#include <string.h>

// The axes from `axis` to the last one.
static size_t axes_from(int axis, int rank, int64_t *axes) {
  size_t count = 0;
  for (int i = axis; i < rank; i++) axes[count++] = i;
  return count;
}

// The type in which statistics are computed: `stash_type` where that is wider.
static DType work_type(const Expansion *e, const Value *x) {
  DType stash = (DType)node_int(e->node, "stash_type", DT_F32);
  return dtype_bits(stash) > dtype_bits(x->type) ? stash : x->type;
}

// (x - mean) / √(variance + epsilon) over the last axis.
static Value *standardised(Expansion *e, Value *x) {
  double epsilon = node_float(e->node, "epsilon", 1e-5);
  int64_t one = 1;
  Value *scale = expand_tensor(e, x->type, 1, &one, (double[]){1});
  return with_float(with_int(MAKE(e, "LayerNormalization", x, scale), "axis", -1), "epsilon", epsilon);
}

static Value *scaled_and_shifted(Expansion *e, Value *y, Value *scale, Value *shift, int rank) {
  return ADD(e, MUL(e, y, expand_channels(e, scale, rank)), expand_channels(e, shift, rank));
}

bool expand_instance_norm(Expansion *e, Node *node) {
  Value *x = node->in[0];
  if (!need_rank(e->model, node, 0, 2, MAX_RANK)) return false;
  Value *y = MAKE(e, "Reshape", standardised(e, RESHAPE(e, x, 0, 0, -1)), SHAPE(e, x));
  return expand_done(e, 0, scaled_and_shifted(e, y, node->in[1], node->in[2], x->rank));
}

// The channels of each group as one row: [N, groups, the rest].
static Value *group_rows(Expansion *e, Value *x) {
  int64_t groups = node_int(e->node, "num_groups", 0);
  if (!need_rank(e->model, e->node, 0, 2, MAX_RANK)) return NULL;
  Dim channels = x->dims[1];
  if (groups < 1 || (dim_is_const(channels) && channels.value % groups)) {
    node_report(e->model, e->node, "%lld groups do not divide the channels", (long long)groups);
    return NULL;
  }
  return RESHAPE(e, x, 0, groups, -1);
}

bool expand_group_norm(Expansion *e, Node *node) {
  Value *x = node->in[0], *rows = group_rows(e, x);
  if (!rows) return false;
  Value *y = MAKE(e, "Reshape", standardised(e, rows), SHAPE(e, x));
  return expand_done(e, 0, scaled_and_shifted(e, y, node->in[1], node->in[2], x->rank));
}

// Before opset 21 scale and bias have one element a group.
bool expand_group_norm_by_group(Expansion *e, Node *node) {
  Value *x = node->in[0], *rows = group_rows(e, x);
  if (!rows) return false;
  Value *y = scaled_and_shifted(e, standardised(e, rows), node->in[1], node->in[2], 3);
  return expand_done(e, 0, MAKE(e, "Reshape", y, SHAPE(e, x)));
}

// With the outputs Mean and InvStdDev, or of float64; else the kernel does it.
bool expand_layer_norm(Expansion *e, Node *node) {
  if (!node_has_out(node, 1) && !node_has_out(node, 2) && node->in[0]->type != DT_F64) return true;
  int axis;
  int64_t axes[MAX_RANK];
  DType type = node->in[0]->type, stash = (DType)node_int(node, "stash_type", DT_F32);
  Value *x = expand_cast(e, node->in[0], work_type(e, node->in[0])), *bias = node_in(node, 2);
  int rank = node->in[0]->rank;
  if (!expand_axis(e, "axis", -1, rank, &axis)) return false;
  size_t count = axes_from(axis, rank, axes);
  Value *mean = expand_reduce(e, "ReduceMean", x, count, axes), *d = SUB(e, x, mean);
  Value *variance = expand_reduce(e, "ReduceMean", MUL(e, d, d), count, axes);
  Value *epsilon = SCALAR(e, x, node_float(node, "epsilon", 1e-5));
  Value *inverse = RECIPROCAL(e, SQRT(e, ADD(e, variance, epsilon)));
  Value *y = MUL(e, expand_cast(e, MUL(e, d, inverse), type), node->in[1]);
  expand_done(e, 1, expand_cast(e, mean, stash));
  expand_done(e, 2, expand_cast(e, inverse, stash));
  return expand_done(e, 0, bias ? ADD(e, y, bias) : y);
}

// Of types that the kernel does not take: x / √(mean(x²) + epsilon) · scale over the axes from `axis` on.
bool expand_rms_norm(Expansion *e, Node *node) {
  int axis;
  int64_t axes[MAX_RANK];
  Value *x = node->in[0], *scale = node->in[1];
  bool taken = x->type == DT_F32 || x->type == DT_F16;
  if (taken && scale->type == x->type) return true;
  if (!expand_axis(e, "axis", -1, x->rank, &axis)) return false;
  size_t count = axes_from(axis, x->rank, axes);
  Value *wide = expand_cast(e, x, work_type(e, x)), *epsilon = SCALAR(e, wide, node_float(node, "epsilon", 1e-5));
  Value *mean = expand_reduce(e, "ReduceMean", MUL(e, wide, wide), count, axes);
  Value *y = MUL(e, wide, RECIPROCAL(e, SQRT(e, ADD(e, mean, epsilon))));
  return expand_done(e, 0, MUL(e, expand_cast(e, y, scale->type), scale));
}

// (x - mean) / (deviation + 1e-9)
bool expand_mean_variance_norm(Expansion *e, Node *node) {
  static const int64_t usual[] = {0, 2, 3};
  Value *x = node->in[0];
  size_t count;
  const int64_t *axes = node_ints(node, "axes", &count);
  if (!axes) axes = usual, count = COUNT(usual);
  Value *d = SUB(e, x, expand_reduce(e, "ReduceMean", x, count, axes));
  Value *deviation = SQRT(e, expand_reduce(e, "ReduceMean", MUL(e, d, d), count, axes));
  return expand_done(e, 0, DIV(e, d, ADD(e, deviation, SCALAR(e, x, 1e-9))));
}

// Rows of zeros stay zeros.
bool expand_lp_norm(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int axis;
  int64_t p = node_int(node, "p", 2);
  if (p != 1 && p != 2) return node_error(e->model, node, "'p' is %lld; 1 and 2 are possible", (long long)p);
  if (!expand_axis(e, "axis", -1, x->rank, &axis)) return false;
  Value *norm = REDUCE(e, p == 1 ? "ReduceL1" : "ReduceL2", x, axis), *zero = SCALAR(e, x, 0);
  return expand_done(e, 0, WHERE(e, EQUAL(e, norm, zero), zero, DIV(e, x, norm)));
}

// x / (bias + alpha · mean of x² over neighbouring channels) ^ beta, zeros standing beyond the first and last.
bool expand_lrn(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int64_t size = node_int(node, "size", 0);
  if (!need_rank(e->model, node, 0, 3, MAX_RANK)) return false;
  if (size < 1) return node_error(e->model, node, "'size' is %lld", (long long)size);
  int64_t kernel[] = {size, 1}, pads[] = {(size - 1) / 2, 0, size / 2, 0};
  Value *squares = RESHAPE_TO(e, MUL(e, x, x), DIM(e, x, 0), INT(e, 1), DIM(e, x, 1), INT(e, -1));
  Value *mean = with_ints(MAKE(e, "AveragePool", squares), "kernel_shape", 2, kernel);
  with_int(with_ints(mean, "pads", 4, pads), "count_include_pad", 1);
  mean = MAKE(e, "Reshape", mean, SHAPE(e, x));
  Value *alpha = SCALAR(e, x, node_float(node, "alpha", 1e-4)), *bias = SCALAR(e, x, node_float(node, "bias", 1));
  Value *beta = SCALAR(e, x, node_float(node, "beta", 0.75));
  return expand_done(e, 0, DIV(e, x, POW(e, ADD(e, bias, MUL(e, alpha, mean)), beta)));
}

// Of float64, which the kernel does not take: e^(x - max) over its sum, or the logarithm of that.
static Value *softmax(Expansion *e, Value *x, int axis, bool log) {
  Value *d = SUB(e, x, REDUCE(e, "ReduceMax", x, axis)), *power = EXP(e, d);
  Value *sum = REDUCE(e, "ReduceSum", power, axis);
  return log ? SUB(e, d, LOG(e, sum)) : DIV(e, power, sum);
}

static bool wide_softmax(Expansion *e, Node *node, bool log) {
  Value *x = node->in[0];
  int axis;
  if (x->type != DT_F64) return true;
  if (!x->rank) return expand_done(e, 0, MAKE(e, "Reshape", softmax(e, RESHAPE(e, x, 1), 0, log), SHAPE(e, x)));
  return expand_axis(e, "axis", -1, x->rank, &axis) && expand_done(e, 0, softmax(e, x, axis, log));
}
bool expand_softmax(Expansion *e, Node *node) { return wide_softmax(e, node, false); }
bool expand_log_softmax(Expansion *e, Node *node) { return wide_softmax(e, node, true); }

// Before opset 13 over all axes from `axis` on.
static bool wide_softmax_flat(Expansion *e, Node *node, bool log) {
  Value *x = node->in[0];
  if (x->type != DT_F64) return true;
  Value *flat = with_int(MAKE(e, "Flatten", x), "axis", node_int(node, "axis", 1));
  return expand_done(e, 0, MAKE(e, "Reshape", softmax(e, flat, 1, log), SHAPE(e, x)));
}
bool expand_softmax_flat(Expansion *e, Node *node) { return wide_softmax_flat(e, node, false); }
bool expand_log_softmax_flat(Expansion *e, Node *node) { return wide_softmax_flat(e, node, true); }

// 1 at the first of the largest, 0 elsewhere.
static Value *hardmax(Expansion *e, Value *x, Dim size, int axis, int rank) {
  Value *first = with_int(with_int(MAKE(e, "ArgMax", x), "axis", axis), "keepdims", 1);
  int64_t dims[MAX_RANK];
  for (int i = 0; i < rank; i++) dims[i] = i == axis ? -1 : 1;
  Value *at = MAKE(e, "Reshape", expand_range(e, expand_size(e, size, x, axis)), expand_ints(e, (size_t)rank, dims));
  return expand_cast(e, EQUAL(e, first, at), x->type);
}

bool expand_hardmax(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int axis;
  if (!expand_axis(e, "axis", -1, x->rank, &axis)) return false;
  return expand_done(e, 0, hardmax(e, x, x->dims[axis], axis, x->rank));
}

// Before opset 13 over all axes from `axis` on.
bool expand_hardmax_flat(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int axis;
  Dim size = dim_const(1);
  if (!expand_axis(e, "axis", 1, x->rank, &axis)) return false;
  for (int i = axis; i < x->rank; i++) size = dim_op(e->model->dims, DIM_MUL, size, x->dims[i]);
  Value *y = hardmax(e, with_int(MAKE(e, "Flatten", x), "axis", axis), size, 1, 2);
  return expand_done(e, 0, MAKE(e, "Reshape", y, SHAPE(e, x)));
}

// With the statistics of this batch, which also move the running ones.
bool expand_batch_norm_training(Expansion *e, Node *node) {
  if (!node_int(node, "training_mode", 0)) return true;
  Value *x = node->in[0], *running[] = {node->in[3], node->in[4]};
  int rank = x->rank;
  int64_t axes[MAX_RANK] = {0};
  double momentum = node_float(node, "momentum", 0.9);
  if (!need_rank(e->model, node, 0, 2, MAX_RANK)) return false;
  size_t count = 1 + axes_from(2, rank, axes + 1);
  Value *mean = expand_reduce(e, "ReduceMean", x, count, axes), *d = SUB(e, x, mean);
  Value *variance = expand_reduce(e, "ReduceMean", MUL(e, d, d), count, axes);
  Value *deviation = SQRT(e, ADD(e, variance, SCALAR(e, x, node_float(node, "epsilon", 1e-5))));
  Value *now[] = {mean, variance};
  for (size_t i = 0; i < 2; i++) {
    Value *old = running[i], *share = SCALAR(e, old, momentum), *rest = SCALAR(e, old, 1 - momentum);
    Value *flat = expand_cast(e, RESHAPE(e, now[i], -1), old->type);
    expand_done(e, 1 + i, ADD(e, MUL(e, old, share), MUL(e, flat, rest)));
  }
  return expand_done(e, 0, scaled_and_shifted(e, DIV(e, d, deviation), node->in[1], node->in[2], rank));
}
