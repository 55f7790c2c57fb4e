// Copies of graphs: for looking at what a loop's body makes of shapes without touching the body, and for compiling a
// model more than once.
#include "compiler/graph/graph.h"

#include <string.h>

typedef struct {
  Model *model;
  Value **copies; // by value id; NULL: from outside
  size_t count;
  Graph *whole; // constants get copies in this one; NULL: they are from outside
} Clone;

static Value *clone_value(Clone *c, Graph *to, const Value *value) {
  if (!value) return NULL;
  Value *copy = value_new(to, value->name);
  int id = copy->id;
  *copy = *value;
  copy->id = id;
  copy->producer = NULL;
  copy->uses = NULL;
  copy->use_count = 0;
  if (value->rank > 0) {
    copy->dims = NEW_ARRAY(c->model->arena, Dim, (size_t)value->rank);
    memcpy(copy->dims, value->dims, (size_t)value->rank * sizeof *copy->dims);
  }
  return c->copies[value->id] = copy;
}

static Value *find(Clone *c, Value *value) {
  Value *copy = value && (size_t)value->id < c->count ? c->copies[value->id] : NULL;
  if (!copy && value && c->whole && value->data) return clone_value(c, c->whole, value);
  return copy ? copy : value;
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
  if (c->whole == graph) c->whole = copy;
  for (size_t i = 0; i < graph->input_count; i++)
    APPEND(c->model->arena, copy->inputs, copy->input_count, clone_value(c, copy, graph->inputs[i]));
  for (const Node *node = graph->first; node; node = node->next) clone_node(c, copy, node);
  for (size_t i = 0; i < graph->output_count; i++)
    APPEND(c->model->arena, copy->outputs, copy->output_count, find(c, graph->outputs[i]));
  copy->output_names = graph->output_names;
  return copy;
}

static Graph *start_clone(const Graph *graph, const Graph *whole) {
  Clone c = {.model = graph->model, .count = (size_t)graph->model->values, .whole = (Graph *)whole};
  c.copies = NEW_ARRAY(graph->model->arena, Value *, c.count);
  return clone_graph(&c, graph, graph->parent);
}

Graph *graph_clone(const Graph *graph) { return start_clone(graph, NULL); }
Graph *graph_copy(const Graph *graph) { return start_clone(graph, graph); }

void graph_discard(Graph *graph) {
  for (Node *node = graph->last; node; node = graph->last) {
    for (size_t i = 0; i < node->out_count; i++)
      if (node->out[i]) node->out[i]->is_output = false;
    node_remove(graph, node);
  }
}
