// Arbitrary text as JSON: the reader must end, at a fault within the text or at the end; skipping a value and reading
// it event by event must agree; strings and numbers it has accepted must be usable.
#include <stdlib.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  JsonReader json;
  open_json(&json, data, size);
  JsonEvent event;
  size_t events = 0;
  while ((event = read_json(&json)) != JSON_END && event != JSON_FAULT) {
    if (++events > 2 * size + 2) abort();
    if (event == JSON_NUMBER) {
      double value = get_json_number(&json);
      char text[64];
      if (json.length < sizeof text) {
        memcpy(text, json.text, json.length);
        text[json.length] = '\0';
        if (strtod(text, NULL) != value) abort();
      }
    }
    if (event == JSON_STRING || event == JSON_KEY) {
      char copy[256], quoted[1600];
      if (!copy_json_string(&json, copy, sizeof copy)) continue;
      if (!json_equals(&json, copy)) abort();
      JsonWriter writer = {.data = quoted, .capacity = sizeof quoted};
      put_quoted(&writer, copy);
      JsonReader again;
      open_json(&again, quoted, writer.size);
      if (read_json(&again) != JSON_STRING || !json_equals(&again, copy)) abort();
    }
  }
  if (json.at < json.begin || json.at > json.end) abort();
  JsonReader skipped;
  open_json(&skipped, data, size);
  bool whole = skip_json(&skipped) && read_json(&skipped) == JSON_END;
  if (whole != (event == JSON_END)) abort();

  // The first byte chooses a tensor's dtype, the rest is its text.
  static const int64_t dims[] = {2, 3};
  const Dtype *dtype = size ? find_dtype(data[0] % 17) : NULL;
  if (!dtype) return 0;
  const ModelTensor tensor = {.name = "t", .dtype = dtype->number, .rank = (uint32_t)(data[0] / 17 % 3), .dims = dims};
  ModelTensor sized = tensor;
  uint64_t count;
  count_elements(tensor.rank, dims, &count);
  sized.bytes = count * dtype->bytes;
  void *memory = malloc(sized.bytes);
  Error error;
  open_json(&json, data + 1, size - 1);
  if (read_json_tensor(&json, &sized, memory, &error)) { // what was read can be written and read again
    char text[512];
    JsonWriter writer = {.data = text, .capacity = sizeof text};
    void *copy = malloc(sized.bytes);
    put_json_tensor(&writer, &sized, memory, true);
    open_json(&json, text, writer.size);
    if (writer.overflow || !read_json_tensor(&json, &sized, copy, &error)) abort();
    for (uint64_t i = 0; i < count; i++) {
      double a = read_element(dtype, memory, i), b = read_element(dtype, copy, i);
      if (a != b && a == a) abort();
    }
    free(copy);
  }
  free(memory);
  return 0;
}
