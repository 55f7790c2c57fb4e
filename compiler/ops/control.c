// If, Loop and Scan: their bodies are lowered in place, between jumps and labels.
//
// What a loop carries lies in a buffer that its body reads and writes anew at its end. Where its dims change from one
// round to the next they are symbols that every round assigns, and the buffer is a block that grows. The round is a
// number of the frame, so that a slice of what is scanned is a view and no copy.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/expand.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/sequence.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

static Graph *find_body(Model *model, Node *node, const char *name) {
  const Attr *attr = node_attr(node, name);
  if (attr && attr->type == ATTR_GRAPH) return attr->g;
  node_report(model, node, "attribute '%s' is missing", name);
  return NULL;
}

static bool set_value(Model *model, Value *value, DType type, int rank, const Dim *dims) {
  value->type = type;
  value->rank = rank;
  value->dims = NEW_ARRAY(model->arena, Dim, (size_t)rank);
  if (rank) memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
  return true;
}

// The same type, and kind of value, as another value, with other dims.
static bool set_value_like(Model *model, Value *value, const Value *like, const Content *content, const Dim *dims) {
  value->kind = like->kind;
  value->content = content;
  return set_value(model, value, like->type, like->rank, dims);
}

static const Content *join_contents(Model *model, const Content *a, const Content *b) {
  if (!a || content_equal(a, b)) return a;
  Content *joined = NEW(model->arena, Content);
  *joined = content_join(a, b);
  return joined;
}

static bool same_kind(const Value *a, const Value *b) {
  return a->type == b->type && a->kind == b->kind &&
         (!a->content || (a->content->of == b->content->of && a->content->key == b->content->key));
}

/* numbers of the frame that steps assign */

static void assign_from(Lower *lower, Dim symbol, const View *number) {
  View to = view_dense(frame_buffer(lower->program), DT_I64, 0, NULL);
  to.offset = dim_const(frame_slot(lower->program, symbol));
  const Expr *x = expr_load(lower->program->exprs, number->type, 0);
  lower_map(lower, &to, number, 1, expr_cast(lower->program->exprs, DT_I64, x));
}

// All values are computed before the first symbol changes.
static void assign(Lower *lower, size_t count, const Dim *symbols, const Dim *values) {
  if (!count) return;
  View numbers = lower_numbers(lower, count, values);
  for (size_t i = 0; i < count; i++) {
    View number = numbers;
    number.rank = 0;
    number.offset = dim_plus(numbers.offset, (int64_t)i);
    assign_from(lower, symbols[i], &number);
  }
}

static Step *add_control(Lower *lower, StepKind kind) {
  const Loc *loc = &lower->node->loc;
  return step_control(lower->program, kind, loc, *loc->name ? loc->name : loc->op);
}

static Step *add_jump(Lower *lower, Dim condition, Step *target) {
  Step *jump = add_control(lower, STEP_JUMP);
  jump->condition = condition;
  jump->target = target;
  return jump;
}

/* bodies */

// What a body makes for itself is there only where the body ran.
typedef struct {
  View **channels_last;
  size_t check_count;
} Scope;

static Scope enter(Lower *lower) {
  size_t count = (size_t)lower->model->values;
  Scope scope = {lower->channels_last, lower->check_count};
  lower->channels_last = NEW_ARRAY(lower->program->arena, View *, count);
  memcpy(lower->channels_last, scope.channels_last, count * sizeof *scope.channels_last);
  return scope;
}

static void leave(Lower *lower, Scope scope) {
  lower->channels_last = scope.channels_last;
  lower->check_count = scope.check_count;
}

static bool lower_body(Lower *lower, Graph *body) {
  Node *node = lower->node;
  bool ok = true;
  for (Node *inner = body->first; inner; inner = inner->next) ok = lower_node(lower, inner) && ok;
  lower->node = node;
  return ok;
}

/* If */

bool expand_branch(Expansion *e, Node *node) {
  Value *condition = node->in[0];
  if (!condition->data && want_constant(e->model, condition)) return false;
  if (!condition->data) return true; // the run decides
  Graph *body = find_body(e->model, node, tensor_int(condition->data, 0) ? "then_branch" : "else_branch");
  if (!body) return false;
  if (body->output_count != node->out_count)
    return node_error(e->model, node, "the branch has %zu outputs, the node %zu", body->output_count, node->out_count);
  expand_inline(e, body, NULL);
  for (size_t i = 0; i < node->out_count; i++) expand_done(e, i, body->outputs[i]);
  return true;
}

// Of one branch or of the other.
static Dim join_dims(Model *model, const Value *out, Dim a, Dim b) {
  return dim_equal(a, b) ? a : dim_found(model->dims, out->name, dim_op(model->dims, DIM_MAX, a, b));
}

bool infer_branch(Model *model, Node *node) {
  Graph *bodies[2] = {find_body(model, node, "then_branch"), find_body(model, node, "else_branch")};
  if (!bodies[0] || !bodies[1] || !infer_graph(bodies[0]) || !infer_graph(bodies[1])) return false;
  for (int b = 0; b < 2; b++)
    if (bodies[b]->output_count != node->out_count)
      return node_error(model, node, "a branch has %zu outputs, the node %zu", bodies[b]->output_count,
                        node->out_count);
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *a = bodies[0]->outputs[i], *b = bodies[1]->outputs[i];
    if (!node->out[i]) continue;
    if (!same_kind(a, b))
      return node_error(model, node, "output %zu is %s in one branch and %s in the other", i, value_text(model, a),
                        value_text(model, b));
    if (a->rank != b->rank)
      return node_error(model, node, "output %zu has rank %d in one branch and %d in the other", i, a->rank, b->rank);
    Dim dims[MAX_RANK];
    for (int k = 0; k < a->rank; k++) dims[k] = join_dims(model, node->out[i], a->dims[k], b->dims[k]);
    set_value_like(model, node->out[i], a, join_contents(model, a->content, b->content), dims);
  }
  return true;
}

static Dim count_dims(const Value *value) {
  Dim count = dim_const(1);
  for (int k = 0; k < value->rank; k++) count = dim_mul(count, value->dims[k]);
  return count;
}

// Where the branch's result goes. Dims that differ between the branches are assigned.
static bool join(Lower *lower, const Value *out, View *to, const Value *result) {
  View from = lower_in(lower, result);
  Dim symbols[MAX_RANK], values[MAX_RANK];
  size_t count = 0;
  for (int k = 0; k < out->rank; k++)
    if (!dim_equal(out->dims[k], from.dims[k])) symbols[count] = out->dims[k], values[count++] = from.dims[k];
  if (!count) return lower_copy(lower, to, &from);
  if (to->buffer->block) lower_reserve(lower, to->buffer, dim_bytes(from.type, view_count(&from)), dim_const(0));
  View dense = view_dense(to->buffer, from.type, from.rank, from.dims);
  if (!lower_copy(lower, &dense, &from)) return false;
  assign(lower, count, symbols, values);
  return true;
}

static bool lower_side(Lower *lower, Node *node, Graph *body, View *outs) {
  Scope scope = enter(lower);
  bool ok = lower_body(lower, body);
  for (size_t i = 0; ok && i < node->out_count; i++)
    if (node->out[i]) ok = join(lower, node->out[i], &outs[i], body->outputs[i]);
  leave(lower, scope);
  return ok;
}

// A buffer for a value whose dims are assigned later: a block where they change.
static View carried_view(Lower *lower, const char *name, DType type, int rank, const Dim *dims, bool changes) {
  if (changes) return lower_block(lower, name, type, rank, dims);
  View view = lower_scratch(lower, type, rank, dims);
  view.buffer->name = name;
  return view;
}

bool lower_branch(Lower *lower, Node *node) {
  Program *program = lower->program;
  Graph *then_branch = find_body(lower->model, node, "then_branch");
  Graph *else_branch = find_body(lower->model, node, "else_branch");
  View *outs = NEW_ARRAY(program->arena, View, node->out_count), condition = lower_in(lower, node->in[0]), scalar;
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *out = node->out[i], *a = then_branch->outputs[i], *b = else_branch->outputs[i];
    if (!out) continue;
    bool changes = false;
    for (int k = 0; k < out->rank; k++) changes |= !dim_equal(a->dims[k], b->dims[k]);
    changes &= most_bytes(dim_bytes(value_storage(out), count_dims(out))) < 0; // else there is room for either
    outs[i] = carried_view(lower, out->name, value_storage(out), out->rank, out->dims, changes);
  }
  view_reshape(&condition, 0, NULL, &scalar);
  Dim decides = dim_new_symbol(program->dims, "condition");
  assign_from(lower, decides, &scalar);
  Step *to_else = add_jump(lower, decides, NULL);
  bool ok = lower_side(lower, node, then_branch, outs);
  Step *to_end = add_jump(lower, dim_const(0), NULL);
  to_else->target = add_control(lower, STEP_LABEL);
  ok = lower_side(lower, node, else_branch, outs) && ok;
  to_end->target = add_control(lower, STEP_LABEL);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) lower_alias(lower, node->out[i], &outs[i]);
  return ok;
}

/* Loop and Scan */

typedef struct {
  Graph *body;
  size_t carried, scanned;        // values carried, inputs that are scanned
  size_t first_input;             // of the node: that starts the first carried value
  size_t body_input, body_output; // of the body: of the first carried value
  Dim round, rounds;              // rounds: constant -1 where a condition decides
  bool has_condition;             // Loop: the body's first output
} Cycle;

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

// Whether a dim is the same in every round: its symbols are older than the round's.
static bool is_same_each_round(const Cycle *c, Dim dim) {
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

static bool read_loop(Model *model, Node *node, Cycle *c) {
  *c = (Cycle){.body = find_body(model, node, "body"), .first_input = 2, .body_input = 2, .body_output = 1};
  if (!c->body) return false;
  c->carried = node->in_count > 2 ? node->in_count - 2 : 0;
  c->has_condition = true;
  if (c->body->input_count < 2)
    return node_error(model, node, "the body has no inputs for the round and the condition");
  c->round = c->body->round;
  return check_counts(model, node, c);
}

static void settle_rounds(const Node *node, Cycle *c, Dim limit) {
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

// `list`[i], or 0.
static int64_t list_at(const Node *node, const char *list, size_t i) {
  size_t count;
  const int64_t *ints = node_ints(node, list, &count);
  return i < count ? ints[i] : 0;
}

static bool read_scan(Model *model, Node *node, Cycle *c) {
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

static bool scan_axis(Model *model, Node *node, const Cycle *c, size_t i, int *axis) {
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

/* lowering of cycles */

typedef struct {
  View *state;   // by carried value
  Buffer **own;  // their buffers
  bool *changes; // they have dims that change
  View *results; // by scan output
} Rounds;

// The first values of what is carried.
static bool start_rounds(Lower *lower, Node *node, const Cycle *c, Rounds *r) {
  Dim *symbols = NULL, *values = NULL;
  size_t count = 0;
  for (size_t i = 0; i < c->carried; i++) {
    Value *in = c->body->inputs[c->body_input + i];
    View first = lower_in(lower, node->in[c->first_input + i]);
    for (int k = 0; k < in->rank; k++) {
      if (dim_equal(in->dims[k], first.dims[k])) continue;
      size_t at = count;
      APPEND(lower->program->arena, symbols, at, in->dims[k]);
      APPEND(lower->program->arena, values, count, first.dims[k]);
      r->changes[i] = true;
    }
    r->state[i] = carried_view(lower, in->name, first.type, in->rank, in->dims, r->changes[i]);
    r->own[i] = r->state[i].buffer;
    View to = r->changes[i] ? view_dense(r->own[i], first.type, in->rank, first.dims) : r->state[i];
    if (r->changes[i]) lower_reserve(lower, r->own[i], dim_bytes(first.type, view_count(&first)), dim_const(0));
    if (!lower_copy(lower, &to, &first)) return false;
    lower_alias(lower, in, &r->state[i]);
  }
  assign(lower, count, symbols, values);
  return true;
}

static bool is_carried(const Cycle *c, const Rounds *r, const Buffer *buffer) {
  for (size_t i = 0; i < c->carried; i++)
    if (r->own[i] == buffer) return true;
  return false;
}

// The body's results become the next round's values: what stands where another carried value will be written is copied
// out of the way first.
static bool end_round(Lower *lower, const Cycle *c, Rounds *r) {
  View *results = NEW_ARRAY(lower->program->arena, View, c->carried);
  Dim *symbols = NULL, *values = NULL;
  size_t count = 0;
  for (size_t i = 0; i < c->carried; i++) {
    results[i] = lower_in(lower, c->body->outputs[c->body_output + i]);
    bool same = results[i].buffer == r->own[i] && dim_equal(results[i].offset, r->state[i].offset) &&
                view_is_dense(&results[i]);
    if (same) results[i].buffer = NULL; // nothing to do
    if (same || !is_carried(c, r, results[i].buffer)) continue;
    View copy = lower_scratch(lower, results[i].type, results[i].rank, results[i].dims);
    if (!lower_copy(lower, &copy, &results[i])) return false;
    results[i] = copy;
  }
  for (size_t i = 0; i < c->carried; i++) {
    const View *from = &results[i], *state = &r->state[i];
    if (!from->buffer) continue;
    for (int k = 0; k < from->rank; k++) {
      if (dim_equal(from->dims[k], state->dims[k])) continue;
      size_t at = count;
      APPEND(lower->program->arena, symbols, at, state->dims[k]);
      APPEND(lower->program->arena, values, count, from->dims[k]);
    }
    View to = r->changes[i] ? view_dense(r->own[i], from->type, from->rank, from->dims) : *state;
    if (r->changes[i]) lower_reserve(lower, r->own[i], dim_bytes(from->type, view_count(from)), dim_const(0));
    if (!lower_copy(lower, &to, from)) return false;
  }
  assign(lower, count, symbols, values);
  return true;
}

// Element number `round` of the view along an axis, with or without that axis.
static View pick_round(const View *view, int axis, Dim round) {
  View part = *view;
  part.offset = dim_add(part.offset, dim_mul(round, part.strides[axis]));
  part.rank--;
  for (int k = axis; k < part.rank; k++) {
    part.dims[k] = view->dims[k + 1];
    part.strides[k] = view->strides[k + 1];
  }
  return part;
}

// A result of the round is added to the scan output.
static bool add_result(Lower *lower, const Cycle *c, View *to, const Value *each, int axis, bool backwards) {
  View from = lower_in(lower, each), part;
  Dim at = backwards ? dim_plus(dim_sub(c->rounds, c->round), -1) : c->round;
  if (!to->buffer->block) {
    part = pick_round(to, axis, at);
    return lower_copy(lower, &part, &from);
  }
  Dim count = view_count(&from), bytes = dim_bytes(from.type, count), symbols[MAX_RANK], values[MAX_RANK];
  size_t changes = 0;
  lower_reserve(lower, to->buffer, dim_mul(dim_plus(c->round, 1), bytes), dim_mul(c->round, bytes));
  part = view_dense(to->buffer, from.type, from.rank, from.dims);
  part.offset = dim_mul(at, count);
  if (!lower_copy(lower, &part, &from)) return false;
  for (int k = 0; k < from.rank; k++)
    if (!dim_equal(to->dims[k + 1], from.dims[k])) symbols[changes] = to->dims[k + 1], values[changes++] = from.dims[k];
  assign(lower, changes, symbols, values);
  return true;
}

// Scan outputs: of all rounds where their number is known, else a block that grows.
static void make_results(Lower *lower, Node *node, const Cycle *c, Rounds *r) {
  for (size_t i = c->carried; i < node->out_count; i++) {
    const Value *out = node->out[i];
    if (!out) continue;
    Dim symbols[MAX_RANK], zeros[MAX_RANK] = {0};
    size_t count = 0;
    for (int k = 0; k < out->rank; k++)
      if (!is_same_each_round(c, out->dims[k]) && !dim_equal(out->dims[k], c->round)) symbols[count++] = out->dims[k];
    assign(lower, count, symbols, zeros);
    r->results[i - c->carried] =
        carried_view(lower, out->name, out->type, out->rank, out->dims, count || dim_is(c->rounds, -1));
  }
}

enum { MOST_ROUNDS = 1 << 27 }; // of a loop that has no limit of its own

static bool lower_cycle(Lower *lower, Node *node, const Cycle *c, Dim limit) {
  Arena *arena = lower->program->arena;
  size_t results = node->out_count > c->carried ? node->out_count - c->carried : 0;
  bool is_loop = c->has_condition, scan = !is_loop;
  Rounds r = {NEW_ARRAY(arena, View, c->carried), NEW_ARRAY(arena, Buffer *, c->carried),
              NEW_ARRAY(arena, bool, c->carried), NEW_ARRAY(arena, View, results)};
  Dim runs = dim_const(1), zero = dim_const(0), more;
  make_results(lower, node, c, &r);
  if (!start_rounds(lower, node, c, &r)) return false;
  if (is_loop && dim_is(c->rounds, -1)) {
    runs = dim_new_symbol(lower->program->dims, "condition");
    View condition, scalar;
    if (node_in(node, 1)) {
      condition = lower_in(lower, node->in[1]);
      view_reshape(&condition, 0, NULL, &scalar);
      assign_from(lower, runs, &scalar);
    } else {
      more = dim_const(1);
      assign(lower, 1, &runs, &more);
    }
  }
  assign(lower, 1, &c->round, &zero);
  Step *top = add_control(lower, STEP_LABEL);
  bool limited = !dim_is(limit, -1);
  Dim goes_on = limited ? dim_mul(dim_less(c->round, limit), runs) : runs;
  Step *leave_loop = add_jump(lower, goes_on, NULL);
  Scope scope = enter(lower);
  if (!limited) lower_check(lower, dim_sub(dim_const(MOST_ROUNDS), c->round), STATUS_LOOP);
  if (is_loop) {
    View round = view_dense(frame_buffer(lower->program), DT_I64, 0, NULL);
    round.offset = dim_const(frame_slot(lower->program, c->round));
    lower_alias(lower, c->body->inputs[0], &round);
    View condition = lower_scratch(lower, DT_BOOL, 0, NULL);
    lower_map(lower, &condition, NULL, 0, expr_int(lower->program->exprs, DT_BOOL, 1));
    lower_alias(lower, c->body->inputs[1], &condition);
  }
  for (size_t i = 0; scan && i < c->scanned; i++) {
    View whole = lower_in(lower, node->in[c->carried + i]);
    int axis = 0;
    scan_axis(lower->model, node, c, i, &axis);
    bool backwards = list_at(node, "scan_input_directions", i) != 0;
    View part = pick_round(&whole, axis, backwards ? dim_plus(dim_sub(c->rounds, c->round), -1) : c->round);
    lower_alias(lower, c->body->inputs[c->carried + i], &part);
  }
  if (!lower_body(lower, c->body)) return false;
  for (size_t i = 0; i < results; i++) {
    const Value *out = node->out[c->carried + i];
    int64_t axis = scan ? list_at(node, "scan_output_axes", i) : 0;
    if (!out) continue;
    if (!add_result(lower, c, &r.results[i], c->body->outputs[c->body_output + c->carried + i],
                    (int)(axis < 0 ? axis + out->rank : axis), scan && list_at(node, "scan_output_directions", i)))
      return false;
  }
  if (runs.expr) {
    View condition = lower_in(lower, c->body->outputs[0]), scalar;
    view_reshape(&condition, 0, NULL, &scalar);
    assign_from(lower, runs, &scalar);
  }
  if (!end_round(lower, c, &r)) return false;
  more = dim_plus(c->round, 1);
  assign(lower, 1, &c->round, &more);
  leave(lower, scope);
  add_jump(lower, dim_const(0), top);
  leave_loop->target = add_control(lower, STEP_LABEL);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) lower_alias(lower, node->out[i], i < c->carried ? &r.state[i] : &r.results[i - c->carried]);
  return true;
}

bool lower_loop(Lower *lower, Node *node) {
  Cycle c;
  int64_t count;
  if (!read_loop(lower->model, node, &c)) return false;
  Dim limit = node_in(node, 0) ? need_elems(lower->model, node, 0, &count)[0] : dim_const(-1);
  settle_rounds(node, &c, limit);
  if (!dim_is_const(limit)) return lower_cycle(lower, node, &c, limit);
  return lower_cycle(lower, node, &c, node_in(node, 0) ? dim_max(limit, dim_const(0)) : limit);
}

bool lower_scan(Lower *lower, Node *node) {
  Cycle c;
  int axis = 0;
  if (!read_scan(lower->model, node, &c) || !scan_axis(lower->model, node, &c, 0, &axis)) return false;
  c.rounds = node->in[c.carried]->dims[axis];
  c.round = c.body->round;
  for (size_t i = 1; i < c.scanned; i++) {
    if (!scan_axis(lower->model, node, &c, i, &axis)) return false;
    Dim difference = dim_sub(node->in[c.carried + i]->dims[axis], c.rounds);
    lower_check(lower, difference, STATUS_SHAPE);
    lower_check(lower, dim_times(difference, -1), STATUS_SHAPE);
  }
  return lower_cycle(lower, node, &c, c.rounds);
}
