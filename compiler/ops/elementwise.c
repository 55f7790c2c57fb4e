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
static bool lower_expr(Lower *lower, const Expr *value) {
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

// x ** y. The exponents that models use are products; NaN and infinities come out as pow gives them.
bool lower_pow(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  const Expr *x = operand(lower, 0), *y = expr_cast(exprs, x->type, operand(lower, 1));
  if (y->op == EX_CONST && y->f == 2) return lower_expr(lower, expr_op(exprs, EX_MUL, x, x, NULL));
  if (y->op == EX_CONST && y->f == 3)
    return lower_expr(lower, expr_op(exprs, EX_MUL, expr_op(exprs, EX_MUL, x, x, NULL), x, NULL));
  (void)node;
  return lower_expr(lower, expr_op(exprs, EX_POW, x, y, NULL));
}

bool infer_cast(Model *model, Node *node) {
  static const char *const names[] = {"FLOAT16", "FLOAT", "DOUBLE"}; // opset 1 names types
  static const DType types[] = {DT_F16, DT_F32, DT_F64};
  const Attr *to = node_attr(node, "to");
  int64_t type = to && to->type == ATTR_INT ? to->i : 0;
  for (size_t i = 0; to && to->type == ATTR_STRING && i < COUNT(names); i++)
    if (!strcmp(to->s, names[i])) type = types[i];
  if (type <= 0 || type >= DT_COUNT) return node_error(model, node, "attribute 'to' names no element type");
  if (dtype_bits((DType)type) < 8 || type == DT_BF16 || (type >= DT_C64 && type != DT_BF16))
    return node_error(model, node, "casts to %s are not supported yet", dtype_name((DType)type));
  node->out[0]->type = (DType)type;
  if (!infer_same(model, node)) return false;
  ExprTable *exprs = exprs_new(model->arena);
  if (!dtype_is_float((DType)type) && type != DT_BOOL)
    carry_elems(model, node, expr_cast(exprs, (DType)type, expr_load(exprs, node->in[0]->type, 0)));
  return true;
}

bool lower_cast(Lower *lower, Node *node) {
  return lower_expr(lower, expr_cast(lower->program->exprs, node->out[0]->type, operand(lower, 0)));
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
  const Expr *zero = expr_float(exprs, out.type, 0);
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
