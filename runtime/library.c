// The C interface over bind.c. The caller's block holds, each part aligned to 64 bytes: this header, the pointer
// tables, the state, the arena.
#include "runtime/ingot.h"

#include <string.h>

#include "runtime/bind.h"
#include "runtime/model.h"
#include "runtime/status.h"

enum { ALIGNMENT = 64 };

typedef struct {
  const IngotModel *model;
  Binding binding;
} Block;

static size_t align_part(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static IngotTensor describe(const ModelTensor *tensor) {
  return (IngotTensor){tensor->name, tensor->dtype, tensor->rank, tensor->dims, tensor->bytes};
}

size_t ingot_input_count(const IngotModel *model) { return model->input_count; }
size_t ingot_output_count(const IngotModel *model) { return model->output_count; }
IngotTensor ingot_input(const IngotModel *model, size_t index) { return describe(&model->inputs[index]); }
IngotTensor ingot_output(const IngotModel *model, size_t index) { return describe(&model->outputs[index]); }

size_t ingot_memory_bytes(const IngotModel *model) {
  return align_part(sizeof(Block)) + align_part(measure_binding(model)) + align_part(model->state_bytes) +
         align_part(model->arena_bytes);
}

int ingot_open(const IngotModel *model, void *memory) {
  if (model->abi != MODEL_ABI) return -1;
  Block *block = memory;
  char *tables = (char *)memory + align_part(sizeof(Block));
  char *state = tables + align_part(measure_binding(model));
  char *arena = state + align_part(model->state_bytes);
  block->model = model;
  memset(state, 0, model->state_bytes);
  make_binding(&block->binding, model, tables, arena, state);
  return 0;
}

int ingot_run(void *memory, const void *const *inputs, void *const *outputs) {
  Block *block = memory;
  const IngotModel *model = block->model;
  bind_io(&block->binding, model, inputs, outputs);
  void *const *pointers = block->binding.pointers;
  for (uint32_t s = 0; s < model->step_count; s++) {
    int status = model->steps[s].kernel(pointers, 0, 1);
    if (status != 0) return status;
    pointers += model->steps[s].ref_count;
  }
  return 0;
}

const char *ingot_status_text(int status) { return describe_status(status); }
