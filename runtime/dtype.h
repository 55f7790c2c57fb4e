// Element types of tensors at the executable's border: one row each, with its names in ONNX, NumPy and the Open
// Inference Protocol. The runtime is little-endian, as all its targets and all these formats are.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// number: ONNX TensorProto.DataType. digits: significant decimals that give back the same value. Elements of fewer than
// 8 bits are packed, the lowest bits first; .npy files hold one in each byte, as the package ml_dtypes writes them. A
// string is a ModelString.
// X(symbol, number, name, protocol name, NumPy descr, bits, kind, digits)
#define DTYPES(X)                                                                                                      \
  X(FLOAT, 1, "float32", "FP32", "<f4", 32, KIND_FLOAT, 9)                                                             \
  X(UINT8, 2, "uint8", "UINT8", "|u1", 8, KIND_UNSIGNED, 3)                                                            \
  X(INT8, 3, "int8", "INT8", "|i1", 8, KIND_SIGNED, 4)                                                                 \
  X(UINT16, 4, "uint16", "UINT16", "<u2", 16, KIND_UNSIGNED, 5)                                                        \
  X(INT16, 5, "int16", "INT16", "<i2", 16, KIND_SIGNED, 6)                                                             \
  X(INT32, 6, "int32", "INT32", "<i4", 32, KIND_SIGNED, 11)                                                            \
  X(INT64, 7, "int64", "INT64", "<i8", 64, KIND_SIGNED, 20)                                                            \
  X(STRING, 8, "string", "BYTES", "<U", 128, KIND_STRING, 0)                                                           \
  X(BOOL, 9, "bool", "BOOL", "|b1", 8, KIND_BOOL, 1)                                                                   \
  X(FLOAT16, 10, "float16", "FP16", "<f2", 16, KIND_FLOAT, 5)                                                          \
  X(DOUBLE, 11, "float64", "FP64", "<f8", 64, KIND_FLOAT, 17)                                                          \
  X(UINT32, 12, "uint32", "UINT32", "<u4", 32, KIND_UNSIGNED, 10)                                                      \
  X(UINT64, 13, "uint64", "UINT64", "<u8", 64, KIND_UNSIGNED, 20)                                                      \
  X(COMPLEX64, 14, "complex64", "COMPLEX64", "<c8", 64, KIND_COMPLEX, 9)                                               \
  X(COMPLEX128, 15, "complex128", "COMPLEX128", "<c16", 128, KIND_COMPLEX, 17)                                         \
  X(BFLOAT16, 16, "bfloat16", "BF16", "|V2", 16, KIND_FLOAT, 4)                                                        \
  X(FLOAT8E4M3FN, 17, "float8e4m3fn", "FP8E4M3FN", "|V1", 8, KIND_FLOAT, 3)                                            \
  X(FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", "FP8E4M3FNUZ", "|V1", 8, KIND_FLOAT, 3)                                      \
  X(FLOAT8E5M2, 19, "float8e5m2", "FP8E5M2", "|V1", 8, KIND_FLOAT, 2)                                                  \
  X(FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", "FP8E5M2FNUZ", "|V1", 8, KIND_FLOAT, 2)                                      \
  X(UINT4, 21, "uint4", "UINT4", "|V1", 4, KIND_UNSIGNED, 2)                                                           \
  X(INT4, 22, "int4", "INT4", "|V1", 4, KIND_SIGNED, 2)                                                                \
  X(FLOAT4E2M1, 23, "float4e2m1", "FP4E2M1", "|V1", 4, KIND_FLOAT, 2)                                                  \
  X(FLOAT8E8M0, 24, "float8e8m0", "FP8E8M0", "|V1", 8, KIND_FLOAT, 17)                                                 \
  X(UINT2, 25, "uint2", "UINT2", "|V1", 2, KIND_UNSIGNED, 1)                                                           \
  X(INT2, 26, "int2", "INT2", "|V1", 2, KIND_SIGNED, 2)

enum {
#define X(symbol, number, ...) DTYPE_##symbol = number,
  DTYPES(X)
#undef X
};

typedef enum { KIND_FLOAT, KIND_SIGNED, KIND_UNSIGNED, KIND_BOOL, KIND_COMPLEX, KIND_STRING } DtypeKind;

typedef struct {
  uint32_t number;
  const char *name, *protocol, *numpy;
  uint32_t bits;
  DtypeKind kind;
  int digits;
} Dtype;

// NULL where no row has that number, protocol name or NumPy descr. `expected` chooses among rows of one descr.
const Dtype *find_dtype(uint32_t number);
const Dtype *find_dtype_by_protocol(const char *name, size_t length);
const Dtype *find_dtype_by_numpy(const char *descr, size_t length, uint32_t expected);
// Bytes of `count` elements; false on overflow.
bool measure_elements(const Dtype *dtype, uint64_t count, uint64_t *bytes);

// Element i of a type of fewer than 8 bits.
uint32_t load_bits(const Dtype *dtype, const void *data, uint64_t i);
// Stores the low bits of `bits` as element i of a type of at most 64 bits.
void store_bits(const Dtype *dtype, void *data, uint64_t i, uint64_t bits);
// Element i of a number type as double (64-bit integers beyond 2^53 are rounded).
double read_element(const Dtype *dtype, const void *data, uint64_t i);
// Element i of an integer or boolean type; *negative tells that the value is -magnitude.
uint64_t read_integer(const Dtype *dtype, const void *data, uint64_t i, bool *negative);
// Store a number as element i. False where the type cannot hold it: out of range, or not integral. Floats overflow to
// infinity, as a conversion does, where they have one; a bool takes 0 and 1.
bool write_element(const Dtype *dtype, void *data, uint64_t i, double value);
bool write_integer(const Dtype *dtype, void *data, uint64_t i, uint64_t magnitude, bool negative);
// Kernels may rely on booleans being 0 or 1: makes them so where the type is bool.
void settle_bools(const Dtype *dtype, uint8_t *data, uint64_t count);

// "float32[batch,3,?,224]" in `text`, cut where it does not fit. names: of dims that are -1, or NULL; most: bounds of
// these, or NULL: "float32[batch<=8,3]". Returns text.
char *describe_tensor(char *text, size_t size, const Dtype *dtype, uint32_t rank, const int64_t *dims,
                      const char *const *names, const int64_t *most);
// The product of the dims; false on overflow or a negative dim.
bool count_elements(uint32_t rank, const int64_t *dims, uint64_t *count);
