// ONNX's TensorProto (onnx.proto) from and to its wire format.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/tensor_file.h"

// Protobuf's wire format: a key (field << 3 | type), then a varint, 8, 4 or a counted number of bytes.
typedef struct {
  const uint8_t *at, *end;
} Wire;

static bool take_varint(Wire *wire, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
    uint8_t byte = *wire->at++;
    *value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

typedef struct {
  uint32_t field, type;
  uint64_t value; // of a varint or fixed
  Wire bytes;     // of a counted field, or of a fixed one
} Field;

static bool take_field(Wire *wire, Field *field) {
  uint64_t key, length;
  if (!take_varint(wire, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) return false;
  *field = (Field){.field = (uint32_t)(key >> 3), .type = (uint32_t)(key & 7)};
  switch (field->type) {
  case 0: return take_varint(wire, &field->value);
  case 1: length = 8; break;
  case 5: length = 4; break;
  case 2:
    if (!take_varint(wire, &length)) return false;
    break;
  default: return false;
  }
  if (length > (uint64_t)(wire->end - wire->at)) return false;
  field->bytes = (Wire){wire->at, wire->at + length};
  wire->at += length;
  return true;
}

enum {
  FIELD_DIMS = 1,
  FIELD_DATA_TYPE = 2,
  FIELD_FLOATS = 4,
  FIELD_INT32S = 5,
  FIELD_INT64S = 7,
  FIELD_NAME = 8,
  FIELD_RAW = 9,
  FIELD_DOUBLES = 10,
  FIELD_UINT64S = 11,
  FIELD_LOCATION = 14,
};

// Which field holds the values of a dtype when raw_data does not, and how wide they are in it (0: varints).
static uint32_t typed_field(uint32_t dtype) {
  switch (dtype) {
  case DTYPE_FLOAT: return FIELD_FLOATS;
  case DTYPE_DOUBLE: return FIELD_DOUBLES;
  case DTYPE_INT64: return FIELD_INT64S;
  case DTYPE_UINT32:
  case DTYPE_UINT64: return FIELD_UINT64S;
  default: return FIELD_INT32S; // float16 and bfloat16 as their bits
  }
}

// Stores what one occurrence of a typed field holds, packed or single, behind the *count elements there are.
static bool store_field(const Field *field, const Dtype *dtype, void *to, uint64_t limit, uint64_t *count) {
  Wire wire = field->bytes;
  bool single = field->type == 0, fixed = dtype->number == DTYPE_FLOAT || dtype->number == DTYPE_DOUBLE;
  while (single || wire.at < wire.end) {
    uint64_t bits = field->value;
    if (*count >= limit) return false;
    if (fixed) {
      if (single || (size_t)(wire.end - wire.at) < dtype->bytes) return false;
      memcpy(&bits, wire.at, dtype->bytes);
      wire.at += dtype->bytes;
    } else if (!single && !take_varint(&wire, &bits)) {
      return false;
    }
    if (dtype->number == DTYPE_BOOL) bits = bits != 0;
    memcpy((uint8_t *)to + *count * dtype->bytes, &bits, dtype->bytes); // the low bytes come first
    ++*count;
    if (single) break;
  }
  return true;
}

static bool scan_tensor_proto(Wire wire, Shape *shape, uint64_t *data_type, Wire *raw, bool *external) {
  while (wire.at < wire.end) {
    Field field;
    if (!take_field(&wire, &field)) return false;
    if (field.field == FIELD_DATA_TYPE && field.type == 0) *data_type = field.value;
    if (field.field == FIELD_LOCATION && field.type == 0) *external = field.value == 1;
    if (field.field == FIELD_RAW && field.type == 2) *raw = field.bytes;
    if (field.field != FIELD_DIMS) continue;
    bool single = field.type == 0;
    while (single || field.bytes.at < field.bytes.end) {
      if (!single && !take_varint(&field.bytes, &field.value)) return false;
      if (shape->rank == TENSOR_RANK) return false;
      shape->dims[shape->rank++] = (int64_t)field.value;
      if (single) break;
    }
  }
  return true;
}

bool read_tensor_proto(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source,
                       Error *error) {
  Wire wire = {data, data + size}, raw = {NULL, NULL};
  Shape shape = {0};
  uint64_t data_type = 0;
  bool external = false;
  if (!scan_tensor_proto(wire, &shape, &data_type, &raw, &external))
    return fail(error, "'%s' is no ONNX TensorProto", source);
  if (external) return fail(error, "'%s' keeps its data in another file, which is not supported", source);
  const Dtype *dtype = data_type <= UINT32_MAX ? find_dtype((uint32_t)data_type) : NULL;
  char text[32];
  snprintf(text, sizeof text, "number %" PRIu64, data_type);
  if (!match_tensor(tensor, dtype, text, &shape, source, error) || !dtype) return false;
  if (raw.at) return read_raw(raw.at, (size_t)(raw.end - raw.at), tensor, to, source, error);
  uint64_t count = 0, expected = tensor->bytes / dtype->bytes;
  uint32_t wanted = typed_field(dtype->number);
  bool whole = true;
  while (whole && wire.at < wire.end) {
    Field field;
    whole = take_field(&wire, &field) && (field.field != wanted || store_field(&field, dtype, to, expected, &count));
  }
  if (whole && count == expected) return true;
  return fail(error, "'%s' does not hold %" PRIu64 " elements of %s", source, expected, dtype->name);
}

// A message goes out twice: once to be measured, since its length comes before it.
typedef struct {
  Output *output; // NULL: measure only
  uint64_t size;
  Error *error;
  bool failed;
} WireWriter;

static void put_bytes(WireWriter *wire, const void *data, size_t size) {
  wire->size += size;
  if (wire->output && !wire->failed) wire->failed = !write_output(wire->output, data, size, wire->error);
}

static void put_varint(WireWriter *wire, uint64_t value) {
  uint8_t bytes[10];
  size_t used = 0;
  for (; value >= 128; value >>= 7) bytes[used++] = (uint8_t)(value | 128);
  bytes[used++] = (uint8_t)value;
  put_bytes(wire, bytes, used);
}

static void put_number(WireWriter *wire, uint32_t field, uint64_t value) {
  put_varint(wire, field << 3);
  put_varint(wire, value);
}

static void put_counted(WireWriter *wire, uint32_t field, const void *data, size_t size) {
  put_varint(wire, field << 3 | 2);
  put_varint(wire, size);
  put_bytes(wire, data, size);
}

bool write_tensor_proto(Output *output, const ModelTensor *tensor, const void *data, Error *error) {
  WireWriter wire = {.output = output, .error = error};
  for (uint32_t i = 0; i < tensor->rank; i++) put_number(&wire, FIELD_DIMS, (uint64_t)tensor->dims[i]);
  put_number(&wire, FIELD_DATA_TYPE, tensor->dtype);
  put_counted(&wire, FIELD_NAME, tensor->name, strlen(tensor->name));
  put_counted(&wire, FIELD_RAW, data, tensor->bytes);
  return !wire.failed;
}
