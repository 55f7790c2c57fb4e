// The model's outputs to the files that a command line names.
#pragma once
#include "runtime/value.h"

// What `-o` said, understood before the work begins. arguments: one "FILE" for all outputs, "NAME=FILE" for one, or a
// folder, which gets a file for each: "output_0.pb" and so on. format: NULL takes it from the file's name.
typedef struct {
  const IngotModel *model;
  char **arguments;
  size_t count;
  const char *format;
} OutputPlan;

bool check_outputs(const OutputPlan *plan, Error *error);
bool write_outputs(const OutputPlan *plan, const Value *outputs, Error *error);
