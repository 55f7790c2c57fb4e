// LinearAttention: a matrix of state a head, changed by one token after the other:
//   S = exp(g) · S,  u = β · (v - Sᵀk),  S = S + k · uᵀ,  o = scale · Sᵀq
// without g where the rule is not gated, and u = v where it is no delta rule.
#include "compiler/ops/expand_heads.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 64 }; // each is written out

typedef struct {
  Value *q, *k, *v, *decay, *beta; // [batch, length, heads, ...] in float32; the last two may be NULL
  Value *state;                    // [batch, heads, size of keys, size of values]; NULL: zeros
  int64_t steps, size;
  double scale;
} Recurrence;

// Token t of [batch, length, ...].
static Value *token(Expansion *e, Value *x, int64_t t) { return SQUEEZE(e, expand_slice(e, x, 1, t, t + 1, 1), 1); }

// The output of token t, [batch, heads, queries of a head, size of values]; moves the state.
static Value *step(Expansion *e, Recurrence *r, int64_t t) {
  Value *k = token(e, r->k, t), *u = UNSQUEEZE(e, token(e, r->v, t), 2), *s = r->state;
  if (s && r->decay) s = MUL(e, s, EXP(e, UNSQUEEZE(e, token(e, r->decay, t), 3)));
  if (r->beta) {
    if (s) u = SUB(e, u, MATMUL(e, UNSQUEEZE(e, k, 2), s));
    u = MUL(e, u, UNSQUEEZE(e, token(e, r->beta, t), 3));
  }
  Value *more = MUL(e, UNSQUEEZE(e, k, 3), u);
  r->state = s ? ADD(e, s, more) : more;
  Value *y = MATMUL(e, token(e, r->q, t), r->state);
  return MUL(e, y, SCALAR(e, y, r->scale));
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
  Value *past = node_in(node, 3), *decay = node_in(node, 4), *beta = node_in(node, 5), *y[MOST_STEPS];
  int64_t heads = node_int(node, "kv_num_heads", 0), q_heads = node_int(node, "q_num_heads", 0), hidden, rates = 1;
  bool gated, delta;
  Recurrence r = {.scale = node_float(node, "scale", 0)};
  for (size_t i = 0; i < 3; i++)
    if (!need_rank(e->model, node, i, 3, 3)) return false;
  if (!read_rule(e, node, &gated, &delta) || !check_heads(e, q_heads, heads)) return false;
  if (!expand_const_dim(e, 0, 1, &r.steps) || !expand_const_dim(e, 0, 2, &hidden)) return false;
  if (beta && (!need_rank(e->model, node, 5, 3, 3) || !expand_const_dim(e, 5, 2, &rates))) return false;
  if (r.steps < 1 || r.steps > MOST_STEPS)
    return node_error(e->model, node, "%lld steps are not supported; 1 to %d are", (long long)r.steps, MOST_STEPS);
  r.size = hidden / q_heads;
  if (r.scale == 0) r.scale = 1 / sqrt((double)r.size);
  r.q = RESHAPE(e, expand_cast(e, node->in[0], DT_F32), 0, 0, heads, q_heads / heads, r.size);
  r.k = by_heads(e, node->in[1], heads);
  r.v = by_heads(e, node->in[2], heads);
  r.decay = decay ? by_heads(e, decay, heads) : NULL;
  r.beta = beta ? by_heads(e, beta, rates) : NULL;
  r.state = past ? expand_cast(e, past, DT_F32) : NULL;
  for (int64_t t = 0; t < r.steps; t++) y[t] = RESHAPE(e, step(e, &r, t), 0, 1, -1);
  Value *all = with_int(expand_make(e, "Concat", (size_t)r.steps, y), "axis", 1);
  expand_done(e, 1, expand_cast(e, r.state, past ? past->type : node->in[0]->type));
  return expand_done(e, 0, expand_cast(e, all, node->in[0]->type));
}
