// Loop and Scan: their steps.
//
// What a loop carries lies in a buffer that its body reads and writes anew at its end. Where its dims change from one
// round to the next they are symbols that every round assigns, and the buffer is a block that grows. The round is a
// number of the frame, so that a slice of what is scanned is a view and no copy.
#include "compiler/ops/loop.h"
#include "templates/status.h"

typedef struct {
  View *state;   // by carried value
  Buffer **own;  // their buffers
  bool *changes; // they have dims that change
  View *results; // by scan output
} Rounds;

// Whether a carried sequence is only appended to, and what comes of that is only carried on.
static bool is_appended(const Cycle *c, size_t i) {
  const Value *in = c->body->inputs[c->body_input + i], *out = c->body->outputs[c->body_output + i];
  const Node *insert = out->producer;
  size_t count = 0;
  for (size_t k = 0; k < c->body->output_count; k++) count += c->body->outputs[k] == out;
  return insert && node_is(insert, "", "SequenceInsert") && insert->in[0] == in && !node_in(insert, 2) &&
         in->use_count == 1 && !in->is_output && out->use_count == 0 && count == 1;
}

// For how many more elements there is room in its head is not known before the first one comes.
static void allow_append(Lower *lower, const Value *sequence) {
  View *room = NEW(lower->program->arena, View);
  *room = lower_scratch(lower, DT_I64, 0, NULL);
  lower_map(lower, room, NULL, 0, expr_int(lower->program->exprs, DT_I64, 0));
  lower->rooms[sequence->id] = room;
}

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
    if (r->changes[i] && is_appended(c, i)) allow_append(lower, in);
  }
  assign_dims(lower, count, symbols, values);
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
    if (same) results[i].buffer = NULL; // nothing to copy
    if (same || !is_carried(c, r, results[i].buffer)) continue;
    View copy = lower_scratch(lower, results[i].type, results[i].rank, results[i].dims);
    if (!lower_copy(lower, &copy, &results[i])) return false;
    results[i] = copy;
  }
  for (size_t i = 0; i < c->carried; i++) {
    const View *from = &results[i], *state = &r->state[i];
    for (int k = 0; k < from->rank; k++) {
      if (dim_equal(from->dims[k], state->dims[k])) continue;
      size_t at = count;
      APPEND(lower->program->arena, symbols, at, state->dims[k]);
      APPEND(lower->program->arena, values, count, from->dims[k]);
    }
    if (!from->buffer) continue;
    View to = r->changes[i] ? view_dense(r->own[i], from->type, from->rank, from->dims) : *state;
    if (r->changes[i]) lower_reserve(lower, r->own[i], dim_bytes(from->type, view_count(from)), dim_const(0));
    if (!lower_copy(lower, &to, from)) return false;
  }
  assign_dims(lower, count, symbols, values);
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
  assign_dims(lower, changes, symbols, values);
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
    assign_dims(lower, count, symbols, zeros);
    r->results[i - c->carried] =
        carried_view(lower, out->name, out->type, out->rank, out->dims, count || dim_is(c->rounds, -1));
  }
}

enum { MOST_ROUNDS = 1 << 27 }; // of any loop: a limit of its own may be the largest number there is

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
      assign_view(lower, runs, &scalar);
    } else {
      more = dim_const(1);
      assign_dims(lower, 1, &runs, &more);
    }
  }
  assign_dims(lower, 1, &c->round, &zero);
  Step *top = add_control(lower, STEP_LABEL);
  bool limited = !dim_is(limit, -1);
  Dim goes_on = limited ? dim_mul(dim_less(c->round, limit), runs) : runs;
  Step *leave_loop = add_jump(lower, goes_on, NULL);
  Scope scope = enter_body(lower);
  if (!dim_is_const(limit) || !limited || limit.value > MOST_ROUNDS)
    lower_check(lower, dim_sub(dim_const(MOST_ROUNDS), c->round), STATUS_LOOP);
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
  Dim outer = lower->round;
  lower->round = dim_add(dim_times(outer, 65599), c->round);
  if (!lower_body(lower, c->body)) return false;
  lower->round = outer;
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
    assign_view(lower, runs, &scalar);
  }
  if (!end_round(lower, c, &r)) return false;
  more = dim_plus(c->round, 1);
  assign_dims(lower, 1, &c->round, &more);
  leave_body(lower, scope);
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
