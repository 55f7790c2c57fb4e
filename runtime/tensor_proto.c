// TensorProto: its values lie in raw_data, or in a field of numbers of some type.
#include "runtime/tensor_proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Of TensorProto.
enum {
  FIELD_DIMS = 1,
  FIELD_DATA_TYPE = 2,
  FIELD_FLOATS = 4,
  FIELD_INT32S = 5,
  FIELD_STRINGS = 6,
  FIELD_INT64S = 7,
  FIELD_NAME = 8,
  FIELD_RAW = 9,
  FIELD_DOUBLES = 10,
  FIELD_UINT64S = 11,
  FIELD_LOCATION = 14,
};

// How a dtype's values lie in a field of numbers when raw_data does not hold them: float16 and narrower types as their
// bits, those of fewer than 8 bits packed into bytes.
typedef struct {
  uint32_t field;
  uint32_t bytes; // of a number once it is stored
  bool fixed;     // no varints
} Typed;

static Typed find_typed(const Dtype *dtype) {
  switch (dtype->number) {
  case DTYPE_COMPLEX64:
  case DTYPE_FLOAT: return (Typed){FIELD_FLOATS, 4, true};
  case DTYPE_COMPLEX128:
  case DTYPE_DOUBLE: return (Typed){FIELD_DOUBLES, 8, true};
  case DTYPE_INT64: return (Typed){FIELD_INT64S, 8, false};
  case DTYPE_UINT32:
  case DTYPE_UINT64: return (Typed){FIELD_UINT64S, dtype->bits / 8, false};
  default: return (Typed){FIELD_INT32S, dtype->bits < 8 ? 1 : dtype->bits / 8, false};
  }
}

// Stores the numbers of one occurrence of a field, packed or single, behind the *count that there are.
static bool store_numbers(const Field *field, const Typed *typed, uint8_t *to, uint64_t limit, uint64_t *count) {
  Wire wire = field->bytes;
  bool single = field->type == 0;
  while (single || wire.at < wire.end) {
    uint64_t bits = field->value;
    if (*count >= limit) return false;
    if (typed->fixed) {
      if (single || (size_t)(wire.end - wire.at) < typed->bytes) return false;
      memcpy(&bits, wire.at, typed->bytes);
      wire.at += typed->bytes;
    } else if (!single && !take_varint(&wire, &bits)) {
      return false;
    }
    memcpy(to + *count * typed->bytes, &bits, typed->bytes); // the low bytes come first
    ++*count;
    if (single) break;
  }
  return true;
}

static bool scan_tensor(Wire wire, TensorMessage *message) {
  *message = (TensorMessage){.whole = wire};
  Shape *shape = &message->shape;
  while (wire.at < wire.end) {
    Field field;
    if (!take_field(&wire, &field)) return false;
    if (field.field == FIELD_DATA_TYPE && field.type == 0) message->data_type = field.value;
    if (field.field == FIELD_LOCATION && field.type == 0) message->external = field.value == 1;
    if (field.field == FIELD_RAW && field.type == 2) message->raw = field.bytes;
    if (field.field != FIELD_DIMS) continue;
    bool single = field.type == 0;
    while (single || field.bytes.at < field.bytes.end) {
      if (!single && !take_varint(&field.bytes, &field.value)) return false;
      if (shape->rank == TENSOR_RANK) return false;
      shape->dims[shape->rank++] = (int64_t)field.value;
      if (single) break;
    }
  }
  message->dtype = message->data_type <= UINT32_MAX ? find_dtype((uint32_t)message->data_type) : NULL;
  return true;
}

// The most elements that the message can hold.
static uint64_t bound_count(const TensorMessage *message) {
  uint64_t size = (uint64_t)(message->whole.end - message->whole.at);
  return message->dtype && message->dtype->bits < 8 ? size * (8 / message->dtype->bits) : size;
}

static bool fill_strings(const TensorMessage *message, StringPool *pool, ModelString *to, uint64_t count,
                         Error *error) {
  uint64_t used = 0;
  for (Wire wire = message->whole; wire.at < wire.end;) {
    Field field;
    if (!take_field(&wire, &field)) return false;
    if (field.field != FIELD_STRINGS) continue;
    if (field.type != 2 || used == count) return false;
    const char *text = (const char *)field.bytes.at;
    if (!add_string(pool, text, (uint64_t)(field.bytes.end - field.bytes.at), &to[used++], error)) return false;
  }
  return used == count;
}

static bool fill_numbers(const TensorMessage *message, uint8_t *to, uint64_t bytes) {
  if (message->raw.at) {
    bool whole = (uint64_t)(message->raw.end - message->raw.at) == bytes;
    if (whole && bytes > 0) memcpy(to, message->raw.at, bytes);
    return whole;
  }
  const Typed typed = find_typed(message->dtype);
  uint64_t used = 0;
  for (Wire wire = message->whole; wire.at < wire.end;) {
    Field field;
    if (!take_field(&wire, &field)) return false;
    if (field.field == typed.field && !store_numbers(&field, &typed, to, bytes / typed.bytes, &used)) return false;
  }
  return used == bytes / typed.bytes;
}

bool fill_tensor(const TensorMessage *message, StringPool *pool, void *to, uint64_t count, const char *source,
                 Error *error) {
  uint64_t bytes;
  error->text[0] = '\0';
  bool done = measure_elements(message->dtype, count, &bytes) &&
              (message->dtype->kind == KIND_STRING ? fill_strings(message, pool, to, count, error)
                                                   : fill_numbers(message, to, bytes));
  if (done) settle_bools(message->dtype, to, count);
  if (done || error->text[0]) return done;
  return fail(error, "'%s' does not hold %" PRIu64 " elements of %s", source, count, message->dtype->name);
}

bool open_tensor(Wire wire, TensorMessage *message, const char *source, Error *error) {
  if (!scan_tensor(wire, message)) return fail(error, "'%s' is no ONNX TensorProto", source);
  return !message->external || fail(error, "'%s' keeps its data in another file, which is not supported", source);
}

bool read_tensor(Wire wire, Value *value, const char *source, Error *error) {
  TensorMessage message;
  uint64_t count;
  char text[32];
  if (!open_tensor(wire, &message, source, error)) return false;
  snprintf(text, sizeof text, "number %" PRIu64, message.data_type);
  void *to = place_tensor(value, message.dtype, text, &message.shape, bound_count(&message), source, error);
  return to && message.dtype && count_elements(message.shape.rank, message.shape.dims, &count) &&
         fill_tensor(&message, value->strings, to, count, source, error);
}

void put_tensor(WireWriter *wire, const Tensor *tensor, const char *name) {
  for (uint32_t i = 0; i < tensor->rank; i++) put_number(wire, FIELD_DIMS, (uint64_t)tensor->dims[i]);
  put_number(wire, FIELD_DATA_TYPE, tensor->dtype->number);
  if (name) put_counted(wire, FIELD_NAME, name, strlen(name));
  if (tensor->dtype->kind != KIND_STRING) {
    put_counted(wire, FIELD_RAW, tensor->data, tensor->bytes);
    return;
  }
  for (uint64_t i = 0; i < tensor->count; i++) {
    const ModelString *string = (const ModelString *)tensor->data + i;
    put_counted(wire, FIELD_STRINGS, tensor->strings + string->offset, string->size);
  }
}
