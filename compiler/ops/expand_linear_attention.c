// LinearAttention: a matrix of state a head, changed by one token after the other:
//   S = exp(g) · S,  u = β · (v - Sᵀk),  S = S + k · uᵀ,  o = scale · Sᵀq
// without g where the rule is not gated, and u = v where it is no delta rule.
#include "compiler/ops/expand_heads.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 64 }; // that are written out; more are a Scan

enum { Q, K, V, DECAY, BETA, KINDS };

typedef struct {
  Value *all[KINDS]; // [batch, length, heads, ...] in float32; the last two may be NULL
  Value *state;      // [batch, heads, size of keys, size of values]; NULL: zeros
  double scale;
} Recurrence;

// The output of one token, [batch, heads, queries of a head, size of values]; moves the state.
static Value *step(Expansion *e, Recurrence *r, Value *const token[KINDS]) {
  Value *u = UNSQUEEZE(e, token[V], 2), *s = r->state;
  if (s && token[DECAY]) s = MUL(e, s, EXP(e, UNSQUEEZE(e, token[DECAY], 3)));
  if (token[BETA]) {
    if (s) u = SUB(e, u, MATMUL(e, UNSQUEEZE(e, token[K], 2), s));
    u = MUL(e, u, UNSQUEEZE(e, token[BETA], 3));
  }
  Value *more = MUL(e, UNSQUEEZE(e, token[K], 3), u);
  r->state = s ? ADD(e, s, more) : more;
  Value *y = MATMUL(e, token[Q], r->state);
  return MUL(e, y, SCALAR(e, y, r->scale));
}

// Outputs of all tokens, [batch, length, heads · size of values].
static Value *written_out(Expansion *e, Recurrence *r, int64_t steps) {
  Value *y[MOST_STEPS], *token[KINDS] = {0};
  for (int64_t t = 0; t < steps; t++) {
    for (int i = 0; i < KINDS; i++)
      if (r->all[i]) token[i] = SQUEEZE(e, expand_slice(e, r->all[i], 1, t, t + 1, 1), 1);
    y[t] = RESHAPE(e, step(e, r, token), 0, 1, -1);
  }
  return with_int(expand_make(e, "Concat", (size_t)steps, y), "axis", 1);
}

static Value *scanned(Expansion *e, Recurrence *r) {
  static const int64_t ones[KINDS] = {1, 1, 1, 1, 1};
  Expansion body = expand_body(e, "tokens");
  Value *token[KINDS] = {0}, *in[1 + KINDS];
  size_t count = 0;
  if (!r->state) { // [batch, heads, size of keys, size of values]
    Value *v = r->all[V], *shape = CONCAT(e, 0, DIM(e, v, 0), DIM(e, v, 2), DIM(e, r->all[K], 3), DIM(e, v, 3));
    r->state = EXPAND_TO(e, SCALAR(e, v, 0), shape);
  }
  in[count++] = r->state;
  r->state = expand_body_input(&body, DT_F32);
  for (int i = 0; i < KINDS; i++) {
    if (!r->all[i]) continue;
    in[count++] = r->all[i];
    token[i] = expand_body_input(&body, DT_F32);
  }
  Value *y = step(&body, r, token);
  expand_body_output(&body, r->state);
  expand_body_output(&body, y);
  r->state = expand_make(e, "Scan", count, in);
  with_int(r->state, "num_scan_inputs", (int64_t)count - 1);
  with_ints(with_ints(r->state, "scan_input_axes", count - 1, ones), "scan_output_axes", 1, ones);
  expand_set_body(e, r->state, &body);
  return RESHAPE(e, more_results(e, r->state, 1), 0, 0, -1);
}

static bool read_rule(Expansion *e, const Node *node, bool *gated, bool *delta) {
  const char *rule = node_string(node, "update_rule", "gated_delta");
  *gated = !strncmp(rule, "gated", 5);
  *delta = strlen(rule) >= 5 && !strcmp(rule + strlen(rule) - 5, "delta");
  if (strcmp(rule, "linear") && strcmp(rule, "gated") && strcmp(rule, "delta") && strcmp(rule, "gated_delta"))
    return node_error(e->model, node, "'update_rule' is '%.64s'", rule);
  if (*gated == !node_in(node, 4)) return node_error(e->model, node, "'decay' does not fit the rule '%s'", rule);
  if (*delta == !node_in(node, 5)) return node_error(e->model, node, "'beta' does not fit the rule '%s'", rule);
  return true;
}

// [batch, length, heads · n] in float32 as [batch, length, heads, n]; one head where there is one element.
static Value *by_heads(Expansion *e, Value *x, int64_t heads) {
  return RESHAPE(e, expand_cast(e, x, DT_F32), 0, 0, heads, -1);
}

bool expand_linear_attention(Expansion *e, Node *node) {
  Value *past = node_in(node, 3), *decay = node_in(node, 4), *beta = node_in(node, 5);
  int64_t heads = node_int(node, "kv_num_heads", 0), q_heads = node_int(node, "q_num_heads", 0), hidden, rates = 1;
  bool gated, delta;
  Recurrence r = {.scale = node_float(node, "scale", 0)};
  for (size_t i = 0; i < 3; i++)
    if (!need_rank(e->model, node, i, 3, 3)) return false;
  if (!read_rule(e, node, &gated, &delta) || !check_heads(e, q_heads, heads)) return false;
  if (!expand_const_dim(e, 0, 2, &hidden)) return false;
  if (beta && (!need_rank(e->model, node, 5, 3, 3) || !expand_const_dim(e, 5, 2, &rates))) return false;
  int64_t size = hidden / q_heads;
  Dim steps = node->in[0]->dims[1];
  if (r.scale == 0) r.scale = 1 / sqrt((double)size);
  r.all[Q] = RESHAPE(e, expand_cast(e, node->in[0], DT_F32), 0, 0, heads, q_heads / heads, size);
  r.all[K] = by_heads(e, node->in[1], heads);
  r.all[V] = by_heads(e, node->in[2], heads);
  r.all[DECAY] = decay ? by_heads(e, decay, heads) : NULL;
  r.all[BETA] = beta ? by_heads(e, beta, rates) : NULL;
  r.state = past ? expand_cast(e, past, DT_F32) : NULL;
  bool few = dim_is_const(steps) && steps.value > 0 && steps.value <= MOST_STEPS;
  Value *all = few ? written_out(e, &r, steps.value) : scanned(e, &r);
  expand_done(e, 1, expand_cast(e, r.state, past ? past->type : node->in[0]->type));
  return expand_done(e, 0, expand_cast(e, all, node->in[0]->type));
}
