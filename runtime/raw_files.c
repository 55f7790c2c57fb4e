// A program around a model of the C interface, for trying it: raw files in, raw files out. Its arguments are a FILE for
// each input, with the dims in front of it where the model leaves some open ("8x3 x.raw"), then a FILE for each output.
// The dims of outputs that were open are printed. Strings and sequences need a program of their own.
#include "runtime/ingot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

extern const IngotModel ingot_model;

enum { ROOM = 1 << 30 }; // bytes for what has no size before the run

static void *allocate(size_t size) {
  void *data = aligned_alloc(64, size / 64 * 64 + 64);
  if (!data) exit(3);
  return data;
}

static int fail_with(const char *what, const char *fault) {
  fprintf(stderr, "%s: %s\n", what, fault);
  return 2;
}

static int is_open(const IngotTensor *tensor) {
  int found = 0;
  for (uint32_t d = 0; d < tensor->rank; d++) found |= tensor->dims[d] < 0;
  return found;
}

static int is_text_or_block(const IngotTensor *tensor) {
  enum { STRING = 8 }; // of ONNX's TensorProto.DataType
  return tensor->kind != INGOT_TENSOR || tensor->dtype == STRING;
}

// "8x3": as many numbers as the tensor has dims.
static int read_dims(const char *text, int64_t *dims, uint32_t rank) {
  for (uint32_t d = 0; d < rank; d++) {
    char *end;
    dims[d] = strtoll(text, &end, 10);
    if (end == text || *end != (d + 1 < rank ? 'x' : '\0')) return 0;
    text = end + 1;
  }
  return 1;
}

// A file of exactly `size` bytes.
static void *read_raw(const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  void *data = allocate(size);
  if (!file || fread(data, 1, size, file) != size || fgetc(file) != EOF) return NULL;
  return fclose(file) == 0 ? data : NULL;
}

static int write_raw(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file) return 0;
  int done = fwrite(data, 1, size, file) == size;
  return fclose(file) == 0 && done;
}

int main(int count, char **arguments) {
  const IngotModel *model = &ingot_model;
  size_t inputs = ingot_input_count(model), outputs = ingot_output_count(model);
  size_t bytes = ingot_memory_bytes(model) + ROOM;
  void *memory = allocate(bytes), **data = allocate((inputs + outputs) * sizeof *data);
  char **end = arguments + count, **next = arguments + 1;
  if (ingot_open_sized(model, memory, bytes)) return fail_with(arguments[0], "cannot be opened");
  for (size_t i = 0; i < inputs; i++) {
    IngotTensor tensor = ingot_input(model, i);
    int64_t dims[64];
    if (is_text_or_block(&tensor) || tensor.rank > 64) return fail_with(tensor.name, "needs a program of its own");
    if (is_open(&tensor) && (next == end || !read_dims(*next++, dims, tensor.rank) || ingot_set_dims(memory, i, dims)))
      return fail_with(tensor.name, "its dims are missing or wrong");
    if (next == end) return fail_with(tensor.name, "a file is missing");
    data[i] = read_raw(*next, (size_t)ingot_given(memory, i).bytes);
    if (!data[i]) return fail_with(*next, "cannot be read, or has another size than the input");
    next++;
  }
  if (end - next != (ptrdiff_t)outputs) return fail_with(arguments[0], "a file for each input and output");
  for (size_t i = 0; i < outputs; i++) {
    IngotTensor tensor = ingot_output(model, i);
    if (is_text_or_block(&tensor)) return fail_with(tensor.name, "needs a program of its own");
    data[inputs + i] = allocate((size_t)tensor.bytes);
  }
  int status = ingot_run(memory, (const void *const *)data, data + inputs);
  if (status) return fprintf(stderr, "%s: %s\n", ingot_last_nodes(memory), ingot_status_text(status)), 1;
  for (size_t i = 0; i < outputs; i++, next++) {
    IngotTensor tensor = ingot_result(memory, i), before = ingot_output(model, i);
    for (uint32_t d = 0; is_open(&before) && d < tensor.rank; d++)
      printf("%s%" PRId64 "%s", d ? "x" : "", tensor.dims[d], d + 1 == tensor.rank ? "\n" : "");
    const void *from = tensor.data ? tensor.data : data[inputs + i];
    if (!write_raw(*next, from, (size_t)tensor.bytes)) return fail_with(*next, "cannot be written");
  }
  for (size_t i = 0; i < inputs + outputs; i++) free(data[i]);
  free(data), free(memory);
  return 0;
}
