// Which decoder an image needs, and what becomes of its pixels.
#include "runtime/images/decoder.h"

#include <string.h>

static const struct {
  const char *bytes;
  size_t count;
  void (*decode)(Image *image);
} formats[] = {
#define FORMAT(bytes, decode) {bytes, sizeof bytes - 1, decode}
    FORMAT("BM", decode_bmp),
    FORMAT("\xff\xd8\xff", decode_jpeg),
    FORMAT("\0\0\0\x0cjP  \r\n\x87\n", decode_jpeg2000),
    FORMAT("\xff\x4f\xff\x51", decode_jpeg2000),
    FORMAT("\x89PNG\r\n\x1a\n", decode_png),
    FORMAT("P1", decode_pnm),
    FORMAT("P2", decode_pnm),
    FORMAT("P3", decode_pnm),
    FORMAT("P4", decode_pnm),
    FORMAT("P5", decode_pnm),
    FORMAT("P6", decode_pnm),
    FORMAT("II*\0", decode_tiff),
    FORMAT("II+\0", decode_tiff),
    FORMAT("MM\0*", decode_tiff),
    FORMAT("MM\0+", decode_tiff),
    FORMAT("RIFF", decode_webp),
#undef FORMAT
};

_Noreturn void end_image(Image *image, Status status) { longjmp(image->end, (int)status + 1); }

void begin_image(Image *image, uint64_t height, uint64_t width, int orientation) {
  bool turned = orientation >= 5 && orientation <= 8;
  uint64_t rows = turned ? width : height, columns = turned ? height : width, bytes;
  if (!rows || !columns) end_image(image, STATUS_IMAGE);
  if (__builtin_mul_overflow(rows, columns, &bytes) || __builtin_mul_overflow(bytes, 3, &bytes) ||
      bytes > (uint64_t)image->memory / 2)
    end_image(image, STATUS_MEMORY);
  int64_t h = (int64_t)rows, w = (int64_t)columns;
  if (!image->out) {
    image->height = h, image->width = w;
    end_image(image, STATUS_OK);
  }
  if (image->height != h || image->width != w) end_image(image, STATUS_IMAGE);
  bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 6;
  bool from_below = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  image->first = (from_below ? (h - 1) * w : 0) + (from_right ? w - 1 : 0);
  int64_t down = from_below ? -w : w, right = from_right ? -1 : 1;
  image->down = turned ? right : down;
  image->right = turned ? down : right;
}

void put_pixels(Image *image, int64_t y, int64_t x, int64_t count, const uint8_t *pixels, int samples) {
  int unit = image->layout == IMAGE_GRAY ? 1 : 3, red = 0, green = samples > 1 ? 1 : 0, blue = green * 2;
  uint8_t *to = image->out + (image->first + y * image->down + x * image->right) * unit;
  for (; count > 0; count--, pixels += samples, to += image->right * unit) {
    uint8_t r = pixels[red], g = pixels[green], b = pixels[blue];
    switch (image->layout) {
    case IMAGE_RGB: to[0] = r, to[1] = g, to[2] = b; break;
    case IMAGE_BGR: to[0] = b, to[1] = g, to[2] = r; break;
    default: to[0] = (uint8_t)((19595u * r + 38470u * g + 7471u * b + 0x8000u) >> 16); // ITU-R BT.601
    }
  }
}

bool read_image(Image *image, void *to, size_t bytes) {
  if (bytes > image->size - image->at) return false;
  memcpy(to, image->data + image->at, bytes);
  image->at += bytes;
  return true;
}

void *need_memory(Image *image, uint64_t count, uint64_t bytes) {
  uint64_t total;
  void *block = __builtin_mul_overflow(count, bytes, &total) ? NULL : image_malloc(total);
  if (!block) end_image(image, STATUS_MEMORY);
  return block;
}

void convert_cmyk(const uint8_t cmyk[4], uint8_t rgb[3]) {
  unsigned white = 255u - cmyk[3];
  for (int i = 0; i < 3; i++) {
    unsigned product = white * cmyk[i] + 128; // of two parts of 255, rounded
    rgb[i] = (uint8_t)(white - ((product + (product >> 8)) >> 8));
  }
}

static _Noreturn void decode(Image *image) {
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    if (image->size < formats[i].count || memcmp(image->data, formats[i].bytes, formats[i].count) != 0) continue;
    formats[i].decode(image);
    end_image(image, STATUS_OK);
  }
  end_image(image, STATUS_IMAGE);
}

static Status run_decoder(Image *image) {
  open_image_memory((uint64_t)image->memory);
  int ended = setjmp(image->end); // what end_image said
  if (!ended) decode(image);
  bool enough = close_image_memory();
  Status status = (Status)(ended - 1);
  return status == STATUS_IMAGE && !enough ? STATUS_MEMORY : status;
}

int measure_image(const void *data, ptrdiff_t bytes, ptrdiff_t memory, int64_t *height, int64_t *width) {
  Image image = {.data = data, .size = (size_t)bytes, .memory = memory / 2};
  Status status = run_decoder(&image);
  *height = image.height;
  *width = image.width;
  return status;
}

int decode_image(const void *data, ptrdiff_t bytes, ptrdiff_t memory, int layout, int64_t height, int64_t width,
                 void *out) {
  Image image = {.data = data, .size = (size_t)bytes, .memory = memory / 2, .layout = layout, .out = out};
  image.height = height;
  image.width = width;
  return run_decoder(&image);
}
