// Sequences, optionals and maps as JSON: arrays, null or a value, objects.
#include <inttypes.h>
#include <string.h>

#include "runtime/tensor_json.h"

// The kind of the elements.
static uint32_t element_kind(uint32_t kind) {
  return kind == MODEL_OPTIONAL_SEQUENCE ? MODEL_SEQUENCE : kind == MODEL_SEQUENCE_OF_MAPS ? MODEL_MAP : MODEL_TENSOR;
}

static bool is_optional(uint32_t kind) { return kind == MODEL_OPTIONAL || kind == MODEL_OPTIONAL_SEQUENCE; }

// How many values the array or object has that begins here.
static bool count_children(JsonReader json, JsonEvent begin, uint64_t *count) {
  *count = 0;
  if (read_json(&json) != begin) return false;
  for (JsonEvent event; (event = read_json(&json)) != JSON_ARRAY_END && event != JSON_OBJECT_END; ++*count)
    if (event == JSON_FAULT || !(event == JSON_KEY ? skip_json(&json) : skip_json_rest(&json, event))) return false;
  return true;
}

static bool fail_kind(JsonReader *json, const Value *value, Error *error) {
  char type[120];
  if (!skip_json(json)) return fail_json(json, error);
  describe_type(type, sizeof type, value->model);
  return fail(error, "input '%.80s' expects %s: the JSON text has something else", value->model->name, type);
}

// The key that was just read, as an integer.
static bool parse_key(const JsonReader *json, int64_t *key) {
  JsonReader number;
  open_json(&number, json->text, json->length);
  bool valid = read_json(&number) == JSON_NUMBER && number.number.integer && read_json(&number) == JSON_END;
  return valid && write_integer(find_dtype(DTYPE_INT64), key, 0, number.number.digits, number.number.negative);
}

static bool read_keys(JsonReader json, Value *value, const Shape *shape, Error *error) {
  const Dtype *key = find_dtype(value->model->key_dtype);
  if (key->kind != KIND_STRING && key->number != DTYPE_INT64)
    return fail(error, "keys of %s are not supported", key->name);
  void *to = place_tensor(value, key, "", shape, (uint64_t)shape->dims[0], NULL, error);
  if (!to) return false;
  read_json(&json);
  for (int64_t i = 0; i < shape->dims[0]; i++) {
    read_json(&json);
    if (key->kind == KIND_STRING) {
      if (!store_json_string(&json, value->strings, (ModelString *)to + i, error)) return false;
    } else if (!parse_key(&json, (int64_t *)to + i)) {
      return fail(error, "input '%.80s': \"%.*s\" is no integer", value->model->name,
                  (int)(json.length < 40 ? json.length : 40), json.text);
    }
    skip_json(&json);
  }
  return true;
}

static bool read_map(JsonReader *json, Value *value, Error *error) {
  uint64_t count;
  Cursor outer;
  if (!count_children(*json, JSON_OBJECT, &count)) return fail_kind(json, value, error);
  const Shape shape = {.rank = 1, .dims = {(int64_t)count}};
  if (!begin_sequence(value, MODEL_MAP, 2, &outer, error) || !read_keys(*json, value, &shape, error)) return false;
  const Dtype *dtype = find_dtype(value->model->dtype);
  void *to = place_tensor(value, dtype, "", &shape, count, NULL, error);
  if (!to) return false;
  read_json(json);
  for (uint64_t i = 0; i < count; i++) {
    read_json(json); // the key
    if (!read_json_scalar(json, value, dtype, to, i, error)) return false;
  }
  read_json(json);
  end_sequence(value, outer);
  return true;
}

static bool read_kind(JsonReader *json, Value *value, uint32_t kind, Error *error) {
  if (kind == MODEL_TENSOR) return read_json_tensor(json, value, NULL, error);
  if (kind == MODEL_MAP) return read_map(json, value, error);
  uint64_t count = 0;
  Cursor outer;
  if (is_optional(kind)) {
    JsonReader ahead = *json;
    count = read_json(&ahead) != JSON_NULL;
    if (count == 0) *json = ahead;
  } else {
    if (!count_children(*json, JSON_ARRAY, &count)) return fail_kind(json, value, error);
    read_json(json);
  }
  if (!begin_sequence(value, kind, count, &outer, error)) return false;
  for (uint64_t i = 0; i < count; i++)
    if (!read_kind(json, value, element_kind(kind), error)) return false;
  if (!is_optional(kind)) read_json(json);
  end_sequence(value, outer);
  return true;
}

bool read_json_value(JsonReader *json, Value *value, const Shape *shape, Error *error) {
  if (value->model->kind == MODEL_TENSOR) return read_json_tensor(json, value, shape, error);
  value->cursor = (Cursor){0};
  bool done = read_kind(json, value, value->model->kind, error);
  value->cursor = (Cursor){0};
  return done;
}

static void put_map(JsonWriter *json, const Value *value, const Sequence *map) {
  Tensor keys = view_element(value, sequence_element(map, 0)), values = view_element(value, sequence_element(map, 1));
  for (uint64_t i = 0; i < keys.count && i < values.count; i++) {
    bool quotes = keys.dtype->kind != KIND_STRING;
    put_string(json, i ? "," : "{");
    if (quotes) put_string(json, "\"");
    put_json_element(json, &keys, i);
    put_string(json, quotes ? "\":" : ":");
    put_json_element(json, &values, i);
  }
  put_string(json, keys.count == 0 ? "{}" : "}");
}

static void put_sequence(JsonWriter *json, const Value *value, uint32_t kind, const Sequence *sequence) {
  if (kind == MODEL_MAP) {
    put_map(json, value, sequence);
    return;
  }
  bool optional = is_optional(kind);
  if (!optional) put_string(json, "[");
  for (int64_t i = 0; i < sequence->count; i++) {
    const Element *element = sequence_element(sequence, i);
    if (i > 0) put_string(json, ",");
    Tensor tensor;
    if (element->kind > 0) {
      tensor = view_element(value, element);
      put_json_tensor(json, &tensor, true);
    } else {
      put_sequence(json, value, (uint32_t)-element->kind, element_data(element));
    }
  }
  if (optional && sequence->count == 0) put_string(json, "null");
  if (!optional) put_string(json, "]");
}

void put_json_value(JsonWriter *json, const Value *value, bool nested) {
  if (value->model->kind != MODEL_TENSOR) {
    put_sequence(json, value, value->model->kind, (const Sequence *)value->data);
    return;
  }
  Tensor tensor = view_value(value);
  put_json_tensor(json, &tensor, nested);
}
