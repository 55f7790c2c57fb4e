// Elements moved between dims, cut, padded, converted, kept by chance; the grids that sampling starts from.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/expand.h"

#include <string.h>

static bool read_block(Expansion *e, Node *node, int64_t *block) {
  *block = node_int(node, "blocksize", 0);
  if (!need_rank(e->model, node, 0, 4, 4)) return false;
  if (*block >= 1 && *block <= 1 << 15) return true;
  return node_error(e->model, node, "'blocksize' is %lld", (long long)*block);
}

bool expand_depth_to_space(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int64_t b;
  const char *mode = node_string(node, "mode", "DCR");
  if (!read_block(e, node, &b)) return false;
  if (strcmp(mode, "DCR") && strcmp(mode, "CRD"))
    return node_error(e->model, node, "'mode' is '%.64s'; DCR and CRD are possible", mode);
  Value *n = DIM(e, x, 0), *c = DIV(e, DIM(e, x, 1), INT(e, b * b)), *h = DIM(e, x, 2), *w = DIM(e, x, 3);
  Value *size = INT(e, b), *blocks = !strcmp(mode, "DCR")
                                         ? TRANSPOSE(e, RESHAPE_TO(e, x, n, size, size, c, h, w), 0, 3, 4, 1, 5, 2)
                                         : TRANSPOSE(e, RESHAPE_TO(e, x, n, c, size, size, h, w), 0, 1, 4, 2, 5, 3);
  return expand_done(e, 0, RESHAPE_TO(e, blocks, n, c, MUL(e, h, size), MUL(e, w, size)));
}

bool expand_space_to_depth(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int64_t b;
  if (!read_block(e, node, &b)) return false;
  Value *n = DIM(e, x, 0), *c = DIM(e, x, 1), *size = INT(e, b);
  Value *h = DIV(e, DIM(e, x, 2), size), *w = DIV(e, DIM(e, x, 3), size);
  Value *blocks = TRANSPOSE(e, RESHAPE_TO(e, x, n, c, h, size, w, size), 0, 3, 5, 1, 2, 4);
  return expand_done(e, 0, RESHAPE_TO(e, blocks, n, MUL(e, c, INT(e, b * b)), h, w));
}

// Element i of an integer input as a vector of one element.
static Value *element(Expansion *e, size_t input, int64_t i) {
  int64_t count;
  const Dim *elems = known_elems(e->model, e->node->in[input], &count);
  if (elems && i < count && dim_is_const(elems[i])) return INT(e, elems[i].value);
  return expand_cast(e, GATHER(e, e->node->in[input], INT(e, i), 0), DT_I64);
}

// Element i of an axis of length `want` comes from element i + (have - want) / 2, rounded towards 0; 0 where there is
// none.
static Value *centred_along(Expansion *e, Value *x, int axis, Value *want, int rank) {
  Value *have = DIM(e, x, axis), *zero = INT(e, 0);
  Value *at = ADD(e, expand_range(e, want), DIV(e, SUB(e, have, want), INT(e, 2)));
  Value *last = MAX(e, SUB(e, have, INT(e, 1)), zero);
  Value *inside = AND(e, LESS_EQUAL(e, zero, at), LESS(e, at, have));
  int64_t dims[MAX_RANK];
  for (int i = 0; i < rank; i++) dims[i] = i == axis ? -1 : 1;
  inside = MAKE(e, "Reshape", inside, expand_ints(e, (size_t)rank, dims));
  return WHERE(e, inside, GATHER(e, x, MIN(e, MAX(e, at, zero), last), axis), SCALAR(e, x, 0));
}

bool expand_center_crop_pad(Expansion *e, Node *node) {
  Value *x = node->in[0];
  int rank = x->rank;
  size_t count;
  const int64_t *axes = node_ints(node, "axes", &count);
  if (!axes) count = (size_t)rank;
  for (size_t i = 0; i < count; i++) {
    int axis = (int)i;
    if (axes && !need_axis(e->model, node, axes[i], rank, &axis)) return false;
    x = centred_along(e, x, axis, element(e, 1, (int64_t)i), rank);
  }
  return expand_done(e, 0, x);
}

// The places of n pixels between -1 and 1.
static Value *places(Expansion *e, Value *n, DType type, bool corners) {
  Value *at = expand_cast(e, expand_range(e, n), type), *count = expand_cast(e, n, type);
  Value *one = expand_scalar(e, type, 1), *twice = ADD(e, at, at);
  Value *share = corners ? DIV(e, twice, MAX(e, SUB(e, count, one), one)) : DIV(e, ADD(e, twice, one), count);
  return SUB(e, share, one);
}

// grid[n, ..., k] = Σ over axes of place[axis] · theta[n, k, axis] + theta[n, k, last]; axes count from the innermost.
bool expand_affine_grid(Expansion *e, Node *node) {
  Value *theta = node->in[0];
  int64_t axes, columns;
  if (!need_rank(e->model, node, 0, 3, 3)) return false;
  if (!expand_const_dim(e, 0, 1, &axes) || !expand_const_dim(e, 0, 2, &columns)) return false;
  if ((axes != 2 && axes != 3) || columns != axes + 1)
    return node_error(e->model, node, "'theta' must hold matrices of 2x3 or 3x4 elements");
  bool corners = node_int(node, "align_corners", 0);
  Value *sum = NULL;
  for (int64_t a = axes; a >= 0; a--) {
    int64_t column_dims[5] = {0, 1, 1, 1, 1}, place_dims[5] = {1, 1, 1, 1, 1};
    column_dims[axes + 1] = axes;
    Value *column =
        MAKE(e, "Reshape", expand_slice(e, theta, 2, a, a + 1, 1), expand_ints(e, (size_t)axes + 2, column_dims));
    if (a == axes) {
      sum = column;
      continue;
    }
    place_dims[axes - a] = -1;
    Value *place = places(e, element(e, 1, 1 + axes - a), theta->type, corners);
    place = MAKE(e, "Reshape", place, expand_ints(e, (size_t)axes + 2, place_dims));
    sum = ADD(e, sum, MUL(e, place, column));
  }
  return expand_done(e, 0, sum);
}

// Where nothing is dropped: a mask that lets everything pass.
bool expand_dropout(Expansion *e, Node *node) {
  Value *x = node->in[0], *training = node_in(node, 2), *ratio = node_in(node, 1);
  bool tests = !training || (training->data && !tensor_int(training->data, 0));
  bool drops_nothing = ratio && ratio->data && tensor_float(ratio->data, 0) == 0;
  if (!tests && !drops_nothing) return expand_dropout_training(e, node);
  if (!training && !node_has_out(node, 1)) return true;
  if (node_has_out(node, 1)) expand_done(e, 1, EXPAND_TO(e, expand_scalar(e, node->out[1]->type, 1), SHAPE(e, x)));
  return expand_done(e, 0, IDENTITY(e, x));
}

// 1 where a number drawn from 0 ... 1 is below the element.
bool expand_bernoulli(Expansion *e, Node *node) {
  Value *x = node->in[0], *drawn = with_same(e, MAKE(e, "RandomUniformLike", x), "seed");
  return expand_done(e, 0, expand_cast(e, LESS(e, drawn, x), (DType)node_int(node, "dtype", x->type)));
}

bool expand_cast_like(Expansion *e, Node *node) {
  Value *y = with_int(MAKE(e, "Cast", node->in[0]), "to", node->in[1]->type);
  return expand_done(e, 0, with_same(e, with_same(e, y, "saturate"), "round_mode"));
}
