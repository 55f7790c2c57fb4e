// Scalar expressions: interning, the few foldings that are exact for every input, and printing.
#include "compiler/program/expr.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { BUCKETS = 1024 };

// What a walk over a DAG notes for each expression; a new walk is a new stamp, so that nothing has to be cleared.
typedef struct {
  uint32_t stamp;
  const Expr *result; // of a substitution
  int readers, name;  // of printing; names count from 1
} Note;

struct ExprTable {
  Arena *arena;
  int count;
  Expr *buckets[BUCKETS];
  Note *notes; // by id
  int note_capacity;
  uint32_t stamp;
};

static const struct {
  int arity;
  const char *text;
  ScalarType type;
} ops[EX_COUNT] = {
#define X(op, arity, text, type) [op] = {arity, text, type},
    SCALAR_OPS(X)
#undef X
};

ExprTable *exprs_new(Arena *arena) {
  ExprTable *table = NEW(arena, ExprTable);
  table->arena = arena;
  return table;
}

int scalar_arity(ScalarOp op) { return ops[op].arity; }
const char *scalar_text(ScalarOp op) { return ops[op].text; }

static const Expr *intern(ExprTable *table, Expr key) {
  uint64_t hash = (uint64_t)key.op * 31 + (uint64_t)key.type;
  for (int i = 0; i < 3; i++) hash = hash * 1000003 + (key.a[i] ? (uint64_t)key.a[i]->id + 1 : 0);
  hash = hash * 1000003 + (uint64_t)key.i;
  Expr **bucket = &table->buckets[(hash ^ hash >> 17) % BUCKETS];
  for (Expr *e = *bucket; e; e = e->next)
    if (e->op == key.op && e->type == key.type && e->a[0] == key.a[0] && e->a[1] == key.a[1] && e->a[2] == key.a[2] &&
        e->i == key.i) // the bits, so that -0 and 0 differ and NaN equals itself
      return e;
  Expr *e = NEW(table->arena, Expr);
  *e = key;
  e->id = table->count++;
  e->next = *bucket;
  *bucket = e;
  return e;
}

const Expr *expr_float(ExprTable *table, DType type, double value) {
  assert(dtype_is_float(type));
  if (type == DT_F32) value = (float)value;
  return intern(table, (Expr){.op = EX_CONST, .type = type, .f = value});
}

const Expr *expr_int(ExprTable *table, DType type, int64_t value) {
  assert(!dtype_is_float(type));
  return intern(table, (Expr){.op = EX_CONST, .type = type, .i = value});
}

const Expr *expr_const(ExprTable *table, DType type, double value) {
  return dtype_is_float(type) ? expr_float(table, type, value) : expr_int(table, type, (int64_t)value);
}

const Expr *expr_acc(ExprTable *table, DType type) { return intern(table, (Expr){.op = EX_ACC, .type = type}); }

const Expr *expr_load(ExprTable *table, DType type, int index) {
  Expr key = {.op = EX_LOAD, .type = type};
  key.index = index;
  return intern(table, key);
}

const Expr *expr_coord(ExprTable *table, int axis) {
  Expr key = {.op = EX_COORD, .type = DT_I64};
  key.index = axis;
  return intern(table, key);
}

const Expr *expr_fetch(ExprTable *table, DType type, int index, const Expr *at, const Expr *bound) {
  assert(at && bound && at->type == DT_I64 && bound->type == DT_I64);
  Expr key = {.op = EX_FETCH, .type = type, .a = {at, bound}};
  key.index = index;
  return intern(table, key);
}

const Expr *expr_cast(ExprTable *table, DType type, const Expr *a) { return expr_cast_mode(table, type, a, CAST_UP); }

const Expr *expr_cast_mode(ExprTable *table, DType type, const Expr *a, CastMode mode) {
  if (a->type == type) return a;
  if (a->op == EX_CONST && (type == DT_F32 || type == DT_F64) && !dtype_is_float(a->type))
    return expr_float(table, type, a->type == DT_U64 ? (double)(uint64_t)a->i : (double)a->i);
  Expr key = {.op = EX_CAST, .type = type, .a = {a}};
  key.index = dtype_is_small_float(type) ? (int)mode : CAST_UP;
  return intern(table, key);
}

static bool is_float_const(const Expr *e, double value) {
  return e->op == EX_CONST && dtype_is_float(e->type) && e->f == value;
}
static bool is_int_const(const Expr *e, int64_t value) {
  return e->op == EX_CONST && !dtype_is_float(e->type) && e->i == value;
}
static bool is_one(const Expr *e) { return is_float_const(e, 1) || is_int_const(e, 1); }
// -0 + x is x for every x; 0 + x is not (it turns -0 into 0).
static bool is_add_zero(const Expr *e) { return (is_float_const(e, 0) && signbit(e->f)) || is_int_const(e, 0); }
static bool is_sub_zero(const Expr *e) { return (is_float_const(e, 0) && !signbit(e->f)) || is_int_const(e, 0); }

// The other operand where one is neutral; NULL elsewhere.
static const Expr *fold_neutral(ScalarOp op, const Expr *a, const Expr *b) {
  if (op == EX_ADD && is_add_zero(b)) return a;
  if (op == EX_ADD && is_add_zero(a)) return b;
  if (op == EX_SUB && is_sub_zero(b)) return a;
  if ((op == EX_MUL || op == EX_DIV) && is_one(b)) return a;
  if (op == EX_MUL && is_one(a)) return b;
  return NULL;
}

// Arithmetic on two float constants, so that formulas such as x / sqrt(2) cost nothing more.
static bool fold_floats(ScalarOp op, double a, double b, double *out) {
  switch (op) {
  case EX_ADD: *out = a + b; return true;
  case EX_SUB: *out = a - b; return true;
  case EX_MUL: *out = a * b; return true;
  case EX_DIV: *out = a / b; return true;
  case EX_NEG: *out = -a; return true;
  case EX_SQRT: *out = sqrt(a); return true;
  default: return false;
  }
}

const Expr *expr_op(ExprTable *table, ScalarOp op, const Expr *a, const Expr *b, const Expr *c) {
  const Expr *operands[3] = {a, b, c};
  for (int i = 0; i < 3; i++) assert((i < ops[op].arity) == (operands[i] != NULL));
  if (op == EX_SELECT)
    assert(a && b && c && a->type == DT_BOOL && b->type == c->type);
  else
    assert(a && (!b || a->type == b->type));

  double folded;
  bool constants = a->op == EX_CONST && (!b || b->op == EX_CONST) && !c;
  if (constants && (a->type == DT_F32 || a->type == DT_F64) && fold_floats(op, a->f, b ? b->f : 0, &folded))
    return expr_float(table, a->type, folded);
  const Expr *other = b && !c ? fold_neutral(op, a, b) : NULL;
  if (other) return other;
  if (op == EX_SELECT && b == c) return b;
  if (a == b && ops[op].type == TYPE_BOOL && !dtype_is_float(a->type)) // NaN is not equal to itself
    return expr_const(table, DT_BOOL, op != EX_LT);

  DType type = ops[op].type == TYPE_BOOL ? DT_BOOL : op == EX_SELECT ? b->type : a->type;
  return intern(table, (Expr){.op = op, .type = type, .a = {a, b, c}});
}

typedef struct {
  ExprTable *table;
  const Expr *acc, *const *loads;
  uint32_t stamp;
} Substitution;

static Note *note_of(ExprTable *table, const Expr *e) {
  if (e->id >= table->note_capacity) {
    int capacity = 2 * e->id + 64;
    Note *notes = NEW_ARRAY(table->arena, Note, (size_t)capacity);
    if (table->notes) memcpy(notes, table->notes, (size_t)table->note_capacity * sizeof *notes);
    table->notes = notes;
    table->note_capacity = capacity;
  }
  return &table->notes[e->id];
}

static const Expr *substitute(Substitution *s, const Expr *e) {
  const Note *note = note_of(s->table, e);
  if (note->stamp == s->stamp) return note->result;
  const Expr *result = e;
  if (e->op == EX_ACC && s->acc)
    result = s->acc;
  else if (e->op == EX_LOAD && s->loads && s->loads[e->index])
    result = s->loads[e->index];
  else if (e->a[0]) {
    const Expr *a[3] = {0};
    bool changed = false;
    for (int i = 0; i < ops[e->op].arity; i++) {
      a[i] = substitute(s, e->a[i]);
      changed |= a[i] != e->a[i];
    }
    const Expr *load = e->op == EX_FETCH && s->loads ? s->loads[e->index] : NULL;
    assert(!load || load->op == EX_LOAD);
    if (e->op == EX_FETCH)
      result = expr_fetch(s->table, e->type, load ? load->index : e->index, a[0], a[1]);
    else if (changed)
      result = e->op == EX_CAST ? expr_cast_mode(s->table, e->type, a[0], (CastMode)e->index)
                                : expr_op(s->table, e->op, a[0], a[1], a[2]);
  }
  *note_of(s->table, e) = (Note){.stamp = s->stamp, .result = result}; // the notes may have moved
  return result;
}

const Expr *expr_substitute(ExprTable *table, const Expr *e, const Expr *acc, const Expr *const *loads) {
  Substitution s = {table, acc, loads, ++table->stamp};
  return substitute(&s, e);
}

// Visits every expression below `e` once, operands first.
typedef void Visit(const Expr *e, void *context);
static void visit(ExprTable *table, const Expr *e, uint32_t stamp, Visit *f, void *context) {
  Note *note = note_of(table, e);
  if (note->stamp == stamp) return;
  note->stamp = stamp;
  for (int i = 0; i < ops[e->op].arity; i++) visit(table, e->a[i], stamp, f, context);
  f(e, context);
}

static void find_fault(const Expr *e, void *found) {
  bool divides = (e->op == EX_DIV || e->op == EX_REM) && !dtype_is_float(e->type) && e->a[1]->op != EX_CONST;
  if (divides || e->op == EX_FETCH) *(bool *)found = true;
}
bool expr_may_fault(ExprTable *table, const Expr *e) {
  bool found = false;
  visit(table, e, ++table->stamp, find_fault, &found);
  return found;
}

static void find_coord(const Expr *e, void *found) {
  if (e->op == EX_COORD) *(bool *)found = true;
}
bool expr_uses_coord(ExprTable *table, const Expr *e) {
  bool found = false;
  visit(table, e, ++table->stamp, find_coord, &found);
  return found;
}

static void add_cost(const Expr *e, void *sum) {
  bool transcendental = (e->op >= EX_EXP && e->op <= EX_ATANH) || e->op == EX_POW || e->op == EX_REM;
  bool slow = e->op == EX_DIV || e->op == EX_SQRT || e->op == EX_FETCH;
  *(int *)sum += transcendental ? 10 : slow ? 4 : e->a[0] ? 1 : 0;
}
int expr_cost(ExprTable *table, const Expr *e) {
  int sum = 0;
  visit(table, e, ++table->stamp, add_cost, &sum);
  return sum;
}

/* printing */

typedef struct {
  ExprTable *table;
  Text *out;
  uint32_t stamp;
  int names; // given so far
} Printer;

static void count_readers(Printer *p, const Expr *e) {
  Note *note = note_of(p->table, e);
  if (note->stamp == p->stamp) {
    note->readers++;
    return;
  }
  *note = (Note){.stamp = p->stamp, .readers = 1};
  for (int i = 0; i < 3 && e->a[i]; i++) count_readers(p, e->a[i]);
}

static void print_operand(Printer *p, const Expr *e);

static void print_body(Printer *p, const Expr *e) {
  switch (e->op) {
  case EX_CONST:
    if (dtype_is_float(e->type))
      text_printf(p->out, e->type == DT_F64 ? "%.17g" : "%.9g", e->f);
    else
      text_printf(p->out, "%lld", (long long)e->i);
    return;
  case EX_ACC: text_printf(p->out, "acc"); return;
  case EX_LOAD: text_printf(p->out, "x%d", e->index); return;
  case EX_COORD: text_printf(p->out, "i%d", e->index); return;
  case EX_FETCH:
    text_printf(p->out, "x%d[", e->index);
    print_operand(p, e->a[0]);
    text_printf(p->out, " of ");
    print_operand(p, e->a[1]);
    text_printf(p->out, "]");
    return;
  default: break;
  }
  const char *text = e->op == EX_CAST ? dtype_name(e->type) : ops[e->op].text;
  bool sign = ops[e->op].arity == 2 && !strchr("mp", text[0]); // not min, max, pow
  text_printf(p->out, "%s(", sign ? "" : text);
  if (e->op == EX_CAST && e->index)
    text_printf(p->out, "%s%s", e->index & CAST_OPEN ? "open " : "",
                (const char *[]){"up ", "down ", "nearest "}[e->index & 3]);
  for (int i = 0; i < ops[e->op].arity; i++) {
    if (i) text_printf(p->out, sign ? " %s " : ", ", text);
    print_operand(p, e->a[i]);
  }
  text_printf(p->out, ")");
}

static void print_operand(Printer *p, const Expr *e) {
  const Note *note = note_of(p->table, e);
  if (note->name)
    text_printf(p->out, "t%d", note->name - 1);
  else
    print_body(p, e);
}

// "t0 = acc + x0; ": what several read gets a name, so that the text is as long as the DAG, not as its tree.
static void print_shared(Printer *p, const Expr *e) {
  Note *note = note_of(p->table, e);
  if (note->name || !e->a[0]) return;
  for (int i = 0; i < ops[e->op].arity; i++) print_shared(p, e->a[i]);
  if (note->readers < 2) return;
  text_printf(p->out, "t%d = ", p->names);
  print_body(p, e);
  text_printf(p->out, "; ");
  note->name = ++p->names;
}

void expr_print(ExprTable *table, const Expr *e, Text *out) {
  Printer p = {table, out, ++table->stamp, 0};
  count_readers(&p, e);
  print_shared(&p, e);
  print_operand(&p, e);
}
