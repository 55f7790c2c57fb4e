// JSON, strictly by RFC 8259: a pull parser over text in memory, and a writer. No allocation; a document may be nested
// JSON_DEPTH deep; text must be UTF-8; a \u escape that is half a surrogate pair is a fault, since no UTF-8 text can
// hold it. Duplicate keys are left to the caller.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/number.h"
#include "runtime/system.h"

enum { JSON_DEPTH = 512 };

typedef enum {
  JSON_FAULT, // see `fault` and `at`; the reader stays there
  JSON_END,   // the document is over and nothing but white space follows
  JSON_OBJECT,
  JSON_OBJECT_END,
  JSON_ARRAY,
  JSON_ARRAY_END,
  JSON_KEY,    // the value follows as the next event
  JSON_STRING, // text: what stands between the quotes, escapes untouched and valid
  JSON_NUMBER, // text and number
  JSON_TRUE,
  JSON_FALSE,
  JSON_NULL
} JsonEvent;

// The reader's whole state: a copy of it is a place to come back to.
typedef struct {
  const char *begin, *at, *end;
  const char *text; // of the last key, string or number
  size_t length;
  Decimal number;
  const char *fault; // what was expected
  uint32_t depth;
  uint8_t expect; // see json.c
  uint8_t inside_object[JSON_DEPTH / 8];
} JsonReader;

void open_json(JsonReader *json, const void *text, size_t length);
JsonEvent read_json(JsonReader *json);
// Passes over the value that follows (after JSON_KEY, or where a value is expected). False at a fault.
bool skip_json(JsonReader *json);
// What remains of a value whose first event was `event`.
bool skip_json_rest(JsonReader *json, JsonEvent event);
// The last number as double, exactly rounded.
double get_json_number(const JsonReader *json);
// Whether the last key or string is this text, after its escapes.
bool json_equals(const JsonReader *json, const char *text);
// The last key or string with its escapes undone, at most json->length bytes; returns how many.
size_t decode_json_string(const JsonReader *json, char *copy);
// Records "invalid JSON at byte N: fault". Returns false.
bool fail_json(const JsonReader *json, Error *error);

// Text that is written into a buffer, which goes out when it is full, or stays where there is nowhere to go.
typedef struct {
  char *data;
  size_t size, capacity;
  bool (*flush)(void *context, const char *data, size_t size); // NULL: `overflow` is set when the buffer is full
  void *context;
  bool overflow;
} JsonWriter;

void put_text(JsonWriter *json, const char *text, size_t length);
void put_string(JsonWriter *json, const char *text);                          // plain text as it stands
void put_format(JsonWriter *json, const char *format, ...) PRINTF_LIKE(2, 3); // up to 255 bytes
void put_quoted(JsonWriter *json, const char *text); // as a JSON string; bytes that are no UTF-8 become U+FFFD
void put_quoted_bytes(JsonWriter *json, const char *text, size_t length);
bool flush_json(JsonWriter *json); // false where something was lost
