// What the decoders of all formats share. A decoder reads image->data and finds the size, says begin_image, which
// returns only when pixels are wanted, and hands them over by put_pixels. Whatever is wrong ends in end_image, from any
// depth; memory need not be freed, since all of it is when the decoder ends.
#pragma once
#include "runtime/image.h"
#include "templates/status.h"
#include <setjmp.h>
#include <stdbool.h>

typedef struct {
  const uint8_t *data;
  size_t size;
  size_t at; // how far it has been read
  int64_t memory;
  int64_t height, width;      // of the result
  int64_t first, down, right; // where the pixel (0, 0) of the file goes, and how far its neighbours are, in pixels
  int layout;
  uint8_t *out; // NULL: only the size is wanted
  jmp_buf end;
} Image;

_Noreturn void end_image(Image *image, Status status);
// The size of the result is known. `orientation`: TIFF's number for which corner the first pixel is in, 1 without one.
void begin_image(Image *image, uint64_t height, uint64_t width, int orientation);
// `count` pixels of row y from column x on: of one byte (grey), or of three or four (red, green, blue, ignored).
void put_pixels(Image *image, int64_t y, int64_t x, int64_t count, const uint8_t *pixels, int samples);
// Copies the next bytes, all or none.
bool read_image(Image *image, void *to, size_t bytes);
// The image's memory, or the end.
void *need_memory(Image *image, uint64_t count, uint64_t bytes);
// Inks (0: none) to red, green, blue; may be done in place.
void convert_cmyk(const uint8_t cmyk[4], uint8_t rgb[3]);

void decode_bmp(Image *image);
void decode_jpeg(Image *image);
void decode_jpeg2000(Image *image);
void decode_png(Image *image);
void decode_pnm(Image *image);
void decode_tiff(Image *image);
void decode_webp(Image *image);

/* memory.c: what malloc, calloc, realloc and free are in the libraries. Each thread has its own. */
void open_image_memory(uint64_t bytes); // from here on so many may be taken
bool close_image_memory(void);          // frees all; false when it was too little
void *image_malloc(size_t bytes);
void *image_calloc(size_t count, size_t bytes);
void *image_realloc(void *data, size_t bytes);
void image_free(void *data);
