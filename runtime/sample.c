// Seeded input values from splitmix64 (Steele, Lea, Flood 2014): one 64-bit number an element, counter based.
#include "runtime/sample.h"

#include "runtime/dtype.h"
#include "runtime/half.h"

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

void sample_fill(uint32_t dtype, void *data, uint64_t count, uint64_t seed, uint32_t input) {
  uint64_t state = mix(seed + 0x9e3779b97f4a7c15u * (input + 1));
  for (uint64_t i = 0; i < count; i++) {
    uint64_t random = mix(state += 0x9e3779b97f4a7c15u);
    float x = (float)(random >> 40) * 0x1p-23f - 1.0f; // both operations are exact
    uint64_t bit = random >> 63;
    switch (dtype) {
    case DTYPE_FLOAT: ((float *)data)[i] = x; break;
    case DTYPE_DOUBLE: ((double *)data)[i] = (double)x; break;
    case DTYPE_FLOAT16: ((uint16_t *)data)[i] = float_to_half(x); break;
    case DTYPE_BFLOAT16: ((uint16_t *)data)[i] = float_to_bfloat(x); break;
    case DTYPE_BOOL:
    case DTYPE_UINT8:
    case DTYPE_INT8: ((uint8_t *)data)[i] = (uint8_t)bit; break;
    case DTYPE_UINT16:
    case DTYPE_INT16: ((uint16_t *)data)[i] = (uint16_t)bit; break;
    case DTYPE_UINT32:
    case DTYPE_INT32: ((uint32_t *)data)[i] = (uint32_t)bit; break;
    case DTYPE_UINT64:
    case DTYPE_INT64: ((uint64_t *)data)[i] = bit; break;
    default: return;
    }
  }
}
