// PNG, by libpng.
#include "runtime/images/decoder.h"

#include <png.h>

static void on_error(png_structp png, png_const_charp text) {
  (void)text;
  end_image(png_get_error_ptr(png), STATUS_IMAGE);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void read_bytes(png_structp png, png_bytep to, size_t bytes) {
  Image *image = png_get_io_ptr(png);
  if (!read_image(image, to, bytes)) end_image(image, STATUS_IMAGE);
}

void decode_png(Image *image) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, image, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) end_image(image, STATUS_MEMORY);
  png_set_read_fn(png, image, read_bytes);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); // of the optional ones none matters
  png_read_info(png, info);
  png_uint_32 height = png_get_image_height(png, info), width = png_get_image_width(png, info);
  begin_image(image, height, width, 1);
  png_set_palette_to_rgb(png); // of the following each does something where there is something to do
  png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  int samples = png_get_channels(png, info);
  size_t bytes = png_get_rowbytes(png, info);
  png_uint_32 rows = passes > 1 ? height : 1; // a pass adds to what those before it gave
  uint8_t *pixels = need_memory(image, rows, bytes);
  for (int pass = 0; pass < passes; pass++) {
    for (png_uint_32 y = 0; y < height; y++) {
      uint8_t *row = pixels + y % rows * bytes;
      png_read_row(png, row, NULL);
      if (pass == passes - 1) put_pixels(image, y, 0, width, row, samples);
    }
  }
}
