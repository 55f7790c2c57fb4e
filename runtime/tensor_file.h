// Inputs from and outputs to the formats of files: NumPy's .npy, ONNX's protobufs (.pb), JSON text, raw bytes. Every
// reader checks dtype and shape against what the model declares and fills the value; nothing is converted silently.
#pragma once
#include "runtime/json.h"
#include "runtime/value.h"

enum { NPY_HEAD = 1024 };

// `source` is the file's name for messages. The value is unspecified after a failure.
bool read_npy(const uint8_t *data, size_t size, Value *value, const char *source, Error *error);
bool read_proto(const uint8_t *data, size_t size, Value *value, const char *source, Error *error);
bool read_raw(const uint8_t *data, size_t size, Value *value, const char *source, Error *error);

bool write_proto(Output *output, const Value *value, Error *error);

// A .npy file (version 1.0) in two pieces.
typedef struct {
  char head[NPY_HEAD];
  size_t head_size;
  const void *body;
  size_t body_size;
  void *own; // the body where it is not the tensor's data
} NpyFile;
bool make_npy(NpyFile *file, const Tensor *tensor, Error *error);
void free_npy(NpyFile *file);

// The value that follows in the JSON text. A tensor is a number or string, or an array, nested as the dims say or,
// where these are known, flat in row-major order. Integers must be written without loss; NaN and infinities are the
// strings "NaN", "Infinity" and "-Infinity"; a complex number is an array of two. A sequence is an array, an optional
// null or a value, a map an object. shape: of a tensor, where the source tells; else NULL.
bool read_json_value(JsonReader *json, Value *value, const Shape *shape, Error *error);
// The same in the other direction; strings that are no UTF-8 get U+FFFD. nested: arrays, else flat.
void put_json_value(JsonWriter *json, const Value *value, bool nested);
// Bytes that put_json_value(flat) writes at most; false where only the run tells.
bool bound_json_value(const ModelTensor *tensor, uint64_t *bytes);
