// Raw bytes.
#include "runtime/tensor_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// The dims of the input as so many raw bytes settle them: one may be open.
static bool infer_shape(const ModelTensor *tensor, size_t size, Shape *shape) {
  uint64_t known = 1, bytes;
  uint32_t open = 0, at = 0;
  const Dtype *dtype = find_dtype(tensor->dtype);
  *shape = (Shape){.rank = tensor->rank};
  if (tensor->kind != MODEL_TENSOR || tensor->rank > TENSOR_RANK || dtype->kind == KIND_STRING) return false;
  for (uint32_t d = 0; d < tensor->rank; d++) {
    shape->dims[d] = tensor->dims[d];
    if (tensor->dims[d] < 0)
      open++, at = d;
    else if (__builtin_mul_overflow(known, (uint64_t)tensor->dims[d], &known))
      return false;
  }
  if (open > 1) return false;
  if (open == 1) {
    uint64_t elements = (uint64_t)size * 8 / dtype->bits;
    shape->dims[at] = known ? (int64_t)(elements / known) : 0;
    known *= (uint64_t)shape->dims[at];
  }
  return measure_elements(dtype, known, &bytes) && bytes == size;
}

bool read_raw(const uint8_t *data, size_t size, Value *value, const char *source, Error *error) {
  Shape shape;
  const Dtype *dtype = find_dtype(value->model->dtype);
  if (!infer_shape(value->model, size, &shape)) {
    char expected[200], bytes[48] = "";
    describe_type(expected, sizeof expected, value->model);
    if (value->model->bytes > 0) snprintf(bytes, sizeof bytes, ", %" PRIu64 " raw bytes", value->model->bytes);
    return fail(error, "input '%.80s' expects %s%s, '%.200s' holds %zu bytes", value->model->name, expected, bytes,
                source, size);
  }
  uint8_t *to = place_tensor(value, dtype, "", &shape, UINT64_MAX, source, error);
  if (!to) return false;
  if (size > 0) memcpy(to, data, size);
  settle_bools(dtype, to, size);
  return true;
}
