// Pools of powers: (Σ |x|^p)^(1/p).
#include "compiler/ops/expand.h"
#include "compiler/ops/window.h"

static double read_power(const Node *node) {
  const Attr *attr = node_attr(node, "p");
  return attr && attr->type == ATTR_FLOAT ? attr->f : (double)node_int(node, "p", 2);
}

static Value *to_power(Expansion *e, Value *x, double p) {
  if (p == 1) return ABS(e, x);
  if (p == 2) return MUL(e, x, x);
  return POW(e, ABS(e, x), SCALAR(e, x, p));
}

static Value *from_power(Expansion *e, Value *x, double p) {
  if (p == 1) return x;
  return p == 2 ? SQRT(e, x) : POW(e, x, SCALAR(e, x, 1 / p));
}

// Pads so that the last window, which begins inside, ends inside too: a window that is cut off counts as one with
// zeros.
static bool complete_windows(Expansion *e, const Value *x, Window *window) {
  if (!window->ceil) return true;
  for (int i = 0; i < window->rank; i++) {
    int64_t size;
    Dim count = window_count(e->model, window, i, x->dims[2 + i]);
    if (!expand_const_dim(e, 0, 2 + i, &size) || !dim_is_const(count)) return false;
    int64_t reach = (count.value - 1) * window->stride[i] + window->dilation[i] * (window->kernel[i] - 1) + 1;
    int64_t missing = reach - (window->before[i].value + size + window->after[i].value);
    if (missing > 0) window->after[i] = dim_plus(window->after[i], missing);
  }
  window->ceil = false;
  return true;
}

// The sum over a window is its mean, pads counted in, times its size.
bool expand_lp_pool(Expansion *e, Node *node) {
  Value *x = node->in[0];
  Window window;
  int64_t pads[2 * MAX_RANK];
  double p = read_power(node), count = 1;
  if (!need_rank(e->model, node, 0, 3, MAX_RANK)) return false;
  size_t rank = (size_t)x->rank - 2;
  if (p <= 0) return node_error(e->model, node, "'p' must be positive");
  if (!read_window(e->model, node, (int)rank, NULL, &window) || !complete_windows(e, x, &window)) return false;
  for (size_t i = 0; i < rank; i++) {
    count *= (double)window.kernel[i];
    pads[i] = window.before[i].value;
    pads[rank + i] = window.after[i].value;
  }
  Value *mean = with_int(MAKE(e, "AveragePool", to_power(e, x, p)), "count_include_pad", 1);
  with_ints(mean, "kernel_shape", rank, window.kernel);
  with_ints(mean, "strides", rank, window.stride);
  with_ints(mean, "dilations", rank, window.dilation);
  if (window.same)
    with_string(mean, "auto_pad", window.same_lower ? "SAME_LOWER" : "SAME_UPPER");
  else
    with_ints(mean, "pads", 2 * rank, pads);
  return expand_done(e, 0, from_power(e, MUL(e, mean, SCALAR(e, x, count)), p));
}

bool expand_global_lp_pool(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int64_t axes[MAX_RANK];
  double p = read_power(node);
  if (!need_rank(e->model, node, 0, 2, MAX_RANK)) return false;
  if (p <= 0) return node_error(e->model, node, "'p' must be positive");
  if (x->rank == 2) return expand_done(e, 0, ABS(e, x));
  for (int i = 2; i < x->rank; i++) axes[i - 2] = i;
  return expand_done(e, 0,
                     from_power(e, expand_reduce(e, "ReduceSum", to_power(e, x, p), (size_t)x->rank - 2, axes), p));
}
