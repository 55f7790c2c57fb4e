// Elementwise operators: formulas of ops.def, and those whose attributes need more than a formula.
#include "compiler/ops/elementwise.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* formulas */

typedef struct {
  ExprTable *exprs;
  const Node *node;
  const char *defaults; // "alpha=1 beta=0.5", or ""
  const Expr *a, *b;    // operands of a formula over any number of inputs
} Names;

static const Expr *find_name(void *context, const char *name, size_t length) {
  const Names *names = context;
  const Node *node = names->node;
  if (names->a && length == 1 && (*name == 'a' || *name == 'b')) return *name == 'a' ? names->a : names->b;
  for (size_t i = 0; i < node->in_count; i++) {
    const char *input = op_input_name(node->op, i);
    if (strlen(input) == length && !memcmp(input, name, length))
      return expr_load(names->exprs, node->in[i]->type, (int)i);
  }
  for (const char *at = names->defaults; *at && *at != ';'; at += strcspn(at, " ;"), at += *at == ' ')
    if (!strncmp(at, name, length) && at[length] == '=') {
      char key[32];
      snprintf(key, sizeof key, "%.*s", (int)length, name);
      return expr_float(names->exprs, DT_F64, (float)node_float(node, key, strtod(at + length + 1, NULL)));
    }
  return NULL;
}

const Expr *elementwise_expr(ExprTable *exprs, const Node *node) {
  const char *formula = node->op->formula, *semicolon = strchr(formula, ';');
  Names names = {exprs, node, semicolon ? formula : "", NULL, NULL};
  if (semicolon) formula = semicolon + 1;
  if (!strchr(node->op->signature, '*')) return formula_read(exprs, formula, find_name, &names);
  names.a = expr_load(exprs, node->in[0]->type, 0);
  for (size_t i = 1; i < node->in_count; i++) {
    names.b = expr_load(exprs, node->in[i]->type, (int)i);
    names.a = formula_read(exprs, formula, find_name, &names);
  }
  return names.a;
}

bool infer_elementwise(Model *model, Node *node) {
  if (!infer_broadcast(model, node)) return false;
  if (node->op->formula) carry_elems(model, node, elementwise_expr(exprs_new(model->arena), node));
  return true;
}

// Before opset 7 attribute `axis` says which dim of A the first one of B stands beside: so many dims of size 1 follow
// B's own. Without it the last dims meet.
static int dims_behind(const Node *node) {
  if (node->op->since >= 7 || !node_attr(node, "axis")) return 0;
  const Value *a = node->in[0], *b = node->in[1];
  assert(a && b); // the operators with this attribute have two inputs
  int64_t axis = node_int(node, "axis", 0), rank = a->rank;
  int64_t behind = rank - (axis < 0 ? axis + rank : axis) - b->rank;
  return behind < 0 || behind > rank ? -1 : (int)behind;
}

bool infer_elementwise_axis(Model *model, Node *node) {
  int behind = dims_behind(node), rank = node->in[0]->rank;
  if (behind == 0) return infer_elementwise(model, node);
  const Value *b = node->in[1];
  Dim dims[MAX_RANK], with[MAX_RANK];
  if (behind > 0) {
    for (int i = 0; i < b->rank + behind; i++) with[i] = i < b->rank ? b->dims[i] : dim_const(1);
    for (int i = 0; i < rank; i++) dims[i] = node->in[0]->dims[i];
  }
  if (behind < 0 || !broadcast_dims(&rank, dims, b->rank + behind, with))
    return node_error(model, node, "the dims of 'B' do not fit those of 'A' from axis %lld on",
                      (long long)node_int(node, "axis", 0));
  return set_dims(model, node, 0, rank, dims);
}

/* lowering */

// Input i of the node; a constant of one element stands in the expression itself.
static const Expr *operand(Lower *lower, size_t i) {
  const Value *value = lower->node->in[i];
  ExprTable *exprs = lower->program->exprs;
  bool opaque = value->type == DT_STRING || value->type == DT_C64 || value->type == DT_C128;
  if (!value->data || opaque || tensor_count(value->data) != 1) return expr_load(exprs, value->type, (int)i);
  return dtype_is_float(value->type) ? expr_float(exprs, value->type, tensor_float(value->data, 0))
                                     : expr_int(exprs, value->type, tensor_int(value->data, 0));
}

static bool has_dims(const View *view, const Dim *dims) {
  for (int i = 0; i < view->rank; i++)
    if (!dim_equal(view->dims[i], dims[i])) return false;
  return true;
}

// The node's result as `value`, an expression over EX_LOAD i = input i.
bool lower_expr(Lower *lower, const Expr *value) {
  Node *node = lower->node;
  if (node->in_count > 32) return lower_error(lower, "more than 32 inputs are not supported");
  const Expr *constants[32] = {0};
  View ins[32];
  const View *widest = NULL;
  for (size_t i = 0; i < node->in_count; i++) {
    if (!node->in[i]) continue;
    const Expr *x = operand(lower, i);
    if (x->op == EX_CONST) constants[i] = x;
    ins[i] = lower_in(lower, node->in[i]);
    int behind = i == 1 ? dims_behind(node) : 0;
    for (; behind > 0; behind--) ins[i].dims[ins[i].rank++] = dim_const(1);
    bool whole = ins[i].rank == node->out[0]->rank && has_dims(&ins[i], node->out[0]->dims);
    if (whole && !widest && !node->in[i]->data) widest = &ins[i];
  }
  value = expr_substitute(lower->program->exprs, value, NULL, constants);
  View out = widest ? lower_out_like(lower, node->out[0], widest) : lower_out(lower, node->out[0]);
  return lower_map(lower, &out, ins, node->in_count, value);
}

bool lower_elementwise(Lower *lower, Node *node) {
  return lower_expr(lower, elementwise_expr(lower->program->exprs, node));
}

bool lower_mean(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *sum = expr_load(exprs, node->in[0]->type, 0);
  for (size_t i = 1; i < node->in_count; i++)
    sum = expr_op(exprs, EX_ADD, sum, expr_load(exprs, node->in[i]->type, (int)i), NULL);
  return lower_expr(lower, expr_op(exprs, EX_DIV, sum, expr_float(exprs, sum->type, (double)node->in_count), NULL));
}

typedef struct {
  ExprTable *exprs;
  const Expr *a, *b;
} Pair;
static const Expr *find_ab(void *context, const char *name, size_t length) {
  const Pair *pair = context;
  (void)length;
  return *name == 'a' ? pair->a : pair->b;
}
// A formula over a and b.
static const Expr *formula_ab(ExprTable *exprs, const char *formula, const Expr *a, const Expr *b) {
  Pair pair = {exprs, a, b};
  return formula_read(exprs, formula, find_ab, &pair);
}

// Integers by squaring, wrapping as products do. From the exponent 64 on only powers of -1, 0 and 1 mean anything: an
// exponent of equal parity serves them. x^-n is 0 but for 1 and -1.
static const Expr *integer_power(ExprTable *exprs, const Expr *x, const Expr *y) {
  const Expr *n = formula_ab(exprs, "min(abs(a), 62 + (a & 1))", y, NULL), *power = expr_int(exprs, x->type, 1), *p = x;
  for (int bit = 0; bit < 6; bit++) {
    const Expr *has = expr_op(exprs, EX_AND, n, expr_int(exprs, n->type, INT64_C(1) << bit), NULL);
    has = expr_op(exprs, EX_NOT, expr_op(exprs, EX_EQ, has, expr_int(exprs, n->type, 0), NULL), NULL, NULL);
    power = expr_op(exprs, EX_SELECT, has, expr_op(exprs, EX_MUL, power, p, NULL), power);
    p = expr_op(exprs, EX_MUL, p, p, NULL);
  }
  if (!dtype_is_signed(y->type)) return power;
  const Expr *unit = formula_ab(exprs, "abs(a) == 1", x, NULL);
  const Expr *small = expr_op(exprs, EX_SELECT, unit, power, expr_int(exprs, x->type, 0));
  return expr_op(exprs, EX_SELECT, formula_ab(exprs, "a < 0", y, NULL), small, power);
}

// x ** y. The exponents that models use are products; NaN and infinities come out as pow gives them.
bool lower_pow(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *x = operand(lower, 0), *y = operand(lower, 1);
  if (!dtype_is_float(x->type) && !dtype_is_float(y->type))
    return lower_expr(lower, integer_power(exprs, x, expr_cast(exprs, DT_I64, y)));
  if (!dtype_is_float(x->type)) { // what is a whole number but for an error of the last places is meant as one
    const Expr *power = expr_op(exprs, EX_POW, expr_cast(exprs, DT_F64, x), expr_cast(exprs, DT_F64, y), NULL);
    const Expr *whole = expr_op(exprs, EX_ROUND, power, NULL, NULL);
    power = formula_ab(exprs, "abs(a - b) <= abs(b) * 1e-13 ? b : a", power, whole);
    return lower_expr(lower, expr_cast(exprs, x->type, power));
  }
  y = expr_cast(exprs, x->type, y);
  if (y->op == EX_CONST && y->f == 2) return lower_expr(lower, expr_op(exprs, EX_MUL, x, x, NULL));
  if (y->op == EX_CONST && y->f == 3)
    return lower_expr(lower, expr_op(exprs, EX_MUL, expr_op(exprs, EX_MUL, x, x, NULL), x, NULL));
  (void)node;
  return lower_expr(lower, expr_op(exprs, EX_POW, x, y, NULL));
}

// The sign of the divisor, as in Python, or with fmod that of the dividend, as in C.
bool lower_mod(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *a = operand(lower, 0), *b = operand(lower, 1), *rest = expr_op(exprs, EX_REM, a, b, NULL);
  if (!node_int(node, "fmod", 0) && dtype_is_signed(a->type))
    rest = formula_ab(exprs, "a != 0 & (a < 0 ^ b < 0) ? a + b : a", rest, b);
  return lower_expr(lower, rest);
}

bool infer_bit_shift(Model *model, Node *node) {
  const char *direction = node_string(node, "direction", "");
  if (strcmp(direction, "LEFT") && strcmp(direction, "RIGHT"))
    return node_error(model, node, "'direction' is '%s'; LEFT and RIGHT are possible", direction);
  return infer_broadcast(model, node);
}

bool lower_bit_shift(Lower *lower, Node *node) {
  bool left = !strcmp(node_string(node, "direction", ""), "LEFT");
  return lower_expr(lower,
                    expr_op(lower->program->exprs, left ? EX_SHL : EX_SHR, operand(lower, 0), operand(lower, 1), NULL));
}

// Small floats are looked at as float32.
static const Expr *as_real(ExprTable *exprs, const Expr *x) {
  return dtype_is_small_float(x->type) ? expr_cast(exprs, DT_F32, x) : x;
}

bool lower_is_nan(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  (void)node;
  return lower_expr(lower, expr_op(exprs, EX_ISNAN, as_real(exprs, operand(lower, 0)), NULL, NULL));
}

bool lower_is_inf(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *x = as_real(exprs, operand(lower, 0)), *infinity = expr_float(exprs, x->type, INFINITY);
  const Expr *above = expr_op(exprs, EX_EQ, x, infinity, NULL);
  const Expr *below = expr_op(exprs, EX_EQ, x, expr_float(exprs, x->type, -INFINITY), NULL),
             *no = expr_int(exprs, DT_BOOL, 0);
  return lower_expr(lower, expr_op(exprs, EX_OR, node_int(node, "detect_positive", 1) ? above : no,
                                   node_int(node, "detect_negative", 1) ? below : no, NULL));
}

// Of integers: rounded towards zero.
bool lower_erf(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  DType type = node->in[0]->type;
  const Expr *x = expr_cast(exprs, dtype_is_float(type) ? type : DT_F64, operand(lower, 0));
  return lower_expr(lower, expr_cast(exprs, type, expr_op(exprs, EX_ERF, x, NULL, NULL)));
}

// Integers meet the attributes, which are floats, as float64.
bool lower_shrink(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  DType type = node->in[0]->type, real = dtype_is_float(type) ? type : DT_F64;
  const Expr *x = expr_cast(exprs, real, operand(lower, 0)), *zero = expr_float(exprs, real, 0);
  const Expr *lambda = expr_float(exprs, real, node_float(node, "lambd", 0.5));
  const Expr *bias = expr_float(exprs, real, node_float(node, "bias", 0));
  const Expr *above =
      expr_op(exprs, EX_SELECT, expr_op(exprs, EX_LT, lambda, x, NULL), expr_op(exprs, EX_SUB, x, bias, NULL), zero);
  const Expr *below = expr_op(exprs, EX_LT, x, expr_op(exprs, EX_NEG, lambda, NULL, NULL), NULL);
  return lower_expr(
      lower, expr_cast(exprs, type, expr_op(exprs, EX_SELECT, below, expr_op(exprs, EX_ADD, x, bias, NULL), above)));
}

static const Expr *clip(ExprTable *exprs, const Expr *x, const Expr *min, const Expr *max) {
  if (min) x = expr_op(exprs, EX_MAX, x, min, NULL);
  if (max) x = expr_op(exprs, EX_MIN, x, max, NULL);
  return x;
}

bool lower_clip_attributes(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  DType type = node->in[0]->type;
  const Attr *min = node_attr(node, "min"), *max = node_attr(node, "max");
  return lower_expr(lower, clip(exprs, operand(lower, 0), min ? expr_float(exprs, type, min->f) : NULL,
                                max ? expr_float(exprs, type, max->f) : NULL));
}

bool infer_clip(Model *model, Node *node) {
  for (size_t i = 1; i < node->in_count; i++)
    if (node->in[i] && (!value_is_static(node->in[i]) || value_count(node->in[i]) != 1))
      return node_error(model, node, "'%s' must be a scalar", op_input_name(node->op, i));
  return infer_same(model, node);
}

bool lower_clip(Lower *lower, Node *node) {
  return lower_expr(lower, clip(lower->program->exprs, operand(lower, 0), node_in(node, 1) ? operand(lower, 1) : NULL,
                                node_in(node, 2) ? operand(lower, 2) : NULL));
}

bool lower_gelu(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  bool tanh = !strcmp(node_string(node, "approximate", "none"), "tanh");
  const char *formula = tanh ? "0.5 * X * (1 + tanh(0.7978845608028654 * (X + 0.044715 * X * X * X)))"
                             : "0.5 * X * (1 + erf(X * 0.7071067811865476))";
  Names names = {exprs, node, "", NULL, NULL};
  return lower_expr(lower, formula_read(exprs, formula, find_name, &names));
}

// The slope broadcasts to X, never the other way; before opset 7 it is one value per channel.
bool infer_prelu(Model *model, Node *node) {
  Value *slope = node->in[1];
  if (slope->rank > node->in[0]->rank) return node_error(model, node, "'slope' has a higher rank than 'X'");
  return infer_same(model, node);
}

bool lower_prelu(Lower *lower, Node *node) {
  View ins[2] = {lower_in(lower, node->in[0]), lower_in(lower, node->in[1])};
  View out = lower_out_like(lower, node->out[0], &ins[0]);
  ExprTable *exprs = lower->program->exprs;
  const Expr *x = expr_load(exprs, out.type, 0), *slope = expr_load(exprs, out.type, 1);
  const Expr *zero = expr_const(exprs, out.type, 0);
  const Expr *value =
      expr_op(exprs, EX_SELECT, expr_op(exprs, EX_LT, x, zero, NULL), expr_op(exprs, EX_MUL, slope, x, NULL), x);
  bool channels =
      ins[1].rank == 1 && ins[0].rank > 2 && dim_equal(ins[1].dims[0], ins[0].dims[1]) && node->loc.opset < 7;
  if (channels) {
    Dim dims[MAX_RANK] = {ins[1].dims[0]};
    for (int i = 1; i < MAX_RANK; i++) dims[i] = dim_const(1);
    view_reshape(&ins[1], ins[0].rank - 1, dims, &ins[1]);
  }
  return lower_map(lower, &out, ins, 2, value);
}
