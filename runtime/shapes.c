// Dims for inputs that nobody gives: `bench`, `selftest`, `run --fill`.
#include <inttypes.h>
#include <string.h>

#include "runtime/bind.h"
#include "runtime/run.h"

// "2x3" or "" into dims; false where it is none of that, or not of this rank.
static bool parse_dims(const char *text, uint32_t rank, int64_t *dims) {
  for (uint32_t d = 0; d < rank; d++) {
    if (d > 0 && *text++ != 'x') return false;
    const char *first = text;
    for (dims[d] = 0; *text >= '0' && *text <= '9'; text++)
      if (__builtin_mul_overflow(dims[d], 10, &dims[d]) || __builtin_add_overflow(dims[d], *text - '0', &dims[d]))
        return false;
    if (text == first) return false;
  }
  return *text == '\0';
}

static bool parse_shape(Session *session, const char *argument, Error *error) {
  for (uint32_t i = 0; i < session->model->input_count; i++) {
    Value *value = &session->inputs[i];
    const ModelTensor *tensor = value->model;
    size_t length = strlen(tensor->name);
    if (strncmp(argument, tensor->name, length) != 0 || argument[length] != '=') continue;
    if (value->given) return fail(error, "--shape %s: the input is given by a file", argument);
    bool fits = tensor->kind == MODEL_TENSOR && parse_dims(argument + length + 1, tensor->rank, value->dims) &&
                fit_dims(tensor, value->dims);
    value->settled = true;
    char type[200];
    return fits || fail(error, "--shape %s: the input is %s", argument, describe_type(type, sizeof type, tensor));
  }
  return fail(error, "--shape takes NAME=2x3 with the name of an input, not '%s'", argument);
}

static void settle_dims(Session *session, Value *value, uint32_t variant) {
  const ModelTensor *tensor = get_form(value->model, variant);
  for (uint32_t d = 0; d < tensor->rank; d++) {
    const char *name = tensor->dim_names ? tensor->dim_names[d] : NULL;
    value->dims[d] = tensor->dims[d] < 0 ? 1 : tensor->dims[d];
    if (tensor->dims[d] < 0 && name) find_named_dim(session, name, &value->dims[d]);
  }
  value->settled = true;
}

// An empty sequence, an optional without value, a map without keys.
static bool make_empty(Value *value, Error *error) {
  const ModelTensor *tensor = value->model;
  const Shape none = {.rank = 1};
  Cursor outer;
  bool map = tensor->kind == MODEL_MAP;
  if (!begin_sequence(value, tensor->kind, map ? 2 : 0, &outer, error)) return false;
  if (map && (!place_tensor(value, find_dtype(tensor->key_dtype), "", &none, 0, NULL, error) ||
              !place_tensor(value, find_dtype(tensor->dtype), "", &none, 0, NULL, error)))
    return false;
  end_sequence(value, outer);
  return true;
}

bool shape_inputs(Session *session, char **shapes, size_t count, Error *error) {
  for (size_t i = 0; i < count; i++)
    if (!parse_shape(session, shapes[i], error)) return false;
  return true;
}

bool make_inputs(Session *session, uint32_t variant, Error *error) {
  for (uint32_t i = 0; i < session->model->input_count; i++) {
    Value *value = &session->inputs[i];
    uint64_t elements, bytes;
    if (value->given) continue;
    if (value->model->kind != MODEL_TENSOR) {
      if (!make_empty(value, error)) return false;
      continue;
    }
    if (!value->settled) settle_dims(session, value, variant);
    if (!count_elements(value->model->rank, value->dims, &elements) ||
        !measure_elements(find_dtype(value->model->dtype), elements, &bytes))
      return fail(error, "input '%s' is too large", value->model->name);
    if (!resize_value(value, bytes, error)) return false;
  }
  return true;
}
