// The table of element types, and access to one element of any of them.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/half.h"

static const Dtype dtypes[] = {
#define X(symbol, number, name, protocol, numpy, bytes, kind, digits)                                                  \
  {number, name, protocol, numpy, bytes, kind, digits},
    DTYPES(X)
#undef X
};
enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

const Dtype *find_dtype(uint32_t number) {
  for (size_t i = 0; i < DTYPE_COUNT; i++)
    if (dtypes[i].number == number) return &dtypes[i];
  return NULL;
}

static bool equals(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

const Dtype *find_dtype_by_protocol(const char *name, size_t length) {
  for (size_t i = 0; i < DTYPE_COUNT; i++)
    if (equals(dtypes[i].protocol, name, length)) return &dtypes[i];
  return NULL;
}

const Dtype *find_dtype_by_numpy(const char *descr, size_t length) {
  for (size_t i = 0; i < DTYPE_COUNT; i++) {
    if (equals(dtypes[i].numpy, descr, length)) return &dtypes[i];
    // One byte has no order: '|u1', '<u1' and '>u1' are the same.
    if (dtypes[i].bytes == 1 && length == 3 && equals(dtypes[i].numpy + 1, descr + 1, 2)) return &dtypes[i];
  }
  return NULL;
}

uint64_t read_integer(const Dtype *dtype, const void *data, uint64_t i, bool *negative) {
  int64_t value;
  switch (dtype->number) {
  case DTYPE_INT8: value = ((const int8_t *)data)[i]; break;
  case DTYPE_INT16: value = ((const int16_t *)data)[i]; break;
  case DTYPE_INT32: value = ((const int32_t *)data)[i]; break;
  case DTYPE_INT64: value = ((const int64_t *)data)[i]; break;
  default:
    *negative = false;
    if (dtype->kind == KIND_BOOL) return ((const uint8_t *)data)[i] != 0;
    return dtype->bytes == 1   ? ((const uint8_t *)data)[i]
           : dtype->bytes == 2 ? ((const uint16_t *)data)[i]
           : dtype->bytes == 4 ? ((const uint32_t *)data)[i]
                               : ((const uint64_t *)data)[i];
  }
  *negative = value < 0;
  return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

double read_element(const Dtype *dtype, const void *data, uint64_t i) {
  switch (dtype->number) {
  case DTYPE_FLOAT: return (double)((const float *)data)[i];
  case DTYPE_DOUBLE: return ((const double *)data)[i];
  case DTYPE_FLOAT16: return (double)half_to_float(((const uint16_t *)data)[i]);
  case DTYPE_BFLOAT16: return (double)bfloat_to_float(((const uint16_t *)data)[i]);
  }
  bool negative;
  double magnitude = (double)read_integer(dtype, data, i, &negative);
  return negative ? -magnitude : magnitude;
}

static void store_bits(const Dtype *dtype, void *data, uint64_t i, uint64_t bits) {
  switch (dtype->bytes) {
  case 1: ((uint8_t *)data)[i] = (uint8_t)bits; break;
  case 2: ((uint16_t *)data)[i] = (uint16_t)bits; break;
  case 4: ((uint32_t *)data)[i] = (uint32_t)bits; break;
  default: ((uint64_t *)data)[i] = bits; break;
  }
}

bool write_integer(const Dtype *dtype, void *data, uint64_t i, uint64_t magnitude, bool negative) {
  if (dtype->kind == KIND_FLOAT)
    return write_element(dtype, data, i, negative ? -(double)magnitude : (double)magnitude);
  uint64_t limit; // the largest magnitude that fits
  uint32_t bits = dtype->bytes * 8;
  if (dtype->kind == KIND_BOOL)
    limit = 1;
  else if (dtype->kind == KIND_UNSIGNED)
    limit = UINT64_MAX >> (64 - bits);
  else
    limit = (UINT64_MAX >> (65 - bits)) + negative;
  if (negative && dtype->kind != KIND_SIGNED) limit = 0;
  if (magnitude > limit) return false;
  store_bits(dtype, data, i, negative ? 0 - magnitude : magnitude);
  return true;
}

// To float32 by rounding to odd, so that a second rounding to 16 bits gives what one rounding from double would.
static float narrow_to_odd(double value) {
  float x = (float)value;
  if ((double)x == value || value != value || x - x != 0) return x;
  uint32_t bits = float_bits(x);
  bool beyond = value < 0 ? (double)x < value : (double)x > value;
  return float_from_bits((bits - beyond) | 1);
}

bool write_element(const Dtype *dtype, void *data, uint64_t i, double value) {
  switch (dtype->number) {
  case DTYPE_FLOAT: ((float *)data)[i] = (float)value; return true;
  case DTYPE_DOUBLE: ((double *)data)[i] = value; return true;
  case DTYPE_FLOAT16: ((uint16_t *)data)[i] = float_to_half(narrow_to_odd(value)); return true;
  case DTYPE_BFLOAT16: ((uint16_t *)data)[i] = float_to_bfloat(narrow_to_odd(value)); return true;
  }
  double magnitude = value < 0 ? -value : value;
  if (!(magnitude < 0x1p64)) return false; // NaN too
  uint64_t integer = (uint64_t)magnitude;
  return (double)integer == magnitude && write_integer(dtype, data, i, integer, value < 0);
}

char *describe_tensor(char *text, size_t size, const Dtype *dtype, uint32_t rank, const int64_t *dims) {
  size_t used = (size_t)snprintf(text, size, "%s[", dtype ? dtype->name : "unknown");
  for (uint32_t i = 0; i < rank && used + 24 < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? "," : "", dims[i]);
  if (used + 1 < size) snprintf(text + used, size - used, "]");
  return text;
}

bool count_elements(uint32_t rank, const int64_t *dims, uint64_t *count) {
  uint64_t product = 1;
  for (uint32_t i = 0; i < rank; i++)
    if (dims[i] < 0 || __builtin_mul_overflow(product, (uint64_t)dims[i], &product)) return false;
  *count = product;
  return true;
}
