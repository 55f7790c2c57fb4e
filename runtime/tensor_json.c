// Tensors as JSON, in both directions: used by `run` and by the server.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "runtime/bind.h"
#include "runtime/tensor_json.h"

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

bool store_json_string(const JsonReader *json, StringPool *pool, ModelString *string, Error *error) {
  if (!add_string(pool, NULL, json->length, string, error)) return false;
  string->size = decode_json_string(json, pool->data + string->offset);
  pool->size = string->offset + string->size;
  return true;
}

static bool fail_scalar(const JsonReader *json, JsonEvent event, const char *input, const Dtype *dtype, uint64_t i,
                        Error *error) {
  if (event == JSON_NUMBER || event == JSON_STRING) {
    const char *quote = event == JSON_STRING ? "\"" : "";
    int shown = json->length < 40 ? (int)json->length : 40;
    return fail(error, "input '%s': element %" PRIu64 " is %s%.*s%s, not a %s", input, i, quote, shown, json->text,
                quote, dtype->name);
  }
  return fail(error, "input '%s': element %" PRIu64 " is %s, not a %s", input, i, event_name(event), dtype->name);
}

static bool store_element(const JsonReader *json, JsonEvent event, Value *value, const Dtype *dtype, void *to,
                          uint64_t i, Error *error) {
  if (dtype->kind == KIND_STRING && event == JSON_STRING)
    return store_json_string(json, value->strings, (ModelString *)to + i, error);
  return (dtype->kind != KIND_STRING && store_scalar(json, event, dtype, to, i)) ||
         fail_scalar(json, event, value->model->name, dtype, i, error);
}

bool read_json_scalar(JsonReader *json, Value *value, const Dtype *dtype, void *to, uint64_t i, Error *error) {
  JsonEvent event = read_json(json);
  if (event == JSON_FAULT) return fail_json(json, error);
  return store_element(json, event, value, dtype, to, i, error);
}

bool fail_json_shape(const ModelTensor *tensor, Error *error) {
  char expected[200];
  describe_type(expected, sizeof expected, tensor);
  return fail(error, "input '%.80s' expects %s: the JSON arrays have another shape", tensor->name, expected);
}

// A complex number is an array of two floats: one dim more.
typedef struct {
  const Dtype *dtype;
  uint32_t rank;
  int64_t dims[TENSOR_RANK + 1];
  uint64_t total;
} Layout;

static bool make_layout(Layout *layout, const Dtype *dtype, uint32_t rank, const int64_t *dims) {
  bool complex = dtype->kind == KIND_COMPLEX;
  if (rank > TENSOR_RANK) return false;
  *layout = (Layout){.dtype = dtype, .rank = rank + complex};
  for (uint32_t d = 0; d < rank; d++) layout->dims[d] = dims[d];
  layout->dims[rank] = 2;
  if (complex) layout->dtype = find_dtype(dtype->number == DTYPE_COMPLEX64 ? DTYPE_FLOAT : DTYPE_DOUBLE);
  return count_elements(layout->rank, layout->dims, &layout->total);
}

static bool read_layout(JsonReader *json, Value *value, const Layout *layout, void *to, Error *error) {
  uint64_t total = layout->total, count = 0;
  uint64_t children[TENSOR_RANK + 2] = {0}; // of the open arrays
  uint32_t depth = 0, rank = layout->rank;
  bool flat = false, nested = false; // numbers, or arrays, right below the outermost array
  do {
    JsonEvent event = read_json(json);
    if (event == JSON_FAULT) return fail_json(json, error);
    if (event == JSON_ARRAY) {
      nested |= depth > 0;
      children[depth]++;
      if (flat || depth > rank || (depth == rank && rank > 0)) return fail_json_shape(value->model, error);
      children[++depth] = 0;
    } else if (event == JSON_ARRAY_END) {
      bool whole = depth <= rank && children[depth] == (uint64_t)layout->dims[depth - 1];
      if (depth == 1 && (flat || children[1] == 0)) whole = whole || children[1] == total;
      if (!whole) return fail_json_shape(value->model, error);
      depth--;
    } else {
      children[depth]++;
      if (depth == 1 && rank != 1) {
        if (nested) return fail_json_shape(value->model, error);
        flat = true;
      } else if (depth != rank) {
        return fail_json_shape(value->model, error);
      }
      if (count == total) return fail_json_shape(value->model, error);
      if (!store_element(json, event, value, layout->dtype, to, count++, error)) return false;
    }
  } while (depth > 0);
  return count == total || fail_json_shape(value->model, error);
}

// The dims that the arrays of the text suggest: at each depth, the length of the first that ends.
static bool infer_shape(JsonReader json, Shape *shape) {
  int64_t children[TENSOR_RANK + 2] = {0};
  bool known[TENSOR_RANK + 2] = {false};
  uint32_t depth = 0;
  *shape = (Shape){0};
  do {
    JsonEvent event = read_json(&json);
    if (event == JSON_FAULT || event == JSON_OBJECT || (event == JSON_ARRAY && depth == TENSOR_RANK)) return false;
    if (event == JSON_ARRAY) {
      children[depth++]++;
      children[depth] = 0;
      if (depth > shape->rank) shape->rank = depth;
    } else if (event == JSON_ARRAY_END) {
      if (!known[depth]) shape->dims[depth - 1] = children[depth];
      known[depth--] = true;
    } else {
      children[depth]++;
    }
  } while (depth > 0);
  return true;
}

// The shape of the value that follows. The model's own dims take precedence, so that flat arrays and those that end at
// an empty dim are understood.
static bool find_shape(JsonReader *json, const Value *value, const Dtype *dtype, Shape *shape, Error *error) {
  const ModelTensor *tensor = value->model;
  bool fixed = tensor->kind == MODEL_TENSOR && tensor->rank <= TENSOR_RANK;
  for (uint32_t d = 0; fixed && d < tensor->rank; d++) fixed = tensor->dims[d] >= 0;
  if (fixed) {
    shape->rank = tensor->rank;
    for (uint32_t d = 0; d < tensor->rank; d++) shape->dims[d] = tensor->dims[d];
    return true;
  }
  if (!infer_shape(*json, shape)) return skip_json(json) ? fail_json_shape(tensor, error) : fail_json(json, error);
  if (dtype->kind == KIND_COMPLEX && shape->rank > 0) shape->rank--;
  if (tensor->kind != MODEL_TENSOR) return true;
  while (shape->rank > 0 && shape->rank < tensor->rank && shape->dims[shape->rank - 1] == 0) {
    int64_t dim = tensor->dims[shape->rank];
    shape->dims[shape->rank++] = dim < 0 ? 0 : dim;
  }
  return shape->rank == tensor->rank || fail_json_shape(tensor, error);
}

bool read_json_tensor(JsonReader *json, Value *value, const Shape *shape, Error *error) {
  const Dtype *dtype = find_dtype(value->model->dtype);
  Shape found;
  Layout layout;
  if (!shape && !find_shape(json, value, dtype, &found, error)) return false;
  if (!shape) shape = &found;
  uint64_t most = value->model->slot > 0 ? (uint64_t)(json->end - json->at) : UINT64_MAX; // each takes a byte or more
  void *to = place_tensor(value, dtype, "", shape, most, NULL, error);
  if (!to) return false;
  return make_layout(&layout, dtype, shape->rank, shape->dims) ? read_layout(json, value, &layout, to, error)
                                                               : fail_json_shape(value->model, error);
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

void put_json_element(JsonWriter *json, const Tensor *tensor, uint64_t i) {
  if (tensor->dtype->kind == KIND_STRING) {
    const ModelString *string = (const ModelString *)tensor->data + i;
    put_quoted_bytes(json, tensor->strings + string->offset, string->size);
  } else {
    char text[NUMBER_SIZE];
    put_text(json, text, print_element(text, tensor->dtype, tensor->data, i));
  }
}

void put_json_tensor(JsonWriter *json, const Tensor *tensor, bool nested) {
  Layout layout;
  if (!make_layout(&layout, tensor->dtype, tensor->rank, tensor->dims)) {
    json->overflow = true;
    return;
  }
  Tensor numbers = *tensor; // a complex number is two
  numbers.dtype = layout.dtype;
  if (nested && layout.rank == 0) {
    put_json_element(json, &numbers, 0);
    return;
  }
  if (layout.total == 0) {
    put_string(json, "[]");
    return;
  }
  if (!nested) {
    layout.rank = 1;
    layout.dims[0] = (int64_t)layout.total;
  }
  int64_t index[TENSOR_RANK + 1] = {0};
  uint32_t opened = layout.rank; // arrays that begin before this element
  for (uint64_t i = 0; i < layout.total; i++) {
    char text[TENSOR_RANK + 2];
    size_t used = 0;
    if (i > 0) text[used++] = ',';
    while (opened > 0) text[used++] = '[', opened--;
    put_text(json, text, used);
    put_json_element(json, &numbers, i);
    used = 0;
    for (uint32_t d = layout.rank; d-- > 0 && ++index[d] == layout.dims[d];) {
      index[d] = 0;
      text[used++] = ']';
      opened++;
    }
    put_text(json, text, used);
  }
}

bool bound_json_value(const ModelTensor *tensor, uint64_t *bytes) {
  if (is_unbounded(tensor) || tensor->kind != MODEL_TENSOR || tensor->dtype == DTYPE_STRING) return false;
  Layout layout;
  int64_t dims[TENSOR_RANK];
  for (uint32_t i = 0; i < tensor->rank; i++)
    dims[i] = tensor->dims[i] < 0 && tensor->most ? tensor->most[i] : tensor->dims[i];
  if (!make_layout(&layout, find_dtype(tensor->dtype), tensor->rank, dims)) return false;
  const Dtype *dtype = layout.dtype;
  // A float has at most its digits, sign, point, "e-308"; or "0." and four zeros before the digits; the least is the
  // longest word, "-Infinity" in quotes. An integer's digits count its sign. One more for the comma.
  uint64_t each = dtype->kind == KIND_FLOAT  ? (uint64_t)dtype->digits + 8
                  : dtype->kind == KIND_BOOL ? 5
                                             : (uint64_t)dtype->digits;
  if (each < 11) each = 11;
  return !__builtin_mul_overflow(layout.total, each + 1, bytes) && !__builtin_add_overflow(*bytes, 2, bytes);
}
