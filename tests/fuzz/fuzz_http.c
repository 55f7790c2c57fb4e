// Arbitrary bytes as an HTTP connection: heads and bodies one after the other. Feeding all at once and in pieces (of
// the size that the first byte says) must give the same, and nothing may lie outside the bytes.
#include <stdlib.h>
#include <string.h>

#include "runtime/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(HttpSpan span, uint32_t size) {
  if ((uint32_t)span.at + span.length > size) abort();
}

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  enum { LIMIT = 4096 };
  if (size == 0) return 0;
  size_t step = bytes[0] % 64u + 1;
  const char *data = (const char *)bytes + 1;
  size--;
  static HttpHead head, pieces;
  while (size > 0) {
    memset(&head, 0, sizeof head);
    memset(&pieces, 0, sizeof pieces);
    HttpResult result = parse_http_head(&head, data, size), by_pieces = HTTP_MORE;
    for (size_t n = step; by_pieces == HTTP_MORE; n += step) {
      by_pieces = parse_http_head(&pieces, data, min_size(n, size));
      if (n >= size) break;
    }
    if (result != by_pieces) abort();
    if (result == HTTP_FAULT && (head.status != pieces.status || head.status < 400)) abort();
    if (result != HTTP_DONE) return 0;
    if (memcmp(&head, &pieces, sizeof head) != 0 || head.size > size || head.size > HTTP_HEAD_BYTES) abort();
    check_span(head.method, head.size);
    check_span(head.path, head.size);
    for (uint32_t i = 0; i < head.field_count; i++) {
      check_span(head.fields[i].name, head.size);
      check_span(head.fields[i].value, head.size);
    }
    data += head.size;
    size -= head.size;

    char *to = malloc(LIMIT), *to_pieces = malloc(LIMIT);
    HttpBody body = start_http_body(&head, LIMIT), body_pieces = body;
    size_t consumed, at = 0, part;
    result = parse_http_body(&body, data, size, &consumed, to);
    do {
      size_t given = min_size(step, size - at);
      by_pieces = parse_http_body(&body_pieces, data + at, given, &part, to_pieces);
      if (part > given || (by_pieces == HTTP_MORE && part != given)) abort();
      at += part;
    } while (by_pieces == HTTP_MORE && at < size);
    if (result != by_pieces || body.received != body_pieces.received || body.received > LIMIT || consumed != at ||
        memcmp(to, to_pieces, body.received) != 0)
      abort();
    free(to);
    free(to_pieces);
    if (result != HTTP_DONE) return 0;
    data += consumed;
    size -= consumed;
  }
  return 0;
}
