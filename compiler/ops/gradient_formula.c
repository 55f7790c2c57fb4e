// Derivatives of elementwise operators: their formulas derived, and the result put into nodes.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/gradient.h"

#include <assert.h>
#include <string.h>

// What an operation y of a and b hands to each of them when d has come to y.
static const struct {
  ScalarOp op;
  const char *to[2];
} rules[] = {
    {EX_NEG, {"-d"}},
    {EX_ABS, {"a > 0 ? d : a < 0 ? -d : 0"}},
    {EX_SQRT, {"0.5 * d / y"}},
    {EX_EXP, {"d * y"}},
    {EX_LOG, {"d / a"}},
    {EX_LOG1P, {"d / (1 + a)"}},
    {EX_EXPM1, {"d * exp(a)"}},
    {EX_TANH, {"d * (1 - y * y)"}},
    {EX_ERF, {"d * 1.1283791670955126 * exp(-a * a)"}}, // 2 / √π
    {EX_SIGMOID, {"d * y * (1 - y)"}},
    {EX_SIN, {"d * cos(a)"}},
    {EX_COS, {"-d * sin(a)"}},
    {EX_TAN, {"d * (1 + y * y)"}},
    {EX_ASIN, {"d / sqrt(1 - a * a)"}},
    {EX_ACOS, {"-d / sqrt(1 - a * a)"}},
    {EX_ATAN, {"d / (1 + a * a)"}},
    {EX_SINH, {"d * cosh(a)"}},
    {EX_COSH, {"d * sinh(a)"}},
    {EX_ASINH, {"d / sqrt(a * a + 1)"}},
    {EX_ACOSH, {"d / sqrt(a * a - 1)"}},
    {EX_ATANH, {"d / (1 - a * a)"}},
    {EX_ADD, {"d", "d"}},
    {EX_SUB, {"d", "-d"}},
    {EX_MUL, {"d * b", "d * a"}},
    {EX_DIV, {"d / b", "-d * y / b"}},
    {EX_MIN, {"a < b ? d : 0", "a < b ? 0 : d"}},
    {EX_MAX, {"a > b ? d : 0", "a > b ? 0 : d"}},
    {EX_POW, {"b == 0 ? 0 : d * b * pow(a, b - 1)", "a == 0 ? 0 : d * y * log(a)"}},
};

// Operators whose rule is no formula.
static const struct {
  const char *type, *attribute, *value, *formula; // attribute: NULL, or one that must have this value
} others[] = {
    {"Erf", NULL, NULL, "erf(X)"},
    {"PRelu", NULL, NULL, "X < 0 ? slope * X : X"},
    {"Gelu", "approximate", "none", "0.5 * X * (1 + erf(X * 0.7071067811865476))"},
    {"Gelu", "approximate", "tanh", "0.5 * X * (1 + tanh(0.7978845608028654 * (X + 0.044715 * X * X * X)))"},
};

/* deriving */

typedef struct {
  const Expr *y, *d;
} Place;

static const Expr *find_letter(void *context, const char *name, size_t length) {
  const Place *place = context;
  assert(length == 1);
  (void)length;
  return *name == 'd' ? place->d : *name == 'y' ? place->y : place->y->a[*name - 'a'];
}

// What reaches operand k of y; NULL: nothing.
static const Expr *hand_on(ExprTable *exprs, const Expr *y, const Expr *d, int k) {
  if (y->op == EX_CAST) return expr_cast(exprs, y->a[0]->type, d);
  const Expr *zero = expr_const(exprs, d->type, 0);
  if (y->op == EX_SELECT) return !k ? NULL : expr_op(exprs, EX_SELECT, y->a[0], k == 1 ? d : zero, k == 1 ? zero : d);
  for (size_t i = 0; i < COUNT(rules); i++)
    if (rules[i].op == y->op) return formula_read(exprs, rules[i].to[k], find_letter, &(Place){y, d});
  return NULL;
}

// Lists the parts of an expression, operands before users.
static void list_parts(Arena *arena, const Expr *x, bool *seen, const Expr ***parts, size_t *count) {
  if (!x || seen[x->id]) return;
  seen[x->id] = true;
  for (int i = 0; i < scalar_arity(x->op); i++) list_parts(arena, x->a[i], seen, parts, count);
  APPEND(arena, *parts, *count, x);
}

// derived[i]: what reaches load i when d reaches y.
static void derive(Arena *arena, ExprTable *exprs, const Expr *y, const Expr *d, const Expr **derived) {
  size_t count = 0, size = (size_t)y->id + 1;
  const Expr **parts = NULL, **at = NEW_ARRAY(arena, const Expr *, size);
  list_parts(arena, y, NEW_ARRAY(arena, bool, size), &parts, &count);
  at[y->id] = d;
  while (count-- > 0) {
    const Expr *part = parts[count];
    if (!at[part->id]) continue;
    if (part->op == EX_LOAD) derived[part->index] = at[part->id];
    for (int k = 0; k < scalar_arity(part->op); k++) {
      const Expr *operand = part->a[k];
      const Expr *more = dtype_is_float(operand->type) ? hand_on(exprs, part, at[part->id], k) : NULL;
      if (!more) continue;
      const Expr **sum = &at[operand->id];
      *sum = *sum ? expr_op(exprs, EX_ADD, *sum, more, NULL) : more;
    }
  }
}

/* nodes */

typedef struct {
  Expansion *e;
  const Node *node;
  Value *gradient; // load number in_count
  Value **made;    // by expression id
} Nodes;

static Value *make_value(Nodes *n, const Expr *x) {
  static const struct {
    ScalarOp op;
    const char *type;
  } types[] = {
      {EX_NEG, "Neg"},     {EX_ABS, "Abs"},        {EX_SQRT, "Sqrt"},      {EX_FLOOR, "Floor"}, {EX_CEIL, "Ceil"},
      {EX_ROUND, "Round"}, {EX_EXP, "Exp"},        {EX_LOG, "Log"},        {EX_TANH, "Tanh"},   {EX_ERF, "Erf"},
      {EX_SIN, "Sin"},     {EX_COS, "Cos"},        {EX_TAN, "Tan"},        {EX_ASIN, "Asin"},   {EX_ACOS, "Acos"},
      {EX_ATAN, "Atan"},   {EX_SINH, "Sinh"},      {EX_COSH, "Cosh"},      {EX_ASINH, "Asinh"}, {EX_ACOSH, "Acosh"},
      {EX_ATANH, "Atanh"}, {EX_ISNAN, "IsNaN"},    {EX_NOT, "Not"},        {EX_ADD, "Add"},     {EX_SUB, "Sub"},
      {EX_MUL, "Mul"},     {EX_DIV, "Div"},        {EX_MIN, "Min"},        {EX_MAX, "Max"},     {EX_POW, "Pow"},
      {EX_AND, "And"},     {EX_OR, "Or"},          {EX_LT, "Less"},        {EX_EQ, "Equal"},    {EX_SELECT, "Where"},
      {EX_XOR, "Xor"},     {EX_LE, "LessOrEqual"}, {EX_SIGMOID, "Sigmoid"}};
  Expansion *e = n->e;
  Value *in[3] = {0};
  if (x->op == EX_LOAD) return x->index < (int)n->node->in_count ? n->node->in[x->index] : n->gradient;
  if (x->op == EX_CONST) return expand_scalar(e, x->type, dtype_is_float(x->type) ? x->f : (double)x->i);
  if (n->made[x->id]) return n->made[x->id];
  for (int i = 0; i < scalar_arity(x->op); i++)
    if (!(in[i] = make_value(n, x->a[i]))) return NULL;
  Value *made = NULL;
  assert(in[0]); // all but loads and constants have operands
  if (x->op == EX_CAST) made = expand_cast(e, in[0], x->type);
  if (x->op == EX_LOG1P) made = LOG(e, ADD(e, in[0], SCALAR(e, in[0], 1)));
  if (x->op == EX_EXPM1) made = SUB(e, EXP(e, in[0]), SCALAR(e, in[0], 1));
  for (size_t i = 0; i < COUNT(types); i++)
    if (types[i].op == x->op) made = expand_make(e, types[i].type, (size_t)scalar_arity(x->op), in);
  return n->made[x->id] = made;
}

/* operators */

static const Expr *pow_expr(ExprTable *exprs, const Node *node) {
  const Expr *x = expr_load(exprs, node->in[0]->type, 0), *y = expr_load(exprs, node->in[1]->type, 1);
  return expr_op(exprs, EX_POW, x, expr_cast(exprs, x->type, y), NULL);
}

// The node's formula; NULL: it has none.
static const Expr *find_formula(ExprTable *exprs, const Node *node) {
  if (*node->op->domain) return NULL;
  if (!strcmp(node->op->type, "Pow")) return pow_expr(exprs, node);
  if (node->op->formula) return elementwise_expr(exprs, node);
  for (size_t i = 0; i < COUNT(others); i++) {
    if (strcmp(others[i].type, node->op->type)) continue;
    if (others[i].attribute && strcmp(node_string(node, others[i].attribute, "none"), others[i].value)) continue;
    Op op = *node->op;
    Node with = *node;
    op.formula = others[i].formula, with.op = &op;
    return elementwise_expr(exprs, &with);
  }
  return NULL;
}

bool derive_formula(Tape *tape, Node *node, bool *known) {
  Arena *arena = tape->e->model->arena;
  ExprTable *exprs = exprs_new(arena);
  const Expr *y = find_formula(exprs, node);
  *known = y && !(node->op->since < 7 && node_attr(node, "axis"));
  if (!*known) return true;
  Value *out = node->out[0], *gradient = tape_of(tape, out);
  const Expr **derived = NEW_ARRAY(arena, const Expr *, node->in_count + 1), *last = y;
  derive(arena, exprs, y, expr_load(exprs, y->type, (int)node->in_count), derived);
  for (size_t i = 0; i < node->in_count; i++)
    if (derived[i] && derived[i]->id > last->id) last = derived[i];
  Nodes n = {tape->e, node, gradient, NEW_ARRAY(arena, Value *, (size_t)last->id + 1)};
  n.made[y->id] = out;
  for (size_t i = 0; i < node->in_count; i++) {
    if (!derived[i] || !tape_wants(tape, node->in[i])) continue;
    Value *made = make_value(&n, derived[i]);
    if (!made) return *known = false, true;
    Value *sum = sum_to(tape, made, out, node->in[i]);
    if (!sum) return false;
    tape_add(tape, node->in[i], sum);
  }
  return true;
}
