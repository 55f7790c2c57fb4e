// Decoding of images: what the kernels of templates/image.h call, from runtime/images/. Plain C without libc. Both
// return a Status of templates/status.h, take at most `memory` bytes and touch nothing else but what they write.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_RGB, IMAGE_BGR, IMAGE_GRAY };

// The size of an encoded image of any of the formats, from its header.
int measure_image(const void *data, ptrdiff_t bytes, ptrdiff_t memory, int64_t *height, int64_t *width);
// Its pixels in rows, of three bytes or of one. The size is what measure_image said.
int decode_image(const void *data, ptrdiff_t bytes, ptrdiff_t memory, int layout, int64_t height, int64_t width,
                 void *out);
