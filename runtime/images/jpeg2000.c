// JPEG 2000, files and bare code streams, by OpenJPEG.
#include "runtime/images/decoder.h"

#include <openjpeg.h>

static OPJ_SIZE_T read_bytes(void *to, OPJ_SIZE_T bytes, void *context) {
  Image *image = context;
  size_t left = image->size - image->at, count = bytes < left ? bytes : left;
  return read_image(image, to, count) && count ? count : (OPJ_SIZE_T)-1;
}

static OPJ_OFF_T skip_bytes(OPJ_OFF_T bytes, void *context) {
  Image *image = context;
  if (bytes < 0 || (uint64_t)bytes > image->size - image->at) return -1;
  image->at += (size_t)bytes;
  return bytes;
}

static OPJ_BOOL seek_byte(OPJ_OFF_T at, void *context) {
  Image *image = context;
  if (at < 0 || (uint64_t)at > image->size) return OPJ_FALSE;
  image->at = (size_t)at;
  return OPJ_TRUE;
}

static opj_image_t *read_header(Image *image, opj_codec_t *codec, opj_stream_t *stream) {
  opj_dparameters_t parameters;
  opj_image_t *picture;
  if (!codec || !stream) end_image(image, STATUS_MEMORY);
  opj_set_default_decoder_parameters(&parameters);
  opj_stream_set_user_data(stream, image, NULL);
  opj_stream_set_user_data_length(stream, image->size);
  opj_stream_set_read_function(stream, read_bytes);
  opj_stream_set_skip_function(stream, skip_bytes);
  opj_stream_set_seek_function(stream, seek_byte);
  if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, &picture))
    end_image(image, STATUS_IMAGE);
  return picture;
}

// A component's sample for a pixel of the picture as a byte. What has more bits is rounded.
static uint8_t get_sample(const opj_image_comp_t *component, uint32_t y, uint32_t x) {
  uint32_t row = y / component->dy, column = x / component->dx, bits = component->prec;
  if (row >= component->h) row = component->h - 1;
  if (column >= component->w) column = component->w - 1;
  int64_t value = component->data[(size_t)row * component->w + column];
  if (component->sgnd) value += INT64_C(1) << (bits - 1);
  if (bits > 8)
    value = (value + (INT64_C(1) << (bits - 9))) >> (bits - 8);
  else
    value = (int64_t)((uint64_t)value << (8 - bits));
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static uint8_t to_byte(double value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5); }

// Luma and chroma of JPEG to red, green, blue.
static void convert_ycc(uint8_t *pixel) {
  double y = pixel[0], cb = pixel[1] - 128, cr = pixel[2] - 128;
  pixel[0] = to_byte(y + 1.402 * cr);
  pixel[1] = to_byte(y - 0.344136 * cb - 0.714136 * cr);
  pixel[2] = to_byte(y + 1.772 * cb);
}

static void check_components(Image *image, const opj_image_t *picture) {
  if (!picture->numcomps || picture->numcomps > 4) end_image(image, STATUS_IMAGE);
  for (uint32_t i = 0; i < picture->numcomps; i++) {
    const opj_image_comp_t *c = &picture->comps[i];
    if (!c->data || !c->w || !c->h || !c->dx || !c->dy || !c->prec || c->prec > 31) end_image(image, STATUS_IMAGE);
  }
}

void decode_jpeg2000(Image *image) {
  opj_codec_t *codec = opj_create_decompress(image->data[0] ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
  opj_image_t *picture = read_header(image, codec, stream);
  uint32_t height = picture->y1 - picture->y0, width = picture->x1 - picture->x0;
  if (picture->y1 < picture->y0 || picture->x1 < picture->x0) end_image(image, STATUS_IMAGE);
  begin_image(image, height, width, 1);
  if (!opj_decode(codec, stream, picture) || !opj_end_decompress(codec, stream)) end_image(image, STATUS_IMAGE);
  check_components(image, picture);
  uint32_t count = picture->numcomps < 3 ? 1 : picture->numcomps; // one, or colours, and what may be opacity
  bool inks = picture->color_space == OPJ_CLRSPC_CMYK && count == 4;
  if (picture->color_space == OPJ_CLRSPC_EYCC || (picture->color_space == OPJ_CLRSPC_CMYK && !inks))
    end_image(image, STATUS_IMAGE);
  uint8_t *row = need_memory(image, width, count);
  for (uint32_t y = 0; y < height; y++) {
    uint8_t *pixel = row;
    for (uint32_t x = 0; x < width; x++, pixel += count) {
      for (uint32_t i = 0; i < count; i++) pixel[i] = get_sample(&picture->comps[i], y, x);
      if (inks) convert_cmyk(pixel, pixel);
      if (count > 1 && picture->color_space == OPJ_CLRSPC_SYCC) convert_ycc(pixel);
    }
    put_pixels(image, y, 0, width, row, (int)count);
  }
}
