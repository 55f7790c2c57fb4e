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

// Where the rank of an input is not sure, operators that broadcast do not care: their result is as unsure as the surest
// of its inputs.
static bool settle_rank(Model *model, Node *node) {
  static const char *const others[] = {"Cast", "CastLike", "Identity"};
  bool broadcasts = node->op->infer == infer_elementwise, loose = false;
  int least = 0;
  for (size_t i = 0; i < COUNT(others); i++) broadcasts |= node_is(node, "", others[i]);
  for (size_t i = 0; i < node->in_count; i++) {
    const Value *in = node->in[i];
    if (!in) continue;
    if (in->loose && !broadcasts)
      return node_error(model, node,
                        "input %zu has rank %d or %d: the branches of an If differ, and this operator must know", i,
                        in->rank - in->loose, in->rank);
    loose |= in->loose > 0;
    if (least < in->rank - in->loose) least = in->rank - in->loose;
  }
  if (loose) node->out[0]->loose = node->out[0]->rank - least;
  return true;
}

// A rule may ask for elements that are computed from constants; where folding has not made those known, the run tells.
static bool infer_node(Graph *graph, Node *node, bool *replaced) {
  Model *model = graph->model;
  int errors = model->diag->errors;
  model->wanted = NULL;
  if (apply_rule(graph, node, replaced)) return true;
  if (!model->wanted || model->diag->errors > errors || !fold_known(graph)) return false;
  return apply_rule(graph, node, replaced);
}

bool infer_graph(Graph *graph) {
  Model *model = graph->model;
  int errors = model->diag->errors;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (is_inferred(node) || !inputs_known(node)) continue; // the second: reported where it began
    Node *before = node->prev;
    bool good = known_operator(model, node) && op_check_types(model, node), replaced = false;
    if (good) good = infer_node(graph, node, &replaced) && (replaced || settle_rank(model, node));
    if (replaced) next = before ? before->next : graph->first;
    if (!good && model->diag->errors - errors >= MAX_ERRORS) return false;
    if (!good || replaced) continue;
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

bool infer_shapes(Model *model, const PassOptions *options) {
  const Graph *graph = model->graph;
  (void)options;
  if (!infer_graph(model->graph)) return false;
  for (size_t i = 0; i < graph->output_count; i++) {
    const Value *out = graph->outputs[i];
    if (!out->loose) continue;
    return node_error(model, out->producer, "output '%s' has rank %d or %d: the branches of an If differ", out->name,
                      out->rank - out->loose, out->rank);
  }
  return true;
}
