// What the executable knows of itself: `const IngotModel ingot_model` of runtime/model.h as LLVM constants, field by
// field.
#include "compiler/emit/llvm_emit.h"
#include "runtime/model.h"

#include <assert.h>
#include <string.h>

static LLVMValueRef int32(Emitter *e, uint64_t value) { return LLVMConstInt(e->i32, value, 0); }
static LLVMValueRef int64(Emitter *e, uint64_t value) { return LLVMConstInt(e->i64, value, 0); }

// A private constant; its address.
static LLVMValueRef place(Emitter *e, LLVMValueRef value) {
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(value), "");
  LLVMSetInitializer(global, value);
  LLVMSetGlobalConstant(global, 1);
  LLVMSetLinkage(global, LLVMPrivateLinkage);
  return global;
}

static LLVMValueRef text(Emitter *e, const char *string) {
  return place(e, LLVMConstStringInContext2(e->context, string, strlen(string), 0));
}

static LLVMValueRef structure(Emitter *e, LLVMValueRef *fields, unsigned count) {
  return LLVMConstStructInContext(e->context, fields, count, 0);
}
#define STRUCT(e, ...)                                                                                                 \
  structure(e, (LLVMValueRef[]){__VA_ARGS__}, (unsigned)(sizeof((LLVMValueRef[]){__VA_ARGS__}) / sizeof(LLVMValueRef)))

// The address of an array of equal structs, or null for none.
static LLVMValueRef array(Emitter *e, LLVMValueRef *items, size_t count) {
  if (!count) return LLVMConstNull(e->pointer);
  return place(e, LLVMConstArray2(LLVMTypeOf(items[0]), items, count));
}

static LLVMValueRef *new_items(Emitter *e, size_t count) { return NEW_ARRAY(e->model->arena, LLVMValueRef, count); }

static LLVMValueRef numbers(Emitter *e, const int64_t *values, size_t count) {
  LLVMValueRef *items = new_items(e, count);
  for (size_t i = 0; i < count; i++) items[i] = int64(e, (uint64_t)values[i]);
  return array(e, items, count);
}

static uint32_t model_kind(const Value *v) {
  switch (v->kind) {
  case VALUE_TENSOR: break;
  case VALUE_SEQUENCE: return v->content->of == VALUE_MAP ? MODEL_SEQUENCE_OF_MAPS : MODEL_SEQUENCE;
  case VALUE_OPTIONAL: return v->content->of == VALUE_SEQUENCE ? MODEL_OPTIONAL_SEQUENCE : MODEL_OPTIONAL;
  case VALUE_MAP: return MODEL_MAP;
  }
  return MODEL_TENSOR;
}

// An input or output of a variant, or what those of all variants have in common.
typedef struct {
  const Value *value;
  int rank;
  Dim dims[MAX_RANK];     // -1: they differ
  int64_t most[MAX_RANK]; // what a dim can be; -1: there is no bound
  int64_t bytes;          // at most; 0: there is no bound
  int slot;
} Border;

static Border find_border(const Program *program, BufferKind kind, size_t i) {
  bool in = kind == BUFFER_INPUT;
  const Value *v = in ? program->inputs[i] : program->outputs[i];
  Border border = {.value = v, .slot = (in ? program->input_slots : program->output_slots)[i]};
  border.rank = v->kind ? 0 : v->rank; // other kinds than tensors are blocks of bytes
  for (int k = 0; k < border.rank; k++) {
    border.dims[k] = v->dims[k];
    border.most[k] = dim_most(v->dims[k]) == INT64_MAX ? -1 : dim_most(v->dims[k]);
  }
  border.bytes = most_bytes(io_buffer(program, kind, i)->bytes);
  if (border.bytes < 0) border.bytes = 0;
  return border;
}

static Border join_borders(Border a, Border b) {
  for (int k = 0; k < a.rank; k++) {
    if (!dim_equal(a.dims[k], b.dims[k])) a.dims[k] = dim_const(-1);
    a.most[k] = a.most[k] < 0 || b.most[k] < 0 ? -1 : a.most[k] > b.most[k] ? a.most[k] : b.most[k];
  }
  if (b.bytes > a.bytes) a.bytes = b.bytes;
  return a;
}

static LLVMValueRef tensor(Emitter *e, const Border *border, LLVMValueRef *forms, size_t form_count) {
  const Value *v = border->value;
  int64_t dims[MAX_RANK];
  size_t rank = (size_t)border->rank;
  LLVMValueRef *names = new_items(e, rank);
  bool named = false, bounded = false;
  for (size_t k = 0; k < rank; k++) {
    Dim dim = border->dims[k];
    dims[k] = dim_is_const(dim) ? dim.value : -1;
    names[k] = dim_is_const(dim) ? LLVMConstNull(e->pointer) : text(e, dim_text(e->model->dims, dim));
    named |= !dim_is_const(dim);
    bounded |= dims[k] < 0 && border->most[k] >= 0;
  }
  return STRUCT(e, text(e, v->name), int32(e, v->type), int32(e, rank), numbers(e, dims, rank),
                int64(e, (uint64_t)border->bytes), int32(e, model_kind(v)), int32(e, (uint64_t)border->slot),
                array(e, names, named ? rank : 0), int32(e, v->kind ? v->content->key : 0),
                numbers(e, border->most, bounded ? rank : 0), array(e, forms, form_count), int32(e, form_count));
}

static LLVMValueRef tensors(Emitter *e, Program *const *programs, size_t count, BufferKind kind) {
  size_t tensor_count = kind == BUFFER_INPUT ? programs[0]->input_count : programs[0]->output_count;
  LLVMValueRef *items = new_items(e, tensor_count);
  for (size_t i = 0; i < tensor_count; i++) {
    Border all = find_border(programs[0], kind, i);
    LLVMValueRef *forms = new_items(e, count);
    for (size_t v = 0; v < count; v++) {
      Border border = find_border(programs[v], kind, i);
      forms[v] = count > 1 ? tensor(e, &border, NULL, 0) : NULL;
      all = join_borders(all, border);
    }
    items[i] = tensor(e, &all, forms, count > 1 ? count : 0);
  }
  return array(e, items, tensor_count);
}

static LLVMValueRef reference(Emitter *e, const Program *program, const Pointer *pointer) {
  const Buffer *b = pointer->buffer;
  Dim shift = buffer_in_heap(b) ? pointer_shift(pointer) : pointer->offset;
  uint64_t base = BASE_ARENA, offset = dim_is_const(shift) ? (uint64_t)shift.value : 0; // else the kernel adds it
  switch (b->kind) {
  case BUFFER_ARENA: break;
  case BUFFER_WEIGHT: base = BASE_WEIGHTS; break;
  case BUFFER_STATE: base = BASE_STATE; break;
  case BUFFER_FRAME: base = BASE_FRAME; break;
  case BUFFER_STRINGS: base = BASE_STRINGS; break;
  case BUFFER_INPUT: base = BASE_IO + (uint64_t)b->io; break;
  case BUFFER_OUTPUT: base = BASE_IO + program->input_count + (uint64_t)b->io; break;
  }
  if (buffer_in_heap(b))
    base = BASE_HEAP;
  else
    offset += (uint64_t)b->offset;
  return STRUCT(e, int32(e, base), int32(e, 0), int64(e, offset));
}

// "gemm_f32 128x384x384": the template and its leading integers.
static const char *kernel_text(Emitter *e, const Step *step) {
  Text out = {.arena = e->model->arena};
  text_printf(&out, "%s", step->kernel->name);
  for (size_t i = 0; i < step->arg_count && step->args[i].kind == ARG_INT; i++)
    text_printf(&out, "%s%s", i ? "x" : " ", dim_text(e->model->dims, step->args[i].i));
  return out.data;
}

static LLVMValueRef kernel_address(Emitter *e, int number) {
  LLVMTypeRef params[] = {e->pointer, e->idx, e->idx}, type = LLVMFunctionType(e->i32, params, 3, 0);
  char name[32];
  if (number < 0) return LLVMConstNull(e->pointer);
  snprintf(name, sizeof name, "ingot_kernel_%d", number);
  LLVMValueRef kernel = LLVMGetNamedFunction(e->module, name);
  return kernel ? kernel : LLVMAddFunction(e->module, name, type);
}

// What a kernel reads from the frame; a jump reads its condition.
static LLVMValueRef slots(Emitter *e, const Program *program, const Step *step, size_t *count) {
  LLVMValueRef *items = new_items(e, step->local_count + 1);
  *count = 0;
  for (size_t i = 0; i < step->local_count && step->kind == STEP_TEMPLATE; i++)
    items[(*count)++] = int32(e, (uint64_t)frame_find(program, (Dim){0, step->locals[i]}));
  if (step->kind == STEP_JUMP || step->kind == STEP_LABEL) {
    bool always = step->kind == STEP_LABEL || !step->condition.expr;
    items[(*count)++] = int32(e, always ? FRAME_ZERO : (uint64_t)frame_find(program, step->condition));
  }
  if (step->kind == STEP_DIMS) items[(*count)++] = int32(e, FRAME_ZERO); // it knows its slots
  return array(e, items, *count);
}

static uint64_t jump_target(const Program *program, size_t at) {
  const Step *step = program->steps[at];
  if (step->kind == STEP_JUMP) return program_find_step(program, step->target);
  return step->kind == STEP_LABEL ? at + 1 : 0; // a label is a jump to what follows
}

static LLVMValueRef steps(Emitter *e, const Program *program) {
  LLVMValueRef *items = new_items(e, program->step_count);
  for (size_t i = 0; i < program->step_count; i++) {
    const Step *step = program->steps[i];
    size_t slot_count;
    int64_t parts = step->parts < 1 ? 1 : step->parts > 4096 ? 4096 : step->parts;
    LLVMValueRef *refs = new_items(e, step->pointer_count), list = slots(e, program, step, &slot_count);
    for (size_t k = 0; k < step->pointer_count; k++) refs[k] = reference(e, program, &step->pointers[k]);
    items[i] = STRUCT(e, kernel_address(e, step->code), array(e, refs, step->pointer_count), list,
                      int32(e, step->pointer_count), int32(e, slot_count), int32(e, jump_target(program, i)),
                      int32(e, (uint64_t)parts), text(e, step->name), text(e, kernel_text(e, step)),
                      int64(e, (uint64_t)step->flops));
  }
  return array(e, items, program->step_count);
}

static LLVMValueRef checks(Emitter *e, const Record *d) {
  LLVMTypeRef f64 = LLVMDoubleTypeInContext(e->context);
  LLVMValueRef *items = new_items(e, d->check_count);
  for (size_t i = 0; i < d->check_count; i++) {
    const ModelCheck *check = &d->checks[i];
    LLVMValueRef *values = new_items(e, check->count);
    for (uint32_t k = 0; k < check->count; k++) values[k] = LLVMConstReal(f64, check->value[k]);
    items[i] = STRUCT(e, int32(e, check->output), int32(e, check->count),
                      numbers(e, (const int64_t *)check->at, check->count), array(e, values, check->count));
  }
  return array(e, items, d->check_count);
}

static LLVMValueRef weights(Emitter *e, const Program *program) {
  if (!program->weight_bytes) return LLVMConstNull(e->pointer);
  return LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, (uint64_t)program->weight_bytes), "ingot_weights");
}

static LLVMValueRef strings(Emitter *e, const Program *program, uint64_t *size) {
  const char *bytes = pool_bytes(program, size);
  return *size ? place(e, LLVMConstStringInContext2(e->context, bytes, *size, 1)) : LLVMConstNull(e->pointer);
}

static LLVMValueRef variants(Emitter *e, Program *const *programs, size_t count, const Description *d) {
  LLVMValueRef *items = new_items(e, count);
  for (size_t v = 0; v < count; v++) {
    Record record = d->records ? d->records[v] : (Record){0};
    items[v] = STRUCT(e, steps(e, programs[v]), checks(e, &record), int32(e, programs[v]->step_count),
                      int32(e, record.check_count), int64(e, (uint64_t)programs[v]->arena_bytes),
                      int64(e, (uint64_t)programs[v]->macs));
  }
  return array(e, items, count);
}

// What memory the largest of the programs need.
typedef struct {
  int64_t arena, state;
  int slots;
  bool heap;
} Memory;

static Memory find_memory(Program *const *programs, size_t count) {
  Memory most = {0};
  for (size_t v = 0; v < count; v++) {
    const Program *p = programs[v];
    if (p->arena_bytes > most.arena) most.arena = p->arena_bytes;
    if (p->state_bytes > most.state) most.state = p->state_bytes;
    if (frame_count(p) > most.slots) most.slots = frame_count(p);
    most.heap |= frame_uses_heap(p);
  }
  return most;
}

void emit_model(Emitter *e, Program *const *programs, size_t count, const Description *d) {
  const Target *target = e->target;
  const Program *first = programs[0]; // weights and strings are those of all
  size_t string_bytes;
  LLVMValueRef pool = strings(e, first, &string_bytes);
  Memory memory = find_memory(programs, count);
  LLVMValueRef model = STRUCT(
      e, int32(e, MODEL_ABI), int32(e, first->input_count), int32(e, first->output_count), int32(e, count),
      int32(e, (uint64_t)d->threads), tensors(e, programs, count, BUFFER_INPUT),
      tensors(e, programs, count, BUFFER_OUTPUT), variants(e, programs, count, d), int64(e, d->check_seed),
      int64(e, (uint64_t)memory.arena), int64(e, (uint64_t)memory.state), weights(e, first),
      int64(e, (uint64_t)first->weight_bytes), int64(e, memory.heap ? UINT64_MAX : 0), pool, int64(e, string_bytes),
      int32(e, (uint64_t)memory.slots), int32(e, first->pool != NULL), int64(e, (uint64_t)d->parameters),
      text(e, d->name), text(e, e->model->producer), text(e, target->os_target), text(e, target->name),
      text(e, "ingot " INGOT_VERSION), int32(e, target->cpu_features));
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(model), "ingot_model");
  LLVMSetInitializer(global, model);
  LLVMSetGlobalConstant(global, 1);
}
