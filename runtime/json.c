// The JSON reader is a loop over "what may come next"; the nesting is one bit a level.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/json.h"
#include "runtime/utf8.h"

enum { EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COMMA_OR_END, EXPECT_NOTHING };

void open_json(JsonReader *json, const void *text, size_t length) {
  *json = (JsonReader){.begin = text, .at = text, .end = (const char *)text + length, .expect = EXPECT_VALUE};
}

static JsonEvent fault(JsonReader *json, const char *at, const char *text) {
  json->at = at;
  json->fault = text;
  return JSON_FAULT;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at p, or -1.
static int read_hex4(const char *p, const char *end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_value(p[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

// Behind the opening quote. Sets text and length.
static JsonEvent read_string(JsonReader *json, JsonEvent event) {
  const char *p = json->at, *end = json->end;
  json->text = p;
  while (p < end && *p != '"') {
    unsigned char c = (unsigned char)*p;
    if (c < 0x20) return fault(json, p, "a control character in a string must be escaped");
    if (c >= 0x80) {
      size_t length = utf8_length(p, (size_t)(end - p));
      if (length == 0) return fault(json, p, "not UTF-8");
      p += length;
    } else if (c != '\\') {
      p++;
    } else if (p + 1 < end && p[1] == 'u') {
      int unit = read_hex4(p + 2, end);
      if (unit < 0) return fault(json, p, "expected four hex digits after \\u");
      p += 6;
      if (unit < 0xd800 || unit > 0xdfff) continue;
      int second = unit < 0xdc00 && end - p >= 2 && p[0] == '\\' && p[1] == 'u' ? read_hex4(p + 2, end) : -1;
      if (second < 0xdc00 || second > 0xdfff) return fault(json, p - 6, "half of a surrogate pair");
      p += 6;
    } else {
      if (p + 1 >= end || !strchr("\"\\/bfnrt", p[1]) || p[1] == '\0') return fault(json, p, "unknown escape");
      p += 2;
    }
  }
  if (p >= end) return fault(json, p, "the string does not end");
  json->length = (size_t)(p - json->text);
  json->at = p + 1;
  return event;
}

// Digits after the first that does not fit are counted; `full` says that there was one.
static const char *read_digits(const char *p, const char *end, Decimal *number, int64_t *dropped, bool *full) {
  *dropped = 0;
  for (; p < end && is_digit(*p); p++) {
    uint64_t digit = (uint64_t)(*p - '0');
    *full = *full || number->digits > (UINT64_MAX - digit) / 10;
    if (!*full) {
      number->digits = number->digits * 10 + digit;
    } else {
      number->cut |= digit != 0;
      ++*dropped;
    }
  }
  return p;
}

static JsonEvent read_number(JsonReader *json) {
  const char *p = json->at, *end = json->end;
  Decimal number = {.integer = true};
  int64_t dropped;
  bool full = false;
  json->text = p;
  if (*p == '-') number.negative = true, p++;
  if (p >= end || !is_digit(*p)) return fault(json, p, "expected a digit");
  if (*p == '0' && p + 1 < end && is_digit(p[1])) return fault(json, p, "a number must not start with 0");
  p = read_digits(p, end, &number, &dropped, &full);
  int64_t exponent = dropped;
  if (p < end && *p == '.') {
    number.integer = false;
    const char *first = p + 1;
    p = read_digits(first, end, &number, &dropped, &full);
    if (p == first) return fault(json, p, "expected a digit after the point");
    exponent -= (p - first) - dropped;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    number.integer = false;
    const char *mark = p++;
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *first = p;
    while (p < end && is_digit(*p)) p++;
    if (p == first) return fault(json, p, "expected a digit in the exponent");
    exponent += read_exponent(mark, p);
  }
  number.exponent = (int32_t)(exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent);
  number.integer = number.integer && number.exponent == 0;
  json->number = number;
  json->length = (size_t)(p - json->text);
  json->at = p;
  return JSON_NUMBER;
}

static JsonEvent read_word(JsonReader *json, const char *word, JsonEvent event) {
  size_t length = strlen(word);
  if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
    return fault(json, json->at, "expected a value");
  json->at += length;
  return event;
}

static JsonEvent open_level(JsonReader *json, bool object) {
  if (json->depth == JSON_DEPTH) return fault(json, json->at, "nested too deeply");
  uint8_t bit = (uint8_t)(1u << json->depth % 8);
  uint8_t *byte = &json->inside_object[json->depth / 8];
  *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
  json->depth++;
  json->at++;
  json->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
  return object ? JSON_OBJECT : JSON_ARRAY;
}

static bool in_object(const JsonReader *json) {
  return json->depth > 0 && (json->inside_object[(json->depth - 1) / 8] >> (json->depth - 1) % 8 & 1);
}

static JsonEvent close_level(JsonReader *json) {
  bool object = in_object(json);
  json->depth--;
  json->at++;
  json->expect = json->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
  return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static void skip_space(JsonReader *json) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
    json->at++;
}

static JsonEvent read_value(JsonReader *json) {
  char c = *json->at;
  if (c == '{' || c == '[') return open_level(json, c == '{');
  json->expect = json->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
  if (c == '"') {
    json->at++;
    return read_string(json, JSON_STRING);
  }
  if (c == '-' || is_digit(c)) return read_number(json);
  if (c == 't') return read_word(json, "true", JSON_TRUE);
  if (c == 'f') return read_word(json, "false", JSON_FALSE);
  if (c == 'n') return read_word(json, "null", JSON_NULL);
  return fault(json, json->at, "expected a value");
}

static JsonEvent read_key(JsonReader *json) {
  if (*json->at != '"') return fault(json, json->at, "expected a key in quotes");
  json->at++;
  if (read_string(json, JSON_KEY) == JSON_FAULT) return JSON_FAULT;
  skip_space(json);
  if (json->at >= json->end || *json->at != ':') return fault(json, json->at, "expected ':' after a key");
  json->at++;
  json->expect = EXPECT_VALUE;
  return JSON_KEY;
}

JsonEvent read_json(JsonReader *json) {
  if (json->fault) return JSON_FAULT;
  skip_space(json);
  if (json->at >= json->end) {
    if (json->expect == EXPECT_NOTHING) return JSON_END;
    return fault(json, json->at, "the text ends too early");
  }
  char c = *json->at, closing = in_object(json) ? '}' : ']';
  switch (json->expect) {
  case EXPECT_COMMA_OR_END:
    if (c == closing) return close_level(json);
    if (c != ',') return fault(json, json->at, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    json->at++;
    skip_space(json);
    if (json->at >= json->end) return fault(json, json->at, "the text ends too early");
    return closing == '}' ? read_key(json) : read_value(json);
  case EXPECT_KEY_OR_END: return c == closing ? close_level(json) : read_key(json);
  case EXPECT_VALUE_OR_END: return c == closing ? close_level(json) : read_value(json);
  case EXPECT_VALUE: return read_value(json);
  default: return fault(json, json->at, "text after the end of the document");
  }
}

bool skip_json_rest(JsonReader *json, JsonEvent event) {
  if (event != JSON_OBJECT && event != JSON_ARRAY) return event != JSON_FAULT;
  for (uint32_t outside = json->depth - 1; json->depth > outside;)
    if (read_json(json) == JSON_FAULT) return false;
  return true;
}

bool skip_json(JsonReader *json) { return skip_json_rest(json, read_json(json)); }

double get_json_number(const JsonReader *json) { return round_decimal(&json->number, json->text, json->length); }

// Undoes the escape at *p (behind the backslash) into UTF-8; returns the number of bytes.
static size_t decode_escape(const char **p, char out[4]) {
  static const char plain[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
  if (**p != 'u') {
    out[0] = meaning[strchr(plain, **p) - plain];
    ++*p;
    return 1;
  }
  uint32_t code = (uint32_t)read_hex4(*p + 1, *p + 5);
  *p += 5;
  if (code >= 0xd800 && code < 0xdc00) {
    code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)read_hex4(*p + 2, *p + 6) - 0xdc00);
    *p += 6;
  }
  return encode_utf8(code, out);
}

size_t decode_json_string(const JsonReader *json, char *copy) {
  const char *p = json->text, *end = p + json->length;
  size_t used = 0;
  while (p < end) {
    char decoded[4] = {*p};
    size_t count = 1;
    if (*p++ == '\\') count = decode_escape(&p, decoded);
    memcpy(copy + used, decoded, count);
    used += count;
  }
  return used;
}

bool json_equals(const JsonReader *json, const char *text) {
  const char *p = json->text, *end = p + json->length;
  while (p < end) {
    char decoded[4] = {*p};
    size_t count = 1;
    if (*p++ == '\\') count = decode_escape(&p, decoded);
    for (size_t i = 0; i < count; i++, text++)
      if (*text == '\0' || *text != decoded[i]) return false;
  }
  return *text == '\0';
}

bool fail_json(const JsonReader *json, Error *error) {
  return fail(error, "invalid JSON at byte %zu: %s", (size_t)(json->at - json->begin), json->fault);
}

bool flush_json(JsonWriter *json) {
  if (json->flush && json->size > 0) {
    if (!json->flush(json->context, json->data, json->size)) json->overflow = true;
    json->size = 0;
  }
  return !json->overflow;
}

void put_text(JsonWriter *json, const char *text, size_t length) {
  while (length > json->capacity - json->size) {
    size_t part = json->capacity - json->size;
    if (!json->flush) {
      json->overflow = true;
      return;
    }
    memcpy(json->data + json->size, text, part);
    json->size += part, text += part, length -= part;
    flush_json(json);
  }
  if (length > 0) memcpy(json->data + json->size, text, length);
  json->size += length;
}

void put_string(JsonWriter *json, const char *text) { put_text(json, text, strlen(text)); }

void put_format(JsonWriter *json, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof text)
    json->overflow = true;
  else
    put_text(json, text, (size_t)length);
}

void put_quoted(JsonWriter *json, const char *text) { put_quoted_bytes(json, text, strlen(text)); }

void put_quoted_bytes(JsonWriter *json, const char *text, size_t length) {
  size_t left = length;
  put_text(json, "\"", 1);
  while (left > 0) {
    unsigned char c = (unsigned char)*text;
    size_t step = utf8_length(text, left);
    if (step == 0) {
      put_string(json, "\xef\xbf\xbd");
      step = 1;
    } else if (c == '"' || c == '\\') {
      put_format(json, "\\%c", c);
    } else if (c < 0x20 || c == 0x7f) {
      put_format(json, "\\u%04x", c);
    } else {
      put_text(json, text, step);
    }
    text += step;
    left -= step;
  }
  put_text(json, "\"", 1);
}
