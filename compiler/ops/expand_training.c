// Steps of optimisers (ai.onnx.preview.training): R is the learning rate, T counts steps, then come all tensors, all
// gradients, and all of each kind of state; results stand in the same order.
#include "compiler/ops/expand.h"

#include <math.h>
#include <string.h>

static Value *times(Expansion *e, double factor, Value *x) { return MUL(e, SCALAR(e, x, factor), x); }

typedef struct {
  size_t count; // tensors that are optimised
  Value *rate, *step;
} Optimiser;

static bool read_optimiser(Expansion *e, const Node *node, size_t kinds, Optimiser *o) {
  if (node->in_count < 2 + kinds || (node->in_count - 2) % kinds)
    return node_error(e->model, node, "%zu inputs do not make equal groups", node->in_count);
  *o = (Optimiser){(node->in_count - 2) / kinds, node->in[0], node->in[1]};
  return true;
}

// Tensor i of a kind: 0 what is optimised, 1 its gradient, then the state.
static Value *of_kind(const Node *node, const Optimiser *o, size_t kind, size_t i) {
  return node->in[2 + kind * o->count + i];
}

// The gradient with that of the norm of the tensor itself.
static Value *gradient(Expansion *e, const Node *node, const Optimiser *o, size_t i) {
  Value *x = of_kind(node, o, 0, i), *g = of_kind(node, o, 1, i);
  return ADD(e, times(e, node_float(node, "norm_coefficient", 0), x), g);
}

bool expand_adagrad(Expansion *e, Node *node) {
  Optimiser o;
  if (!read_optimiser(e, node, 3, &o)) return false;
  double epsilon = node_float(node, "epsilon", 1e-6), decay = node_float(node, "decay_factor", 0);
  for (size_t i = 0; i < o.count; i++) {
    Value *x = of_kind(node, &o, 0, i), *g = gradient(e, node, &o, i);
    Value *slowed = ADD(e, times(e, decay, expand_cast(e, o.step, x->type)), SCALAR(e, x, 1));
    Value *h = ADD(e, of_kind(node, &o, 2, i), MUL(e, g, g)), *root = ADD(e, SQRT(e, h), SCALAR(e, h, epsilon));
    Value *rate = DIV(e, expand_cast(e, o.rate, x->type), slowed);
    expand_done(e, i, SUB(e, x, DIV(e, MUL(e, rate, g), root)));
    expand_done(e, o.count + i, h);
  }
  return true;
}

// √(1 - beta^T) / (1 - alpha^T), 1 before the first step.
static Value *bias_correction(Expansion *e, const Optimiser *o, DType type, double alpha, double beta) {
  Value *t = expand_cast(e, o->step, type), *one = expand_scalar(e, type, 1);
  Value *v = SUB(e, one, POW(e, expand_scalar(e, type, alpha), t));
  Value *h = SUB(e, one, POW(e, expand_scalar(e, type, beta), t));
  return WHERE(e, LESS(e, SCALAR(e, t, 0), t), DIV(e, SQRT(e, h), v), one);
}

bool expand_adam(Expansion *e, Node *node) {
  Optimiser o;
  if (!read_optimiser(e, node, 4, &o)) return false;
  double alpha = node_float(node, "alpha", 0.9), beta = node_float(node, "beta", 0.999);
  double epsilon = node_float(node, "epsilon", 1e-6), after = node_float(node, "norm_coefficient_post", 0);
  for (size_t i = 0; i < o.count; i++) {
    Value *x = of_kind(node, &o, 0, i), *g = gradient(e, node, &o, i);
    Value *v = ADD(e, times(e, alpha, of_kind(node, &o, 2, i)), times(e, 1 - alpha, g));
    Value *h = ADD(e, times(e, beta, of_kind(node, &o, 3, i)), times(e, 1 - beta, MUL(e, g, g)));
    Value *rate = MUL(e, expand_cast(e, o.rate, x->type), bias_correction(e, &o, x->type, alpha, beta));
    Value *step = MUL(e, rate, DIV(e, v, ADD(e, SQRT(e, h), SCALAR(e, h, epsilon))));
    expand_done(e, i, times(e, 1 - after, SUB(e, x, step)));
    expand_done(e, o.count + i, v);
    expand_done(e, 2 * o.count + i, h);
  }
  return true;
}

bool expand_momentum(Expansion *e, Node *node) {
  Optimiser o;
  const char *mode = node_string(node, "mode", "standard");
  bool nesterov = !strcmp(mode, "nesterov");
  if (!read_optimiser(e, node, 3, &o)) return false;
  if (!nesterov && strcmp(mode, "standard"))
    return node_error(e->model, node, "'mode' is '%.64s'; standard and nesterov are possible", mode);
  double alpha = node_float(node, "alpha", 0), beta = node_float(node, "beta", 1);
  for (size_t i = 0; i < o.count; i++) {
    Value *x = of_kind(node, &o, 0, i), *g = gradient(e, node, &o, i), *old = of_kind(node, &o, 2, i);
    Value *first = LESS_EQUAL(e, o.step, SCALAR(e, o.step, 0));
    Value *share = WHERE(e, first, SCALAR(e, x, 1), SCALAR(e, x, beta));
    Value *v = ADD(e, times(e, alpha, old), MUL(e, share, g));
    Value *direction = nesterov ? ADD(e, g, times(e, alpha, v)) : v;
    expand_done(e, i, SUB(e, x, MUL(e, expand_cast(e, o.rate, x->type), direction)));
    expand_done(e, o.count + i, v);
  }
  return true;
}
