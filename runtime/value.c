// Inputs take the dims of what they are given, within what the model declares.
#include "runtime/bind.h"
#include "runtime/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool add_string(StringPool *pool, const char *bytes, uint64_t size, ModelString *string, Error *error) {
  if (size > pool->room - pool->size)
    return fail(error, "the strings need more than the %" PRIu64 " bytes that --memory allows", pool->room);
  *string = (ModelString){pool->size, size};
  if (bytes && size > 0) memcpy(pool->data + pool->size, bytes, size);
  pool->size += size;
  return true;
}

static bool is_first_form(const ModelTensor *tensor, uint32_t i) {
  for (uint32_t k = 0; k < i; k++)
    if (!memcmp(tensor->forms[k].dims, tensor->forms[i].dims, tensor->rank * sizeof *tensor->dims)) return false;
  return true;
}

// "float32[1,3] or float32[8,3]"
static char *describe_forms(char *text, size_t size, const ModelTensor *tensor) {
  size_t used = 0;
  for (uint32_t i = 0; i < tensor->form_count && used + 8 < size; i++) {
    if (!is_first_form(tensor, i)) continue;
    if (used > 0) used += (size_t)snprintf(text + used, size - used, " or ");
    describe_type(text + used, size - used, &tensor->forms[i]);
    used += strlen(text + used);
  }
  return text;
}

char *describe_type(char *text, size_t size, const ModelTensor *tensor) {
  static const char *const kinds[] = {
      [MODEL_SEQUENCE] = "sequence of ",
      [MODEL_OPTIONAL] = "optional ",
      [MODEL_MAP] = "map from ",
      [MODEL_SEQUENCE_OF_MAPS] = "sequence of maps from ",
      [MODEL_OPTIONAL_SEQUENCE] = "optional sequence of ",
  };
  const Dtype *dtype = find_dtype(tensor->dtype);
  if (tensor->form_count > 0) return describe_forms(text, size, tensor);
  if (tensor->kind == MODEL_TENSOR)
    return describe_tensor(text, size, dtype, tensor->rank, tensor->dims, tensor->dim_names, tensor->most);
  const Dtype *key = tensor->key_dtype ? find_dtype(tensor->key_dtype) : NULL;
  snprintf(text, size, "%s%s%s%s", kinds[tensor->kind], key ? key->name : "", key ? " to " : "", dtype->name);
  return text;
}

bool resize_value(Value *value, uint64_t bytes, Error *error) {
  if (is_unbounded(value->model) && (bytes > value->room || value->room == 0)) {
    uint64_t room = value->room;
    if (bytes > PTRDIFF_MAX / 2) return fail(error, "input '%s' is too large", value->model->name);
    while (room < bytes || room == 0) room = room ? room * 2 : 4096;
    uint8_t *data = remap_memory(value->data, value->room, room, error);
    if (!data) return false;
    value->data = data;
    value->room = room;
  }
  value->bytes = bytes;
  return true;
}

static bool fits(const Value *value, const Dtype *dtype, const Shape *shape) {
  const ModelTensor *tensor = value->model;
  bool key = value->cursor.kind == MODEL_MAP && value->cursor.next == 0;
  if (!dtype || dtype->number != (key ? tensor->key_dtype : tensor->dtype)) return false;
  if (tensor->kind != MODEL_TENSOR) return value->cursor.kind != MODEL_TENSOR;
  return shape->rank == tensor->rank && fit_dims(tensor, shape->dims);
}

// "input 'x' expects float32[2,3], 'x.npy' holds float64[2,3]".
bool check_tensor(const Value *value, const Dtype *dtype, const char *dtype_text, const Shape *shape,
                  const char *source, Error *error) {
  if (fits(value, dtype, shape)) return true;
  char expected[160], given[160];
  describe_type(expected, sizeof expected, value->model);
  describe_tensor(given, sizeof given, dtype, shape->rank, shape->dims, NULL, NULL);
  const char *dims = dtype ? "" : strchr(given, '[');
  if (dtype || !dims)
    return fail(error, "input '%.80s' expects %s, %s%.160s%s %s", value->model->name, expected, source ? "'" : "",
                source ? source : "the request has", source ? "' holds" : "", given);
  return fail(error, "input '%.80s' expects %s, '%.160s' holds dtype '%s'%s", value->model->name, expected,
              source ? source : "", dtype_text, dims);
}

// Appends the head of the cursor's next element and `bytes` of data, all zero.
static bool add_element(Value *value, int64_t kind, const Shape *shape, uint64_t bytes, Error *error) {
  uint64_t at = value->bytes, head = (uint64_t)element_head_bytes(shape->rank);
  if (bytes > PTRDIFF_MAX / 4) return fail(error, "input '%.80s' is too large", value->model->name);
  if (!resize_value(value, at + head + (uint64_t)align_sequence((int64_t)bytes), error)) return false;
  memset(value->data + at, 0, value->bytes - at);
  Sequence *block = (Sequence *)(value->data + value->cursor.block);
  Element *element = (Element *)(value->data + at);
  block->offsets[value->cursor.next++] = (int64_t)(at - value->cursor.block);
  element->kind = kind;
  element->rank = shape->rank;
  for (uint32_t i = 0; i < shape->rank; i++) element->dims[i] = shape->dims[i];
  return true;
}

bool begin_sequence(Value *value, uint32_t kind, uint64_t count, Cursor *outer, Error *error) {
  static const Shape scalar;
  bool inner = value->cursor.kind != MODEL_TENSOR;
  if (!inner) value->bytes = 0;
  if (inner && !add_element(value, -(int64_t)kind, &scalar, 0, error)) return false;
  *outer = value->cursor; // behind the new element
  if (count > PTRDIFF_MAX / 64) return fail(error, "input '%.80s' is too large", value->model->name);
  uint64_t at = value->bytes;
  if (!resize_value(value, at + (uint64_t)sequence_head_bytes((int64_t)count), error)) return false;
  memset(value->data + at, 0, value->bytes - at);
  ((Sequence *)(value->data + at))->count = (int64_t)count;
  value->cursor = (Cursor){.block = at, .kind = kind};
  return true;
}

void end_sequence(Value *value, Cursor outer) {
  ((Sequence *)(value->data + value->cursor.block))->bytes = (int64_t)(value->bytes - value->cursor.block);
  value->cursor = outer;
}

void *place_tensor(Value *value, const Dtype *dtype, const char *dtype_text, const Shape *shape, uint64_t most,
                   const char *source, Error *error) {
  uint64_t count, bytes;
  if (!check_tensor(value, dtype, dtype_text, shape, source, error)) return NULL;
  if (!count_elements(shape->rank, shape->dims, &count) || count > most || !measure_elements(dtype, count, &bytes)) {
    char given[160];
    describe_tensor(given, sizeof given, dtype, shape->rank, shape->dims, NULL, NULL);
    fail(error, "%s%.160s%s ends too early: input '%.80s' is %s there", source ? "'" : "", source ? source : "the text",
         source ? "'" : "", value->model->name, given);
    return NULL;
  }
  if (value->model->kind != MODEL_TENSOR) {
    if (!add_element(value, dtype->number, shape, bytes, error)) return NULL;
    return value->data + value->bytes - align_sequence((int64_t)bytes);
  }
  for (uint32_t i = 0; i < shape->rank; i++) value->dims[i] = shape->dims[i];
  value->settled = true;
  if (!resize_value(value, bytes, error)) return NULL;
  if (bytes > 0) value->data[bytes - 1] = 0; // what is left of its bits, where elements are smaller
  return value->data;
}

Tensor view_value(const Value *value) {
  const ModelTensor *model = value->model;
  Tensor tensor = {.name = model->name, .dtype = find_dtype(model->dtype), .rank = model->rank, .dims = value->dims};
  count_elements(tensor.rank, tensor.dims, &tensor.count);
  tensor.bytes = value->bytes;
  tensor.data = value->data;
  tensor.strings = value->strings->data;
  return tensor;
}

Tensor view_element(const Value *value, const Element *element) {
  Tensor tensor = {.name = value->model->name, .dtype = find_dtype((uint32_t)element->kind), .dims = element->dims};
  tensor.rank = (uint32_t)element->rank;
  count_elements(tensor.rank, tensor.dims, &tensor.count);
  measure_elements(tensor.dtype, tensor.count, &tensor.bytes);
  tensor.data = element_data(element);
  tensor.strings = value->strings->data;
  return tensor;
}
