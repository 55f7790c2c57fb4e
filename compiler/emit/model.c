// What a compiled model knows of itself: the IngotModel of runtime/model.h made from Programs, one for each variant,
// for emitters to write down as constants of their language.
#include "compiler/emit/emit.h"

#include <string.h>

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
static const char *const *dim_names(Model *model, const Value *v) {
  if (v->kind || value_is_static(v)) return NULL;
  const char **names = NEW_ARRAY(model->arena, const char *, v->rank);
  for (int k = 0; k < v->rank; k++)
    if (!dim_is_const(v->dims[k])) names[k] = dim_text(model->dims, v->dims[k]);
  return names;
}

// What the dims that the run tells are at most, where there is a bound.
static const int64_t *most_dims(Model *model, const Value *v) {
  int64_t *most = NEW_ARRAY(model->arena, int64_t, v->rank);
  bool bounded = false;
  for (int k = 0; k < v->rank; k++) {
    most[k] = dim_most(v->dims[k]) == INT64_MAX ? -1 : dim_most(v->dims[k]);
    bounded |= !dim_is_const(v->dims[k]) && most[k] >= 0;
  }
  return bounded && !v->kind ? most : NULL;
}

// `name` NULL: the value's.
static ModelTensor make_tensor(Model *model, const Program *program, BufferKind kind, size_t i, const char *name) {
  bool in = kind == BUFFER_INPUT;
  const Value *v = in ? program->inputs[i] : program->outputs[i];
  int rank = v->kind ? 0 : v->rank; // other kinds than tensors are blocks of bytes
  int64_t *dims = NEW_ARRAY(model->arena, int64_t, rank), bytes = most_bytes(io_buffer(program, kind, i)->bytes);
  for (int k = 0; k < rank; k++) dims[k] = dim_is_const(v->dims[k]) ? v->dims[k].value : -1;
  return (ModelTensor){.name = name ? name : v->name,
                       .dtype = v->type,
                       .rank = (uint32_t)rank,
                       .dims = dims,
                       .bytes = bytes < 0 ? 0 : (uint64_t)bytes,
                       .kind = model_kind(v),
                       .slot = (uint32_t)(in ? program->input_slots : program->output_slots)[i],
                       .dim_names = dim_names(model, v),
                       .key_dtype = v->kind ? v->content->key : 0,
                       .most = most_dims(model, v)};
}

static bool is_same_name(const ModelTensor *a, const ModelTensor *b, uint32_t k) {
  const char *x = a->dim_names ? a->dim_names[k] : NULL, *y = b->dim_names ? b->dim_names[k] : NULL;
  return x && y ? !strcmp(x, y) : x == y;
}

// What a tensor is in all variants.
static ModelTensor join_forms(Model *model, const ModelTensor *forms, size_t count) {
  ModelTensor all = forms[0];
  int64_t *dims = NEW_ARRAY(model->arena, int64_t, all.rank), *most = NEW_ARRAY(model->arena, int64_t, all.rank);
  const char **names = NEW_ARRAY(model->arena, const char *, all.rank);
  bool named = false, bounded = false;
  for (uint32_t k = 0; k < all.rank; k++) {
    dims[k] = forms[0].dims[k];
    names[k] = forms[0].dim_names ? forms[0].dim_names[k] : NULL;
    for (size_t v = 0; v < count; v++) {
      const ModelTensor *form = &forms[v];
      int64_t own = form->dims[k] >= 0 ? form->dims[k] : form->most ? form->most[k] : -1;
      if (form->dims[k] != dims[k]) dims[k] = -1;
      if (!is_same_name(form, &forms[0], k)) names[k] = NULL;
      most[k] = own < 0 || (v && most[k] < 0) ? -1 : v && most[k] > own ? most[k] : own;
    }
    named |= names[k] != NULL;
    bounded |= dims[k] < 0 && most[k] >= 0;
  }
  for (size_t v = 0; v < count; v++)
    if (forms[v].bytes > all.bytes) all.bytes = forms[v].bytes;
  all.dims = dims;
  all.dim_names = named ? names : NULL;
  all.most = bounded ? most : NULL;
  all.forms = forms;
  all.form_count = (uint32_t)count;
  return all;
}

static const ModelTensor *make_tensors(Model *model, Program *const *programs, size_t count, BufferKind kind) {
  size_t tensors = kind == BUFFER_INPUT ? programs[0]->input_count : programs[0]->output_count;
  const char **names = kind == BUFFER_INPUT ? NULL : model->graph->output_names;
  ModelTensor *made = NEW_ARRAY(model->arena, ModelTensor, tensors);
  for (size_t i = 0; i < tensors; i++) {
    ModelTensor *forms = NEW_ARRAY(model->arena, ModelTensor, count);
    for (size_t v = 0; v < count; v++) forms[v] = make_tensor(model, programs[v], kind, i, names ? names[i] : NULL);
    made[i] = count > 1 ? join_forms(model, forms, count) : forms[0];
  }
  return made;
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
static const char *kernel_text(Model *model, const Step *step) {
  Text out = {.arena = model->arena};
  text_printf(&out, "%s", step->kernel->name);
  for (size_t i = 0; i < step->arg_count && step->args[i].kind == ARG_INT; i++)
    text_printf(&out, "%s%s", i ? "x" : " ", dim_text(model->dims, step->args[i].i));
  return out.data;
}

// What a kernel reads from the frame; a jump reads its condition.
static const uint32_t *make_slots(Model *model, const Program *program, const Step *step, uint32_t *count) {
  uint32_t *slots = NEW_ARRAY(model->arena, uint32_t, step->local_count + 1);
  *count = 0;
  for (size_t i = 0; i < step->local_count && step->kind == STEP_TEMPLATE; i++)
    slots[(*count)++] = (uint32_t)frame_find(program, (Dim){0, step->locals[i]});
  if (step->kind == STEP_JUMP || step->kind == STEP_LABEL) {
    bool always = step->kind == STEP_LABEL || !step->condition.expr;
    slots[(*count)++] = always ? FRAME_ZERO : (uint32_t)frame_find(program, step->condition);
  }
  if (step->kind == STEP_DIMS) slots[(*count)++] = FRAME_ZERO; // it knows its slots
  return slots;
}

static uint32_t jump_target(const Program *program, size_t at) {
  const Step *step = program->steps[at];
  if (step->kind == STEP_JUMP) return (uint32_t)find_step(program->steps, step->target);
  return step->kind == STEP_LABEL ? (uint32_t)at + 1 : 0; // a label is a jump to what follows
}

static const ModelStep *make_steps(Model *model, const Program *p) {
  ModelStep *steps = NEW_ARRAY(model->arena, ModelStep, p->step_count);
  for (size_t i = 0; i < p->step_count; i++) {
    const Step *step = p->steps[i];
    ModelRef *refs = NEW_ARRAY(model->arena, ModelRef, step->pointer_count);
    for (size_t k = 0; k < step->pointer_count; k++) refs[k] = make_ref(p, &step->pointers[k]);
    steps[i] = (ModelStep){.refs = refs,
                           .ref_count = (uint32_t)step->pointer_count,
                           .target = jump_target(p, i),
                           .parts = step->parts < 1      ? 1
                                    : step->parts > 4096 ? 4096
                                                         : (uint32_t)step->parts,
                           .name = step->name,
                           .kernel_name = kernel_text(model, step),
                           .flops = (uint64_t)step->flops};
    steps[i].slots = make_slots(model, p, step, &steps[i].slot_count);
  }
  return steps;
}

static const ModelVariant *make_variants(Model *model, Program *const *programs, size_t count, const Description *d) {
  ModelVariant *variants = NEW_ARRAY(model->arena, ModelVariant, count);
  for (size_t v = 0; v < count; v++) {
    Record record = d->records ? d->records[v] : (Record){0};
    variants[v] = (ModelVariant){.steps = make_steps(model, programs[v]),
                                 .checks = record.checks,
                                 .step_count = (uint32_t)programs[v]->step_count,
                                 .check_count = (uint32_t)record.check_count,
                                 .arena_bytes = (uint64_t)programs[v]->arena_bytes,
                                 .macs = (uint64_t)programs[v]->macs};
  }
  return variants;
}

// Memory is that of the variant that needs most.
static void set_memory(IngotModel *m, const Program *p) {
  if ((uint64_t)p->arena_bytes > m->arena_bytes) m->arena_bytes = (uint64_t)p->arena_bytes;
  if ((uint64_t)p->state_bytes > m->state_bytes) m->state_bytes = (uint64_t)p->state_bytes;
  if ((uint32_t)frame_count(p) > m->frame_count) m->frame_count = (uint32_t)frame_count(p);
  if (frame_uses_heap(p)) m->heap_bytes = UINT64_MAX;
}

IngotModel make_ingot_model(Model *model, Program *const *programs, size_t count, const Target *target,
                            const Description *d) {
  const Program *first = programs[0]; // whose weights and strings are those of all
  size_t string_bytes;
  const char *strings = pool_bytes(first, &string_bytes);
  IngotModel made = {.abi = MODEL_ABI,
                     .input_count = (uint32_t)first->input_count,
                     .output_count = (uint32_t)first->output_count,
                     .variant_count = (uint32_t)count,
                     .threads = (uint32_t)d->threads,
                     .inputs = make_tensors(model, programs, count, BUFFER_INPUT),
                     .outputs = make_tensors(model, programs, count, BUFFER_OUTPUT),
                     .variants = make_variants(model, programs, count, d),
                     .check_seed = d->check_seed,
                     .weight_bytes = (uint64_t)first->weight_bytes,
                     .strings = strings,
                     .string_bytes = string_bytes,
                     .pool_used = first->pool != NULL,
                     .parameters = (uint64_t)d->parameters,
                     .name = d->name,
                     .producer = model->producer,
                     .target = target->os_target,
                     .cpu = target->name,
                     .compiler = "ingot " INGOT_VERSION,
                     .cpu_features = (uint32_t)target->cpu_features};
  for (size_t v = 0; v < count; v++) set_memory(&made, programs[v]);
  return made;
}
