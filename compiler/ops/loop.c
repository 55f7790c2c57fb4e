// Loop and Scan: what they carry and what their results are.
#include "compiler/ops/loop.h"
#include "compiler/ops/sequence.h"

#include <assert.h>

static const char round_name[] = "round";

static bool check_counts(Model *model, Node *node, const Cycle *c) {
  size_t inputs = c->body_input + c->carried + c->scanned, results = c->body_output + node->out_count;
  if (c->body->input_count != inputs)
    return node_error(model, node, "the body has %zu inputs; %zu are needed", c->body->input_count, inputs);
  if (c->body->output_count < results || c->body->output_count < c->body_output + c->carried)
    return node_error(model, node, "the body has %zu outputs; %zu are needed", c->body->output_count, results);
  return true;
}

// Sets the dims of carried values at the body's start; where `changes`, to symbols.
static bool start_carried(Model *model, Node *node, const Cycle *c, Graph *body, const bool *changes,
                          const Content *const *contents) {
  for (size_t i = 0; i < c->carried; i++) {
    const Value *first = node->in[c->first_input + i];
    Value *in = body->inputs[c->body_input + i];
    if (!first) return node_error(model, node, "input %zu is absent", c->first_input + i);
    Dim dims[MAX_RANK];
    for (int k = 0; k < first->rank; k++)
      dims[k] = changes[i * MAX_RANK + (size_t)k] ? dim_new_symbol(model->dims, in->name) : first->dims[k];
    set_value_like(model, in, first, contents[i] ? contents[i] : first->content, dims);
  }
  return true;
}

// Looks at copies of the body until the dims that change from round to round are found.
static bool find_changes(Model *model, Node *node, const Cycle *c, bool *changes, const Content **contents) {
  for (bool again = true; again;) {
    again = false;
    Graph *trial = graph_clone(c->body);
    bool ok = start_carried(model, node, c, trial, changes, contents) && infer_graph(trial);
    for (size_t i = 0; ok && i < c->carried; i++) {
      const Value *in = trial->inputs[c->body_input + i], *out = trial->outputs[c->body_output + i];
      if (in->rank != out->rank || !same_kind(in, out))
        ok = node_error(model, node, "carried value %zu is %s before a round and %s after it", i, value_text(model, in),
                        value_text(model, out));
      for (int k = 0; ok && k < in->rank; k++) {
        bool *change = &changes[i * MAX_RANK + (size_t)k];
        if (*change || dim_equal(in->dims[k], out->dims[k])) continue;
        *change = again = true;
      }
      if (!ok) break;
      contents[i] = join_contents(model, in->content, out->content);
      again |= contents[i] != in->content;
    }
    graph_discard(trial);
    if (!ok) return false;
  }
  return true;
}

static bool infer_cycle(Model *model, Node *node, const Cycle *c) {
  bool *changes = NEW_ARRAY(model->arena, bool, c->carried *MAX_RANK + 1);
  const Content **contents = NEW_ARRAY(model->arena, const Content *, c->carried + 1);
  if (!find_changes(model, node, c, changes, contents) || !start_carried(model, node, c, c->body, changes, contents))
    return false;
  if (!infer_graph(c->body)) return false;
  for (size_t i = 0; i < c->carried && i < node->out_count; i++) {
    const Value *in = c->body->inputs[c->body_input + i];
    if (node->out[i]) set_value_like(model, node->out[i], in, in->content, in->dims);
  }
  return true;
}

bool is_same_each_round(const Cycle *c, Dim dim) {
  if (!dim.expr) return true;
  assert(c->round.expr);
  if (dim.expr->op == DIM_SYMBOL) return dim.expr->id < c->round.expr->id;
  return is_same_each_round(c, dim.expr->a) && is_same_each_round(c, dim.expr->b) && is_same_each_round(c, dim.expr->c);
}

// The dims of results that rounds add to along `axis`. Those that only a round knows are symbols that it assigns.
static bool set_scan_output(Model *model, Node *node, const Cycle *c, size_t i, int64_t axis) {
  const Value *each = c->body->outputs[c->body_output + i];
  int at;
  Dim dims[MAX_RANK + 1];
  if (!node->out[i]) return true;
  if (each->kind) return node_error(model, node, "output %zu would join values that are no tensors", i);
  if (each->rank >= MAX_RANK) return node_error(model, node, "output %zu has too high a rank", i);
  if (!need_axis(model, node, axis, each->rank + 1, &at)) return false;
  for (int k = 0, from = 0; k <= each->rank; k++) {
    dims[k] = k == at ? dim_is(c->rounds, -1) ? c->round : c->rounds : each->dims[from++];
    if (k == at || is_same_each_round(c, dims[k])) continue;
    dims[k] = dim_new_symbol(model->dims, node->out[i]->name);
    if (at > 0)
      return node_error(model, node, "output %zu has dims that change and does not grow along its first axis", i);
  }
  return set_value(model, node->out[i], each->type, each->rank + 1, dims);
}

// Whether a condition is true whatever happens: a constant, or the one that came in.
static bool is_always_true(const Value *condition, const Value *same) {
  while (!condition->data && condition->producer && node_is(condition->producer, "", "Identity"))
    condition = condition->producer->in[0];
  return condition == same || (condition->data && tensor_int(condition->data, 0));
}

bool read_loop(Model *model, Node *node, Cycle *c) {
  *c = (Cycle){.body = find_body(model, node, "body"), .first_input = 2, .body_input = 2, .body_output = 1};
  if (!c->body) return false;
  c->carried = node->in_count > 2 ? node->in_count - 2 : 0;
  c->has_condition = true;
  if (c->body->input_count < 2)
    return node_error(model, node, "the body has no inputs for the round and the condition");
  c->round = c->body->round;
  return check_counts(model, node, c);
}

void settle_rounds(const Node *node, Cycle *c, Dim limit) {
  const Value *condition = node_in(node, 1);
  bool runs =
      (!condition || is_always_true(condition, NULL)) && is_always_true(c->body->outputs[0], c->body->inputs[1]);
  c->rounds = runs && node_in(node, 0) ? dim_max(limit, dim_const(0)) : dim_const(-1);
}

bool infer_loop(Model *model, Node *node) {
  Cycle c;
  int64_t count;
  Dim limit = dim_const(-1);
  if (!read_loop(model, node, &c)) return false;
  if (node_in(node, 0)) {
    const Dim *elems = need_elems(model, node, 0, &count);
    if (!elems) return false;
    if (count != 1) return node_error(model, node, "'M' has %lld elements, not one", (long long)count);
    limit = elems[0];
  }
  Value *round = c.body->inputs[0], *condition = c.body->inputs[1];
  set_value(model, round, DT_I64, 0, NULL);
  set_value(model, condition, DT_BOOL, 0, NULL);
  round->elems = NEW(model->arena, Dim);
  *round->elems = c.round = c.body->round = dim_new_symbol(model->dims, round_name);
  if (!infer_cycle(model, node, &c)) return false;
  settle_rounds(node, &c, limit);
  for (size_t i = c.carried; i < node->out_count; i++)
    if (!set_scan_output(model, node, &c, i, 0)) return false;
  return true;
}

int64_t list_at(const Node *node, const char *list, size_t i) {
  size_t count;
  const int64_t *ints = node_ints(node, list, &count);
  return i < count ? ints[i] : 0;
}

bool read_scan(Model *model, Node *node, Cycle *c) {
  int64_t scanned = node_int(node, "num_scan_inputs", 0);
  *c = (Cycle){.body = find_body(model, node, "body")};
  if (!c->body) return false;
  if (scanned < 1 || (size_t)scanned > node->in_count)
    return node_error(model, node, "'num_scan_inputs' is %lld; the node has %zu inputs", (long long)scanned,
                      node->in_count);
  c->scanned = (size_t)scanned;
  c->carried = node->in_count - c->scanned;
  return check_counts(model, node, c);
}

bool scan_axis(Model *model, Node *node, const Cycle *c, size_t i, int *axis) {
  const Value *in = node->in[c->carried + i];
  return need_axis(model, node, list_at(node, "scan_input_axes", i), in->rank, axis);
}

bool infer_scan(Model *model, Node *node) {
  Cycle c;
  if (!read_scan(model, node, &c)) return false;
  c.round = c.body->round = dim_new_symbol(model->dims, round_name);
  for (size_t i = 0; i < c.scanned; i++) {
    const Value *in = node->in[c.carried + i];
    Dim dims[MAX_RANK];
    int axis;
    if (!scan_axis(model, node, &c, i, &axis)) return false;
    for (int k = 0, to = 0; k < in->rank; k++)
      if (k != axis) dims[to++] = in->dims[k];
    Dim length = in->dims[axis];
    if (i && dim_is_const(length) && dim_is_const(c.rounds) && !dim_equal(length, c.rounds))
      return node_error(model, node, "the scanned inputs have %lld and %lld rounds", (long long)c.rounds.value,
                        (long long)length.value);
    if (i == 0) c.rounds = length;
    set_value(model, c.body->inputs[c.carried + i], in->type, in->rank - 1, dims);
  }
  if (!infer_cycle(model, node, &c)) return false;
  for (size_t i = c.carried; i < node->out_count; i++)
    if (!set_scan_output(model, node, &c, i, list_at(node, "scan_output_axes", i - c.carried))) return false;
  return true;
}
