// What elementwise.c shares with inference: expressions of nodes and the elements that shapes are computed with.
#pragma once
#include "compiler/ops/ops.h"

// The node's formula over EX_LOAD i = input i.
const Expr *elementwise_expr(ExprTable *exprs, const Node *node);

// Lowers the node to `value`, an expression over EX_LOAD i = input i, which broadcast.
bool lower_expr(Lower *lower, const Expr *value);

// Elements of a small integer tensor, constant or computed from shapes: *count of them, row-major, or NULL.
const Dim *known_elems(Model *model, Value *value, int64_t *count);
// Follows known elements of the inputs through `e` (over EX_LOAD i = input i, broadcast) to output 0.
void carry_elems(Model *model, Node *node, const Expr *e);
// The known elements of a value as a constant, NULL when they are not all numbers.
Tensor *elems_tensor(Model *model, const Value *value);
