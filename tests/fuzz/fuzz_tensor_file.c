// Arbitrary bytes as tensor files. The first byte chooses the format, the second the tensor that is expected.
#include <stdlib.h>
#include <string.h>

#include "runtime/inflate.h"
#include "runtime/tensor_file.h"
#include "runtime/zip.h"
#include "tests/fuzz/fuzz_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_zip(const uint8_t *data, size_t size, Value *value) {
  ZipReader zip;
  ZipEntry entry;
  Error error;
  if (!open_zip(&zip, data, size, &error)) return;
  for (int i = 0; i < 16 && read_zip_entry(&zip, &entry, &error); i++) {
    if (entry.name < (const char *)data || entry.name + entry.name_length > (const char *)data + size) abort();
    if (entry.size > 65536) continue;
    uint8_t *unpacked = malloc(entry.size ? entry.size : 1);
    if (unpack_zip_entry(&entry, unpacked, &error)) read_npy(unpacked, entry.size, value, "fuzz", &error);
    free(unpacked);
  }
}

static void read_deflate(const uint8_t *data, size_t size) {
  uint8_t *out = malloc(1000);
  const char *fault = inflate(data, size, out, 1000);
  if (!fault) { // the whole of the result was written
    uint32_t crc = update_crc32(0, out, 1000);
    if (update_crc32(update_crc32(0, out, 300), out + 300, 700) != crc) abort();
  }
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 2) return 0;
  FuzzValue fuzz;
  if (!make_value(&fuzz, bytes[1])) return 0;
  size -= 2;
  uint8_t *data = malloc(size ? size : 1);
  memcpy(data, bytes + 2, size);
  Error error;
  bool read = false;
  switch (bytes[0] % 4) {
  case 0: read = read_npy(data, size, &fuzz.value, "fuzz", &error); break;
  case 1: read = read_proto(data, size, &fuzz.value, "fuzz", &error); break;
  case 2: read_zip(data, size, &fuzz.value); break;
  case 3: read_deflate(data, size); break;
  }
  if (read) { // what was read can be written
    char text[256];
    JsonWriter json = {.data = text, .capacity = sizeof text};
    put_json_value(&json, &fuzz.value, true);
    Output null = {.fd = -1};
    write_proto(&null, &fuzz.value, &error);
    if (fuzz.tensor.kind == MODEL_TENSOR) {
      NpyFile file;
      Tensor tensor = view_value(&fuzz.value);
      if (make_npy(&file, &tensor, &error) && file.head_size % 64 != 0) abort();
      free_npy(&file);
      update_crc32(0, fuzz.value.data, fuzz.value.bytes); // every byte was written
    }
  }
  free(data);
  free_value(&fuzz);
  return 0;
}
