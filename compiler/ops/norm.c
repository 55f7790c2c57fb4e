// Normalisations: softmax, layer normalisation, batch normalisation.
//
// Softmax and layer normalisation work on rows along some axes, which are brought innermost in memory: a view that has
// them there already is taken as it is, any other is copied into that order, and the result keeps it.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"

/* shapes */

static bool infer_axis(Model *model, Node *node, int64_t otherwise) {
  int axis, rank = node->in[0]->rank;
  // An axis of a scalar may be 0 or -1.
  if (!need_axis(model, node, node_int(node, "axis", otherwise), rank ? rank : 1, &axis)) return false;
  return infer_same(model, node);
}
bool infer_softmax(Model *model, Node *node) { return infer_axis(model, node, -1); }
bool infer_layer_norm(Model *model, Node *node) {
  if (!infer_axis(model, node, -1)) return false;
  const Value *x = node->in[0];
  for (size_t i = 1; i < node->in_count; i++) {
    const Value *in = node->in[i];
    if (!in) continue;
    if (in->rank > x->rank) return node_error(model, node, "input %zu has a higher rank than 'X'", i);
    for (int k = 1; k <= in->rank; k++) {
      Dim own = in->dims[in->rank - k], whole = x->dims[x->rank - k];
      bool one = dim_is_const(own) && own.value == 1, constants = dim_is_const(own) && dim_is_const(whole);
      if (!one && constants && own.value != whole.value)
        return node_error(model, node, "input %zu does not broadcast to 'X'", i);
    }
  }
  return true;
}
// Before opset 13 the axis may be the rank itself: rows of one element.
bool infer_softmax_flat(Model *model, Node *node) {
  int64_t rank = node->in[0]->rank, axis = node_int(node, "axis", 1);
  if (axis < -rank || axis > rank)
    return node_error(model, node, "axis %lld is outside of rank %lld", (long long)axis, (long long)rank);
  return infer_same(model, node);
}

/* rows */

// The input of a row template and its output, axes joined to the four coordinates that the template has.
typedef struct {
  View in, out;
  Axis coords[COORDS]; // strides of: in, out, then the broadcast inputs in `more`
  Dim rows;
} Rows;

static bool try_rows(Rows *rows, const View *const *more, int more_count, const bool *inner) {
  const View *views[AXES_VIEWS] = {&rows->in, &rows->out};
  bool outer[MAX_RANK];
  for (int i = 0; i < more_count; i++) views[2 + i] = more[i];
  for (int i = 0; i < rows->in.rank; i++) outer[i] = !inner[i];
  Axes line = axes_join(views, 2 + more_count, inner, true), box = axes_join(views, 2 + more_count, outer, true);
  Axis row = axes_from_end(&line, 0);
  if (line.count > 1 || box.count > 3 || (!dim_is(row.dim, 1) && !dim_is(row.dim, 0) && !dim_is(row.stride[0], 1)))
    return false;
  for (int i = 0; i < 3; i++) rows->coords[i] = axes_from_end(&box, 2 - i);
  rows->coords[3] = row;
  rows->rows = dim_mul(dim_mul(rows->coords[0].dim, rows->coords[1].dim), rows->coords[2].dim);
  return true;
}

// Makes the node's output. `more` are views broadcast to the input's dims; false after an error when even a copy of the
// input does not make few enough axes of all of them.
static bool make_rows(Lower *lower, const View *const *more, int more_count, const bool *inner, Rows *rows) {
  Node *node = lower->node;
  rows->in = lower_in(lower, node->in[0]);
  rows->out = lower_out_like(lower, node->out[0], &rows->in);
  if (try_rows(rows, more, more_count, inner)) return true;
  View wanted = rows->in;
  order_innermost(&wanted, inner);
  wanted.buffer = lower_scratch(lower, wanted.type, wanted.rank, wanted.dims).buffer;
  if (!lower_copy(lower, &wanted, &rows->in)) return false;
  rows->in = wanted;
  rows->out = lower_out_like(lower, node->out[0], &wanted);
  return try_rows(rows, more, more_count, inner) || lower_error(lower, "axes that cannot be joined are not supported");
}

static Step *start_rows(Lower *lower, const Rows *rows, const char *kernel) {
  Step *step = lower_step(lower, kernel);
  for (int i = 0; i < COORDS; i++) step_dims(lower->program, step, 1, &rows->coords[i].dim);
  int64_t parts = count_parts(dim_mul(rows->rows, rows->coords[3].dim), 4096), most = count_parts(rows->rows, 1) - 1;
  step->parts = parts < most ? parts : most;
  return step;
}

/* softmax */

enum { ROW_LOCAL = 1024, MOST_LONG_PARTS = 64 }; // templates/norm.h: longer rows need scratch memory

static bool lower_softmax_over(Lower *lower, const bool *inner, bool log) {
  Rows rows;
  if (value_is_empty(lower->node->out[0])) return lower_out(lower, lower->node->out[0]), true;
  if (!make_rows(lower, NULL, 0, inner, &rows)) return false;
  Program *program = lower->program;
  Step *step = start_rows(lower, &rows, "softmax_f32");
  step_int(program, step, log);
  View in = axes_view(&rows.in, 0, rows.coords), out = axes_view(&rows.out, 1, rows.coords);
  step_load(lower, step, &in);
  Dim n = rows.coords[3].dim, scratch = dim_const(0);
  if (!dim_is_const(n) || n.value > ROW_LOCAL) {
    if (step->parts > MOST_LONG_PARTS) step->parts = MOST_LONG_PARTS;
    scratch = dim_times(dim_div_up(n, 16), 16 * step->parts);
  }
  View memory = lower_scratch(lower, DT_F32, 1, &scratch);
  step_view(lower, step, &memory);
  step_store(lower, step, &out);
  return true;
}

static bool lower_softmax_axis(Lower *lower, Node *node, bool log) {
  int64_t rank = node->in[0]->rank, axis = node_int(node, "axis", -1);
  bool inner[MAX_RANK] = {0};
  if (rank) inner[axis < 0 ? axis + rank : axis] = true;
  return lower_softmax_over(lower, inner, log);
}
// Before opset 13: over all axes from `axis` on.
static bool lower_softmax_from(Lower *lower, Node *node, bool log) {
  int64_t rank = node->in[0]->rank, axis = node_int(node, "axis", 1);
  bool inner[MAX_RANK] = {0};
  for (int64_t i = axis < 0 ? axis + rank : axis; i < rank; i++) inner[i] = true;
  return lower_softmax_over(lower, inner, log);
}
bool lower_softmax(Lower *lower, Node *node) { return lower_softmax_axis(lower, node, false); }
bool lower_log_softmax(Lower *lower, Node *node) { return lower_softmax_axis(lower, node, true); }
bool lower_softmax_flat(Lower *lower, Node *node) { return lower_softmax_from(lower, node, false); }
bool lower_log_softmax_flat(Lower *lower, Node *node) { return lower_softmax_from(lower, node, true); }

/* layer normalisation */

static bool lower_norm(Lower *lower, Node *node, bool root_mean_square) {
  ExprTable *exprs = lower->program->exprs;
  View x = lower_in(lower, node->in[0]), more[2];
  const View *views[2] = {&more[0], &more[1]};
  int more_count = 0;
  bool inner[MAX_RANK] = {0};
  int64_t axis = node_int(node, "axis", -1);
  for (int64_t i = axis < 0 ? axis + x.rank : axis; i < x.rank; i++) inner[i] = true;
  for (size_t i = 1; i < 3; i++) {
    if (!node_in(node, i)) continue;
    View view = lower_in(lower, node->in[i]);
    more[more_count++] = view_broadcast(&view, x.rank, x.dims);
  }
  Rows rows;
  if (view_is_empty(&x)) return lower_out(lower, node->out[0]), true;
  if (!make_rows(lower, views, more_count, inner, &rows)) return false;
  Step *step = start_rows(lower, &rows, "layernorm_f32");
  step_float(lower->program, step, (float)node_float(node, "epsilon", 1e-5));
  step_int(lower->program, step, root_mean_square);
  View in = axes_view(&rows.in, 0, rows.coords), out = axes_view(&rows.out, 1, rows.coords);
  step_load(lower, step, &in);
  Func *func = step_store(lower, step, &out);
  for (int i = 0; i < more_count; i++) {
    View view = axes_view(&more[i], 2 + i, rows.coords);
    const Expr *load = expr_load(exprs, view.type, step_load_more(lower, step, func, &view));
    func->values[0] = expr_op(exprs, i ? EX_ADD : EX_MUL, func->values[0], load, NULL);
  }
  return true;
}

bool lower_layer_norm(Lower *lower, Node *node) { return lower_norm(lower, node, false); }
bool lower_rms_norm(Lower *lower, Node *node) { return lower_norm(lower, node, true); }

/* batch normalisation */

bool infer_batch_norm(Model *model, Node *node) {
  const Value *x = node->in[0];
  if (node_int(node, "training_mode", 0)) return node_error(model, node, "training mode is not supported");
  if (!node_int(node, "spatial", 1)) return node_error(model, node, "'spatial' 0 is not supported");
  if (!need_rank(model, node, 0, 2, MAX_RANK)) return false;
  for (size_t i = 1; i < 5; i++) {
    if (!need_rank(model, node, i, 1, 1)) return false;
    Dim own = node->in[i]->dims[0];
    if (dim_is_const(own) && dim_is_const(x->dims[1]) && own.value != x->dims[1].value)
      return node_error(model, node, "'%s' has %lld elements for %lld channels", op_input_name(node->op, i),
                        (long long)own.value, (long long)x->dims[1].value);
  }
  return infer_same(model, node);
}

// (x - mean) / √(var + epsilon) · scale + B as x · factor + shift: two small steps make factor and shift, so that the
// large one has neither root nor division.
bool lower_batch_norm(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const DType type = node->in[0]->type;
  const Expr *x[3], *of[4]; // of: scale, B, mean, var as loads 0 and 1
  View in = lower_in(lower, node->in[0]), out = lower_out_like(lower, node->out[0], &in), channel[4];
  for (int i = 0; i < 3; i++) x[i] = expr_load(exprs, type, i);
  for (size_t i = 0; i < 4; i++) {
    channel[i] = lower_in(lower, node->in[1 + i]);
    of[i] = expr_cast(exprs, type, expr_load(exprs, channel[i].type, i / 2));
  }
  View factor = lower_scratch(lower, type, 1, channel[0].dims), shift = lower_scratch(lower, type, 1, channel[0].dims);
  const Expr *epsilon = expr_float(exprs, type, node_float(node, "epsilon", 1e-5));
  const Expr *deviation = expr_op(exprs, EX_SQRT, expr_op(exprs, EX_ADD, of[3], epsilon, NULL), NULL, NULL);
  if (!lower_map(lower, &factor, (View[]){channel[0], channel[3]}, 2, expr_op(exprs, EX_DIV, of[0], deviation, NULL)) ||
      !lower_map(lower, &shift, (View[]){channel[1], channel[2], factor}, 3,
                 expr_op(exprs, EX_SUB, of[1], expr_op(exprs, EX_MUL, of[2], x[2], NULL), NULL)))
    return false;
  View *const small[] = {&factor, &shift};
  for (int i = 0; i < 2; i++) { // one value for each of dim 1
    Dim stride = small[i]->strides[0];
    small[i]->rank = in.rank;
    for (int k = 0; k < in.rank; k++) {
      small[i]->dims[k] = k == 1 ? in.dims[1] : dim_const(1);
      small[i]->strides[k] = k == 1 ? stride : dim_const(0);
    }
  }
  return lower_map(lower, &out, (View[]){in, factor, shift}, 3,
                   expr_op(exprs, EX_ADD, expr_op(exprs, EX_MUL, x[0], x[1], NULL), x[2], NULL));
}
