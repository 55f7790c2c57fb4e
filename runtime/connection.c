// The states of a connection, one function each.
#define _GNU_SOURCE
#include "runtime/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  HEAD_MS = 10000,
  BODY_MS = 10000,       // before the minimum rate counts
  BODY_BYTES_PER_MS = 1, // the least that a body may come with
  WRITE_MS = 10000,      // without progress
  SLOT_MS = 30000,
  KEEP_ALIVE_MS = 75000,
  LINGER_MS = 2000,
  DROPPED_BYTES = 65536 // of a body that nobody needs, to keep the connection
};

static void release_slot(Connection *c) {
  if (c->slot) c->slot->taken = false;
  c->slot = NULL;
}

void close_connection(Server *server, Connection *c) {
  if (c->state == WAIT_SLOT) server->waiting--;
  c->state = CLOSED;
  close(c->fd);
  server->open--;
  release_slot(c);
}

static void begin_body(Server *server, Connection *c) {
  c->state = READ_BODY;
  c->body = start_http_body(&c->head, c->infers ? server->settings->body_bytes : DROPPED_BYTES);
  c->since = server->now;
}

static Slot *take_slot(Server *server) {
  for (size_t i = 0; i < SLOTS; i++)
    if (!server->slots[i].taken) {
      server->slots[i].taken = true;
      return &server->slots[i];
    }
  return NULL;
}

static const char *status_text(int status) {
  static const struct {
    int status;
    const char *text;
  } texts[] = {
      {200, "OK"},
      {204, "No Content"},
      {400, "Bad Request"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {417, "Expectation Failed"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
  };
  for (size_t i = 0; i < COUNT(texts); i++)
    if (texts[i].status == status) return texts[i].text;
  return "Unknown";
}

static const char *format_date(Server *server) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t now = time(NULL);
  struct tm tm;
  if (now != server->date_second && gmtime_r(&now, &tm)) {
    server->date_second = now;
    snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
  }
  return server->date;
}

// Begins the answer c->reply: writes its head.
static void begin_write(Server *server, Connection *c) {
  const Reply *reply = &c->reply;
  if (server->drain_end) c->close = true;
  int used = snprintf(c->head_text, sizeof c->head_text, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
                      status_text(reply->status), format_date(server));
  size_t n = (size_t)used, size = sizeof c->head_text;
  if (reply->status != 204)
    n += (size_t)snprintf(c->head_text + n, size - n, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                          reply->size);
  if (reply->allow) n += (size_t)snprintf(c->head_text + n, size - n, "Allow: %s\r\n", reply->allow);
  if (reply->status == 503) n += (size_t)snprintf(c->head_text + n, size - n, "Retry-After: 1\r\n");
  if (c->close)
    n += (size_t)snprintf(c->head_text + n, size - n, "Connection: close\r\n");
  else if (c->is_1_0)
    n += (size_t)snprintf(c->head_text + n, size - n, "Connection: keep-alive\r\n");
  n += (size_t)snprintf(c->head_text + n, size - n, "\r\n");
  if (c->is_head) c->reply.size = 0;
  c->head_size = n;
  c->written = 0;
  c->state = WRITE;
  c->deadline = server->now + WRITE_MS;
}

static void answer_error(Server *server, Connection *c, int status, const char *text) {
  c->close = true;
  c->reply = make_error_reply(status, text, c->error_text);
  begin_write(server, c);
}

static void drop_input(Connection *c, size_t count) {
  c->used -= (uint32_t)count;
  if (c->used > 0) memmove(c->input, c->input + count, c->used);
}

static void begin_head(Server *server, Connection *c) {
  c->state = READ_HEAD;
  c->head = (HttpHead){0};
  c->is_head = c->is_1_0 = c->infers = c->expects_continue = false;
  c->deadline = server->now + (c->used ? HEAD_MS : KEEP_ALIVE_MS);
}

// More bytes into memory. 1: some; 0: none now; -1: the peer has closed or the connection is broken.
static int receive(Connection *c, char *to, size_t room, size_t *count) {
  *count = 0;
  while (c->readable) {
    ssize_t got = recv(c->fd, to, room, 0);
    if (got > 0) {
      // A short read has emptied the socket, unless the end of the stream is behind it.
      if ((size_t)got < room && !c->hung_up) c->readable = false;
      *count = (size_t)got;
      return 1;
    }
    if (got == 0) return -1;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    c->readable = false;
  }
  return 0;
}

static int receive_input(Connection *c) {
  size_t count;
  int result = receive(c, c->input + c->used, sizeof c->input - c->used, &count);
  c->used += (uint32_t)count;
  return result;
}

// 100 Continue is a few bytes into an empty socket buffer: if they do not fit, the client waits for them in vain, as it
// must be ready to.
static void send_continue(Connection *c) {
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  if (send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL) < 0) c->writable = false;
}

// The head is complete: answer, or go on to the body.
static void accept_head(Server *server, Connection *c) {
  const HttpHead *head = &c->head;
  bool has_body = head->chunked || head->length > 0;
  c->is_1_0 = head->version_1_0;
  c->is_head = http_span_equals(head->method, c->input, "HEAD");
  c->close = !head->keep_alive;
  c->expects_continue = head->expects_continue && has_body;
  c->infers = route_request(server->oip, head, c->input, &c->reply, c->error_text);
  drop_input(c, head->size);
  if (head->has_length && head->length > server->settings->body_bytes) {
    answer_error(server, c, 413, "the body is too large");
  } else if (c->infers && (server->waiting > 0 || !(c->slot = take_slot(server)))) {
    c->state = WAIT_SLOT;
    c->since = server->turn++;
    c->deadline = server->now + SLOT_MS;
    server->waiting++;
  } else if (c->infers || (has_body && !c->expects_continue && (head->chunked || head->length <= DROPPED_BYTES))) {
    begin_body(server, c);
  } else {
    if (has_body) c->close = true; // the body is not worth reading
    begin_write(server, c);
  }
}

// Each step returns true when the state has changed or bytes have moved, false when it must wait for the peer.
static bool step_head(Server *server, Connection *c) {
  HttpResult result = c->used ? parse_http_head(&c->head, c->input, c->used) : HTTP_MORE;
  if (result == HTTP_FAULT) {
    c->is_head = c->head.has_request_line && http_span_equals(c->head.method, c->input, "HEAD");
    answer_error(server, c, c->head.status, c->head.fault);
    return true;
  }
  if (result == HTTP_DONE) {
    accept_head(server, c);
    return true;
  }
  bool first = c->used == 0;
  int got = receive_input(c);
  if (got < 0) close_connection(server, c);
  if (got > 0 && first) c->deadline = server->now + HEAD_MS;
  return got > 0;
}

static bool step_body(Server *server, Connection *c) {
  size_t consumed, count;
  char *to = c->slot ? c->slot->body : NULL;
  HttpResult result = parse_http_body(&c->body, c->input, c->used, &consumed, to);
  drop_input(c, consumed);
  if (result == HTTP_FAULT) {
    answer_error(server, c, c->body.status, c->body.fault);
    return true;
  }
  if (result == HTTP_DONE) {
    if (c->slot) {
      c->reply = answer_inference(server->oip, to, c->body.received, c->slot->reply, c->error_text);
      server->now = read_clock_ns() / 1000000;
    }
    begin_write(server, c);
    return true;
  }
  if (c->expects_continue) {
    c->expects_continue = false;
    if (c->used == 0 && c->body.received == 0) send_continue(c);
  }
  c->deadline = c->since + BODY_MS + c->body.received / BODY_BYTES_PER_MS;
  int got;
  if (c->body.chunked || !to) {
    got = receive_input(c);
  } else { // straight to its place
    got = receive(c, to + c->body.received, c->body.left, &count);
    c->body.received += count;
    c->body.left -= count;
  }
  if (got < 0) close_connection(server, c);
  return got > 0;
}

static bool step_write(Server *server, Connection *c) {
  size_t total = c->head_size + c->reply.size;
  while (c->written < total && c->writable) {
    size_t head = c->written < c->head_size ? c->head_size - c->written : 0;
    size_t body = c->written < c->head_size ? 0 : c->written - c->head_size;
    struct iovec parts[2] = {{c->head_text + c->head_size - head, head},
                             {(char *)(uintptr_t)c->reply.body + body, c->reply.size - body}};
    bool two = c->reply.size > body;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = two ? 2 : 1};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    if (sent > 0) {
      c->written += (size_t)sent;
      c->deadline = server->now + WRITE_MS;
    } else if (errno == EAGAIN) {
      c->writable = false;
    } else if (errno != EINTR) {
      close_connection(server, c);
      return false;
    }
  }
  if (c->written < total) return false;
  if (c->close) {
    // Closing at once would reset the connection where bytes are unread, and could take the answer with it (9.6).
    shutdown(c->fd, SHUT_WR);
    c->state = LINGER;
    c->deadline = server->now + LINGER_MS;
  } else {
    begin_head(server, c);
  }
  release_slot(c);
  return true;
}

static bool step_linger(Server *server, Connection *c) {
  size_t count;
  int got = receive(c, c->input, sizeof c->input, &count);
  if (got < 0) close_connection(server, c);
  return got > 0;
}

void drive_connection(Server *server, Connection *c) {
  for (bool going = true; going;) {
    switch (c->state) {
    case READ_HEAD: going = step_head(server, c); break;
    case READ_BODY: going = step_body(server, c); break;
    case WRITE: going = step_write(server, c); break;
    case LINGER: going = step_linger(server, c); break;
    default: going = false;
    }
  }
}

void open_connection(Server *server, Connection *c, int fd) {
  c->fd = fd;
  c->used = 0;
  c->slot = NULL;
  c->readable = c->writable = true;
  c->hung_up = c->close = false;
  server->open++;
  begin_head(server, c);
  c->deadline = server->now + HEAD_MS;
}

// Among the connections that wait, the one that has waited longest.
static Connection *find_waiting(Server *server) {
  Connection *first = NULL;
  if (server->waiting == 0) return NULL;
  for (uint64_t i = 0; i < server->settings->connections; i++) {
    Connection *c = &server->connections[i];
    if (c->state == WAIT_SLOT && (!first || c->since < first->since)) first = c;
  }
  return first;
}

void admit_waiting(Server *server) {
  for (Connection *c; (c = find_waiting(server)) && (c->slot = take_slot(server));) {
    server->waiting--;
    begin_body(server, c);
    drive_connection(server, c);
  }
}

void expire_connection(Server *server, Connection *c) {
  if (c->state == READ_HEAD && c->used > 0)
    answer_error(server, c, 408, "the request header took too long");
  else if (c->state == READ_BODY)
    answer_error(server, c, 408, "the request body came too slowly");
  else if (c->state == WAIT_SLOT) {
    server->waiting--;
    answer_error(server, c, 503, "too many requests at once");
  } else {
    close_connection(server, c);
    return;
  }
  drive_connection(server, c);
}
