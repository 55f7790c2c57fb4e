// widen_floats: a float16 model computes in float32. CPUs have no float16 arithmetic worth having, every intermediate
// rounding lost is accuracy won, and templates need one type only. The model's inputs and outputs keep theirs.
#include "compiler/passes/passes.h"

#include <string.h>

// `value` in another type, by a Cast before `before`.
static Value *cast_value(Graph *graph, Node *before, Value *value, DType to) {
  Value *out = value_new_typed(graph, value->name, to, value->rank, value->dims);
  Node *cast = node_new(graph, before, "", "Cast", &value, 1, &out, 1);
  node_set_int(graph->model, cast, "to", to);
  return out;
}

static Value *widened(Graph *graph, Value *value, Value **made) {
  if (value->type != DT_F16 || (value->producer && !made[value->id])) return value;
  if (!made[value->id]) made[value->id] = cast_value(graph, graph->first, value, DT_F32);
  return made[value->id];
}

static bool has_half(const Graph *graph) {
  for (const Node *node = graph->first; node; node = node->next) {
    for (size_t i = 0; i < node->in_count; i++)
      if (node->in[i] && node->in[i]->type == DT_F16) return true;
    for (size_t i = 0; i < node->out_count; i++)
      if (node->out[i] && node->out[i]->type == DT_F16) return true;
  }
  return false;
}

// Results of the original nodes become float32; those that are outputs are converted back under their own name.
static void widen_results(Graph *graph, Node *node) {
  for (size_t i = 0; i < node->out_count; i++) {
    Value *out = node->out[i];
    if (!out || out->type != DT_F16) continue;
    if (!out->is_output) {
      out->type = DT_F32;
      continue;
    }
    Value *inner = value_new_typed(graph, out->name, DT_F32, out->rank, out->dims);
    while (out->use_count) {
      Node *user = out->uses[0];
      for (size_t k = 0; k < user->in_count; k++)
        if (user->in[k] == out) node_set_input(user, k, inner);
    }
    out->producer = NULL;
    node->out[i] = inner;
    inner->producer = node;
    Node *cast = node_new(graph, node->next, "", "Cast", &inner, 1, &out, 1);
    node_set_int(graph->model, cast, "to", DT_F16);
  }
}

bool widen_floats(Model *model, const PassOptions *options) {
  (void)options;
  Graph *graph = model->graph;
  if (!has_half(graph)) return true;
  Value **made = NEW_ARRAY(model->arena, Value *, (size_t)model->values);
  Node *last = graph->last;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node == last ? NULL : node->next;
    for (size_t i = 0; i < node->in_count; i++)
      if (node->in[i]) node_set_input(node, i, widened(graph, node->in[i], made));
    if (node_is(node, "", "Cast") && node_int(node, "to", 0) == DT_F16 && !node->out[0]->is_output)
      node_set_int(model, node, "to", DT_F32);
    bool converts_output = node_is(node, "", "Cast") && node->out[0]->is_output;
    if (!converts_output) widen_results(graph, node);
  }
  return true;
}
