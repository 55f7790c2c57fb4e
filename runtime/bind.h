// From a step's references (base + offset) to pointers, resolved once. Shared by the executable's Session and by the
// library; it needs no operating system.
#pragma once
#include <stdbool.h>

#include "runtime/model.h"

// What the tensor is in a variant.
static inline const ModelTensor *get_form(const ModelTensor *tensor, uint32_t variant) {
  return tensor->forms ? &tensor->forms[variant] : tensor;
}

// Whether a tensor's memory is only found in a run; else `bytes` has room for it.
static inline int is_unbounded(const ModelTensor *tensor) { return tensor->slot > 0 && tensor->bytes == 0; }

// Whether dims, as many as the tensor's, are among those that the model declares.
bool fit_dims(const ModelTensor *tensor, const int64_t *dims);

// A pointer that follows an input or output of a run.
typedef struct {
  void **pointer;
  const ModelRef *ref;
} IoRef;

typedef struct {
  void **pointers; // of all steps, one step's behind the other's; behind those of a step with slots, frame and slots
  size_t *first;   // of each step
  IoRef *io;
  size_t io_count;
} Binding;

// Bytes of a variant's tables, together, and their alignment is that of a pointer.
size_t measure_binding(const ModelVariant *variant);
// Fills the tables in `memory`; what lies in inputs and outputs stays open until bind_io. bases: by BASE_...; that of
// the weights is ignored.
void make_binding(Binding *binding, const IngotModel *model, const ModelVariant *variant, void *memory,
                  char *const bases[BASE_IO]);
// Where the inputs and outputs of this run lie; NULL for an output that lies in the heap.
void bind_io(Binding *binding, const IngotModel *model, const void *const *inputs, void *const *outputs);

// The step that follows step s when it has run, or was a jump.
static inline uint32_t find_next_step(const ModelVariant *variant, const int64_t *frame, uint32_t s) {
  const ModelStep *step = &variant->steps[s];
  return step->kernel || frame[step->slots[0]] != 0 ? s + 1 : step->target;
}
