// The commands of an executable. Each gets the arguments behind its name and returns false with the error set.
#pragma once
#include "runtime/options.h"
#include "runtime/run.h"

enum { MAX_THREADS = 256 };
#define MAX_MEMORY (UINT64_C(1) << 46)

typedef struct {
  const IngotModel *model;
  const char *program; // as the user called it
  int argc;            // arguments behind the command
  char **argv;
  bool help; // print the options and leave
} Invocation;

bool command_run(const Invocation *call, Error *error);
bool command_bench(const Invocation *call, Error *error);
bool command_info(const Invocation *call, Error *error);
bool command_selftest(const Invocation *call, Error *error);
bool command_serve(const Invocation *call, Error *error);

// Parses the options, or prints them when help was asked for: then *done is set and the command leaves.
bool read_options(const Invocation *call, const Option *options, size_t count, bool *done, Error *error);

// What a bare call of the executable prints.
void explain_model(const IngotModel *model, const char *program);
// "12.3 KiB" in text; returns text.
char *describe_bytes(char *text, size_t size, uint64_t bytes);

// Seeded values for all inputs that are not given, of the dims that make_inputs finds; strings and sequences are empty.
bool fill_inputs(Session *session, uint32_t variant, uint64_t seed, Error *error);

// Rows that several commands have.
#define SHAPE_HELP            "dims where the model leaves them open (1), or one of its shapes"
#define THREADS_OPTION(value) {"threads", '\0', OPTION_COUNT, value, 1, MAX_THREADS, "N", "threads, this one included"}
#define MEMORY_OPTION(value)                                                                                           \
  {"memory", '\0', OPTION_BYTES, value, 1, MAX_MEMORY, "BYTES", "most that a run may take for what has no fixed size"}
