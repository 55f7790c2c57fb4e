// Unicode's UTF-8.
#include "runtime/utf8.h"

size_t utf8_length(const char *text, size_t left) {
  const unsigned char *p = (const unsigned char *)text;
  if (p[0] < 0x80) return 1;
  size_t length = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
  if (length == 0 || left < length) return 0;
  unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
  unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  return length;
}

uint32_t decode_utf8(const char *p, size_t length) {
  uint32_t code = length == 1 ? (unsigned char)p[0] : (unsigned char)p[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) code = code << 6 | ((unsigned char)p[i] & 0x3fu);
  return code;
}

size_t encode_utf8(uint32_t code, char out[4]) {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
  out[0] = (char)(code | (length == 2 ? 0xc0u : length == 3 ? 0xe0u : 0xf0u));
  return length;
}
