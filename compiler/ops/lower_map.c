// Elementwise steps and copies.
#include "compiler/ops/lower.h"

#include <assert.h>
#include <string.h>

// Puts the dims of all views in the order of the first one's strides, drops those of size 1 and joins neighbours that
// every view steps through alike.
static void collapse(View *views, size_t count) {
  int order[MAX_RANK] = {0}, rank = 0;
  view_stride_order(&views[0], order);
  View result[MAX_VIEWS];
  for (size_t v = 0; v < count; v++) result[v] = views[v];
  for (int i = 0; i < views[0].rank; i++) {
    Dim size = views[0].dims[order[i]];
    if (dim_is(size, 1)) continue;
    bool join = rank > 0;
    for (size_t v = 0; v < count && join; v++)
      join = dim_equal(result[v].strides[rank - 1], dim_mul(views[v].strides[order[i]], size));
    if (!join) rank++;
    for (size_t v = 0; v < count; v++) {
      result[v].dims[rank - 1] = join ? dim_mul(result[v].dims[rank - 1], size) : size;
      result[v].strides[rank - 1] = views[v].strides[order[i]];
    }
  }
  for (size_t v = 0; v < count; v++) {
    views[v] = result[v];
    views[v].rank = rank;
  }
}

enum { MAX_SPLITS = 16 };

// The loads that a value really uses: by EX_LOAD or by EX_FETCH.
static void find_loads(const Expr *e, ScalarOp op, bool *used) {
  if (e->op == op) used[e->index] = true;
  for (int i = 0; i < 3 && e->a[i]; i++) find_loads(e->a[i], op, used);
}

// One map step over views[0] (written) and the others, all of the same dims.
static bool emit_map(Lower *lower, View *views, size_t count, const Expr *value) {
  if (views[0].rank > COORDS) { // a step for each index of the outermost dim
    int64_t size = views[0].dims[0].value;
    bool fetched[MAX_VIEWS] = {0};
    find_loads(value, EX_FETCH, fetched);
    if (!dim_is_const(views[0].dims[0]) || size > MAX_SPLITS || expr_uses_coord(lower->program->exprs, value))
      return lower_map_wide(lower, views, count, fetched, value);
    for (int64_t i = 0; i < size; i++) {
      View part[MAX_VIEWS];
      for (size_t v = 0; v < count; v++) {
        part[v] = views[v];
        part[v].offset = dim_add(part[v].offset, dim_times(views[v].strides[0], i));
        part[v].rank--;
        memmove(part[v].dims, part[v].dims + 1, (size_t)part[v].rank * sizeof *part[v].dims);
        memmove(part[v].strides, part[v].strides + 1, (size_t)part[v].rank * sizeof *part[v].strides);
      }
      if (!emit_map(lower, part, count, value)) return false;
    }
    return true;
  }
  Program *program = lower->program;
  for (size_t v = 0; v < count; v++) view_to_coords(&views[v]);
  Step *step = lower_step(lower, "map");
  step_dims(program, step, COORDS, views[0].dims);
  Func *body = step_func(program, step, FUNC_BODY, views[0].type);
  memcpy(body->space, views[0].dims, sizeof body->space);
  const Expr *loads[MAX_VIEWS] = {0};
  bool fetched[MAX_VIEWS] = {0};
  find_loads(value, EX_FETCH, fetched);
  for (size_t v = 1; v < count; v++) {
    int load =
        fetched[v - 1] ? step_fetch_more(lower, step, body, &views[v]) : step_load_more(lower, step, body, &views[v]);
    loads[v - 1] = expr_load(program->exprs, views[v].type, load);
  }
  Access access = step_access(lower, step, &views[0]);
  func_store(program, body, &access, expr_substitute(program->exprs, value, NULL, loads));
  step->parts = count_parts(view_count(&views[0]), 4096);
  return true;
}

bool lower_map(Lower *lower, const View *out, const View *ins, size_t count, const Expr *value) {
  assert(count < MAX_VIEWS && value->type == out->type);
  if (view_is_empty(out)) return true;
  View views[MAX_VIEWS];
  const Expr *renumbered[MAX_VIEWS] = {0};
  bool used[MAX_VIEWS] = {0};
  size_t kept = 1;
  find_loads(value, EX_LOAD, used);
  find_loads(value, EX_FETCH, used);
  views[0] = *out;
  for (size_t i = 0; i < count; i++) {
    if (!used[i]) continue;
    lower_check_broadcast(lower, &ins[i], out->rank, out->dims);
    views[kept] = view_broadcast(&ins[i], out->rank, out->dims);
    renumbered[i] = expr_load(lower->program->exprs, ins[i].type, (int)kept - 1);
    kept++;
  }
  value = expr_substitute(lower->program->exprs, value, NULL, renumbered);
  if (!expr_uses_coord(lower->program->exprs, value)) collapse(views, kept);
  return emit_map(lower, views, kept, value);
}

static bool is_below(Dim dim, int64_t least) { return dim_is_const(dim) && dim.value < least; }

// Copies whose last dims change places go through the transpose template, which moves whole tiles.
static bool copy_transposed(Lower *lower, View *views) {
  View *out = &views[0], *in = &views[1];
  if (dtype_unit(out->type) > 8) return false;
  int rank = out->rank, col = rank - 1, row = -1;
  if (rank < 2 || rank > 4 || !dim_is(out->strides[col], 1) || dim_is(in->strides[col], 1)) return false;
  for (int i = 0; i < col; i++)
    if (dim_is(in->strides[i], 1)) row = i;
  if (row < 0 || is_below(out->dims[row], 4) || is_below(out->dims[col], 4)) return false;
  Dim one = dim_const(1), n[2] = {one, one}, x[2] = {0}, y[2] = {0};
  for (int i = 0, k = 4 - rank; i < col; i++) {
    if (i == row) continue;
    n[k] = out->dims[i], x[k] = in->strides[i], y[k] = out->strides[i], k++;
  }
  // In the template's words: rows of x are `col` here (stride xr), its columns are `row` (stride xc = 1).
  Program *program = lower->program;
  Step *step = lower_step(lower, "transpose");
  ADD_DIMS(program, step, dim_const(dtype_unit(out->type)), n[0], n[1], out->dims[col], out->dims[row]);
  step_view(lower, step, in);
  ADD_DIMS(program, step, x[0], x[1], in->strides[col], one);
  step_view(lower, step, out);
  ADD_DIMS(program, step, y[0], y[1], out->strides[row], one);
  step->parts = count_parts(view_count(out), 4096);
  return true;
}

bool lower_copy(Lower *lower, const View *out, const View *in) {
  if (view_is_empty(out)) return true;
  View views[2] = {*out, view_broadcast(in, out->rank, out->dims)};
  collapse(views, 2);
  if (copy_transposed(lower, views)) return true;
  return emit_map(lower, views, 2, expr_load(lower->program->exprs, out->type, 0));
}
