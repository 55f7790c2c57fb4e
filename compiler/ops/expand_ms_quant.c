// com.microsoft: quantised operators, and weights of a few bits.
#include "compiler/ops/expand_heads.h"
#include "compiler/ops/expand_quant.h"

#include <math.h>
#include <string.h>

/* through real numbers: dequantise, compute, quantise */

static bool done_as(Expansion *e, Value *real, Value *scale, Value *zero_point, DType type) {
  return expand_done(e, 0, quantised(e, real, scale, zero_point, type));
}

static bool binary(Expansion *e, Node *node, const char *type) {
  Value *a = dequantised(e, node->in[0], node->in[1], node_in(node, 2));
  Value *b = dequantised(e, node->in[3], node->in[4], node_in(node, 5));
  return done_as(e, MAKE(e, type, a, b), node->in[6], node_in(node, 7), node->in[0]->type);
}
bool expand_qlinear_add(Expansion *e, Node *node) { return binary(e, node, "Add"); }
bool expand_qlinear_mul(Expansion *e, Node *node) { return binary(e, node, "Mul"); }

// X, its scale and zero point, the result's scale and zero point.
static bool unary(Expansion *e, Node *node, const char *type, const char *const *attributes, size_t count) {
  Value *y = MAKE(e, type, dequantised(e, node->in[0], node->in[1], node_in(node, 2)));
  for (size_t i = 0; i < count; i++) with_same(e, y, attributes[i]);
  return done_as(e, y, node->in[3], node_in(node, 4), node->in[0]->type);
}

bool expand_qlinear_sigmoid(Expansion *e, Node *node) { return unary(e, node, "Sigmoid", NULL, 0); }
bool expand_qlinear_leaky_relu(Expansion *e, Node *node) {
  return unary(e, node, "LeakyRelu", (const char *const[]){"alpha"}, 1);
}

static bool channels_first(Expansion *e, const Node *node) {
  return !node_int(node, "channels_last", 0) || node_error(e->model, node, "'channels_last' is not supported");
}

bool expand_qlinear_average_pool(Expansion *e, Node *node) {
  static const char *const attributes[] = {"auto_pad",     "ceil_mode", "count_include_pad",
                                           "kernel_shape", "pads",      "strides"};
  return channels_first(e, node) && unary(e, node, "AveragePool", attributes, COUNT(attributes));
}

bool expand_qlinear_global_average_pool(Expansion *e, Node *node) {
  return channels_first(e, node) && unary(e, node, "GlobalAveragePool", NULL, 0);
}

// Before opset 13 softmax runs over all axes from `axis` on.
bool expand_qlinear_softmax(Expansion *e, Node *node) {
  int64_t opset = node_int(node, "opset", 13);
  Value *x = dequantised(e, node->in[0], node->in[1], node_in(node, 2)), *y;
  int axis, rank = node->in[0]->rank;
  if (!expand_axis(e, "axis", opset < 13 ? 1 : -1, rank, &axis)) return false;
  if (opset >= 13)
    y = SOFTMAX(e, x, axis);
  else
    y = MAKE(e, "Reshape", SOFTMAX(e, with_int(MAKE(e, "Flatten", x), "axis", axis), 1), SHAPE(e, node->in[0]));
  return done_as(e, y, node->in[3], node_in(node, 4), node->in[0]->type);
}

// The result's scale and zero point, then a value, its scale and its zero point for each part.
bool expand_qlinear_concat(Expansion *e, Node *node) {
  Value *parts[64];
  size_t count = (node->in_count - 2) / 3;
  if (node->in_count < 5 || count > COUNT(parts) || node->in_count != 2 + 3 * count)
    return node_error(e->model, node, "%zu inputs do not make a list of parts", node->in_count);
  for (size_t i = 0; i < count; i++)
    parts[i] = dequantised(e, node->in[2 + 3 * i], node->in[3 + 3 * i], node->in[4 + 3 * i]);
  Value *y = with_same(e, expand_make(e, "Concat", count, parts), "axis");
  return done_as(e, y, node->in[0], node->in[1], node->in[1]->type);
}

/* products */

// The real product of a, with one scale or one a row, and b, with one or one a column, of integers.
static Value *real_product(Expansion *e, Value *a, Value *a_scale, Value *a_zero, Value *b, Value *b_scale,
                           Value *b_zero, Dim terms) {
  Value *y = integer_matmul(e, a, a_zero, b, b_zero, terms);
  if (!y) return NULL;
  return MUL(e, expand_cast(e, y, DT_F32), MUL(e, as_column(e, a_scale), b_scale));
}

bool expand_matmul_integer_to_float(Expansion *e, Node *node) {
  Value *a = node->in[0], *bias = node_in(node, 6);
  if (!need_rank(e->model, node, 0, 1, MAX_RANK)) return false;
  Value *y = real_product(e, a, node->in[2], node_in(node, 4), node->in[1], node->in[3], node_in(node, 5),
                          a->dims[a->rank - 1]);
  return y && expand_done(e, 0, bias ? ADD(e, y, bias) : y);
}

bool expand_dynamic_quantize_matmul(Expansion *e, Node *node) {
  Value *x = node->in[0], *bias = node_in(node, 4);
  if (!need_rank(e->model, node, 0, 1, MAX_RANK)) return false;
  Quantised a = quantised_dynamically(e, x);
  Value *y =
      real_product(e, a.q, a.scale, a.zero_point, node->in[1], node->in[2], node_in(node, 3), x->dims[x->rank - 1]);
  return y && expand_done(e, 0, bias ? ADD(e, y, bias) : y);
}

// Real without the result's scale. C counts in units of the product.
bool expand_qgemm(Expansion *e, Node *node) {
  Value *a = node->in[0], *b = node->in[3], *c = node_in(node, 6), *scale = node_in(node, 7);
  bool trans_a = node_int(node, "transA", 0), trans_b = node_int(node, "transB", 0);
  if (!need_rank(e->model, node, 0, 2, 2) || !need_rank(e->model, node, 3, 2, 2)) return false;
  Dim terms = a->dims[!trans_a];
  if (trans_a) a = TRANSPOSE(e, a, 1, 0);
  if (trans_b) b = TRANSPOSE(e, b, 1, 0);
  Value *y = integer_matmul(e, a, node->in[2], b, node->in[5], terms);
  if (!y) return false;
  y = expand_cast(e, c ? ADD(e, y, c) : y, DT_F32);
  y = MUL(e, y, MUL(e, MUL(e, node->in[1], node->in[4]), SCALAR(e, y, node_float(node, "alpha", 1))));
  return scale ? done_as(e, y, scale, node_in(node, 8), node->in[0]->type) : expand_done(e, 0, y);
}

bool expand_qattention(Expansion *e, Node *node) {
  static const char *const attributes[] = {"num_heads", "unidirectional", "do_rotary", "mask_filter_value", "scale"};
  Value *x = dequantised(e, node->in[0], node->in[3], node_in(node, 6));
  Value *w = dequantised(e, node->in[1], node->in[4], node_in(node, 7));
  Value *in[] = {x, w, node->in[2], node_in(node, 5), node_in(node, 8)};
  Value *y = expand_make_in(e, "com.microsoft", "Attention", COUNT(in), in);
  for (size_t i = 0; i < COUNT(attributes); i++) with_same(e, y, attributes[i]);
  if (node_has_out(node, 1)) expand_done(e, 1, more_results(e, y, 1));
  return expand_done(e, 0, y);
}

/* weights of a few bits */

static bool read_bits(Expansion *e, const Node *node, int64_t *bits) {
  *bits = node_int(node, "bits", 4);
  return *bits == 2 || *bits == 4 || *bits == 8 ||
         node_error(e->model, node, "weights of %lld bits are not supported", (long long)*bits);
}

// Bytes [..., n] as the numbers packed in them [..., n · 8 / bits], the lowest bits first, in float32.
static Value *unpacked(Expansion *e, Value *x, int64_t bits) {
  Value *parts[4];
  size_t count = (size_t)(8 / bits);
  if (bits == 8) return expand_cast(e, x, DT_F32);
  for (size_t i = 0; i < count; i++) {
    Value *shifted = i ? DIV(e, x, SCALAR(e, x, (double)(1 << (bits * (int64_t)i)))) : x;
    parts[i] = UNSQUEEZE(e, MAKE(e, "BitwiseAnd", shifted, SCALAR(e, x, (double)((1 << bits) - 1))), -1);
  }
  Value *all = with_int(expand_make(e, "Concat", count, parts), "axis", -1), *head = SHAPE(e, x);
  Value *shape = CONCAT(e, 0, MAKE(e, "Slice", head, INT(e, 0), INT(e, -1)), INT(e, -1));
  return expand_cast(e, MAKE(e, "Reshape", all, shape), DT_F32);
}

// Zero points of blocks, `blocks` a row: packed like the weights, or real.
static Value *block_zeros(Expansion *e, Value *zeros, int64_t rows, int64_t blocks, int64_t bits) {
  if (!zeros) return expand_scalar(e, DT_F32, (double)(1 << (bits - 1)));
  if (zeros->type == DT_U8) zeros = expand_slice(e, unpacked(e, RESHAPE(e, zeros, rows, -1), bits), 1, 0, blocks, 1);
  return RESHAPE(e, expand_cast(e, zeros, DT_F32), rows, blocks, 1);
}

// y = a · wᵀ for weights [N, blocks, bytes of a block] with a scale for each block.
bool expand_matmul_nbits(Expansion *e, Node *node) {
  Value *a = node->in[0], *scales = node->in[2], *bias = node_in(node, 5);
  int64_t k = node_int(node, "K", 0), n = node_int(node, "N", 0), block = node_int(node, "block_size", 0), bits;
  if (!read_bits(e, node, &bits)) return false;
  if (k < 1 || n < 1 || block < 1) return node_error(e->model, node, "'K', 'N' and 'block_size' must be positive");
  int64_t blocks = div_up(k, block);
  Value *w = RESHAPE(e, unpacked(e, RESHAPE(e, node->in[1], n, blocks, -1), bits), n, blocks, block);
  Value *zero = block_zeros(e, node_in(node, 3), n, blocks, bits), *group = node_in(node, 4);
  Value *scale = RESHAPE(e, expand_cast(e, scales, DT_F32), n, blocks, 1);
  if (group) { // each column names its block
    w = expand_slice(e, RESHAPE(e, w, n, -1, 1), 1, 0, k, 1);
    group = expand_slice(e, group, 0, 0, k, 1);
    scale = GATHER(e, scale, group, 1);
    if (node_in(node, 3)) zero = GATHER(e, zero, group, 1);
  }
  w = RESHAPE(e, MUL(e, SUB(e, w, zero), scale), n, -1);
  w = TRANSPOSE(e, blocks * block == k ? w : expand_slice(e, w, 1, 0, k, 1), 1, 0);
  Value *y = MATMUL(e, a, expand_cast(e, w, a->type));
  return expand_done(e, 0, bias ? ADD(e, y, bias) : y);
}

// Slices of a table that is quantised by blocks along another axis. Bytes hold several numbers along the last axis.
bool expand_gather_block_quantized(Expansion *e, Node *node) {
  Value *data = node->in[0], *at = node->in[1], *scales = node->in[2], *zeros = node_in(node, 3);
  int64_t block = node_int(node, "block_size", 128), bits, blocks, size;
  int axis, from, rank = data->rank;
  bool bytes = data->type == DT_U8;
  if (!read_bits(e, node, &bits) || !expand_axis(e, "quantize_axis", 1, rank, &axis)) return false;
  if (!expand_axis(e, "gather_axis", 0, rank, &from)) return false;
  if (axis == from || (bytes && axis != rank - 1) || block < 1)
    return node_error(e->model, node, "blocks must lie along another axis than what is gathered, of bytes the last");
  if (!expand_const_dim(e, 0, axis, &size) || !expand_const_dim(e, 2, axis, &blocks)) return false;
  if (bytes) size *= 8 / bits;
  if (blocks != div_up(size, block))
    return node_error(e->model, node, "%lld scales for %lld blocks", (long long)blocks, (long long)div_up(size, block));
  Value *w = GATHER(e, data, at, from), *scale = expand_cast(e, GATHER(e, scales, at, from), DT_F32);
  Value *zero = zeros ? GATHER(e, zeros, at, from) : expand_scalar(e, DT_F32, bytes ? (double)(1 << (bits - 1)) : 0);
  if (from < axis) axis += at->rank - 1;
  int64_t *block_of = NEW_ARRAY(e->model->arena, int64_t, (size_t)size);
  for (int64_t i = 0; i < size; i++) block_of[i] = i / block;
  Value *own = expand_ints(e, (size_t)size, block_of);
  w = bytes ? unpacked(e, w, bits) : expand_cast(e, w, DT_F32);
  if (zeros) zero = GATHER(e, bytes ? unpacked(e, zero, bits) : expand_cast(e, zero, DT_F32), own, axis);
  Value *y = MUL(e, SUB(e, w, zero), GATHER(e, scale, own, axis));
  return expand_done(e, 0, expand_cast(e, y, scales->type));
}
