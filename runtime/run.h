// A Session runs the compiled model: it maps the model's memory and resolves every buffer reference to a pointer once,
// so that running allocates nothing. One run at a time; the team's threads share each step.
#pragma once
#include "runtime/bind.h"
#include "runtime/model.h"
#include "runtime/system.h"

typedef struct Team Team;

typedef struct {
  const IngotModel *model;
  Team *team; // NULL: one thread
  void *arena, *state;
  Binding binding;
  void *tables; // the binding's memory
} Session;

// threads: 0 takes the model's default. The state starts zeroed.
bool open_session(Session *session, const IngotModel *model, unsigned threads, Error *error);
void close_session(Session *session);
unsigned count_session_threads(const Session *session);

// io: the inputs, then the outputs; every one packed, 64-byte aligned and as large as ModelTensor.bytes says. Returns
// 0 or what the first failing step said; *failed is then that step. step_ns: NULL, or the time of each step in
// nanoseconds.
int run_session(Session *session, void *const *io, uint64_t *step_ns, const ModelStep **failed);
// "step 'NAME' (KERNEL): TEXT" for a status of run_session. Returns false.
bool fail_step(int status, const ModelStep *step, Error *error);

// The i-th of the inputs, then outputs.
static inline const ModelTensor *get_tensor(const IngotModel *model, uint32_t i) {
  return i < model->input_count ? &model->inputs[i] : &model->outputs[i - model->input_count];
}

// Buffers for all inputs and outputs in one mapping.
typedef struct {
  void **tensors; // inputs, then outputs
  void *memory;
  size_t bytes;
} ModelIo;
bool map_io(ModelIo *io, const IngotModel *model, Error *error);
void unmap_io(ModelIo *io);
