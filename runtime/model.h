// The compiled model as the runtime sees it: the one interface between what the emitters write and what every
// executable holds. The emitter writes one `const IngotModel ingot_model` (LLVM constants or C initialisers); the
// runtime only reads it. Plain C structs with natural padding, the same on every target of the same word size.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MODEL_ABI = 4 };

// The frame: numbers that are known only when the model runs, one int64 a slot. The runtime clears it before each run
// and writes the slots below and those of the inputs; the model's own steps compute the rest: dims, sizes, places.
enum {
  FRAME_ZERO,    // always 0
  FRAME_HEAP,    // bytes that the heap may take
  FRAME_STRINGS, // bytes of the string pool in use; starts at IngotModel.string_bytes
  FRAME_POOL,    // bytes that the string pool may take
  FRAME_BLOCKS,  // bytes of the heap that blocks have taken
  FRAME_SEED,    // where this run's random numbers begin: 62 bits
  FRAME_OWN,     // first of the model's own
};

// Runs share `part` of `parts` of one step on its buffers, in the order of the step's refs. Returns a Status of
// templates/template.h: 0, or what went wrong.
typedef int ModelKernel(void *const *buffers, ptrdiff_t part, ptrdiff_t parts);

// Where a step's buffer lies: base + offset bytes. The heap holds what has no fixed size or place; kernels find the
// place in the frame. It is one range of addresses that never moves, of which a run may use frame[FRAME_HEAP] bytes;
// the string pool is another. BASE_IO + i: the i-th of inputs, then outputs.
enum { BASE_ARENA, BASE_WEIGHTS, BASE_STATE, BASE_FRAME, BASE_HEAP, BASE_STRINGS, BASE_IO };
typedef struct {
  uint32_t base;
  uint32_t unused;
  uint64_t offset;
} ModelRef;

typedef struct {
  ModelKernel *kernel; // steps of the same shape share one; NULL: a jump
  const ModelRef *refs;
  const uint32_t *slots; // frame slots that the kernel reads; a jump reads slots[0]
  uint32_t ref_count;
  uint32_t slot_count;     // more than 0: behind its refs the kernel gets pointers to the frame and to `slots`
  uint32_t target;         // of a jump: the step that follows when frame[slots[0]] is 0
  uint32_t parts;          // most shares worth having; 1: the step is serial
  const char *name;        // node names of the model, fused ones joined by '+'
  const char *kernel_name; // template and shape: "gemm_f32 128x384x384"
  uint64_t flops;          // multiply and add counted apart; 0 where it makes no sense
} ModelStep;

// What flows in and out. An optional is a sequence of one element or none, a map a sequence of two: keys and values.
// In memory a sequence is one block, see runtime/sequence.h. A string is an element of 16 bytes, see ModelString.
enum { MODEL_TENSOR, MODEL_SEQUENCE, MODEL_OPTIONAL, MODEL_MAP, MODEL_SEQUENCE_OF_MAPS, MODEL_OPTIONAL_SEQUENCE };
typedef struct {
  uint64_t offset; // into the string pool
  uint64_t size;   // bytes; no terminator
} ModelString;

// An input or output. With slot > 0 some of it is known at run time only:
// - a tensor: frame[slot + i] is dim i, frame[slot + rank] the offset in the heap at which an output of unknown size
//   lies.
// - else: frame[slot] is the number of bytes of the block, frame[slot + 1] the same offset.
// An input with a slot comes in memory of the caller; the runtime writes its slots.
typedef struct ModelTensor {
  const char *name;
  uint32_t dtype;      // ONNX TensorProto.DataType; of a sequence: of its elements; of a map: of its values
  uint32_t rank;       // of a tensor
  const int64_t *dims; // -1: known at run time only
  uint64_t bytes;      // of the whole tensor, packed, or what it takes at most; 0 when a run with a slot has no bound
  uint32_t kind;
  uint32_t slot;
  const char *const *dim_names; // NULL, or by dim: "batch" where the dim is -1, else NULL
  uint32_t key_dtype;           // of a map
  const int64_t *most;          // NULL, or by dim: what one that is -1 can be at most; -1: there is no bound
  // NULL, or what it is in each variant of the model: then dims in which these differ are -1 above, and bytes the most.
  const struct ModelTensor *forms;
  uint32_t form_count;
} ModelTensor;

// A vector recorded when compiling: inputs made by runtime/sample.h from `seed`, some elements of each output.
typedef struct {
  uint32_t output;     // index
  uint32_t count;      // of elements recorded
  const uint64_t *at;  // their indices
  const double *value; // their values, as double (int64 beyond 2^53 is rounded alike on both sides)
} ModelCheck;

// The model compiled for one shape of its inputs. Variants share weights, kernels and memory.
typedef struct {
  const ModelStep *steps;
  const ModelCheck *checks;
  uint32_t step_count, check_count;
  uint64_t arena_bytes; // what it uses of the model's
  uint64_t macs;        // multiply-accumulates per run
} ModelVariant;

typedef struct IngotModel {
  uint32_t abi; // MODEL_ABI
  uint32_t input_count, output_count;
  uint32_t variant_count; // 1 or more: a run takes the first that its inputs fit
  uint32_t threads;       // default team size; 0: one per CPU
  const ModelTensor *inputs, *outputs;
  const ModelVariant *variants;
  uint64_t check_seed;
  uint64_t arena_bytes; // memory for intermediate values, 64-byte aligned; page-aligned at run time
  uint64_t state_bytes; // memory that outlives a run, zeroed before the first
  const void *weights;  // 64-byte aligned; NULL when there are none
  uint64_t weight_bytes;
  uint64_t heap_bytes; // what the heap may take; 0: the model has none; UINT64_MAX: no bound was given when compiling
  const char *strings; // the string pool begins with these bytes
  uint64_t string_bytes;
  uint32_t frame_count; // slots; 0: everything is known when compiling
  uint32_t pool_used;   // 1: the model handles strings
  uint64_t parameters;  // weight elements of the model as given
  const char *name;     // of the model: file name without folder and extension
  const char *producer; // what exported it: "pytorch 2.1", may be ""
  const char *target;   // "x86_64-linux", with the CPU: "x86-64-v4"
  const char *cpu;
  const char *compiler;  // "ingot 0.1.0"
  uint32_t cpu_features; // bits of runtime/cpu.h that the code needs
} IngotModel;

extern const IngotModel ingot_model;
