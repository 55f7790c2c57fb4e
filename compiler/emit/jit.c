// Running a Program in this process: constants are folded and vectors recorded by the very code that ships.
#include "compiler/emit/emit.h"
#include "runtime/status.h"

#include <assert.h>
#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef int Kernel(void *const *bufs, ptrdiff_t part, ptrdiff_t parts);

static bool orc_error(Model *model, LLVMErrorRef error, const char *what) {
  char *message = LLVMGetErrorMessage(error);
  diag_error(model->diag, model->file, "%s: %s", what, message);
  LLVMDisposeErrorMessage(message);
  return false;
}

static bool load_kernels(Model *model, LLVMOrcLLJITRef jit, const Bytes *kernels) {
  LLVMOrcJITDylibRef dylib = LLVMOrcLLJITGetMainJITDylib(jit);
  LLVMOrcDefinitionGeneratorRef process; // mem* come from this process
  LLVMErrorRef error = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, '\0', NULL, NULL);
  if (error) return orc_error(model, error, "cannot reach this process' own symbols");
  LLVMOrcJITDylibAddGenerator(dylib, process);
  LLVMMemoryBufferRef object = LLVMCreateMemoryBufferWithMemoryRangeCopy(kernels->data, kernels->size, "kernels");
  error = LLVMOrcLLJITAddObjectFile(jit, dylib, object);
  return error ? orc_error(model, error, "cannot load the generated code") : true;
}

typedef struct {
  char *data;
  size_t size;
} Sink;

static bool append(void *context, const void *data, size_t size) {
  Sink *sink = context;
  memcpy(sink->data + sink->size, data, size);
  sink->size += size;
  return true;
}

typedef struct {
  char **memory; // by buffer id
  char *arena;
  char *heap; // what a Program may need of it is known when it runs; only what is used takes memory
  int64_t *frame;
} Memory;

static const int64_t HEAP_BYTES = INT64_C(16) << 30;

// A weight as templates read it. Plain ones are used where they lie: the machines that a compiler runs on read at any
// alignment. Others are packed for the first step that reads them and freed behind the last, so that never many are
// there at once.
static bool open_weight(const Buffer *b, Memory *m) {
  if (m->memory[b->id] || dim_is(b->bytes, 0)) return true;
  if (b->pack.rank == 0) return m->memory[b->id] = (char *)b->tensor->data, true;
  Sink sink = {aligned_alloc(64, (size_t)round_up(b->bytes.value, 64)), 0};
  return (m->memory[b->id] = sink.data) && pack_write(b, append, &sink);
}

static void close_weight(const Buffer *b, Memory *m) {
  if (b->pack.rank == 0)
    tensor_page_out(b->tensor, 0, tensor_bytes(b->tensor));
  else
    free(m->memory[b->id]);
  m->memory[b->id] = NULL;
}

static bool open_frame(const Program *program, Memory *m) {
  if (!program->frame) return true;
  m->frame = calloc((size_t)frame_count(program), sizeof *m->frame);
  m->heap = mmap(NULL, (size_t)HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (m->heap == MAP_FAILED) m->heap = NULL;
  if (!m->frame || !m->heap) return false;
  m->frame[FRAME_HEAP] = HEAP_BYTES;
  return true;
}

static bool place_buffers(const Program *program, const void *const *inputs, void *const *outputs, Memory *m) {
  m->memory = calloc(program->buffer_count + 1, sizeof *m->memory);
  m->arena = aligned_alloc(64, (size_t)round_up(program->arena_bytes + program->state_bytes + 64, 64));
  if (!m->memory || !m->arena || !open_frame(program, m)) return false;
  for (size_t i = 0; i < program->buffer_count; i++) {
    Buffer *b = program->buffers[i];
    switch (b->kind) {
    case BUFFER_INPUT: m->memory[i] = (char *)inputs[b->io]; break;
    case BUFFER_OUTPUT: m->memory[i] = outputs[b->io]; break;
    case BUFFER_ARENA: m->memory[i] = m->arena + b->offset; break;
    case BUFFER_STATE:
      m->memory[i] = memset(m->arena + program->arena_bytes + b->offset, 0, (size_t)b->bytes.value);
      break;
    case BUFFER_FRAME: m->memory[i] = (char *)m->frame; break;
    case BUFFER_WEIGHT: break;  // when a step needs it
    case BUFFER_STRINGS: break; // what handles strings never runs here
    }
  }
  return true;
}

static bool out_of_memory(Model *model) {
  return diag_error(model->diag, model->file, "not enough memory to run the model while compiling");
}

static bool run_step(Model *model, const Program *program, size_t i, Kernel *kernel, Memory *m) {
  const Step *step = program->steps[i];
  void **bufs = NEW_ARRAY(program->arena, void *, step->pointer_count + 2);
  uint32_t *slots = NEW_ARRAY(program->arena, uint32_t, step->local_count);
  for (size_t k = 0; k < step->local_count; k++) slots[k] = (uint32_t)frame_find(program, (Dim){0, step->locals[k]});
  for (size_t k = 0; k < step->pointer_count; k++) {
    const Buffer *b = step->pointers[k].buffer;
    if (b->kind == BUFFER_WEIGHT && !open_weight(b, m)) return out_of_memory(model);
    bool in_heap = buffer_in_heap(b) && b->kind == BUFFER_ARENA;
    Dim offset = in_heap ? pointer_shift(&step->pointers[k]) : step->pointers[k].offset;
    bufs[k] = (in_heap ? m->heap : m->memory[b->id]) + offset.value;
  }
  bufs[step->pointer_count] = m->frame;
  bufs[step->pointer_count + 1] = slots;
  int status = kernel(bufs, 0, 1);
  for (size_t k = 0; k < step->pointer_count; k++) {
    const Buffer *b = step->pointers[k].buffer;
    if (b->kind == BUFFER_WEIGHT && b->last == (int)i) close_weight(b, m);
  }
  return status ? diag_error_at(model->diag, &step->loc, "%s", describe_status(status)) : true;
}

static size_t next_step(const Program *program, size_t at, const Memory *m) {
  const Step *step = program->steps[at];
  if (step->kind != STEP_JUMP) return at + 1;
  assert(m->frame || !step->condition.expr);
  if (step->condition.expr && m->frame[frame_find(program, step->condition)]) return at + 1;
  return find_step(program->steps, step->target);
}

static void free_memory(const Program *program, Memory *m) {
  for (size_t i = 0; i < program->buffer_count && m->memory; i++)
    if (program->buffers[i]->kind == BUFFER_WEIGHT) close_weight(program->buffers[i], m);
  if (m->heap) munmap(m->heap, (size_t)HEAP_BYTES);
  free(m->frame);
  free(m->memory);
  free(m->arena);
}

bool run_kernels(Model *model, const Program *program, const Bytes *code, const void *const *inputs,
                 void *const *outputs) {
  LLVMOrcLLJITRef jit;
  LLVMErrorRef error = LLVMOrcCreateLLJIT(&jit, NULL);
  if (error) return orc_error(model, error, "cannot run generated code in this process");
  Kernel **kernels = NEW_ARRAY(program->arena, Kernel *, program->step_count);
  bool ok = load_kernels(model, jit, code);
  for (size_t i = 0; ok && i < program->step_count; i++) {
    char name[32];
    LLVMOrcExecutorAddress address;
    if (program->steps[i]->code < 0) continue;
    snprintf(name, sizeof name, "ingot_kernel_%d", program->steps[i]->code);
    error = LLVMOrcLLJITLookup(jit, &address, name);
    if (error)
      ok = orc_error(model, error, "generated code is incomplete");
    else
      kernels[i] = (Kernel *)(uintptr_t)address;
  }
  Memory memory = {0};
  if (ok && !place_buffers(program, inputs, outputs, &memory)) ok = out_of_memory(model);
  for (size_t i = 0; ok && i < program->step_count; i = next_step(program, i, &memory))
    if (kernels[i]) ok = run_step(model, program, i, kernels[i], &memory);
  free_memory(program, &memory);
  error = LLVMOrcDisposeLLJIT(jit);
  if (error) LLVMConsumeError(error);
  return ok;
}
