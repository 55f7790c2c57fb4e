// Command-line options by table.
#pragma once
#include "runtime/system.h"

typedef enum {
  OPTION_FLAG,  // bool
  OPTION_TEXT,  // const char *
  OPTION_COUNT, // uint64_t, from low to high
  OPTION_BYTES, // the same, with K, M, G or T behind it for powers of 1024
  OPTION_LIST   // OptionList: may be given many times
} OptionKind;

typedef struct {
  char **items; // inside argv
  size_t count;
} OptionList;

typedef struct {
  const char *name; // behind "--"
  char letter;      // behind "-", or '\0'
  OptionKind kind;
  void *value;        // filled when the option is given
  uint64_t low, high; // of OPTION_COUNT and OPTION_BYTES
  const char *meta;   // "FILE"; NULL for flags
  const char *help;
} Option;

// argv: what follows the command. Values stand behind the option or after '='.
bool parse_options(const Option *options, size_t count, int argc, char **argv, Error *error);
// "  --threads N    help" lines, aligned, to standard output.
void print_options(const Option *options, size_t count);
