// com.microsoft: attention.
#include "compiler/ops/expand_heads.h"

#include <math.h>
#include <string.h>

typedef struct {
  Value *q, *k, *v; // [batch, heads, length, size]
  Value *past_k, *past_v;
  Dim past, queries, keys; // lengths; keys without the past
  int64_t heads, kv_heads, size;
} Heads;

// All keys, with the past.
static Value *key_count(Expansion *e, const Heads *h) {
  return expand_size(e, dim_op(e->model->dims, DIM_ADD, h->past, h->keys), h->k, 2);
}

static void join_past(Expansion *e, Heads *h) {
  if (!h->past_k) return;
  h->k = CONCAT(e, 2, h->past_k, h->k);
  h->v = CONCAT(e, 2, h->past_v, h->v);
}

// Where queries stand among all keys, as a column.
static Value *query_places(Expansion *e, const Heads *h) {
  Value *place = RESHAPE(e, expand_range(e, expand_size(e, h->queries, h->q, 2)), -1, 1);
  return h->past_k ? ADD(e, place, expand_size(e, h->past, h->past_k, 2)) : place;
}

static Value *sum_of(Expansion *e, Value *a, Value *b) { return a && b ? ADD(e, a, b) : a ? a : b; }

// The bias of a mask of keys: [batch] lengths, or numbers not 0 at the keys to look at as [batch, keys],
// [batch, queries, keys] or [batch, 1, queries, keys]. NULL after an error.
static Value *key_mask_bias(Expansion *e, Value *mask, Dim batch, const Heads *h, double filter) {
  Value *zero = expand_scalar(e, h->q->type, 0), *out = expand_scalar(e, h->q->type, filter), *allowed;
  bool fits = mask->rank != 1 || dim_equal(mask->dims[0], batch);
  if (mask->rank < 1 || mask->rank > 4 || !fits) {
    node_report(e->model, e->node, "a mask of this form is not supported");
    return NULL;
  }
  if (mask->rank == 1) {
    Value *length = RESHAPE(e, expand_cast(e, mask, DT_I64), -1, 1, 1, 1);
    allowed = LESS(e, expand_range(e, key_count(e, h)), length);
  } else {
    if (mask->rank == 2)
      mask = UNSQUEEZE(e, mask, 1, 2);
    else if (mask->rank == 3)
      mask = UNSQUEEZE(e, mask, 1);
    allowed = LESS(e, SCALAR(e, mask, 0), mask);
  }
  return WHERE(e, allowed, zero, out);
}

static double scale_of(const Node *node, int64_t size) {
  double scale = node_float(node, "scale", 0);
  return scale != 0 ? scale : 1 / sqrt((double)size);
}

// Scores, softmax and values, as [batch, length, heads · size].
static Value *attended(Expansion *e, const Heads *h, Value *bias, double scale) {
  Value *scores = head_scores(e, h->q, h->k, h->heads, h->kv_heads, scale);
  return merge_heads(e, head_values(e, masked_softmax(e, scores, bias, false), h->v, h->heads, h->kv_heads));
}

static Value *causal_bias(Expansion *e, const Heads *h) {
  return bias_where(e, LESS_EQUAL(e, expand_range(e, key_count(e, h)), query_places(e, h)), h->q->type);
}

bool expand_ms_attention(Expansion *e, Node *node) {
  Value *x = node->in[0], *bias = node_in(node, 2), *mask = node_in(node, 3), *past = node_in(node, 4), *sum = NULL;
  Heads h = {.heads = node_int(node, "num_heads", 0), .past = dim_const(0)};
  int64_t hidden, sizes[3];
  size_t count;
  const int64_t *given = node_ints(node, "qkv_hidden_sizes", &count);
  if (!need_rank(e->model, node, 0, 3, 3) || !need_rank(e->model, node, 1, 2, 2)) return false;
  if (!expand_const_dim(e, 1, 1, &hidden) || (given && count != 3)) return false;
  for (int i = 0; i < 3; i++) sizes[i] = given ? given[i] : hidden / 3;
  for (int i = 0; i < 3; i++)
    if (h.heads < 1 || sizes[i] < 1 || sizes[i] % h.heads)
      return node_error(e->model, node, "'num_heads' does not divide the hidden sizes");
  if (node_int(node, "do_rotary", 0)) return node_error(e->model, node, "'do_rotary' is not supported");
  h.kv_heads = h.heads;
  h.size = sizes[0] / h.heads;
  h.queries = h.keys = x->dims[1];
  Value *qkv = MATMUL(e, x, node->in[1]);
  if (bias) qkv = ADD(e, qkv, bias);
  h.q = split_heads(e, expand_slice(e, qkv, 2, 0, sizes[0], 1), h.heads);
  h.k = split_heads(e, expand_slice(e, qkv, 2, sizes[0], sizes[0] + sizes[1], 1), h.heads);
  h.v = split_heads(e, expand_slice(e, qkv, 2, sizes[0] + sizes[1], sizes[0] + sizes[1] + sizes[2], 1), h.heads);
  if (past) { // keys and values in one: [2, batch, heads, length, size]
    if (!need_rank(e->model, node, 4, 5, 5)) return false;
    h.past = past->dims[3];
    h.past_k = SQUEEZE(e, expand_slice(e, past, 0, 0, 1, 1), 0);
    h.past_v = SQUEEZE(e, expand_slice(e, past, 0, 1, 2, 1), 0);
    join_past(e, &h);
  }
  if (mask && !(sum = key_mask_bias(e, mask, x->dims[0], &h, node_float(node, "mask_filter_value", -10000))))
    return false;
  if (node_int(node, "unidirectional", 0)) sum = sum_of(e, sum, causal_bias(e, &h));
  sum = sum_of(e, sum, node_in(node, 5));
  if (node_has_out(node, 1)) expand_done(e, 1, CONCAT(e, 0, UNSQUEEZE(e, h.k, 0), UNSQUEEZE(e, h.v, 0)));
  return expand_done(e, 0, attended(e, &h, sum, scale_of(node, h.size)));
}

// Part i of [batch, length, heads, parts, size], seen by heads.
static Value *packed_part(Expansion *e, Value *x, int i) {
  return TRANSPOSE(e, SQUEEZE(e, expand_slice(e, x, 3, i, i + 1, 1), 3), 0, 2, 1, 3);
}

static Value *with_bias(Expansion *e, Value *x, Value *bias, int64_t from, int64_t size) {
  return bias ? ADD(e, x, expand_slice(e, bias, 0, from, from + size, 1)) : x;
}

static bool read_multi_head(Expansion *e, Node *node, Heads *h) {
  Value *q = node->in[0], *k = node_in(node, 1), *v = node_in(node, 2), *bias = node_in(node, 3);
  int64_t hidden, v_hidden;
  h->queries = h->keys = q->dims[1];
  if (q->rank == 5) {
    if (bias) return node_error(e->model, node, "a bias of packed inputs is not supported");
    h->q = packed_part(e, q, 0), h->k = packed_part(e, q, 1), h->v = packed_part(e, q, 2);
    return expand_const_dim(e, 0, 4, &h->size);
  }
  if (!need_rank(e->model, node, 0, 3, 3) || !expand_const_dim(e, 0, 2, &hidden)) return false;
  if (hidden % h->heads) return node_error(e->model, node, "'num_heads' does not divide the hidden size");
  h->size = hidden / h->heads;
  h->q = split_heads(e, with_bias(e, q, bias, 0, hidden), h->heads);
  if (!k) return node_error(e->model, node, "'key' is missing");
  h->keys = k->dims[k->rank == 4 ? 2 : 1];
  if (k->rank == 5) {
    if (bias) return node_error(e->model, node, "a bias of packed inputs is not supported");
    h->k = packed_part(e, k, 0), h->v = packed_part(e, k, 1);
    return true;
  }
  if (!v) return node_error(e->model, node, "'value' is missing");
  if (k->rank == 4) return h->k = k, h->v = v, true; // computed before, with their bias
  if (!need_rank(e->model, node, 1, 3, 3) || !need_rank(e->model, node, 2, 3, 3)) return false;
  if (!expand_const_dim(e, 2, 2, &v_hidden)) return false;
  h->k = split_heads(e, with_bias(e, k, bias, hidden, hidden), h->heads);
  h->v = split_heads(e, with_bias(e, v, bias, 2 * hidden, v_hidden), h->heads);
  return true;
}

bool expand_multi_head_attention(Expansion *e, Node *node) {
  Value *mask = node_in(node, 4), *sum = NULL;
  Heads h = {.heads = node_int(node, "num_heads", 0), .past = dim_const(0)};
  h.kv_heads = h.heads;
  if (!need_rank(e->model, node, 0, 3, 5)) return false;
  if (h.heads < 1) return node_error(e->model, node, "'num_heads' is missing");
  if (!read_multi_head(e, node, &h)) return false;
  if (node_in(node, 6) && node_in(node, 7)) {
    if (!need_rank(e->model, node, 6, 4, 4)) return false;
    h.past_k = node->in[6], h.past_v = node->in[7];
    h.past = h.past_k->dims[2];
    join_past(e, &h);
  }
  if (mask && !(sum = key_mask_bias(e, mask, node->in[0]->dims[0], &h, node_float(node, "mask_filter_value", -10000))))
    return false;
  if (node_int(node, "unidirectional", 0)) sum = sum_of(e, sum, causal_bias(e, &h));
  sum = sum_of(e, sum, node_in(node, 5));
  expand_done(e, 1, h.k);
  expand_done(e, 2, h.v);
  return expand_done(e, 0, attended(e, &h, sum, scale_of(node, h.size)));
}

/* grouped queries and rotations */

// The rows of cos or sin for [batch, length] places, along the axis `heads` of what they rotate.
static Value *cache_rows(Expansion *e, Value *cache, Value *places, int heads) {
  return UNSQUEEZE(e, GATHER(e, cache, places, 0), heads);
}

bool expand_ms_rotary_embedding(Expansion *e, Node *node) {
  Value *x = node->in[0], *places = expand_cast(e, node->in[1], DT_I64), *cos = node->in[2], *sin = node->in[3];
  bool packed = x->rank == 3, interleaved = node_int(node, "interleaved", 0);
  int64_t size, heads = node_int(node, "num_heads", 0), rotated;
  if (!need_rank(e->model, node, 0, 3, 4) || !need_rank(e->model, node, 2, 2, 2)) return false;
  if (!expand_const_dim(e, 2, 1, &rotated) || !expand_const_dim(e, 0, x->rank - 1, &size)) return false;
  rotated *= 2;
  if (packed && !heads && rotated) heads = size / rotated;
  if (packed && (heads < 1 || size % heads))
    return node_error(e->model, node, "'num_heads' does not divide the last dim");
  if (packed) size /= heads;
  if (rotated > size) return node_error(e->model, node, "'cos_cache' has more columns than a head has pairs");
  int length_axis = packed ? 1 : 2;
  if (node->in[1]->rank == 1) { // where the first stands
    Value *length = expand_size(e, x->dims[length_axis], x, length_axis);
    places = UNSQUEEZE(e, ADD(e, places, expand_range(e, length)), 0);
  }
  Value *split = packed ? RESHAPE(e, x, 0, 0, heads, -1) : x;
  Value *y = rotate_pairs(e, split, size, rotated, cache_rows(e, cos, places, packed ? 2 : 1),
                          cache_rows(e, sin, places, packed ? 2 : 1), interleaved);
  y = MUL(e, y, SCALAR(e, x, node_float(node, "scale", 1)));
  return expand_done(e, 0, packed ? MAKE(e, "Reshape", y, SHAPE(e, x)) : y);
}

// Queries, keys and values of GroupQueryAttention by heads, packed in one input or three.
static bool read_groups(Expansion *e, Node *node, Heads *h) {
  Value *q = node->in[0], *k = node_in(node, 1), *v = node_in(node, 2);
  int64_t hidden;
  if (!need_rank(e->model, node, 0, 3, 3) || !expand_const_dim(e, 0, 2, &hidden)) return false;
  if (!check_heads(e, h->heads, h->kv_heads)) return false;
  h->queries = h->keys = q->dims[1];
  h->size = hidden / (k ? h->heads : h->heads + 2 * h->kv_heads);
  int64_t q_end = h->heads * h->size, k_end = q_end + h->kv_heads * h->size;
  if (!k) {
    k = expand_slice(e, q, 2, q_end, k_end, 1);
    v = expand_slice(e, q, 2, k_end, hidden, 1);
    q = expand_slice(e, q, 2, 0, q_end, 1);
  }
  if (!v) return node_error(e->model, node, "'value' is missing");
  h->q = split_heads(e, q, h->heads);
  h->k = split_heads(e, k, h->kv_heads);
  h->v = split_heads(e, v, h->kv_heads);
  return true;
}

// Softmax with one score more, `sink` of each head or 0, whose share goes nowhere.
static Value *smooth_softmax(Expansion *e, Value *scores, Value *sink) {
  sink = sink ? RESHAPE(e, sink, 1, -1, 1, 1) : SCALAR(e, scores, 0);
  sink = EXPAND_TO(e, sink, CONCAT(e, 0, expand_shape(e, scores, 0, 3), INT(e, 1)));
  return expand_slice(e, SOFTMAX(e, CONCAT(e, 3, scores, sink), -1), 3, 0, -1, 1);
}

// The past holds no padding: new keys stand behind it in every sample of the batch. The sequences may be shorter than
// what is given (padding on the right of a prompt).
bool expand_group_query_attention(Expansion *e, Node *node) {
  Value *past_k = node_in(node, 3), *cos = node_in(node, 7), *sin = node_in(node, 8), *positions = node_in(node, 9);
  Heads h = {.heads = node_int(node, "num_heads", 0), .kv_heads = node_int(node, "kv_num_heads", 0)};
  int64_t window = node_int(node, "local_window_size", -1), pairs;
  double cap = node_float(node, "softcap", 0);
  h.past = dim_const(0);
  if (!read_groups(e, node, &h)) return false;
  bool has_past = past_k && past_k->rank == 4 && !(dim_is_const(past_k->dims[2]) && past_k->dims[2].value == 0);
  if (has_past) h.past_k = past_k, h.past_v = node->in[4], h.past = past_k->dims[2];
  Value *place = query_places(e, &h);
  if (node_int(node, "do_rotary", 0)) {
    bool interleaved = node_int(node, "rotary_interleaved", 0);
    if (!cos || !sin) return node_error(e->model, node, "'cos_cache' and 'sin_cache' are missing");
    if (!need_rank(e->model, node, 7, 2, 2) || !expand_const_dim(e, 7, 1, &pairs)) return false;
    if (2 * pairs > h.size) return node_error(e->model, node, "'cos_cache' has more columns than a head has pairs");
    Value *at = positions ? positions : RESHAPE(e, place, 1, -1);
    cos = cache_rows(e, cos, at, 1), sin = cache_rows(e, sin, at, 1);
    h.q = rotate_pairs(e, h.q, h.size, 2 * pairs, cos, sin, interleaved);
    h.k = rotate_pairs(e, h.k, h.size, 2 * pairs, cos, sin, interleaved);
  }
  join_past(e, &h);
  Value *key = expand_range(e, key_count(e, &h)), *allowed = LESS_EQUAL(e, key, place);
  if (window >= 0) allowed = AND(e, allowed, LESS(e, SUB(e, place, INT(e, window)), key));
  Value *bias = sum_of(e, bias_where(e, allowed, h.q->type), node_in(node, 10));
  Value *scores = head_scores(e, h.q, h.k, h.heads, h.kv_heads, scale_of(node, h.size));
  if (cap != 0) scores = MUL(e, SCALAR(e, scores, cap), TANH(e, DIV(e, scores, SCALAR(e, scores, cap))));
  bool smooth = node_int(node, "smooth_softmax", 0) > 0 || node_in(node, 11);
  Value *p =
      smooth ? smooth_softmax(e, ADD(e, scores, bias), node_in(node, 11)) : masked_softmax(e, scores, bias, false);
  Value *y = head_values(e, p, h.v, h.heads, h.kv_heads);
  expand_done(e, 1, h.k);
  expand_done(e, 2, h.v);
  return expand_done(e, 0, merge_heads(e, y));
}
