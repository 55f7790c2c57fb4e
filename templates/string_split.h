// Strings cut into parts. Parts are pieces of the text that is there: nothing is copied.
#pragma once
#include "templates/string.h"

// Python's whitespace, which has Unicode's.
HELPER int is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

// The first place from `at` on where a delimiter is, or the end of the text.
HELPER uint64_t find_delimiter(const char *text, uint64_t size, uint64_t at, const char *delimiter, uint64_t length) {
  for (; at + length <= size; at++)
    if (same_text(text + at, delimiter, length)) return at;
  return size;
}

// Steps over characters that are whitespace, or that are not: where the others begin. False where text is not UTF-8.
HELPER int skip_spaces(const char *text, uint64_t size, int spaces, uint64_t *at) {
  uint32_t code = 0;
  while (*at < size) {
    uint64_t length = read_utf8(text + *at, size - *at, &code);
    if (length == 0) return 0;
    if (is_space(code) != spaces) break;
    *at += length;
  }
  return 1;
}

// The parts of one string: how many, -1 where it is not UTF-8. Part i becomes y[i] for i < room. At most `most` cuts;
// without a delimiter the parts are what stands between whitespace.
HELPER idx cut_text(const char *pool, const String *x, const String *delimiter, idx most, String *y, idx room) {
  const char *text = pool + x->offset;
  uint64_t size = x->size, at = 0, end;
  idx count = 0;
  for (;; count++) {
    if (delimiter->size == 0) {
      if (!skip_spaces(text, size, 1, &at)) return -1;
      if (at == size) return count;
      end = at;
      if (!skip_spaces(text, size, 0, &end)) return -1;
    } else {
      end = find_delimiter(text, size, at, pool + delimiter->offset, delimiter->size);
    }
    if (count == most) end = size;
    if (count < room) y[count] = (String){x->offset + at, end - at};
    if (delimiter->size && end == size) return count + 1;
    at = end + delimiter->size;
  }
}

// counts[i] = number of parts of x[i], *width the largest. Serial.
TEMPLATE Status string_parts(idx count, idx most, const String *x, const String *delimiter, const char *pool,
                             int64_t *counts, int64_t *width, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  if (part > 0) return STATUS_OK;
  *width = 0;
  for (idx i = 0; i < count; i++) {
    counts[i] = cut_text(pool, &x[i], delimiter, most, NULL, 0);
    if (counts[i] < 0) return STATUS_UTF8;
    if (counts[i] > *width) *width = counts[i];
  }
  return STATUS_OK;
}

// y[i][k] = part k of x[i], "" where it has fewer. Parallel over count.
TEMPLATE Status string_split(idx count, idx most, idx width, const String *x, const String *delimiter, const char *pool,
                             String *y, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++) {
    idx found = cut_text(pool, &x[i], delimiter, most, y + i * width, width);
    for (idx k = found; k < width; k++) y[i * width + k] = (String){0, 0};
  }
  return STATUS_OK;
}
