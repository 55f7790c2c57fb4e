// Tensors as JSON, in both directions: used by `run` and by the server.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/tensor_file.h"

static const char *event_name(JsonEvent event) {
  static const char *const names[] = {
      [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string", [JSON_TRUE] = "true",
      [JSON_FALSE] = "false",      [JSON_NULL] = "null",      [JSON_NUMBER] = "a number",
  };
  return (size_t)event < COUNT(names) && names[event] ? names[event] : "something else";
}

// Stores the scalar of this event as element i.
static bool store_scalar(const JsonReader *json, JsonEvent event, const Dtype *dtype, void *to, uint64_t i) {
  switch (event) {
  case JSON_NUMBER:
    if (dtype->kind == KIND_BOOL && !json->number.integer) return false;
    if (dtype->number == DTYPE_FLOAT) {
      ((float *)to)[i] = (float)get_json_number(json);
      return true;
    }
    if (json->number.integer) return write_integer(dtype, to, i, json->number.digits, json->number.negative);
    return write_element(dtype, to, i, get_json_number(json));
  case JSON_TRUE:
  case JSON_FALSE: return dtype->kind == KIND_BOOL && write_integer(dtype, to, i, event == JSON_TRUE, false);
  case JSON_STRING:
    if (dtype->kind != KIND_FLOAT) return false;
    if (json_equals(json, "NaN")) return write_element(dtype, to, i, NAN);
    if (json_equals(json, "Infinity")) return write_element(dtype, to, i, INFINITY);
    if (json_equals(json, "-Infinity")) return write_element(dtype, to, i, -INFINITY);
    return false;
  default: return false;
  }
}

static bool fail_scalar(const JsonReader *json, JsonEvent event, const ModelTensor *tensor, uint64_t i, Error *error) {
  const char *dtype = find_dtype(tensor->dtype)->name;
  if (event == JSON_NUMBER || event == JSON_STRING) {
    const char *quote = event == JSON_STRING ? "\"" : "";
    int shown = json->length < 40 ? (int)json->length : 40;
    return fail(error, "input '%s': element %" PRIu64 " is %s%.*s%s, not a %s", tensor->name, i, quote, shown,
                json->text, quote, dtype);
  }
  return fail(error, "input '%s': element %" PRIu64 " is %s, not a %s", tensor->name, i, event_name(event), dtype);
}

static bool fail_shape(const ModelTensor *tensor, Error *error) {
  char expected[200];
  describe_tensor(expected, sizeof expected, find_dtype(tensor->dtype), tensor->rank, tensor->dims);
  return fail(error, "input '%s' expects %s: the JSON arrays have another shape", tensor->name, expected);
}

bool read_json_tensor(JsonReader *json, const ModelTensor *tensor, void *to, Error *error) {
  const Dtype *dtype = find_dtype(tensor->dtype);
  uint64_t total = tensor->bytes / dtype->bytes, count = 0;
  uint64_t children[TENSOR_RANK + 1] = {0}; // of the open arrays
  uint32_t depth = 0, rank = tensor->rank;
  bool flat = false, nested = false; // numbers, or arrays, right below the outermost array
  if (rank > TENSOR_RANK) return fail(error, "input '%s' has more than %d dims", tensor->name, TENSOR_RANK);
  do {
    JsonEvent event = read_json(json);
    if (event == JSON_FAULT) return fail_json(json, error);
    if (event == JSON_ARRAY) {
      nested |= depth > 0;
      children[depth]++;
      if (flat || depth > rank || (depth == rank && rank > 0)) return fail_shape(tensor, error);
      children[++depth] = 0;
    } else if (event == JSON_ARRAY_END) {
      bool whole = depth <= rank && children[depth] == (uint64_t)tensor->dims[depth - 1];
      if (depth == 1 && (flat || children[1] == 0)) whole = whole || children[1] == total;
      if (!whole) return fail_shape(tensor, error);
      depth--;
    } else {
      children[depth]++;
      if (depth == 1 && rank != 1) {
        if (nested) return fail_shape(tensor, error);
        flat = true;
      } else if (depth != rank) {
        return fail_shape(tensor, error);
      }
      if (count == total) return fail_shape(tensor, error);
      if (!store_scalar(json, event, dtype, to, count)) return fail_scalar(json, event, tensor, count, error);
      count++;
    }
  } while (depth > 0);
  return count == total || fail_shape(tensor, error);
}

static size_t print_element(char *text, const Dtype *dtype, const void *data, uint64_t i) {
  if (dtype->kind == KIND_FLOAT) {
    double value = read_element(dtype, data, i);
    const char *word = isnan(value) ? "\"NaN\"" : isinf(value) ? (value > 0 ? "\"Infinity\"" : "\"-Infinity\"") : NULL;
    if (word) {
      memcpy(text, word, strlen(word));
      return strlen(word);
    }
    return dtype->number == DTYPE_FLOAT ? print_float(text, (float)value) : print_double(text, value, dtype->digits);
  }
  bool negative;
  uint64_t magnitude = read_integer(dtype, data, i, &negative);
  if (dtype->kind != KIND_BOOL) return print_integer(text, magnitude, negative);
  memcpy(text, magnitude ? "true" : "false", 5);
  return magnitude ? 4 : 5;
}

enum { ELEMENT_SIZE = NUMBER_SIZE + 2 * TENSOR_RANK };

void put_json_tensor(JsonWriter *json, const ModelTensor *tensor, const void *data, bool nested) {
  const Dtype *dtype = find_dtype(tensor->dtype);
  uint64_t total = tensor->bytes / dtype->bytes;
  uint32_t rank = nested && tensor->rank <= TENSOR_RANK ? tensor->rank : 1;
  if (nested && tensor->rank == 0) {
    char text[NUMBER_SIZE];
    put_text(json, text, print_element(text, dtype, data, 0));
    return;
  }
  if (total == 0) {
    put_string(json, "[]");
    return;
  }
  int64_t index[TENSOR_RANK] = {0};
  const int64_t flat_dim = (int64_t)total, *dims = rank == tensor->rank ? tensor->dims : &flat_dim;
  uint32_t opened = rank; // arrays that begin before this element
  for (uint64_t i = 0; i < total; i++) {
    char text[ELEMENT_SIZE];
    size_t used = 0;
    if (i > 0) text[used++] = ',';
    while (opened > 0) text[used++] = '[', opened--;
    used += print_element(text + used, dtype, data, i);
    for (uint32_t d = rank; d-- > 0 && ++index[d] == dims[d];) {
      index[d] = 0;
      text[used++] = ']';
      opened++;
    }
    put_text(json, text, used);
  }
}

bool bound_json_tensor(const ModelTensor *tensor, uint64_t *bytes) {
  const Dtype *dtype = find_dtype(tensor->dtype);
  // A float has at most its digits, sign, point, "e-308"; or "0." and four zeros before the digits; the least is the
  // longest word, "-Infinity" in quotes. An integer's digits count its sign. One more for the comma.
  uint64_t each = dtype->kind == KIND_FLOAT  ? (uint64_t)dtype->digits + 8
                  : dtype->kind == KIND_BOOL ? 5
                                             : (uint64_t)dtype->digits;
  if (each < 11) each = 11;
  uint64_t total = tensor->bytes / dtype->bytes;
  return !__builtin_mul_overflow(total, each + 1, bytes) && !__builtin_add_overflow(*bytes, 2, bytes);
}
