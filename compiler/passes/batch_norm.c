// expand_batch_norm: Y = (X - mean) / sqrt(var + epsilon) * scale + B becomes X * f + (B - mean * f) with
// f = scale / sqrt(var + epsilon) per channel. The constants are computed by fold_constants; fold_scale takes what
// follows a convolution into its weights.
#include "compiler/passes/passes.h"

#include <string.h>

// [C] as [C, 1, 1, ...], which broadcasts along axis 1.
static Value *per_channel(Graph *graph, Node *node, Value *value, int rank) {
  int64_t dims[MAX_RANK] = {-1};
  if (rank < 3) return value;
  for (int i = 1; i < rank - 1; i++) dims[i] = 1;
  return node_result(graph, node, "Reshape", value, value_const_ints(graph, "dims", dims, rank - 1));
}

static void expand(Graph *graph, Node *node) {
  Value *x = node->in[0], *scale = node->in[1], *b = node->in[2], *mean = node->in[3], *var = node->in[4];
  Value *epsilon = value_const_float(graph, "epsilon", var->type, node_float(node, "epsilon", 1e-5));
  Value *f = node_result(graph, node, "Div", scale,
                         node_result(graph, node, "Sqrt", node_result(graph, node, "Add", var, epsilon), NULL));
  Value *shift = node_result(graph, node, "Sub", b, node_result(graph, node, "Mul", mean, f));
  Value *product = node_result(graph, node, "Mul", x, per_channel(graph, node, f, x->rank));
  Value *out = node->out[0], *in[2] = {product, per_channel(graph, node, shift, x->rank)};
  node->out[0] = NULL;
  out->producer = NULL;
  node_new(graph, node, "", "Add", in, 2, &out, 1);
  node_remove(graph, node);
}

bool expand_batch_norm(Model *model, const PassOptions *options) {
  (void)options;
  Graph *graph = model->graph;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (!node_is(node, "", "BatchNormalization") || node->in[0]->rank < 2) continue;
    bool constant = true;
    for (size_t i = 1; i < 5; i++) constant = constant && node->in[i]->data && node->in[i]->type == node->in[0]->type;
    for (size_t i = 1; i < node->out_count; i++) constant = constant && (!node->out[i] || !node->out[i]->use_count);
    if (constant) expand(graph, node);
  }
  return fold_constants(model, options);
}
