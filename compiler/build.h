// `ingot build` as a function: a model file in, an executable (or what --emit names) out.
#pragma once
#include "compiler/passes/passes.h"

typedef enum { EMIT_EXE, EMIT_OBJ, EMIT_LIB, EMIT_C, EMIT_LL, EMIT_ASM } EmitForm;

typedef struct {
  const char *input, *output;
  const char *os_target, *cpu; // --target, --cpu; NULL: this machine's
  EmitForm form;
  int threads; // 0: one per CPU at run time
  PassOptions passes;
  // Called when a stage begins, for progress and timings; NULL: quiet.
  void (*on_stage)(void *context, const char *stage);
  // Called with the program after the pass "program" (--dump-after).
  void (*on_program)(void *context, const Program *program);
  void *context;
} BuildOptions;

// True when the output stands whole under its name; false after recorded errors, and then nothing was written.
bool build_model(Arena *arena, Diag *diag, const BuildOptions *options);

// `ingot inspect`: the model's facts, and all that would stop a build, on `out`. False when it could not be built.
bool inspect_model(Arena *arena, Diag *diag, const BuildOptions *options, FILE *out);
