// The parts of --emit=c that its files share.
#pragma once
#include "compiler/program/program.h"
#include "compiler/target.h"
#include "runtime/model.h"

typedef struct {
  Arena *arena;
  Model *model;
  const Program *program;
  const Target *target;
  const char *name, *NAME; // of the model as a symbol, and for macros
  const char *file;        // name of the model's file
  const char *base;        // name of the C files without folder and ending
  const int *kernel_of;    // per step: number of its kernel; -1: it has none
} Emitter;

/* c_func.c */
// A Load, Store or Body (templates/template.h) of a step as a static C function. `arena` takes scratch memory.
void c_func(Arena *arena, Text *out, const Step *step, const Func *func, const char *name);
// A literal that reads back as exactly x, or a builtin for NaN and infinities.
void c_real(Text *out, double x, bool is_float);

/* c_dims.c */
// The body of a dims step's kernel: computes numbers of the frame and checks them.
void c_dims(const Emitter *e, Text *out, const Step *step);

/* c_model.c */
// The tables of the model and `const IngotModel ingot_model`, which refers to kernels, `weights` and `strings`.
void c_model(const Emitter *e, Text *out, const IngotModel *model);

/* c_paste.c */
typedef struct {
  Arena *arena;
  Diag *diag;
  Text *out;
  const char **pasted; // files that hold #pragma once: what they hold stands in `out` once
  size_t pasted_count;
} Paste;
// Appends the text of a file of the resource folder, included ones first. False after a recorded error.
bool c_paste_file(Paste *paste, const char *name);
// The same for the kernel templates that the code needs: the files that define functions called by `code`.
bool c_paste_templates(Paste *paste, const char *code);
