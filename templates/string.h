// What every template over strings stands on. An element of a string tensor says where its bytes are in the pool; they
// are UTF-8 and have no terminator. Text never changes, so elements may share it.
#pragma once
#include "templates/template.h"

// As ModelString of runtime/model.h.
typedef struct {
  uint64_t offset, size;
} String;

// 64 bits that stand for a text: FNV-1a, mixed.
HELPER uint64_t hash_text(const char *text, uint64_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint64_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
  return hash ^ hash >> 32;
}

HELPER int same_text(const char *a, const char *b, uint64_t size) {
  uint64_t i = 0;
  while (i < size && a[i] == b[i]) i++;
  return i == size;
}
HELPER int same_string(const char *pool, const String *a, const String *b) {
  return a->size == b->size && (a->offset == b->offset || same_text(pool + a->offset, pool + b->offset, a->size));
}

// Space for `size` bytes behind used[0] bytes of a pool that may have used[1]. Who claims must be a serial step.
HELPER Status claim_text(int64_t *used, uint64_t size, String *out) {
  if (size > (uint64_t)used[1] || (uint64_t)used[0] > (uint64_t)used[1] - size) return STATUS_MEMORY;
  *out = (String){(uint64_t)used[0], size};
  used[0] += (int64_t)size;
  return STATUS_OK;
}

// The character that starts at `text`, of which `left` bytes are left: its length in bytes, 0 where it is not UTF-8.
HELPER uint64_t read_utf8(const char *text, uint64_t left, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const uint8_t *p = (const uint8_t *)text;
  uint32_t c = *p;
  if (c < 0x80) return *code = c, 1;
  uint64_t length = c >= 0xf8 ? 0 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
  if (length == 0 || length > left) return 0;
  c &= 0x7fu >> length;
  for (uint64_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3f);
  }
  *code = c;
  return c >= least[length] && c < 0x110000 && (c < 0xd800 || c > 0xdfff) ? length : 0;
}

// The character as UTF-8: its length in bytes.
HELPER uint64_t write_utf8(uint32_t code, char *text) {
  uint64_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  if (length == 1) return *text = (char)code, 1;
  for (uint64_t i = length - 1; i > 0; i--) {
    text[i] = (char)(0x80 | (code & 0x3f));
    code >>= 6;
  }
  *text = (char)(0xf00u >> length | code);
  return length;
}
