// `serve`: the model behind HTTP.
#include "runtime/commands.h"
#include "runtime/server.h"

enum { MAX_CONNECTIONS = 65536 };
static const uint64_t max_body = UINT64_C(1) << 40;

bool command_serve(const Invocation *call, Error *error) {
  ServerSettings settings = {
      .listen = "127.0.0.1:8080", .connections = 256, .body_bytes = suggest_body_bytes(call->model)};
  SessionSettings session_settings = {0};
  uint64_t answer_bytes = 0;
  const Option options[] = {
      {"listen", '\0', OPTION_TEXT, &settings.listen, 0, 0, "HOST:PORT",
       "where to listen (127.0.0.1:8080); port 0: any"},
      {"max-body", '\0', OPTION_BYTES, &settings.body_bytes, 1, max_body, "BYTES",
       "of a request (what the inputs need)"},
      {"max-answer", '\0', OPTION_BYTES, &answer_bytes, 1, max_body, "BYTES", "of an answer (what the outputs need)"},
      {"connections", '\0', OPTION_COUNT, &settings.connections, 1, MAX_CONNECTIONS, "N", "at the same time (256)"},
      {"drain", '\0', OPTION_COUNT, &settings.drain_seconds, 0, 3600, "S", "go on accepting after SIGTERM (0)"},
      THREADS_OPTION(&session_settings.threads),
      MEMORY_OPTION(&session_settings.memory),
  };
  bool done;
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  block_stop_signals();
  Session session;
  if (!open_session(&session, call->model, &session_settings, error)) return false;
  Oip oip;
  bool served = open_oip(&oip, &session, answer_bytes, error) && serve(&oip, &settings, error);
  close_session(&session);
  return served;
}
