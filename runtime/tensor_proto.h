// ONNX's TensorProto (onnx.proto) from and to its wire format.
#pragma once
#include "runtime/value.h"
#include "runtime/wire.h"

typedef struct {
  Wire whole, raw;
  Shape shape;
  const Dtype *dtype;
  uint64_t data_type;
  bool external;
} TensorMessage;

// Finds out what the message holds. source: the file's name for messages.
bool open_tensor(Wire wire, TensorMessage *message, const char *source, Error *error);
// Its `count` elements to `to`; false where it does not hold so many.
bool fill_tensor(const TensorMessage *message, StringPool *pool, void *to, uint64_t count, const char *source,
                 Error *error);
// Both, into the place that the value gives.
bool read_tensor(Wire wire, Value *value, const char *source, Error *error);
// name: NULL leaves it out.
void put_tensor(WireWriter *wire, const Tensor *tensor, const char *name);
