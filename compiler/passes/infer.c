// infer_shapes: types, dims and known elements of every value, node by node in order.
#include "compiler/ops/elementwise.h"
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

bool infer_shapes(Model *model, const PassOptions *options) {
  (void)options;
  Graph *graph = model->graph;
  int errors = model->diag->errors;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (is_inferred(node) || !inputs_known(node)) continue; // the second: reported where it began
    model->wanted = NULL;
    bool ok = op_check_types(model, node) && node->op->infer(model, node);
    if (!ok && model->wanted && model->diag->errors == errors) {
      if (!fold_known(model)) return false;
      ok = node->op->infer(model, node); // where folding has not helped, the run tells
    }
    if (!ok) {
      if (model->diag->errors - errors >= MAX_ERRORS) return false;
      continue;
    }
    bool from_constants = true;
    for (size_t i = 0; i < node->in_count; i++)
      from_constants &= !node->in[i] || node->in[i]->data || node->in[i]->from_constants;
    bool constant = true;
    for (size_t i = 0; i < node->out_count; i++) {
      Value *out = node->out[i];
      if (!out) continue;
      out->from_constants = from_constants;
      if (out->type == DT_UNDEFINED || out->rank < 0)
        return node_error(model, node, "output %zu has no known type or shape", i);
      if (!out->data && !out->is_output) out->data = elems_tensor(model, out);
      constant = constant && out->data;
    }
    if (!constant) continue;
    node_settle(graph, node);
  }
  return model->diag->errors == errors;
}
