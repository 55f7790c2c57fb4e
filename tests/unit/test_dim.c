// Dims: the normal form, and that every rewriting keeps the value. The oracle for values is plain arithmetic on
// numbers: an expression is built twice, from symbols and from the numbers that are bound to them.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "compiler/graph/graph.h"

typedef struct {
  Arena *arena;
  DimTable *table;
  Dim x, y, z;
} Fixture;

static int setup(void **state) {
  Arena *arena = arena_new();
  Fixture *f = NEW(arena, Fixture);
  f->arena = arena;
  f->table = dims_new(arena);
  f->x = dim_symbol(f->table, "x");
  f->y = dim_symbol(f->table, "y");
  f->z = dim_symbol(f->table, "z");
  *state = f;
  return 0;
}

static int teardown(void **state) {
  arena_free(((Fixture *)*state)->arena);
  return 0;
}

static Dim add(Fixture *f, Dim a, Dim b) { return dim_op(f->table, DIM_ADD, a, b); }
static Dim mul(Fixture *f, Dim a, Dim b) { return dim_op(f->table, DIM_MUL, a, b); }
static Dim divide(Fixture *f, Dim a, Dim b) { return dim_op(f->table, DIM_DIV, a, b); }
static Dim mod(Fixture *f, Dim a, Dim b) { return dim_op(f->table, DIM_MOD, a, b); }
static Dim n(int64_t value) { return dim_const(value); }

static void assert_dim(Fixture *f, Dim a, Dim b) {
  if (!dim_equal(a, b)) fail_msg("%s is not %s", dim_text(f->table, a), dim_text(f->table, b));
}

static void test_symbols_are_interned(void **state) {
  Fixture *f = *state;
  char name[] = "x";
  assert_dim(f, dim_symbol(f->table, name), f->x);
  assert_false(dim_equal(f->x, f->y));
  assert_false(dim_equal(f->x, n(0)));
  for (int i = 0; i < 1000; i++) dim_symbol(f->table, arena_printf(f->arena, "s%d", i)); // the table grows
  assert_dim(f, dim_symbol(f->table, "x"), f->x);
}

static void test_sums_and_products(void **state) {
  Fixture *f = *state;
  Dim x = f->x, y = f->y, z = f->z;
  assert_dim(f, add(f, add(f, x, y), n(1)), add(f, n(1), add(f, y, x)));
  assert_dim(f, add(f, x, x), mul(f, n(2), x));
  assert_dim(f, add(f, x, mul(f, x, n(-1))), n(0));
  assert_dim(f, add(f, x, n(0)), x);
  assert_dim(f, mul(f, x, n(0)), n(0));
  assert_dim(f, mul(f, x, n(1)), x);
  assert_dim(f, mul(f, mul(f, x, y), z), mul(f, z, mul(f, y, x)));
  assert_dim(f, mul(f, add(f, x, y), z), add(f, mul(f, z, y), mul(f, x, z)));
  assert_dim(f, mul(f, add(f, x, n(1)), add(f, x, n(-1))), add(f, mul(f, x, x), n(-1)));
}

static void test_division(void **state) {
  Fixture *f = *state;
  Dim x = f->x, y = f->y;
  assert_dim(f, divide(f, mul(f, n(2), x), n(2)), x);
  assert_dim(f, divide(f, n(-7), n(2)), n(-4)); // floor
  assert_dim(f, mod(f, n(-7), n(2)), n(1));
  assert_dim(f, divide(f, x, n(1)), x);
  assert_dim(f, mod(f, x, n(1)), n(0));
  assert_dim(f, divide(f, x, x), n(1));
  assert_dim(f, divide(f, mul(f, mul(f, x, y), n(768)), mul(f, x, n(64))), mul(f, y, n(12)));
  assert_dim(f, divide(f, mul(f, add(f, x, y), n(768)), add(f, x, y)), n(768));
  assert_dim(f, divide(f, mul(f, mul(f, add(f, x, y), y), n(768)), add(f, x, y)), mul(f, y, n(768)));
  assert_dim(f, divide(f, add(f, mul(f, x, n(4)), n(7)), n(4)), add(f, x, n(1)));
  assert_dim(f, mod(f, add(f, mul(f, x, n(4)), n(7)), n(4)), n(3));
  // Two convolutions of stride 2 and padding 1 are one of stride 4.
  assert_dim(f, divide(f, add(f, divide(f, add(f, x, n(1)), n(2)), n(1)), n(2)), divide(f, add(f, x, n(3)), n(4)));
  assert_dim(f, divide(f, divide(f, x, n(2)), n(3)), divide(f, x, n(6)));
}

static void test_min_and_max(void **state) {
  Fixture *f = *state;
  Dim x = f->x, y = f->y;
  assert_dim(f, dim_op(f->table, DIM_MIN, n(3), n(4)), n(3));
  assert_dim(f, dim_op(f->table, DIM_MAX, n(3), n(4)), n(4));
  assert_dim(f, dim_op(f->table, DIM_MIN, x, add(f, x, n(1))), x);
  assert_dim(f, dim_op(f->table, DIM_MAX, x, add(f, x, n(1))), add(f, x, n(1)));
  assert_dim(f, dim_op(f->table, DIM_MIN, x, y), dim_op(f->table, DIM_MIN, y, x));
  assert_dim(f, dim_op(f->table, DIM_MAX, x, x), x);
}

static void test_overflow_is_no_number(void **state) {
  Fixture *f = *state;
  const char *names[] = {"overflow", "x"};
  int64_t values[] = {1, 2};
  Dim big = n(INT64_MAX), deep = f->x;
  for (int i = 0; i < 50000; i++) deep = dim_op(f->table, DIM_MIN, divide(f, deep, f->y), add(f, deep, n(2)));
  Dim cases[] = {mul(f, big, n(2)),
                 add(f, big, n(1)),
                 mul(f, mul(f, f->x, big), n(2)),
                 divide(f, f->x, n(0)),
                 divide(f, n(INT64_MIN), n(-1)),
                 deep};
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_string_equal(dim_text(f->table, cases[i]), "overflow");
    assert_false(dim_is_const(dim_bind(f->table, add(f, cases[i], n(1)), names, values, 2)));
  }
  assert_dim(f, dim_bind(f->table, dim_symbol(f->table, "overflow"), names, values, 2), n(1)); // a model's own name
  assert_dim(f, dim_add(big, n(1)), big);
  assert_dim(f, dim_mul(big, n(-2)), n(INT64_MIN));
  assert_dim(f, dim_div(big, n(0)), n(0));
}

enum { MAX_IDS = 200000 };

// The value of an expression, definitions included, where x is 7, y is 2 and z is 3.
typedef struct {
  bool known[MAX_IDS];
  uint64_t values[MAX_IDS];
} Values;

static uint64_t evaluate(const Fixture *f, Dim d, Values *v) {
  if (!d.expr) return (uint64_t)d.value;
  const DimExpr *e = d.expr;
  assert_true(e->id > 0 && e->id < MAX_IDS);
  assert_true(e->size <= 1000);
  if (v->known[e->id]) return v->values[e->id];
  uint64_t a = evaluate(f, e->a, v), b = evaluate(f, e->b, v), result = 0;
  switch (e->op) {
  case DIM_SYMBOL: result = e->defined ? a : e == f->x.expr ? 7 : e == f->y.expr ? 2 : 3; break;
  case DIM_ADD: result = a + b; break;
  case DIM_MUL: result = a * b; break;
  case DIM_DIV: result = a / b; break;
  case DIM_MOD: result = a % b; break;
  case DIM_MIN: result = a < b ? a : b; break;
  default: fail_msg("another operation");
  }
  v->known[e->id] = true;
  return v->values[e->id] = result;
}

static void test_long_expressions(void **state) {
  Fixture *f = *state;
  Values *v = NEW(f->arena, Values);
  Dim squares = add(f, f->x, f->y), deep = f->x, sum = n(0);
  uint64_t square = 9, least = 7, total = 0;
  for (int i = 0; i < 50; i++) {
    squares = mul(f, squares, squares);
    square *= square;
    assert_dim(f, add(f, squares, mul(f, squares, n(-1))), n(0));
  }
  assert_true(evaluate(f, squares, v) == square); // of 64 bits
  for (int i = 0; i < 1000; i++) {
    Dim more = add(f, deep, f->z);
    deep = i % 2 ? dim_op(f->table, DIM_MIN, divide(f, more, f->y), add(f, deep, n(2))) : more;
    least = i % 2 ? ((least + 3) / 2 < least + 2 ? (least + 3) / 2 : least + 2) : least + 3;
  }
  assert_int_equal(evaluate(f, deep, v), least);
  for (int i = 2; i < 1000; i++) {
    sum = add(f, sum, mod(f, add(f, f->x, mul(f, f->y, n(i))), n(i * 7)));
    total += (uint64_t)(7 + 2 * i) % (uint64_t)(i * 7);
  }
  assert_int_equal(evaluate(f, sum, v), total);
}

static void test_text(void **state) {
  Fixture *f = *state;
  assert_string_equal(dim_text(f->table, n(3)), "3");
  assert_string_equal(dim_text(f->table, f->x), "x");
  assert_string_equal(dim_text(f->table, add(f, f->x, n(1))), "(x+1)");
  assert_string_equal(dim_text(f->table, add(f, f->x, n(-1))), "(x-1)");
  assert_string_equal(dim_text(f->table, mul(f, f->x, n(2))), "(2*x)");
  assert_string_equal(dim_text(f->table, divide(f, f->x, mul(f, n(2), f->y))), "(x/(2*y))");
  assert_string_equal(dim_text(f->table, mod(f, f->x, n(8))), "(x%8)");
  assert_string_equal(dim_text(f->table, dim_op(f->table, DIM_MAX, f->x, f->y)), "max(x,y)");
}

static void test_signs(void **state) {
  Fixture *f = *state;
  Dim x = f->x, y = f->y, any = dim_data_symbol(f->table, "any");
  assert_false(dim_may_be_negative(dim_add(x, y)));
  assert_true(dim_may_be_negative(dim_sub(x, y)));
  assert_true(dim_may_be_negative(any));
  assert_true(dim_may_be_negative(dim_define(f->table, "sum", dim_add(any, x))));
  assert_false(dim_may_be_negative(dim_define(f->table, "sum", dim_add(y, x))));
  assert_false(dim_may_be_negative(dim_max(any, n(0))));
  assert_dim(f, dim_min(x, n(0)), n(0));
  assert_dim(f, dim_max(x, n(0)), x);
  assert_dim(f, dim_max(x, dim_add(x, y)), dim_add(x, y));
  assert_dim(f, dim_min(dim_max(any, x), any), any);
  assert_false(dim_equal(dim_max(any, n(0)), any));
  assert_dim(f, dim_less(x, n(0)), n(0));
  assert_false(dim_is_const(dim_less(any, n(0))));
}

static void test_comparisons(void **state) {
  Fixture *f = *state;
  const char *names[] = {"x", "y"};
  Dim x = f->x, y = f->y, equal = dim_equals(x, y), chosen = dim_choose(equal, n(5), dim_plus(x, 1)), quotient;
  assert_dim(f, dim_equals(x, x), n(1));
  assert_dim(f, dim_equals(x, dim_plus(x, 1)), n(0));
  assert_dim(f, dim_less(x, dim_plus(x, 1)), n(1));
  assert_dim(f, equal, dim_equals(y, x));
  assert_dim(f, dim_choose(n(1), x, y), x);
  assert_dim(f, dim_choose(n(0), x, y), y);
  assert_dim(f, dim_choose(equal, x, x), x);
  assert_dim(f, dim_bind(f->table, chosen, names, (int64_t[]){3, 3}, 2), n(5));
  assert_dim(f, dim_bind(f->table, chosen, names, (int64_t[]){3, 4}, 2), n(4));
  assert_true(dim_divides(dim_times(dim_mul(x, y), 6), dim_times(x, 2), &quotient));
  assert_dim(f, quotient, dim_times(y, 3));
  assert_false(dim_divides(dim_plus(x, 1), x, NULL));
  assert_false(dim_divides(x, n(0), NULL));
  Dim positive[] = {x};
  assert_true(dim_is_less(y, dim_add(x, y), positive, 1)); // only where x is above 0
  assert_false(dim_is_less(x, dim_add(x, y), positive, 1));
  assert_false(dim_is_less(x, x, positive, 1));
  Dim product = dim_mul(x, y), all = dim_times(dim_mul(product, dim_div_up(y, 2)), 8); // terms above 0 find a multiple
  Dim both[] = {x, dim_mul(y, dim_div_up(y, 2))};
  assert_true(dim_is_less(dim_plus(dim_times(product, 8), -1), all, both, 2));
  assert_false(dim_is_less(dim_times(product, 8), all, both, 2));
  assert_false(dim_is_less(dim_plus(dim_times(product, 9), -1), all, both, 2));
  assert_false(dim_is_less(dim_plus(dim_times(product, 8), -1), all, both, 1));
  assert_dim(f, dim_define(f->table, "d", x), x); // symbols stay what they are
  assert_dim(f, dim_define(f->table, "d", n(7)), n(7));
  assert_int_equal(dim_define(f->table, "d", dim_add(x, y)).expr->op, DIM_SYMBOL);
}

// The same operation on numbers that are not negative; false when it overflows.
static bool compute(DimOp op, int64_t a, int64_t b, int64_t *out) {
  switch (op) {
  case DIM_ADD: return !__builtin_add_overflow(a, b, out);
  case DIM_MUL: return !__builtin_mul_overflow(a, b, out);
  case DIM_DIV: *out = a / b; return true;
  case DIM_MOD: *out = a % b; return true;
  case DIM_MIN: *out = a < b ? a : b; return true;
  default: *out = a > b ? a : b; return true;
  }
}

static uint32_t next_random(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525 + 1013904223;
  return (*seed >> 8) % below;
}

// Random expressions over x, y, z: bound, they are what the same operations on numbers give. Divisors are positive,
// which the normal form relies on.
static void test_rewriting_keeps_values(void **state) {
  enum { SYMBOLS = 3, ALL = 12, ROUNDS = 20000 };
  Fixture *f = *state;
  static const DimOp ops[] = {DIM_ADD, DIM_MUL, DIM_DIV, DIM_MOD, DIM_MIN, DIM_MAX, DIM_ADD, DIM_DIV};
  const char *names[SYMBOLS] = {"x", "y", "z"};
  uint32_t seed = 1;
  int checked = 0;
  for (int round = 0; round < ROUNDS; round++) {
    Dim dims[ALL] = {f->x, f->y, f->z};
    int64_t numbers[ALL];
    for (int i = 0; i < SYMBOLS; i++) numbers[i] = next_random(&seed, 32) + 1;
    for (int i = SYMBOLS; i < ALL; i++) {
      DimOp op = ops[next_random(&seed, COUNT(ops))];
      uint32_t a = next_random(&seed, (uint32_t)i), b = next_random(&seed, (uint32_t)i);
      bool constant = next_random(&seed, 2);
      int64_t number = constant ? next_random(&seed, 16) + 1 : numbers[b];
      if (number == 0 && (op == DIM_DIV || op == DIM_MOD)) op = DIM_ADD;
      dims[i] = dim_op(f->table, op, dims[a], constant ? n(number) : dims[b]);
      Dim bound = dim_bind(f->table, dims[i], names, numbers, SYMBOLS);
      if (!compute(op, numbers[a], number, &numbers[i]) || !dim_is_const(bound)) break; // overflow
      if (bound.value != numbers[i])
        fail_msg("%s is %lld with x=%lld y=%lld z=%lld, not %lld", dim_text(f->table, dims[i]), (long long)bound.value,
                 (long long)numbers[0], (long long)numbers[1], (long long)numbers[2], (long long)numbers[i]);
      checked++;
    }
  }
  assert_true(checked > ROUNDS * 5);
}

static void assert_most(Dim d, int64_t most) { assert_int_equal(dim_most(d), most); }

static void test_bounds(void **state) {
  Fixture *f = *state;
  Dim x = f->x, y = f->y;
  dim_set_most(x, 640);
  assert_most(n(7), 7);
  assert_most(y, INT64_MAX);
  assert_most(add(f, divide(f, add(f, x, n(-1)), n(2)), n(1)), 320); // a convolution with stride 2
  assert_most(mul(f, x, mul(f, x, n(3))), 640 * 640 * 3);
  assert_most(dim_min(y, n(5)), 5);
  assert_most(dim_max(y, x), INT64_MAX);
  assert_most(mod(f, y, n(8)), 7);
  assert_most(divide(f, x, y), 640); // y is not 0, or the quotient is
  assert_most(add(f, x, mul(f, y, n(-1))), 640);
  assert_most(dim_less(y, x), 1);
  assert_most(dim_choose(dim_less(y, x), x, n(1000)), 1000);
  assert_most(dim_found(f->table, "found", mul(f, x, n(2))), 1280);
  assert_most(dim_define(f->table, "defined", add(f, x, n(1))), 641);
  assert_most(dim_data_symbol(f->table, "data"), INT64_MAX);
  assert_int_equal(dim_range(dim_data_symbol(f->table, "data")).low, INT64_MIN);
  for (int i = 0; i < 10; i++) x = mul(f, x, x); // overflow
  assert_most(x, INT64_MAX);
}

// Random expressions, differences among them: bound, they are within their range.
static void test_ranges_hold_values(void **state) {
  enum { SYMBOLS = 3, ALL = 12, ROUNDS = 20000 };
  Fixture *f = *state;
  static const DimOp ops[] = {DIM_ADD, DIM_MUL, DIM_DIV, DIM_MOD, DIM_MIN, DIM_MAX, DIM_EQ, DIM_LT, DIM_ADD, DIM_DIV};
  const char *names[SYMBOLS] = {"x", "y", "z"};
  int checked = 0, bounded = 0;
  uint32_t seed = 2;
  dim_set_most(f->x, 32);
  dim_set_most(f->y, 100);
  for (int round = 0; round < ROUNDS; round++) {
    Dim dims[ALL] = {f->x, f->y, f->z};
    int64_t numbers[ALL] = {next_random(&seed, 33), next_random(&seed, 101), next_random(&seed, 1000)};
    for (int i = SYMBOLS; i < ALL; i++) {
      DimOp op = ops[next_random(&seed, COUNT(ops))];
      uint32_t a = next_random(&seed, (uint32_t)i), b = next_random(&seed, (uint32_t)i);
      bool constant = next_random(&seed, 2), minus = next_random(&seed, 4) == 0;
      Dim right = constant ? n(next_random(&seed, 16) + 1) : dims[b];
      if (minus && op == DIM_ADD) right = mul(f, right, n(-1));
      if ((op == DIM_DIV || op == DIM_MOD) && (constant ? right.value : numbers[b]) <= 0) op = DIM_ADD;
      dims[i] = dim_op(f->table, op, dims[a], right);
      Dim bound = dim_bind(f->table, dims[i], names, numbers, SYMBOLS);
      DimRange range = dim_range(dims[i]);
      if (!dim_is_const(bound)) break; // overflow
      numbers[i] = bound.value;
      if (bound.value < range.low || bound.value > range.high)
        fail_msg("%s is %lld, outside of %lld..%lld", dim_text(f->table, dims[i]), (long long)bound.value,
                 (long long)range.low, (long long)range.high);
      checked++;
      bounded += range.high < INT64_MAX;
    }
  }
  assert_true(checked > ROUNDS * 5 && bounded > checked / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_symbols_are_interned, setup, teardown),
      cmocka_unit_test_setup_teardown(test_sums_and_products, setup, teardown),
      cmocka_unit_test_setup_teardown(test_division, setup, teardown),
      cmocka_unit_test_setup_teardown(test_min_and_max, setup, teardown),
      cmocka_unit_test_setup_teardown(test_overflow_is_no_number, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_expressions, setup, teardown),
      cmocka_unit_test_setup_teardown(test_text, setup, teardown),
      cmocka_unit_test_setup_teardown(test_signs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_comparisons, setup, teardown),
      cmocka_unit_test_setup_teardown(test_rewriting_keeps_values, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
      cmocka_unit_test_setup_teardown(test_ranges_hold_values, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
