// Whole texts against a regular expression.
#pragma once
#include "templates/string.h"

// The state that an automaton is in behind the text; -1 where that is not UTF-8.
HELPER int32_t run_automaton(const char *text, uint64_t size, const uint8_t *class_of, const int32_t *next, idx row) {
  int32_t state = 1;
  uint32_t code = 0;
  for (uint64_t at = 0, length; at < size; at += length) {
    length = read_utf8(text + at, size - at, &code);
    if (length == 0) return -1;
    for (uint64_t i = 0; i < length; i++) state = next[state * row + class_of[(uint8_t)text[at + i]]];
  }
  return state;
}

// out[i] = the automaton may end behind x[i]. A state's row has the next state for each class of bytes, then whether
// it may end there; state 1 is the first. Parallel over count.
TEMPLATE Status string_match(idx count, idx classes, const String *x, const char *pool, const uint8_t *class_of,
                             const int32_t *next, uint8_t *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++) {
    int32_t state = run_automaton(pool + x[i].offset, x[i].size, class_of, next, classes + 1);
    if (state < 0) return STATUS_UTF8;
    out[i] = next[state * (classes + 1) + classes] != 0;
  }
  return STATUS_OK;
}
