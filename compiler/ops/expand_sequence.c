// SequenceMap as a Loop over the elements of its sequences.
#include "compiler/ops/expand.h"

static Value *empty_sequence(Expansion *e, DType type) {
  Value *out = value_new_typed(e->graph, e->node->loc.name, type, -1, NULL);
  Node *node = node_new(e->graph, e->before, "", "SequenceEmpty", NULL, 0, &out, 1);
  node->loc = e->node->loc;
  return with_int(out, "dtype", type);
}

// A graph of its own for the body's nodes.
static Graph *take_body(Expansion *e, Graph *body) {
  Graph *taken = expand_body(e, "body").graph;
  taken->first = body->first, taken->last = body->last;
  body->first = body->last = NULL;
  for (Node *node = taken->first; node; node = node->next)
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t k = 0; k < count; k++) graphs[k]->parent = taken;
    }
  return taken;
}

// The body becomes that of the Loop: it takes its elements itself and adds its results to the sequences that the Loop
// carries.
bool expand_sequence_map(Expansion *e, Node *node) {
  const Attr *attr = node_attr(node, "body");
  if (!attr || attr->type != ATTR_GRAPH) return node_error(e->model, node, "attribute 'body' is missing");
  Graph *given = attr->g;
  size_t ins = given->input_count, outs = given->output_count;
  Value **outputs = given->outputs;
  if (ins != node->in_count || outs < node->out_count || !outs)
    return node_error(e->model, node, "the body has %zu inputs and %zu outputs, the node %zu and %zu", ins, outs,
                      node->in_count, node->out_count);
  for (size_t i = 0; i < outs; i++)
    if (outputs[i]->type == DT_UNDEFINED)
      return node_error(e->model, node, "the type of output %zu of the body is not known", i);
  Expansion inner = *e;
  inner.graph = take_body(e, given);
  inner.before = inner.graph->first;
  Value *round = expand_body_input(&inner, DT_I64), *condition = expand_body_input(&inner, DT_BOOL);
  for (size_t i = 0; i < ins; i++) {
    Value *in = node->in[i];
    value_replace(given, given->inputs[i],
                  in->kind == VALUE_SEQUENCE ? MAKE(&inner, "SequenceAt", in, round) : IDENTITY(&inner, in));
  }
  inner.before = NULL;
  for (size_t i = 0; i < outs; i++) outputs[i]->is_output = false;
  expand_body_output(&inner, condition);
  Value **state = NEW_ARRAY(e->model->arena, Value *, outs + 2);
  state[0] = MAKE(e, "SequenceLength", node->in[0]);
  for (size_t i = 0; i < outs; i++) {
    state[i + 2] = empty_sequence(e, outputs[i]->type);
    Value *made = expand_body_input(&inner, outputs[i]->type);
    expand_body_output(&inner, MAKE(&inner, "SequenceInsert", made, outputs[i]));
  }
  Value *results = expand_make(e, "Loop", outs + 2, state);
  expand_set_body(e, results, &inner);
  for (size_t i = 0; i < outs; i++) expand_done(e, i, more_results(e, results, i));
  return true;
}
