// Reads the formulas of ops.def into expressions: a precedence climber over C's operators, calls and names.
//
// A formula is part of the compiler, not user input: faults in it are assertions.
#include "compiler/program/expr.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  ExprTable *table;
  const char *at;
  FormulaName *name;
  void *context;
} Reader;

static const Expr *read_ternary(Reader *r);

static void skip_space(Reader *r) {
  while (isspace((unsigned char)*r->at)) r->at++;
}

static bool take(Reader *r, const char *text) {
  skip_space(r);
  size_t n = strlen(text);
  if (strncmp(r->at, text, n)) return false;
  r->at += n;
  return true;
}

// A literal has no type of its own: it is made float64 and becomes what stands beside it.
static bool is_literal(const Expr *e) { return e->op == EX_CONST && e->type == DT_F64; }
static void agree(Reader *r, const Expr **a, const Expr **b) {
  if (is_literal(*a) && (*b)->type != DT_F64) *a = expr_const(r->table, (*b)->type, (*a)->f);
  if (is_literal(*b) && (*a)->type != DT_F64) *b = expr_const(r->table, (*a)->type, (*b)->f);
}

static ScalarOp find_function(const char *name, size_t length, size_t *arity) {
  for (ScalarOp op = 0; op < EX_COUNT; op++) {
    const char *text = scalar_text(op);
    if (text && strlen(text) == length && !memcmp(text, name, length)) {
      *arity = (size_t)scalar_arity(op);
      return op;
    }
  }
  assert(!"formula: unknown function");
  return EX_COUNT;
}

static const Expr *read_call(Reader *r, const char *name, size_t length) {
  const Expr *args[3] = {0};
  size_t count = 0, arity;
  do {
    assert(count < 3);
    args[count++] = read_ternary(r);
  } while (take(r, ","));
  bool closed = take(r, ")");
  ScalarOp op = find_function(name, length, &arity);
  assert(closed && count == arity);
  (void)closed;
  if (count == 2) agree(r, &args[0], &args[1]);
  if (count == 3) agree(r, &args[1], &args[2]);
  return expr_op(r->table, op, args[0], args[1], args[2]);
}

static const Expr *read_primary(Reader *r) {
  skip_space(r);
  if (take(r, "(")) {
    const Expr *e = read_ternary(r);
    bool closed = take(r, ")");
    assert(closed);
    (void)closed;
    return e;
  }
  if (isdigit((unsigned char)*r->at) || *r->at == '.') {
    char *end;
    double value = strtod(r->at, &end);
    r->at = end;
    return expr_float(r->table, DT_F64, value);
  }
  const char *name = r->at;
  while (isalnum((unsigned char)*r->at) || *r->at == '_') r->at++;
  size_t length = (size_t)(r->at - name);
  assert(length > 0);
  if (take(r, "(")) return read_call(r, name, length);
  const Expr *e = r->name(r->context, name, length);
  assert(e);
  return e;
}

static const Expr *read_unary(Reader *r) {
  skip_space(r);
  if (*r->at == '!' && r->at[1] != '=') return r->at++, expr_op(r->table, EX_NOT, read_unary(r), NULL, NULL);
  if (take(r, "~")) return expr_op(r->table, EX_BITNOT, read_unary(r), NULL, NULL);
  if (take(r, "-")) {
    const Expr *e = read_unary(r);
    return is_literal(e) ? expr_float(r->table, DT_F64, -e->f) : expr_op(r->table, EX_NEG, e, NULL, NULL);
  }
  return read_primary(r);
}

// Binary operators, loosest first. `swap`: a > b is b < a. `negate`: a != b is !(a == b).
static const struct {
  const char *text;
  int level;
  ScalarOp op;
  bool swap, negate;
} binary[] = {
    {"||", 1, EX_OR, false, false},  {"&&", 2, EX_AND, false, false}, {"|", 3, EX_OR, false, false},
    {"^", 4, EX_XOR, false, false},  {"&", 5, EX_AND, false, false},  {"==", 6, EX_EQ, false, false},
    {"!=", 6, EX_EQ, false, true},   {"<<", 8, EX_SHL, false, false}, {">>", 8, EX_SHR, false, false},
    {"<=", 7, EX_LE, false, false},  {">=", 7, EX_LE, true, false},   {"<", 7, EX_LT, false, false},
    {">", 7, EX_LT, true, false},    {"+", 9, EX_ADD, false, false},  {"-", 9, EX_SUB, false, false},
    {"*", 10, EX_MUL, false, false}, {"/", 10, EX_DIV, false, false}, {"%", 10, EX_REM, false, false},
};

static const Expr *read_binary(Reader *r, int level) {
  const Expr *a = read_unary(r);
  for (;;) {
    size_t i = 0;
    skip_space(r);
    while (i < COUNT(binary) && strncmp(r->at, binary[i].text, strlen(binary[i].text))) i++;
    if (i == COUNT(binary) || binary[i].level < level) return a;
    r->at += strlen(binary[i].text);
    const Expr *b = read_binary(r, binary[i].level + 1);
    agree(r, &a, &b);
    a = binary[i].swap ? expr_op(r->table, binary[i].op, b, a, NULL) : expr_op(r->table, binary[i].op, a, b, NULL);
    if (binary[i].negate) a = expr_op(r->table, EX_NOT, a, NULL, NULL);
  }
}

static const Expr *read_ternary(Reader *r) {
  const Expr *condition = read_binary(r, 1);
  if (!take(r, "?")) return condition;
  const Expr *yes = read_ternary(r);
  bool colon = take(r, ":");
  assert(colon);
  (void)colon;
  const Expr *no = read_ternary(r);
  agree(r, &yes, &no);
  return expr_op(r->table, EX_SELECT, condition, yes, no);
}

const Expr *formula_read(ExprTable *table, const char *formula, FormulaName *name, void *context) {
  Reader r = {table, formula, name, context};
  const Expr *e = read_ternary(&r);
  skip_space(&r);
  assert(!*r.at);
  return e;
}
