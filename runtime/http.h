// The framing of HTTP/1.1 requests (RFC 9112), strictly: whatever two parties could read in two ways is a fault. Pure
// functions over bytes, without memory of their own, to be called again when more bytes have come.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HTTP_HEAD_BYTES = 16384, // request line and fields
  HTTP_TARGET_BYTES = 8192,
  HTTP_FIELDS = 100,
  HTTP_LINE_BYTES = 4096 // of a chunk's size line; trailers together have HTTP_HEAD_BYTES
};

typedef enum { HTTP_MORE, HTTP_DONE, HTTP_FAULT } HttpResult;

typedef struct {
  uint16_t at, length; // within the head
} HttpSpan;

typedef struct {
  HttpSpan name, value;
} HttpField;

// All zero before the first byte of a request.
typedef struct {
  uint32_t size; // bytes up to here are parsed; of the whole head when done
  bool has_request_line;
  bool version_1_0, keep_alive, chunked, has_length, expects_continue;
  uint64_t length; // Content-Length
  HttpSpan method, target;
  HttpSpan path; // of the target, without query: "/v2/models"; "*" stays
  uint32_t field_count;
  HttpField fields[HTTP_FIELDS];
  int status; // of a fault
  const char *fault;
} HttpHead;

// data[0..size) is all that has come of this request, always from its first byte. HTTP_DONE: head->size bytes are the
// head, the body follows. HTTP_FAULT: answer with head->status and close.
HttpResult parse_http_head(HttpHead *head, const char *data, size_t size);
// The field with this lower-case name (the first one), or NULL.
const HttpField *find_http_field(const HttpHead *head, const char *data, const char *name);
bool http_span_equals(HttpSpan span, const char *data, const char *text);

typedef struct {
  bool chunked;
  uint8_t state;   // see http.c
  uint32_t line;   // bytes of the current line, or of the trailers
  uint64_t left;   // bytes of the body or of this chunk still to come
  size_t received; // bytes of the decoded body
  size_t limit;    // of received
  int status;      // of a fault: 400 or 413
  const char *fault;
} HttpBody;

// The reader for the body that head announces. limit: the most bytes of decoded body that are accepted.
HttpBody start_http_body(const HttpHead *head, size_t limit);
// Takes bytes of data, *consumed of them, and writes the decoded body behind body->received of `to` (which has room for
// `limit` bytes; NULL: the body is dropped). Bytes behind the body's end are left.
HttpResult parse_http_body(HttpBody *body, const char *data, size_t size, size_t *consumed, char *to);
