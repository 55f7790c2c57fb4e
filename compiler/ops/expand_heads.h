// What attention operators of all domains share. Values have the dims [batch, heads, length, head size].
#pragma once
#include "compiler/ops/expand.h"

// [batch, length, heads · size] seen by heads, and back.
Value *split_heads(Expansion *e, Value *x, int64_t heads);
Value *merge_heads(Expansion *e, Value *x);
// q · kᵀ · scale and p · v, where groups of neighbouring query heads share one of the others.
Value *head_scores(Expansion *e, Value *q, Value *k, int64_t q_heads, int64_t kv_heads, double scale);
Value *head_values(Expansion *e, Value *p, Value *v, int64_t q_heads, int64_t kv_heads);
// Whether the heads can be shared evenly. False after an error.
bool check_heads(Expansion *e, int64_t q_heads, int64_t kv_heads);
// 0 where `allowed`, -infinity elsewhere.
Value *bias_where(Expansion *e, Value *allowed, DType type);
// Softmax over the last axis of scores + bias (or NULL); rows that the bias forbids as a whole become zeros.
Value *masked_softmax(Expansion *e, Value *scores, Value *bias, bool rows_may_be_empty);

// x rotated in pairs along the last axis, of `size` elements, of which the first `rotated` take part; cos and sin
// broadcast to half of those.
Value *rotate_pairs(Expansion *e, Value *x, int64_t size, int64_t rotated, Value *cos, Value *sin, bool interleaved);
