// Sequences, optionals and maps in memory: one block without pointers, which may be moved and copied as it is. Plain C
// without libc: kernels read and write it, too.
//
//   Sequence   bytes, count, then count offsets from the beginning of the block
//   Element    at each offset, a multiple of 16: kind, rank, rank dims; its data at the next multiple of 16
//
// An element is a packed tensor of the ONNX dtype `kind` (> 0), or, with kind = -MODEL_... and rank 0, a block of its
// own. An optional has one element or none. A map has two: its keys and its values, two tensors of one dim.
#pragma once
#ifndef INGOT_SEQUENCE_H // the header of a model as C may hold this text, too
#define INGOT_SEQUENCE_H
#include <stdint.h>

enum { SEQUENCE_ALIGNMENT = 16 };

// Not everyone who includes this needs all of it.
#define SEQUENCE_HELPER static inline __attribute__((unused))

typedef struct {
  int64_t bytes; // of the whole block, a multiple of 16
  int64_t count;
  int64_t offsets[];
} Sequence;

typedef struct {
  int64_t kind, rank;
  int64_t dims[];
} Element;

SEQUENCE_HELPER int64_t align_sequence(int64_t bytes) {
  return (bytes + SEQUENCE_ALIGNMENT - 1) / SEQUENCE_ALIGNMENT * SEQUENCE_ALIGNMENT;
}

// Where the first element of a block of `count` elements begins.
SEQUENCE_HELPER int64_t sequence_head_bytes(int64_t count) { return align_sequence(16 + 8 * count); }
// From an element to its data.
SEQUENCE_HELPER int64_t element_head_bytes(int64_t rank) { return align_sequence(16 + 8 * rank); }

SEQUENCE_HELPER const Element *sequence_element(const Sequence *sequence, int64_t i) {
  return (const Element *)((const char *)sequence + sequence->offsets[i]);
}
SEQUENCE_HELPER const void *element_data(const Element *element) {
  return (const char *)element + element_head_bytes(element->rank);
}
#endif
