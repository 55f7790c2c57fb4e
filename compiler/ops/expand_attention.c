// Attention of ai.onnx: Attention, FlexAttention, RotaryEmbedding, CausalConvWithState.
#include "compiler/ops/expand_heads.h"

#include <math.h>
#include <string.h>

typedef struct {
  Value *q, *k, *v; // [batch, heads, length, size], with the past
  Value *past, *nonpad;
  Dim queries, keys; // lengths; keys with the past
  int64_t q_heads, kv_heads, size;
  bool packed; // inputs and output are [batch, length, heads · size]
} Heads;

static Dim dim_sum(const Expansion *e, Dim a, Dim b) { return dim_op(e->model->dims, DIM_ADD, a, b); }

static bool read_packed(Expansion *e, const Node *node, Heads *h) {
  int64_t hidden;
  h->packed = true;
  h->q_heads = node_int(node, "q_num_heads", 0);
  h->kv_heads = node_int(node, "kv_num_heads", 0);
  if (!expand_const_dim(e, 0, 2, &hidden) || !check_heads(e, h->q_heads, h->kv_heads)) return false;
  h->size = hidden / h->q_heads;
  h->queries = node->in[0]->dims[1];
  h->keys = node->in[1]->dims[1];
  h->q = split_heads(e, node->in[0], h->q_heads);
  h->k = split_heads(e, node->in[1], h->kv_heads);
  h->v = split_heads(e, node->in[2], h->kv_heads);
  return true;
}

static bool read_heads(Expansion *e, const Node *node, Heads *h) {
  int rank = node->in[0]->rank;
  *h = (Heads){.q = node->in[0], .k = node->in[1], .v = node->in[2]};
  for (size_t i = 0; i < 3; i++)
    if ((rank != 3 || i > 0) && !need_rank(e->model, e->node, i, rank == 3 ? 3 : 4, rank == 3 ? 3 : 4)) return false;
  if (rank == 3) return read_packed(e, node, h);
  h->queries = h->q->dims[2];
  h->keys = h->k->dims[2];
  return expand_const_dim(e, 0, 1, &h->q_heads) && expand_const_dim(e, 1, 1, &h->kv_heads) &&
         expand_const_dim(e, 0, 3, &h->size) && check_heads(e, h->q_heads, h->kv_heads);
}

static double read_scale(const Node *node, int64_t size) { return node_float(node, "scale", 1 / sqrt((double)size)); }

// The mask as something to add, continued to all keys.
static Value *mask_bias(Expansion *e, Value *mask, const Heads *h) {
  DType type = h->q->type;
  Value *bias = mask->type == DT_BOOL ? bias_where(e, mask, type) : expand_cast(e, mask, type);
  int last = mask->rank - 1;
  if (last < 0 || dim_equal(mask->dims[last], h->keys)) return bias;
  int64_t zeros[2 * MAX_RANK] = {0};
  Value *more = SUB(e, expand_size(e, h->keys, h->k, 2), expand_size(e, mask->dims[last], mask, last));
  Value *pads = CONCAT(e, 0, expand_ints(e, (size_t)(2 * mask->rank - 1), zeros), more);
  return MAKE(e, "Pad", bias, pads, expand_scalar(e, type, -INFINITY));
}

static Value *both(Expansion *e, Value *a, Value *b) { return a ? AND(e, a, b) : b; }

// Which keys each query may look at because of where they stand; NULL: all.
static Value *allowed_keys(Expansion *e, const Node *node, const Heads *h) {
  int64_t left = node_int(node, "left_window_size", -1), right = node_int(node, "right_window_size", -1);
  bool causal = node_int(node, "is_causal", 0), moves = causal || left >= 0 || right >= 0;
  if (!moves && !h->nonpad) return NULL;
  Value *key = expand_range(e, expand_size(e, h->keys, h->k, 2)), *allowed = NULL;
  Value *nonpad = h->nonpad ? RESHAPE(e, h->nonpad, -1, 1, 1, 1) : NULL;
  if (moves) { // queries stand at the end of what there is
    Value *count = expand_size(e, h->queries, h->q, 2), *query = RESHAPE(e, expand_range(e, count), -1, 1);
    if (h->past) query = ADD(e, query, expand_size(e, h->past->dims[2], h->past, 2));
    if (nonpad) query = ADD(e, query, SUB(e, nonpad, count));
    if (causal) allowed = LESS_EQUAL(e, key, query);
    if (left >= 0) allowed = both(e, allowed, LESS_EQUAL(e, SUB(e, query, INT(e, left)), key));
    if (right >= 0) allowed = both(e, allowed, LESS_EQUAL(e, key, ADD(e, query, INT(e, right))));
  }
  return nonpad ? both(e, allowed, LESS(e, key, nonpad)) : allowed;
}

// Softmax in the type that the node asks for.
static Value *probabilities(Expansion *e, const Node *node, Value *scores, Value *bias, bool rows_may_be_empty) {
  DType type = scores->type, precision = (DType)node_int(node, "softmax_precision", type);
  Value *wide = bias ? expand_cast(e, bias, precision) : NULL;
  return expand_cast(e, masked_softmax(e, expand_cast(e, scores, precision), wide, rows_may_be_empty), type);
}

bool expand_attention(Expansion *e, Node *node) {
  enum { RAW, CAPPED, WITH_BIAS, SOFTMAX };
  Heads h;
  Value *mask = node_in(node, 3), *past_value = node_in(node, 5);
  double cap = node_float(node, "softcap", 0);
  int64_t mode = node_int(node, "qk_matmul_output_mode", RAW);
  if (!read_heads(e, node, &h)) return false;
  h.past = node_in(node, 4);
  h.nonpad = node_in(node, 6);
  if (!h.past != !past_value) return node_error(e->model, node, "'past_key' and 'past_value' must come together");
  if (h.past && h.nonpad) return node_error(e->model, node, "'nonpad_kv_seqlen' excludes a past");
  if (h.past && (!need_rank(e->model, node, 4, 4, 4) || !need_rank(e->model, node, 5, 4, 4))) return false;
  if (mode < RAW || mode > SOFTMAX) return node_error(e->model, node, "'qk_matmul_output_mode' must be 0 to 3");
  if (h.past) {
    h.keys = dim_sum(e, h.keys, h.past->dims[2]);
    h.k = CONCAT(e, 2, h.past, h.k);
    h.v = CONCAT(e, 2, past_value, h.v);
  }
  Value *scores = head_scores(e, h.q, h.k, h.q_heads, h.kv_heads, read_scale(node, h.size));
  Value *shown[] = {scores, scores, scores, NULL};
  if (cap != 0) {
    Value *by = SCALAR(e, scores, cap);
    shown[CAPPED] = shown[WITH_BIAS] = scores = MUL(e, by, TANH(e, DIV(e, scores, by)));
  }
  Value *allowed = allowed_keys(e, node, &h), *bias = mask ? mask_bias(e, mask, &h) : NULL;
  if (allowed) {
    Value *more = bias_where(e, allowed, scores->type);
    bias = bias ? ADD(e, bias, more) : more;
  }
  if (bias && mode == WITH_BIAS && node_has_out(node, 3)) shown[WITH_BIAS] = ADD(e, scores, bias);
  // Without a mask a query may look at least at itself.
  bool rows_may_be_empty = mask || h.nonpad || node_int(node, "left_window_size", -1) >= 0;
  shown[SOFTMAX] = probabilities(e, node, scores, bias, rows_may_be_empty);
  Value *y = head_values(e, shown[SOFTMAX], expand_cast(e, h.v, h.q->type), h.q_heads, h.kv_heads);
  y = h.packed ? merge_heads(e, y) : y;
  expand_done(e, 1, h.k);
  expand_done(e, 2, h.v);
  expand_done(e, 3, shown[mode]);
  return expand_done(e, 0, y);
}

// A modifier of scores or probabilities: a subgraph with one input and one output.
static Value *modified(Expansion *e, const Node *node, const char *name, Value *x) {
  const Attr *attr = node_attr(node, name);
  if (!attr || attr->type != ATTR_GRAPH) return x;
  if (attr->g->input_count == 1 && attr->g->output_count == 1) return expand_inline(e, attr->g, &x);
  node_report(e->model, node, "'%s' must have one input and one output", name);
  return NULL;
}

bool expand_flex_attention(Expansion *e, Node *node) {
  Heads h;
  DType usual = node->in[0]->type == DT_F64 ? DT_F64 : DT_F32;
  DType precision = (DType)node_int(node, "softmax_precision", usual), type = node->in[0]->type;
  if (!need_rank(e->model, node, 0, 4, 4) || !read_heads(e, node, &h)) return false;
  Value *q = expand_cast(e, h.q, precision), *k = expand_cast(e, h.k, precision);
  Value *scores = head_scores(e, q, k, h.q_heads, h.kv_heads, read_scale(node, h.size));
  scores = modified(e, node, "score_mod", scores);
  Value *p = scores ? modified(e, node, "prob_mod", SOFTMAX(e, scores, -1)) : NULL;
  if (!p) return false;
  Value *y = head_values(e, p, expand_cast(e, h.v, precision), h.q_heads, h.kv_heads);
  y->type = precision;
  return expand_done(e, 0, expand_cast(e, y, type));
}

bool expand_rotary_embedding(Expansion *e, Node *node) {
  Value *x = node->in[0], *cos = node->in[1], *sin = node->in[2], *positions = node_in(node, 3);
  bool packed = x->rank == 3, interleaved = node_int(node, "interleaved", 0);
  int64_t size, heads = node_int(node, "num_heads", 0), rotated = node_int(node, "rotary_embedding_dim", 0);
  if (!need_rank(e->model, node, 0, 3, 4) || !expand_const_dim(e, 0, x->rank - 1, &size)) return false;
  if (packed && (heads < 1 || size % heads))
    return node_error(e->model, node, "'num_heads' does not divide the last dim");
  if (packed) size /= heads;
  if (!rotated) rotated = size;
  if (rotated < 0 || rotated > size || rotated % 2)
    return node_error(e->model, node, "%lld of %lld elements cannot be rotated in pairs", (long long)rotated,
                      (long long)size);
  int heads_axis = packed ? 2 : 1;
  cos = UNSQUEEZE(e, positions ? GATHER(e, cos, positions, 0) : cos, heads_axis);
  sin = UNSQUEEZE(e, positions ? GATHER(e, sin, positions, 0) : sin, heads_axis);
  Value *split = packed ? RESHAPE(e, x, 0, 0, heads, -1) : x;
  Value *y = rotate_pairs(e, split, size, rotated, cos, sin, interleaved);
  return expand_done(e, 0, packed ? MAKE(e, "Reshape", y, SHAPE(e, x)) : y);
}

// A depthwise convolution over what came before and now; the last elements are kept for the next time.
bool expand_causal_conv(Expansion *e, Node *node) {
  Value *x = node->in[0], *weight = node->in[1], *bias = node_in(node, 2), *past = node_in(node, 3);
  const char *activation = node_string(node, "activation", "none");
  int64_t channels, kernel;
  if (!need_rank(e->model, node, 0, 3, 3) || !need_rank(e->model, node, 1, 3, 3)) return false;
  if (!expand_const_dim(e, 1, 0, &channels) || !expand_const_dim(e, 1, 2, &kernel)) return false;
  bool swish = !strcmp(activation, "silu") || !strcmp(activation, "swish");
  if (!swish && strcmp(activation, "none"))
    return node_error(e->model, node, "'activation' is '%.64s'; silu, swish and none are possible", activation);
  if (kernel < 1) return node_error(e->model, node, "the kernel is empty");
  Value *all = past ? CONCAT(e, 2, past, x) : MAKE(e, "Pad", x, INTS(e, 0, 0, kernel - 1, 0, 0, 0));
  Value *y = with_int(MAKE(e, "Conv", all, weight, bias), "group", channels);
  Value *kept = MAKE(e, "Slice", all, expand_size(e, x->dims[2], x, 2), INT(e, INT64_MAX), INT(e, 2));
  expand_done(e, 1, kept);
  return expand_done(e, 0, swish ? MUL(e, y, MAKE(e, "Sigmoid", y)) : y);
}
