// check_operators: a model that cannot be compiled is refused here, with everything that is missing in one list.
#include "compiler/passes/passes.h"

#include <string.h>

static void report(Model *model, const Node *node) {
  if (node->op) return;
  int opset = node->loc.opset;
  if (op_known_elsewhere(node->domain, node->type))
    diag_error_at(model->diag, &node->loc, "operator '%s' as of opset %d is not supported", node->loc.op, opset);
  else
    diag_error_at(model->diag, &node->loc, "operator '%s' is not supported", node->loc.op);
}

// Subgraphs belong to control flow, which is not supported, but what they hold should be in the list too.
static void check_graph(Model *model, const Graph *graph) {
  for (const Node *node = graph->first; node; node = node->next) {
    report(model, node);
    for (size_t i = 0; i < node->attr_count; i++) {
      const Attr *attr = &node->attrs[i];
      if (attr->type == ATTR_GRAPH) check_graph(model, attr->g);
      for (size_t k = 0; attr->type == ATTR_GRAPHS && k < attr->count; k++) check_graph(model, attr->graphs[k]);
    }
  }
}

bool check_operators(Model *model, const PassOptions *options) {
  (void)options;
  int errors = model->diag->errors;
  check_graph(model, model->graph);
  return model->diag->errors == errors;
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
