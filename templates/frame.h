// What `--emit=c` makes of numbers that only a run tells. They stand in the frame (runtime/model.h); behind the buffers
// of a step that reads some lie pointers to the frame and to the list of the step's slots.
#pragma once
#include "templates/template.h"

// Number `local` of a step with `refs` buffers.
HELPER idx frame_number(void *const *bufs, idx refs, idx local) {
  const int64_t *frame = bufs[refs];
  const uint32_t *slots = bufs[refs + 1];
  return (idx)frame[slots[local]];
}

HELPER void *at_byte(void *start, idx bytes) { return (char *)start + bytes; }

// Arithmetic on the frame. An overflow is noted in *overflow.
HELPER int64_t dim_add(int64_t a, int64_t b, int *overflow) {
  int64_t sum;
  *overflow |= __builtin_add_overflow(a, b, &sum);
  return sum;
}
HELPER int64_t dim_mul(int64_t a, int64_t b, int *overflow) {
  int64_t product;
  *overflow |= __builtin_mul_overflow(a, b, &product);
  return product;
}

// The quotient is rounded down, the remainder has the divisor's sign; of a division by 0 both are 0.
HELPER int64_t dim_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return (int64_t)(0 - (uint64_t)a);
  return a / b - (a % b != 0 && (a % b ^ b) < 0);
}
HELPER int64_t dim_mod(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  return a % b + (a % b != 0 && (a % b ^ b) < 0 ? b : 0);
}

HELPER int64_t dim_min(int64_t a, int64_t b) { return a < b ? a : b; }
HELPER int64_t dim_max(int64_t a, int64_t b) { return a > b ? a : b; }
HELPER int64_t dim_equals(int64_t a, int64_t b) { return a == b; }
HELPER int64_t dim_less(int64_t a, int64_t b) { return a < b; }
HELPER int64_t dim_choose(int64_t condition, int64_t a, int64_t b) { return condition ? a : b; }
