// What the executable knows of itself: `const IngotModel ingot_model` of runtime/model.h as LLVM constants, field by
// field.
#include "compiler/emit/llvm_emit.h"

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
  if (!string) return LLVMConstNull(e->pointer);
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

static LLVMValueRef dim_names(Emitter *e, const ModelTensor *tensor) {
  LLVMValueRef *names = new_items(e, tensor->rank);
  if (!tensor->dim_names) return LLVMConstNull(e->pointer);
  for (uint32_t k = 0; k < tensor->rank; k++) names[k] = text(e, tensor->dim_names[k]);
  return array(e, names, tensor->rank);
}

static LLVMValueRef tensors(Emitter *e, const ModelTensor *tensors, size_t count) {
  LLVMValueRef *items = new_items(e, count);
  for (size_t i = 0; i < count; i++) {
    const ModelTensor *t = &tensors[i];
    items[i] =
        STRUCT(e, text(e, t->name), int32(e, t->dtype), int32(e, t->rank), numbers(e, t->dims, t->rank),
               int64(e, t->bytes), int32(e, t->kind), int32(e, t->slot), dim_names(e, t), int32(e, t->key_dtype));
  }
  return array(e, items, count);
}

static LLVMValueRef refs(Emitter *e, const ModelStep *step) {
  LLVMValueRef *items = new_items(e, step->ref_count);
  for (uint32_t k = 0; k < step->ref_count; k++)
    items[k] = STRUCT(e, int32(e, step->refs[k].base), int32(e, 0), int64(e, step->refs[k].offset));
  return array(e, items, step->ref_count);
}

static LLVMValueRef slots(Emitter *e, const ModelStep *step) {
  LLVMValueRef *items = new_items(e, step->slot_count);
  for (uint32_t k = 0; k < step->slot_count; k++) items[k] = int32(e, step->slots[k]);
  return array(e, items, step->slot_count);
}

static LLVMValueRef kernel_address(Emitter *e, int number) {
  LLVMTypeRef params[] = {e->pointer, e->idx, e->idx}, type = LLVMFunctionType(e->i32, params, 3, 0);
  char name[32];
  if (number < 0) return LLVMConstNull(e->pointer);
  snprintf(name, sizeof name, "ingot_kernel_%d", number);
  LLVMValueRef kernel = LLVMGetNamedFunction(e->module, name);
  return kernel ? kernel : LLVMAddFunction(e->module, name, type);
}

static LLVMValueRef steps(Emitter *e, const Program *program, const IngotModel *model) {
  int count;
  const int *kernels = number_kernels(program, &count);
  LLVMValueRef *items = new_items(e, model->step_count);
  for (uint32_t i = 0; i < model->step_count; i++) {
    const ModelStep *step = &model->steps[i];
    items[i] = STRUCT(e, kernel_address(e, kernels[i]), refs(e, step), slots(e, step), int32(e, step->ref_count),
                      int32(e, step->slot_count), int32(e, step->target), int32(e, step->parts), text(e, step->name),
                      text(e, step->kernel_name), int64(e, step->flops));
  }
  return array(e, items, model->step_count);
}

static LLVMValueRef checks(Emitter *e, const IngotModel *model) {
  LLVMTypeRef f64 = LLVMDoubleTypeInContext(e->context);
  LLVMValueRef *items = new_items(e, model->check_count);
  for (uint32_t i = 0; i < model->check_count; i++) {
    const ModelCheck *check = &model->checks[i];
    LLVMValueRef *values = new_items(e, check->count);
    for (uint32_t k = 0; k < check->count; k++) values[k] = LLVMConstReal(f64, check->value[k]);
    items[i] = STRUCT(e, int32(e, check->output), int32(e, check->count),
                      numbers(e, (const int64_t *)check->at, check->count), array(e, values, check->count));
  }
  return array(e, items, model->check_count);
}

static LLVMValueRef weights(Emitter *e, const IngotModel *model) {
  if (!model->weight_bytes) return LLVMConstNull(e->pointer);
  return LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, model->weight_bytes), "ingot_weights");
}

static LLVMValueRef strings(Emitter *e, const IngotModel *model) {
  if (!model->string_bytes) return LLVMConstNull(e->pointer);
  return place(e, LLVMConstStringInContext2(e->context, model->strings, model->string_bytes, 1));
}

void emit_model(Emitter *e, const Program *program, const Description *description) {
  IngotModel m = make_ingot_model(e->model, program, e->target, description);
  LLVMValueRef model =
      STRUCT(e, int32(e, m.abi), int32(e, m.input_count), int32(e, m.output_count), int32(e, m.step_count),
             int32(e, m.check_count), int32(e, m.threads), tensors(e, m.inputs, m.input_count),
             tensors(e, m.outputs, m.output_count), steps(e, program, &m), checks(e, &m), int64(e, m.check_seed),
             int64(e, m.arena_bytes), int64(e, m.state_bytes), weights(e, &m), int64(e, m.weight_bytes),
             int64(e, m.heap_bytes), strings(e, &m), int64(e, m.string_bytes), int32(e, m.frame_count),
             int32(e, m.pool_used), int64(e, m.parameters), int64(e, m.macs), text(e, m.name), text(e, m.producer),
             text(e, m.target), text(e, m.cpu), text(e, m.compiler), int32(e, m.cpu_features));
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(model), "ingot_model");
  LLVMSetInitializer(global, model);
  LLVMSetGlobalConstant(global, 1);
}
