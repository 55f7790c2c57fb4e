// Upper and lower case, and words that are left out.
#pragma once
#include "templates/strings.h"

// A table of case holds runs of four numbers: characters first..last, every `step`-th, become themselves + change.
enum { CASE_FIRST, CASE_LAST, CASE_STEP, CASE_CHANGE, CASE_WORDS };

HELPER uint32_t change_case(const int32_t *table, idx runs, uint32_t code) {
  idx low = 0;
  for (idx left = runs; left > 0;) { // the first run that ends at `code` or behind it
    idx half = left / 2;
    int32_t last = table[(low + half) * CASE_WORDS + CASE_LAST];
    if ((uint32_t)last < code)
      low += half + 1, left -= half + 1;
    else
      left = half;
  }
  const int32_t *run = table + low * CASE_WORDS;
  if (low == runs || code < (uint32_t)run[CASE_FIRST]) return code;
  if ((code - (uint32_t)run[CASE_FIRST]) % (uint32_t)run[CASE_STEP]) return code;
  return code + (uint32_t)run[CASE_CHANGE];
}

// The text in another case, at the end of the pool: the bytes it takes, -1 where it is not UTF-8, -2 where there is no
// space. They stay unclaimed.
HELPER int64_t write_case(const int32_t *table, idx runs, char *pool, const int64_t *used, const String *x) {
  uint64_t at = 0, size = 0, room = (uint64_t)(used[1] - used[0]);
  char character[4];
  uint32_t code = 0;
  while (at < x->size) {
    uint64_t length = read_utf8(pool + x->offset + at, x->size - at, &code);
    if (length == 0) return -1;
    at += length;
    length = write_utf8(change_case(table, runs, code), character);
    if (length > room - size) return -2;
    memcpy(pool + used[0] + size, character, length);
    size += length;
  }
  return (int64_t)size;
}

// out[0] ... out[*kept - 1] = the elements of x that are no stop words, in another case where `change` has runs. Stop
// words are the texts of `table`, in the case of `compare`, in which elements are looked up. Where none are left there
// is one that is "". Serial.
TEMPLATE Status string_normalize(idx count, idx change_runs, idx compare_runs, idx entries, const String *x,
                                 const int32_t *change, const int32_t *compare, const int64_t *table, char *pool,
                                 int64_t *used, String *out, int64_t *kept, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  if (part > 0) return STATUS_OK;
  *kept = 0;
  for (idx i = 0; i < count; i++) {
    String own = x[i];
    int64_t size = (int64_t)own.size;
    const char *text = pool + own.offset;
    if (compare_runs > 0) {
      size = write_case(compare, compare_runs, pool, used, &own);
      text = pool + used[0];
    }
    if (size < 0) return size == -1 ? STATUS_UTF8 : STATUS_MEMORY;
    if (find_entry(table, entries, pool, text, (uint64_t)size)[ENTRY_SIZE] != ENTRY_FREE) continue;
    if (change_runs > 0) {
      size = write_case(change, change_runs, pool, used, &own);
      if (size < 0) return size == -1 ? STATUS_UTF8 : STATUS_MEMORY;
      if (claim_text(used, (uint64_t)size, &own)) return STATUS_MEMORY;
    }
    out[(*kept)++] = own;
  }
  if (*kept == 0) out[(*kept)++] = (String){0, 0};
  return STATUS_OK;
}
