// Facts about element types, all out of the table in graph.h.
#include "compiler/graph/graph.h"

static const struct {
  const char *name;
  int bits;
} dtypes[DT_COUNT] = {
#define X(type, number, bits, name) [type] = {name, bits},
    DTYPES(X)
#undef X
};

static bool is_dtype(DType type) { return (unsigned)type < DT_COUNT; }

const char *dtype_name(DType type) { return is_dtype(type) ? dtypes[type].name : "unknown type"; }

int dtype_bits(DType type) { return is_dtype(type) ? dtypes[type].bits : 0; }

int dtype_unit(DType type) { return type == DT_STRING ? 16 : (dtype_bits(type) + 7) / 8; }

enum {
  SMALL_FLOATS =
      1 << DT_F8E4M3FN | 1 << DT_F8E4M3FNUZ | 1 << DT_F8E5M2 | 1 << DT_F8E5M2FNUZ | 1 << DT_F4E2M1 | 1 << DT_F8E8M0,
  FLOATS = 1 << DT_F32 | 1 << DT_F16 | 1 << DT_F64 | 1 << DT_BF16 | SMALL_FLOATS,
  SIGNED_INTS = 1 << DT_I8 | 1 << DT_I16 | 1 << DT_I32 | 1 << DT_I64 | 1 << DT_I4 | 1 << DT_I2
};

bool dtype_is_float(DType type) { return is_dtype(type) && (FLOATS >> type & 1); }

bool dtype_is_small_float(DType type) { return is_dtype(type) && (SMALL_FLOATS >> type & 1); }

bool dtype_is_signed(DType type) { return is_dtype(type) && type != DT_F8E8M0 && ((FLOATS | SIGNED_INTS) >> type & 1); }

int64_t dtype_bytes(DType type, int64_t count) {
  int bits = dtype_bits(type);
  if (bits == 0) return 0;
  if (bits < 8) return count / (8 / bits) + (count % (8 / bits) != 0);
  int64_t bytes;
  return mul_size(count, bits / 8, &bytes) ? bytes : -1;
}
