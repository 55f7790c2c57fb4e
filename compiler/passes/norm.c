// recognise_norm: exporters before opset 17 write LayerNormalization out:
//   d = x - ReduceMean(x);  y = d / Sqrt(ReduceMean(d ^ 2) + epsilon) * scale + bias
// As one operator it reads its input while the row is in cache.
#include "compiler/passes/passes.h"

#include <string.h>

static Node *producer(const Value *value, const char *type) {
  return value && value->producer && node_is(value->producer, "", type) ? value->producer : NULL;
}

static bool is_scalar(const Value *value, double *x) {
  if (!value || !value->data || tensor_count(value->data) != 1 || !dtype_is_float(value->type)) return false;
  *x = tensor_float(value->data, 0);
  return true;
}

// A mean over the last axis that keeps it.
static const Value *mean_of(const Value *value) {
  Node *node = producer(value, "ReduceMean");
  if (!node || node_int(node, "keepdims", 1) != 1) return NULL;
  size_t count = 0;
  const int64_t *axes = node_ints(node, "axes", &count);
  int64_t axis = count == 1 ? axes[0] : 0;
  const Value *input = node_in(node, 1);
  if (input) {
    if (!input->data || tensor_count(input->data) != 1) return NULL;
    axis = tensor_int(input->data, 0);
  } else if (count != 1) {
    return NULL;
  }
  return axis == -1 || axis == node->in[0]->rank - 1 ? node->in[0] : NULL;
}

static const Value *square_of(const Value *value) {
  Node *node = producer(value, "Mul");
  if (node) return node->in[0] == node->in[1] ? node->in[0] : NULL;
  double exponent;
  node = producer(value, "Pow");
  return node && is_scalar(node->in[1], &exponent) && exponent == 2 ? node->in[0] : NULL;
}

// x when d = x - mean(x).
static Value *centred(const Value *d) {
  Node *node = producer(d, "Sub");
  return node && mean_of(node->in[1]) == node->in[0] ? node->in[0] : NULL;
}

// `node` divides d by its deviation: the normalised value.
static Value *match(const Node *node, double *epsilon) {
  if (!node_is(node, "", "Div")) return NULL;
  Node *root = producer(node->in[1], "Sqrt"), *sum = root ? producer(root->in[0], "Add") : NULL;
  if (!sum) return NULL;
  bool second = is_scalar(sum->in[1], epsilon);
  if (!second && !is_scalar(sum->in[0], epsilon)) return NULL;
  const Value *squares = mean_of(sum->in[!second]), *d = squares ? square_of(squares) : NULL;
  // Exporters may compute the same difference twice.
  Value *x = centred(node->in[0]);
  return d && x && (d == node->in[0] || centred(d) == x) ? x : NULL;
}

// The only reader of `value` when it is a `type` with a constant vector along the last axis.
static Node *affine(const Value *value, const char *type, Value **vector) {
  if (value->use_count != 1 || value->is_output || !node_is(value->uses[0], "", type)) return NULL;
  Node *node = value->uses[0];
  *vector = node->in[0] == value ? node->in[1] : node->in[0];
  bool fits = (*vector)->data && (*vector)->rank == 1 && dim_equal((*vector)->dims[0], value->dims[value->rank - 1]);
  return fits ? node : NULL;
}

static void rewrite(Graph *graph, const Node *node, Value *x, double epsilon) {
  Value *scale, *bias;
  Node *mul = affine(node->out[0], "Mul", &scale), *add = mul ? affine(mul->out[0], "Add", &bias) : NULL;
  if (!add) return;
  Value *in[3] = {x, scale, bias}, *out = add->out[0];
  add->out[0] = NULL;
  out->producer = NULL;
  Node *norm = node_new(graph, add, "", "LayerNormalization", in, 3, &out, 1);
  node_set_int(graph->model, norm, "axis", -1);
  node_set_float(graph->model, norm, "epsilon", epsilon);
  node_remove(graph, add);
}

bool recognise_norm(Model *model, const PassOptions *options) {
  Graph *graph = model->graph;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    double epsilon;
    Value *x = match(node, &epsilon);
    if (x && x->type == DT_F32) rewrite(graph, node, x, epsilon);
  }
  return simplify(model, options);
}
