// Linking: from objects with the model's code to what the user asked for. One object defines `const Model ingot_model`;
// it refers to the weights as `ingot_weights`, through 64-bit pointers alone. The weights themselves never pass through
// LLVM or the linker's memory.
#pragma once
#include "compiler/base.h"
#include "compiler/target.h"

// Where the weights come from when they are written, front to back, at the very end.
typedef struct {
  uint64_t size; // bytes; 0: there are none
  // Writes exactly `size` bytes from fd's position on. False, with errno set, when it cannot.
  bool (*write)(void *context, int fd);
  void *context;
} WeightSource;

// All return false after a recorded error, and then `out_path` is as it was before.

// A static executable: the objects, the runtime and the C library; the weights in a read-only segment of their own.
bool link_executable(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                     const char *out_path, const WeightSource *weights);
// A static library for programs in any language, with runtime/ingot.h as its interface: position-independent objects,
// the weights and the runtime's library flavour. The model is its one symbol of its own, named `symbol`, so that a
// program can take in several.
bool link_library(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                  const char *out_path, const char *symbol, const WeightSource *weights);
// The same as one object. A program can take in one of these: each holds the runtime.
bool link_object(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                 const char *out_path, const char *symbol, const WeightSource *weights);
