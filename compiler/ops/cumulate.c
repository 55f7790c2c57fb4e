// CumSum and CumProd.
#include "compiler/ops/mapping.h"
#include "templates/kinds.h"
#include "templates/status.h"

bool infer_cumulate(Model *model, Node *node) {
  int64_t count;
  const Dim *axis = need_elems(model, node, 1, &count);
  int at;
  if (!axis) return false;
  if (count != 1) return node_error(model, node, "'axis' must have one element");
  if (dim_is_const(*axis) && !need_axis(model, node, axis->value, node->in[0]->rank, &at)) return false;
  return infer_same(model, node);
}

// The axis may be known at run time only: then so is how the elements group around it.
static bool lower_cumulate(Lower *lower, Node *node, int kind) {
  int64_t count;
  Dim axis = *need_elems(lower->model, node, 1, &count), one = dim_const(1), outer = one, n = one, inner = one;
  View in = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  Dim rank = dim_const(in.rank);
  axis = dim_add(axis, dim_mul(dim_less(axis, dim_const(0)), rank));
  lower_check(lower, axis, STATUS_INDEX);
  lower_check(lower, dim_plus(dim_sub(rank, axis), -1), STATUS_INDEX);
  for (int i = 0; i < in.rank; i++) {
    Dim at = dim_const(i);
    outer = dim_mul(outer, dim_choose(dim_less(at, axis), in.dims[i], one));
    n = dim_choose(dim_equals(at, axis), in.dims[i], n);
    inner = dim_mul(inner, dim_choose(dim_less(axis, at), in.dims[i], one));
  }
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "cumulate");
  step_int(program, step, out.type);
  step_int(program, step, kind);
  ADD_DIMS(program, step, outer, n, inner);
  step_int(program, step, node_int(node, "reverse", 0));
  step_int(program, step, node_int(node, "exclusive", 0));
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&out), 4096);
  return true;
}

bool lower_cum_sum(Lower *lower, Node *node) { return lower_cumulate(lower, node, CUMULATE_SUM); }
bool lower_cum_prod(Lower *lower, Node *node) { return lower_cumulate(lower, node, CUMULATE_PRODUCT); }
