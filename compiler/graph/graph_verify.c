// Checks what holds between passes. A broken rule is a fault of the compiler: it is reported as such, with the rule's
// own sentence, and the first one ends the check.
//
// The whole model is looked at, from whichever of its graphs: uses cross graph borders. `mark` holds during the walk
// whether a node has been passed and is in scope.
#include "compiler/graph/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
  const Value *value;
  const Node *node;
} Use;

typedef struct {
  Model *model;
  Arena *arena; // for lists that live as long as the check
  Use *reads;   // every input of every node
  size_t read_count;
  const Value **values; // every value met, with repetitions
  size_t value_count;
} Verifier;

static bool fault(const Verifier *v, const char *rule, const char *name) {
  return diag_error(v->model->diag, v->model->file, "internal fault: %s ('%s')", rule, name);
}

static bool check_value(Verifier *v, const Value *value) {
  APPEND(v->arena, v->values, v->value_count, value);
  if (!value->name || !*value->name) return fault(v, "a value has no name", "");
  if (value->rank < -1 || value->rank > MAX_RANK) return fault(v, "a rank is out of range", value->name);
  if ((unsigned)value->type >= DT_COUNT) return fault(v, "an element type is out of range", value->name);
  if (value->rank > 0 && !value->dims) return fault(v, "a value of known rank has no dims", value->name);
  for (int i = 0; i < value->rank; i++)
    if (dim_is_const(value->dims[i]) && value->dims[i].value < 0) return fault(v, "a dim is negative", value->name);
  const Tensor *data = value->data;
  if (!data) return true;
  if (value->producer) return fault(v, "a constant has a producer", value->name);
  if (data->type != value->type || data->rank != value->rank) return fault(v, "a constant's type differs", value->name);
  for (int i = 0; i < data->rank; i++)
    if (!dim_equal(value->dims[i], dim_const(data->dims[i]))) return fault(v, "a constant's dims differ", value->name);
  if (!(data->type == DT_STRING ? (const void *)data->strings : data->data) && tensor_count(data))
    return fault(v, "a constant has no data", value->name);
  return true;
}

static bool is_input(const Graph *graph, const Value *value) {
  for (; graph; graph = graph->parent)
    for (size_t i = 0; i < graph->input_count; i++)
      if (graph->inputs[i] == value) return true;
  return false;
}

static bool check_node(Verifier *v, const Graph *graph, Node *node) {
  if (node->model != v->model) return fault(v, "a node is another model's", node->loc.name);
  for (size_t i = 0; i < node->in_count; i++) {
    const Value *value = node->in[i];
    if (!value) continue;
    if (!check_value(v, value)) return false;
    APPEND(v->arena, v->reads, v->read_count, ((Use){value, node}));
    if (value->producer ? !value->producer->mark : !value->data && !is_input(graph, value))
      return fault(v, "a value is read before it is made", value->name);
  }
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *value = node->out[i];
    if (!value) continue;
    if (!check_value(v, value)) return false;
    if (value->producer != node) return fault(v, "an output does not know its producer", value->name);
    for (size_t j = 0; j < i; j++)
      if (node->out[j] == value) return fault(v, "a node has one output twice", value->name);
  }
  return true;
}

static bool check_graph(Verifier *v, const Graph *graph);

static bool check_subgraphs(Verifier *v, const Graph *graph, const Node *node) {
  for (size_t i = 0; i < node->attr_count; i++) {
    size_t count;
    Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
    for (size_t j = 0; j < count; j++) {
      if (graphs[j]->parent != graph) return fault(v, "a subgraph does not know its parent", graphs[j]->name);
      if (!check_graph(v, graphs[j])) return false;
    }
  }
  return true;
}

static bool check_graph(Verifier *v, const Graph *graph) {
  for (size_t i = 0; i < graph->input_count; i++) {
    const Value *value = graph->inputs[i];
    if (!check_value(v, value)) return false;
    if (value->producer || value->data) return fault(v, "a graph's input is made elsewhere too", value->name);
  }
  const Node *previous = NULL;
  for (Node *node = graph->first; node; previous = node, node = node->next) {
    if (node->prev != previous) return fault(v, "the list of nodes is broken", node->loc.name);
    if (!check_node(v, graph, node) || !check_subgraphs(v, graph, node)) return false;
    node->mark = 1;
  }
  if (graph->last != previous) return fault(v, "the list of nodes is broken", graph->name);
  for (size_t i = 0; i < graph->output_count; i++) {
    const Value *value = graph->outputs[i];
    if (!check_value(v, value)) return false;
    if (!value->is_output) return fault(v, "an output does not know that it is one", value->name);
    if (value->producer ? !value->producer->mark : !value->data && !is_input(graph, value))
      return fault(v, "a graph's output is never made", value->name);
  }
  for (Node *node = graph->first; node; node = node->next) node->mark = 0;
  return true;
}

static int compare_uses(const void *a, const void *b) {
  const Use *x = a, *y = b;
  if (x->value != y->value) return x->value < y->value ? -1 : 1;
  return (x->node > y->node) - (x->node < y->node);
}

static int compare_pointers(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  return (x > y) - (x < y);
}

static int compare_names(const void *a, const void *b) {
  return strcmp((*(const Value *const *)a)->name, (*(const Value *const *)b)->name);
}

static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  if (count > 1) qsort(items, count, size, compare);
}

// What nodes read and what values say about it must be the same list.
static bool check_uses(Verifier *v) {
  sort(v->values, v->value_count, sizeof *v->values, compare_pointers);
  size_t count = 0, use_count = 0;
  for (size_t i = 0; i < v->value_count; i++)
    if (i == 0 || v->values[i] != v->values[i - 1]) v->values[count++] = v->values[i];
  Use *uses = NULL;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < v->values[i]->use_count; j++)
      APPEND(v->arena, uses, use_count, ((Use){v->values[i], v->values[i]->uses[j]}));
  sort(uses, use_count, sizeof *uses, compare_uses);
  sort(v->reads, v->read_count, sizeof *v->reads, compare_uses);
  for (size_t i = 0; i < use_count || i < v->read_count; i++)
    if (i == use_count || i == v->read_count || compare_uses(&uses[i], &v->reads[i]) != 0)
      return fault(v, "uses are not exact", (i < use_count ? uses[i] : v->reads[i]).value->name);
  sort(v->values, count, sizeof *v->values, compare_names);
  for (size_t i = 1; i < count; i++)
    if (strcmp(v->values[i]->name, v->values[i - 1]->name) == 0)
      return fault(v, "two values have one name", v->values[i]->name);
  return true;
}

// Marks may hold anything from the last pass.
static void clear_marks(const Graph *graph) {
  for (Node *node = graph->first; node; node = node->next) {
    node->mark = 0;
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t j = 0; j < count; j++) clear_marks(graphs[j]);
    }
  }
}

bool graph_verify(const Graph *graph) {
  while (graph->parent) graph = graph->parent;
  Verifier v = {.model = graph->model, .arena = arena_new()};
  clear_marks(graph);
  bool good = check_graph(&v, graph) && check_uses(&v);
  arena_free(v.arena);
  return good;
}
