// Portable bitmaps, greymaps and pixmaps, as text (P1 to P3) and binary (P4 to P6).
#include "runtime/images/decoder.h"

#include <math.h>

static int next_byte(Image *image) { return image->at < image->size ? image->data[image->at++] : -1; }

static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next character that is neither white nor in a comment.
static int next_visible(Image *image) {
  for (;;) {
    int c = next_byte(image);
    if (c == '#')
      while (c >= 0 && c != '\n' && c != '\r') c = next_byte(image);
    if (!is_space(c)) return c;
  }
}

// A number and the one character behind it.
static uint32_t read_number(Image *image, uint32_t most) {
  uint32_t number = 0;
  int c = next_visible(image);
  if (c < '0' || c > '9') end_image(image, STATUS_IMAGE);
  for (; c >= '0' && c <= '9'; c = next_byte(image)) {
    number = number * 10 + (uint32_t)(c - '0');
    if (number > most) end_image(image, STATUS_IMAGE);
  }
  if (c == '#')
    image->at--;
  else if (c >= 0 && !is_space(c))
    end_image(image, STATUS_IMAGE);
  return number;
}

static uint32_t read_sample(Image *image, bool text, uint32_t most) {
  uint8_t bytes[2] = {0};
  if (text) return read_number(image, most);
  if (!read_image(image, bytes + (most < 256), most < 256 ? 1 : 2)) end_image(image, STATUS_IMAGE);
  uint32_t value = bytes[0] * 256u + bytes[1];
  return value < most ? value : most;
}

// A row of a bitmap, in which 1 is black.
static void read_bits(Image *image, bool text, uint8_t *row, uint32_t width) {
  int byte = 0;
  for (uint32_t x = 0; x < width; x++) {
    if (text || x % 8 == 0) byte = text ? next_visible(image) : next_byte(image);
    if (byte < 0 || (text && byte != '0' && byte != '1')) end_image(image, STATUS_IMAGE);
    row[x] = (text ? byte == '1' : byte >> (7 - x % 8) & 1) ? 0 : 255;
  }
}

void decode_pnm(Image *image) {
  image->at = 1;
  int kind = next_byte(image) - '0', samples = kind % 3 ? 1 : 3;
  bool text = kind <= 3, bits = kind % 3 == 1;
  uint32_t width = read_number(image, INT32_MAX / 10), height = read_number(image, INT32_MAX / 10);
  uint32_t most = bits ? 1 : read_number(image, 65535);
  if (!most) end_image(image, STATUS_IMAGE);
  begin_image(image, height, width, 1);
  uint8_t *row = need_memory(image, width, (uint64_t)samples);
  for (uint32_t y = 0; y < height; y++) {
    if (bits) read_bits(image, text, row, width);
    for (size_t i = 0; !bits && i < (size_t)width * (size_t)samples; i++)
      row[i] = (uint8_t)rint((double)read_sample(image, text, most) / most * 255);
    put_pixels(image, y, 0, width, row, samples);
  }
}
