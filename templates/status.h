// What a kernel template returns: run-time faults that only the data can cause. The executable, and the compiler where
// it runs code itself, report them with the step's node.
#pragma once

#define STATUSES(X)                                                                                                    \
  X(STATUS_OK, "no error")                                                                                             \
  X(STATUS_INDEX, "index out of range")                                                                                \
  X(STATUS_BOUND, "result larger than the bound that was compiled in")                                                 \
  X(STATUS_DIVIDE, "integer division by zero")                                                                         \
  X(STATUS_SHAPE, "the dims of its inputs do not fit")                                                                 \
  X(STATUS_MEMORY, "needs more memory than the bound; raise it with --memory")                                         \
  X(STATUS_LOOP, "the loop does not end within the bound")                                                             \
  X(STATUS_UTF8, "text is not valid UTF-8")                                                                            \
  X(STATUS_NUMBER, "text is not a number")                                                                             \
  X(STATUS_BRANCH, "takes a branch in which shapes do not fit")                                                        \
  X(STATUS_IMAGE, "the image is damaged or of a kind that is not supported")
typedef enum {
#define X(name, text) name,
  STATUSES(X)
#undef X
      STATUS_COUNT
} Status;
