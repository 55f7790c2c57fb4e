// Joining the axes of views.
#include "compiler/ops/axes.h"

#include <assert.h>

bool axis_join(Axis outer, Axis inner, int view_count, Axis *out) {
  if (dim_is(outer.dim, 1)) return *out = inner, true;
  if (dim_is(inner.dim, 1)) return *out = outer, true;
  for (int v = 0; v < view_count; v++)
    if (!dim_equal(outer.stride[v], dim_mul(inner.stride[v], inner.dim))) return false;
  inner.dim = dim_mul(inner.dim, outer.dim);
  return *out = inner, true;
}

Axes axes_join(const View *const *views, int view_count, const bool *chosen, bool sorted) {
  Axes all = {0}, joined = {0};
  assert(view_count <= AXES_VIEWS);
  for (int i = 0; i < views[0]->rank; i++) {
    if (!chosen[i] || dim_is(views[0]->dims[i], 1)) continue;
    Axis axis = {.dim = views[0]->dims[i]};
    for (int v = 0; v < view_count; v++) axis.stride[v] = views[v]->strides[i];
    int at = all.count++;
    for (; sorted && at > 0 && dim_compare(all.at[at - 1].stride[0], axis.stride[0]) < 0; at--)
      all.at[at] = all.at[at - 1];
    all.at[at] = axis;
  }
  for (int i = 0; i < all.count; i++)
    if (!joined.count || !axis_join(joined.at[joined.count - 1], all.at[i], view_count, &joined.at[joined.count - 1]))
      joined.at[joined.count++] = all.at[i];
  return joined;
}

Axis axes_from_end(const Axes *axes, int i) { return i < axes->count ? axes->at[axes->count - 1 - i] : no_axis; }

View axes_view(const View *view, int which, const Axis coords[COORDS]) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = COORDS, .offset = view->offset};
  for (int i = 0; i < COORDS; i++) {
    result.dims[i] = coords[i].dim;
    result.strides[i] = coords[i].stride[which];
  }
  return result;
}

void order_innermost(View *view, const bool *chosen) {
  Dim stride = dim_const(1);
  view->offset = dim_const(0);
  for (int pass = 1; pass >= 0; pass--)
    for (int i = view->rank - 1; i >= 0; i--) {
      if (chosen[i] != (pass == 1)) continue;
      view->strides[i] = stride;
      stride = dim_mul(stride, view->dims[i]);
    }
}

const Tensor *view_constant(const View *view) {
  const Buffer *buffer = view->buffer;
  return buffer->kind == BUFFER_WEIGHT && buffer->pack.rank == 0 && dim_is(view->offset, 0) ? buffer->tensor : NULL;
}
