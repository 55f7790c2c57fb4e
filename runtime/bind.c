// Two tables: every pointer of every step, and which of them change from run to run.
#include "runtime/bind.h"

static void count_refs(const IngotModel *model, size_t *refs, size_t *io_refs) {
  *refs = *io_refs = 0;
  for (uint32_t s = 0; s < model->step_count; s++) {
    *refs += model->steps[s].ref_count;
    for (uint32_t r = 0; r < model->steps[s].ref_count; r++) *io_refs += model->steps[s].refs[r].base >= BASE_IO;
  }
}

size_t measure_binding(const IngotModel *model) {
  size_t refs, io_refs;
  count_refs(model, &refs, &io_refs);
  return refs * sizeof(void *) + io_refs * sizeof(size_t);
}

void make_binding(Binding *binding, const IngotModel *model, void *memory, void *arena, void *state) {
  size_t refs, io_refs;
  count_refs(model, &refs, &io_refs);
  *binding = (Binding){.pointers = memory, .io_slots = (size_t *)((void **)memory + refs)};
  // A step only reads through its pointers to weights.
  char *const bases[] = {
      [BASE_ARENA] = arena, [BASE_WEIGHTS] = (char *)(uintptr_t)model->weights, [BASE_STATE] = state};
  size_t slot = 0;
  for (uint32_t s = 0; s < model->step_count; s++)
    for (uint32_t r = 0; r < model->steps[s].ref_count; r++, slot++) {
      const ModelRef *ref = &model->steps[s].refs[r];
      if (ref->base >= BASE_IO)
        binding->io_slots[binding->io_slot_count++] = slot;
      else
        binding->pointers[slot] = bases[ref->base] + ref->offset;
    }
}

void bind_io(Binding *binding, const IngotModel *model, const void *const *inputs, void *const *outputs) {
  const ModelStep *step = model->steps;
  size_t first = 0; // slot of `step`
  for (size_t i = 0; i < binding->io_slot_count; i++) {
    size_t slot = binding->io_slots[i];
    while (slot >= first + step->ref_count) first += step++->ref_count;
    const ModelRef *ref = &step->refs[slot - first];
    uint32_t index = ref->base - BASE_IO;
    // Kernels take all buffers through one array; they do not write to inputs.
    char *base = index < model->input_count ? (char *)(uintptr_t)inputs[index] : outputs[index - model->input_count];
    binding->pointers[slot] = base + ref->offset;
  }
}
