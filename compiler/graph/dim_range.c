// What values a dim can have: interval arithmetic. The ends of int64 stand for no bound.
#include "compiler/graph/graph.h"

static DimRange range(int64_t low, int64_t high) { return (DimRange){low, high}; }
static bool is_open(int64_t end) { return end == INT64_MIN || end == INT64_MAX; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t add_ends(int64_t a, int64_t b, int64_t open) {
  int64_t sum;
  return a == open || b == open || __builtin_add_overflow(a, b, &sum) ? open : sum;
}

static int64_t mul_ends(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0) return 0;
  if (!is_open(a) && !is_open(b) && !__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static DimRange mul_ranges(DimRange a, DimRange b) {
  int64_t w = mul_ends(a.low, b.low), x = mul_ends(a.low, b.high), y = mul_ends(a.high, b.low),
          z = mul_ends(a.high, b.high);
  return range(least(least(w, x), least(y, z)), most(most(w, x), most(y, z)));
}

// b > 0
static int64_t div_ends(int64_t a, int64_t b) {
  if (is_open(a)) return a;
  return a / b - (a % b < 0);
}

// A division by 0 gives 0.
static DimRange div_ranges(DimRange a, DimRange b) {
  if (b.low > 0)
    return range(least(div_ends(a.low, b.low), div_ends(a.low, b.high)),
                 most(div_ends(a.high, b.low), div_ends(a.high, b.high)));
  if (a.low >= 0 && b.low >= 0) return range(0, a.high);
  if (is_open(a.low) || is_open(a.high)) return range(INT64_MIN, INT64_MAX);
  int64_t furthest = most(most(a.low, -a.low), most(a.high, -a.high));
  return range(-furthest, furthest);
}

// A remainder has the divisor's sign.
static DimRange mod_ranges(DimRange a, DimRange b) {
  DimRange result = range(b.low >= 0 ? 0 : b.low, b.high <= 0 ? 0 : is_open(b.high) ? b.high : b.high - 1);
  if (a.low >= 0 && b.low >= 0) result.high = least(result.high, a.high);
  return result;
}

DimRange dim_range(Dim d) { return d.expr ? d.expr->range : range(d.value, d.value); }
int64_t dim_most(Dim d) { return dim_range(d).high; }

DimRange dim_range_of(DimOp op, Dim x, Dim y, Dim z) {
  DimRange a = dim_range(x), b = dim_range(y), c = dim_range(z);
  switch (op) {
  case DIM_ADD: return range(add_ends(a.low, b.low, INT64_MIN), add_ends(a.high, b.high, INT64_MAX));
  case DIM_MUL: return mul_ranges(a, b);
  case DIM_DIV: return div_ranges(a, b);
  case DIM_MOD: return mod_ranges(a, b);
  case DIM_MIN: return range(least(a.low, b.low), least(a.high, b.high));
  case DIM_MAX: return range(most(a.low, b.low), most(a.high, b.high));
  case DIM_EQ:
  case DIM_LT: return range(0, 1);
  case DIM_CHOOSE: return range(least(b.low, c.low), most(b.high, c.high));
  case DIM_SYMBOL: break;
  }
  return range(0, INT64_MAX);
}
