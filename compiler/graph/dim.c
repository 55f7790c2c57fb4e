// Dimensions that are not known as numbers: interned expressions in one normal form.
//
// A sum is held as a list of terms, coefficient × product of factors, sorted by the identity of the product; a
// factor is a symbol or a quotient, remainder, minimum or maximum. Every operation takes its operands apart into
// such lists, computes on them, and interns the result, so that equal polynomials (but very long ones) are one pointer.
// Dims are taken as not negative and divisors as positive, so that x*y/y is x.
//
// Sizes are bounded, because a model can square a dim as often as it likes: operands of what would have more than
// MAX_SIZE nodes become symbols that are defined as them. What stands on more than MAX_DEPTH operations is the symbol
// "overflow", as a number beyond 64 bits is.
#include "compiler/graph/graph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 1000, MAX_FACTORS = 32, MAX_DEPTH = 20000 };

struct DimTable {
  Arena *arena;
  const DimExpr **slots; // open addressing; a power of two of them
  size_t slot_count, count;
  Dim overflow;
};

// coefficient × product; product NULL is 1.
typedef struct {
  int64_t coefficient;
  const DimExpr *product;
} Term;

// A dim has at most MAX_SIZE / 2 terms, so that there is room for the terms of two.
typedef struct {
  Term terms[MAX_SIZE];
  size_t count;
} Sum;

static size_t hash_bytes(size_t hash, const void *data, size_t size) {
  for (const unsigned char *c = data; size--; c++)
    hash = (hash ^ *c) * 0x100000001b3u; // NOLINT: the analyzer does not see the bytes of an array of integers
  return hash;
}

static size_t hash_expr(const DimExpr *e) {
  if (e->op == DIM_SYMBOL) return hash_bytes(17, e->name, strlen(e->name));
  int64_t key[] = {e->op,
                   e->a.value,
                   e->a.expr ? e->a.expr->id : 0,
                   e->b.value,
                   e->b.expr ? e->b.expr->id : 0,
                   e->c.value,
                   e->c.expr ? e->c.expr->id : 0};
  return hash_bytes(23, key, sizeof key);
}

static bool same_expr(const DimExpr *x, const DimExpr *y) {
  if (x->op != y->op) return false;
  return x->op == DIM_SYMBOL ? strcmp(x->name, y->name) == 0
                             : dim_equal(x->a, y->a) && dim_equal(x->b, y->b) && dim_equal(x->c, y->c);
}

static const DimExpr **find_slot(DimTable *table, const DimExpr *e) {
  size_t i = hash_expr(e) & (table->slot_count - 1);
  while (table->slots[i] && !same_expr(table->slots[i], e)) i = (i + 1) & (table->slot_count - 1);
  return &table->slots[i];
}

static void grow_slots(DimTable *table) {
  const DimExpr **old = table->slots;
  size_t old_count = table->slot_count;
  table->slot_count = old_count ? 2 * old_count : 64;
  table->slots = NEW_ARRAY(table->arena, const DimExpr *, table->slot_count);
  for (size_t i = 0; i < old_count; i++)
    if (old[i]) *find_slot(table, old[i]) = old[i];
}

static double estimate(const DimExpr *e) {
  double a = dim_estimate(e->a), b = dim_estimate(e->b), most = 1e18; // about what a size can be
  switch (e->op) {
  case DIM_SYMBOL: return 100;
  case DIM_ADD: return fmin(a + b, most);
  case DIM_MUL: return fmin(a * b, most);
  case DIM_DIV: return b > 1 ? a / b : a;
  case DIM_MOD: return b;
  case DIM_MIN: return fmin(a, b);
  case DIM_MAX: return fmax(a, b);
  case DIM_EQ:
  case DIM_LT: return 1;
  case DIM_CHOOSE: return dim_estimate(e->c);
  }
  return 0;
}

static int size_of(Dim d) { return d.expr ? d.expr->size : 1; }
static int depth_of(Dim d) { return d.expr ? d.expr->depth : 0; }

static int max_depth(const DimExpr *e) {
  int a = depth_of(e->a), b = depth_of(e->b), c = depth_of(e->c), most = a > b ? a : b;
  return most > c ? most : c;
}

static Dim intern(DimTable *table, DimExpr key) {
  key.size = size_of(key.a) + size_of(key.b) + (key.op == DIM_CHOOSE ? size_of(key.c) : 0) + 1;
  if (key.op == DIM_SYMBOL) key.size = 1;
  if (key.size > MAX_SIZE) {
    Dim *operands[] = {&key.a, &key.b, &key.c};
    for (size_t i = 0; i < COUNT(operands); i++) *operands[i] = dim_define(table, "long", *operands[i]);
    key.size = 4;
  }
  key.depth = max_depth(&key) + 1;
  if (key.depth > MAX_DEPTH) return table->overflow;
  key.estimate = estimate(&key);
  if (2 * (table->count + 1) > table->slot_count) grow_slots(table);
  const DimExpr **slot = find_slot(table, &key);
  if (!*slot) {
    DimExpr *e = NEW(table->arena, DimExpr);
    *e = key;
    e->id = (int)++table->count;
    e->table = table;
    if (key.name) e->name = arena_strdup(table->arena, key.name);
    *slot = e;
  }
  return (Dim){0, *slot};
}

static Dim make(DimTable *table, DimOp op, Dim a, Dim b) { return intern(table, (DimExpr){.op = op, .a = a, .b = b}); }

DimTable *dims_new(Arena *arena) {
  DimTable *table = NEW(arena, DimTable);
  table->arena = arena;
  // Not interned: a model's own symbol of that name is another one.
  DimExpr *overflow = NEW(arena, DimExpr);
  *overflow = (DimExpr){.op = DIM_SYMBOL, .name = "overflow", .any = true, .size = 1, .estimate = 100, .table = table};
  table->overflow.expr = overflow;
  return table;
}

size_t dims_count(const DimTable *table) { return table->count; }

Dim dim_symbol(DimTable *table, const char *name) { return intern(table, (DimExpr){.op = DIM_SYMBOL, .name = name}); }

Dim dim_new_symbol(DimTable *table, const char *name) {
  DimExpr *e = NEW(table->arena, DimExpr);
  int id = (int)++table->count;
  *e = (DimExpr){.op = DIM_SYMBOL, .size = 1, .depth = 1, .estimate = 100, .table = table};
  e->name = arena_printf(table->arena, "%s#%d", name, id);
  e->id = id;
  return (Dim){0, e};
}

Dim dim_data_symbol(DimTable *table, const char *name) {
  Dim symbol = dim_new_symbol(table, name);
  ((DimExpr *)symbol.expr)->any = true;
  return symbol;
}

Dim dim_alias(DimTable *table, const char *name, Dim value) {
  DimExpr *e = (DimExpr *)dim_new_symbol(table, name).expr;
  e->defined = true;
  e->any = dim_may_be_negative(value);
  e->a = value;
  e->depth = depth_of(value) + 1;
  e->estimate = dim_estimate(value);
  return (Dim){0, e};
}

Dim dim_define(DimTable *table, const char *name, Dim value) {
  if (!value.expr || value.expr->op == DIM_SYMBOL) return value;
  DimExpr *e = (DimExpr *)value.expr;
  if (!e->symbol) e->symbol = dim_alias(table, name, value).expr;
  return (Dim){0, e->symbol};
}

static int order_of(const DimExpr *product) { return product ? product->id : INT32_MAX; } // the constant is last

static int compare_terms(const void *a, const void *b) {
  int x = order_of(((const Term *)a)->product), y = order_of(((const Term *)b)->product);
  return (x > y) - (x < y);
}

static Term term_of(Dim d) {
  if (!d.expr) return (Term){d.value, NULL};
  if (d.expr->op == DIM_MUL && !d.expr->b.expr) return (Term){d.expr->b.value, d.expr->a.expr};
  return (Term){1, d.expr};
}

static void add_term(Sum *sum, Term term) { sum->terms[sum->count++] = term; }

// Appends the terms of a dim. The constant 0 has none.
static Sum *add_terms(Sum *sum, Dim d) {
  for (; d.expr && d.expr->op == DIM_ADD; d = d.expr->a) add_term(sum, term_of(d.expr->b));
  if (d.expr || d.value) add_term(sum, term_of(d));
  return sum;
}

static Dim dim_of_term(DimTable *table, Term term) {
  if (!term.product) return dim_const(term.coefficient);
  Dim product = {0, term.product};
  return term.coefficient == 1 ? product : make(table, DIM_MUL, product, dim_const(term.coefficient));
}

// Puts a sum together: sorts, joins terms of one product, drops zeros.
static Dim dim_of(DimTable *table, Sum *sum) {
  qsort(sum->terms, sum->count, sizeof *sum->terms, compare_terms);
  Dim result = dim_const(0);
  for (size_t i = 0, next; i < sum->count; i = next) {
    Term term = sum->terms[i];
    for (next = i + 1; next < sum->count && sum->terms[next].product == term.product; next++)
      if (__builtin_add_overflow(term.coefficient, sum->terms[next].coefficient, &term.coefficient))
        return table->overflow;
    if (term.coefficient == 0) continue;
    Dim d = dim_of_term(table, term);
    result = !result.expr && !result.value ? d : make(table, DIM_ADD, result, d);
    if (result.expr == table->overflow.expr) return result;
  }
  return result;
}

static Dim add_dims(DimTable *table, Dim a, Dim b) {
  Sum sum;
  sum.count = 0;
  return dim_of(table, add_terms(add_terms(&sum, a), b));
}

static int compare_factors(const void *a, const void *b) {
  int x = (*(const DimExpr *const *)a)->id, y = (*(const DimExpr *const *)b)->id;
  return (x > y) - (x < y);
}

// The factors of a product, sorted; their number, or -1 when there are too many.
static int factors_of(const DimExpr *product, const DimExpr *factors[MAX_FACTORS], int count) {
  for (; product; product = product->op == DIM_MUL ? product->a.expr : NULL) {
    if (count == MAX_FACTORS) return -1;
    factors[count++] = product->op == DIM_MUL ? product->b.expr : product;
  }
  qsort(factors, (size_t)count, sizeof *factors, compare_factors);
  return count;
}

static const DimExpr *product_of(DimTable *table, const DimExpr *const *factors, int count) {
  const DimExpr *product = NULL;
  for (int i = 0; i < count; i++)
    product = product ? make(table, DIM_MUL, (Dim){0, product}, (Dim){0, factors[i]}).expr : factors[i];
  return product;
}

static Dim mul_dims(DimTable *table, Dim a, Dim b) {
  Sum x, y, result;
  x.count = y.count = result.count = 0;
  add_terms(&x, a);
  add_terms(&y, b);
  if (x.count * y.count > MAX_SIZE)
    return x.count > y.count ? mul_dims(table, dim_define(table, "long", a), b)
                             : mul_dims(table, a, dim_define(table, "long", b));
  for (size_t i = 0; i < x.count; i++)
    for (size_t j = 0; j < y.count; j++) {
      const DimExpr *factors[MAX_FACTORS];
      Term term;
      int count = factors_of(x.terms[i].product, factors, 0);
      if (count >= 0) count = factors_of(y.terms[j].product, factors, count);
      if (count < 0) return mul_dims(table, dim_define(table, "long", a), dim_define(table, "long", b));
      if (__builtin_mul_overflow(x.terms[i].coefficient, y.terms[j].coefficient, &term.coefficient))
        return table->overflow;
      term.product = product_of(table, factors, count);
      if (term.product == table->overflow.expr) return table->overflow;
      add_term(&result, term);
    }
  return dim_of(table, &result);
}

bool dim_is_overflow(Dim d) { return d.expr && d.expr == d.expr->table->overflow.expr; }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// term / by when that has no remainder.
static bool divide_term(DimTable *table, Term term, Term by, Term *out) {
  if (by.coefficient == -1 || term.coefficient % by.coefficient) return false;
  const DimExpr *above[MAX_FACTORS], *below[MAX_FACTORS], *rest[MAX_FACTORS];
  int n = factors_of(term.product, above, 0), m = factors_of(by.product, below, 0), left = 0, j = 0;
  if (n < 0 || m < 0) return false;
  for (int i = 0; i < n; i++)
    if (j < m && above[i] == below[j])
      j++;
    else
      rest[left++] = above[i];
  if (j < m) return false;
  *out = (Term){term.coefficient / by.coefficient, product_of(table, rest, left)};
  return true;
}

// Splits a into whole * b + rest, taking every term that b divides, and of a constant what it divides.
static void split_dims(DimTable *table, Dim a, Dim b, Dim *whole, Dim *rest) {
  Sum x, y, quotient, remainder;
  x.count = y.count = quotient.count = remainder.count = 0;
  add_terms(&x, a);
  add_terms(&y, b);
  for (size_t i = 0; i < x.count; i++) {
    Term q, r = x.terms[i];
    if (y.count == 1 && divide_term(table, r, y.terms[0], &q)) {
      add_term(&quotient, q);
    } else if (!r.product && !b.expr && b.value > 0) {
      q = (Term){floor_div(r.coefficient, b.value), NULL};
      r.coefficient -= q.coefficient * b.value;
      add_term(&quotient, q);
      add_term(&remainder, r);
    } else {
      add_term(&remainder, r);
    }
    // A sum that is a multiple of another: one of the terms says which multiple it would have to be.
    if (y.count > 1 && divide_term(table, x.terms[i], y.terms[0], &q)) {
      Dim multiple = dim_of_term(table, q);
      if (dim_equal(mul_dims(table, multiple, b), a)) {
        *whole = multiple;
        *rest = dim_const(0);
        return;
      }
    }
  }
  *whole = dim_of(table, &quotient);
  *rest = dim_of(table, &remainder);
}

static Dim divide_dims(DimTable *table, DimOp op, Dim a, Dim b) {
  if (!b.expr && b.value == 0) return table->overflow;
  if (!a.expr && !b.expr) {
    if (a.value == INT64_MIN && b.value == -1) return table->overflow;
    int64_t quotient = floor_div(a.value, b.value);
    return dim_const(op == DIM_DIV ? quotient : a.value - quotient * b.value);
  }
  Dim whole, rest;
  split_dims(table, a, b, &whole, &rest);
  if (dim_is_overflow(whole) || dim_is_overflow(rest)) return table->overflow;
  bool exact = !rest.expr && (rest.value == 0 || (!b.expr && rest.value > 0 && rest.value < b.value));
  if (op == DIM_MOD) return exact ? rest : make(table, DIM_MOD, rest, b);
  // floor((floor(x / m) + k) / n) is floor((x + k * m) / (m * n)).
  const DimExpr *inner = rest.expr;
  int64_t k = 0, both;
  if (inner && inner->op == DIM_ADD && !inner->b.expr) k = inner->b.value, inner = inner->a.expr;
  if (!exact && !b.expr && inner && inner->op == DIM_DIV && !inner->b.expr && inner->b.value > 0 &&
      mul_size(inner->b.value, b.value, &both)) {
    Dim shift = mul_dims(table, inner->b, dim_const(k));
    return add_dims(table, whole, dim_op(table, DIM_DIV, add_dims(table, inner->a, shift), dim_const(both)));
  }
  return exact ? whole : add_dims(table, whole, make(table, DIM_DIV, rest, b));
}

// Whether d is the op of x and something else.
static bool is_of(Dim d, DimOp op, Dim x) {
  return d.expr && d.expr->op == op && (dim_equal(d.expr->a, x) || dim_equal(d.expr->b, x));
}

static Dim choose_dims(DimTable *table, DimOp op, Dim a, Dim b) {
  Dim difference = add_dims(table, a, mul_dims(table, b, dim_const(-1)));
  if (dim_is_const(difference)) return (difference.value < 0) == (op == DIM_MIN) ? a : b;
  if (!dim_may_be_negative(difference)) return op == DIM_MIN ? b : a;
  if (!dim_may_be_negative(mul_dims(table, difference, dim_const(-1)))) return op == DIM_MIN ? a : b;
  if (is_of(a, op == DIM_MIN ? DIM_MAX : DIM_MIN, b)) return b;
  if (is_of(b, op == DIM_MIN ? DIM_MAX : DIM_MIN, a)) return a;
  bool swap = order_of(a.expr) > order_of(b.expr);
  return swap ? make(table, op, b, a) : make(table, op, a, b);
}

static Dim compare_dims(DimTable *table, DimOp op, Dim a, Dim b) {
  Dim difference = add_dims(table, a, mul_dims(table, b, dim_const(-1)));
  if (dim_is_const(difference)) return dim_const(op == DIM_EQ ? difference.value == 0 : difference.value < 0);
  if (op == DIM_LT && !dim_may_be_negative(difference)) return dim_const(0);
  bool swap = op == DIM_EQ && order_of(a.expr) > order_of(b.expr);
  return swap ? make(table, op, b, a) : make(table, op, a, b);
}

Dim dim_op(DimTable *table, DimOp op, Dim a, Dim b) {
  if (dim_is_overflow(a) || dim_is_overflow(b)) return table->overflow;
  if (op == DIM_ADD) return add_dims(table, a, b);
  if (op == DIM_MUL) return mul_dims(table, a, b);
  if (op == DIM_EQ || op == DIM_LT) return compare_dims(table, op, a, b);
  return op == DIM_DIV || op == DIM_MOD ? divide_dims(table, op, a, b) : choose_dims(table, op, a, b);
}

// Constants beyond 64 bits stay at the bound: as sizes they are refused, being larger than memory.
static Dim reasonable_op(DimOp op, Dim a, Dim b) {
  if (a.expr || b.expr) return dim_op((a.expr ? a.expr : b.expr)->table, op, a, b);
  int64_t x = a.value, y = b.value, result = 0;
  switch (op) {
  case DIM_ADD:
    if (__builtin_add_overflow(x, y, &result)) result = x < 0 ? INT64_MIN : INT64_MAX;
    break;
  case DIM_MUL:
    if (__builtin_mul_overflow(x, y, &result)) result = (x < 0) != (y < 0) ? INT64_MIN : INT64_MAX;
    break;
  case DIM_DIV: result = y == 0 ? 0 : y == -1 ? (x == INT64_MIN ? INT64_MAX : -x) : floor_div(x, y); break;
  case DIM_MOD: result = y == 0 || y == -1 ? 0 : x - floor_div(x, y) * y; break;
  case DIM_MIN: result = x < y ? x : y; break;
  case DIM_MAX: result = x > y ? x : y; break;
  case DIM_EQ: result = x == y; break;
  case DIM_LT: result = x < y; break;
  case DIM_SYMBOL:
  case DIM_CHOOSE: break;
  }
  return dim_const(result);
}

Dim dim_add(Dim a, Dim b) { return reasonable_op(DIM_ADD, a, b); }
Dim dim_sub(Dim a, Dim b) { return dim_add(a, dim_times(b, -1)); }
Dim dim_mul(Dim a, Dim b) { return reasonable_op(DIM_MUL, a, b); }
Dim dim_div(Dim a, Dim b) { return reasonable_op(DIM_DIV, a, b); }
Dim dim_min(Dim a, Dim b) { return reasonable_op(DIM_MIN, a, b); }
Dim dim_max(Dim a, Dim b) { return reasonable_op(DIM_MAX, a, b); }
Dim dim_equals(Dim a, Dim b) { return reasonable_op(DIM_EQ, a, b); }
Dim dim_less(Dim a, Dim b) { return reasonable_op(DIM_LT, a, b); }
Dim dim_choose(Dim condition, Dim b, Dim c) {
  if (dim_is_const(condition) || dim_equal(b, c)) return dim_is(condition, 0) ? c : b;
  return intern(condition.expr->table, (DimExpr){.op = DIM_CHOOSE, .a = condition, .b = b, .c = c});
}

bool dim_divides(Dim a, Dim b, Dim *quotient) {
  if (dim_is(b, 0)) return false;
  Dim result = dim_div(a, b);
  if (!dim_equal(dim_mul(result, b), a)) return false;
  if (quotient) *quotient = result;
  return true;
}

static bool is_factor(const DimExpr *factor, Dim product) {
  const DimExpr *factors[MAX_FACTORS];
  Sum sum;
  sum.count = 0;
  add_terms(&sum, product);
  if (sum.count != 1) return false;
  int count = factors_of(sum.terms[0].product, factors, 0);
  for (int i = 0; i < count; i++)
    if (factors[i] == factor) return true;
  return false;
}

static bool is_positive(const DimExpr *factor, const Dim *positive, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (is_factor(factor, positive[i])) return true;
  return false;
}

// Whether the factors of `product` but for those of `part`, all of which it has, are positive: it is then not less.
static bool is_multiple(const DimExpr *product, const DimExpr *part, const Dim *positive, size_t count) {
  const DimExpr *above[MAX_FACTORS], *below[MAX_FACTORS];
  int n = factors_of(product, above, 0), m = factors_of(part, below, 0), j = 0;
  bool multiple = n >= 0 && m >= 0;
  for (int i = 0; i < n && multiple; i++)
    if (j < m && above[i] == below[j])
      j++;
    else
      multiple = is_positive(above[i], positive, count);
  return multiple && j == m;
}

// Sets terms above 0 off against multiples of theirs below 0, then takes what is left at its largest.
bool dim_is_less(Dim a, Dim b, const Dim *positive, size_t count) {
  Sum sum;
  sum.count = 0;
  add_terms(&sum, dim_sub(a, b));
  int64_t most = 0;
  for (size_t i = 0; i < sum.count; i++) {
    Term *term = &sum.terms[i];
    for (size_t k = 0; k < sum.count && term->product && term->coefficient > 0; k++) {
      Term *other = &sum.terms[k];
      if (other->coefficient >= 0 || !is_multiple(other->product, term->product, positive, count)) continue;
      int64_t left = term->coefficient + other->coefficient;
      term->coefficient = left > 0 ? left : 0;
      other->coefficient = left < 0 ? left : 0;
    }
    if (term->product && term->coefficient > 0) return false;
  }
  for (size_t i = 0; i < sum.count; i++) {
    const DimExpr *factors[MAX_FACTORS];
    int n = factors_of(sum.terms[i].product, factors, 0);
    bool above_0 = n >= 0;
    for (int k = 0; k < n; k++) above_0 &= is_positive(factors[k], positive, count);
    if (above_0 && __builtin_add_overflow(most, sum.terms[i].coefficient, &most)) return false;
  }
  return most < 0;
}

bool dim_may_be_negative(Dim d) {
  if (!d.expr) return d.value < 0;
  if (d.expr->op == DIM_EQ || d.expr->op == DIM_LT) return false;
  if (d.expr->op == DIM_SYMBOL) return d.expr->any;
  if (d.expr->op == DIM_MAX) return dim_may_be_negative(d.expr->a) && dim_may_be_negative(d.expr->b);
  if (d.expr->op == DIM_CHOOSE) return dim_may_be_negative(d.expr->b) || dim_may_be_negative(d.expr->c);
  return dim_may_be_negative(d.expr->a) || dim_may_be_negative(d.expr->b);
}

double dim_estimate(Dim d) { return d.expr ? d.expr->estimate : (double)llabs(d.value); }

int dim_compare(Dim a, Dim b) {
  double x = dim_estimate(a), y = dim_estimate(b);
  return (x > y) - (x < y);
}

Dim dim_bind(DimTable *table, Dim d, const char *const *names, const int64_t *values, size_t count) {
  if (!d.expr || dim_is_overflow(d)) return d;
  if (d.expr->op == DIM_SYMBOL) {
    for (size_t i = 0; i < count; i++)
      if (strcmp(names[i], d.expr->name) == 0) return dim_const(values[i]);
    return d;
  }
  Dim a = dim_bind(table, d.expr->a, names, values, count);
  if (d.expr->op == DIM_CHOOSE)
    return dim_choose(a, dim_bind(table, d.expr->b, names, values, count),
                      dim_bind(table, d.expr->c, names, values, count));
  return dim_op(table, d.expr->op, a, dim_bind(table, d.expr->b, names, values, count));
}

const char *dim_text(DimTable *table, Dim d) {
  if (!d.expr) return arena_printf(table->arena, "%lld", (long long)d.value);
  if (d.expr->op == DIM_SYMBOL) return d.expr->name;
  const char *a = dim_text(table, d.expr->a), *b = dim_text(table, d.expr->b);
  if (d.expr->op == DIM_CHOOSE) return arena_printf(table->arena, "(%s?%s:%s)", a, b, dim_text(table, d.expr->c));
  if (d.expr->op == DIM_MUL && !d.expr->b.expr) return arena_printf(table->arena, "(%s*%s)", b, a);
  if (d.expr->op == DIM_ADD && *b == '-') return arena_printf(table->arena, "(%s%s)", a, b);
  static const char *const formats[] = {
      [DIM_ADD] = "(%s+%s)",    [DIM_MUL] = "(%s*%s)",    [DIM_DIV] = "(%s/%s)", [DIM_MOD] = "(%s%%%s)",
      [DIM_MIN] = "min(%s,%s)", [DIM_MAX] = "max(%s,%s)", [DIM_EQ] = "(%s==%s)", [DIM_LT] = "(%s<%s)"};
  return arena_printf(table->arena, formats[d.expr->op], a, b);
}
