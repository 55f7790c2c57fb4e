// ONNX's SequenceProto, OptionalProto and MapProto (onnx.proto), and which message a value of each kind is.
#include <string.h>

#include "runtime/tensor_file.h"
#include "runtime/tensor_proto.h"

// Of MapProto.
enum { FIELD_MAP_NAME = 1, FIELD_KEY_TYPE = 2, FIELD_KEYS = 3, FIELD_STRING_KEYS = 4, FIELD_VALUES = 5 };
// Of SequenceProto and OptionalProto, which number them alike: the type of an element, then a field for each type.
enum { FIELD_CONTAINER_NAME = 1, FIELD_ELEM_TYPE = 2, FIELD_TENSOR = 3, FIELD_SEQUENCE = 5, FIELD_MAP = 6 };

// The field that holds the elements of a kind; elem_type is two less. *element: what they are.
static uint32_t element_field(uint32_t kind, uint32_t *element) {
  *element = kind == MODEL_OPTIONAL_SEQUENCE  ? MODEL_SEQUENCE
             : kind == MODEL_SEQUENCE_OF_MAPS ? MODEL_MAP
                                              : MODEL_TENSOR;
  return kind == MODEL_OPTIONAL_SEQUENCE ? FIELD_SEQUENCE : kind == MODEL_SEQUENCE_OF_MAPS ? FIELD_MAP : FIELD_TENSOR;
}

static bool fail_message(const char *source, const char *kind, Error *error) {
  return fail(error, "'%s' is no ONNX %s", source, kind);
}

// How many fields of this number the message has; false where it is broken.
static bool count_fields(Wire wire, uint32_t number, uint64_t *count) {
  *count = 0;
  while (wire.at < wire.end) {
    Field field;
    if (!take_field(&wire, &field) || (field.field == number && field.type != 2)) return false;
    *count += field.field == number;
  }
  return true;
}

// The next field of this number, where there is one more.
static Wire find_field(Wire *wire, uint32_t number) {
  Field field = {0};
  while (field.field != number) take_field(wire, &field);
  return field.bytes;
}

// The values of a map: a sequence of tensors of one element.
static bool read_map_values(Wire wire, Value *value, const Shape *shape, const char *source, Error *error) {
  uint64_t count, values;
  if (!count_fields(wire, FIELD_VALUES, &values) || values > 1) return fail_message(source, "MapProto", error);
  Wire sequence = {NULL, NULL};
  if (values == 1) sequence = find_field(&wire, FIELD_VALUES);
  if (!count_fields(sequence, FIELD_TENSOR, &count)) return fail_message(source, "SequenceProto", error);
  if (count != (uint64_t)shape->dims[0]) return fail(error, "'%s' has a map with keys of no value", source);
  const Dtype *dtype = find_dtype(value->model->dtype);
  uint8_t *to = place_tensor(value, dtype, "", shape, count, source, error);
  for (uint64_t i = 0; i < count && to; i++) {
    TensorMessage message;
    uint64_t elements;
    if (!open_tensor(find_field(&sequence, FIELD_TENSOR), &message, source, error)) return false;
    if (message.dtype != dtype || dtype->bits < 8 ||
        !count_elements(message.shape.rank, message.shape.dims, &elements) || elements != 1)
      return fail(error, "'%s' has a map whose values are no single elements of %s", source, dtype->name);
    if (!fill_tensor(&message, value->strings, to + i * (dtype->bits / 8), 1, source, error)) return false;
  }
  return to != NULL;
}

// Takes the keys of one occurrence of their field, behind the *count that there are. keys: NULL only counts.
static bool take_keys(const Field *field, StringPool *pool, bool strings, void *keys, uint64_t *count, Error *error) {
  Wire wire = field->bytes;
  if (strings) {
    if (field->field != FIELD_STRING_KEYS || field->type != 2) return true;
    const char *text = (const char *)wire.at;
    uint64_t i = (*count)++;
    return !keys || add_string(pool, text, (uint64_t)(wire.end - wire.at), (ModelString *)keys + i, error);
  }
  if (field->field != FIELD_KEYS || (field->type != 0 && field->type != 2)) return true;
  do {
    uint64_t number = field->value;
    if (field->type == 2 && wire.at == wire.end) return true;
    if (field->type == 2 && !take_varint(&wire, &number)) return fail(error, "a map has a broken key");
    if (keys) ((int64_t *)keys)[*count] = (int64_t)number;
    ++*count;
  } while (field->type == 2);
  return true;
}

static bool read_map(Wire wire, Value *value, const char *source, Error *error) {
  const Dtype *key = find_dtype(value->model->key_dtype);
  bool strings = key->kind == KIND_STRING;
  void *keys = NULL;
  Shape shape = {.rank = 1};
  Cursor outer;
  if (!strings && key->number != DTYPE_INT64) return fail(error, "keys of %s are not supported", key->name);
  if (!begin_sequence(value, MODEL_MAP, 2, &outer, error)) return false;
  for (int pass = 0; pass < 2; pass++) { // to count them, to store them
    uint64_t count = 0;
    for (Wire rest = wire; rest.at < rest.end;) {
      Field field;
      if (!take_field(&rest, &field)) return fail_message(source, "MapProto", error);
      if (!take_keys(&field, value->strings, strings, keys, &count, error)) return false;
    }
    shape.dims[0] = (int64_t)count;
    if (pass == 0 && !(keys = place_tensor(value, key, "", &shape, count, source, error))) return false;
  }
  if (!read_map_values(wire, value, &shape, source, error)) return false;
  end_sequence(value, outer);
  return true;
}

static bool read_message(Wire wire, Value *value, uint32_t kind, const char *source, Error *error) {
  if (kind == MODEL_TENSOR) return read_tensor(wire, value, source, error);
  if (kind == MODEL_MAP) return read_map(wire, value, source, error);
  bool optional = kind == MODEL_OPTIONAL || kind == MODEL_OPTIONAL_SEQUENCE;
  uint32_t element, number = element_field(kind, &element);
  uint64_t count, elem_type = 0;
  Cursor outer;
  if (!count_fields(wire, number, &count) || (optional && count > 1))
    return fail_message(source, optional ? "OptionalProto" : "SequenceProto", error);
  for (Wire rest = wire; rest.at < rest.end;) {
    Field field;
    if (take_field(&rest, &field) && field.field == FIELD_ELEM_TYPE) elem_type = field.value;
  }
  if (elem_type != 0 && elem_type != number - 2) {
    char type[120];
    return fail(error, "input '%.80s' expects %s, '%.200s' holds elements of another kind", value->model->name,
                describe_type(type, sizeof type, value->model), source);
  }
  if (!begin_sequence(value, kind, count, &outer, error)) return false;
  for (uint64_t i = 0; i < count; i++)
    if (!read_message(find_field(&wire, number), value, element, source, error)) return false;
  end_sequence(value, outer);
  return true;
}

bool read_proto(const uint8_t *data, size_t size, Value *value, const char *source, Error *error) {
  value->cursor = (Cursor){0};
  bool done = read_message((Wire){data, data + size}, value, value->model->kind, source, error);
  value->cursor = (Cursor){0};
  return done;
}

// A part of a value: a tensor, or a block of some kind.
typedef struct {
  const Value *value;
  uint32_t kind;
  Tensor tensor;         // of kind MODEL_TENSOR
  const Sequence *block; // else
} Part;

static void put_part(WireWriter *wire, const Part *part, const char *name);

static void put_counted_part(WireWriter *wire, uint32_t field, const Part *part) {
  WireWriter measure = {.error = wire->error};
  put_part(&measure, part, NULL);
  put_varint(wire, field << 3 | 2);
  put_varint(wire, measure.size);
  put_part(wire, part, NULL);
}

static Part make_element_part(const Part *part, uint32_t kind, int64_t i) {
  const Element *element = sequence_element(part->block, i);
  Part made = {.value = part->value, .kind = kind};
  if (kind == MODEL_TENSOR)
    made.tensor = view_element(part->value, element);
  else
    made.block = element_data(element);
  return made;
}

// The values of a map, as a SequenceProto of tensors without dims.
static void put_map_values(WireWriter *wire, const Tensor *values) {
  put_number(wire, FIELD_ELEM_TYPE, FIELD_TENSOR - 2);
  for (uint64_t i = 0; i < values->count; i++) {
    Tensor one = *values;
    one.rank = 0;
    one.count = 1;
    one.bytes = values->dtype->bits / 8;
    one.data = (const char *)values->data + i * one.bytes;
    put_counted_part(wire, FIELD_TENSOR, &(Part){.tensor = one});
  }
}

static void put_map(WireWriter *wire, const Part *part) {
  Tensor keys = make_element_part(part, MODEL_TENSOR, 0).tensor,
         values = make_element_part(part, MODEL_TENSOR, 1).tensor;
  bool strings = keys.dtype->kind == KIND_STRING;
  put_number(wire, FIELD_KEY_TYPE, keys.dtype->number);
  for (uint64_t i = 0; i < keys.count; i++) {
    const ModelString *string = (const ModelString *)keys.data + i;
    bool negative;
    if (strings) {
      put_counted(wire, FIELD_STRING_KEYS, keys.strings + string->offset, string->size);
    } else {
      uint64_t magnitude = read_integer(keys.dtype, keys.data, i, &negative);
      put_number(wire, FIELD_KEYS, negative ? 0 - magnitude : magnitude);
    }
  }
  WireWriter measure = {.error = wire->error};
  put_map_values(&measure, &values);
  put_varint(wire, FIELD_VALUES << 3 | 2);
  put_varint(wire, measure.size);
  put_map_values(wire, &values);
}

static void put_part(WireWriter *wire, const Part *part, const char *name) {
  if (part->kind == MODEL_TENSOR) {
    put_tensor(wire, &part->tensor, name);
    return;
  }
  if (name) put_counted(wire, FIELD_CONTAINER_NAME, name, strlen(name));
  if (part->kind == MODEL_MAP) {
    put_map(wire, part);
    return;
  }
  uint32_t kind, field = element_field(part->kind, &kind);
  bool optional = part->kind == MODEL_OPTIONAL || part->kind == MODEL_OPTIONAL_SEQUENCE;
  put_number(wire, FIELD_ELEM_TYPE, optional && part->block->count == 0 ? 0 : field - 2);
  for (int64_t i = 0; i < part->block->count; i++) {
    const Part element = make_element_part(part, kind, i);
    put_counted_part(wire, field, &element);
  }
}

bool write_proto(Output *output, const Value *value, Error *error) {
  WireWriter wire = {.output = output, .error = error};
  Part part = {.value = value, .kind = value->model->kind};
  if (part.kind == MODEL_TENSOR)
    part.tensor = view_value(value);
  else
    part.block = (const Sequence *)value->data;
  put_part(&wire, &part, value->model->name);
  return !wire.failed;
}
