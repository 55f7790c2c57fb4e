// What a user of the C sees: the header, the tables of inputs and outputs, the function that runs the model, and a
// small program around it.
#include "compiler/emit/c.h"

#include <string.h>

/* texts */

const char *c_comment(Arena *arena, const char *text) {
  char *copy = arena_strdup(arena, text);
  for (char *c = copy; *c; c++)
    if (*c < ' ' || *c > '~' || strchr("\\/*?", *c)) *c = '_';
  return copy;
}

// Exactly the text, as a string literal.
static const char *quoted(Arena *arena, const char *text) {
  Text out = {.arena = arena};
  text_printf(&out, "\"");
  for (const char *c = text; *c; c++)
    text_printf(&out, *c < ' ' || *c > '~' || strchr("\\\"?", *c) ? "\\%03o" : "%c", (unsigned char)*c);
  text_printf(&out, "\"");
  return out.data;
}

void c_named(const Emitter *e, Text *out, const char *text) {
  for (const char *at = text;; at += 2) {
    size_t length = strcspn(at, "$");
    text_append(out, at, length);
    at += length;
    if (!*at) return;
    const char *name = at[1] == 'n' ? e->name : at[1] == 'N' ? e->NAME : e->base;
    text_append(out, name, strlen(name));
  }
}

/* the header */

void c_title(const Emitter *e, Text *out) {
  text_printf(out, "// %s as C, made by ingot %s for %s.\n", c_comment(e->arena, e->file), INGOT_VERSION,
              e->target->name);
}

// An array without elements has no size in C.
static void print_run_head(const Emitter *e, Text *out) {
  c_named(e, out, "int $n_run(const void *const inputs[");
  c_named(e, out, e->program->input_count ? "$N_INPUTS],\n" : "],\n");
  text_printf(out, "%*svoid *const outputs[", (int)strlen(e->name) + 9, "");
  c_named(e, out, e->program->output_count ? "$N_OUTPUTS], void *arena)" : "], void *arena)");
}

void c_header(const Emitter *e, Text *out) {
  const Program *p = e->program;
  c_title(e, out);
  c_named(e, out,
          "#ifndef $N_H\n"
          "#define $N_H\n"
          "#include <stddef.h>\n"
          "#include <stdint.h>\n"
          "\n"
          "#ifdef __cplusplus\n"
          "extern \"C\" {\n"
          "#endif\n"
          "\n"
          "enum { $N_INPUTS = ");
  text_printf(out, "%zu, ", p->input_count);
  c_named(e, out, "$N_OUTPUTS = ");
  text_printf(out, "%zu };\n", p->output_count);
  c_named(e, out, "#define $N_ARENA_BYTES ");
  text_printf(out, "((size_t)%lld) // memory that a run needs\n", (long long)(c_state_start(p) + p->state_bytes));
  c_named(e, out,
          "\n"
          "// An input or output: row-major, packed. After the last of each table comes a row of zeros.\n"
          "typedef struct {\n"
          "  const char *name;\n"
          "  const char *type; // \"float32\", as C's own type of that size; bool is 0 or 1 in a byte\n"
          "  int onnx_type;    // the same as a number of ONNX's TensorProto.DataType\n"
          "  int rank;\n"
          "  const int64_t *dims;\n"
          "  size_t bytes;\n"
          "} $n_tensor;\n"
          "extern const $n_tensor $n_inputs[], $n_outputs[];\n"
          "\n"
          "// Runs the model. Pointers stand in the order of the tables and are aligned as their types need; the\n"
          "// arena has $N_ARENA_BYTES bytes and is aligned to 64. Returns 0, or a number that\n"
          "// $n_error_text explains; then the outputs hold nothing of use. Runs with different arenas may\n"
          "// overlap in time.\n");
  if (p->state_bytes)
    text_printf(out,
                "// The last %lld bytes of the arena are what the model remembers from run to run: zeros before the\n"
                "// first one.\n",
                (long long)p->state_bytes);
  print_run_head(e, out);
  c_named(e, out,
          ";\n"
          "const char *$n_error_text(int error);\n"
          "\n"
          "#ifdef __cplusplus\n"
          "}\n"
          "#endif\n"
          "#endif\n");
}

/* the tables */

static void print_tensors(const Emitter *e, const char *direction, Value *const *values, size_t count,
                          const char *const *names, Text *out) {
  for (size_t i = 0; i < count; i++) {
    if (!values[i]->rank) continue;
    text_printf(out, "static const int64_t %s_dims_%zu[] = {", direction, i);
    for (int k = 0; k < values[i]->rank; k++)
      text_printf(out, "%s%lld", k ? ", " : "", (long long)values[i]->dims[k].value);
    text_printf(out, "};\n");
  }
  text_printf(out, "const %s_tensor %s_%ss[] = {\n", e->name, e->name, direction);
  for (size_t i = 0; i < count; i++) {
    const Value *v = values[i];
    text_printf(out, "    {%s, \"%s\", %d, %d, ", quoted(e->arena, names ? names[i] : v->name), dtype_name(v->type),
                v->type, v->rank);
    text_printf(out, v->rank ? "%s_dims_%zu" : "NULL", direction, i);
    text_printf(out, ", %lld},\n", (long long)dtype_bytes(v->type, value_count(v)));
  }
  text_printf(out, "    {NULL, NULL, 0, 0, NULL, 0},\n};\n");
}

/* the entry */

static void print_run(const Emitter *e, Text *out) {
  text_printf(out, "\n");
  print_run_head(e, out);
  c_named(e, out,
          " {\n"
          "  for (size_t i = 0; steps[i].kernel; i++) {\n"
          "    void *bufs[MOST_REFS];\n"
          "    for (size_t k = 0; k < steps[i].count; k++) {\n"
          "      int base = refs[steps[i].first + k].base, io = base - IO;\n"
          "      const void *start = base == ARENA       ? arena\n"
          "                          : base == WEIGHTS   ? weights\n"
          "                          : io < $N_INPUTS ? inputs[io]\n"
          "                                              : outputs[io - $N_INPUTS];\n"
          "      bufs[k] = (unsigned char *)start + refs[steps[i].first + k].offset;\n"
          "    }\n"
          "    int error = steps[i].kernel(bufs, 0, 1);\n"
          "    if (error) return error;\n"
          "  }\n"
          "  return 0;\n"
          "}\n"
          "\n"
          "const char *$n_error_text(int error) {\n"
          "  static const char *const texts[] = {\n"
          "#define X(name, text) text,\n"
          "      STATUSES(X)\n"
          "#undef X\n"
          "  };\n"
          "  return error >= 0 && error < (int)(sizeof texts / sizeof *texts) ? texts[error] : \"unknown error\";\n"
          "}\n");
}

// A program around the model, for trying it: raw files in, raw files out.
static void print_main(const Emitter *e, Text *out) {
  c_named(e, out,
          "\n"
          "#ifdef $N_MAIN // a program: FILE of each input, then of each output, raw bytes\n"
          "#include <stdio.h>\n"
          "#include <stdlib.h>\n"
          "\n"
          "enum { INPUTS = $N_INPUTS, OUTPUTS = $N_OUTPUTS };\n"
          "\n"
          "static void *allocate(size_t size) {\n"
          "  void *data = aligned_alloc(64, size / 64 * 64 + 64);\n"
          "  if (!data) exit(3);\n"
          "  return memset(data, 0, size);\n"
          "}\n"
          "\n"
          "static int file_fault(const char *path, const char *fault) {\n"
          "  fprintf(stderr, \"%s: %s\\n\", path, fault);\n"
          "  return 2;\n"
          "}\n"
          "\n"
          "int main(int count, char **files) {\n"
          "  void *tensors[INPUTS + OUTPUTS + 1], *arena = allocate($N_ARENA_BYTES);\n"
          "  if (count != 1 + INPUTS + OUTPUTS) return file_fault(files[0], \"a file for each input and output\");\n"
          "  for (int i = 0; i < INPUTS; i++) {\n"
          "    FILE *file = fopen(files[1 + i], \"rb\");\n"
          "    size_t size = $n_inputs[i].bytes;\n"
          "    tensors[i] = allocate(size);\n"
          "    if (!file || fread(tensors[i], 1, size, file) != size) return file_fault(files[1 + i], \"too short\");\n"
          "    fclose(file);\n"
          "  }\n"
          "  for (int i = 0; i < OUTPUTS; i++) tensors[INPUTS + i] = allocate($n_outputs[i].bytes);\n"
          "  int error = $n_run((const void *const *)tensors, tensors + INPUTS, arena);\n"
          "  if (error) return fprintf(stderr, \"%s\\n\", $n_error_text(error)), 1;\n"
          "  for (int i = 0; i < OUTPUTS; i++) {\n"
          "    const char *path = files[1 + INPUTS + i];\n"
          "    FILE *file = fopen(path, \"wb\");\n"
          "    size_t size = $n_outputs[i].bytes;\n"
          "    if (!file || fwrite(tensors[INPUTS + i], 1, size, file) != size || fclose(file))\n"
          "      return file_fault(path, \"cannot be written\");\n"
          "  }\n"
          "  for (int i = 0; i < INPUTS + OUTPUTS; i++) free(tensors[i]);\n"
          "  free(arena);\n"
          "  return 0;\n"
          "}\n"
          "#endif\n");
}

void c_entry(const Emitter *e, Text *out) {
  const Program *p = e->program;
  text_printf(out, "\n");
  print_tensors(e, "input", p->inputs, p->input_count, NULL, out);
  print_tensors(e, "output", p->outputs, p->output_count, e->model->graph->output_names, out);
  print_run(e, out);
  print_main(e, out);
}
