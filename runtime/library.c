// The C interface over bind.c. The caller's block holds, each part aligned to 64 bytes: this header, the pointer
// tables, the dims of the inputs, the frame, the state, the arena; the rest is for the heap and the string pool.
#include "runtime/ingot.h"

#include <string.h>

#include "runtime/bind.h"
#include "runtime/dtype.h"
#include "runtime/model.h"
#include "runtime/sequence.h"
#include "runtime/status.h"
#include "templates/status.h"

enum { ALIGNMENT = 64 };

typedef struct {
  const IngotModel *model;
  uint32_t variant;  // of the last run
  Binding *bindings; // by variant
  int64_t *dims;     // of all inputs, one behind the other
  int64_t *frame;
  char *heap, *pool;
  size_t heap_bytes, pool_bytes;
  size_t text_bytes; // of the pool: the model's texts and those of inputs
  uint32_t step;     // that ran last
  uint64_t seed;     // of the next run's random numbers
} Block;

static size_t align_part(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static IngotTensor describe(const ModelTensor *tensor) {
  return (IngotTensor){tensor->name, tensor->dtype, tensor->rank, tensor->dims, tensor->bytes, NULL, tensor->kind};
}

size_t ingot_input_count(const IngotModel *model) { return model->input_count; }
size_t ingot_output_count(const IngotModel *model) { return model->output_count; }
IngotTensor ingot_input(const IngotModel *model, size_t index) { return describe(&model->inputs[index]); }
IngotTensor ingot_output(const IngotModel *model, size_t index) { return describe(&model->outputs[index]); }

// Of the inputs before `index`.
static size_t count_dims(const IngotModel *model, size_t index) {
  size_t count = 0;
  for (size_t i = 0; i < index; i++) count += model->inputs[i].rank;
  return count;
}

static size_t frame_bytes(const IngotModel *model) {
  return (model->frame_count > FRAME_OWN ? model->frame_count : (size_t)FRAME_OWN) * sizeof(int64_t);
}

static size_t measure_bindings(const IngotModel *model) {
  size_t bytes = model->variant_count * sizeof(Binding);
  for (uint32_t v = 0; v < model->variant_count; v++) bytes += measure_binding(&model->variants[v]);
  return bytes;
}

size_t ingot_memory_bytes(const IngotModel *model) {
  size_t heap = model->heap_bytes == UINT64_MAX ? 0 : model->heap_bytes;
  return align_part(sizeof(Block)) + align_part(measure_bindings(model)) +
         align_part(count_dims(model, model->input_count) * sizeof(int64_t)) + align_part(frame_bytes(model)) +
         align_part(model->state_bytes) + align_part(model->arena_bytes) + align_part(heap) +
         align_part(model->string_bytes);
}

static char *take_part(char **next, size_t bytes) {
  char *part = *next;
  *next += align_part(bytes);
  return part;
}

// The rest of the block: a heap without a bound and the string pool, behind the model's own texts, share it equally.
static void divide_rest(Block *block, char *rest, size_t bytes) {
  const IngotModel *model = block->model;
  size_t heap = align_part(model->heap_bytes), more = bytes - align_part(model->string_bytes);
  if (model->heap_bytes == UINT64_MAX) heap = model->pool_used ? more / 2 / ALIGNMENT * ALIGNMENT : more;
  block->heap = rest;
  block->heap_bytes = heap;
  block->pool = rest + heap;
  block->pool_bytes = bytes - heap;
  if (model->string_bytes > 0) memcpy(block->pool, model->strings, model->string_bytes);
  block->text_bytes = model->string_bytes;
}

int ingot_open_sized(const IngotModel *model, void *memory, size_t bytes) {
  if (model->abi != MODEL_ABI || bytes < ingot_memory_bytes(model)) return -1;
  Block *block = memory;
  char *next = (char *)memory + align_part(sizeof(Block)), *tables = take_part(&next, measure_bindings(model));
  block->model = model;
  block->seed = 0;
  block->dims = (int64_t *)take_part(&next, count_dims(model, model->input_count) * sizeof(int64_t));
  block->frame = (int64_t *)take_part(&next, frame_bytes(model));
  char *state = take_part(&next, model->state_bytes), *arena = take_part(&next, model->arena_bytes);
  divide_rest(block, next, bytes - (size_t)(next - (char *)memory));
  block->step = 0;
  char *const bases[BASE_IO] = {[BASE_ARENA] = arena,
                                [BASE_STATE] = state,
                                [BASE_FRAME] = (char *)block->frame,
                                [BASE_HEAP] = block->heap,
                                [BASE_STRINGS] = block->pool};
  for (uint32_t i = 0, at = 0; i < model->input_count; i++)
    for (uint32_t d = 0; d < model->inputs[i].rank; d++) block->dims[at++] = model->inputs[i].dims[d];
  memset(state, 0, model->state_bytes);
  block->variant = 0;
  block->bindings = (Binding *)tables;
  tables += model->variant_count * sizeof(Binding);
  for (uint32_t v = 0; v < model->variant_count; tables += measure_binding(&model->variants[v]), v++)
    make_binding(&block->bindings[v], model, &model->variants[v], tables, bases);
  return 0;
}

int ingot_open(const IngotModel *model, void *memory) {
  return ingot_open_sized(model, memory, ingot_memory_bytes(model));
}

void ingot_set_seed(void *memory, uint64_t seed) {
  Block *block = memory;
  block->seed = seed;
}

static size_t element_bits(uint32_t dtype) {
  switch (dtype) {
#define X(symbol, number, name, protocol, numpy, bits, kind, digits)                                                   \
  case number: return bits;
    DTYPES(X)
#undef X
  }
  return 0;
}

// `dims` are those of the tensor now.
static void set_size(IngotTensor *tensor, const int64_t *dims) {
  size_t count = 1;
  tensor->dims = dims;
  for (uint32_t d = 0; d < tensor->rank; d++) count *= (size_t)(dims[d] < 0 ? 0 : dims[d]);
  tensor->bytes = (count * element_bits(tensor->dtype) + 7) / 8;
}

// The first variant that the dims fit, or the number of variants.
static uint32_t find_variant(const Block *block) {
  const IngotModel *model = block->model;
  for (uint32_t v = 0; v < model->variant_count; v++) {
    const int64_t *dims = block->dims;
    int fits = 1;
    for (uint32_t i = 0; i < model->input_count; dims += model->inputs[i].rank, i++)
      fits &= fit_dims(get_form(&model->inputs[i], v), dims);
    if (fits) return v;
  }
  return model->variant_count;
}

int ingot_set_dims(void *memory, size_t index, const int64_t *dims) {
  const Block *block = memory;
  if (index >= block->model->input_count) return -1;
  const ModelTensor *tensor = &block->model->inputs[index];
  for (uint32_t d = 0; d < tensor->rank; d++)
    if (dims[d] < 0) return -1;
  if (!fit_dims(tensor, dims)) return -1;
  if (tensor->rank > 0) memcpy(block->dims + count_dims(block->model, index), dims, tensor->rank * sizeof *dims);
  return 0;
}

IngotTensor ingot_given(const void *memory, size_t index) {
  const Block *block = memory;
  IngotTensor tensor = describe(&block->model->inputs[index]);
  if (tensor.kind == INGOT_TENSOR) set_size(&tensor, block->dims + count_dims(block->model, index));
  return tensor;
}

// The first dim of this name among the inputs.
static int64_t find_named_dim(const Block *block, const char *name) {
  const int64_t *dims = block->dims;
  for (const ModelTensor *tensor = block->model->inputs;; dims += tensor->rank, tensor++)
    for (uint32_t d = 0; tensor->dim_names && d < tensor->rank; d++)
      if (tensor->dim_names[d] && strcmp(tensor->dim_names[d], name) == 0) return dims[d];
}

// False where a dim was never given, where dims of one name differ, and where the model was not compiled for them.
static int begin_frame(Block *block, const void *const *inputs) {
  const IngotModel *model = block->model;
  const int64_t *dims = block->dims;
  uint32_t variant = model->variant_count > 1 ? find_variant(block) : 0;
  if (variant == model->variant_count) return 0;
  block->variant = variant;
  memset(block->frame, 0, frame_bytes(model));
  block->frame[FRAME_HEAP] = (int64_t)block->heap_bytes;
  block->frame[FRAME_SEED] = (int64_t)(block->seed++ & UINT64_MAX >> 2);
  block->frame[FRAME_STRINGS] = (int64_t)block->text_bytes;
  block->frame[FRAME_POOL] = (int64_t)block->pool_bytes;
  for (uint32_t i = 0; i < model->input_count; i++) {
    const ModelTensor *tensor = get_form(&model->inputs[i], variant);
    if (tensor->kind != MODEL_TENSOR) block->frame[tensor->slot] = ((const Sequence *)inputs[i])->bytes;
    for (uint32_t d = 0; d < tensor->rank; d++, dims++) {
      const char *name = model->inputs[i].dim_names ? model->inputs[i].dim_names[d] : NULL;
      if (*dims < 0 || (name && find_named_dim(block, name) != *dims)) return 0;
      if (tensor->slot > 0) block->frame[tensor->slot + d] = *dims;
    }
  }
  return 1;
}

int ingot_run(void *memory, const void *const *inputs, void *const *outputs) {
  Block *block = memory;
  const IngotModel *model = block->model;
  block->step = 0;
  if (!begin_frame(block, inputs)) return STATUS_SHAPE;
  const ModelVariant *variant = &model->variants[block->variant];
  Binding *binding = &block->bindings[block->variant];
  bind_io(binding, model, inputs, outputs);
  for (uint32_t s = 0; s < variant->step_count; s = find_next_step(variant, block->frame, s)) {
    if (!variant->steps[s].kernel) continue;
    block->step = s;
    int status = variant->steps[s].kernel(binding->pointers + binding->first[s], 0, 1);
    if (status != 0) return status;
  }
  return 0;
}

IngotTensor ingot_result(const void *memory, size_t index) {
  const Block *block = memory;
  const ModelTensor *tensor = get_form(&block->model->outputs[index], block->variant);
  IngotTensor result = describe(tensor);
  const int64_t *slots = block->frame + tensor->slot;
  if (tensor->slot == 0) return result;
  if (tensor->kind != MODEL_TENSOR) {
    result.bytes = (uint64_t)slots[0];
    if (is_unbounded(tensor)) result.data = block->heap + slots[1];
    return result;
  }
  set_size(&result, slots);
  if (is_unbounded(tensor)) result.data = block->heap + slots[tensor->rank];
  return result;
}

const char *ingot_status_text(int status) { return describe_status(status); }

const char *ingot_last_nodes(const void *memory) {
  const Block *block = memory;
  const ModelVariant *variant = &block->model->variants[block->variant];
  return variant->step_count > 0 ? variant->steps[block->step].name : "";
}

int ingot_add_text(void *memory, const char *text, size_t size, IngotString *string) {
  Block *block = memory;
  if (size > block->pool_bytes - block->text_bytes) return -1;
  *string = (IngotString){block->text_bytes, size};
  if (size > 0) memcpy(block->pool + block->text_bytes, text, size);
  block->text_bytes += size;
  return 0;
}

void ingot_clear_texts(void *memory) {
  Block *block = memory;
  block->text_bytes = block->model->string_bytes;
}

const char *ingot_text(const void *memory, IngotString string) {
  const Block *block = memory;
  return block->pool + string.offset;
}
