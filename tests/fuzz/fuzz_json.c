// Arbitrary text as JSON: the reader must end, at a fault within the text or at the end; skipping a value and reading
// it event by event must agree; strings and numbers it has accepted must be usable.
#include <stdlib.h>
#include <string.h>

#include "runtime/tensor_file.h"
#include "tests/fuzz/fuzz_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  JsonReader json;
  open_json(&json, data, size);
  JsonEvent event;
  size_t events = 0;
  while ((event = read_json(&json)) != JSON_END && event != JSON_FAULT) {
    if (++events > 2 * size + 2) abort();
    if (event == JSON_NUMBER) {
      double value = get_json_number(&json);
      char text[64];
      if (json.length < sizeof text) {
        memcpy(text, json.text, json.length);
        text[json.length] = '\0';
        if (strtod(text, NULL) != value) abort();
      }
    }
    if (event == JSON_STRING || event == JSON_KEY) {
      char copy[256], quoted[1600];
      if (json.length >= sizeof copy) continue;
      size_t length = decode_json_string(&json, copy);
      if (memchr(copy, '\0', length)) continue;
      copy[length] = '\0';
      if (!json_equals(&json, copy)) abort();
      JsonWriter writer = {.data = quoted, .capacity = sizeof quoted};
      put_quoted(&writer, copy);
      JsonReader again;
      open_json(&again, quoted, writer.size);
      if (read_json(&again) != JSON_STRING || !json_equals(&again, copy)) abort();
    }
  }
  if (json.at < json.begin || json.at > json.end) abort();
  JsonReader skipped;
  open_json(&skipped, data, size);
  bool whole = skip_json(&skipped) && read_json(&skipped) == JSON_END;
  if (whole != (event == JSON_END)) abort();

  // The first byte chooses a value, the rest is its text.
  FuzzValue fuzz, again;
  if (size == 0 || !make_value(&fuzz, data[0])) return 0;
  make_value(&again, data[0]);
  Error error;
  open_json(&json, data + 1, size - 1);
  if (read_json_value(&json, &fuzz.value, NULL, &error)) { // what was read can be written and read again
    static char text[1 << 16], other[1 << 16];
    JsonWriter first = {.data = text, .capacity = sizeof text}, second = {.data = other, .capacity = sizeof other};
    put_json_value(&first, &fuzz.value, true);
    again.strings.data = malloc(1 << 16);
    again.strings.room = 1 << 16;
    open_json(&json, text, first.size);
    // Empty arrays do not tell the rank that they had.
    bool empty = false;
    for (size_t i = 1; i < first.size; i++) empty |= text[i - 1] == '[' && text[i] == ']';
    if (!first.overflow && !empty) {
      if (!read_json_value(&json, &again.value, NULL, &error)) abort();
      put_json_value(&second, &again.value, true);
      if (first.size != second.size || memcmp(text, other, first.size) != 0) abort();
    }
    free(again.strings.data);
  }
  free_value(&fuzz);
  free_value(&again);
  return 0;
}
