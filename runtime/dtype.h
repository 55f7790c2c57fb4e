// Element types of tensors at the executable's border: one row each, with its names in ONNX, NumPy and the Open
// Inference Protocol. The runtime is little-endian, as all its targets and all these formats are.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// number: ONNX TensorProto.DataType. digits: significant decimals that give back the same value.
// X(symbol, number, name, protocol name, NumPy descr, bytes, kind, digits)
#define DTYPES(X)                                                                                                      \
  X(FLOAT, 1, "float32", "FP32", "<f4", 4, KIND_FLOAT, 9)                                                              \
  X(UINT8, 2, "uint8", "UINT8", "|u1", 1, KIND_UNSIGNED, 3)                                                            \
  X(INT8, 3, "int8", "INT8", "|i1", 1, KIND_SIGNED, 4)                                                                 \
  X(UINT16, 4, "uint16", "UINT16", "<u2", 2, KIND_UNSIGNED, 5)                                                         \
  X(INT16, 5, "int16", "INT16", "<i2", 2, KIND_SIGNED, 6)                                                              \
  X(INT32, 6, "int32", "INT32", "<i4", 4, KIND_SIGNED, 11)                                                             \
  X(INT64, 7, "int64", "INT64", "<i8", 8, KIND_SIGNED, 20)                                                             \
  X(BOOL, 9, "bool", "BOOL", "|b1", 1, KIND_BOOL, 1)                                                                   \
  X(FLOAT16, 10, "float16", "FP16", "<f2", 2, KIND_FLOAT, 5)                                                           \
  X(DOUBLE, 11, "float64", "FP64", "<f8", 8, KIND_FLOAT, 17)                                                           \
  X(UINT32, 12, "uint32", "UINT32", "<u4", 4, KIND_UNSIGNED, 10)                                                       \
  X(UINT64, 13, "uint64", "UINT64", "<u8", 8, KIND_UNSIGNED, 20)                                                       \
  X(BFLOAT16, 16, "bfloat16", "BF16", "|V2", 2, KIND_FLOAT, 4)

enum {
#define X(symbol, number, ...) DTYPE_##symbol = number,
  DTYPES(X)
#undef X
};

typedef enum { KIND_FLOAT, KIND_SIGNED, KIND_UNSIGNED, KIND_BOOL } DtypeKind;

typedef struct {
  uint32_t number;
  const char *name, *protocol, *numpy;
  uint32_t bytes;
  DtypeKind kind;
  int digits;
} Dtype;

// NULL where no row has that number, protocol name or NumPy descr.
const Dtype *find_dtype(uint32_t number);
const Dtype *find_dtype_by_protocol(const char *name, size_t length);
const Dtype *find_dtype_by_numpy(const char *descr, size_t length);

// Element i as double (64-bit integers beyond 2^53 are rounded).
double read_element(const Dtype *dtype, const void *data, uint64_t i);
// Element i of an integer or boolean type; *negative tells that the value is -magnitude.
uint64_t read_integer(const Dtype *dtype, const void *data, uint64_t i, bool *negative);
// Store a number as element i. False where the type cannot hold it: out of range, or not integral. Floats overflow to
// infinity, as a conversion does; a bool takes 0 and 1.
bool write_element(const Dtype *dtype, void *data, uint64_t i, double value);
bool write_integer(const Dtype *dtype, void *data, uint64_t i, uint64_t magnitude, bool negative);

// "float32[1,3,224,224]" in `text`, cut where it does not fit. Returns text.
char *describe_tensor(char *text, size_t size, const Dtype *dtype, uint32_t rank, const int64_t *dims);
// The product of the dims; false on overflow or a negative dim.
bool count_elements(uint32_t rank, const int64_t *dims, uint64_t *count);
