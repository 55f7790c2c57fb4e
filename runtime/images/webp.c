// WebP, by libwebp: of an animation the first picture.
#include "runtime/images/decoder.h"

#include <src/webp/decode.h>
#include <src/webp/demux.h>

void decode_webp(Image *image) {
  WebPBitstreamFeatures features;
  WebPData data = {image->data, image->size};
  WebPAnimDecoderOptions options;
  uint8_t *pixels;
  int time;
  if (WebPGetFeatures(image->data, image->size, &features) != VP8_STATUS_OK) end_image(image, STATUS_IMAGE);
  begin_image(image, (uint64_t)features.height, (uint64_t)features.width, 1);
  if (!WebPAnimDecoderOptionsInit(&options)) end_image(image, STATUS_IMAGE);
  options.color_mode = MODE_RGBA;
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, &options);
  if (!decoder || !WebPAnimDecoderGetNext(decoder, &pixels, &time)) end_image(image, STATUS_IMAGE);
  for (int y = 0; y < features.height; y++)
    put_pixels(image, y, 0, features.width, pixels + (size_t)y * (size_t)features.width * 4, 4);
}
