// A compiled model as a library (`--emit=lib`, `--emit=obj`, `--emit=c`): single-threaded, no allocation, no operating
// system, no global state. The caller brings the memory; two memories may run at the same time in two threads.
//
//   extern const IngotModel ingot_model;              // or the name that was asked for when compiling
//   void *memory = aligned_alloc(64, ingot_memory_bytes(&ingot_model));
//   ingot_open(&ingot_model, memory);
//   int status = ingot_run(memory, inputs, outputs);  // as often as needed
#pragma once
#ifndef INGOT_H // the header of a model as C holds this text, too
#define INGOT_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct IngotModel IngotModel;

enum { INGOT_TENSOR, INGOT_SEQUENCE, INGOT_OPTIONAL, INGOT_MAP, INGOT_SEQUENCE_OF_MAPS, INGOT_OPTIONAL_SEQUENCE };

// What a tensor of the border looks like: packed, row-major, little-endian. Where the model leaves a dim open it is -1,
// and `bytes` is 0: then the caller gives the inputs' dims before a run, and gets those of the outputs after it. Other
// kinds than tensors are one block of memory each, which tells its own size and is laid out as sequence.h says.
typedef struct {
  const char *name;
  uint32_t dtype; // ONNX TensorProto.DataType; of a sequence: of its elements; of a map: of its values
  uint32_t rank;
  const int64_t *dims;
  uint64_t bytes;
  const void *data; // of ingot_result
  uint32_t kind;
} IngotTensor;

size_t ingot_input_count(const IngotModel *model);
size_t ingot_output_count(const IngotModel *model);
IngotTensor ingot_input(const IngotModel *model, size_t index);
IngotTensor ingot_output(const IngotModel *model, size_t index);

// Bytes of the one block of memory that a run needs: a multiple of 64. Of a model with open dims, strings or sequences
// it is the least: what the block has more than that is for values whose size only a run tells.
size_t ingot_memory_bytes(const IngotModel *model);
// Prepares the block, which must be 64-byte aligned, and zeroes the model's state in it. It needs no closing. Again on
// the same block: starts the state anew. Returns 0, or -1 where the model is of another version of this library.
int ingot_open(const IngotModel *model, void *memory);
// The same for a block of `bytes` bytes, at least ingot_memory_bytes.
int ingot_open_sized(const IngotModel *model, void *memory, size_t bytes);
// The dims of an input with open ones, as many as its rank, for the runs that follow. Returns 0, or -1 where the model
// does not take them.
int ingot_set_dims(void *memory, size_t index, const int64_t *dims);
// An input with the dims that it has in the next run: its size follows from them. -1 is one that was not given yet.
IngotTensor ingot_given(const void *memory, size_t index);
// Where random numbers begin that the model gives no seed for; 0 at the start, each run goes on from there. An
// executable takes a number of the system's.
void ingot_set_seed(void *memory, uint64_t seed);
// One inference. Every input and output is 64-byte aligned and as large as its IngotTensor says; an output with open
// dims lies in the block, its pointer in `outputs` is not used. Returns 0, or the number of a fault in the data (an
// index out of range, say), which ingot_status_text explains.
int ingot_run(void *memory, const void *const *inputs, void *const *outputs);
// An output of the last run with its dims; `data` where it lies in the block, until the next run, else NULL.
IngotTensor ingot_result(const void *memory, size_t index);
const char *ingot_status_text(int status);
// Names of the nodes that the last run was computing when it ended.
const char *ingot_last_nodes(const void *memory);

// An element of a string tensor: where its text lies in the block, and how many bytes of UTF-8 it has.
typedef struct {
  uint64_t offset, size;
} IngotString;
// Puts a text into the block, for elements of inputs, until ingot_clear_texts. What a run has put behind it is gone.
// Returns 0, or -1 where there is no room.
int ingot_add_text(void *memory, const char *text, size_t size, IngotString *string);
void ingot_clear_texts(void *memory);
// The text of an element, without a terminator. That of an output stays until the next run.
const char *ingot_text(const void *memory, IngotString string);

#ifdef __cplusplus
}
#endif
#endif
