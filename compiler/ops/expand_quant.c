// Quantised operators of ai.onnx. Sums of products of 8-bit integers are computed in float32, which holds integers
// below 2^24 exactly: one factor is split in two where a sum could exceed that.
#include "compiler/ops/expand_quant.h"

#include <string.h>

Value *centred(Expansion *e, Value *q, Value *zero_point) {
  Value *x = expand_cast(e, q, DT_F32);
  return zero_point ? SUB(e, x, expand_cast(e, zero_point, DT_F32)) : x;
}

Value *dequantised(Expansion *e, Value *q, Value *scale, Value *zero_point) {
  return MUL(e, centred(e, q, zero_point), expand_cast(e, scale, DT_F32));
}

Value *quantised(Expansion *e, Value *x, Value *scale, Value *zero_point, DType type) {
  bool is_signed = dtype_is_signed(type);
  if (scale) x = DIV(e, x, expand_cast(e, scale, DT_F32));
  x = MAKE(e, "Round", x);
  if (zero_point) x = ADD(e, x, expand_cast(e, zero_point, DT_F32));
  return expand_cast(e, MAKE(e, "Clip", x, SCALAR(e, x, is_signed ? -128 : 0), SCALAR(e, x, is_signed ? 127 : 255)),
                     type);
}

Value *as_column(Expansion *e, Value *value) {
  bool many = value && value->rank == 1 && !(dim_is_const(value->dims[0]) && value->dims[0].value == 1);
  return many ? UNSQUEEZE(e, value, -1) : value;
}

/* exact sums of products */

// The largest magnitude of q - zero point.
static int64_t most_of(const Value *q, const Value *zero_point) {
  if (!zero_point) return q->type == DT_I8 ? 128 : 255;
  if (q->type != DT_I8 || !zero_point->data) return 255;
  for (int64_t i = 0; i < tensor_count(zero_point->data); i++)
    if (tensor_int(zero_point->data, i)) return 255;
  return 128;
}

static Value *product(Expansion *e, const char *type, Value *a, Value *b) {
  static const char *const attributes[] = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"};
  Value *y = MAKE(e, type, a, b);
  for (size_t i = 0; i < COUNT(attributes) && !strcmp(type, "Conv"); i++) with_same(e, y, attributes[i]);
  return expand_cast(e, y, DT_I32);
}

// a · b for integers in float32, `terms` products of at most `most` to a sum. b = 16 · high + low for low in -8 ... 7.
static Value *exact_product(Expansion *e, const char *type, Value *a, Value *b, int64_t terms, int64_t most_a,
                            int64_t most_b) {
  const int64_t limit = 1 << 24;
  if (terms * most_a * most_b < limit) return product(e, type, a, b);
  if (terms * most_a * ((most_b + 8) / 16) >= limit) {
    node_report(e->model, e->node, "sums of %lld integer products are not supported", (long long)terms);
    return NULL;
  }
  Value *sixteenth = SCALAR(e, b, 1. / 16), *half = SCALAR(e, b, 0.5), *sixteen = SCALAR(e, b, 16);
  Value *high = FLOOR(e, ADD(e, MUL(e, b, sixteenth), half)), *low = SUB(e, b, MUL(e, high, sixteen));
  Value *y = product(e, type, a, high);
  return ADD(e, MUL(e, y, SCALAR(e, y, 16)), product(e, type, a, low));
}

// q - zero point as int32.
static Value *centred_integer(Expansion *e, Value *q, Value *zero_point) {
  Value *x = expand_cast(e, q, DT_I32);
  return zero_point ? SUB(e, x, expand_cast(e, zero_point, DT_I32)) : x;
}

Value *integer_matmul(Expansion *e, Value *a, Value *a_zero, Value *b, Value *b_zero, Dim terms) {
  if (!dim_is_const(terms) || terms.value > INT32_MAX)
    return MAKE(e, "MatMul", centred_integer(e, a, as_column(e, a_zero)), centred_integer(e, b, b_zero));
  return exact_product(e, "MatMul", centred(e, a, as_column(e, a_zero)), centred(e, b, b_zero), terms.value,
                       most_of(a, a_zero), most_of(b, b_zero));
}

// Of inputs number `a` and `b` of the node.
static Value *input_product(Expansion *e, const Node *node, size_t a, size_t a_zero, size_t b, size_t b_zero) {
  Value *x = node->in[a], *y = node->in[b];
  if (!need_rank(e->model, e->node, a, 1, MAX_RANK) || !need_rank(e->model, e->node, b, 1, MAX_RANK)) return NULL;
  Dim terms = x->dims[x->rank - 1];
  if (!dim_is_const(terms)) terms = y->dims[y->rank > 1 ? y->rank - 2 : 0];
  return integer_matmul(e, x, node_in(node, a_zero), y, node_in(node, b_zero), terms);
}

bool expand_matmul_integer(Expansion *e, Node *node) {
  Value *y = input_product(e, node, 0, 2, 1, 3);
  return y && expand_done(e, 0, y);
}

bool expand_qlinear_matmul(Expansion *e, Node *node) {
  Value *y = input_product(e, node, 0, 2, 3, 5), *zero_point = node->in[7];
  if (!y) return false;
  Value *a_scale = expand_cast(e, as_column(e, node->in[1]), DT_F32), *b_scale = expand_cast(e, node->in[4], DT_F32);
  Value *scale = DIV(e, MUL(e, a_scale, b_scale), expand_cast(e, as_column(e, node->in[6]), DT_F32));
  Value *real = MUL(e, expand_cast(e, y, DT_F32), scale);
  return expand_done(e, 0, quantised(e, real, NULL, as_column(e, zero_point), zero_point->type));
}

// A value per output channel, for weights [channels, ...] of this rank.
static Value *per_filter(Expansion *e, Value *value, int rank) {
  int64_t dims[MAX_RANK] = {-1};
  if (!value || value->rank == 0) return value;
  for (int i = 1; i < rank; i++) dims[i] = 1;
  return MAKE(e, "Reshape", value, expand_ints(e, (size_t)rank, dims));
}

static Value *integer_conv(Expansion *e, Value *x, Value *x_zero, size_t weight, Value *w_zero) {
  Value *w = e->node->in[weight];
  int64_t terms = 1, size;
  if (!need_rank(e->model, e->node, weight, 3, MAX_RANK)) return NULL;
  for (int i = 1; i < w->rank; i++) {
    if (!expand_const_dim(e, weight, i, &size)) return NULL;
    if (!mul_size(terms, size, &terms) || terms > INT32_MAX) terms = INT32_MAX;
  }
  return exact_product(e, "Conv", centred(e, x, x_zero), centred(e, w, per_filter(e, w_zero, w->rank)), terms,
                       most_of(x, x_zero), most_of(w, w_zero));
}

bool expand_conv_integer(Expansion *e, Node *node) {
  Value *y = integer_conv(e, node->in[0], node_in(node, 2), 1, node_in(node, 3));
  return y && expand_done(e, 0, y);
}

bool expand_qlinear_conv(Expansion *e, Node *node) {
  Value *y = integer_conv(e, node->in[0], node->in[2], 3, node->in[5]), *bias = node_in(node, 8);
  int rank = node->in[0]->rank;
  if (!y) return false;
  if (bias) y = ADD(e, y, expand_channels(e, bias, rank));
  Value *w_scale = node->in[4]->rank ? expand_channels(e, node->in[4], rank) : node->in[4];
  Value *scale = DIV(e, MUL(e, node->in[1], w_scale), node->in[6]);
  Value *real = MUL(e, expand_cast(e, y, DT_F32), scale);
  return expand_done(e, 0, quantised(e, real, NULL, node->in[7], node->in[7]->type));
}

/* dynamic quantisation */

static Value *extreme(Expansion *e, const char *reduction, Value *x) {
  return with_int(MAKE(e, reduction, x), "keepdims", 0);
}

Quantised quantised_dynamically(Expansion *e, Value *x) {
  Value *zero = SCALAR(e, x, 0), *one = SCALAR(e, x, 1), *most = SCALAR(e, x, 255);
  Value *high = MAX(e, extreme(e, "ReduceMax", x), zero), *low = MIN(e, extreme(e, "ReduceMin", x), zero);
  Value *span = SUB(e, high, low), *scale = DIV(e, WHERE(e, EQUAL(e, span, zero), one, span), most);
  Value *zero_point = MAKE(e, "Round", MAKE(e, "Clip", NEG(e, DIV(e, low, scale)), zero, most));
  return (Quantised){quantised(e, x, scale, zero_point, DT_U8), scale, expand_cast(e, zero_point, DT_U8)};
}

bool expand_dynamic_quantize_linear(Expansion *e, Node *node) {
  Quantised y = quantised_dynamically(e, node->in[0]);
  expand_done(e, 1, y.scale);
  expand_done(e, 2, y.zero_point);
  return expand_done(e, 0, y.q);
}
