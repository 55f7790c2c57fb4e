// The parts of --emit=c that its files share.
#pragma once
#include "compiler/program/program.h"
#include "compiler/target.h"

typedef struct {
  Arena *arena;
  Model *model;
  const Program *program;
  const Target *target;
  const char *name, *NAME; // what public names start with, and macros
  const char *file;        // name of the model's file
  const char *base;        // name of the C files without folder and ending
  const int *kernel_of;    // per step: number of its kernel
} Emitter;

// State follows the temporary values in the arena.
static inline int64_t c_state_start(const Program *program) { return round_up(program->arena_bytes, 64); }

/* c_api.c */
// Text from a model file as it can stand in a comment: nothing that ends it, continues a line or means a trigraph.
const char *c_comment(Arena *arena, const char *text);
// Appends `text` with the model's name in place of $n, in capitals for $N, and the files' name for $f.
void c_named(const Emitter *e, Text *out, const char *text);
void c_title(const Emitter *e, Text *out); // first line of both files
void c_header(const Emitter *e, Text *out);
// The end of the source: tables of inputs and outputs, the function that runs the model, a main() behind an #ifdef.
void c_entry(const Emitter *e, Text *out);

/* c_func.c */
// A Load, Store or Body (templates/template.h) as a static C function. `arena` takes scratch memory.
void c_func(Arena *arena, Text *out, const Func *func, const char *name);
// A literal that reads back as exactly x, or a builtin for NaN and infinities.
void c_real(Text *out, double x, bool is_float);

/* c_paste.c */
// Appends the texts of kernel templates that the code needs, each once, included ones first: those that define the
// functions called by `code`. False after a recorded error.
bool c_paste(Arena *arena, Diag *diag, Text *out, const char *code);
