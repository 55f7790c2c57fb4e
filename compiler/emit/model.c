// What a compiled model knows of itself: the IngotModel of runtime/model.h made from a Program, for emitters to write
// down as constants of their language.
#include "compiler/emit/emit.h"

typedef struct {
  Model *model;
  const Program *program;
} Maker;

/* inputs and outputs */

static uint32_t model_kind(const Value *v) {
  switch (v->kind) {
  case VALUE_TENSOR: break;
  case VALUE_SEQUENCE: return v->content->of == VALUE_MAP ? MODEL_SEQUENCE_OF_MAPS : MODEL_SEQUENCE;
  case VALUE_OPTIONAL: return v->content->of == VALUE_SEQUENCE ? MODEL_OPTIONAL_SEQUENCE : MODEL_OPTIONAL;
  case VALUE_MAP: return MODEL_MAP;
  }
  return MODEL_TENSOR;
}

// Names of the dims that the run tells, where they have one.
static const char *const *dim_names(const Maker *m, const Value *v) {
  if (v->kind || value_is_static(v)) return NULL;
  const char **names = NEW_ARRAY(m->model->arena, const char *, v->rank);
  for (int k = 0; k < v->rank; k++)
    if (!dim_is_const(v->dims[k])) names[k] = dim_text(m->model->dims, v->dims[k]);
  return names;
}

static uint64_t tensor_size(const Value *v, int slot) {
  if (slot) return 0;
  return (uint64_t)(v->type == DT_STRING ? dtype_unit(v->type) * value_count(v) : dtype_bytes(v->type, value_count(v)));
}

static const ModelTensor *make_tensors(const Maker *m, Value *const *values, const char *const *names, const int *slots,
                                       size_t count) {
  ModelTensor *tensors = NEW_ARRAY(m->model->arena, ModelTensor, count);
  for (size_t i = 0; i < count; i++) {
    const Value *v = values[i];
    int rank = v->kind ? 0 : v->rank; // other kinds than tensors are blocks of bytes
    int64_t *dims = NEW_ARRAY(m->model->arena, int64_t, rank);
    for (int k = 0; k < rank; k++) dims[k] = dim_is_const(v->dims[k]) ? v->dims[k].value : -1;
    tensors[i] = (ModelTensor){.name = names ? names[i] : v->name,
                               .dtype = v->type,
                               .rank = (uint32_t)rank,
                               .dims = dims,
                               .bytes = tensor_size(v, slots[i]),
                               .kind = model_kind(v),
                               .slot = (uint32_t)slots[i],
                               .dim_names = dim_names(m, v),
                               .key_dtype = v->kind ? v->content->key : 0};
  }
  return tensors;
}

/* steps */

static ModelRef make_ref(const Program *program, const Pointer *pointer) {
  const Buffer *b = pointer->buffer;
  Dim shift = buffer_in_heap(b) ? pointer_shift(pointer) : pointer->offset;
  ModelRef ref = {.base = BASE_ARENA,
                  .offset = dim_is_const(shift) ? (uint64_t)shift.value : 0}; // else the kernel adds
  switch (b->kind) {
  case BUFFER_ARENA: break;
  case BUFFER_WEIGHT: ref.base = BASE_WEIGHTS; break;
  case BUFFER_STATE: ref.base = BASE_STATE; break;
  case BUFFER_FRAME: ref.base = BASE_FRAME; break;
  case BUFFER_STRINGS: ref.base = BASE_STRINGS; break;
  case BUFFER_INPUT: ref.base = BASE_IO + (uint32_t)b->io; break;
  case BUFFER_OUTPUT: ref.base = BASE_IO + (uint32_t)(program->input_count + (size_t)b->io); break;
  }
  if (buffer_in_heap(b))
    ref.base = BASE_HEAP;
  else
    ref.offset += (uint64_t)b->offset;
  return ref;
}

// "gemm_f32 128x384x384": the template and its leading integers.
static const char *kernel_text(const Maker *m, const Step *step) {
  Text out = {.arena = m->model->arena};
  text_printf(&out, "%s", step->kernel->name);
  for (size_t i = 0; i < step->arg_count && step->args[i].kind == ARG_INT; i++)
    text_printf(&out, "%s%s", i ? "x" : " ", dim_text(m->model->dims, step->args[i].i));
  return out.data;
}

// What a kernel reads from the frame; a jump reads its condition.
static const uint32_t *make_slots(const Maker *m, const Step *step, uint32_t *count) {
  uint32_t *slots = NEW_ARRAY(m->model->arena, uint32_t, step->local_count + 1);
  *count = 0;
  for (size_t i = 0; i < step->local_count && step->kind == STEP_TEMPLATE; i++)
    slots[(*count)++] = (uint32_t)frame_find(m->program, (Dim){0, step->locals[i]});
  if (step->kind == STEP_JUMP || step->kind == STEP_LABEL) {
    bool always = step->kind == STEP_LABEL || !step->condition.expr;
    slots[(*count)++] = always ? FRAME_ZERO : (uint32_t)frame_find(m->program, step->condition);
  }
  if (step->kind == STEP_DIMS) slots[(*count)++] = FRAME_ZERO; // it knows its slots
  return slots;
}

static uint32_t jump_target(const Program *program, size_t at) {
  const Step *step = program->steps[at];
  if (step->kind == STEP_JUMP) return (uint32_t)program_find_step(program, step->target);
  return step->kind == STEP_LABEL ? (uint32_t)at + 1 : 0; // a label is a jump to what follows
}

static const ModelStep *make_steps(const Maker *m) {
  const Program *p = m->program;
  ModelStep *steps = NEW_ARRAY(m->model->arena, ModelStep, p->step_count);
  for (size_t i = 0; i < p->step_count; i++) {
    const Step *step = p->steps[i];
    ModelRef *refs = NEW_ARRAY(m->model->arena, ModelRef, step->pointer_count);
    for (size_t k = 0; k < step->pointer_count; k++) refs[k] = make_ref(p, &step->pointers[k]);
    steps[i] = (ModelStep){.refs = refs,
                           .ref_count = (uint32_t)step->pointer_count,
                           .target = jump_target(p, i),
                           .parts = step->parts < 1      ? 1
                                    : step->parts > 4096 ? 4096
                                                         : (uint32_t)step->parts,
                           .name = step->name,
                           .kernel_name = kernel_text(m, step),
                           .flops = (uint64_t)step->flops};
    steps[i].slots = make_slots(m, step, &steps[i].slot_count);
  }
  return steps;
}

IngotModel make_ingot_model(Model *model, const Program *program, const Target *target, const Description *d) {
  Maker m = {model, program};
  size_t string_bytes;
  const char *strings = pool_bytes(program, &string_bytes);
  return (IngotModel){.abi = MODEL_ABI,
                      .input_count = (uint32_t)program->input_count,
                      .output_count = (uint32_t)program->output_count,
                      .step_count = (uint32_t)program->step_count,
                      .check_count = (uint32_t)d->check_count,
                      .threads = (uint32_t)d->threads,
                      .inputs = make_tensors(&m, program->inputs, NULL, program->input_slots, program->input_count),
                      .outputs = make_tensors(&m, program->outputs, model->graph->output_names, program->output_slots,
                                              program->output_count),
                      .steps = make_steps(&m),
                      .checks = d->checks,
                      .check_seed = d->check_seed,
                      .arena_bytes = (uint64_t)program->arena_bytes,
                      .state_bytes = (uint64_t)program->state_bytes,
                      .weight_bytes = (uint64_t)program->weight_bytes,
                      .heap_bytes = program->frame ? UINT64_MAX : 0,
                      .strings = strings,
                      .string_bytes = string_bytes,
                      .frame_count = (uint32_t)frame_count(program),
                      .pool_used = program->pool != NULL,
                      .parameters = (uint64_t)d->parameters,
                      .macs = (uint64_t)program->macs,
                      .name = d->name,
                      .producer = model->producer,
                      .target = target->os_target,
                      .cpu = target->name,
                      .compiler = "ingot " INGOT_VERSION,
                      .cpu_features = (uint32_t)target->cpu_features};
}
