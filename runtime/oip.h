// The Open Inference Protocol, version 2, for one model: from a request's method, path and body to an answer. It knows
// nothing of sockets.
#pragma once
#include "runtime/http.h"
#include "runtime/run.h"

#define OIP_VERSION "1" // of the model: an executable holds one
enum { OIP_ID_BYTES = 1024 };

// An answer. Its body lies in memory of the protocol (fixed texts), of the caller (errors) or of a reply buffer.
typedef struct {
  int status;
  const char *allow; // for 405 and OPTIONS, else NULL
  const char *body;  // "" where there is none
  size_t size;
} Reply;

typedef struct {
  const IngotModel *model;
  Session *session;
  const char *metadata; // of the model
  size_t metadata_size;
  uint32_t *chosen; // outputs of this request, in its order
  size_t chosen_count;
  bool draining;      // not ready any more
  size_t reply_bytes; // the longest answer to an inference
} Oip;

// Maps what every request needs. reply_bytes: 0 takes what the outputs can need, or some where only a run tells.
bool open_oip(Oip *oip, Session *session, uint64_t reply_bytes, Error *error);

enum { ERROR_REPLY_BYTES = 4096 };
Reply make_reply(int status, const char *body, size_t size);
// The answer with {"error": text} in `buffer`.
Reply make_error_reply(int status, const char *text, char buffer[ERROR_REPLY_BYTES]);

// Answers what needs no body. True: the request is an inference, whose body goes to answer_inference. `data` is the
// head's text.
bool route_request(Oip *oip, const HttpHead *head, const char *data, Reply *reply, char buffer[ERROR_REPLY_BYTES]);
// Runs the model. reply_buffer has oip->reply_bytes bytes.
Reply answer_inference(Oip *oip, const char *body, size_t size, char *reply_buffer, char buffer[ERROR_REPLY_BYTES]);
// Bytes of body that JSON for this model's inputs can need, written generously.
size_t suggest_body_bytes(const IngotModel *model);
