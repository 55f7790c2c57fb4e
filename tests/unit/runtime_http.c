// The framing of HTTP requests: a table of heads and bodies. Each is fed whole and byte by byte; both must say the
// same.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/http.h"

// The text in memory of exactly its size, so that sanitizers see a byte too many.
static HttpResult feed_head(HttpHead *head, const char *text, size_t size, bool slowly) {
  memset(head, 0, sizeof *head);
  char *data = malloc(size ? size : 1);
  HttpResult result = HTTP_MORE;
  for (size_t n = slowly ? 1 : size; n <= size && result == HTTP_MORE; n++) {
    memcpy(data, text, n);
    result = parse_http_head(head, data, n);
  }
  free(data);
  return result;
}

static void check_head(const char *text, size_t size, int status) {
  for (int slowly = 0; slowly < 2; slowly++) {
    HttpHead head;
    HttpResult result = feed_head(&head, text, size, slowly);
    int got = result == HTTP_DONE ? 200 : result == HTTP_MORE ? 0 : head.status;
    if (got != status) fail_msg("%.80s: %d (%s), expected %d", text, got, head.fault ? head.fault : "", status);
  }
}

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

// 200: a head; 0: not yet whole; else the fault's status.
static const struct {
  int status;
  const char *text;
} heads[] = {
    {200, GET "\r\n"},
    {200, "\r\n" GET "\r\n"},
    {200, "GET / HTTP/1.0\r\n\r\n"},
    {200, "GET /a?b=%20 HTTP/1.1\r\nhost:\t[::1]:80 \t\r\nEmpty:\r\nX: \x80 a\tb \r\n\r\n"},
    {200, "GET http://a:80/v2 HTTP/1.1\r\n" HOST "\r\n"},
    {200, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
    {200, "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"},
    {200, "G!T / HTTP/1.9\r\n" HOST "\r\n"},
    {200, POST "Content-Length: 007\r\n\r\n"},
    {200, POST "Transfer-Encoding: chunked\r\n\r\n"},
    {200, POST "transfer-encoding: , CHUNKED ,\r\n\r\n"},
    {200, POST "Content-Length: 18446744073709551615\r\n\r\n"},
    {200, POST "Expect: 100-Continue\r\n\r\n"},
    {0, "GET / HTTP/1.1\r\n" HOST "\r"},
    {0, ""},
    {0, "GET"},
    {400, " GET / HTTP/1.1\r\n"},
    {400, "\x16\x03\x01"},
    {400, "GET  / HTTP/1.1\r\n"},
    {400, "GET /  HTTP/1.1\r\n"},
    {400, "GET / HTTP/1.1 \r\n"},
    {400, "GET /\r\n"},
    {400, "GET\r\n"},
    {400, "GET / http/1.1\r\n"},
    {400, "GET / HTTP/1.10\r\n"},
    {400, "GET / HTTP/11\r\n"},
    {505, "GET / HTTP/2.0\r\n"},
    {505, "PRI * HTTP/2.0\r\n"},
    {400, "G(T / HTTP/1.1\r\n"},
    {400, "GET a HTTP/1.1\r\n"},
    {400, "GET * HTTP/1.1\r\n"},
    {400, "GET /\x7f HTTP/1.1\r\n"},
    {400, "GET /\xc3\xa9 HTTP/1.1\r\n"},
    {400, "GET /#a HTTP/1.1\r\n"},
    {400, "GET /\ta HTTP/1.1\r\n"},
    {400, "GET http:///a HTTP/1.1\r\n"},
    {400, "CONNECT / HTTP/1.1\r\n"},
    {400, "GET / HTTP/1.1\n"},
    {400, "GET / HTTP/1.1\r\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n"},
    {400, GET " folded: 1\r\n"},
    {400, GET "A: 1\r\n folded\r\n"},
    {400, GET "\tfolded\r\n"},
    {400, GET "A : 1\r\n"},
    {400, GET "A\t: 1\r\n"},
    {400, GET ": 1\r\n"},
    {400, GET "A\r\n"},
    {400, GET "A(: 1\r\n"},
    {400, GET "\xc3\xa9: 1\r\n"},
    {400, GET "A: \x01\r\n"},
    {400, GET "A: \x7f\r\n"},
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, GET HOST "\r\n"},
    {400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {400, POST "Content-Length:\r\n\r\n"},
    {400, POST "Content-Length: -1\r\n\r\n"},
    {400, POST "Content-Length: +1\r\n\r\n"},
    {400, POST "Content-Length: 1 1\r\n\r\n"},
    {400, POST "Content-Length: 0x1\r\n\r\n"},
    {400, POST "Content-Length: 1.0\r\n\r\n"},
    {400, POST "Content-Length: 1, 1\r\n\r\n"},
    {400, POST "Content-Length: 18446744073709551616\r\n\r\n"},
    {400, POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
    {400, POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
    {400, POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"},
    {400, POST "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"},
    {400, POST "Transfer-Encoding: gzip\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked, gzip\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked, chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: xchunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked;a=b\r\n\r\n"},
    {400, POST "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding:\r\n\r\n"},
    {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {417, POST "Expect: 200-ok\r\n\r\n"},
    {200, "POST / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n"},
};

static void test_heads(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
    check_head(heads[i].text, strlen(heads[i].text), heads[i].status);
  static const char zero[] = GET "A: \0\r\n\r\n", zero_name[] = GET "A\0: 1\r\n\r\n";
  check_head(zero, sizeof zero - 1, 400);
  check_head(zero_name, sizeof zero_name - 1, 400);
}

static void test_limits(void **state) {
  (void)state;
  static char text[40000];
  const struct {
    int target, fields, value, status;
  } cases[] = {{8000, 1, 10, 200},   {8192, 1, 10, 200},  {8193, 1, 10, 414},  {20000, 1, 10, 414},
               {10, 99, 10, 200},    {10, 100, 10, 431},  {10, 1, 16000, 200}, {10, 1, 16384, 431},
               {8000, 1, 8300, 200}, {8000, 1, 8400, 431}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t n = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n", cases[i].target - 1, 0);
    for (int f = 0; f < cases[i].fields; f++) n += (size_t)sprintf(text + n, "A: %0*d\r\n", cases[i].value, 0);
    n += (size_t)sprintf(text + n, "\r\n");
    HttpHead head;
    HttpResult result = feed_head(&head, text, n, false);
    int got = result == HTTP_DONE ? 200 : result == HTTP_MORE ? 0 : head.status;
    if (got != cases[i].status) fail_msg("case %zu: %d, expected %d", i, got, cases[i].status);
  }
  memset(text, 'A', sizeof text);
  HttpHead head;
  assert_int_equal(feed_head(&head, text, sizeof text, false), HTTP_FAULT);
  assert_int_equal(head.status, 414);
}

static void test_meaning(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool keep_alive, chunked, expects;
    uint64_t length;
    const char *path;
  } cases[] = {
      {GET "\r\n", true, false, false, 0, "/"},
      {GET "Connection: close\r\n\r\n", false, false, false, 0, "/"},
      {GET "Connection: keep-alive, CLOSE\r\n\r\n", false, false, false, 0, "/"},
      {"GET /a/b?c HTTP/1.0\r\n\r\n", false, false, false, 0, "/a/b"},
      {"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false, false, 0, "/a"},
      {"GET http://x/y/z?q HTTP/1.1\r\n" HOST "\r\n", true, false, false, 0, "/y/z"},
      {POST "Content-Length: 42\r\nExpect: 100-continue\r\n\r\n", true, false, true, 42, "/"},
      {POST "Transfer-Encoding: chunked\r\n\r\n", true, true, false, 0, "/"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    HttpHead head;
    assert_int_equal(feed_head(&head, cases[i].text, strlen(cases[i].text), false), HTTP_DONE);
    assert_int_equal(head.size, strlen(cases[i].text));
    assert_int_equal(head.keep_alive, cases[i].keep_alive);
    assert_int_equal(head.chunked, cases[i].chunked);
    assert_int_equal(head.expects_continue, cases[i].expects);
    assert_int_equal(head.length, cases[i].length);
    assert_true(http_span_equals(head.path, cases[i].text, cases[i].path));
  }
}

// Bodies behind a chunked head; rest: bytes that must stay for the next request.
static const struct {
  int status; // 200: whole
  const char *text, *body, *rest;
} bodies[] = {
    {200, "0\r\n\r\n", "", ""},
    {200, "5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET"},
    {200, "1\r\na\r\n00A\r\n0123456789\r\n000\r\n\r\n", "a0123456789", ""},
    {200, "1;x=\"y z\"\r\na\r\n0;z\r\n\r\n", "a", ""},
    {200, "1\r\na\r\n0\r\nContent-Length: 5\r\nA:\r\n\r\nrest", "a", "rest"},
    {0, "5\r\nhel", "hel", ""},
    {0, "0\r\n", "", ""},
    {400, "\r\n", "", ""},
    {400, ";x\r\n", "", ""},
    {400, "0x5\r\nhello\r\n", "", ""},
    {400, "+5\r\nhello\r\n", "", ""},
    {400, "-5\r\nhello\r\n", "", ""},
    {400, "1_0\r\n", "", ""},
    {400, " 5\r\nhello\r\n", "", ""},
    {400, "5 \r\nhello\r\n", "", ""},
    {400, "5\t;a\r\nhello\r\n", "", ""},
    {400, "5\nhello\r\n", "", ""},
    {400, "5\r\r\nhello\r\n", "", ""},
    {400, "g\r\n", "", ""},
    {400, "10000000000000000\r\n", "", ""},
    {413, "ffffffffffffffff\r\n", "", ""},
    {413, "65\r\n", "", ""},
    {400, "5\r\nhello0\r\n\r\n", "hello", ""},
    {400, "5\r\nhello\n0\r\n\r\n", "hello", ""},
    {400, "5\r\nhello\r0\r\n\r\n", "hello", ""},
    {400, "1;a\nb\r\n", "", ""},
    {400, "1;\x01\r\n", "", ""},
    {400, "0\r\n\n", "", ""},
    {400, "0\r\nA : 1\r\n\r\n", "", ""},
    {400, "0\r\n A: 1\r\n\r\n", "", ""},
    {400, "0\r\nA\r\n\r\n", "", ""},
    {400, "0\r\nA: 1\n\r\n", "", ""},
};

static void test_bodies(void **state) {
  (void)state;
  enum { LIMIT = 100 };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    for (size_t step = 1; step < 40; step += 19) {
      const HttpHead head = {.chunked = true};
      HttpBody body = start_http_body(&head, LIMIT);
      char to[LIMIT];
      HttpResult result = HTTP_MORE;
      size_t at = 0, size = strlen(bodies[i].text), consumed;
      while (result == HTTP_MORE && at < size) {
        result = parse_http_body(&body, bodies[i].text + at, at + step < size ? step : size - at, &consumed, to);
        at += consumed;
      }
      int got = result == HTTP_DONE ? 200 : result == HTTP_MORE ? 0 : body.status;
      if (got != bodies[i].status) fail_msg("'%s': %d, expected %d", bodies[i].text, got, bodies[i].status);
      assert_int_equal(body.received, strlen(bodies[i].body));
      assert_memory_equal(to, bodies[i].body, body.received);
      if (got == 200) assert_string_equal(bodies[i].text + at, bodies[i].rest);
    }
  }
  const HttpHead head = {.has_length = true, .length = 3}, large = {.has_length = true, .length = LIMIT + 1};
  HttpBody body = start_http_body(&head, LIMIT);
  char to[LIMIT];
  size_t consumed;
  assert_int_equal(parse_http_body(&body, "ab", 2, &consumed, to), HTTP_MORE);
  assert_int_equal(parse_http_body(&body, "cdef", 4, &consumed, to), HTTP_DONE);
  assert_int_equal(consumed, 1);
  assert_memory_equal(to, "abc", 3);
  body = start_http_body(&large, LIMIT);
  assert_int_equal(parse_http_body(&body, "", 0, &consumed, to), HTTP_FAULT);
  assert_int_equal(body.status, 413);
}

static void test_endless(void **state) {
  (void)state;
  static char text[HTTP_HEAD_BYTES + 100];
  const HttpHead head = {.chunked = true};
  const char *starts[] = {"1;", "0\r\nA:"};
  for (int i = 0; i < 2; i++) {
    memset(text, 'a', sizeof text);
    memcpy(text, starts[i], strlen(starts[i]));
    HttpBody body = start_http_body(&head, 100);
    size_t consumed;
    assert_int_equal(parse_http_body(&body, text, sizeof text, &consumed, NULL), HTTP_FAULT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_heads),  cmocka_unit_test(test_limits),  cmocka_unit_test(test_meaning),
      cmocka_unit_test(test_bodies), cmocka_unit_test(test_endless),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
