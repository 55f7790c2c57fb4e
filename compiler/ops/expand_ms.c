// com.microsoft: activations, products of matrices and normalisations that exporters fuse.
#include "compiler/ops/expand.h"

#include <string.h>

/* activations */

bool expand_bias_gelu(Expansion *e, Node *node) {
  return expand_done(e, 0, MAKE(e, "Gelu", ADD(e, node->in[0], node->in[1])));
}

bool expand_fast_gelu(Expansion *e, Node *node) {
  Value *x = node->in[0], *bias = node_in(node, 1);
  return expand_done(e, 0, with_string(MAKE(e, "Gelu", bias ? ADD(e, x, bias) : x), "approximate", "tanh"));
}

// The parameters of an activation, under the names that fused operators and the operators themselves give them.
static const struct {
  const char *type, *alpha, *beta;
} activations[] = {{"Relu", NULL, NULL},
                   {"Tanh", NULL, NULL},
                   {"Sigmoid", NULL, NULL},
                   {"Softplus", NULL, NULL},
                   {"Softsign", NULL, NULL},
                   {"Elu", "alpha", NULL},
                   {"Gelu", NULL, NULL},
                   {"LeakyRelu", "alpha", NULL},
                   {"ThresholdedRelu", "alpha", NULL},
                   {"HardSigmoid", "alpha", "beta"}};

// `params` (activation_params) or, where it is NULL, activation_alpha and activation_beta.
static Value *activated(Expansion *e, Value *x, const double *params, size_t count) {
  const char *name = node_string(e->node, "activation", "");
  const Attr *alpha = node_attr(e->node, "activation_alpha"), *beta = node_attr(e->node, "activation_beta");
  if (!*name) return x;
  if (!strcmp(name, "Clip")) {
    if (count == 2) return MAKE(e, "Clip", x, SCALAR(e, x, params[0]), SCALAR(e, x, params[1]));
    return node_report(e->model, e->node, "'activation_params' of Clip must have two numbers"), NULL;
  }
  for (size_t i = 0; i < COUNT(activations); i++) {
    if (strcmp(name, activations[i].type)) continue;
    Value *y = MAKE(e, activations[i].type, x);
    if (activations[i].alpha && (count > 0 || alpha)) with_float(y, "alpha", count > 0 ? params[0] : alpha->f);
    if (activations[i].beta && (count > 1 || beta)) with_float(y, "beta", count > 1 ? params[1] : beta->f);
    return y;
  }
  return node_report(e->model, e->node, "activation '%.64s' is not supported", name), NULL;
}

bool expand_fused_conv(Expansion *e, Node *node) {
  static const char *const attributes[] = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"};
  const Attr *params = node_attr(node, "activation_params");
  bool given = params && params->type == ATTR_FLOATS;
  Value *y = MAKE(e, "Conv", node->in[0], node->in[1], node_in(node, 2)), *more = node_in(node, 3);
  for (size_t i = 0; i < COUNT(attributes); i++) with_same(e, y, attributes[i]);
  y = activated(e, more ? ADD(e, y, more) : y, given ? params->floats : NULL, given ? params->count : 0);
  return y && expand_done(e, 0, y);
}

bool expand_fused_gemm(Expansion *e, Node *node) {
  static const char *const attributes[] = {"alpha", "beta", "transA", "transB"};
  Value *y = MAKE(e, "Gemm", node->in[0], node->in[1], node_in(node, 2));
  for (size_t i = 0; i < COUNT(attributes); i++) with_same(e, y, attributes[i]);
  y = activated(e, y, NULL, 0);
  return y && expand_done(e, 0, y);
}

/* products */

// The axes of a matrix operand put in order: [batch ..., rows, columns].
static Value *in_order(Expansion *e, Value *x, bool columns_first, bool rows_before_batch) {
  int rank = x->rank;
  int64_t perm[MAX_RANK];
  if (rank < 2 || !(columns_first || rows_before_batch)) return x;
  for (int i = 0; i < rank; i++) perm[i] = i;
  if (rows_before_batch) {
    for (int i = 0; i < rank - 2; i++) perm[i] = i + 1;
    perm[rank - 2] = 0;
  }
  if (columns_first) {
    int64_t last = perm[rank - 1];
    perm[rank - 1] = perm[rank - 2];
    perm[rank - 2] = last;
  }
  return expand_transpose(e, x, (size_t)rank, perm);
}

bool expand_fused_matmul(Expansion *e, Node *node) {
  Value *a = in_order(e, node->in[0], node_int(node, "transA", 0), node_int(node, "transBatchA", 0));
  Value *b = in_order(e, node->in[1], node_int(node, "transB", 0), node_int(node, "transBatchB", 0));
  Value *y = MATMUL(e, a, b);
  return expand_done(e, 0, MUL(e, y, SCALAR(e, y, node_float(node, "alpha", 1))));
}

/* normalisations */

static Value *layer_norm(Expansion *e, Value *x, Value *scale, Value *bias, double epsilon) {
  return with_float(with_int(MAKE(e, "LayerNormalization", x, scale, bias), "axis", -1), "epsilon", epsilon);
}

bool expand_ms_layer_norm(Expansion *e, Node *node) {
  Value *y = MAKE(e, "LayerNormalization", node->in[0], node->in[1], node_in(node, 2));
  const char *const attributes[] = {"axis", "epsilon", "stash_type"};
  for (size_t i = 0; i < COUNT(attributes); i++) with_same(e, y, attributes[i]);
  for (size_t i = 1; i < 3; i++)
    if (node_has_out(node, i)) expand_done(e, i, more_results(e, y, i));
  return expand_done(e, 0, y);
}

// x / √(mean(x²) + epsilon) · scale; output `inverse` is what x is multiplied by.
static bool root_mean_square(Expansion *e, Value *x, Value *scale, int axis, int rank, double epsilon, size_t inverse) {
  int64_t axes[MAX_RANK];
  size_t count = 0;
  DType work = x->type == DT_F64 ? DT_F64 : DT_F32;
  if (!node_has_out(e->node, inverse)) {
    Value *y = with_int(MAKE(e, "RMSNormalization", x, scale), "axis", axis);
    return expand_done(e, 0, with_float(y, "epsilon", epsilon));
  }
  for (int i = axis; i < rank; i++) axes[count++] = i;
  x = expand_cast(e, x, work);
  Value *mean = expand_reduce(e, "ReduceMean", MUL(e, x, x), count, axes);
  Value *by = RECIPROCAL(e, SQRT(e, ADD(e, mean, SCALAR(e, x, epsilon))));
  Value *y = expand_cast(e, MUL(e, x, by), scale->type);
  expand_done(e, inverse, by);
  return expand_done(e, 0, MUL(e, y, scale));
}

bool expand_simplified_layer_norm(Expansion *e, Node *node) {
  int axis, rank = node->in[0]->rank;
  if (!expand_axis(e, "axis", -1, rank, &axis)) return false;
  return root_mean_square(e, node->in[0], node->in[1], axis, rank, node_float(node, "epsilon", 1e-5), 1);
}

// input + skip + bias, which is also output 3.
static Value *skipped(Expansion *e, const Node *node, Value *bias) {
  Value *sum = ADD(e, node->in[0], node->in[1]);
  return bias ? ADD(e, sum, bias) : sum;
}

bool expand_skip_layer_norm(Expansion *e, Node *node) {
  Value *sum = skipped(e, node, node_in(node, 4));
  Value *y = layer_norm(e, sum, node->in[2], node_in(node, 3), node_float(node, "epsilon", 1e-12));
  for (size_t i = 1; i < 3; i++)
    if (node_has_out(node, i)) expand_done(e, i, more_results(e, y, i));
  expand_done(e, 3, sum);
  return expand_done(e, 0, y);
}

bool expand_skip_simplified_layer_norm(Expansion *e, Node *node) {
  Value *sum = skipped(e, node, node_in(node, 3));
  int rank = node->in[0]->rank;
  if (!need_rank(e->model, node, 0, 1, MAX_RANK)) return false;
  expand_done(e, 3, sum);
  return root_mean_square(e, sum, node->in[2], rank - 1, rank, node_float(node, "epsilon", 1e-12), 2);
}

bool expand_embed_layer_norm(Expansion *e, Node *node) {
  Value *ids = node->in[0], *segments = node_in(node, 1), *segment_table = node_in(node, 4), *mask = node_in(node, 7);
  Value *positions = node_in(node, 8), *places = node->in[3];
  if (!need_rank(e->model, node, 0, 2, 2)) return false;
  if (!segments != !segment_table) return node_error(e->model, node, "segments and their embedding must come together");
  Value *length = expand_size(e, ids->dims[1], ids, 1);
  Value *place = positions ? GATHER(e, places, positions, 0) : MAKE(e, "Slice", places, INT(e, 0), length, INT(e, 0));
  Value *sum = ADD(e, GATHER(e, node->in[2], ids, 0), place);
  if (segments) sum = ADD(e, sum, GATHER(e, segment_table, segments, 0));
  Value *y = layer_norm(e, sum, node->in[5], node->in[6], node_float(node, "epsilon", 1e-12));
  if (node_has_out(node, 1)) {
    Value *zero = expand_scalar(e, DT_I32, 0);
    Value *count =
        mask ? with_int(MAKE(e, "ReduceSum", mask, INT(e, 1)), "keepdims", 0) : EXPAND_TO(e, zero, DIM(e, ids, 0));
    expand_done(e, 1, count);
  }
  expand_done(e, 2, sum);
  return expand_done(e, 0, y);
}
