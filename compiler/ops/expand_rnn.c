// RNN, GRU and LSTM: one matrix product for the inputs of all times, then a Scan over the times whose body is the cell.
//
// A reverse direction is a Scan backwards. Where sequences have lengths of their own, the state stays as it is and the
// output is 0 at times behind a sequence's end, which for a scan backwards comes first.
#include "compiler/ops/expand_quant.h"

#include <string.h>

enum { MOST_GATES = 4, MOST_ACTIVATIONS = 3 };

typedef struct {
  const char *name;
  double alpha, beta;
} Activation;

// One direction of a recurrent operator.
typedef struct {
  Expansion *e;
  int direction, gates;
  bool backwards;
  int64_t hidden;
  Activation activations[MOST_ACTIVATIONS];
  Value *x;          // [T, B, I]
  Value *weights;    // [gates · H, I]; of integers: exchanged
  Value *recurrence; // [gates · H, H]
  Value *scales[2];  // of both where they are integers, else NULL
  Value *zeros[2];   // their zero points
  Value *biases[2];  // of both, [gates · H], or NULL
  Value *peepholes;  // [3 · H], or NULL
  Value *lengths;    // [B], or NULL
  Value *states[2];  // [B, H]; the second is the LSTM's cell
  int state_count;
} Direction;

/* activations */

typedef struct {
  const char *name;
  double alpha, beta; // where the node says nothing
  bool has_alpha, has_beta;
} Kind;
static const Kind kinds[] = {
    {"Sigmoid", 0, 0, false, false},     {"Tanh", 0, 0, false, false},
    {"Relu", 0, 0, false, false},        {"Softsign", 0, 0, false, false},
    {"Softplus", 0, 0, false, false},    {"Affine", 1, 0, true, true},
    {"LeakyRelu", 0.01, 0, true, false}, {"ThresholdedRelu", 1, 0, true, false},
    {"ScaledTanh", 1, 1, true, true},    {"HardSigmoid", 0.2, 0.5, true, true},
    {"Elu", 1, 0, true, false},
};

static bool same_letters(const char *a, const char *b) {
  for (; *a && *b; a++, b++)
    if ((*a | 32) != (*b | 32)) return false;
  return *a == *b;
}

static double number_at(const Node *node, const char *list, size_t i, double otherwise) {
  const Attr *attr = node_attr(node, list);
  return attr && attr->type == ATTR_FLOATS && i < attr->count ? attr->floats[i] : otherwise;
}

// The activations of all directions stand in one list; alphas and betas only for those that have one.
static bool read_activations(Direction *d, const char *const *defaults, int count) {
  const Node *node = d->e->node;
  const Attr *attr = node_attr(node, "activations");
  size_t given = attr && attr->type == ATTR_STRINGS ? attr->count : 0, alphas = 0, betas = 0;
  for (int i = 0; i < (d->direction + 1) * count; i++) {
    const char *name = (size_t)i < given ? attr->strings[i] : defaults[i % count];
    const Kind *kind = NULL;
    for (size_t k = 0; k < COUNT(kinds); k++)
      if (same_letters(kinds[k].name, name)) kind = &kinds[k];
    if (!kind) return node_error(d->e->model, node, "activation '%s' is not known", name);
    Activation a = {kind->name, kind->alpha, kind->beta};
    if (kind->has_alpha) a.alpha = number_at(node, "activation_alpha", alphas++, a.alpha);
    if (kind->has_beta) a.beta = number_at(node, "activation_beta", betas++, a.beta);
    if (i >= d->direction * count) d->activations[i - d->direction * count] = a;
  }
  return true;
}

static Value *apply(Expansion *e, const Activation *a, Value *x) {
  if (!strcmp(a->name, "Affine")) return ADD(e, MUL(e, x, SCALAR(e, x, a->alpha)), SCALAR(e, x, a->beta));
  if (!strcmp(a->name, "ScaledTanh")) return MUL(e, TANH(e, MUL(e, x, SCALAR(e, x, a->beta))), SCALAR(e, x, a->alpha));
  Value *y = MAKE(e, a->name, x);
  bool has_alpha = false;
  for (size_t k = 0; k < COUNT(kinds); k++) has_alpha |= !strcmp(kinds[k].name, a->name) && kinds[k].has_alpha;
  if (has_alpha) with_float(y, "alpha", a->alpha);
  return strcmp(a->name, "HardSigmoid") ? y : with_float(y, "beta", a->beta);
}

// Activation number i of a gate's sum, which `clip` keeps in bounds.
static Value *activate(Expansion *e, const Direction *d, int i, Value *x) {
  const Attr *clip = node_attr(e->node, "clip");
  if (clip && clip->type == ATTR_FLOAT && clip->f > 0)
    x = MAKE(e, "Clip", x, SCALAR(e, x, -clip->f), SCALAR(e, x, clip->f));
  return apply(e, &d->activations[i], x);
}

/* pieces of tensors */

// Rows [from, to) of the last axis but one of `rows`, or of a vector.
static Value *part(Expansion *e, Value *value, int axis, int64_t from, int64_t to) {
  return expand_slice(e, value, axis, from, to, 1);
}

static Value *of_direction(Expansion *e, Value *value, int direction) {
  return value ? GATHER(e, value, expand_scalar(e, DT_I64, direction), 0) : NULL;
}

static Value *gate(Expansion *e, const Direction *d, Value *value, int axis, int i) {
  return part(e, value, axis, i * d->hidden, (i + 1) * d->hidden);
}

// The inputs' part of the gates (0), or the state's (1), in integers where the weights are.
static Value *gate_sums(Expansion *e, const Direction *d, int i, Value *x) {
  Value *w = i ? d->recurrence : d->weights;
  if (!d->scales[i]) return MATMUL(e, x, TRANSPOSE(e, w, 1, 0));
  Dim terms = e->node->in[1 + i]->dims[1];
  Quantised q = quantised_dynamically(e, x);
  Value *y = integer_matmul(e, q.q, q.zero_point, w, d->zeros[i], terms);
  return y ? MUL(e, expand_cast(e, y, DT_F32), MUL(e, q.scale, d->scales[i])) : NULL;
}

// x · wᵀ
static Value *product(Expansion *e, Value *x, Value *w) { return MATMUL(e, x, TRANSPOSE(e, w, 1, 0)); }

static Value *add(Expansion *e, Value *a, Value *b) { return b ? ADD(e, a, b) : a; }

/* cells: from the states and the inputs' part of the gates [B, gates · H] to the new states */

typedef void Cell(Expansion *e, const Direction *d, Value *x, Value *const *states, Value **next);

static void rnn_cell(Expansion *e, const Direction *d, Value *x, Value *const *states, Value **next) {
  Value *sum = ADD(e, x, product(e, states[0], d->recurrence));
  next[0] = activate(e, d, 0, add(e, sum, d->biases[1]));
}

static void gru_cell(Expansion *e, const Direction *d, Value *x, Value *const *states, Value **next) {
  Value *h = states[0], *r_bias = d->biases[1];
  bool linear_before_reset = node_int(e->node, "linear_before_reset", 0) != 0;
  Expansion *once = d->e; // what does not change stands outside of the scan
  Value *recurrence = part(once, d->recurrence, 0, 0, 2 * d->hidden), *gates = part(e, x, 1, 0, 2 * d->hidden);
  gates = ADD(e, gates, product(e, h, recurrence));
  gates = activate(e, d, 0, add(e, gates, r_bias ? part(once, r_bias, 0, 0, 2 * d->hidden) : NULL));
  Value *z = gate(e, d, gates, 1, 0), *r = gate(e, d, gates, 1, 1);
  Value *from_x = gate(e, d, x, 1, 2), *to_h = gate(once, d, d->recurrence, 0, 2);
  Value *bias = r_bias ? gate(once, d, r_bias, 0, 2) : NULL, *new;
  if (linear_before_reset)
    new = ADD(e, from_x, MUL(e, r, add(e, product(e, h, to_h), bias)));
  else
    new = ADD(e, from_x, add(e, product(e, MUL(e, r, h), to_h), bias));
  new = activate(e, d, 1, new);
  next[0] = ADD(e, MUL(e, SUB(e, SCALAR(e, z, 1), z), new), MUL(e, z, h));
}

static Value *peephole(Expansion *e, const Direction *d, Value *gate_sum, int i, Value *cell) {
  return d->peepholes ? ADD(e, gate_sum, MUL(e, gate(d->e, d, d->peepholes, 0, i), cell)) : gate_sum;
}

// Gates in the order i, o, f, c; peepholes in the order i, o, f.
static void lstm_cell(Expansion *e, const Direction *d, Value *x, Value *const *states, Value **next) {
  Value *h = states[0], *c = states[1];
  Value *gates = add(e, ADD(e, x, gate_sums(e, d, 1, h)), d->biases[1]);
  Value *i = activate(e, d, 0, peephole(e, d, gate(e, d, gates, 1, 0), 0, c)), *f;
  if (node_int(e->node, "input_forget", 0))
    f = SUB(e, SCALAR(e, i, 1), i);
  else
    f = activate(e, d, 0, peephole(e, d, gate(e, d, gates, 1, 2), 2, c));
  Value *new = activate(e, d, 1, gate(e, d, gates, 1, 3));
  next[1] = ADD(e, MUL(e, f, c), MUL(e, i, new));
  Value *o = activate(e, d, 0, peephole(e, d, gate(e, d, gates, 1, 1), 1, next[1]));
  next[0] = MUL(e, o, apply(e, &d->activations[2], next[1]));
}

/* the scan over the times */

// Outputs: the last states, then the state of every time [T, B, H].
static void scan(const Direction *d, Cell *cell, Value **results) {
  Expansion *e = d->e, body = expand_body(e, d->backwards ? "backwards" : "forwards");
  Value *x = gate_sums(e, d, 0, d->x), *times = DIM(e, d->x, 0);
  Value *in[4], *next[3] = {0}, *state[2], *time = NULL;
  if (d->biases[0]) x = ADD(e, x, d->biases[0]);
  size_t count = 0;
  for (int i = 0; i < d->state_count; i++) {
    in[count++] = d->states[i];
    state[i] = expand_body_input(&body, d->x->type);
  }
  if (d->lengths) {
    Value *last = SQUEEZE(e, SUB(e, times, INT(e, 1)), 0);
    in[count++] = d->backwards ? last : expand_scalar(e, DT_I64, 0);
    time = expand_body_input(&body, DT_I64);
  }
  in[count++] = x;
  cell(&body, d, expand_body_input(&body, d->x->type), state, next);
  Value *y = next[0];
  if (d->lengths) {
    Value *runs = LESS(&body, time, UNSQUEEZE(e, d->lengths, 1));
    y = WHERE(&body, runs, next[0], SCALAR(&body, y, 0));
    for (int i = 0; i < d->state_count; i++) next[i] = WHERE(&body, runs, next[i], state[i]);
  }
  for (int i = 0; i < d->state_count; i++) expand_body_output(&body, next[i]);
  if (time) expand_body_output(&body, ADD(&body, time, expand_scalar(&body, DT_I64, d->backwards ? -1 : 1)));
  expand_body_output(&body, y);
  Value *first = expand_make(e, "Scan", count, in);
  const int64_t backwards = d->backwards;
  expand_set_body(e, with_int(first, "num_scan_inputs", 1), &body);
  with_ints(first, "scan_input_directions", 1, &backwards);
  with_ints(first, "scan_output_directions", 1, &backwards);
  results[0] = first;
  for (int i = 1; i < d->state_count; i++) results[i] = more_results(e, first, (size_t)i);
  results[2] = more_results(e, first, count - 1);
}

static Value *zeros(Expansion *e, const Direction *d) {
  return EXPAND_TO(e, SCALAR(e, d->x, 0), CONCAT(e, 0, DIM(e, d->x, 1), INT(e, d->hidden)));
}

// The state that input `input` starts with, [B, H]. Where dims are open its batch may have another name than that of x.
static Value *start(Expansion *e, const Direction *d, size_t input, bool batch_first) {
  Value *first = node_in(e->node, input);
  if (!first) return zeros(e, d);
  int axis = batch_first ? 0 : 1;
  bool same = dim_equal(first->dims[axis], e->node->in[0]->dims[axis]);
  if (batch_first) first = TRANSPOSE(e, first, 1, 0, 2);
  first = of_direction(e, first, d->direction);
  return same ? first : MAKE(e, "Reshape", first, CONCAT(e, 0, DIM(e, d->x, 1), INT(e, d->hidden)));
}

// Which inputs of the operator hold what.
typedef struct {
  Cell *cell;
  int gates, states, activations;
  const char *defaults[MOST_ACTIVATIONS];
  bool integers; // weights [.., inputs, gates · H] with scales and zero points behind the other inputs
} Recurrent;

static bool make_direction(Expansion *e, const Recurrent *r, Direction *d) {
  Node *node = e->node;
  bool batch_first = node_int(e->node, "layout", 0) != 0;
  int64_t width = r->gates * d->hidden;
  d->weights = of_direction(e, node->in[1], d->direction);
  d->recurrence = of_direction(e, node->in[2], d->direction);
  Value *biases = of_direction(e, node_in(node, 3), d->direction);
  for (int i = 0; i < 2; i++) d->biases[i] = biases ? part(e, biases, 0, i * width, (i + 1) * width) : NULL;
  for (size_t i = 0; r->integers && i < 2; i++) {
    d->scales[i] = of_direction(e, node->in[8 + 2 * i], d->direction);
    d->zeros[i] = of_direction(e, node->in[9 + 2 * i], d->direction);
  }
  d->lengths = node_in(node, 4) ? expand_cast(e, node->in[4], DT_I64) : NULL;
  d->state_count = r->states;
  for (int i = 0; i < r->states; i++) d->states[i] = start(e, d, 5 + (size_t)i, batch_first);
  d->peepholes = r->states == 2 ? of_direction(e, node_in(node, 7), d->direction) : NULL;
  return read_activations(d, r->defaults, r->activations);
}

static bool expand_recurrent(Expansion *e, const Recurrent *r) {
  Node *node = e->node;
  const char *direction = node_string(node, "direction", "forward");
  bool both = !strcmp(direction, "bidirectional"), reverse = !strcmp(direction, "reverse");
  bool batch_first = node_int(node, "layout", 0) != 0;
  if (!both && !reverse && strcmp(direction, "forward"))
    return node_error(e->model, node, "'direction' is '%s'; forward, reverse or bidirectional is needed", direction);
  for (size_t i = 0; i < 3; i++)
    if (!need_rank(e->model, node, i, 3, 3)) return false;
  for (size_t i = 5; i < 5 + (size_t)r->states; i++)
    if (node_in(node, i) && !need_rank(e->model, node, i, 3, 3)) return false;
  int64_t hidden, width, directions;
  if (!expand_const_dim(e, 2, r->integers ? 1 : 2, &hidden) || !expand_const_dim(e, 2, r->integers ? 2 : 1, &width) ||
      !expand_const_dim(e, 2, 0, &directions))
    return false;
  if (width != r->gates * hidden || directions != 1 + both)
    return node_error(e->model, node, "'R' does not have the dims of %d gates in %d directions", r->gates, 1 + both);
  Value *x = batch_first ? TRANSPOSE(e, node->in[0], 1, 0, 2) : node->in[0], *joined[3][2] = {0};
  for (int k = 0; k <= both; k++) {
    Direction d = {.e = e, .direction = k, .gates = r->gates, .backwards = reverse || k == 1, .hidden = hidden, .x = x};
    Value *results[3];
    if (!make_direction(e, r, &d)) return false;
    scan(&d, r->cell, results);
    joined[0][k] = UNSQUEEZE(e, results[2], 1); // [T, 1, B, H]
    for (int i = 0; i < r->states; i++) joined[1 + i][k] = UNSQUEEZE(e, results[i], 0);
  }
  for (int i = 0; i <= r->states; i++) {
    Value *y = both ? CONCAT(e, i == 0, joined[i][0], joined[i][1]) : joined[i][0];
    if (batch_first) y = i == 0 ? TRANSPOSE(e, y, 2, 0, 1, 3) : TRANSPOSE(e, y, 1, 0, 2);
    expand_done(e, (size_t)i, y);
  }
  return true;
}

bool expand_rnn(Expansion *e, Node *node) {
  (void)node;
  return expand_recurrent(e, &(Recurrent){rnn_cell, 1, 1, 1, {"Tanh"}, false});
}
bool expand_gru(Expansion *e, Node *node) {
  (void)node;
  return expand_recurrent(e, &(Recurrent){gru_cell, 3, 1, 2, {"Sigmoid", "Tanh"}, false});
}
bool expand_lstm(Expansion *e, Node *node) {
  (void)node;
  return expand_recurrent(e, &(Recurrent){lstm_cell, 4, 2, 3, {"Sigmoid", "Tanh", "Tanh"}, false});
}
// The factors are quantised as they come: all inputs at once, the state at each time.
bool expand_dynamic_quantize_lstm(Expansion *e, Node *node) {
  const int64_t most = 1 << 16;
  int64_t size;
  for (size_t i = 1; i < 3; i++) {
    if (!need_rank(e->model, node, i, 3, 3) || !expand_const_dim(e, i, 1, &size)) return false;
    if (size > most)
      return node_error(e->model, node, "sums of %lld integer products are not supported", (long long)size);
  }
  return expand_recurrent(e, &(Recurrent){lstm_cell, 4, 2, 3, {"Sigmoid", "Tanh", "Tanh"}, true});
}
