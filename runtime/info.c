// What the executable is: for people (a bare call, `info`) and for programs (`info --json`).
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/bind.h"
#include "runtime/commands.h"
#include "runtime/dtype.h"
#include "runtime/json.h"

bool read_options(const Invocation *call, const Option *options, size_t count, bool *done, Error *error) {
  *done = call->help;
  if (call->help) print_options(options, count);
  return call->help || parse_options(options, count, call->argc, call->argv, error);
}

char *describe_bytes(char *text, size_t size, uint64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < COUNT(units)) value /= 1024, unit++;
  if (bytes < 1024)
    snprintf(text, size, "%" PRIu64 " bytes", bytes);
  else
    snprintf(text, size, "%.1f %s", value, units[unit]);
  return text;
}

// Whether its shape is not always the same.
static bool is_open(const ModelTensor *tensor) {
  bool open = false;
  for (uint32_t d = 0; d < tensor->rank; d++) open |= tensor->dims[d] < 0;
  return open;
}

static void print_tensors(const char *title, const ModelTensor *tensors, uint32_t count) {
  int width = 0;
  for (uint32_t i = 0; i < count; i++) {
    int length = (int)strlen(tensors[i].name);
    width = length > width ? length : width;
  }
  printf("\n%s\n", title);
  for (uint32_t i = 0; i < count; i++) {
    char type[200], bytes[32] = "";
    describe_type(type, sizeof type, &tensors[i]);
    if (!is_unbounded(&tensors[i])) describe_bytes(bytes, sizeof bytes, tensors[i].bytes);
    if (bytes[0])
      printf("  %-*s  %-24s  %s%s\n", width, tensors[i].name, type, is_open(&tensors[i]) ? "at most " : "", bytes);
    else
      printf("  %-*s  %s\n", width, tensors[i].name, type);
  }
}

// The inputs of a variant where others have other ones.
static void print_forms(const IngotModel *model, uint32_t variant) {
  bool first = true;
  for (uint32_t i = 0; i < model->input_count; i++) {
    char type[200];
    if (!model->inputs[i].forms || !is_open(&model->inputs[i])) continue;
    printf("%s%s %s", first ? " for " : ", ", model->inputs[i].name,
           describe_type(type, sizeof type, get_form(&model->inputs[i], variant)));
    first = false;
  }
  printf("\n");
}

static void print_summary(const IngotModel *model) {
  char weights[32], arena[32], state[32];
  printf("%s: a model compiled by %s for %s, %s", model->name, model->compiler, model->target, model->cpu);
  printf(model->producer[0] ? "; made by %s\n" : "\n", model->producer);
  print_tensors("inputs", model->inputs, model->input_count);
  print_tensors("outputs", model->outputs, model->output_count);
  printf("\nmemory\n");
  printf("  weights  %s, %" PRIu64 " parameters\n", describe_bytes(weights, sizeof weights, model->weight_bytes),
         model->parameters);
  printf("  arena    %s (%" PRIu64 " bytes)\n", describe_bytes(arena, sizeof arena, model->arena_bytes),
         model->arena_bytes);
  if (model->state_bytes > 0) printf("  state    %s\n", describe_bytes(state, sizeof state, model->state_bytes));
  if (model->heap_bytes > 0 && model->heap_bytes < UINT64_MAX)
    printf("  heap     at most %s\n", describe_bytes(state, sizeof state, model->heap_bytes));
  else if (model->heap_bytes > 0)
    printf("  heap     as the inputs need, see --memory\n");
  printf("\nwork\n");
  for (uint32_t v = 0; v < model->variant_count; v++) {
    printf("  %" PRIu64 " multiply-accumulates in %u steps", model->variants[v].macs, model->variants[v].step_count);
    print_forms(model, v);
  }
}

void explain_model(const IngotModel *model, const char *program) {
  print_summary(model);
  printf("\ncommands (COMMAND --help lists the options)\n  %s run", program);
  for (uint32_t i = 0; i < model->input_count; i++)
    if (i < 4) printf(" -i %s=FILE.npy", model->inputs[i].name);
  printf(model->input_count > 4 ? " ... -o out.npz\n" : " -o out.npz\n");
  printf("      runs on tensors from files (.npy, .npz, .json, .pb, raw); '-' is standard input or output\n");
  printf("  %s serve --listen 127.0.0.1:8080\n      answers POST /v2/models/%s/infer (Open Inference Protocol)\n",
         program, model->name);
  printf("  %s bench --steps\n      measures latency and the time of each step\n", program);
  printf("  %s info --json\n      all of this for programs\n", program);
  if (model->variants[0].check_count > 0)
    printf("  %s selftest\n      compares with values recorded when compiling\n", program);
}

static bool write_stdout(void *context, const char *data, size_t size) {
  (void)context;
  return fwrite(data, 1, size, stdout) == size;
}

static void put_dims(JsonWriter *json, uint32_t rank, const int64_t *dims) {
  put_string(json, "[");
  for (uint32_t d = 0; d < rank; d++) put_format(json, "%s%" PRId64, d ? ", " : "", dims[d]);
  put_string(json, "]");
}

static void put_tensors(JsonWriter *json, const char *key, const ModelTensor *tensors, uint32_t count) {
  static const char *const kinds[] = {"tensor", "sequence", "optional", "map", "sequence_of_maps", "optional_sequence"};
  put_format(json, "  \"%s\": [", key);
  for (uint32_t i = 0; i < count; i++) {
    put_string(json, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
    put_quoted(json, tensors[i].name);
    const ModelTensor *tensor = &tensors[i];
    put_format(json, ", \"dtype\": \"%s\", \"kind\": \"%s\", \"shape\": ", find_dtype(tensor->dtype)->name,
               kinds[tensor->kind]);
    put_dims(json, tensor->rank, tensor->dims);
    put_format(json, ", \"bytes\": %" PRIu64, tensor->bytes);
    if (tensor->key_dtype) put_format(json, ", \"key_dtype\": \"%s\"", find_dtype(tensor->key_dtype)->name);
    if (tensor->dim_names) {
      put_string(json, ", \"dim_names\": [");
      for (uint32_t d = 0; d < tensor->rank; d++) {
        if (d > 0) put_string(json, ", ");
        if (tensor->dim_names[d])
          put_quoted(json, tensor->dim_names[d]);
        else
          put_string(json, "null");
      }
      put_string(json, "]");
    }
    if (tensor->most) {
      put_string(json, ", \"max_shape\": ");
      put_dims(json, tensor->rank, tensor->most);
    }
    put_string(json, "}");
  }
  put_string(json, "],\n");
}

// {"x": [1, 3]}: shapes by name.
static void put_shapes(JsonWriter *json, const char *key, const ModelTensor *tensors, uint32_t count,
                       uint32_t variant) {
  put_format(json, "\"%s\": {", key);
  for (uint32_t i = 0; i < count; i++) {
    const ModelTensor *form = get_form(&tensors[i], variant);
    if (i > 0) put_string(json, ", ");
    put_quoted(json, form->name);
    put_string(json, ": ");
    put_dims(json, form->rank, form->dims);
  }
  put_string(json, "}");
}

static void put_variant(JsonWriter *json, const IngotModel *model, uint32_t v) {
  const ModelVariant *variant = &model->variants[v];
  put_string(json, v ? ",\n    {" : "\n    {");
  put_shapes(json, "inputs", model->inputs, model->input_count, v);
  put_string(json, ", ");
  put_shapes(json, "outputs", model->outputs, model->output_count, v);
  put_format(json, ",\n     \"arena_bytes\": %" PRIu64 ", \"macs\": %" PRIu64 ",\n     \"steps\": [",
             variant->arena_bytes, variant->macs);
  for (uint32_t i = 0; i < variant->step_count; i++) {
    put_string(json, i ? ",\n       {\"name\": " : "\n       {\"name\": ");
    put_quoted(json, variant->steps[i].name);
    put_string(json, ", \"kernel\": ");
    put_quoted(json, variant->steps[i].kernel_name);
    put_format(json, ", \"parts\": %u, \"flops\": %" PRIu64 "}", variant->steps[i].parts, variant->steps[i].flops);
  }
  put_string(json, "]}");
}

static void put_member(JsonWriter *json, const char *key, const char *text) {
  put_format(json, "  \"%s\": ", key);
  put_quoted(json, text);
  put_string(json, ",\n");
}

static bool print_json(const IngotModel *model) {
  char buffer[4096];
  JsonWriter json = {.data = buffer, .capacity = sizeof buffer, .flush = write_stdout};
  put_string(&json, "{\n");
  put_member(&json, "name", model->name);
  put_member(&json, "producer", model->producer);
  put_member(&json, "compiler", model->compiler);
  put_member(&json, "target", model->target);
  put_member(&json, "cpu", model->cpu);
  put_tensors(&json, "inputs", model->inputs, model->input_count);
  put_tensors(&json, "outputs", model->outputs, model->output_count);
  const struct {
    const char *key;
    uint64_t value;
  } numbers[] = {
      {"arena_bytes", model->arena_bytes},
      {"arena_mapped_bytes", model->arena_bytes ? round_to_page(model->arena_bytes) : 0},
      {"state_bytes", model->state_bytes},
      {"heap_bytes", model->heap_bytes},
      {"weight_bytes", model->weight_bytes},
      {"parameters", model->parameters},
      {"threads", model->threads},
  };
  for (size_t i = 0; i < COUNT(numbers); i++)
    put_format(&json, "  \"%s\": %" PRIu64 ",\n", numbers[i].key, numbers[i].value);
  put_string(&json, "  \"variants\": [");
  for (uint32_t v = 0; v < model->variant_count; v++) put_variant(&json, model, v);
  put_string(&json, "]\n}\n");
  return flush_json(&json);
}

bool command_info(const Invocation *call, Error *error) {
  bool json = false, done;
  const Option options[] = {{"json", '\0', OPTION_FLAG, &json, 0, 0, NULL, "as JSON"}};
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  if (json) return print_json(call->model) || fail(error, "cannot write to standard output");
  print_summary(call->model);
  for (uint32_t v = 0; v < call->model->variant_count; v++) {
    const ModelVariant *variant = &call->model->variants[v];
    printf("\nsteps");
    print_forms(call->model, v);
    for (uint32_t i = 0; i < variant->step_count; i++)
      printf("  %-40s  %s\n", variant->steps[i].kernel_name, variant->steps[i].name);
  }
  return true;
}
