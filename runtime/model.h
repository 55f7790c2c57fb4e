// The compiled model as the runtime sees it: the one interface between what the emitters write and what every
// executable holds. The emitter writes one `const IngotModel ingot_model` (LLVM constants or C initialisers); the
// runtime only reads it. Plain C structs with natural padding, the same on every target of the same word size.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MODEL_ABI = 1 };

// Runs share `part` of `parts` of one step on its buffers, in the order of the step's refs. Returns a Status of
// templates/template.h: 0, or what went wrong.
typedef int ModelKernel(void *const *buffers, ptrdiff_t part, ptrdiff_t parts);

// Where a step's buffer lies: base + offset bytes.
enum { BASE_ARENA, BASE_WEIGHTS, BASE_STATE, BASE_IO }; // BASE_IO + i: the i-th of inputs, then outputs
typedef struct {
  uint32_t base;
  uint32_t unused;
  uint64_t offset;
} ModelRef;

typedef struct {
  ModelKernel *kernel; // steps of the same shape share one
  const ModelRef *refs;
  uint32_t ref_count;
  uint32_t parts;          // most shares worth having; 1: the step is serial
  const char *name;        // node names of the model, fused ones joined by '+'
  const char *kernel_name; // template and shape: "gemm_f32 128x384x384"
  uint64_t flops;          // multiply and add counted apart; 0 where it makes no sense
} ModelStep;

// An input or output. A dim is >= 0; dynamic dims come later.
typedef struct {
  const char *name;
  uint32_t dtype; // ONNX TensorProto.DataType
  uint32_t rank;
  const int64_t *dims;
  uint64_t bytes; // of the whole tensor, packed
} ModelTensor;

// A vector recorded when compiling: inputs made by runtime/sample.h from `seed`, some elements of each output.
typedef struct {
  uint32_t output;     // index
  uint32_t count;      // of elements recorded
  const uint64_t *at;  // their indices
  const double *value; // their values, as double (int64 beyond 2^53 is rounded alike on both sides)
} ModelCheck;

typedef struct IngotModel {
  uint32_t abi; // MODEL_ABI
  uint32_t input_count, output_count, step_count, check_count;
  uint32_t threads; // default team size; 0: one per CPU
  const ModelTensor *inputs, *outputs;
  const ModelStep *steps;
  const ModelCheck *checks;
  uint64_t check_seed;
  uint64_t arena_bytes; // memory for intermediate values, 64-byte aligned; page-aligned at run time
  uint64_t state_bytes; // memory that outlives a run, zeroed before the first
  const void *weights;  // 64-byte aligned; NULL when there are none
  uint64_t weight_bytes;
  uint64_t parameters;  // weight elements of the model as given
  uint64_t macs;        // multiply-accumulates per run
  const char *name;     // of the model: file name without folder and extension
  const char *producer; // what exported it: "pytorch 2.1", may be ""
  const char *target;   // "x86_64-linux", with the CPU: "x86-64-v4"
  const char *cpu;
  const char *compiler;  // "ingot 0.1.0"
  uint32_t cpu_features; // bits of runtime/cpu.h that the code needs
} IngotModel;

extern const IngotModel ingot_model;
