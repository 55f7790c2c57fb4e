// What a kernel template returns: run-time faults that only the data can cause. The executable, and the compiler where
// it runs code itself, report them with the step's node.
#pragma once

#define STATUSES(X)                                                                                                    \
  X(STATUS_OK, "no error")                                                                                             \
  X(STATUS_INDEX, "index out of range")                                                                                \
  X(STATUS_BOUND, "result larger than the bound that was compiled in")                                                 \
  X(STATUS_DIVIDE, "integer division by zero")
typedef enum {
#define X(name, text) name,
  STATUSES(X)
#undef X
      STATUS_COUNT
} Status;
