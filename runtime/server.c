// The loop: accepting, events, deadlines, and the end. What happens on a connection is in connection.c.
#define _GNU_SOURCE
#include "runtime/server.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/connection.h"
#include "runtime/listen.h"

enum {
  EVENTS = 64,
  TICK_MS = 250 // deadlines are looked at this often
};

static Connection *find_free(Server *server) {
  for (uint64_t i = 0; i < server->settings->connections; i++)
    if (server->connections[i].state == CLOSED) return &server->connections[i];
  return NULL;
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
    open_connection(server, c, fd);
    drive_connection(server, c);
  }
}

static void check_deadlines(Server *server) {
  for (uint64_t i = 0; i < server->settings->connections; i++) {
    Connection *c = &server->connections[i];
    if (c->state != CLOSED && server->now >= c->deadline) expire_connection(server, c);
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
      drive_connection(server, c);
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
  drive_connection(server, c);
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

static void print_address(const Server *server, const char *url) {
  uint64_t bytes = server->settings->connections * sizeof(Connection) +
                   SLOTS * (server->settings->body_bytes + server->oip->reply_bytes) +
                   server->oip->session->table_bytes;
  printf("listening on %s, model '%s', at most %" PRIu64 " connections and %.1f MiB for requests\n", url,
         server->oip->model->name, server->settings->connections, (double)bytes / (1 << 20));
  fflush(stdout); // whoever waits for the line reads a pipe
}

bool serve(Oip *oip, const ServerSettings *settings, Error *error) {
  Server server = {.oip = oip, .settings = settings, .accepting = true, .listener_ready = true};
  char url[URL_BYTES];
  server.connections = map_memory(settings->connections * sizeof(Connection), error);
  if (!server.connections || !map_slots(&server, error)) return false;
  server.listener = open_listener(settings->listen, url, error);
  if (server.listener < 0 || !open_epoll(&server, error)) return false;
  print_address(&server, url);
  server.now = read_clock_ns() / 1000000;
  bool done = run_loop(&server, error);
  close(server.epoll);
  close(server.signals);
  return done;
}
