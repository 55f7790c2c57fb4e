// Arbitrary bytes as images. Their number chooses the layout.
#include <stdlib.h>

#include "runtime/image.h"
#include "templates/status.h"

enum { MEMORY = 16 << 20 }; // so that nothing takes long

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int64_t height, width;
  int layout = (int)(size % 3);
  int status = measure_image(data, (ptrdiff_t)size, MEMORY, &height, &width);
  if (status == STATUS_IMAGE || status == STATUS_MEMORY) return 0;
  if (status != STATUS_OK || height <= 0 || width <= 0 || height > MEMORY / 3 / width) abort();
  size_t bytes = (size_t)(height * width) * (layout == IMAGE_GRAY ? 1 : 3);
  uint8_t *out = malloc(bytes);
  decode_image(data, (ptrdiff_t)size, MEMORY, layout, height, width, out);
  free(out);
  return 0;
}
