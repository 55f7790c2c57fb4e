// Request line, fields, what they mean for the framing, and the two kinds of body. Section numbers are RFC 9112's.
#include "runtime/http.h"

#include <string.h>
#include <strings.h>

static HttpResult fault(HttpHead *head, int status, const char *text) {
  head->status = status;
  head->fault = text;
  return HTTP_FAULT;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
// RFC 9110, 5.6.2
static bool is_token_char(char c) { return is_digit(c) || is_alpha(c) || (c && strchr("!#$%&'*+-.^_`|~", c)); }

static bool is_token(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (!is_token_char(text[i])) return false;
  return length > 0;
}

// RFC 9110, 5.5: visible characters, space, tab and bytes over 127.
static bool is_field_value(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

static HttpSpan make_span(const char *data, const char *from, const char *to) {
  return (HttpSpan){(uint16_t)(from - data), (uint16_t)(to - from)};
}

bool http_span_equals(HttpSpan span, const char *data, const char *text) {
  return strlen(text) == span.length && memcmp(data + span.at, text, span.length) == 0;
}

static bool equals_ignoring_case(HttpSpan span, const char *data, const char *text) {
  return strlen(text) == span.length && strncasecmp(data + span.at, text, span.length) == 0;
}

const HttpField *find_http_field(const HttpHead *head, const char *data, const char *name) {
  for (uint32_t i = 0; i < head->field_count; i++)
    if (equals_ignoring_case(head->fields[i].name, data, name)) return &head->fields[i];
  return NULL;
}

// uri-host [":" port] of RFC 3986, 3.2.2: an IP literal in brackets, or a name of unreserved characters, sub-delims and
// percent-encoded bytes. Empty hosts do not exist in http URIs (RFC 9110, 4.2.1).
static bool is_host(const char *text, size_t length) {
  const char *p = text, *end = text + length;
  if (p < end && *p == '[') {
    const char *close = memchr(p, ']', length);
    if (!close || close == p + 1) return false;
    for (p++; p < close; p++)
      if (!is_digit(*p) && !is_alpha(*p) && *p != ':' && *p != '.') return false;
    p++;
  } else {
    for (; p < end && *p != ':'; p++)
      if (!is_digit(*p) && !is_alpha(*p) && (!*p || !strchr("-._~%!$&'()*+,;=", *p))) return false;
    if (p == text) return false;
  }
  if (p == end) return true;
  if (*p++ != ':') return false;
  uint32_t port = 0;
  for (; p < end; p++) {
    if (!is_digit(*p)) return false;
    port = port * 10 + (uint32_t)(*p - '0');
    if (port > 65535) return false;
  }
  return true;
}

// 3.2: origin-form "/path?query", absolute-form "http://host/path", "*" for OPTIONS; CONNECT's authority-form has no
// path here.
static bool split_target(HttpHead *head, const char *data) {
  const char *p = data + head->target.at, *end = p + head->target.length;
  for (const char *c = p; c < end; c++)
    if (*c <= 0x20 || *c == 0x7f || *c == '#' || (signed char)*c < 0) return false;
  if (http_span_equals(head->method, data, "CONNECT")) return is_host(p, head->target.length);
  if (head->target.length == 1 && *p == '*') {
    head->path = head->target;
    return http_span_equals(head->method, data, "OPTIONS");
  }
  if (*p != '/') {
    size_t scheme = head->target.length > 7 && strncasecmp(p, "http://", 7) == 0    ? 7
                    : head->target.length > 8 && strncasecmp(p, "https://", 8) == 0 ? 8
                                                                                    : 0;
    if (scheme == 0) return false;
    const char *host = p += scheme;
    while (p < end && *p != '/' && *p != '?') p++;
    if (!is_host(host, (size_t)(p - host))) return false;
  }
  const char *query = memchr(p, '?', (size_t)(end - p));
  head->path = make_span(data, p, query ? query : end);
  return true;
}

static HttpResult parse_request_line(HttpHead *head, const char *data, const char *line, const char *end) {
  const char *space = memchr(line, ' ', (size_t)(end - line));
  if (!space || !is_token(line, (size_t)(space - line))) return fault(head, 400, "malformed request line");
  head->method = make_span(data, line, space);
  const char *target = space + 1;
  space = memchr(target, ' ', (size_t)(end - target));
  if (!space || space == target) return fault(head, 400, "malformed request line");
  if (space - target > HTTP_TARGET_BYTES) return fault(head, 414, "the request target is too long");
  head->target = make_span(data, target, space);
  const char *version = space + 1;
  if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    return fault(head, 400, "malformed HTTP version");
  if (version[5] != '1') return fault(head, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  head->version_1_0 = version[7] == '0';
  if (!split_target(head, data)) return fault(head, 400, "malformed request target");
  head->has_request_line = true;
  return HTTP_MORE;
}

static HttpResult parse_field(HttpHead *head, const char *data, const char *line, const char *end) {
  if (*line == ' ' || *line == '\t') return fault(head, 400, "folded header fields are not accepted");
  const char *colon = memchr(line, ':', (size_t)(end - line));
  if (!colon || !is_token(line, (size_t)(colon - line))) return fault(head, 400, "malformed header field name");
  if (head->field_count == HTTP_FIELDS) return fault(head, 431, "too many header fields");
  const char *from = colon + 1, *to = end;
  while (from < to && (*from == ' ' || *from == '\t')) from++;
  while (to > from && (to[-1] == ' ' || to[-1] == '\t')) to--;
  if (!is_field_value(from, (size_t)(to - from))) return fault(head, 400, "malformed header field value");
  head->fields[head->field_count++] = (HttpField){make_span(data, line, colon), make_span(data, from, to)};
  return HTTP_MORE;
}

// The next element of a comma-separated list from *at, without the space around it; false at the end. Empty elements
// are passed over (RFC 9110, 5.6.1).
static bool next_element(const char *data, HttpSpan list, size_t *at, HttpSpan *element) {
  const char *begin = data + list.at, *end = begin + list.length, *p = begin + *at;
  while (p < end && (*p == ' ' || *p == '\t' || *p == ',')) p++;
  if (p == end) return false;
  const char *comma = memchr(p, ',', (size_t)(end - p)), *last = comma ? comma : end;
  *at = (size_t)(last - begin);
  while (last[-1] == ' ' || last[-1] == '\t') last--;
  *element = make_span(data, p, last);
  return true;
}

// 6.1: chunked alone is understood; it must come last and once.
static HttpResult apply_transfer_encoding(HttpHead *head, const char *data, HttpSpan value, bool *unknown) {
  HttpSpan element;
  bool any = false;
  for (size_t at = 0; next_element(data, value, &at, &element); any = true) {
    if (head->chunked) return fault(head, 400, "chunked must be the last transfer coding");
    head->chunked = equals_ignoring_case(element, data, "chunked");
    *unknown |= !head->chunked;
  }
  return any ? HTTP_MORE : fault(head, 400, "empty Transfer-Encoding");
}

static HttpResult apply_content_length(HttpHead *head, const char *data, HttpSpan value) {
  if (head->has_length) return fault(head, 400, "more than one Content-Length");
  const char *p = data + value.at, *end = p + value.length;
  for (const char *c = p; c < end; c++)
    if (!is_digit(*c) || __builtin_mul_overflow(head->length, 10, &head->length) ||
        __builtin_add_overflow(head->length, (uint64_t)(*c - '0'), &head->length))
      return fault(head, 400, "malformed Content-Length");
  if (p == end) return fault(head, 400, "malformed Content-Length");
  head->has_length = true;
  return HTTP_MORE;
}

static HttpResult apply_fields(HttpHead *head, const char *data) {
  bool unknown = false, has_encoding = false, close = false, keep = false;
  unsigned hosts = 0;
  for (uint32_t i = 0; i < head->field_count; i++) {
    HttpSpan name = head->fields[i].name, value = head->fields[i].value, element;
    HttpResult result = HTTP_MORE;
    if (equals_ignoring_case(name, data, "host")) {
      if (hosts++ || !is_host(data + value.at, value.length)) return fault(head, 400, "malformed or repeated Host");
    } else if (equals_ignoring_case(name, data, "content-length")) {
      result = apply_content_length(head, data, value);
    } else if (equals_ignoring_case(name, data, "transfer-encoding")) {
      has_encoding = true;
      result = apply_transfer_encoding(head, data, value, &unknown);
    } else if (equals_ignoring_case(name, data, "connection")) {
      for (size_t at = 0; next_element(data, value, &at, &element);) {
        close |= equals_ignoring_case(element, data, "close");
        keep |= equals_ignoring_case(element, data, "keep-alive");
      }
    } else if (equals_ignoring_case(name, data, "expect") && !head->version_1_0) {
      if (!equals_ignoring_case(value, data, "100-continue")) return fault(head, 417, "unknown expectation");
      head->expects_continue = true;
    }
    if (result == HTTP_FAULT) return result;
  }
  if (hosts == 0 && !head->version_1_0) return fault(head, 400, "missing Host");
  if (has_encoding && head->version_1_0) return fault(head, 400, "HTTP/1.0 has no Transfer-Encoding");
  if (has_encoding && head->has_length) return fault(head, 400, "both Transfer-Encoding and Content-Length");
  if (has_encoding && !head->chunked) return fault(head, 400, "the last transfer coding must be chunked");
  if (unknown) return fault(head, 501, "chunked is the only transfer coding known here");
  head->keep_alive = !close && (!head->version_1_0 || keep);
  return HTTP_DONE;
}

HttpResult parse_http_head(HttpHead *head, const char *data, size_t size) {
  if (head->fault) return HTTP_FAULT;
  if (size > 0 && !is_token_char(data[0]) && data[0] != '\r' && data[0] != '\n')
    return fault(head, 400, "malformed request line"); // at once: TLS, for one, would wait for our answer
  size_t limit = size < HTTP_HEAD_BYTES ? size : HTTP_HEAD_BYTES;
  for (;;) {
    const char *line = data + head->size;
    const char *end = memchr(line, '\n', limit - head->size);
    if (!end) break;
    if (end == line || end[-1] != '\r') return fault(head, 400, "a line must end in CR LF");
    head->size = (uint32_t)(end + 1 - data);
    end--;
    HttpResult result = HTTP_MORE; // an empty line before the request line is passed over (2.2)
    if (line == end && head->has_request_line) return apply_fields(head, data);
    if (line < end)
      result = head->has_request_line ? parse_field(head, data, line, end) : parse_request_line(head, data, line, end);
    if (result == HTTP_FAULT) return result;
  }
  if (size < HTTP_HEAD_BYTES) return HTTP_MORE;
  if (head->has_request_line) return fault(head, 431, "the header fields are too large");
  return fault(head, 414, "the request line is too long");
}

enum {
  LENGTH_BODY,
  CHUNK_SIZE,
  CHUNK_EXTENSION,
  CHUNK_SIZE_LF,
  CHUNK_DATA,
  CHUNK_CR,
  CHUNK_LF,
  TRAILER,
  TRAILER_NAME,
  TRAILER_VALUE,
  TRAILER_LF,
  LAST_LF,
  BODY_DONE
};

HttpBody start_http_body(const HttpHead *head, size_t limit) {
  HttpBody body = {.chunked = head->chunked, .state = head->chunked ? CHUNK_SIZE : LENGTH_BODY, .limit = limit};
  body.left = head->has_length ? head->length : 0;
  return body;
}

static HttpResult body_fault(HttpBody *body, int status, const char *text) {
  body->status = status;
  body->fault = text;
  return HTTP_FAULT;
}

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One byte of a chunk's frame or of the trailers (7.1). Trailers are read and dropped: they never change anything.
static HttpResult parse_frame_byte(HttpBody *body, char c) {
  static const char bad_size[] = "malformed chunk size", bad_trailer[] = "malformed trailer field";
  bool value_char = ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
  body->line++;
  switch (body->state) {
  case CHUNK_SIZE:
    if (hex_value(c) >= 0) {
      if (body->left >> 60) return body_fault(body, 400, bad_size);
      body->left = body->left << 4 | (uint64_t)hex_value(c);
      return HTTP_MORE;
    }
    if (body->line == 1 || (c != ';' && c != '\r')) return body_fault(body, 400, bad_size);
    body->state = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
    return HTTP_MORE;
  case CHUNK_EXTENSION:
    if (c == '\r') body->state = CHUNK_SIZE_LF;
    if (c != '\r' && !value_char) return body_fault(body, 400, "malformed chunk extension");
    return body->line <= HTTP_LINE_BYTES ? HTTP_MORE : body_fault(body, 400, "the chunk extension is too long");
  case CHUNK_SIZE_LF:
    if (c != '\n') return body_fault(body, 400, bad_size);
    if (body->left > body->limit - body->received) return body_fault(body, 413, "the body is too large");
    body->state = body->left ? CHUNK_DATA : TRAILER;
    body->line = 0;
    return HTTP_MORE;
  case CHUNK_CR:
  case CHUNK_LF:
    if (c != (body->state == CHUNK_CR ? '\r' : '\n')) return body_fault(body, 400, "no CR LF after a chunk");
    body->state = body->state == CHUNK_CR ? CHUNK_LF : CHUNK_SIZE;
    body->line = 0;
    return HTTP_MORE;
  case TRAILER: // at the start of a line
    body->state = c == '\r' ? LAST_LF : TRAILER_NAME;
    if (c != '\r' && !is_token_char(c)) return body_fault(body, 400, bad_trailer);
    break;
  case TRAILER_NAME:
    if (c == ':') body->state = TRAILER_VALUE;
    if (c != ':' && !is_token_char(c)) return body_fault(body, 400, bad_trailer);
    break;
  case TRAILER_VALUE:
    if (c == '\r') body->state = TRAILER_LF;
    if (c != '\r' && !value_char) return body_fault(body, 400, bad_trailer);
    break;
  case TRAILER_LF:
  case LAST_LF:
    if (c != '\n') return body_fault(body, 400, bad_trailer);
    body->state = body->state == LAST_LF ? BODY_DONE : TRAILER;
    break;
  }
  return body->line <= HTTP_HEAD_BYTES ? HTTP_MORE : body_fault(body, 431, "the trailer fields are too large");
}

HttpResult parse_http_body(HttpBody *body, const char *data, size_t size, size_t *consumed, char *to) {
  *consumed = 0;
  if (body->fault) return HTTP_FAULT;
  if (body->state == LENGTH_BODY && body->left > body->limit - body->received)
    return body_fault(body, 413, "the body is too large");
  for (;;) {
    if (body->state == LENGTH_BODY && body->left == 0) body->state = BODY_DONE;
    if (body->state == BODY_DONE) return HTTP_DONE;
    if (*consumed == size) return HTTP_MORE;
    if (body->state == LENGTH_BODY || body->state == CHUNK_DATA) {
      size_t part = size - *consumed;
      if (part > body->left) part = body->left;
      if (to) memmove(to + body->received, data + *consumed, part);
      body->received += part;
      body->left -= part;
      *consumed += part;
      if (body->left == 0 && body->state == CHUNK_DATA) body->state = CHUNK_CR;
    } else if (parse_frame_byte(body, data[(*consumed)++]) == HTTP_FAULT) {
      return HTTP_FAULT;
    }
  }
}
