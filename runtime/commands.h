// The commands of an executable. Each gets the arguments behind its name and returns false with the error set.
#pragma once
#include "runtime/options.h"
#include "runtime/run.h"

enum { MAX_THREADS = 256, MAX_OPTIONS = 12 };

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

// Seeded values for all inputs.
void fill_inputs(const IngotModel *model, void *const *io, uint64_t seed);
