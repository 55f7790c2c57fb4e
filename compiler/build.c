// The main line: read, passes, lower, plan, emit, link. One call a line.
#include "compiler/build.h"
#include "compiler/emit/c.h"
#include "compiler/emit/emit.h"
#include "compiler/link/link.h"
#include "compiler/link/output.h"
#include "compiler/onnx/read.h"
#include "compiler/ops/lower.h"
#include "compiler/resources.h"
#include "runtime/sample.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHECK_SEED = 1, CHECKS_PER_OUTPUT = 64 };

static void begin(const BuildOptions *options, const char *stage) {
  if (options->on_stage) options->on_stage(options->context, stage);
}

// "models/resnet50.onnx" as "resnet50".
static const char *model_name(Arena *arena, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  return arena_strndup(arena, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

/* recorded vectors */

static double element(DType type, const void *data, uint64_t i) {
  Tensor one = {.type = type, .data = data};
  return dtype_is_float(type) ? tensor_float(&one, (int64_t)i) : (double)tensor_int(&one, (int64_t)i);
}

static void record_output(Arena *arena, const Value *value, const void *data, uint32_t index, ModelCheck *check) {
  uint64_t count = (uint64_t)value_count(value), kept = count < CHECKS_PER_OUTPUT ? count : CHECKS_PER_OUTPUT;
  uint64_t *at = NEW_ARRAY(arena, uint64_t, kept);
  double *values = NEW_ARRAY(arena, double, kept);
  for (uint64_t i = 0; i < kept; i++) {
    at[i] = count / kept * i;
    values[i] = element(value->type, data, at[i]);
  }
  *check = (ModelCheck){index, (uint32_t)kept, at, values};
}

// Whether a run takes less than half of this machine's memory.
static bool fits_memory(const Program *program) {
  if (program->frame || program->pool) return false; // shapes and sizes depend on what comes in, texts have no samples
  int64_t bytes = program->arena_bytes, most = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2;
  for (size_t i = 0; i < program->buffer_count; i++) {
    const Buffer *b = program->buffers[i];
    if ((b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT) && !add_size(bytes, b->bytes.value, &bytes)) return false;
  }
  return bytes < most;
}

// Runs the program once on seeded inputs, by its own code when this machine can, else by code made for this machine.
// A model that cannot digest such inputs (an index out of range) or is too large for this machine goes without.
static void record_checks(Model *model, const Program *program, const Target *target, const Bytes *kernels,
                          Description *description) {
  Arena *arena = model->arena;
  Diag quiet, *diag = model->diag;
  Bytes own = *kernels;
  diag_init(&quiet, arena);
  model->diag = &quiet;
  if (!target_runs_here(target)) {
    const Target *host = target_find(arena, &quiet, NULL, "native");
    program = host ? make_program(arena, model->graph, host, true) : NULL;
    if (!program || !emit_kernels(model, program, host, CODE_OBJECT, NULL, &own)) program = NULL;
  }
  if (program && fits_memory(program)) {
    const void **inputs = NEW_ARRAY(arena, const void *, program->input_count);
    void **outputs = NEW_ARRAY(arena, void *, program->output_count);
    for (size_t i = 0; i < program->input_count; i++) {
      const Value *v = program->inputs[i];
      void *data = arena_alloc(arena, (size_t)dtype_bytes(v->type, value_count(v)));
      sample_fill(v->type, data, (uint64_t)value_count(v), CHECK_SEED, (uint32_t)i);
      inputs[i] = data;
    }
    for (size_t i = 0; i < program->output_count; i++) {
      const Value *v = program->outputs[i];
      outputs[i] = arena_alloc(arena, (size_t)dtype_bytes(v->type, value_count(v)));
    }
    if (run_kernels(model, program, &own, inputs, outputs)) {
      ModelCheck *checks = NEW_ARRAY(arena, ModelCheck, program->output_count);
      for (size_t i = 0; i < program->output_count; i++)
        record_output(arena, program->outputs[i], outputs[i], (uint32_t)i, &checks[i]);
      description->checks = checks;
      description->check_count = program->output_count;
      description->check_seed = CHECK_SEED;
    }
  }
  model->diag = diag;
}

/* output */

static bool write_to_fd(void *context, const void *data, size_t size) { return write_all(*(int *)context, data, size); }

static bool write_weights(void *context, int fd) {
  const Program *program = context;
  return program_write_weights(program, write_to_fd, &fd);
}

// A file with `bytes` in the folder; NULL after a recorded error.
static const char *place_object(Model *model, const char *folder, const char *name, const Bytes *bytes) {
  const char *path = arena_printf(model->arena, "%s/%s", folder, name);
  Output *output = output_open(model->arena, model->diag, path);
  if (!output) return NULL;
  if (!write_all(output_fd(output), bytes->data, bytes->size)) return output_error(model->diag, output), NULL;
  return output_commit(model->diag, output, false) ? path : NULL;
}

static bool write_file(Model *model, const char *path, const Bytes *bytes) {
  Output *output = output_open(model->arena, model->diag, path);
  if (!output) return false;
  if (!write_all(output_fd(output), bytes->data, bytes->size)) return output_error(model->diag, output);
  return output_commit(model->diag, output, false);
}

// The decoders for models with images, as a further object; NULL after a recorded error.
static const char *find_images(Model *model, const Target *target) {
  const char *folder = resources_find(model->arena, model->diag);
  const char *path = folder ? arena_printf(model->arena, "%s/%s/images.o", folder, target->arch) : NULL;
  if (!path || access(path, R_OK) == 0) return path;
  diag_error(model->diag, "ingot", "'%s' is missing, which ImageDecoder needs: run scripts/setup --images", path);
  return NULL;
}

static bool link_output(Model *model, const Program *program, const Target *target, const BuildOptions *options,
                        const char *name, const Bytes *kernels, const Bytes *description) {
  WeightSource weights = {(uint64_t)program->weight_bytes, write_weights, (void *)program};
  const char *folder = temporary_folder(model->arena, model->diag);
  if (!folder) return false;
  const char *objects[] = {place_object(model, folder, "kernels.o", kernels),
                           place_object(model, folder, "model.o", description),
                           program->has_images ? find_images(model, target) : NULL};
  size_t count = program->has_images ? 3 : 2;
  if (!objects[0] || !objects[1] || !objects[count - 1]) return false;
  if (options->form == EMIT_EXE)
    return link_executable(model->arena, model->diag, target, objects, count, options->output, &weights);
  const char *symbol = c_identifier(model->arena, name, false);
  return (options->form == EMIT_LIB ? link_library : link_object)(model->arena, model->diag, target, objects, count,
                                                                  options->output, symbol, &weights);
}

static bool emit_output(Model *model, const Program *program, const Target *target, const BuildOptions *options) {
  Description description = {.name = model_name(model->arena, options->input),
                             .threads = options->threads,
                             .parameters = count_parameters(model->graph)};
  Bytes kernels, described;
  begin(options, "emit");
  if (options->form == EMIT_C) return emit_c(model, program, target, &description, options->output);
  if (options->form == EMIT_LL || options->form == EMIT_ASM)
    return emit_kernels(model, program, target, options->form == EMIT_LL ? CODE_LL : CODE_ASM, &description,
                        &kernels) &&
           write_file(model, options->output, &kernels);
  if (!emit_kernels(model, program, target, CODE_OBJECT, NULL, &kernels)) return false;
  begin(options, "record");
  record_checks(model, program, target, &kernels, &description);
  begin(options, "link");
  return emit_description(model, program, target, &description, &described) &&
         link_output(model, program, target, options, description.name, &kernels, &described);
}

bool build_model(Arena *arena, Diag *diag, const BuildOptions *options) {
  const Target *target = target_find(arena, diag, options->os_target, options->cpu);
  if (!target || !output_check(diag, options->output, options->input)) return false;
  begin(options, "read");
  Model *model = read_onnx(arena, diag, options->input);
  if (!model) return false;
  begin(options, "passes");
  if (!run_passes(model, &options->passes)) return false;
  begin(options, "lower");
  Program *program = make_program(arena, model->graph, target, pass_is_wanted(&options->passes, FUSE_STEPS));
  if (!program) return false;
  if (options->on_program) options->on_program(options->context, program);
  return emit_output(model, program, target, options);
}
