// infer_shapes: types, dims and known elements of every value, node by node in order.
//
// Operators that others make up are replaced on the way, since what replaces them depends on types and shapes.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/expand.h"
#include "compiler/passes/passes.h"

enum { MAX_ERRORS = 20 };

static bool is_inferred(const Node *node) {
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && (node->out[i]->rank < 0 || node->out[i]->type == DT_UNDEFINED)) return false;
  return true;
}

static bool inputs_known(const Node *node) {
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && node->in[i]->rank < 0) return false;
  return true;
}

// The model's own nodes were checked before: only an expansion makes one of an operator that is missing.
static bool known_operator(Model *model, const Node *node) {
  return node->op ||
         node_error(model, node, "is part of an operator that is made of others; '%s' is not supported", node->loc.op);
}

static bool apply_rule(Graph *graph, Node *node, bool *replaced) {
  if (node->op->expand && !expand_node(graph, node, replaced)) return false;
  return *replaced || node->op->infer(graph->model, node);
}

// A rule may ask for elements that are computed from constants; where folding has not made those known, the run tells.
// *before: the node that stood before when the rule was applied. Folding removes nodes.
static bool infer_node(Graph *graph, Node *node, Node **before, bool *replaced) {
  Model *model = graph->model;
  int errors = model->diag->errors;
  model->wanted = NULL;
  *before = node->prev;
  if (apply_rule(graph, node, replaced)) return true;
  if (!model->wanted || model->diag->errors > errors || !fold_known(graph)) return false;
  *before = node->prev;
  return apply_rule(graph, node, replaced);
}

bool infer_graph(Graph *graph) {
  Model *model = graph->model;
  int errors = model->diag->errors;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (is_inferred(node) || !inputs_known(node)) continue; // the second: reported where it began
    Node *before = NULL;
    bool good = known_operator(model, node) && op_check_types(model, node), replaced = false;
    if (good) good = infer_node(graph, node, &before, &replaced);
    next = !replaced ? node->next : before ? before->next : graph->first;
    if (!good && model->diag->errors - errors >= MAX_ERRORS) return false;
    if (!good || replaced) continue;
    if (!is_inferred(node) && node_is(node, "", "If") && sink_tail(graph, node)) {
      next = before ? before->next : graph->first; // the node stands at the graph's end now
      continue;
    }
    bool from_constants = true;
    for (size_t i = 0; i < node->in_count; i++)
      from_constants &= !node->in[i] || node->in[i]->data || node->in[i]->from_constants;
    bool constant = true; // node_settle takes the whole node or nothing of it
    for (size_t i = 0; i < node->out_count; i++) {
      Value *out = node->out[i];
      if (!out) continue;
      out->from_constants = from_constants;
      if (out->type == DT_UNDEFINED || (out->rank < 0 && !graph->parent))
        return node_error(model, node, "output %zu has no type or rank that is known when compiling", i);
      constant = constant && !out->is_output && (out->data || elems_tensor(model, out));
    }
    if (!constant) continue;
    for (size_t i = 0; i < node->out_count; i++)
      if (node->out[i] && !node->out[i]->data) node->out[i]->data = elems_tensor(model, node->out[i]);
    node_settle(graph, node);
  }
  return model->diag->errors == errors;
}

bool infer_shapes(Model *model, const PassOptions *options) {
  (void)options;
  return infer_graph(model->graph);
}
