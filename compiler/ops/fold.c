// Reductions of any type over any number of axes, by the template `fold`.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"

#include <string.h>

static bool is_unit(Dim stride) { return dim_is(stride, 1) || dim_is(stride, -1); }

// y = reduction of x, or of x · z; of one type. Strides of each Axis: x, z, y.
static bool fold_views(Lower *lower, ReduceKind kind, const View *x, const View *z, const bool *reduced,
                       const View *y) {
  enum { NUMBERS = 4 }; // of an axis
  bool kept[MAX_RANK] = {0};
  for (int i = 0; i < x->rank; i++) kept[i] = !reduced[i];
  const View *views[3] = {x, z ? z : x, y};
  Axes outer = axes_join(views, 3, kept, true), inner = axes_join(views, 2, reduced, true);
  Axis column = axes_from_end(&outer, 0), row = axes_from_end(&inner, 0);
  bool rows = dim_is(column.dim, 1) ||
              (is_unit(row.stride[0]) && !is_unit(column.stride[0]) && !(z && is_unit(column.stride[1])));
  Dim numbers[NUMBERS * 2 * MAX_RANK], work = dim_mul(column.dim, row.dim);
  size_t count = 0;
  const Axes *lists[] = {&outer, &inner};
  for (int l = 0; l < 2; l++)
    for (int i = 0; i + 1 < lists[l]->count; i++) {
      const Axis *axis = &lists[l]->at[i];
      const Dim four[NUMBERS] = {axis->dim, axis->stride[0], axis->stride[1], l ? dim_const(0) : axis->stride[2]};
      memcpy(numbers + count, four, sizeof four);
      count += NUMBERS;
      work = dim_mul(work, axis->dim);
    }
  Program *program = lower->program;
  Step *step = lower_step(lower, "fold");
  const int64_t first[] = {
      kind, x->type, z != NULL, rows, outer.count ? outer.count - 1 : 0, inner.count ? inner.count - 1 : 0};
  for (size_t i = 0; i < COUNT(first); i++) step_int(program, step, first[i]);
  step_table(lower, step, count, numbers);
  ADD_DIMS(program, step, column.dim, column.stride[0], column.stride[1], column.stride[2]);
  ADD_DIMS(program, step, row.dim, row.stride[0], row.stride[1]);
  step_view(lower, step, x);
  step_view(lower, step, z ? z : x);
  step_view(lower, step, y);
  step->parts = count_parts(work, 4096);
  return true;
}

static bool is_load(const Expr *e, int index) { return e->op == EX_LOAD && e->index == index; }

bool lower_fold(Lower *lower, ReduceKind kind, const View *ins, int in_count, const Expr *load, const bool *reduced,
                const View *out, const Expr *store) {
  ExprTable *exprs = lower->program->exprs;
  View wide[2] = {0}, made;
  const View *x = &wide[0], *z = NULL;
  if (view_is_empty(out)) return true;
  for (int i = 0; i < in_count; i++) wide[i] = view_broadcast(&ins[i], ins[0].rank, ins[0].dims);
  if (in_count == 2 && load->op == EX_MUL && is_load(load->a[0], 0) && is_load(load->a[1], 1)) {
    z = &wide[1];
  } else if (!is_load(load, 0)) {
    made = lower_scratch(lower, load->type, wide[0].rank, wide[0].dims);
    if (!lower_map(lower, &made, wide, (size_t)in_count, load)) return false;
    x = &made;
  }
  if (store->op == EX_ACC && store->type == load->type) return fold_views(lower, kind, x, z, reduced, out);
  View sum = lower_scratch(lower, load->type, out->rank, out->dims);
  return fold_views(lower, kind, x, z, reduced, &sum) &&
         lower_map(lower, out, &sum, 1, expr_substitute(exprs, store, expr_load(exprs, load->type, 0), NULL));
}
