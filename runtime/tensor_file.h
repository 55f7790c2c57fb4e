// One tensor from and to the formats of files: NumPy's .npy, ONNX's TensorProto (.pb), JSON text. Every reader checks
// dtype and shape against what the model declares and fills the packed tensor; nothing is converted silently.
#pragma once
#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/model.h"
#include "runtime/system.h"

enum { TENSOR_RANK = 32, NPY_HEAD = 1024 };

typedef struct {
  uint32_t rank;
  int64_t dims[TENSOR_RANK];
} Shape;

// Whether a file's tensor is the declared one; else says both. dtype_text names a dtype that is not known (NULL).
bool match_tensor(const ModelTensor *tensor, const Dtype *dtype, const char *dtype_text, const Shape *shape,
                  const char *source, Error *error);

// `source` is the file's name for messages. `to` takes tensor->bytes bytes and is unspecified after a failure.
bool read_npy(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source, Error *error);
bool read_tensor_proto(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source,
                       Error *error);
bool read_raw(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source, Error *error);

bool write_tensor_proto(Output *output, const ModelTensor *tensor, const void *data, Error *error);
// The .npy header of a tensor (version 1.0); returns its length, 0 where the rank is too large.
size_t make_npy_head(char head[NPY_HEAD], const ModelTensor *tensor);

// The value that follows in the JSON text: a number, or an array, nested as the dims say or flat in row-major order.
// Integers must be written without loss; NaN and infinities are the strings "NaN", "Infinity" and "-Infinity".
bool read_json_tensor(JsonReader *json, const ModelTensor *tensor, void *to, Error *error);
// The tensor as nested arrays, or flat. The same strings stand for what JSON has no number for.
void put_json_tensor(JsonWriter *json, const ModelTensor *tensor, const void *data, bool nested);
// Bytes that put_json_tensor(flat) writes at most; false on overflow.
bool bound_json_tensor(const ModelTensor *tensor, uint64_t *bytes);
