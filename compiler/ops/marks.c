// Axes known when compiling or when the model runs: one way for both. dim arithmetic folds what is constant.
#include "compiler/ops/marks.h"
#include "templates/status.h"

bool mark_axes(Model *model, Node *node, int64_t count, const Dim *axes, int rank, bool once, Dim *marks) {
  for (int k = 0; k < rank; k++) marks[k] = dim_const(0);
  for (int64_t i = 0; i < count; i++) {
    int axis;
    if (!dim_is_const(axes[i])) {
      for (int k = 0; k < rank; k++) {
        Dim same = dim_add(dim_equals(axes[i], dim_const(k)), dim_equals(axes[i], dim_const(k - rank)));
        marks[k] = dim_add(marks[k], same);
      }
      continue;
    }
    if (!need_axis(model, node, axes[i].value, rank, &axis)) return false;
    if (once && dim_is(marks[axis], 1)) return node_error(model, node, "axis %d is given twice", axis);
    if (dim_is_const(marks[axis])) marks[axis] = dim_const(1);
  }
  for (int k = 0; k < rank; k++) marks[k] = dim_define(model->dims, "mark", marks[k]);
  return true;
}

bool marks_are_const(const Dim *marks, int rank) {
  for (int k = 0; k < rank; k++)
    if (!dim_is_const(marks[k])) return false;
  return true;
}

void lower_check_marks(Lower *lower, const Dim *marks, int rank, int64_t count) {
  if (marks_are_const(marks, rank)) return;
  Dim sum = dim_const(0);
  for (int k = 0; k < rank; k++) {
    lower_check(lower, dim_sub(dim_const(1), marks[k]), STATUS_INDEX);
    sum = dim_add(sum, marks[k]);
  }
  lower_check(lower, dim_plus(sum, -count), STATUS_INDEX);
}

// [from] gets the number of axes before it that have (no) mark.
static void count_before(const Dim *marks, int rank, bool marked, Dim *before) {
  before[0] = dim_const(0);
  for (int k = 1; k < rank; k++)
    before[k] = dim_add(before[k - 1], marked ? marks[k - 1] : dim_sub(dim_const(1), marks[k - 1]));
}

void drop_marked(Model *model, const Dim *marks, int rank, const Dim *dims, int64_t count, Dim *out) {
  Dim before[MAX_RANK];
  count_before(marks, rank, false, before);
  for (int i = 0; i < rank - count; i++) { // dim k stands at i when i unmarked ones are before it
    Dim dim = dim_const(1);
    for (int k = rank - 1; k >= i; k--) {
      Dim here = dim_mul(dim_equals(before[k], dim_const(i)), dim_sub(dim_const(1), marks[k]));
      dim =
          dim_is_const(here) ? (here.value ? dims[k] : dim) : dim_choose(dim_equals(here, dim_const(1)), dims[k], dim);
    }
    out[i] = dim_define(model->dims, "dim", dim);
  }
}

void insert_marked(Model *model, const Dim *marks, int rank, const Dim *dims, int64_t count, Dim *out) {
  Dim before[MAX_RANK], one = dim_const(1);
  count_before(marks, rank, true, before);
  for (int k = 0; k < rank; k++) { // dim k - (marks before k), unless k is marked itself
    Dim dim = one;
    for (int i = 0; i < rank - count; i++) {
      Dim here = dim_equals(before[k], dim_const(k - i));
      dim = dim_is_const(here) ? (here.value ? dims[i] : dim) : dim_choose(here, dims[i], dim);
    }
    Dim marked = dim_equals(marks[k], one);
    dim = dim_is_const(marked) ? (marked.value ? one : dim) : dim_choose(marked, one, dim);
    out[k] = dim_define(model->dims, "dim", dim);
  }
}
