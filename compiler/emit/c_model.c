// The IngotModel of runtime/model.h as initialisers in C.
#include "compiler/emit/c.h"

#include <string.h>

enum { LONGEST_LITERAL = 4000 }; // bytes of a string literal: compilers need not take more than 4095

// Exactly the text, as an expression.
static const char *quoted(Arena *arena, const char *text) {
  Text out = {.arena = arena};
  if (!text) return "NULL";
  if (strlen(text) > LONGEST_LITERAL) {
    text_printf(&out, "(const char[]){");
    for (const char *c = text; *c; c++) text_printf(&out, "%d, ", *c);
    text_printf(&out, "0}");
    return out.data;
  }
  text_printf(&out, "\"");
  for (const char *c = text; *c; c++)
    text_printf(&out, *c < ' ' || *c > '~' || strchr("\\\"?", *c) ? "\\%03o" : "%c", (unsigned char)*c);
  text_printf(&out, "\"");
  return out.data;
}

static void print_tensors(const Emitter *e, const char *direction, const ModelTensor *tensors, uint32_t count,
                          Text *out) {
  for (uint32_t i = 0; i < count; i++) {
    const ModelTensor *t = &tensors[i];
    if (t->rank) text_printf(out, "static const int64_t %s_dims_%u[] = {", direction, i);
    for (uint32_t k = 0; k < t->rank; k++) text_printf(out, "%s%lld", k ? ", " : "", (long long)t->dims[k]);
    if (t->rank) text_printf(out, "};\n");
    if (!t->dim_names) continue;
    text_printf(out, "static const char *const %s_dim_names_%u[] = {", direction, i);
    for (uint32_t k = 0; k < t->rank; k++)
      text_printf(out, "%s%s", k ? ", " : "", t->dim_names[k] ? quoted(e->arena, t->dim_names[k]) : "NULL");
    text_printf(out, "};\n");
  }
  if (!count) return;
  text_printf(out, "static const ModelTensor model_%ss[] = {\n", direction);
  for (uint32_t i = 0; i < count; i++) {
    const ModelTensor *t = &tensors[i];
    text_printf(out, "    {%s, %u, %u, ", quoted(e->arena, t->name), t->dtype, t->rank);
    text_printf(out, t->rank ? "%s_dims_%u" : "NULL", direction, i);
    text_printf(out, ", %llu, %u, %u, ", (unsigned long long)t->bytes, t->kind, t->slot);
    text_printf(out, t->dim_names ? "%s_dim_names_%u" : "NULL", direction, i);
    text_printf(out, ", %u},\n", t->key_dtype);
  }
  text_printf(out, "};\n");
}

static const char *base_text(Arena *arena, uint32_t base) {
  static const char *const names[BASE_IO] = {
      [BASE_ARENA] = "BASE_ARENA", [BASE_WEIGHTS] = "BASE_WEIGHTS", [BASE_STATE] = "BASE_STATE",
      [BASE_FRAME] = "BASE_FRAME", [BASE_HEAP] = "BASE_HEAP",       [BASE_STRINGS] = "BASE_STRINGS"};
  return base < BASE_IO ? names[base] : arena_printf(arena, "BASE_IO + %u", base - BASE_IO);
}

// Buffers and slots of all steps, one step's behind the other's.
static void print_refs(const Emitter *e, const IngotModel *m, Text *out) {
  text_printf(out, "static const ModelRef refs[] = {\n");
  for (uint32_t i = 0; i < m->step_count; i++) {
    const ModelStep *step = &m->steps[i];
    for (uint32_t k = 0; k < step->ref_count; k++)
      text_printf(out, "%s{%s, 0, %llu},%s", k ? " " : "    ", base_text(e->arena, step->refs[k].base),
                  (unsigned long long)step->refs[k].offset, k + 1 == step->ref_count ? "\n" : "");
  }
  text_printf(out, "    {0, 0, 0},\n};\nstatic const uint32_t slots[] = {\n");
  for (uint32_t i = 0; i < m->step_count; i++) {
    const ModelStep *step = &m->steps[i];
    for (uint32_t k = 0; k < step->slot_count; k++)
      text_printf(out, "%s%u,%s", k ? " " : "    ", step->slots[k], k + 1 == step->slot_count ? "\n" : "");
  }
  text_printf(out, "    0,\n};\n");
}

static void print_steps(const Emitter *e, const IngotModel *m, Text *out) {
  size_t ref = 0, slot = 0;
  if (!m->step_count) return;
  print_refs(e, m, out);
  text_printf(out, "static const ModelStep model_steps[] = {\n");
  for (uint32_t i = 0; i < m->step_count; i++) {
    const ModelStep *s = &m->steps[i];
    const char *kernel = e->kernel_of[i] < 0 ? "NULL" : arena_printf(e->arena, "kernel_%d", e->kernel_of[i]);
    text_printf(out, "    {%s, refs + %zu, slots + %zu, %u, %u, %u, %u, %s, %s, %llu},\n", kernel, ref, slot,
                s->ref_count, s->slot_count, s->target, s->parts, quoted(e->arena, s->name),
                quoted(e->arena, s->kernel_name), (unsigned long long)s->flops);
    ref += s->ref_count, slot += s->slot_count;
  }
  text_printf(out, "};\n");
}

void c_model(const Emitter *e, Text *out, const IngotModel *m) {
  text_printf(out, "\n");
  print_tensors(e, "input", m->inputs, m->input_count, out);
  print_tensors(e, "output", m->outputs, m->output_count, out);
  print_steps(e, m, out);
  text_printf(out, "const IngotModel ingot_model = {\n    .abi = MODEL_ABI,\n    .threads = %u,\n", m->threads);
  if (m->input_count) text_printf(out, "    .input_count = %u,\n    .inputs = model_inputs,\n", m->input_count);
  if (m->output_count) text_printf(out, "    .output_count = %u,\n    .outputs = model_outputs,\n", m->output_count);
  if (m->step_count) text_printf(out, "    .step_count = %u,\n    .steps = model_steps,\n", m->step_count);
  const struct {
    const char *field;
    uint64_t value;
  } numbers[] = {
      {"arena_bytes", m->arena_bytes},   {"state_bytes", m->state_bytes},   {"weight_bytes", m->weight_bytes},
      {"heap_bytes", m->heap_bytes},     {"string_bytes", m->string_bytes}, {"frame_count", m->frame_count},
      {"pool_used", m->pool_used},       {"parameters", m->parameters},     {"macs", m->macs},
      {"cpu_features", m->cpu_features},
  };
  for (size_t i = 0; i < COUNT(numbers); i++)
    if (numbers[i].value)
      text_printf(out, "    .%s = UINT64_C(%llu),\n", numbers[i].field, (unsigned long long)numbers[i].value);
  if (m->weight_bytes) text_printf(out, "    .weights = weights,\n");
  if (m->string_bytes) text_printf(out, "    .strings = (const char *)strings,\n");
  const char *const texts[][2] = {
      {"name", m->name}, {"producer", m->producer}, {"target", m->target}, {"cpu", m->cpu}, {"compiler", m->compiler}};
  for (size_t i = 0; i < COUNT(texts); i++)
    text_printf(out, "    .%s = %s,\n", texts[i][0], quoted(e->arena, texts[i][1]));
  text_printf(out, "};\n");
}
