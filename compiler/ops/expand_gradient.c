// Gradient: the derivatives of y by each of xs. The nodes between them stand in the graph; the walk goes through them
// backwards. Where the node is given other values than the tensors that it names, those nodes are copied first.
#include "compiler/ops/gradient.h"

#include <string.h>

/* the tape */

bool tape_wants(const Tape *tape, const Value *value) {
  return value && value->id < tape->count && tape->active[value->id];
}

void tape_add(Tape *tape, Value *value, Value *gradient) {
  if (!tape_wants(tape, value)) return;
  Value **sum = &tape->gradient[value->id];
  *sum = *sum ? ADD(tape->e, *sum, gradient) : gradient;
}

static Value *filled_like(Expansion *e, Value *value, double x) {
  return EXPAND_TO(e, SCALAR(e, value, x), SHAPE(e, value));
}

Value *tape_of(Tape *tape, Value *value) {
  Value *gradient = tape->gradient[value->id];
  return gradient ? gradient : filled_like(tape->e, value, 0);
}

Value *sum_to(Tape *tape, Value *g, const Value *whole, Value *like) {
  Expansion *e = tape->e;
  int64_t axes[MAX_RANK];
  size_t count = 0;
  int more = whole->rank - like->rank;
  for (int i = 0; i < whole->rank; i++) {
    if (i >= more && dim_equal(like->dims[i - more], whole->dims[i])) continue;
    if (i >= more && !dim_is(like->dims[i - more], 1)) {
      node_report(e->model, e->node, "only the run knows what broadcasting to %s repeats", value_text(e->model, whole));
      return NULL;
    }
    axes[count++] = i;
  }
  if (!count) return g;
  g = expand_reduce(e, "ReduceSum", g, count, axes);
  return more ? MAKE(e, "Reshape", g, SHAPE(e, like)) : g;
}

/* names */

static bool is_named(const Value *value, const char *name) { return value && !strcmp(value->name, name); }

// The value of that name among those that the graph has before the node.
static Value *find_value(Expansion *e, const char *name) {
  for (size_t i = 0; i < e->graph->input_count; i++)
    if (is_named(e->graph->inputs[i], name)) return e->graph->inputs[i];
  for (const Node *node = e->graph->first; node; node = node->next) {
    for (size_t i = 0; i < node->in_count; i++)
      if (is_named(node->in[i], name)) return node->in[i];
    for (size_t i = 0; node != e->node && i < node->out_count; i++)
      if (is_named(node->out[i], name)) return node->out[i];
    if (node == e->node) break;
  }
  node_report(e->model, e->node, "there is no tensor '%.64s' before it", name);
  return NULL;
}

/* other values than those named */

// A copy of the node over the values that stand in for its inputs.
static void copy_node(Expansion *e, const Node *node, Value **instead) {
  Arena *arena = e->model->arena;
  Value **in = NEW_ARRAY(arena, Value *, node->in_count + 1), **out = NEW_ARRAY(arena, Value *, node->out_count + 1);
  for (size_t i = 0; i < node->in_count; i++)
    in[i] = node->in[i] && instead[node->in[i]->id] ? instead[node->in[i]->id] : node->in[i];
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *value = node->out[i];
    if (!value) continue;
    out[i] = value_new_typed(e->graph, value->name, value->type, value->rank, value->dims);
    if (!instead[value->id]) instead[value->id] = out[i];
  }
  Node *copy = node_new(e->graph, e->node, node->domain, node->type, in, node->in_count, out, node->out_count);
  copy->op = node->op, copy->loc = node->loc, copy->attrs = node->attrs, copy->attr_count = node->attr_count;
}

// Whether the node reads something that another value stands in for. Dims are equal: what they are stays known.
static bool is_touched(const Node *node, Value *const *instead) {
  if (node_is(node, "", "Shape") || node_is(node, "", "Size")) return false;
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && instead[node->in[i]->id]) return true;
  return false;
}

static bool replace_named(Expansion *e, Value *const *named, Value **y) {
  Node *node = e->node, *last = node->prev;
  Value **instead = NEW_ARRAY(e->model->arena, Value *, (size_t)e->model->values);
  bool any = false;
  for (size_t i = 0; i < node->in_count; i++) {
    const Value *given = node->in[i];
    if (!given || given == named[i]) continue;
    bool same = given->type == named[i]->type && given->rank == named[i]->rank;
    for (int k = 0; same && k < given->rank; k++) same = dim_equal(given->dims[k], named[i]->dims[k]);
    if (!same) return node_error(e->model, node, "input %zu must have the type and dims of '%s'", i, named[i]->name);
    any = true;
  }
  if (!any) return true;
  for (size_t i = 0; i < node->in_count; i++) instead[named[i]->id] = node->in[i];
  for (const Node *at = e->graph->first; at; at = at == last ? NULL : at->next) {
    if (!is_touched(at, instead)) continue;
    size_t bodies = 0;
    for (size_t i = 0; i < at->attr_count && !bodies; i++) attr_graphs(&at->attrs[i], &bodies);
    if (bodies) return node_error(e->model, node, "the gradient through '%s' is not supported", at->type);
    copy_node(e, at, instead);
  }
  if (instead[(*y)->id]) *y = instead[(*y)->id];
  return true;
}

/* the walk */

// Marks what depends on xs, the first `count` inputs of the node; its other inputs hold still.
static Tape start_tape(Expansion *e, size_t count) {
  Arena *arena = e->model->arena;
  size_t values = (size_t)e->model->values;
  Tape tape = {e, (int)values, NEW_ARRAY(arena, bool, values), NEW_ARRAY(arena, bool, values),
               NEW_ARRAY(arena, Value *, values)};
  for (size_t i = 0; i < e->node->in_count; i++) {
    Value *value = e->node->in[i];
    if (!value) continue;
    tape.stop[value->id] = true;
    if (i < count) tape.active[value->id] = true;
  }
  for (const Node *node = e->graph->first; node != e->node; node = node->next) {
    bool any = false;
    for (size_t i = 0; i < node->in_count; i++) any = any || tape_wants(&tape, node->in[i]);
    for (size_t i = 0; any && i < node->out_count; i++)
      if (node->out[i] && !tape.stop[node->out[i]->id] && dtype_is_float(node->out[i]->type))
        tape.active[node->out[i]->id] = true;
  }
  return tape;
}

// Whether a gradient has come to an output that hands it on.
static bool is_reached(const Tape *tape, const Node *node) {
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *out = node->out[i];
    if (tape_wants(tape, out) && tape->gradient[out->id] && !tape->stop[out->id]) return true;
  }
  return false;
}

bool expand_gradient(Expansion *e, Node *node) {
  const Attr *xs = node_attr(node, "xs"), *zs = node_attr(node, "zs");
  const char *name = node_string(node, "y", "");
  size_t count = xs && xs->type == ATTR_STRINGS ? xs->count : 0, more = zs && zs->type == ATTR_STRINGS ? zs->count : 0;
  if (count + more != node->in_count || node->out_count > count)
    return node_error(e->model, node, "%zu inputs and %zu outputs for %zu names", node->in_count, node->out_count,
                      count + more);
  Value **named = NEW_ARRAY(e->model->arena, Value *, node->in_count + 1), *y = find_value(e, name);
  if (!y) return false;
  for (size_t i = 0; i < node->in_count; i++)
    if (!node->in[i] || !(named[i] = find_value(e, i < count ? xs->strings[i] : zs->strings[i - count]))) return false;
  if (!replace_named(e, named, &y)) return false;
  Tape tape = start_tape(e, count);
  Node *last = node->prev;
  tape_add(&tape, y, filled_like(e, y, 1));
  for (Node *at = last; at; at = at->prev)
    if (is_reached(&tape, at) && !derive_node(&tape, at)) return false;
  for (size_t i = 0; i < node->out_count; i++) expand_done(e, i, tape_of(&tape, node->in[i]));
  return true;
}
