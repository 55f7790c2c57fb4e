// JPEG, by libjpeg-turbo: exact integer DCT and smooth chroma upsampling, its defaults. Meta data mean nothing.
#include "runtime/images/decoder.h"

#include <stdio.h>

#include <jpeglib.h>

enum { MOST_SCANS = 500 }; // of a progressive image, which may repeat them at little cost

static void on_error(j_common_ptr jpeg) { end_image(jpeg->client_data, STATUS_IMAGE); }

static void on_message(j_common_ptr jpeg, int level) { (void)jpeg, (void)level; }

static void begin_source(j_decompress_ptr jpeg) { (void)jpeg; }

// All bytes were there from the start.
static boolean fill_source(j_decompress_ptr jpeg) { end_image(jpeg->client_data, STATUS_IMAGE); }

static void skip_source(j_decompress_ptr jpeg, long count) {
  struct jpeg_source_mgr *source = jpeg->src;
  if (count <= 0) return;
  if ((size_t)count > source->bytes_in_buffer) end_image(jpeg->client_data, STATUS_IMAGE);
  source->next_input_byte += count;
  source->bytes_in_buffer -= (size_t)count;
}

static void count_scans(j_common_ptr jpeg) {
  if (((j_decompress_ptr)jpeg)->input_scan_number > MOST_SCANS) end_image(jpeg->client_data, STATUS_IMAGE);
}

// Four inks are written inverted, as Adobe's programs began to do it.
static void convert_inks(uint8_t *row, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint8_t inks[4];
    for (int k = 0; k < 4; k++) inks[k] = (uint8_t)(255 - row[4 * i + k]);
    convert_cmyk(inks, row + 4 * i);
  }
}

void decode_jpeg(Image *image) {
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source = {.next_input_byte = image->data,
                                   .bytes_in_buffer = image->size,
                                   .init_source = begin_source,
                                   .fill_input_buffer = fill_source,
                                   .skip_input_data = skip_source,
                                   .resync_to_restart = jpeg_resync_to_restart,
                                   .term_source = begin_source};
  struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
  struct jpeg_decompress_struct jpeg = {.err = jpeg_std_error(&errors), .client_data = image};
  errors.error_exit = on_error;
  errors.emit_message = on_message;
  jpeg_create_decompress(&jpeg);
  jpeg.src = &source;
  jpeg.progress = &progress;
  jpeg_read_header(&jpeg, TRUE);
  begin_image(image, jpeg.image_height, jpeg.image_width, 1);
  switch (jpeg.jpeg_color_space) {
  case JCS_GRAYSCALE: jpeg.out_color_space = JCS_GRAYSCALE; break;
  case JCS_YCbCr:
  case JCS_RGB: jpeg.out_color_space = JCS_RGB; break;
  case JCS_CMYK:
  case JCS_YCCK: jpeg.out_color_space = JCS_CMYK; break;
  default: end_image(image, STATUS_IMAGE);
  }
  jpeg_start_decompress(&jpeg);
  int samples = jpeg.output_components;
  uint8_t *row = need_memory(image, jpeg.output_width, (uint64_t)samples);
  for (JDIMENSION y = 0; y < jpeg.output_height; y++) {
    jpeg_read_scanlines(&jpeg, &row, 1);
    if (samples == 4) convert_inks(row, jpeg.output_width);
    put_pixels(image, y, 0, jpeg.output_width, row, samples);
  }
}
