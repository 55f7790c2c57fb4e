// A Session runs the compiled model: it maps the model's memory and resolves every buffer reference to a pointer once,
// so that running allocates nothing. One run at a time; the team's threads share each step.
#pragma once
#include "runtime/bind.h"
#include "runtime/value.h"

typedef struct Team Team;

// Both 0: what the model and the machine suggest.
typedef struct {
  uint64_t threads;
  uint64_t memory; // bytes that the heap may take, and the same again for strings
} SessionSettings;

typedef struct {
  const IngotModel *model;
  Team *team; // NULL: one thread
  char *arena, *state, *heap;
  int64_t *frame;
  uint64_t heap_bytes;
  uint64_t seed; // of the next run's random numbers
  StringPool strings;
  Value *inputs, *outputs;
  uint32_t variant;  // of the model: of the last run
  Binding *bindings; // by variant
  void **io;         // where inputs and outputs lie in this run
  void *tables;      // memory of all that has a fixed size
  size_t table_bytes;
} Session;

// The state starts zeroed; no input has data.
bool open_session(Session *session, const IngotModel *model, const SessionSettings *settings, Error *error);
void close_session(Session *session);
unsigned count_session_threads(const Session *session);

// Before the inputs of another run: none is given, and their strings are gone.
void clear_inputs(Session *session);
// Settles dims of inputs that have no data yet: `shapes` holds "NAME=2x3".
bool shape_inputs(Session *session, char **shapes, size_t count, Error *error);
// The first variant from number `from` on that all settled inputs fit; the number of variants: there is none.
uint32_t find_variant(const Session *session, uint32_t from);
// An error that says which shapes the model was compiled for.
bool fail_variant(const Session *session, Error *error);
// Makes room for the inputs that have no data, with the dims that they have in the variant; one that it leaves open
// and that another input settles by its name follows it, the rest is 1. The data are left as they are.
bool make_inputs(Session *session, uint32_t variant, Error *error);
// The first input with settled dims of which one has this name, or NULL.
const Value *find_named_dim(const Session *session, const char *name, int64_t *dim);
// Runs the variant that the inputs' values fit, whose dims must agree, and sets those of the outputs, which stay until
// the next run. step_ns: NULL, or the time of each step in nanoseconds.
bool run_session(Session *session, uint64_t *step_ns, Error *error);
// Gives memory back that the last run needed and the next may not; its outputs are gone.
void trim_session(Session *session);
