// Views: logical dims over physical strides.
//
// Layout is decided operator by operator: a rule asks for its input in the order that its template reads and gets the
// view as it is when the strides agree already. No pass moves layouts around, because transposing a view costs nothing.
#include "compiler/ops/lower.h"

#include <string.h>

View view_dense(Buffer *buffer, DType type, int rank, const Dim *dims) {
  View view = {.buffer = buffer, .type = type, .rank = rank};
  Dim stride = dim_const(1);
  for (int i = rank - 1; i >= 0; i--) {
    view.dims[i] = dims[i];
    view.strides[i] = stride;
    stride = dim_mul(stride, dims[i]);
  }
  return view;
}

View view_of_ints(Buffer *buffer, DType type, int rank, const int64_t *dims) {
  Dim all[MAX_RANK];
  for (int i = 0; i < rank; i++) all[i] = dim_const(dims[i]);
  return view_dense(buffer, type, rank, all);
}

Dim view_count(const View *view) { return dims_product(view->dims, 0, view->rank); }

bool view_is_empty(const View *view) {
  for (int i = 0; i < view->rank; i++)
    if (dim_is(view->dims[i], 0)) return true;
  return false;
}

bool view_is_static(const View *view) {
  for (int i = 0; i < view->rank; i++)
    if (!dim_is_const(view->dims[i])) return false;
  return true;
}

bool view_is_dense(const View *view) {
  Dim stride = dim_const(1);
  for (int i = view->rank - 1; i >= 0; i--) {
    if (!dim_is(view->dims[i], 1) && !dim_equal(view->strides[i], stride)) return false;
    stride = dim_mul(stride, view->dims[i]);
  }
  return true;
}

// Dims of `view` that lie behind one another in memory are one digit; each new dim must be a part of one digit.
bool view_reshape(const View *view, int rank, const Dim *dims, View *out) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  if (rank) memcpy(result.dims, dims, (size_t)rank * sizeof *dims);
  if (view_is_empty(view) || view_is_dense(view)) {
    Dim offset = view->offset;
    *out = view_dense(view->buffer, view->type, rank, dims);
    out->offset = offset;
    return true;
  }
  Dim left = dim_const(1), stride = dim_const(0); // of the digit being taken apart, from its low end
  int from = view->rank - 1;
  for (int to = rank - 1; to >= 0; to--) {
    Dim need = dims[to];
    if (dim_is(need, 1)) {
      result.strides[to] = dim_mul(stride, left);
      continue;
    }
    while (dim_is(left, 1)) { // the next digit, with all dims that continue it
      if (from < 0) return false;
      stride = view->strides[from];
      left = view->dims[from--];
    }
    while (from >= 0 && (dim_is(view->dims[from], 1) || dim_equal(view->strides[from], dim_mul(stride, left))))
      left = dim_mul(left, view->dims[from--]);
    if (!dim_divides(left, need, &left)) return false;
    result.strides[to] = stride;
    stride = dim_mul(stride, need);
  }
  *out = result;
  return true;
}

View view_broadcast(const View *view, int rank, const Dim *dims) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  for (int i = 0; i < rank; i++) {
    int own = i - (rank - view->rank);
    result.dims[i] = dims[i];
    if (own < 0 || dim_is(view->dims[own], 1))
      result.strides[i] = dim_const(0);
    else if (dim_equal(view->dims[own], dims[i]) || dim_is_const(view->dims[own]))
      result.strides[i] = view->strides[own];
    else
      result.strides[i] = dim_choose(dim_equals(view->dims[own], dim_const(1)), dim_const(0), view->strides[own]);
  }
  return result;
}

bool view_to_coords(View *view) {
  if (view->rank > COORDS) return false;
  int shift = COORDS - view->rank;
  for (int i = COORDS - 1; i >= 0; i--) {
    view->dims[i] = i >= shift ? view->dims[i - shift] : dim_const(1);
    view->strides[i] = i >= shift ? view->strides[i - shift] : dim_const(0);
  }
  view->rank = COORDS;
  return true;
}

void view_stride_order(const View *view, int *order) {
  int ones = 0, count = 0;
  for (int i = 0; i < view->rank; i++)
    if (dim_is(view->dims[i], 1)) order[ones++] = i;
  for (int i = 0; i < view->rank; i++) {
    if (dim_is(view->dims[i], 1)) continue;
    int k = ones + count++;
    for (; k > ones && dim_compare(view->strides[order[k - 1]], view->strides[i]) < 0; k--) order[k] = order[k - 1];
    order[k] = i;
  }
}
