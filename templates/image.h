// Images from their encoded form. The decoders are not here: executables with these templates, and only those, link
// runtime/images/. No generated functions, both serial.
#pragma once
#include "runtime/image.h"
#include "templates/template.h"

// *height, *width = the size of the image in `bytes` bytes of x.
TEMPLATE Status image_size(idx bytes, idx memory, const void *x, int64_t *height, int64_t *width, void *const *bufs,
                           idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  return (Status)measure_image(x, bytes, memory, height, width);
}

// y = its pixels, as `layout` of runtime/image.h says.
TEMPLATE Status image_decode(idx bytes, idx memory, idx layout, idx height, idx width, const void *x, void *y,
                             void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  return (Status)decode_image(x, bytes, memory, (int)layout, height, width, y);
}
