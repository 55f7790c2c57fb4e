// fold_scale: Conv followed by Mul or Add with one constant per output channel (or one for all): the product goes into
// the weights, the sum into the bias. Batch normalisations end here.
#include "compiler/passes/passes.h"

#include <string.h>

// The constant operand of `node` beside `x` when it has one element per channel of x, or one at all.
static Value *channel_constant(const Node *node, const Value *x) {
  Value *c = node->in[0] == x ? node->in[1] : node->in[0];
  if (!c->data || c == x || c->rank > x->rank) return NULL;
  for (int i = 0; i < c->rank; i++) {
    int axis = x->rank - c->rank + i;
    if (c->dims[i].value != 1 && (axis != 1 || !dim_equal(c->dims[i], x->dims[1]))) return NULL;
  }
  return c;
}

// The constant as [channels], broadcast from one element if need be.
static Value *as_vector(Graph *graph, Node *before, Value *c, int64_t channels) {
  int64_t all = -1;
  Value *flat = node_result(graph, before, "Reshape", c, value_const_ints(graph, "dims", &all, 1));
  return node_result(graph, before, "Expand", flat, value_const_ints(graph, "dims", &channels, 1));
}

static void fold(Graph *graph, Node *conv, Node *node, Value *c) {
  Value *weight = conv->in[1], *bias = node_in(conv, 2);
  int64_t channels = value_dim(weight, 0), dims[MAX_RANK] = {-1};
  Value *vector = as_vector(graph, conv, c, channels);
  for (int i = 1; i < weight->rank; i++) dims[i] = 1;
  if (node_is(node, "", "Mul")) {
    Value *shaped = node_result(graph, conv, "Reshape", vector, value_const_ints(graph, "dims", dims, weight->rank));
    node_set_input(conv, 1, node_result(graph, conv, "Mul", weight, shaped));
    if (bias) node_set_input(conv, 2, node_result(graph, conv, "Mul", bias, vector));
  } else if (bias) {
    node_set_input(conv, 2, node_result(graph, conv, "Add", bias, vector));
  } else {
    if (conv->in_count == 3)
      node_set_input(conv, 2, vector);
    else
      node_add_input(conv, vector);
  }
  // The convolution takes over the node's result, with its name.
  Value *inner = conv->out[0], *out = node->out[0];
  node->out[0] = NULL;
  node_remove(graph, node);
  inner->producer = NULL;
  conv->out[0] = out;
  out->producer = conv;
}

bool fold_scale(Model *model, const PassOptions *options) {
  Graph *graph = model->graph;
  bool again = true;
  while (again) { // Mul, then Add behind the same convolution
    again = false;
    for (Node *conv = graph->first; conv; conv = conv->next) {
      if (!node_is(conv, "", "Conv") || !conv->in[1]->data || (node_in(conv, 2) && !conv->in[2]->data)) continue;
      Value *x = conv->out[0];
      if (x->use_count != 1 || x->is_output) continue;
      Node *node = x->uses[0];
      if (!node_is(node, "", "Mul") && !node_is(node, "", "Add")) continue;
      Value *c = channel_constant(node, x);
      if (!c) continue;
      fold(graph, conv, node, c);
      again = true;
    }
    if (again && !fold_constants(model, options)) return false;
  }
  return true;
}
