// Scalar expressions: what an elementwise operator computes for one element. A chain of elementwise operators is one
// expression; next to a GEMM or a reduction it becomes that step's epilogue or prologue. The emitters print an
// expression over V lanes at once (LLVM) or in a loop over lanes (C).
//
// An expression is a DAG: nodes are interned by an ExprTable, so equal ones are the same pointer.
#pragma once
#include "compiler/graph/graph.h"

// How the type of the result follows from the operands.
typedef enum { TYPE_SAME, TYPE_BOOL, TYPE_GIVEN } ScalarType;

//    op           arity  in formulas  result
#define SCALAR_OPS(X)                                                                                                  \
  X(EX_CONST, 0, NULL, TYPE_GIVEN)                                                                                     \
  X(EX_ACC, 0, NULL, TYPE_GIVEN)   /* the value that a template hands to its Store */                                  \
  X(EX_LOAD, 0, NULL, TYPE_GIVEN)  /* element of the function's load number `index` */                                 \
  X(EX_COORD, 0, NULL, TYPE_GIVEN) /* int64: coordinate `index` of the step's space */                                 \
  X(EX_FETCH, 2, NULL, TYPE_GIVEN) /* load number `index`, a[0] elements further; outside of [0, a[1]): a fault */     \
  X(EX_CAST, 1, NULL, TYPE_GIVEN)                                                                                      \
  X(EX_NEG, 1, "neg", TYPE_SAME)                                                                                       \
  X(EX_ABS, 1, "abs", TYPE_SAME)                                                                                       \
  X(EX_SQRT, 1, "sqrt", TYPE_SAME)                                                                                     \
  X(EX_FLOOR, 1, "floor", TYPE_SAME)                                                                                   \
  X(EX_CEIL, 1, "ceil", TYPE_SAME)                                                                                     \
  X(EX_TRUNC, 1, "trunc", TYPE_SAME)                                                                                   \
  X(EX_ROUND, 1, "round", TYPE_SAME) /* half to even */                                                                \
  X(EX_EXP, 1, "exp", TYPE_SAME)                                                                                       \
  X(EX_LOG, 1, "log", TYPE_SAME)                                                                                       \
  X(EX_LOG1P, 1, "log1p", TYPE_SAME)                                                                                   \
  X(EX_EXPM1, 1, "expm1", TYPE_SAME)                                                                                   \
  X(EX_TANH, 1, "tanh", TYPE_SAME)                                                                                     \
  X(EX_ERF, 1, "erf", TYPE_SAME)                                                                                       \
  X(EX_SIGMOID, 1, "sigmoid", TYPE_SAME)                                                                               \
  X(EX_SIN, 1, "sin", TYPE_SAME)                                                                                       \
  X(EX_COS, 1, "cos", TYPE_SAME)                                                                                       \
  X(EX_TAN, 1, "tan", TYPE_SAME)                                                                                       \
  X(EX_ASIN, 1, "asin", TYPE_SAME)                                                                                     \
  X(EX_ACOS, 1, "acos", TYPE_SAME)                                                                                     \
  X(EX_ATAN, 1, "atan", TYPE_SAME)                                                                                     \
  X(EX_SINH, 1, "sinh", TYPE_SAME)                                                                                     \
  X(EX_COSH, 1, "cosh", TYPE_SAME)                                                                                     \
  X(EX_ASINH, 1, "asinh", TYPE_SAME)                                                                                   \
  X(EX_ACOSH, 1, "acosh", TYPE_SAME)                                                                                   \
  X(EX_ATANH, 1, "atanh", TYPE_SAME)                                                                                   \
  X(EX_ISNAN, 1, "isnan", TYPE_BOOL)                                                                                   \
  X(EX_NOT, 1, "!", TYPE_SAME) /* of bool */                                                                           \
  X(EX_BITNOT, 1, "~", TYPE_SAME)                                                                                      \
  X(EX_ADD, 2, "+", TYPE_SAME)                                                                                         \
  X(EX_SUB, 2, "-", TYPE_SAME)                                                                                         \
  X(EX_MUL, 2, "*", TYPE_SAME)                                                                                         \
  X(EX_DIV, 2, "/", TYPE_SAME)   /* integers: towards zero; by zero: a run-time fault */                               \
  X(EX_REM, 2, "%", TYPE_SAME)   /* sign of the dividend, as C's fmod and % */                                         \
  X(EX_MIN, 2, "min", TYPE_SAME) /* of floats: NaN when either is NaN */                                               \
  X(EX_MAX, 2, "max", TYPE_SAME)                                                                                       \
  X(EX_POW, 2, "pow", TYPE_SAME)                                                                                       \
  X(EX_AND, 2, "&", TYPE_SAME)                                                                                         \
  X(EX_OR, 2, "|", TYPE_SAME)                                                                                          \
  X(EX_XOR, 2, "^", TYPE_SAME)                                                                                         \
  X(EX_SHL, 2, "<<", TYPE_SAME) /* by the width or more: 0 */                                                          \
  X(EX_SHR, 2, ">>", TYPE_SAME)                                                                                        \
  X(EX_LT, 2, "<", TYPE_BOOL)                                                                                          \
  X(EX_LE, 2, "<=", TYPE_BOOL)                                                                                         \
  X(EX_EQ, 2, "==", TYPE_BOOL)                                                                                         \
  X(EX_SELECT, 3, "select", TYPE_SAME) /* condition is bool; type of the other two */

typedef enum {
#define X(op, arity, text, type) op,
  SCALAR_OPS(X)
#undef X
      EX_COUNT
} ScalarOp;

typedef struct Expr Expr;
struct Expr {
  ScalarOp op;
  DType type;
  const Expr *a[3];
  union {
    double f;  // EX_CONST of a float type
    int64_t i; // EX_CONST of an integer or bool type
    int index; // EX_LOAD, EX_COORD, EX_FETCH; EX_CAST: a CastMode
  };
  int id;     // position in the table: operands come before their users
  Expr *next; // of the hash chain
};

typedef struct ExprTable ExprTable;
ExprTable *exprs_new(Arena *arena);
const Expr *expr_float(ExprTable *table, DType type, double value);
const Expr *expr_int(ExprTable *table, DType type, int64_t value);
const Expr *expr_const(ExprTable *table, DType type, double value); // of either kind
const Expr *expr_acc(ExprTable *table, DType type);
const Expr *expr_load(ExprTable *table, DType type, int index);
// The coordinate along one axis of the space of the step that computes the expression, counted from 0.
const Expr *expr_coord(ExprTable *table, int axis);
// The element `at` (int64) elements behind the one that load `index` gives; its access has `fetched` set and its
// strides lead to the first of `bound` (int64) elements to choose from. An index outside of [0, bound) is a run-time
// fault, so only bodies may hold it; nothing is read there. Both operands must be values of their own, not the load.
const Expr *expr_fetch(ExprTable *table, DType type, int index, const Expr *at, const Expr *bound);
const Expr *expr_cast(ExprTable *table, DType type, const Expr *a); // `a` itself when it has that type
// The same with a word about casts to small floats: what is too large becomes the largest number, or with CAST_OPEN
// infinity or NaN. How to round is for float8e8m0 alone.
typedef enum { CAST_UP, CAST_DOWN, CAST_NEAREST, CAST_OPEN = 4 } CastMode;
const Expr *expr_cast_mode(ExprTable *table, DType type, const Expr *a, CastMode mode);
// Folds what is plainly constant and x+0, x*1, x-0, x/1 (exact for every x but the sign of zero in x+0, which stays).
const Expr *expr_op(ExprTable *table, ScalarOp op, const Expr *a, const Expr *b, const Expr *c);
int scalar_arity(ScalarOp op);
const char *scalar_text(ScalarOp op);

// Copies `e` with acc in place of EX_ACC (NULL: left as is) and loads[i] in place of EX_LOAD i (NULL: left as is). For
// an EX_FETCH loads[i] is the EX_LOAD that gives the new number.
const Expr *expr_substitute(ExprTable *table, const Expr *e, const Expr *acc, const Expr *const *loads);
bool expr_may_fault(ExprTable *table, const Expr *e);        // integer division or fetch inside
bool expr_uses_coord(ExprTable *table, const Expr *e);       // its meaning depends on the step's space
int expr_cost(ExprTable *table, const Expr *e);              // rough operations per element, a transcendental counts 10
void expr_print(ExprTable *table, const Expr *e, Text *out); // "t0 = acc + x0; (t0 * t0)"

// formula.c: reads a formula such as "max(x, 0) + alpha * min(x, 0)". Names are looked up by `name`; it returns NULL
// for one that it does not know, which is a fault of the table that holds the formula (asserted). A literal takes the
// type of what stands beside it. Grammar: ?: || && | ^ & == != < <= > >= << >> + - * / % unary - ! ~ calls ( ).
typedef const Expr *FormulaName(void *context, const char *name, size_t length);
const Expr *formula_read(ExprTable *table, const char *formula, FormulaName *name, void *context);
