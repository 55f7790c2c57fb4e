// widen_floats: what a model computes in float16 or bfloat16 is computed in float32. CPUs have no such arithmetic worth
// having, every intermediate rounding lost is accuracy won, and templates need one type only. The model's inputs and
// outputs keep their types, and operators that are about types round where they say so.
#include "compiler/passes/passes.h"

#include <string.h>

typedef struct {
  Model *model;
  int count;       // values before the pass
  DType *original; // by value id: the type that the model gives it
  Value **wide;    // by value id: a narrow value as float32
  Graph **wide_in; // where that was made
  bool top;        // whether the graph at hand is the model's own
} Widen;

// Sequences, optionals and maps keep the elements that they have in the model.
static bool keeps_elements(const Value *value) { return value->kind != VALUE_TENSOR; }

static bool is_narrow(DType type) { return type == DT_F16 || type == DT_BF16; }

// Whether the node's meaning depends on the types of what it reads or makes.
static bool is_about_types(const Widen *w, const Node *node) {
  static const char *const ops[] = {"Cast",           "CastLike",         "BitCast",
                                    "QuantizeLinear", "EyeLike",          "DequantizeLinear",
                                    "Bernoulli",      "RandomNormalLike", "RandomUniformLike"};
  for (size_t i = 0; i < COUNT(ops); i++)
    if (node_is(node, "", ops[i])) return true;
  size_t count;
  for (size_t i = 0; i < node->attr_count; i++)
    if (attr_graphs(&node->attrs[i], &count), count) return false;
  for (size_t i = 0; i < node->in_count + node->out_count; i++) {
    const Value *value = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
    if (value && keeps_elements(value)) return true;
  }
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && (node->in[i]->id >= w->count || is_narrow(w->original[node->in[i]->id]))) return false;
  return true; // an attribute gives the type
}

// `value` in another type, by a Cast before `before`.
static Value *cast_value(Graph *graph, Node *before, Value *value, DType to) {
  Value *out = value_new_typed(graph, value->name, to, value->rank, value->dims);
  Node *cast = node_new(graph, before, "", "Cast", &value, 1, &out, 1);
  node_set_int(graph->model, cast, "to", to);
  return out;
}

// An input for a node that computes: of float32.
static Value *widened(Widen *w, Graph *graph, Node *before, Value *value) {
  if (!is_narrow(value->type) || keeps_elements(value) || value->id >= w->count) return value;
  Value **wide = &w->wide[value->id];
  bool here = w->wide_in[value->id] == graph;
  if (!*wide || (!here && !value->producer)) { // a constant or an input: at the start, before all that read it
    *wide = cast_value(graph, value->producer ? before : graph->first, value, DT_F32);
    w->wide_in[value->id] = graph;
  }
  return *wide;
}

// An input for a node that is about types: rounded to the type that it has in the model.
static Value *rounded(Widen *w, Graph *graph, Node *node, Value *value) {
  if (value->id >= w->count || w->original[value->id] == value->type) return value;
  int64_t to = node_is(node, "", "Cast") ? node_int(node, "to", 0) : 0;
  if (to == DT_F32 || to == DT_F64) return value;
  return cast_value(graph, node, value, w->original[value->id]);
}

// Moves all readers of `from` that compute to `to`.
static void replace_readers(const Widen *w, Value *from, Value *to) {
  for (size_t i = from->use_count; i-- > 0;) {
    Node *user = from->uses[i < from->use_count ? i : from->use_count - 1];
    if (is_about_types(w, user)) continue;
    for (size_t k = 0; k < user->in_count; k++)
      if (user->in[k] == from) node_set_input(user, k, to);
  }
}

// Result i of a node that computes becomes float32; an output of the model is converted back under its own name.
static void widen_result(Widen *w, Graph *graph, Node *node, size_t i) {
  Value *out = node->out[i];
  if (!out || !is_narrow(out->type) || keeps_elements(out)) return;
  if (!out->is_output || !w->top) {
    out->type = DT_F32;
    return;
  }
  DType type = out->type;
  Value *inner = value_new_typed(graph, out->name, DT_F32, out->rank, out->dims);
  replace_readers(w, out, inner);
  out->producer = NULL;
  node->out[i] = inner;
  inner->producer = node;
  Node *cast = node_new(graph, node->next, "", "Cast", &inner, 1, &out, 1);
  node_set_int(graph->model, cast, "to", type);
}

// Result i of a node that is about types stays; who computes with it reads a float32 copy.
static void copy_result(Widen *w, Graph *graph, Node *node, size_t i) {
  Value *out = node->out[i];
  if (!out || !is_narrow(out->type) || keeps_elements(out)) return;
  Value *wide = cast_value(graph, node->next, out, DT_F32);
  w->wide[out->id] = wide;
  w->wide_in[out->id] = graph;
  if (w->top || !out->is_output) return;
  for (size_t k = 0; k < graph->output_count; k++) // a body hands over what its node has become
    if (graph->outputs[k] == out) graph->outputs[k] = wide;
  out->is_output = false;
  wide->is_output = true;
}

static void widen_graph(Widen *w, Graph *graph);

static void widen_node(Widen *w, Graph *graph, Node *node) {
  bool about_types = is_about_types(w, node);
  for (size_t i = 0; i < node->in_count; i++) {
    Value *in = node->in[i];
    if (in) node_set_input(node, i, about_types ? rounded(w, graph, node, in) : widened(w, graph, node, in));
  }
  bool top = w->top;
  w->top = false;
  for (size_t i = 0; i < node->attr_count; i++) {
    size_t count;
    Graph *const *bodies = attr_graphs(&node->attrs[i], &count);
    for (size_t k = 0; k < count; k++) widen_graph(w, bodies[k]);
  }
  w->top = top;
  for (size_t i = 0; i < node->out_count; i++)
    about_types ? copy_result(w, graph, node, i) : widen_result(w, graph, node, i);
}

static void widen_graph(Widen *w, Graph *graph) {
  Node *last = graph->last;
  if (!w->top)
    for (size_t i = 0; i < graph->input_count; i++)
      if (is_narrow(graph->inputs[i]->type) && !keeps_elements(graph->inputs[i])) graph->inputs[i]->type = DT_F32;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node == last ? NULL : node->next;
    widen_node(w, graph, node);
  }
}

static void note_types(Widen *w, const Graph *graph, bool *found) {
  for (size_t i = 0; i < graph->input_count; i++) w->original[graph->inputs[i]->id] = graph->inputs[i]->type;
  for (const Node *node = graph->first; node; node = node->next) {
    for (size_t i = 0; i < node->in_count + node->out_count; i++) {
      const Value *value = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
      if (value) w->original[value->id] = value->type;
      if (value) *found |= is_narrow(value->type);
    }
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *bodies = attr_graphs(&node->attrs[i], &count);
      for (size_t k = 0; k < count; k++) note_types(w, bodies[k], found);
    }
  }
}

bool widen_floats(Model *model, const PassOptions *options) {
  (void)options;
  Widen w = {.model = model, .count = model->values, .top = true};
  w.original = NEW_ARRAY(model->arena, DType, (size_t)w.count);
  w.wide = NEW_ARRAY(model->arena, Value *, (size_t)w.count);
  w.wide_in = NEW_ARRAY(model->arena, Graph *, (size_t)w.count);
  bool found = false;
  note_types(&w, model->graph, &found);
  if (found) widen_graph(&w, model->graph);
  return true;
}
