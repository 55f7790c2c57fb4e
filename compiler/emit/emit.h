// Emitters: a planned Program as machine code, LLVM text or C. They know no ONNX.
#pragma once
#include "compiler/program/program.h"
#include "compiler/target.h"
#include "runtime/model.h"

// What the executable tells about itself beside the Program.
typedef struct {
  const char *name; // file name of the model without folder and extension
  int threads;      // default team size; 0: one per CPU
  int64_t parameters;
  const ModelCheck *checks; // recorded vectors, or none
  size_t check_count;
  uint64_t check_seed;
} Description;

/* model.c */
// The model as executables and libraries hold it, without addresses: of kernels and weights.
IngotModel make_ingot_model(Model *model, const Program *program, const Target *target, const Description *description);

/* llvm.c */
typedef enum { CODE_OBJECT, CODE_ASM, CODE_LL } CodeKind;
typedef struct {
  char *data;
  size_t size;
} Bytes;

// The kernels of all steps, specialised for the target: one function for each distinct step, named ingot_kernel_N in
// the order of first use. Text kinds hold the description too. False after a recorded error.
bool emit_kernels(Model *model, const Program *program, const Target *target, CodeKind kind, const Description *with,
                  Bytes *out);
// An object with `const IngotModel ingot_model`, which refers to the kernels and, by name, to ingot_weights.
bool emit_description(Model *model, const Program *program, const Target *target, const Description *description,
                      Bytes *out);
// Index of the kernel of each step: steps with one signature share one. -1: jumps and labels have none.
int *number_kernels(const Program *program, int *count);

/* jit.c */
// Runs a planned program for this machine in this process: `kernels` is what emit_kernels made for it. inputs and
// outputs point to whole tensors in the order of the program. Temporary memory is its own.
bool run_kernels(Model *model, const Program *program, const Bytes *kernels, const void *const *inputs,
                 void *const *outputs);

/* c.c */
// The identifier for a model's file name: "net-1.1.onnx" is net_1_1. `upper`: for macros.
char *c_identifier(Arena *arena, const char *file, bool upper);
// The program as C: `out_path`, which ends in ".c", a header and, when the weights are large, a file of weights; the
// names of all three differ by their ending alone. They appear whole or not at all. False after a recorded error.
bool emit_c(Model *model, const Program *program, const Target *target, const Description *description,
            const char *out_path);
