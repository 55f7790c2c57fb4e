// Windows and OS/2 bitmaps: 1, 4 and 8 bits with a palette, also run-length coded, 16, 24 and 32 bits with masks.
#include "runtime/images/decoder.h"

#include <string.h>

enum { RAW, RLE8, RLE4, BITFIELDS };

typedef struct {
  uint32_t width, height, bits, compression, colors;
  bool downwards;
  uint32_t masks[3]; // red, green, blue
  uint8_t palette[256][3];
} Bitmap;

static uint32_t read_little(Image *image, int bytes) {
  uint8_t data[4];
  uint32_t value = 0;
  if (!read_image(image, data, (size_t)bytes)) end_image(image, STATUS_IMAGE);
  while (bytes > 0) value = value << 8 | data[--bytes];
  return value;
}

static void move_to(Image *image, size_t at) {
  if (at > image->size) end_image(image, STATUS_IMAGE);
  image->at = at;
}

static void read_masks(Image *image, Bitmap *map) {
  static const uint32_t usual[3] = {0xff0000, 0xff00, 0xff}, of_16[3] = {0x7c00, 0x3e0, 0x1f};
  memcpy(map->masks, map->bits == 16 ? of_16 : usual, sizeof usual);
  if (map->compression != BITFIELDS) return;
  uint32_t masks[3], any = 0;
  for (int i = 0; i < 3; i++) any |= masks[i] = read_little(image, 4);
  if (any) memcpy(map->masks, masks, sizeof masks);
}

static void read_palette(Image *image, Bitmap *map, int entry) {
  for (uint32_t i = 0; i < map->colors && i < 256; i++)
    for (int k = 0; k < entry; k++) {
      uint8_t byte = (uint8_t)read_little(image, 1);
      if (k < 3) map->palette[i][2 - k] = byte;
    }
}

static void read_header(Image *image, Bitmap *map) {
  *map = (Bitmap){0};
  move_to(image, 10);
  size_t pixels = read_little(image, 4), size = read_little(image, 4);
  bool old = size == 12;
  if (!old && (size < 40 || size > 124)) end_image(image, STATUS_IMAGE);
  int wide = old ? 2 : 4;
  map->width = read_little(image, wide);
  map->height = read_little(image, wide);
  read_little(image, 2); // planes
  map->bits = read_little(image, 2);
  if (!old) {
    map->downwards = map->height >> 31;
    if (map->downwards) map->height = -map->height;
    map->compression = read_little(image, 4);
    move_to(image, 46);
    map->colors = read_little(image, 4);
    move_to(image, 54);
    read_masks(image, map);
  }
  if (!map->colors && map->bits <= 8) map->colors = 1u << map->bits;
  if (map->bits <= 8) {
    move_to(image, 14 + size);
    read_palette(image, map, old ? 3 : 4);
  }
  move_to(image, pixels);
}

static void put_row(Image *image, const Bitmap *map, uint32_t y, const uint8_t *row) {
  put_pixels(image, map->downwards ? y : map->height - 1 - y, 0, map->width, row, 3);
}

// As many bits as the mask has, to a byte.
static uint8_t get_masked(uint32_t pixel, uint32_t mask) {
  if (!mask) return 0;
  int shift = __builtin_ctz(mask);
  return (uint8_t)((uint64_t)(pixel & mask) / (1u << shift) * 255 / (mask >> shift));
}

static void read_raw(Image *image, const Bitmap *map, uint8_t *to) {
  uint64_t stride = ((uint64_t)map->width * map->bits + 31) / 32 * 4;
  for (uint32_t y = 0; y < map->height; y++) {
    const uint8_t *row = image->data + image->at;
    if (stride > image->size - image->at) end_image(image, STATUS_IMAGE);
    image->at += stride;
    for (uint32_t x = 0; x < map->width; x++) {
      size_t at = (size_t)x * map->bits / 8, count = map->bits / 8;
      if (map->bits <= 8) {
        uint32_t down = 8 - map->bits - x * map->bits % 8, color = (uint32_t)row[at] >> down;
        memcpy(to + 3 * (size_t)x, map->palette[color & ((1u << map->bits) - 1)], 3);
        continue;
      }
      uint32_t pixel = 0;
      for (size_t i = count; i > 0; i--) pixel = pixel << 8 | row[at + i - 1];
      for (int k = 0; k < 3; k++) to[3 * (size_t)x + (size_t)k] = get_masked(pixel, map->masks[k]);
    }
    put_row(image, map, y, to);
  }
}

// Fills `indices`, which are 0, by runs: pairs of a count and a colour, or 0 and a command.
static void read_runs(Image *image, const Bitmap *map, uint8_t *indices, size_t count) {
  bool halves = map->compression == RLE4;
  size_t at = 0, width = map->width, x = 0;
  while (at < count) {
    size_t run = read_little(image, 1), byte = read_little(image, 1), wanted = byte;
    if (run) {
      if (run > width - x) run = width - x;
      for (size_t i = 0; i < run && at < count; i++, at++)
        indices[at] = (uint8_t)(halves ? i % 2 ? byte & 15 : byte >> 4 : byte);
      x += run;
    } else if (byte == 0) {
      at = (at + width - 1) / width * width;
      x = 0;
    } else if (byte == 1) {
      return;
    } else if (byte == 2) {
      size_t right = read_little(image, 1), rows = read_little(image, 1);
      at += right + rows * width;
      x = at % width;
    } else {
      for (size_t i = 0; i < wanted; i++) {
        if (!halves || i % 2 == 0) byte = read_little(image, 1);
        if (at < count) indices[at++] = (uint8_t)(halves ? i % 2 ? byte & 15 : byte >> 4 : byte);
      }
      x = at % width;
      if (image->at % 2) read_little(image, 1);
    }
  }
}

void decode_bmp(Image *image) {
  Bitmap map;
  read_header(image, &map);
  bool runs = (map.compression == RLE8 && map.bits == 8) || (map.compression == RLE4 && map.bits == 4);
  bool plain = map.compression == RAW || (map.compression == BITFIELDS && map.bits >= 16);
  if (!runs && !plain) end_image(image, STATUS_IMAGE);
  switch (map.bits) {
  case 1:
  case 4:
  case 8:
  case 16:
  case 24:
  case 32: break;
  default: end_image(image, STATUS_IMAGE);
  }
  begin_image(image, map.height, map.width, 1);
  uint8_t *row = need_memory(image, map.width, 3);
  if (!runs) {
    read_raw(image, &map, row);
    return;
  }
  size_t count = (size_t)map.width * map.height;
  uint8_t *indices = need_memory(image, map.height, map.width);
  memset(indices, 0, count);
  read_runs(image, &map, indices, count);
  for (uint32_t y = 0; y < map.height; y++) {
    for (size_t x = 0; x < map.width; x++) memcpy(row + 3 * x, map.palette[indices[(size_t)y * map.width + x]], 3);
    put_row(image, &map, y, row);
  }
}
