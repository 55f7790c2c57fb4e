// From a step's references (base + offset) to pointers, resolved once. Shared by the executable's Session and by the
// library; it needs no operating system.
#pragma once
#include "runtime/model.h"

typedef struct {
  void **pointers;  // of all steps, one step's behind the other's
  size_t *io_slots; // which of them follow the inputs and outputs of a run
  size_t io_slot_count;
} Binding;

// Bytes of the two tables, together, and their alignment is that of a pointer.
size_t measure_binding(const IngotModel *model);
// Fills the tables in `memory`; what lies in inputs and outputs stays open until bind_io.
void make_binding(Binding *binding, const IngotModel *model, void *memory, void *arena, void *state);
void bind_io(Binding *binding, const IngotModel *model, const void *const *inputs, void *const *outputs);
