// The table of element types, and access to one element of any of them.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/half.h"
#include "runtime/minifloat.h"

static const Dtype dtypes[] = {
#define X(symbol, number, name, protocol, numpy, bits, kind, digits)                                                   \
  {number, name, protocol, numpy, bits, kind, digits},
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

// One byte has no order ('|u1', '<u1' and '>u1' are the same), nor have types that NumPy does not know.
static bool has_descr(const Dtype *dtype, const char *descr, size_t length) {
  if (dtype->kind == KIND_STRING) return length > 2 && (descr[1] == 'S' || (descr[0] == '<' && descr[1] == 'U'));
  if (dtype->number == DTYPE_FLOAT8E5M2 && length == 3 && memcmp(descr + 1, "f1", 2) == 0)
    return true; // ml_dtypes' name
  size_t skipped = dtype->bits <= 8 || dtype->numpy[1] == 'V';
  return length > skipped && equals(dtype->numpy + skipped, descr + skipped, length - skipped);
}

const Dtype *find_dtype_by_numpy(const char *descr, size_t length, uint32_t expected) {
  const Dtype *dtype = find_dtype(expected);
  if (dtype && has_descr(dtype, descr, length)) return dtype;
  for (size_t i = 0; i < DTYPE_COUNT; i++)
    if (strcmp(dtypes[i].numpy, "|V1") != 0 && has_descr(&dtypes[i], descr, length)) return &dtypes[i];
  return NULL;
}

bool measure_elements(const Dtype *dtype, uint64_t count, uint64_t *bytes) {
  if (dtype->bits >= 8) return !__builtin_mul_overflow(count, dtype->bits / 8, bytes);
  uint64_t each = 8 / dtype->bits;
  *bytes = count / each + (count % each != 0);
  return true;
}

uint32_t load_bits(const Dtype *dtype, const void *data, uint64_t i) {
  uint64_t each = 8 / dtype->bits;
  return ((const uint8_t *)data)[i / each] >> (i % each * dtype->bits) & ((1u << dtype->bits) - 1);
}

uint64_t read_integer(const Dtype *dtype, const void *data, uint64_t i, bool *negative) {
  int64_t value;
  switch (dtype->number) {
  case DTYPE_INT2:
  case DTYPE_INT4: value = (int32_t)(load_bits(dtype, data, i) << (32 - dtype->bits)) >> (32 - dtype->bits); break;
  case DTYPE_INT8: value = ((const int8_t *)data)[i]; break;
  case DTYPE_INT16: value = ((const int16_t *)data)[i]; break;
  case DTYPE_INT32: value = ((const int32_t *)data)[i]; break;
  case DTYPE_INT64: value = ((const int64_t *)data)[i]; break;
  default:
    *negative = false;
    if (dtype->kind == KIND_BOOL) return ((const uint8_t *)data)[i] != 0;
    return dtype->bits < 8     ? load_bits(dtype, data, i)
           : dtype->bits == 8  ? ((const uint8_t *)data)[i]
           : dtype->bits == 16 ? ((const uint16_t *)data)[i]
           : dtype->bits == 32 ? ((const uint32_t *)data)[i]
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
  if (dtype->kind == KIND_FLOAT)
    return read_minifloat(dtype->number, dtype->bits < 8 ? load_bits(dtype, data, i) : ((const uint8_t *)data)[i]);
  bool negative;
  double magnitude = (double)read_integer(dtype, data, i, &negative);
  return negative ? -magnitude : magnitude;
}

void store_bits(const Dtype *dtype, void *data, uint64_t i, uint64_t bits) {
  switch (dtype->bits) {
  case 8: ((uint8_t *)data)[i] = (uint8_t)bits; break;
  case 16: ((uint16_t *)data)[i] = (uint16_t)bits; break;
  case 32: ((uint32_t *)data)[i] = (uint32_t)bits; break;
  case 64: ((uint64_t *)data)[i] = bits; break;
  default: { // packed
    uint64_t each = 8 / dtype->bits;
    unsigned mask = (1u << dtype->bits) - 1, shift = (unsigned)(i % each) * dtype->bits;
    uint8_t *byte = (uint8_t *)data + i / each;
    *byte = (uint8_t)((*byte & ~(mask << shift)) | ((unsigned)bits & mask) << shift);
  }
  }
}

bool write_integer(const Dtype *dtype, void *data, uint64_t i, uint64_t magnitude, bool negative) {
  if (dtype->kind == KIND_FLOAT)
    return write_element(dtype, data, i, negative ? -(double)magnitude : (double)magnitude);
  uint64_t limit; // the largest magnitude that fits
  uint32_t bits = dtype->bits;
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
  if (dtype->kind == KIND_FLOAT) {
    uint8_t code;
    if (!write_minifloat(dtype->number, value, &code)) return false;
    store_bits(dtype, data, i, code);
    return true;
  }
  double magnitude = value < 0 ? -value : value;
  if (!(magnitude < 0x1p64)) return false; // NaN too
  uint64_t integer = (uint64_t)magnitude;
  return (double)integer == magnitude && write_integer(dtype, data, i, integer, value < 0);
}

void settle_bools(const Dtype *dtype, uint8_t *data, uint64_t count) {
  if (dtype->kind != KIND_BOOL) return;
  for (uint64_t i = 0; i < count; i++) data[i] = data[i] != 0;
}

char *describe_tensor(char *text, size_t size, const Dtype *dtype, uint32_t rank, const int64_t *dims,
                      const char *const *names, const int64_t *most) {
  size_t used = (size_t)snprintf(text, size, "%s[", dtype ? dtype->name : "unknown");
  for (uint32_t i = 0; i < rank && used + 48 < size; i++) {
    const char *comma = i ? "," : "", *name = names && names[i] ? names[i] : "?";
    if (dims[i] < 0 && most && most[i] >= 0)
      used += (size_t)snprintf(text + used, size - used, "%s%.20s<=%" PRId64, comma, name, most[i]);
    else if (dims[i] < 0)
      used += (size_t)snprintf(text + used, size - used, "%s%.20s", comma, name);
    else
      used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, comma, dims[i]);
  }
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
