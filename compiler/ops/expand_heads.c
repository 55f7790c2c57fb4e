// Pieces of attention: heads, scores, masks, rotations.
#include "compiler/ops/expand_heads.h"

#include <math.h>

Value *split_heads(Expansion *e, Value *x, int64_t heads) {
  return TRANSPOSE(e, RESHAPE(e, x, 0, 0, heads, -1), 0, 2, 1, 3);
}

Value *merge_heads(Expansion *e, Value *x) { return RESHAPE(e, TRANSPOSE(e, x, 0, 2, 1, 3), 0, 0, -1); }

bool check_heads(Expansion *e, int64_t q_heads, int64_t kv_heads) {
  if (q_heads > 0 && kv_heads > 0 && q_heads % kv_heads == 0) return true;
  return node_error(e->model, e->node, "%lld query heads cannot share %lld heads of key and value evenly",
                    (long long)q_heads, (long long)kv_heads);
}

// a · b for a of q_heads and b of kv_heads: the rows of a group's heads below one another make one product.
static Value *head_product(Expansion *e, Value *a, Value *b, int64_t q_heads, int64_t kv_heads) {
  if (q_heads == kv_heads) return MATMUL(e, a, b);
  Value *rows = MUL(e, DIM(e, a, 2), INT(e, q_heads / kv_heads));
  Value *y = MATMUL(e, RESHAPE_TO(e, a, DIM(e, a, 0), INT(e, kv_heads), rows, DIM(e, a, 3)), b);
  return RESHAPE_TO(e, y, DIM(e, y, 0), INT(e, q_heads), DIM(e, a, 2), DIM(e, y, 3));
}

Value *head_scores(Expansion *e, Value *q, Value *k, int64_t q_heads, int64_t kv_heads, double scale) {
  Value *product = head_product(e, q, TRANSPOSE(e, k, 0, 1, 3, 2), q_heads, kv_heads);
  return MUL(e, product, SCALAR(e, product, scale));
}

Value *head_values(Expansion *e, Value *p, Value *v, int64_t q_heads, int64_t kv_heads) {
  return head_product(e, p, v, q_heads, kv_heads);
}

Value *bias_where(Expansion *e, Value *allowed, DType type) {
  return WHERE(e, allowed, expand_scalar(e, type, 0), expand_scalar(e, type, -INFINITY));
}

Value *masked_softmax(Expansion *e, Value *scores, Value *bias, bool rows_may_be_empty) {
  Value *p = SOFTMAX(e, bias ? ADD(e, scores, bias) : scores, -1);
  if (!bias || !rows_may_be_empty) return p;
  Value *empty = EQUAL(e, REDUCE(e, "ReduceMax", bias, -1), SCALAR(e, bias, -INFINITY));
  return WHERE(e, empty, SCALAR(e, p, 0), p);
}

Value *rotate_pairs(Expansion *e, Value *x, int64_t size, int64_t rotated, Value *cos, Value *sin, bool interleaved) {
  const int axis = 3;
  int64_t half = rotated / 2;
  Value *part = rotated < size ? expand_slice(e, x, axis, 0, rotated, 1) : x;
  Value *a = interleaved ? expand_slice(e, part, axis, 0, rotated, 2) : expand_slice(e, part, axis, 0, half, 1);
  Value *b = interleaved ? expand_slice(e, part, axis, 1, rotated, 2) : expand_slice(e, part, axis, half, rotated, 1);
  Value *real = SUB(e, MUL(e, a, cos), MUL(e, b, sin)), *imaginary = ADD(e, MUL(e, a, sin), MUL(e, b, cos));
  Value *y = interleaved ? MAKE(e, "Reshape", CONCAT(e, -1, UNSQUEEZE(e, real, -1), UNSQUEEZE(e, imaginary, -1)),
                                SHAPE(e, part))
                         : CONCAT(e, axis, real, imaginary);
  return rotated < size ? CONCAT(e, axis, y, expand_slice(e, x, axis, rotated, size, 1)) : y;
}
