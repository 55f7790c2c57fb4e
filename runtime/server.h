// The HTTP server: one thread, one epoll loop, a fixed number of connections, and memory that is taken at the start.
#pragma once
#include "runtime/oip.h"

typedef struct {
  const char *listen;     // "HOST:PORT": an address, "[v6]", "localhost" or "" (all addresses); port 0: any free one
  uint64_t connections;   // at the same time
  uint64_t body_bytes;    // of one request
  uint64_t drain_seconds; // after SIGTERM, how long to go on accepting while not being ready
} ServerSettings;

// Blocks SIGTERM and SIGINT for this thread and those it will start: call before open_session, so that only the
// server's loop sees them.
void block_stop_signals(void);
// Serves until SIGTERM or SIGINT, then finishes what is in flight. Prints one line when it listens.
bool serve(Oip *oip, const ServerSettings *settings, Error *error);
