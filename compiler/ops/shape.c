// Operators that compute no elements: they look at the same elements with other dims or strides, or at the shape alone.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/marks.h"
#include "compiler/ops/sequence.h"
#include "templates/status.h"

#include <string.h>

// Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout: the output's dims over the input's elements.
bool lower_view(Lower *lower, Node *node) {
  Value *out = node->out[0];
  View view = lower_in(lower, node->in[0]), result = view_dense(NULL, view.type, out->rank, out->dims);
  Dim more = dim_sub(view_count(&view), view_count(&result)); // none, and none missing
  lower_check(lower, more, STATUS_SHAPE);
  lower_check(lower, dim_times(more, -1), STATUS_SHAPE);
  for (int i = 0; i < out->rank; i++) lower_check(lower, out->dims[i], STATUS_SHAPE);
  if (!view_reshape(&view, out->rank, out->dims, &result)) {
    view = lower_dense(lower, node->in[0]);
    view_reshape(&view, out->rank, out->dims, &result);
  }
  lower_alias(lower, out, &result);
  return true;
}

// The same elements in the same order: what is known of them goes along.
static bool set_view_dims(Model *model, Node *node, int rank, const Dim *dims) {
  if (!set_dims(model, node, 0, rank, dims)) return false;
  int64_t count;
  const Dim *elems = known_elems(model, node->in[0], &count);
  if (elems) node->out[0]->elems = (Dim *)elems;
  return true;
}

bool infer_identity(Model *model, Node *node) {
  if (node->in[0]->kind) return set_block_like(model, node, 0, node->in[0]);
  return set_view_dims(model, node, node->in[0]->rank, node->in[0]->dims);
}

static Dim product(Model *model, const Value *value, int from, int to) {
  Dim result = dim_const(1);
  for (int i = from; i < to; i++) result = dim_op(model->dims, DIM_MUL, result, value->dims[i]);
  return result;
}

bool infer_flatten(Model *model, Node *node) {
  const Value *in = node->in[0];
  int64_t axis = node_int(node, "axis", 1);
  if (axis < -in->rank || axis > in->rank)
    return node_error(model, node, "axis %lld is outside of rank %d", (long long)axis, in->rank);
  int at = (int)(axis < 0 ? axis + in->rank : axis);
  Dim dims[2] = {product(model, in, 0, at), product(model, in, at, in->rank)};
  return set_view_dims(model, node, 2, dims);
}

bool infer_reshape(Model *model, Node *node) {
  int64_t count;
  const Value *in = node->in[0];
  const Dim *shape = need_elems(model, node, 1, &count);
  if (!shape) return false;
  if (count > MAX_RANK)
    return node_error(model, node, "'shape' has %lld elements; at most %d are supported", (long long)count, MAX_RANK);
  bool allow_zero = node_int(node, "allowzero", 0) != 0, open[MAX_RANK] = {0};
  Dim dims[MAX_RANK], known = dim_const(1);
  int rest = -1;
  for (int i = 0; i < count; i++) {
    dims[i] = shape[i];
    if (shape[i].expr && dim_may_be_negative(shape[i])) { // out of the data: 0 and -1 have their meanings there, too
      Dim copied = i < in->rank && !allow_zero ? in->dims[i] : dim_const(0);
      dims[i] = dim_choose(dim_equals(shape[i], dim_const(0)), copied, shape[i]);
      dims[i] = dim_choose(dim_equals(shape[i], dim_const(-1)), dim_const(1), dims[i]);
      dims[i] = dim_define(model->dims, "dim", dims[i]);
      open[i] = true;
    }
    if (dim_is_const(shape[i]) && shape[i].value == 0 && !allow_zero) {
      if (i >= in->rank) return node_error(model, node, "'shape' has a 0 at %d, where 'data' has no dim to copy", i);
      dims[i] = in->dims[i];
    }
    if (dim_is_const(dims[i]) && dims[i].value == -1) {
      if (rest >= 0) return node_error(model, node, "'shape' has more than one -1");
      rest = i;
    } else if (dim_is_const(dims[i]) && dims[i].value < 0) {
      return node_error(model, node, "'shape' has a dim of %lld", (long long)dims[i].value);
    } else {
      known = dim_op(model->dims, DIM_MUL, known, dims[i]);
    }
  }
  Dim all = product(model, in, 0, in->rank);
  for (int i = 0; i < count; i++) {
    if (!open[i]) continue;
    Dim left = dim_define(model->dims, "rest", dim_div(all, known));
    dims[i] = dim_define(model->dims, "dim", dim_choose(dim_equals(shape[i], dim_const(-1)), left, dims[i]));
  }
  bool constant = dim_is_const(all) && dim_is_const(known);
  if (rest >= 0) {
    if (constant && (known.value <= 0 || all.value % known.value))
      return node_error(model, node, "%lld elements cannot be split evenly by the other dims (%lld)",
                        (long long)all.value, (long long)known.value);
    dims[rest] = dim_op(model->dims, DIM_DIV, all, known);
  } else if (constant && all.value != known.value) {
    return node_error(model, node, "'shape' holds %lld elements, 'data' has %lld", (long long)known.value,
                      (long long)all.value);
  }
  return set_view_dims(model, node, (int)count, dims);
}

// Marks the axes of Squeeze and Unsqueeze: an attribute, an input from opset 13 on. *count: how many, -1 where neither
// is given.
static bool read_axes(Model *model, Node *node, int rank, bool adds, Dim *marks, int64_t *count) {
  const Dim *axes = attr_dims(model, node, "axes", count);
  if (node_in(node, 1) && !(axes = need_elems(model, node, 1, count))) return false;
  if (!axes) return *count = -1, true;
  rank += adds ? (int)*count : 0;
  if (rank > MAX_RANK || *count > MAX_RANK)
    return node_error(model, node, "result has rank %d; at most %d is supported", rank, MAX_RANK);
  return mark_axes(model, node, *count, axes, rank, true, marks);
}

bool infer_squeeze(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim marks[MAX_RANK], dims[MAX_RANK];
  int64_t count;
  if (!read_axes(model, node, in->rank, false, marks, &count)) return false;
  bool given = count >= 0;
  if (!given) count = 0;
  for (int i = 0; i < in->rank; i++) {
    bool one = dim_is(in->dims[i], 1);
    if (!given) marks[i] = dim_const(one);
    if (!given && one) count++;
    if (given && dim_is(marks[i], 1) && dim_is_const(in->dims[i]) && !one)
      return node_error(model, node, "axis %d has %lld elements, not 1", i, (long long)in->dims[i].value);
  }
  if (count > in->rank) return node_error(model, node, "'axes' has more elements than 'data' has axes");
  drop_marked(model, marks, in->rank, in->dims, count, dims);
  return set_view_dims(model, node, in->rank - (int)count, dims);
}

bool infer_unsqueeze(Model *model, Node *node) {
  const Value *in = node->in[0];
  Dim marks[MAX_RANK], dims[MAX_RANK];
  int64_t count;
  if (!read_axes(model, node, in->rank, true, marks, &count)) return false;
  if (count < 0) return node_error(model, node, "attribute 'axes' is missing");
  insert_marked(model, marks, in->rank + (int)count, in->dims, count, dims);
  return set_view_dims(model, node, in->rank + (int)count, dims);
}

static bool lower_marked_view(Lower *lower, Node *node, bool adds) {
  Dim marks[MAX_RANK];
  int64_t count;
  int rank = node->in[0]->rank;
  if (!read_axes(lower->model, node, rank, adds, marks, &count)) return false;
  if (count >= 0) lower_check_marks(lower, marks, rank + (adds ? (int)count : 0), count);
  return lower_view(lower, node);
}

// The run finds out whether open dims are 1: those that go must be; without axes, those that stay must not be, since
// the result's rank was decided when compiling.
bool lower_squeeze(Lower *lower, Node *node) {
  const Value *in = node->in[0];
  Dim marks[MAX_RANK];
  int64_t count;
  if (!read_axes(lower->model, node, in->rank, false, marks, &count)) return false;
  for (int i = 0; i < in->rank; i++) {
    Dim one = dim_equals(in->dims[i], dim_const(1));
    if (dim_is_const(in->dims[i])) continue;
    Dim wrong = count < 0 ? one : dim_mul(marks[i], dim_sub(dim_const(1), one));
    lower_check(lower, dim_times(wrong, -1), STATUS_SHAPE);
  }
  return lower_marked_view(lower, node, false);
}
bool lower_unsqueeze(Lower *lower, Node *node) { return lower_marked_view(lower, node, true); }

bool infer_transpose(Model *model, Node *node) {
  const Value *in = node->in[0];
  size_t count = 0;
  const int64_t *perm = node_ints(node, "perm", &count);
  bool seen[MAX_RANK] = {0};
  Dim dims[MAX_RANK];
  if (perm && count != (size_t)in->rank)
    return node_error(model, node, "'perm' has %zu axes, the input rank %d", count, in->rank);
  for (int i = 0; i < in->rank; i++) {
    int64_t from = perm ? perm[i] : in->rank - 1 - i;
    if (from < 0 || from >= in->rank || seen[from]) return node_error(model, node, "'perm' is no permutation");
    seen[from] = true;
    dims[i] = in->dims[from];
  }
  if (!set_dims(model, node, 0, in->rank, dims)) return false;
  if (in->rank <= 1) node->out[0]->elems = in->elems;
  return true;
}

bool lower_transpose(Lower *lower, Node *node) {
  size_t count = 0;
  const int64_t *perm = node_ints(node, "perm", &count);
  View in = lower_in(lower, node->in[0]), out = in;
  for (int i = 0; i < in.rank; i++) {
    int from = perm ? (int)perm[i] : in.rank - 1 - i;
    out.dims[i] = in.dims[from];
    out.strides[i] = in.strides[from];
  }
  lower_alias(lower, node->out[0], &out);
  return true;
}

bool infer_expand(Model *model, Node *node) {
  int64_t count;
  const Dim *shape = need_elems(model, node, 1, &count);
  if (!shape) return false;
  if (count > MAX_RANK)
    return node_error(model, node, "'shape' has %lld elements; at most %d are supported", (long long)count, MAX_RANK);
  const Value *in = node->in[0];
  Dim dims[MAX_RANK];
  int rank = in->rank;
  for (int i = 0; i < rank; i++) dims[i] = in->dims[i];
  if (!broadcast_dims(&rank, dims, (int)count, shape))
    return node_error(model, node, "'input' cannot be broadcast to the given shape");
  if (!set_dims(model, node, 0, rank, dims)) return false;
  if (dtype_is_float(in->type)) return true;
  Node alone = *node; // the shape is no operand
  alone.in_count = 1;
  carry_elems(model, &alone, expr_load(exprs_new(model->arena), in->type, 0));
  return true;
}

bool lower_expand(Lower *lower, Node *node) {
  Value *out = node->out[0];
  View view = lower_in(lower, node->in[0]);
  int64_t count = 0;
  const Dim *shape = known_elems(lower->model, node->in[1], &count);
  View wanted = {.rank = (int)count};
  if (shape) memcpy(wanted.dims, shape, (size_t)count * sizeof *shape);
  lower_check_broadcast(lower, &wanted, out->rank, out->dims);
  lower_check_broadcast(lower, &view, out->rank, out->dims);
  view = view_broadcast(&view, out->rank, out->dims);
  lower_alias(lower, out, &view);
  return true;
}

bool infer_shape(Model *model, Node *node) {
  const Value *in = node->in[0];
  int64_t rank = in->rank, from = node_int(node, "start", 0), to = node_int(node, "end", rank);
  if (from < 0) from += rank;
  if (to < 0) to += rank;
  from = from < 0 ? 0 : from > rank ? rank : from;
  to = to < from ? from : to > rank ? rank : to;
  Dim dims[1] = {dim_const(to - from)};
  if (!set_dims(model, node, 0, 1, dims)) return false;
  node->out[0]->elems = NEW_ARRAY(model->arena, Dim, (size_t)(to - from) + 1);
  for (int64_t i = from; i < to; i++) node->out[0]->elems[i - from] = in->dims[i];
  return true;
}

bool infer_size(Model *model, Node *node) {
  if (!set_dims(model, node, 0, 0, NULL)) return false;
  node->out[0]->elems = NEW(model->arena, Dim);
  *node->out[0]->elems = product(model, node->in[0], 0, node->in[0]->rank);
  return true;
}

// Shape and Size where somebody reads them as data: elsewhere nothing computes them.
bool lower_constant(Lower *lower, Node *node) {
  Value *out = node->out[0];
  out->data = elems_tensor(lower->model, out);
  View view = out->data ? lower_in(lower, out) : lower_numbers(lower, (size_t)value_count(out), out->elems), result;
  view_reshape(&view, out->rank, out->dims, &result);
  lower_alias(lower, out, &result);
  return true;
}
