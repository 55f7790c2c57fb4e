// Gradients of convolutions and of maximum pools.
#include "compiler/ops/gradient.h"
#include "compiler/ops/window.h"

#include <string.h>

/* convolutions */

typedef struct {
  Window window;
  int rank; // spatial dims
  int64_t groups, in[MAX_RANK], out[MAX_RANK], pads[2 * MAX_RANK];
} Conv;

static bool const_dim(Tape *tape, const Value *value, int axis, int64_t *out) {
  *out = value->dims[axis].value;
  return dim_is_const(value->dims[axis]) ||
         node_error(tape->e->model, tape->e->node, "the gradient of a convolution needs sizes known when compiling");
}

static bool read_conv(Tape *tape, const Node *node, Conv *c) {
  const Value *x = node->in[0], *w = node->in[1];
  int64_t kernel[MAX_RANK];
  c->rank = x->rank - 2;
  c->groups = node_int(node, "group", 1);
  for (int i = 0; i < c->rank; i++)
    if (!const_dim(tape, x, 2 + i, &c->in[i]) || !const_dim(tape, w, 2 + i, &kernel[i]) ||
        !const_dim(tape, node->out[0], 2 + i, &c->out[i]))
      return false;
  if (!read_window(tape->e->model, node, c->rank, kernel, &c->window)) return false;
  for (int i = 0; i < c->rank; i++) {
    const Window *own = &c->window;
    int64_t reach = (c->out[i] - 1) * own->stride[i] + own->dilation[i] * (own->kernel[i] - 1) + 1;
    int64_t total = reach > c->in[i] ? reach - c->in[i] : 0, half = total / 2;
    c->pads[i] = !own->same ? own->before[i].value : own->same_lower ? total - half : half;
    c->pads[c->rank + i] = !own->same ? own->after[i].value : total - c->pads[i];
  }
  return true;
}

static Value *with_window(Value *value, const Conv *c, const int64_t *strides, const int64_t *dilations) {
  size_t rank = (size_t)c->rank;
  with_ints(with_ints(value, "strides", rank, strides), "dilations", rank, dilations);
  return with_int(with_ints(value, "pads", 2 * rank, c->pads), "group", c->groups);
}

// Every window's gradient goes back over its pixels.
static Value *image_gradient(Expansion *e, const Conv *c, Value *w, Value *g) {
  int64_t more[MAX_RANK];
  const Window *own = &c->window;
  for (int i = 0; i < c->rank; i++) {
    int64_t reach = (c->out[i] - 1) * own->stride[i] + own->dilation[i] * (own->kernel[i] - 1) + 1;
    more[i] = c->in[i] + c->pads[i] + c->pads[c->rank + i] - reach;
  }
  Value *sum = with_window(MAKE(e, "ConvTranspose", g, w), c, own->stride, own->dilation);
  return with_ints(sum, "output_padding", (size_t)c->rank, more);
}

// Images and gradients change places with channels: a convolution whose taps are the gradients.
static Value *kernel_gradient(Expansion *e, const Conv *c, Value *x, Value *g) {
  int64_t shape[MAX_RANK] = {0, c->groups, -1}, joined[MAX_RANK] = {0, -1}, perm[MAX_RANK] = {2, 1, 0}, swap[MAX_RANK];
  size_t rank = (size_t)c->rank;
  for (int i = 0; i < c->rank; i++) shape[3 + i] = joined[2 + i] = c->in[i], perm[3 + i] = 3 + i;
  for (int i = 0; i < c->rank + 2; i++) swap[i] = i < 2 ? 1 - i : i;
  x = expand_transpose(e, MAKE(e, "Reshape", x, expand_ints(e, rank + 3, shape)), rank + 3, perm);
  x = MAKE(e, "Reshape", x, expand_ints(e, rank + 2, joined));
  Value *taps = expand_transpose(e, g, rank + 2, swap);
  Value *sum = with_window(MAKE(e, "Conv", x, taps), c, c->window.dilation, c->window.stride);
  sum = expand_transpose(e, sum, rank + 2, swap);
  for (int i = 0; i < c->rank; i++) sum = expand_slice(e, sum, 2 + i, 0, c->window.kernel[i], 1);
  return sum;
}

bool derive_conv(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *x = node->in[0], *w = node->in[1], *bias = node_in(node, 2), *g = tape_of(tape, node->out[0]);
  Conv c;
  int64_t axes[MAX_RANK] = {0};
  if (!read_conv(tape, node, &c)) return false;
  if (tape_wants(tape, x)) tape_add(tape, x, image_gradient(e, &c, w, g));
  if (tape_wants(tape, w)) tape_add(tape, w, kernel_gradient(e, &c, x, g));
  for (int i = 0; i < c.rank; i++) axes[1 + i] = 2 + i;
  if (tape_wants(tape, bias))
    tape_add(tape, bias, RESHAPE(e, expand_reduce(e, "ReduceSum", g, (size_t)c.rank + 1, axes), -1));
  return true;
}

/* pools */

bool derive_max_pool(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *x = node->in[0], *again = MAKE(e, "MaxPool", x), *size = flat(e, size_of(e, x));
  static const char *const same[] = {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"};
  for (size_t i = 0; i < COUNT(same); i++)
    for (size_t k = 0; k < node->attr_count; k++)
      if (!strcmp(node->attrs[k].name, same[i]))
        APPEND(e->model->arena, again->producer->attrs, again->producer->attr_count, node->attrs[k]);
  Value *places = more_results(e, again, 1), *zeros = EXPAND_TO(e, SCALAR(e, x, 0), size);
  places->type = DT_I64;
  Value *sum = MAKE(e, "ScatterElements", zeros, flat(e, places), flat(e, tape_of(tape, node->out[0])));
  with_string(sum, "reduction", "add");
  return tape_add(tape, x, MAKE(e, "Reshape", sum, SHAPE(e, x))), true;
}
