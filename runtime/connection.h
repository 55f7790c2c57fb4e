// One connection of the server, and what the connections share. Every connection goes through the same states, one
// request at a time:
//
//   READ_HEAD -> [WAIT_SLOT] -> READ_BODY -> WRITE -> READ_HEAD ... -> LINGER -> CLOSED
//
// What holds: a connection has an input buffer of HTTP_HEAD_BYTES, where the head and pipelined bytes wait, and a small
// buffer for the answer's head and an error text. Inference needs a slot: a buffer for the body and one for the answer.
// There are few slots; connections wait for one in the order they came. Readiness is edge-triggered: `readable` and
// `writable` remember it until the kernel says EAGAIN.
#pragma once
#include <time.h>

#include "runtime/server.h"

enum { SLOTS = 8, HEAD_REPLY_BYTES = 512 };

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

// A connection that has just been accepted, in a free place.
void open_connection(Server *server, Connection *c, int fd);
void close_connection(Server *server, Connection *c);
// Goes on with a connection until it must wait for its peer or for a slot.
void drive_connection(Server *server, Connection *c);
// Gives free slots to the connections that wait for one.
void admit_waiting(Server *server);
// What its deadline means in its state: an answer, or the end.
void expire_connection(Server *server, Connection *c);
