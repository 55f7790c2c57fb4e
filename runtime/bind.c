// The tables: every pointer of every step, and which of them change from run to run.
#include "runtime/bind.h"

// What one step takes of the table.
static size_t count_pointers(const ModelStep *step) {
  return step->kernel ? step->ref_count + (step->slot_count > 0 ? 2 : 0) : 0;
}

static void count_refs(const ModelVariant *variant, size_t *pointers, size_t *io_refs) {
  *pointers = *io_refs = 0;
  for (uint32_t s = 0; s < variant->step_count; s++) {
    *pointers += count_pointers(&variant->steps[s]);
    for (uint32_t r = 0; r < variant->steps[s].ref_count; r++) *io_refs += variant->steps[s].refs[r].base >= BASE_IO;
  }
}

size_t measure_binding(const ModelVariant *variant) {
  size_t pointers, io_refs;
  count_refs(variant, &pointers, &io_refs);
  return pointers * sizeof(void *) + io_refs * sizeof(IoRef) + variant->step_count * sizeof(size_t);
}

void make_binding(Binding *binding, const IngotModel *model, const ModelVariant *variant, void *memory,
                  char *const bases[BASE_IO]) {
  size_t count, io_refs, place = 0;
  count_refs(variant, &count, &io_refs);
  void **pointers = memory;
  *binding = (Binding){.pointers = pointers, .io = (IoRef *)(pointers + count)};
  binding->first = (size_t *)(binding->io + io_refs);
  for (uint32_t s = 0; s < variant->step_count; s++) {
    const ModelStep *step = &variant->steps[s];
    binding->first[s] = place;
    for (uint32_t r = 0; r < step->ref_count && step->kernel; r++, place++) {
      const ModelRef *ref = &step->refs[r];
      // A step only reads through its pointers to weights.
      char *base = ref->base == BASE_WEIGHTS ? (char *)(uintptr_t)model->weights : NULL;
      if (ref->base >= BASE_IO)
        binding->io[binding->io_count++] = (IoRef){&pointers[place], ref};
      else
        pointers[place] = (base ? base : bases[ref->base]) + ref->offset;
    }
    if (step->kernel && step->slot_count > 0) {
      pointers[place++] = bases[BASE_FRAME];
      pointers[place++] = (void *)(uintptr_t)step->slots;
    }
  }
}

void bind_io(Binding *binding, const IngotModel *model, const void *const *inputs, void *const *outputs) {
  for (size_t i = 0; i < binding->io_count; i++) {
    const IoRef *io = &binding->io[i];
    uint32_t index = io->ref->base - BASE_IO;
    // Kernels take all buffers through one array; they do not write to inputs.
    char *base = index < model->input_count ? (char *)(uintptr_t)inputs[index] : outputs[index - model->input_count];
    *io->pointer = base + io->ref->offset;
  }
}

bool fit_dims(const ModelTensor *tensor, const int64_t *dims) {
  for (uint32_t i = 0; i < tensor->form_count; i++)
    if (fit_dims(&tensor->forms[i], dims)) return true;
  if (tensor->form_count > 0) return false;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    if (tensor->dims[i] >= 0 && dims[i] != tensor->dims[i]) return false;
    if (tensor->most && tensor->most[i] >= 0 && dims[i] > tensor->most[i]) return false;
  }
  return true;
}
