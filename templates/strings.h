// Strings compared, joined and looked up.
#pragma once
#include "templates/string.h"

// out[i] = a[i] is b[i]. A step of 0 takes the same element for all. Parallel over count.
TEMPLATE Status string_equal(idx count, const String *a, idx a_step, const String *b, idx b_step, const char *pool,
                             uint8_t *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++) out[i] = (uint8_t)same_string(pool, &a[i * a_step], &b[i * b_step]);
  return STATUS_OK;
}

// out[i] = a[i] and b[i] behind it. Steps as above. `used`: the slots FRAME_STRINGS and FRAME_POOL. Serial.
TEMPLATE Status string_concat(idx count, const String *a, idx a_step, const String *b, idx b_step, char *pool,
                              int64_t *used, String *out, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  for (idx i = 0; i < count && part == 0; i++) {
    String x = a[i * a_step], y = b[i * b_step];
    if (x.size == 0 || y.size == 0) { // nothing new
      out[i] = x.size ? x : y;
      continue;
    }
    if (claim_text(used, x.size + y.size, &out[i])) return STATUS_MEMORY;
    memcpy(pool + out[i].offset, pool + x.offset, x.size);
    memcpy(pool + out[i].offset + x.size, pool + y.offset, y.size);
  }
  return STATUS_OK;
}

// A table of texts and the numbers that they stand for, by open addressing: entries of four words, a power of two of
// them, some of them free.
enum { ENTRY_OFFSET, ENTRY_SIZE, ENTRY_HASH, ENTRY_NUMBER, ENTRY_WORDS, ENTRY_FREE = -1 /* as a size */ };

// The entry of a text, or the free one where it belongs.
HELPER const int64_t *find_entry(const int64_t *table, idx entries, const char *pool, const char *text, uint64_t size) {
  uint64_t hash = hash_text(text, size), at = hash;
  for (;; at++) {
    const int64_t *entry = table + (at & (uint64_t)(entries - 1)) * ENTRY_WORDS;
    if (entry[ENTRY_SIZE] == ENTRY_FREE) return entry;
    if ((uint64_t)entry[ENTRY_HASH] == hash && (uint64_t)entry[ENTRY_SIZE] == size &&
        same_text(pool + entry[ENTRY_OFFSET], text, size))
      return entry;
  }
}

// out[i] = the number of x[i]; `missing` where the table has none, or STATUS_INDEX where strict is not 0. Parallel over
// count.
TEMPLATE Status string_lookup(idx count, idx entries, idx missing, idx strict, const String *x, const char *pool,
                              const int64_t *table, int64_t *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++) {
    const int64_t *entry = find_entry(table, entries, pool, pool + x[i].offset, x[i].size);
    if (entry[ENTRY_SIZE] == ENTRY_FREE && strict) return STATUS_INDEX;
    out[i] = entry[ENTRY_SIZE] == ENTRY_FREE ? missing : entry[ENTRY_NUMBER];
  }
  return STATUS_OK;
}
