// Every connection goes through the same states, one request at a time:
//
//   READ_HEAD -> [WAIT_SLOT] -> READ_BODY -> WRITE -> READ_HEAD ... -> LINGER -> closed
//
// What holds: a connection has an input buffer of HTTP_HEAD_BYTES, where the head and pipelined bytes wait, and a small
// buffer for the answer's head and an error text. Inference needs a slot: a buffer for the body and one for the answer.
// There are few slots; connections wait for one in the order they came. Readiness is edge-triggered: `readable` and
// `writable` remember it until the kernel says EAGAIN.
#define _GNU_SOURCE
#include "runtime/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
  SLOTS = 8,
  HEAD_REPLY_BYTES = 512,
  EVENTS = 64,
  TICK_MS = 250, // deadlines are looked at this often
  HEAD_MS = 10000,
  BODY_MS = 10000,          // before the minimum rate counts
  BODY_BYTES_PER_MS = 1,    // the least that a body may come with
  WRITE_MS = 10000,         // without progress
  SLOT_MS = 30000,
  KEEP_ALIVE_MS = 75000,
  LINGER_MS = 2000,
  DROPPED_BYTES = 65536 // of a body that nobody needs, to keep the connection
};

typedef enum { CLOSED, READ_HEAD, WAIT_SLOT, READ_BODY, WRITE, LINGER } State;

typedef struct {
  char *body, *reply;
  bool taken;
} Slot;

typedef struct {
  int fd;
  State state;
  bool readable, writable, hung_up;
  bool is_head, is_1_0, infers, expects_continue;
  bool close; // after this answer
  Slot *slot;
  uint64_t deadline; // ms
  uint64_t since;    // ms: when the body began, or the turn among those that wait for a slot
  uint32_t used;     // of input
  HttpHead head;
  HttpBody body;
  Reply reply;
  size_t head_size, written; // of the answer
  char head_text[HEAD_REPLY_BYTES];
  char error_text[ERROR_REPLY_BYTES];
  char input[HTTP_HEAD_BYTES];
} Connection;

typedef struct {
  Oip *oip;
  const ServerSettings *settings;
  int epoll, listener, signals;
  bool accepting, listener_ready;
  Connection *connections;
  uint64_t open, waiting;
  Slot slots[SLOTS];
  uint64_t now, turn; // now: ms, read once per round of the loop
  uint64_t drain_end; // 0: not draining
  time_t date_second;
  char date[40];
} Server;

static Connection *find_free(Server *server) {
  for (uint64_t i = 0; i < server->settings->connections; i++)
    if (server->connections[i].state == CLOSED) return &server->connections[i];
  return NULL;
}

static void release_slot(Connection *c) {
  if (c->slot) c->slot->taken = false;
  c->slot = NULL;
}

static void close_connection(Server *server, Connection *c) {
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
      {200, "OK"}, {204, "No Content"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"},
      {408, "Request Timeout"}, {413, "Content Too Large"}, {414, "URI Too Long"}, {417, "Expectation Failed"},
      {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
      {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
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
    snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
             months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
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
    if (c->infers) {
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

// Goes on with a connection until it must wait.
static void drive(Server *server, Connection *c) {
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

// Gives free slots to those that wait.
static void admit_waiting(Server *server) {
  for (Connection *c; (c = find_waiting(server)) && (c->slot = take_slot(server));) {
    server->waiting--;
    begin_body(server, c);
    drive(server, c);
  }
}

static void accept_connections(Server *server) {
  while (server->listener_ready && server->accepting) {
    Connection *c = find_free(server);
    if (!c) return; // the others wait in the kernel's queue
    int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      server->listener_ready = false; // EAGAIN; or no descriptors: the next connection or tick tries again
      return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
      close(fd);
      continue;
    }
    c->fd = fd;
    c->used = 0;
    c->slot = NULL;
    c->readable = c->writable = true;
    c->hung_up = c->close = false;
    server->open++;
    begin_head(server, c);
    c->deadline = server->now + HEAD_MS;
    drive(server, c);
  }
}

static void expire(Server *server, Connection *c) {
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
  drive(server, c);
}

static void check_deadlines(Server *server) {
  for (uint64_t i = 0; i < server->settings->connections; i++) {
    Connection *c = &server->connections[i];
    if (c->state != CLOSED && server->now >= c->deadline) expire(server, c);
  }
}

// Not ready any more; the listener goes after the drain delay, idle connections at once, and busy ones when they have
// been answered.
static void begin_drain(Server *server) {
  server->oip->draining = true;
  server->drain_end = server->now + server->settings->drain_seconds * 1000 + 1;
}

static void stop_accepting(Server *server) {
  server->accepting = false;
  close(server->listener);
  for (uint64_t i = 0; i < server->settings->connections; i++) {
    Connection *c = &server->connections[i];
    if (c->state == READ_HEAD && c->used == 0) {
      c->readable = true; // a request may have come just now
      drive(server, c);
      if (c->state == READ_HEAD && c->used == 0) close_connection(server, c);
    }
  }
}

static void handle_event(Server *server, const struct epoll_event *event) {
  if (event->data.ptr == &server->listener) {
    server->listener_ready = true;
    return;
  }
  if (event->data.ptr == &server->signals) {
    if (!server->drain_end) begin_drain(server);
    return;
  }
  Connection *c = event->data.ptr;
  if (c->state == CLOSED) return; // by an earlier event of this round
  if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) c->readable = true;
  if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) c->hung_up = true;
  if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) c->writable = true;
  drive(server, c);
}

static bool run_loop(Server *server, Error *error) {
  uint64_t next_tick = 0;
  while (server->accepting || server->open > 0) {
    struct epoll_event events[EVENTS];
    int timeout = server->open > 0 || server->drain_end ? TICK_MS : -1;
    int count = epoll_wait(server->epoll, events, EVENTS, timeout);
    if (count < 0 && errno != EINTR) return fail(error, "cannot wait for connections: %s", strerror(errno));
    server->now = read_clock_ns() / 1000000;
    for (int i = 0; i < count; i++) handle_event(server, &events[i]);
    admit_waiting(server);
    if (server->now >= next_tick) {
      check_deadlines(server);
      admit_waiting(server);
      server->listener_ready = true;
      next_tick = server->now + TICK_MS;
    }
    accept_connections(server);
    if (server->accepting && server->drain_end && server->now >= server->drain_end - 1) stop_accepting(server);
  }
  return true;
}

// "127.0.0.1:80", "[::1]:80", "localhost:80", ":80". Returns the length of the address, 0 where the text is none.
static socklen_t parse_listen(const char *text, struct sockaddr_storage *address) {
  const char *colon = strrchr(text, ':');
  char host[64], *end;
  if (!colon || (size_t)(colon - text) >= sizeof host || colon[1] < '0' || colon[1] > '9') return 0;
  unsigned long port = strtoul(colon + 1, &end, 10);
  if (*end || port > 65535) return 0;
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = '\0';
  memset(address, 0, sizeof *address);
  if (host[0] == '[' && colon > text && colon[-1] == ']') {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    host[colon - text - 1] = '\0';
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
  }
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  v4->sin_family = AF_INET;
  v4->sin_port = htons((uint16_t)port);
  const char *name = !host[0] ? "0.0.0.0" : strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  return inet_pton(AF_INET, name, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
}

static bool open_listener(Server *server, Error *error) {
  const char *text = server->settings->listen;
  struct sockaddr_storage address;
  socklen_t length = parse_listen(text, &address);
  if (length == 0) return fail(error, "--listen takes ADDRESS:PORT, as 127.0.0.1:8080, not '%s'", text);
  int on = 1;
  server->listener = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (server->listener < 0) return fail(error, "cannot open a socket: %s", strerror(errno));
  setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server->listener, (struct sockaddr *)&address, length) != 0 || listen(server->listener, 1024) != 0)
    return fail(error, "cannot listen on '%s': %s", text, strerror(errno));
  getsockname(server->listener, (struct sockaddr *)&address, &length);
  unsigned port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                      : ((struct sockaddr_in *)&address)->sin_port);
  uint64_t bytes = server->settings->connections * sizeof(Connection) +
                   SLOTS * (server->settings->body_bytes + server->oip->reply_bytes) + server->oip->io.bytes;
  const char *colon = strrchr(text, ':');
  printf("listening on http://%.*s:%u, model '%s', at most %" PRIu64 " connections and %.1f MiB for requests\n",
         colon == text ? 7 : (int)(colon - text), colon == text ? "0.0.0.0" : text, port, server->oip->model->name,
         server->settings->connections, (double)bytes / (1 << 20));
  fflush(stdout);
  return true;
}

static sigset_t make_stop_signals(void) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  return stop;
}

// Blocked signals wait for signalfd, also in a process 1, where the kernel would drop them otherwise.
void block_stop_signals(void) {
  sigset_t stop = make_stop_signals();
  sigprocmask(SIG_BLOCK, &stop, NULL);
}

static bool open_epoll(Server *server, Error *error) {
  sigset_t stop = make_stop_signals();
  server->signals = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
  server->epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event listener = {.events = EPOLLIN | EPOLLET, .data.ptr = &server->listener};
  struct epoll_event signals = {.events = EPOLLIN | EPOLLET, .data.ptr = &server->signals};
  return (server->signals >= 0 && server->epoll >= 0 &&
          epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &listener) == 0 &&
          epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->signals, &signals) == 0) ||
         fail(error, "cannot wait for connections: %s", strerror(errno));
}

static bool map_slots(Server *server, Error *error) {
  size_t body = round_to_page(server->settings->body_bytes), reply = round_to_page(server->oip->reply_bytes), total;
  if (body == 0 || reply == 0 || __builtin_add_overflow(body, reply, &total) ||
      __builtin_mul_overflow(total, (size_t)SLOTS, &total))
    return fail(error, "--max-body is too large");
  char *memory = map_memory(total, error);
  for (size_t i = 0; i < SLOTS && memory; i++)
    server->slots[i] = (Slot){memory + i * (body + reply), memory + i * (body + reply) + body, false};
  return memory != NULL;
}

bool serve(Oip *oip, const ServerSettings *settings, Error *error) {
  Server server = {.oip = oip, .settings = settings, .accepting = true, .listener_ready = true};
  server.connections = map_memory(settings->connections * sizeof(Connection), error);
  if (!server.connections || !map_slots(&server, error) || !open_listener(&server, error) ||
      !open_epoll(&server, error))
    return false;
  server.now = read_clock_ns() / 1000000;
  bool done = run_loop(&server, error);
  close(server.epoll);
  return done;
}
