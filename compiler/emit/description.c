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

// Names of the dims that the run tells, where they have one.
static LLVMValueRef dim_names(Emitter *e, const Value *v) {
  LLVMValueRef *names = new_items(e, (size_t)v->rank);
  for (int k = 0; k < v->rank; k++)
    names[k] = dim_is_const(v->dims[k]) ? LLVMConstNull(e->pointer) : text(e, dim_text(e->model->dims, v->dims[k]));
  return value_is_static(v) ? LLVMConstNull(e->pointer) : array(e, names, (size_t)v->rank);
}

// What the dims that the run tells are at most.
static LLVMValueRef most_dims(Emitter *e, const Value *v) {
  int64_t most[MAX_RANK];
  bool any = false;
  for (int k = 0; k < v->rank; k++) {
    most[k] = dim_most(v->dims[k]) == INT64_MAX ? -1 : dim_most(v->dims[k]);
    any |= !dim_is_const(v->dims[k]) && most[k] >= 0;
  }
  return any ? numbers(e, most, (size_t)v->rank) : LLVMConstNull(e->pointer);
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

static LLVMValueRef tensors(Emitter *e, const Program *program, BufferKind kind, Value *const *values, const int *slots,
                            size_t count) {
  LLVMValueRef *items = new_items(e, count);
  for (size_t i = 0; i < count; i++) {
    const Value *v = values[i];
    int64_t dims[MAX_RANK], bytes = most_bytes(io_buffer(program, kind, i)->bytes);
    int rank = v->kind ? 0 : v->rank; // other kinds than tensors are blocks of bytes
    for (int k = 0; k < rank; k++) dims[k] = dim_is_const(v->dims[k]) ? v->dims[k].value : -1;
    items[i] = STRUCT(e, text(e, v->name), int32(e, v->type), int32(e, (uint64_t)rank), numbers(e, dims, (size_t)rank),
                      int64(e, bytes < 0 ? 0 : (uint64_t)bytes), int32(e, model_kind(v)), int32(e, (uint64_t)slots[i]),
                      v->kind ? LLVMConstNull(e->pointer) : dim_names(e, v), int32(e, v->kind ? v->content->key : 0),
                      v->kind ? LLVMConstNull(e->pointer) : most_dims(e, v));
  }
  return array(e, items, count);
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
  int count;
  const int *kernels = number_kernels(program, &count);
  LLVMValueRef *items = new_items(e, program->step_count);
  for (size_t i = 0; i < program->step_count; i++) {
    const Step *step = program->steps[i];
    size_t slot_count;
    int64_t parts = step->parts < 1 ? 1 : step->parts > 4096 ? 4096 : step->parts;
    LLVMValueRef *refs = new_items(e, step->pointer_count), list = slots(e, program, step, &slot_count);
    for (size_t k = 0; k < step->pointer_count; k++) refs[k] = reference(e, program, &step->pointers[k]);
    items[i] = STRUCT(e, kernel_address(e, kernels[i]), array(e, refs, step->pointer_count), list,
                      int32(e, step->pointer_count), int32(e, slot_count), int32(e, jump_target(program, i)),
                      int32(e, (uint64_t)parts), text(e, step->name), text(e, kernel_text(e, step)),
                      int64(e, (uint64_t)step->flops));
  }
  return array(e, items, program->step_count);
}

static LLVMValueRef checks(Emitter *e, const Description *d) {
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

void emit_model(Emitter *e, const Program *program, const Description *d) {
  const Target *target = e->target;
  size_t string_bytes;
  LLVMValueRef pool = strings(e, program, &string_bytes);
  LLVMValueRef model = STRUCT(
      e, int32(e, MODEL_ABI), int32(e, program->input_count), int32(e, program->output_count),
      int32(e, program->step_count), int32(e, d->check_count), int32(e, (uint64_t)d->threads),
      tensors(e, program, BUFFER_INPUT, program->inputs, program->input_slots, program->input_count),
      tensors(e, program, BUFFER_OUTPUT, program->outputs, program->output_slots, program->output_count),
      steps(e, program), checks(e, d), int64(e, d->check_seed), int64(e, (uint64_t)program->arena_bytes),
      int64(e, (uint64_t)program->state_bytes), weights(e, program), int64(e, (uint64_t)program->weight_bytes),
      int64(e, frame_uses_heap(program) ? UINT64_MAX : 0), pool, int64(e, string_bytes),
      int32(e, (uint64_t)frame_count(program)), int32(e, program->pool != NULL), int64(e, (uint64_t)d->parameters),
      int64(e, (uint64_t)program->macs), text(e, d->name), text(e, e->model->producer), text(e, target->os_target),
      text(e, target->name), text(e, "ingot " INGOT_VERSION), int32(e, target->cpu_features));
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(model), "ingot_model");
  LLVMSetInitializer(global, model);
  LLVMSetGlobalConstant(global, 1);
}
