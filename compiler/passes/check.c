// check_operators: a model that cannot be compiled is refused here, with everything that is missing in one list.
#include "compiler/passes/passes.h"

#include <string.h>

typedef struct {
  const Node *first;
  int count;
} Unknown;

typedef struct {
  Unknown *kinds;
  size_t count;
} UnknownList;

static void note_unknown(Model *model, UnknownList *list, const Node *node) {
  if (node->op) return;
  for (size_t i = 0; i < list->count; i++)
    if (!strcmp(list->kinds[i].first->loc.op, node->loc.op)) {
      list->kinds[i].count++;
      return;
    }
  APPEND(model->arena, list->kinds, list->count, ((Unknown){node, 1}));
}

// Subgraphs belong to control flow, which is not supported, but what they hold should be in the list too.
static void check_graph(Model *model, const Graph *graph, UnknownList *list) {
  for (const Node *node = graph->first; node; node = node->next) {
    note_unknown(model, list, node);
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t k = 0; k < count; k++) check_graph(model, graphs[k], list);
    }
  }
}

// One message an operator, at the first node that has it.
static void report(Model *model, const Unknown *unknown) {
  const Node *node = unknown->first;
  const char *opset = "", *more = "";
  if (op_known_elsewhere(node->domain, node->type))
    opset = arena_printf(model->arena, " as of opset %d", node->loc.opset);
  if (unknown->count > 1) more = arena_printf(model->arena, " (nor at %d more nodes)", unknown->count - 1);
  diag_error_at(model->diag, &node->loc, "operator '%s'%s is not supported%s", node->loc.op, opset, more);
}

bool check_operators(Model *model, const PassOptions *options) {
  (void)options;
  UnknownList list = {0};
  check_graph(model, model->graph, &list);
  for (size_t i = 0; i < list.count; i++) report(model, &list.kinds[i]);
  return list.count == 0;
}

int64_t count_parameters(const Graph *graph) {
  int64_t sum = 0;
  const Tensor **seen = NULL;
  size_t seen_count = 0;
  for (const Node *node = graph->first; node; node = node->next)
    for (size_t i = 0; i < node->in_count; i++) {
      const Value *v = node->in[i];
      if (!v || !v->data || !dtype_is_float(v->type)) continue;
      bool again = false;
      for (size_t k = 0; k < seen_count && !again; k++) again = seen[k] == v->data;
      if (again) continue;
      APPEND(graph->model->arena, seen, seen_count, v->data);
      sum += tensor_count(v->data);
    }
  return sum;
}
