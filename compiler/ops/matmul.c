// Matrix products: Gemm and MatMul.
//
// Both are a batch of products of views: transposes are strides, a batch axis that B does not have joins the rows of A,
// and what is left must be at most two axes. B is packed into panels, when compiling if it is constant, else in a step
// before. A product with a vector is a reduction and packs nothing.
#include "compiler/ops/axes.h"
#include "compiler/ops/lower.h"
#include "compiler/ops/reduce.h"
#include "compiler/ops/tile.h"

#include <math.h>
#include <string.h>

/* shapes */

static bool differ(Dim a, Dim b) { return dim_is_const(a) && dim_is_const(b) && a.value != b.value; }

bool infer_gemm(Model *model, Node *node) {
  if (!need_rank(model, node, 0, 2, 2) || !need_rank(model, node, 1, 2, 2)) return false;
  bool a = node_int(node, "transA", 0) != 0, b = node_int(node, "transB", 0) != 0;
  const Value *x = node->in[0], *y = node->in[1], *c = node_in(node, 2);
  if (differ(x->dims[!a], y->dims[b]))
    return node_error(model, node, "inner dimensions differ: %s and %s", dim_text(model->dims, x->dims[!a]),
                      dim_text(model->dims, y->dims[b]));
  Dim dims[2] = {x->dims[a], y->dims[!b]};
  if (c && c->rank > 2) return node_error(model, node, "'C' has rank %d; 2 or less is needed", c->rank);
  for (int i = 1; c && i <= c->rank; i++) {
    Dim own = c->dims[c->rank - i];
    if (!(dim_is_const(own) && own.value == 1) && differ(own, dims[2 - i]))
      return node_error(model, node, "'C' does not broadcast to the product");
  }
  return set_dims(model, node, 0, 2, dims);
}

// NumPy's rule: vectors become matrices for the product, batch dims broadcast.
bool infer_matmul(Model *model, Node *node) {
  if (!need_rank(model, node, 0, 1, MAX_RANK) || !need_rank(model, node, 1, 1, MAX_RANK)) return false;
  const Value *a = node->in[0], *b = node->in[1];
  Dim k = a->dims[a->rank - 1], other = b->dims[b->rank > 1 ? b->rank - 2 : 0];
  if (differ(k, other))
    return node_error(model, node, "inner dimensions differ: %s and %s", dim_text(model->dims, k),
                      dim_text(model->dims, other));
  int a_batch = a->rank > 1 ? a->rank - 2 : 0, b_batch = b->rank > 1 ? b->rank - 2 : 0;
  int batch = a_batch > b_batch ? a_batch : b_batch, rank = batch;
  Value heads[2] = {*a, *b};
  heads[0].rank = a_batch;
  heads[1].rank = b_batch;
  Node pair = *node;
  pair.in = (Value *[]){&heads[0], &heads[1]};
  pair.in_count = 2;
  if (!infer_broadcast(model, &pair)) return false;
  Dim dims[MAX_RANK + 2];
  if (batch) memcpy(dims, node->out[0]->dims, (size_t)batch * sizeof *dims);
  if (a->rank > 1) dims[rank++] = a->dims[a->rank - 2];
  if (b->rank > 1) dims[rank++] = b->dims[b->rank - 1];
  return set_dims(model, node, 0, rank, dims);
}

/* lowering */

// acc becomes alpha · acc + beta · c.
typedef struct {
  double alpha, beta;
  const View *c; // dims of the result, or NULL
} Epilogue;

// One product, or two axes of products; strides of: a, b, out, c.
typedef struct {
  View a, b, out, c;
  Axis batch0, batch1;
  Dim m, n, k;
  Epilogue epilogue;
} Product;

static void add_epilogue(Lower *lower, const Product *p, Step *step, Func *func, const Axis coords[COORDS]) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *value = func->values[0];
  value = expr_op(exprs, EX_MUL, value, expr_float(exprs, value->type, p->epilogue.alpha), NULL);
  if (p->epilogue.c && p->epilogue.beta != 0) {
    View along = axes_view(&p->c, 3, coords);
    const Expr *c = expr_load(exprs, along.type, step_load_more(lower, step, func, &along));
    c = expr_op(exprs, EX_MUL, c, expr_float(exprs, c->type, p->epilogue.beta), NULL);
    value = expr_op(exprs, EX_ADD, value, c, NULL);
  }
  func->values[0] = value;
}

// The last two dims of the views as axes.
static Axis row_axis(const Product *p) {
  int i = p->a.rank - 2;
  return (Axis){p->m, {p->a.strides[i], dim_const(0), p->out.strides[i], p->c.strides[i]}};
}
static Axis column_axis(const Product *p) {
  int i = p->a.rank - 1;
  return (Axis){p->n, {dim_const(0), p->b.strides[i], p->out.strides[i], p->c.strides[i]}};
}

static Dim own_dim(const Axis *axis, int view) { return dim_is(axis->stride[view], 0) ? dim_const(1) : axis->dim; }

// B in panels: [batch0][batch1][ceil(n / nr)][k][nr]. Sets the floats between packed matrices.
static Buffer *pack_b(Lower *lower, const Product *p, int64_t nr, Dim packed[2]) {
  Dim batch0 = own_dim(&p->batch0, 1), batch1 = own_dim(&p->batch1, 1);
  Dim k_stride = p->b.strides[p->b.rank - 2], n_stride = p->b.strides[p->b.rank - 1];
  Dim panels = dim_div_up(p->n, nr), matrix = dim_times(dim_mul(panels, p->k), nr);
  packed[1] = dim_is(p->batch1.stride[1], 0) ? dim_const(0) : matrix;
  packed[0] = dim_is(p->batch0.stride[1], 0) ? dim_const(0) : dim_mul(matrix, batch1);
  const Tensor *constant = view_constant(&p->b);
  if (constant && dim_is_const(batch0) && dim_is_const(batch1)) {
    int64_t n_step = n_stride.value;
    Pack pack = {.rank = 5,
                 .dims = {batch0.value, batch1.value, panels.value, p->k.value, nr},
                 .strides = {p->batch0.stride[1].value, p->batch1.stride[1].value, nr * n_step, k_stride.value, n_step},
                 .panel = nr,
                 .panel_dim = 2,
                 .bound = p->n.value};
    return lower_pack(lower, constant, &pack, p->b.buffer->name);
  }
  Program *program = lower->program;
  Dim count = dim_mul(dim_mul(batch0, batch1), matrix);
  View out = lower_scratch(lower, DT_F32, 1, &count);
  Step *step = lower_step(lower, "pack_b_f32");
  ADD_DIMS(program, step, batch0, batch1, p->k, p->n);
  step_view(lower, step, &p->b);
  ADD_DIMS(program, step, p->batch0.stride[1], p->batch1.stride[1], k_stride, n_stride, dim_const(nr));
  step_view(lower, step, &out);
  step->parts = count_parts(count, 4096);
  return out.buffer;
}

static bool lower_panels(Lower *lower, Product *p) {
  Program *program = lower->program;
  int64_t m = usual_size(p->m), k = usual_size(p->k);
  Tile tile =
      choose_tile(lower->target, (TileWork){1, m, usual_size(p->n), k, m, usual_size(p->a.strides[p->a.rank - 2]), k});
  Dim packed[2];
  Buffer *b = pack_b(lower, p, tile.nr, packed);
  Axis coords[COORDS] = {p->batch0, p->batch1, row_axis(p), column_axis(p)};
  Step *step = lower_step(lower, "gemm_f32");
  ADD_DIMS(program, step, p->batch0.dim, p->batch1.dim, p->m, p->n, p->k);
  step_view(lower, step, &p->a);
  ADD_DIMS(program, step, p->batch0.stride[0], p->batch1.stride[0], coords[2].stride[0], p->a.strides[p->a.rank - 1]);
  step_buffer(program, step, b, dim_const(0));
  ADD_DIMS(program, step, packed[0], packed[1], dim_const(tile.mr), dim_const(tile.nv));
  View along = axes_view(&p->out, 2, coords);
  add_epilogue(lower, p, step, step_store(lower, step, &along), coords);
  step_macs(lower, step, dim_mul(dim_mul(p->batch0.dim, p->batch1.dim), dim_mul(dim_mul(p->m, p->n), p->k)));
  return true;
}

// alpha · in + beta · c as a step of its own, which fusion merges into the one before.
static bool lower_epilogue(Lower *lower, const Product *p, const View *in, const View *out, const View *c) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *x = expr_load(exprs, DT_F32, 0), *y = expr_load(exprs, DT_F32, 1);
  x = expr_op(exprs, EX_MUL, x, expr_float(exprs, DT_F32, p->epilogue.alpha), NULL);
  if (p->epilogue.c && p->epilogue.beta != 0)
    x = expr_op(exprs, EX_ADD, x, expr_op(exprs, EX_MUL, y, expr_float(exprs, DT_F32, p->epilogue.beta), NULL), NULL);
  return lower_map(lower, out, (View[]){*in, *c}, 2, x);
}

// A product with a vector as a reduction of a · b over k. The views become [batch0, batch1, m or n, k].
static bool lower_vector(Lower *lower, Product *p) {
  ExprTable *exprs = lower->program->exprs;
  bool rows = dim_is(p->n, 1);
  Axis line = rows ? row_axis(p) : column_axis(p);
  Axis k = {p->k, {p->a.strides[p->a.rank - 1], p->b.strides[p->b.rank - 2]}};
  Axis wide[COORDS] = {p->batch0, p->batch1, line, k}, flat[COORDS] = {p->batch0, p->batch1, line, no_axis};
  bool reduced[COORDS] = {false, false, false, true};
  View matrix = axes_view(rows ? &p->a : &p->b, !rows, wide);
  View vector = axes_view(rows ? &p->b : &p->a, rows, wide);
  View out = axes_view(&p->out, 2, flat), c = axes_view(&p->c, 3, flat);
  View sum = lower_scratch(lower, DT_F32, COORDS, out.dims);
  const Expr *product = expr_op(exprs, EX_MUL, expr_load(exprs, DT_F32, 0), expr_load(exprs, DT_F32, 1), NULL);
  Dim macs = view_count(&matrix);
  if (dim_is_const(macs)) lower->program->macs += macs.value;
  return lower_reduction(lower, REDUCE_SUM, (View[]){matrix, vector}, 2, product, reduced, &sum,
                         expr_acc(exprs, DT_F32)) &&
         lower_epilogue(lower, p, &sum, &out, &c);
}

// alpha · sum + beta · c of any type. Factors that are no integers take integers through float64.
static bool lower_general_epilogue(Lower *lower, const View *sum, const View *out, const Epilogue *epilogue) {
  ExprTable *exprs = lower->program->exprs;
  bool whole = epilogue->alpha == floor(epilogue->alpha) && epilogue->beta == floor(epilogue->beta);
  DType type = dtype_is_float(out->type) || whole ? out->type : DT_F64;
  const Expr *x = expr_cast(exprs, type, expr_load(exprs, out->type, 0)), *c;
  x = expr_op(exprs, EX_MUL, x, expr_const(exprs, type, epilogue->alpha), NULL);
  if (epilogue->c && epilogue->beta != 0) {
    c = expr_cast(exprs, type, expr_load(exprs, out->type, 1));
    c = expr_op(exprs, EX_MUL, c, expr_const(exprs, type, epilogue->beta), NULL);
    x = expr_op(exprs, EX_ADD, x, c, NULL);
  }
  const View ins[2] = {*sum, epilogue->c ? *epilogue->c : *sum};
  return lower_map(lower, out, ins, 2, expr_cast(exprs, out->type, x));
}

// Products of other types than float32: the reduction of a · b over k, of views [batch..., m, n, k].
static bool lower_general(Lower *lower, const View *a, const View *b, const View *out, const Epilogue *epilogue) {
  ExprTable *exprs = lower->program->exprs;
  int rank = a->rank;
  if (rank == MAX_RANK) return lower_error(lower, "a product of tensors of rank %d is not supported", rank);
  if (view_is_empty(out)) return true;
  View ins[2] = {*a, *b}, sum = *out;
  bool plain = epilogue->alpha == 1 && !epilogue->c, reduced[MAX_RANK] = {0};
  if (!plain) sum = lower_scratch(lower, out->type, rank, out->dims);
  View wide = sum;
  for (int i = 0; i < 2; i++) {
    ins[i].rank = rank + 1;
    ins[i].dims[rank - 2] = a->dims[rank - 2], ins[i].dims[rank - 1] = b->dims[rank - 1];
    ins[i].dims[rank] = a->dims[rank - 1];
    ins[i].strides[rank - 2] = i ? dim_const(0) : a->strides[rank - 2];
    ins[i].strides[rank - 1] = i ? b->strides[rank - 1] : dim_const(0);
    ins[i].strides[rank] = i ? b->strides[rank - 2] : a->strides[rank - 1];
  }
  wide.rank = rank + 1;
  wide.dims[rank] = dim_const(1), wide.strides[rank] = dim_const(0);
  reduced[rank] = true;
  const Expr *product = expr_op(exprs, EX_MUL, expr_load(exprs, a->type, 0), expr_load(exprs, b->type, 1), NULL);
  Dim macs = view_count(&ins[0]);
  if (dim_is_const(macs)) lower->program->macs += macs.value;
  return lower_fold(lower, REDUCE_SUM, ins, 2, product, reduced, &wide, expr_acc(exprs, out->type)) &&
         (plain || lower_general_epilogue(lower, &sum, out, epilogue));
}

static bool lower_product(Lower *lower, const View *a, const View *b, const View *out, Epilogue epilogue) {
  if (out->type != DT_F32) return lower_general(lower, a, b, out, &epilogue);
  Product p = {.a = *a, .b = *b, .out = *out, .epilogue = epilogue, .batch0 = no_axis, .batch1 = no_axis};
  int rank = a->rank;
  bool batch[MAX_RANK] = {0};
  p.m = a->dims[rank - 2], p.k = a->dims[rank - 1], p.n = b->dims[rank - 1];
  p.c = epilogue.c ? *epilogue.c : *out;
  if (view_is_empty(out)) return true;
  for (int i = 0; i < rank - 2; i++) batch[i] = true;
  Axes axes = axes_join((const View *[]){&p.a, &p.b, &p.out, &p.c}, 4, batch, false);
  // Matrices that share B stand below one another.
  for (Axis joined; axes.count && dim_is(axes.at[axes.count - 1].stride[1], 0); axes.count--) {
    if (!axis_join(axes.at[axes.count - 1], row_axis(&p), 4, &joined)) break;
    p.m = joined.dim;
    p.a.strides[rank - 2] = joined.stride[0];
    p.out.strides[rank - 2] = joined.stride[2];
    p.c.strides[rank - 2] = joined.stride[3];
  }
  if (axes.count > 2) {
    View copies[2] = {view_dense(NULL, a->type, rank, a->dims), view_dense(NULL, b->type, rank, b->dims)};
    const View *const from[2] = {a, b};
    for (int i = 0; i < 2; i++) {
      copies[i].buffer = lower_scratch(lower, copies[i].type, rank, copies[i].dims).buffer;
      if (!lower_copy(lower, &copies[i], from[i])) return false;
    }
    return lower_product(lower, &copies[0], &copies[1], out, epilogue);
  }
  p.batch1 = axes_from_end(&axes, 0);
  p.batch0 = axes_from_end(&axes, 1);
  bool vector = dim_is(p.n, 1) || (dim_is(p.m, 1) && !view_constant(&p.b));
  return vector ? lower_vector(lower, &p) : lower_panels(lower, &p);
}

static View transposed(View view, bool swap) {
  if (!swap) return view;
  View result = view;
  for (int i = 0; i < 2; i++) {
    result.dims[i] = view.dims[1 - i];
    result.strides[i] = view.strides[1 - i];
  }
  return result;
}

// The summed dim of both, as what is known of it: constant matrices are packed by it.
static void join_inner(Lower *lower, View *a, View *b) {
  Dim *k = &a->dims[a->rank - 1], *other = &b->dims[b->rank - 2];
  lower_check_equal(lower, *k, *other);
  *k = *other = dim_is_const(*k) ? *k : *other;
}

bool lower_gemm(Lower *lower, Node *node) {
  View a = transposed(lower_in(lower, node->in[0]), node_int(node, "transA", 0) != 0);
  View b = transposed(lower_in(lower, node->in[1]), node_int(node, "transB", 0) != 0);
  join_inner(lower, &a, &b);
  View out = lower_out(lower, node->out[0]), c;
  Epilogue epilogue = {.alpha = node_float(node, "alpha", 1), .beta = node_float(node, "beta", 1)};
  if (node_in(node, 2)) {
    c = lower_in(lower, node->in[2]);
    lower_check_broadcast(lower, &c, 2, out.dims);
    c = view_broadcast(&c, 2, out.dims);
    epilogue.c = &c;
  }
  return lower_product(lower, &a, &b, &out, epilogue);
}

// A view of rank 1 as a matrix: a row (A) or a column (B).
static View as_matrix(View view, bool row) {
  if (view.rank > 1) return view;
  View result = view;
  result.rank = 2;
  result.dims[row] = view.dims[0], result.strides[row] = view.strides[0];
  result.dims[!row] = dim_const(1), result.strides[!row] = dim_const(0);
  return result;
}

bool lower_matmul(Lower *lower, Node *node) {
  View a = as_matrix(lower_in(lower, node->in[0]), true), b = as_matrix(lower_in(lower, node->in[1]), false);
  join_inner(lower, &a, &b);
  View made = lower_out(lower, node->out[0]), out;
  int rank = a.rank > b.rank ? a.rank : b.rank, batch = node->out[0]->rank;
  batch -= (node->in[0]->rank > 1) + (node->in[1]->rank > 1);
  Dim dims[MAX_RANK], a_dims[MAX_RANK], b_dims[MAX_RANK];
  for (int i = 0; i < batch; i++) dims[i] = a_dims[i] = b_dims[i] = made.dims[i];
  dims[rank - 2] = a_dims[rank - 2] = a.dims[a.rank - 2];
  dims[rank - 1] = b_dims[rank - 1] = b.dims[b.rank - 1];
  a_dims[rank - 1] = b_dims[rank - 2] = a.dims[a.rank - 1];
  view_reshape(&made, rank, dims, &out);
  lower_check_broadcast(lower, &a, rank, a_dims);
  lower_check_broadcast(lower, &b, rank, b_dims);
  a = view_broadcast(&a, rank, a_dims);
  b = view_broadcast(&b, rank, b_dims);
  return lower_product(lower, &a, &b, &out, (Epilogue){.alpha = 1});
}
