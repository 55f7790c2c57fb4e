// Reading the elements of constants.
#include "compiler/graph/graph.h"
#include <assert.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int64_t tensor_count(const Tensor *tensor) {
  int64_t count = 1;
  for (int i = 0; i < tensor->rank; i++) count *= tensor->dims[i];
  return count;
}

void tensor_page_out(const Tensor *tensor, int64_t from, int64_t bytes) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)tensor->data + (uintptr_t)from;
  uintptr_t end = (start + (uintptr_t)bytes) / page * page;
  start = (start + page - 1) / page * page;
  if (end > start) madvise((void *)start, end - start, MADV_PAGEOUT); // advice: nothing is lost where it is not taken
}

int64_t tensor_bytes(const Tensor *tensor) { return dtype_bytes(tensor->type, tensor_count(tensor)); }

// The bits of element i, in the low end. Elements narrower than a byte are packed, the first in the low bits.
static uint64_t read_bits(const Tensor *tensor, int64_t i) {
  int bits = dtype_bits(tensor->type);
  assert(bits > 0 && bits <= 64);
  const unsigned char *data = tensor->data;
  if (bits < 8) {
    int per_byte = 8 / bits;
    return data[i / per_byte] >> (i % per_byte * bits) & ((1u << bits) - 1);
  }
  uint64_t raw = 0;
  memcpy(&raw, data + i * (bits / 8), (size_t)bits / 8);
  return raw;
}

int64_t tensor_int(const Tensor *tensor, int64_t i) {
  uint64_t raw = read_bits(tensor, i);
  int unused = 64 - dtype_bits(tensor->type);
  if (!dtype_is_signed(tensor->type)) return (int64_t)raw;
  return (int64_t)(raw << unused) >> unused;
}

const Tensor *tensor_unpacked(Arena *arena, const Tensor *tensor) {
  int bits = dtype_bits(tensor->type);
  int64_t count = tensor_count(tensor);
  if (bits == 0 || bits >= 8) return tensor;
  Tensor *copy = NEW(arena, Tensor);
  *copy = *tensor;
  char *data = count ? arena_alloc(arena, (size_t)count) : NULL;
  for (int64_t i = 0; i < count; i++)
    data[i] = (char)(dtype_is_float(tensor->type) ? (int64_t)read_bits(tensor, i) : tensor_int(tensor, i));
  copy->data = data;
  copy->type = dtype_is_signed(tensor->type) ? DT_I8 : DT_U8;
  return copy;
}

// The small float formats. `special` says what the largest exponent means.
typedef enum {
  IEEE,       // infinities and NaNs
  ALL_ONES,   // one NaN with all bits set but the sign, no infinities
  MINUS_ZERO, // one NaN in the place of -0, no infinities
  NONE,       // every code is a number
} Special;

static const struct {
  int exponent_bits, mantissa_bits, bias;
  Special special;
} formats[DT_COUNT] = {
    [DT_F16] = {5, 10, 15, IEEE},        [DT_BF16] = {8, 7, 127, IEEE},
    [DT_F8E4M3FN] = {4, 3, 7, ALL_ONES}, [DT_F8E4M3FNUZ] = {4, 3, 8, MINUS_ZERO},
    [DT_F8E5M2] = {5, 2, 15, IEEE},      [DT_F8E5M2FNUZ] = {5, 2, 16, MINUS_ZERO},
    [DT_F4E2M1] = {2, 1, 1, NONE},
};

static double decode_float(DType type, uint64_t raw) {
  int e_bits = formats[type].exponent_bits, m_bits = formats[type].mantissa_bits, bias = formats[type].bias;
  uint64_t e_max = (1u << e_bits) - 1, m_max = (1u << m_bits) - 1;
  uint64_t mantissa = raw & m_max, exponent = raw >> m_bits & e_max;
  bool negative = raw >> (e_bits + m_bits) & 1;
  Special special = formats[type].special;
  if (special == IEEE && exponent == e_max) return mantissa ? NAN : negative ? -INFINITY : INFINITY;
  if (special == ALL_ONES && exponent == e_max && mantissa == m_max) return NAN;
  if (special == MINUS_ZERO && negative && !exponent && !mantissa) return NAN;
  double x = exponent ? ldexp((double)(mantissa + m_max + 1), (int)exponent - bias - m_bits)
                      : ldexp((double)mantissa, 1 - bias - m_bits);
  return negative ? -x : x;
}

double tensor_float(const Tensor *tensor, int64_t i) {
  uint64_t raw = read_bits(tensor, i);
  float f;
  double d;
  switch (tensor->type) {
  case DT_F32: memcpy(&f, &raw, sizeof f); return f;
  case DT_F64: memcpy(&d, &raw, sizeof d); return d;
  case DT_F8E8M0: return raw == 255 ? NAN : ldexp(1, (int)raw - 127);
  default: return decode_float(tensor->type, raw);
  }
}

uint64_t float_bits(DType type, double x) {
  uint64_t raw = 0;
  float f = (float)x;
  if (type == DT_F64) return memcpy(&raw, &x, sizeof x), raw;
  if (type == DT_F32) return memcpy(&raw, &f, sizeof f), raw;
  if (type == DT_F8E8M0) {
    int power;
    double mantissa = frexp(fabs(x), &power); // x = mantissa·2^power with mantissa in [1/2, 1)
    power += 126 + (mantissa >= 0.75);
    return isnan(x) || power > 254 ? 255 : power < 0 || x == 0 ? 0 : (uint64_t)power;
  }
  assert(formats[type].exponent_bits);
  int e_bits = formats[type].exponent_bits, m_bits = formats[type].mantissa_bits, bias = formats[type].bias;
  uint64_t sign = (uint64_t)1 << (e_bits + m_bits), infinity = ((1u << e_bits) - 1u) << m_bits;
  Special special = formats[type].special;
  uint64_t nan = special == IEEE ? infinity | 1u << (m_bits - 1) : special == MINUS_ZERO ? sign : sign - 1;
  uint64_t beyond = special == IEEE ? infinity : nan; // a type of nothing but numbers has no better than its largest
  if (!signbit(x) || (special == MINUS_ZERO && (x == 0 || !isfinite(x)))) sign = 0;
  if (isnan(x)) return sign | nan;
  if (isinf(x)) return sign | beyond;
  int exponent;
  frexp(x, &exponent);
  exponent = exponent - 1 > 1 - bias && x != 0 ? exponent - 1 : 1 - bias;
  // The leading one adds itself to the exponent's field; so does a carry out of the rounded mantissa.
  double mantissa = nearbyint(ldexp(fabs(x), m_bits - exponent));
  uint64_t code = exponent > bias + 1 ? UINT64_MAX : ((uint64_t)(exponent + bias - 1) << m_bits) + (uint64_t)mantissa;
  if (special == MINUS_ZERO && (code == 0 || code > beyond - 1)) return code ? beyond : 0;
  return sign | (code < beyond ? code : beyond);
}
