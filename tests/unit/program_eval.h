// A plain interpreter of Programs for tests: one element at a time, in an order that depends on nothing that a template
// promises. What program_fuse and program_plan make must compute the same, bit for bit.
#pragma once
#include "compiler/program/program.h"

typedef struct {
  const Program *program;
  char **data; // by buffer id
} Memory;

// Numbers as dims.
static inline void set_dims(Dim to[COORDS], const int64_t from[COORDS]) {
  for (int i = 0; i < COORDS; i++) to[i] = dim_const(from[i]);
}
// Every buffer in memory of its own. Arena buffers hold garbage.
Memory memory_new(Arena *arena, const Program *program);
// Arena buffers at their planned offsets of one arena, weights and state likewise.
Memory memory_planned(Arena *arena, const Program *program);
// Runs all steps; false when one divides by zero. Knows: map, gemm_f32, conv2d_f32, reduce_f32, reduce_row_f32,
// softmax_f32, transpose. Types: float32, int64, bool.
bool program_evaluate(Arena *arena, const Memory *memory);
