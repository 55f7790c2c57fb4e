// Copies of graphs: for looking at what a loop's body makes of shapes without touching the body, and for what a branch
// goes on with.
#include "compiler/graph/graph.h"

#include <string.h>

typedef struct {
  Model *model;
  Value **copies; // by value id; NULL: from outside
  size_t count;
  bool rename; // the original stays
} Clone;

static Value *find(const Clone *c, Value *value) {
  Value *copy = value && (size_t)value->id < c->count ? c->copies[value->id] : NULL;
  return copy ? copy : value;
}

static Value *clone_value(Clone *c, Graph *to, const Value *value) {
  if (!value) return NULL;
  Value *copy = value_new_typed(to, value->name, value->type, -1, NULL);
  const char *name = c->rename ? copy->name : value->name;
  int id = copy->id;
  *copy = *value;
  copy->id = id;
  copy->name = name;
  copy->producer = NULL;
  copy->uses = NULL;
  copy->use_count = 0;
  if (value->rank > 0) {
    copy->dims = NEW_ARRAY(c->model->arena, Dim, (size_t)value->rank);
    memcpy(copy->dims, value->dims, (size_t)value->rank * sizeof *copy->dims);
  }
  return c->copies[value->id] = copy;
}

static Graph *clone_graph(Clone *c, const Graph *graph, Graph *parent);

static void clone_attrs(Clone *c, Graph *to, Node *node, const Node *from) {
  node->attrs = NEW_ARRAY(c->model->arena, Attr, from->attr_count);
  node->attr_count = from->attr_count;
  for (size_t i = 0; i < from->attr_count; i++) {
    Attr *attr = &node->attrs[i];
    *attr = from->attrs[i];
    if (attr->type == ATTR_GRAPH) attr->g = clone_graph(c, attr->g, to);
    if (attr->type != ATTR_GRAPHS) continue;
    attr->graphs = NEW_ARRAY(c->model->arena, Graph *, attr->count);
    for (size_t k = 0; k < attr->count; k++) attr->graphs[k] = clone_graph(c, from->attrs[i].graphs[k], to);
  }
}

static void clone_node(Clone *c, Graph *to, const Node *from) {
  Value **in = NEW_ARRAY(c->model->arena, Value *, from->in_count);
  Value **out = NEW_ARRAY(c->model->arena, Value *, from->out_count);
  for (size_t i = 0; i < from->in_count; i++) in[i] = find(c, from->in[i]);
  for (size_t i = 0; i < from->out_count; i++) out[i] = clone_value(c, to, from->out[i]);
  Node *node = node_new(to, NULL, from->domain, from->type, in, from->in_count, out, from->out_count);
  node->op = from->op;
  node->loc = from->loc;
  clone_attrs(c, to, node, from);
}

static Graph *clone_graph(Clone *c, const Graph *graph, Graph *parent) {
  Graph *copy = graph_new(c->model, parent, graph->name);
  for (size_t i = 0; i < graph->input_count; i++)
    APPEND(c->model->arena, copy->inputs, copy->input_count, clone_value(c, copy, graph->inputs[i]));
  for (const Node *node = graph->first; node; node = node->next) clone_node(c, copy, node);
  for (size_t i = 0; i < graph->output_count; i++)
    APPEND(c->model->arena, copy->outputs, copy->output_count, find(c, graph->outputs[i]));
  copy->output_names = graph->output_names;
  copy->fault = graph->fault;
  return copy;
}

Graph *graph_clone(const Graph *graph) {
  Clone c = {.model = graph->model, .count = (size_t)graph->model->values};
  c.copies = NEW_ARRAY(graph->model->arena, Value *, c.count);
  return clone_graph(&c, graph, graph->parent);
}

void graph_discard(Graph *graph) {
  for (Node *node = graph->last; node; node = graph->last) {
    for (size_t i = 0; i < node->out_count; i++)
      if (node->out[i]) node->out[i]->is_output = false;
    node_remove(graph, node);
  }
}

/* graph_sink */

// Whether the node, or one in its subgraphs, reads a value of the set.
static bool reads_any(const Node *node, const bool *set, size_t count) {
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && (size_t)node->in[i]->id < count && set[node->in[i]->id]) return true;
  for (size_t i = 0; i < node->attr_count; i++) {
    size_t graph_count;
    Graph *const *graphs = attr_graphs(&node->attrs[i], &graph_count);
    for (size_t k = 0; k < graph_count; k++) {
      for (const Node *inner = graphs[k]->first; inner; inner = inner->next)
        if (reads_any(inner, set, count)) return true;
      for (size_t j = 0; j < graphs[k]->output_count; j++)
        if ((size_t)graphs[k]->outputs[j]->id < count && set[graphs[k]->outputs[j]->id]) return true;
    }
  }
  return false;
}

static void add_all(const Node *node, bool *set) {
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) set[node->out[i]->id] = true;
}

// Copies of the nodes at the end of the body, which gives `outs` now.
static void sink_into(Graph *body, const Node *owner, Node *const *nodes, size_t node_count, Value *const *outs,
                      size_t out_count) {
  Model *model = body->model;
  Clone c = {.model = model, .count = (size_t)model->values, .rename = true};
  c.copies = NEW_ARRAY(model->arena, Value *, c.count);
  for (size_t i = 0; i < owner->out_count; i++)
    if (owner->out[i]) c.copies[owner->out[i]->id] = body->outputs[i];
  for (size_t i = 0; i < node_count; i++) clone_node(&c, body, nodes[i]);
  for (size_t i = 0; i < body->output_count; i++) body->outputs[i]->is_output = false;
  body->output_count = 0;
  body->output_names = NULL;
  for (size_t i = 0; i < out_count; i++) {
    Value *out = find(&c, outs[i]);
    out->is_output = true;
    size_t count = body->output_count;
    APPEND(model->arena, body->output_names, count, out->name);
    APPEND(model->arena, body->outputs, body->output_count, out);
  }
}

bool graph_sink(Graph *graph, Node *node, Graph *const *bodies, size_t body_count) {
  enum { MOST_VALUES = 1 << 20 }; // of a model: the tail may be doubled again and again
  Model *model = graph->model;
  size_t count = (size_t)model->values, node_count = 0, out_count = 0;
  bool *moved = NEW_ARRAY(model->arena, bool, count);
  Node **nodes = NULL;
  Value **outs = NULL;
  add_all(node, moved);
  for (Node *later = node->next; later; later = later->next) {
    if (!reads_any(later, moved, count)) continue;
    APPEND(model->arena, nodes, node_count, later);
    add_all(later, moved);
  }
  if (!node_count || count > MOST_VALUES) return false;
  for (size_t i = 0; i < graph->output_count; i++)
    if ((size_t)graph->outputs[i]->id < count && moved[graph->outputs[i]->id])
      APPEND(model->arena, outs, out_count, graph->outputs[i]);
  for (size_t i = 0; i < body_count; i++) sink_into(bodies[i], node, nodes, node_count, outs, out_count);
  for (size_t i = node_count; i-- > 0;) node_settle(graph, nodes[i]);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) node->out[i]->producer = NULL;
  node->out = outs;
  node->out_count = out_count;
  for (size_t i = 0; i < out_count; i++) outs[i]->producer = node;
  node_move_last(graph, node); // after what the bodies read now
  return true;
}
