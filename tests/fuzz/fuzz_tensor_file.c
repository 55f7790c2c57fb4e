// Arbitrary bytes as tensor files. The first byte chooses the format, the second the tensor that is expected.
#include <stdlib.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/inflate.h"
#include "runtime/tensor_file.h"
#include "runtime/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_zip(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to) {
  ZipReader zip;
  ZipEntry entry;
  Error error;
  if (!open_zip(&zip, data, size, &error)) return;
  for (int i = 0; i < 16 && read_zip_entry(&zip, &entry, &error); i++) {
    if (entry.name < (const char *)data || entry.name + entry.name_length > (const char *)data + size) abort();
    if (entry.size > 65536) continue;
    uint8_t *unpacked = malloc(entry.size ? entry.size : 1);
    if (unpack_zip_entry(&entry, unpacked, &error)) read_npy(unpacked, entry.size, tensor, to, "fuzz", &error);
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
  static const int64_t dims[] = {2, 3, 2};
  const Dtype *dtype = find_dtype(bytes[1] % 17);
  if (!dtype) return 0;
  ModelTensor tensor = {.name = "t", .dtype = dtype->number, .rank = (uint32_t)(bytes[1] / 17 % 4), .dims = dims};
  uint64_t count;
  if (!count_elements(tensor.rank, dims, &count)) abort();
  tensor.bytes = count * dtype->bytes;
  size -= 2;
  uint8_t *data = malloc(size ? size : 1), *to = malloc(tensor.bytes); // exactly: sanitizers see a byte too many
  memcpy(data, bytes + 2, size);
  Error error;
  bool read = false;
  switch (bytes[0] % 4) {
  case 0: read = read_npy(data, size, &tensor, to, "fuzz", &error); break;
  case 1: read = read_tensor_proto(data, size, &tensor, to, "fuzz", &error); break;
  case 2: read_zip(data, size, &tensor, to); break;
  case 3: read_deflate(data, size); break;
  }
  if (read) { // every element was written
    char head[NPY_HEAD];
    if (make_npy_head(head, &tensor) % 64 != 0) abort();
    update_crc32(0, to, tensor.bytes);
  }
  free(data);
  free(to);
  return 0;
}
