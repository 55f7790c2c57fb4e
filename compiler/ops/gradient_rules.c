// Gradients of operators that are no formula of single elements: matrices, reductions, moved elements.
#include "compiler/ops/gradient.h"

#include <string.h>

Value *size_of(Expansion *e, Value *x) {
  Value *size = MAKE(e, "Size", x);
  size->type = DT_I64;
  return size;
}

static bool derive_identity(Tape *tape, Node *node) {
  return tape_add(tape, node->in[0], tape_of(tape, node->out[0])), true;
}

/* matrices */

static Value *swapped(Expansion *e, Value *x, int rank) {
  int64_t perm[MAX_RANK];
  for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
  return expand_transpose(e, x, (size_t)rank, perm);
}

// Adds what has `batch` dims as the product has before those of a matrix, summed over the ones that x repeats.
static void add_matrices(Tape *tape, Value *x, Value *g, const Value *product, int batch) {
  int64_t axes[MAX_RANK];
  size_t count = 0;
  int more = batch - (x->rank > 2 ? x->rank - 2 : 0);
  for (int i = 0; i < batch; i++)
    if (i < more || (dim_is(x->dims[i - more], 1) && !dim_is(product->dims[i], 1))) axes[count++] = i;
  if (count) g = expand_reduce(tape->e, "ReduceSum", g, count, axes);
  tape_add(tape, x, count || x->rank < 2 ? MAKE(tape->e, "Reshape", g, SHAPE(tape->e, x)) : g);
}

// Vectors take part as matrices of one row or column.
static bool derive_matmul(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *a = node->in[0], *b = node->in[1], *product = node->out[0], *g = tape_of(tape, product);
  bool row = a->rank == 1, column = b->rank == 1;
  int batch = product->rank + row + column - 2;
  if (column) g = UNSQUEEZE(e, g, -1);
  if (row) g = UNSQUEEZE(e, g, -2);
  Value *left = row ? UNSQUEEZE(e, a, 0) : a, *right = column ? UNSQUEEZE(e, b, 1) : b;
  if (tape_wants(tape, a)) add_matrices(tape, a, MATMUL(e, g, swapped(e, right, column ? 2 : b->rank)), product, batch);
  if (tape_wants(tape, b)) add_matrices(tape, b, MATMUL(e, swapped(e, left, row ? 2 : a->rank), g), product, batch);
  return true;
}

static bool derive_gemm(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *a = node->in[0], *b = node->in[1], *c = node_in(node, 2), *out = node->out[0], *g = tape_of(tape, out);
  Value *scaled = MUL(e, g, SCALAR(e, g, node_float(node, "alpha", 1)));
  bool a_turned = node_int(node, "transA", 0), b_turned = node_int(node, "transB", 0);
  if (tape_wants(tape, a)) {
    Value *right = b_turned ? b : swapped(e, b, 2);
    tape_add(tape, a, a_turned ? MATMUL(e, swapped(e, right, 2), swapped(e, scaled, 2)) : MATMUL(e, scaled, right));
  }
  if (tape_wants(tape, b)) {
    Value *left = a_turned ? a : swapped(e, a, 2);
    tape_add(tape, b, b_turned ? MATMUL(e, swapped(e, scaled, 2), swapped(e, left, 2)) : MATMUL(e, left, scaled));
  }
  if (!tape_wants(tape, c)) return true;
  Value *sum = sum_to(tape, MUL(e, g, SCALAR(e, g, node_float(node, "beta", 1))), out, c);
  return sum && (tape_add(tape, c, sum), true);
}

/* reductions */

typedef struct {
  Value *x, *y, *g; // y and g with dims of 1 where x is reduced
  Value *whole;     // g with the dims of x
  size_t count;
  int64_t axes[MAX_RANK];
} Reduced;

static bool read_reduction(Tape *tape, Node *node, Reduced *r) {
  Expansion *e = tape->e;
  Value *axes = node_in(node, 1);
  size_t given;
  const int64_t *list = node_ints(node, "axes", &given);
  if (axes && !axes->data) return node_error(e->model, node, "its axes must be known when compiling for a gradient");
  *r = (Reduced){.x = node->in[0], .y = node->out[0], .g = tape_of(tape, node->out[0])};
  r->count = axes ? (size_t)tensor_count(axes->data) : list ? given : 0;
  for (size_t i = 0; i < r->count; i++) r->axes[i] = axes ? tensor_int(axes->data, (int64_t)i) : list[i];
  bool none = !r->count && node_int(node, "noop_with_empty_axes", 0);
  if (!r->count && !none)
    for (int i = 0; i < r->x->rank; i++) r->axes[r->count++] = i;
  if (!node_int(node, "keepdims", 1) && r->count) {
    Value *at = expand_ints(e, r->count, r->axes);
    r->y = MAKE(e, "Unsqueeze", r->y, at), r->g = MAKE(e, "Unsqueeze", r->g, at);
  }
  r->whole = EXPAND_TO(e, r->g, SHAPE(e, r->x));
  return true;
}

static bool derive_reduction(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  const char *kind = node->op->type + strlen("Reduce");
  Reduced r;
  if (!read_reduction(tape, node, &r)) return false;
  Value *x = r.x, *g = r.whole;
  if (!strcmp(kind, "Mean")) {
    Value *share = DIV(e, expand_cast(e, size_of(e, r.y), x->type), expand_cast(e, size_of(e, x), x->type));
    g = MUL(e, g, share);
  } else if (!strcmp(kind, "Max") || !strcmp(kind, "Min")) { // equal ones share
    Value *mask = expand_cast(e, EQUAL(e, x, r.y), x->type);
    Value *ties = r.count ? expand_reduce(e, "ReduceSum", mask, r.count, r.axes) : mask;
    g = DIV(e, MUL(e, g, mask), ties);
  } else if (!strcmp(kind, "L1")) {
    g = MUL(e, g, MAKE(e, "Sign", x));
  } else if (!strcmp(kind, "L2")) {
    g = DIV(e, MUL(e, g, x), r.y);
  } else if (!strcmp(kind, "SumSquare")) {
    g = MUL(e, g, ADD(e, x, x));
  } else if (!strcmp(kind, "LogSum")) {
    g = DIV(e, g, EXP(e, r.y));
  } else if (!strcmp(kind, "LogSumExp")) {
    g = MUL(e, g, EXP(e, SUB(e, x, r.y)));
  }
  return tape_add(tape, x, g), true;
}

static bool derive_global_pool(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *x = node->in[0], *g = tape_of(tape, node->out[0]);
  Value *ratio = DIV(e, expand_cast(e, size_of(e, g), x->type), expand_cast(e, size_of(e, x), x->type));
  return tape_add(tape, x, EXPAND_TO(e, MUL(e, g, ratio), SHAPE(e, x))), true;
}

// y · (g - Σ g · y), or g - e^y · Σ g for the logarithm. Before opset 13 over all axes from `axis` on.
static bool derive_softmax(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *y = node->out[0], *g = tape_of(tape, y);
  bool flat = node->op->since < 13, log = *node->op->type == 'L';
  int64_t axes[MAX_RANK], axis = node_int(node, "axis", flat ? 1 : -1), rank = y->rank;
  size_t count = 0;
  if (axis < 0) axis += rank;
  for (int64_t i = axis; i < rank && (flat || i == axis); i++) axes[count++] = i;
  if (!count) return true; // rows of one element
  Value *sum = expand_reduce(e, "ReduceSum", log ? g : MUL(e, g, y), count, axes);
  tape_add(tape, node->in[0], log ? SUB(e, g, MUL(e, EXP(e, y), sum)) : MUL(e, y, SUB(e, g, sum)));
  return true;
}

/* any number of inputs */

static bool derive_mean(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *g = tape_of(tape, node->out[0]), *share = DIV(e, g, SCALAR(e, g, (double)node->in_count));
  for (size_t i = 0; i < node->in_count; i++) {
    Value *sum = sum_to(tape, share, node->out[0], node->in[i]);
    if (!sum) return false;
    tape_add(tape, node->in[i], sum);
  }
  return true;
}

static bool derive_concat(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *g = tape_of(tape, node->out[0]), *from = INT(e, 0);
  int axis;
  if (!need_axis(e->model, node, node_int(node, "axis", 1), node->out[0]->rank, &axis)) return false;
  for (size_t i = 0; i < node->in_count; i++) {
    Value *to = ADD(e, from, DIM(e, node->in[i], axis));
    tape_add(tape, node->in[i], MAKE(e, "Slice", g, from, to, INT(e, axis)));
    from = to;
  }
  return true;
}

/* elements that only move */

static bool derive_reshape(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  return tape_add(tape, node->in[0], MAKE(e, "Reshape", tape_of(tape, node->out[0]), SHAPE(e, node->in[0]))), true;
}

static bool derive_transpose(Tape *tape, Node *node) {
  size_t count;
  const int64_t *perm = node_ints(node, "perm", &count);
  int64_t back[MAX_RANK];
  int rank = node->out[0]->rank;
  for (int i = 0; i < rank; i++) back[perm ? perm[i] : rank - 1 - i] = i;
  Value *g = expand_transpose(tape->e, tape_of(tape, node->out[0]), (size_t)rank, back);
  return tape_add(tape, node->in[0], g), true;
}

static bool derive_expand(Tape *tape, Node *node) {
  Value *sum = sum_to(tape, tape_of(tape, node->out[0]), node->out[0], node->in[0]);
  return sum && (tape_add(tape, node->in[0], sum), true);
}

static bool derive_cast(Tape *tape, Node *node) {
  return tape_add(tape, node->in[0], expand_cast(tape->e, tape_of(tape, node->out[0]), node->in[0]->type)), true;
}

Value *flat(Expansion *e, Value *x) { return RESHAPE(e, x, -1); }

// The operator over the elements' numbers tells where each went; gradients are added there.
static bool derive_move(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Arena *arena = e->model->arena;
  Value *x = node->in[0], *size = flat(e, size_of(e, x)), **in = NEW_ARRAY(arena, Value *, node->in_count);
  for (size_t i = 1; i < node->in_count; i++) {
    in[i] = node->in[i];
    if (tape_wants(tape, in[i])) return node_error(e->model, e->node, "the gradient of an index is not supported");
  }
  in[0] = MAKE(e, "Reshape", expand_range(e, size), SHAPE(e, x));
  Value **places = NEW_ARRAY(arena, Value *, node->out_count), *sum = EXPAND_TO(e, SCALAR(e, x, 0), size);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) places[i] = value_new_typed(e->graph, "places", DT_I64, node->out[i]->rank, node->out[i]->dims);
  Node *copy = node_new(e->graph, e->node, node->domain, node->type, in, node->in_count, places, node->out_count);
  copy->op = node->op, copy->loc = node->loc, copy->attrs = node->attrs, copy->attr_count = node->attr_count;
  for (size_t i = 0; i < node->out_count; i++) {
    if (!node->out[i] || !tape->gradient[node->out[i]->id]) continue;
    sum = MAKE(e, "ScatterElements", sum, flat(e, places[i]), flat(e, tape_of(tape, node->out[i])));
    with_string(sum, "reduction", "add");
  }
  return tape_add(tape, x, MAKE(e, "Reshape", sum, SHAPE(e, x))), true;
}

static bool derive_scatter(Tape *tape, Node *node) {
  Expansion *e = tape->e;
  Value *g = tape_of(tape, node->out[0]);
  if (strcmp(node_string(node, "reduction", "none"), "add"))
    return node_error(e->model, e->node, "the gradient through '%s' is supported for sums only", node->op->type);
  tape_add(tape, node->in[0], g);
  if (!tape_wants(tape, node->in[2])) return true;
  Value *picked = with_int(MAKE(e, "GatherElements", g, node->in[1]), "axis", node_int(node, "axis", 0));
  return tape_add(tape, node->in[2], picked), true;
}

/* all */

bool derive_node(Tape *tape, Node *node) {
  static const struct {
    const char *type;
    bool (*derive)(Tape *, Node *);
  } rules[] = {{"Cast", derive_cast},
               {"Concat", derive_concat},
               {"Conv", derive_conv},
               {"DepthToSpace", derive_move},
               {"Dropout", derive_identity},
               {"Expand", derive_expand},
               {"Flatten", derive_reshape},
               {"Gather", derive_move},
               {"GatherElements", derive_move},
               {"GatherND", derive_move},
               {"Gemm", derive_gemm},
               {"GlobalAveragePool", derive_global_pool},
               {"Identity", derive_identity},
               {"LogSoftmax", derive_softmax},
               {"MatMul", derive_matmul},
               {"MaxPool", derive_max_pool},
               {"Mean", derive_mean},
               {"ReduceL1", derive_reduction},
               {"ReduceL2", derive_reduction},
               {"ReduceLogSum", derive_reduction},
               {"ReduceLogSumExp", derive_reduction},
               {"ReduceMax", derive_reduction},
               {"ReduceMean", derive_reduction},
               {"ReduceMin", derive_reduction},
               {"ReduceSum", derive_reduction},
               {"ReduceSumSquare", derive_reduction},
               {"Reshape", derive_reshape},
               {"ScatterElements", derive_scatter},
               {"Slice", derive_move},
               {"Softmax", derive_softmax},
               {"SpaceToDepth", derive_move},
               {"Split", derive_move},
               {"Squeeze", derive_reshape},
               {"Tile", derive_move},
               {"Transpose", derive_transpose},
               {"Unsqueeze", derive_reshape}};
  for (size_t i = 0; i < COUNT(rules); i++)
    if (node_is(node, "", rules[i].type)) return rules[i].derive(tape, node);
  bool known;
  if (!derive_formula(tape, node, &known)) return false;
  return known || node_error(tape->e->model, tape->e->node, "the gradient through '%s' is not supported", node->loc.op);
}
