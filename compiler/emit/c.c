// --emit=c: a C file that stands alone, with a header. It holds the texts of the kernel templates, one function for
// each distinct step, a table of steps and a loop that runs them. Weights lie beside it in a file of their own, or in
// an array when they are few.
#include "compiler/emit/c.h"
#include "compiler/emit/emit.h"
#include "compiler/link/output.h"

#include <ctype.h>
#include <string.h>

enum {
  ARRAY_LIMIT = 16 << 10, // bytes of weights that are written as an array
  ARRAY_ROW = 24,         // of which on a line
};

/* names */

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *c_identifier(Arena *arena, const char *file, bool upper) {
  const char *dot = strrchr(file, '.');
  size_t length = dot && dot > file ? (size_t)(dot - file) : strlen(file);
  // A digit cannot be first, and names with '_' first belong to the compiler.
  bool prefix = !length || !isalpha((unsigned char)*file);
  char *name = arena_printf(arena, "%s%.*s", prefix ? "model_" : "", (int)length, file);
  for (char *c = name; *c; c++) {
    if (!isalnum((unsigned char)*c)) *c = '_';
    if (upper) *c = (char)toupper((unsigned char)*c);
  }
  return name;
}

/* the top of the source */

// What the compiler must be told for vectors of this size: they stand in registers only then.
static const struct {
  const char *arch;
  int64_t vector_bytes;
  const char *condition, *flags;
} levels[] = {
    {"x86_64", 32, "defined __AVX2__ && defined __FMA__", "-mavx2 -mfma"},
    {"x86_64", 64, "defined __AVX512F__ && defined __AVX512BW__ && defined __AVX512DQ__ && defined __AVX512VL__",
     "-march=x86-64-v4"},
};

static void print_top(const Emitter *e, Text *out) {
  c_title(e, out);
  c_named(e, out, "#include \"$f.h\"\n\n");
  text_printf(out, "#define VECTOR_BYTES %lld\n", (long long)e->target->vector_bytes);
  for (size_t i = 0; i < COUNT(levels); i++)
    if (!strcmp(levels[i].arch, e->target->arch) && levels[i].vector_bytes == e->target->vector_bytes)
      text_printf(out, "#if !(%s)\n#error \"compile with %s\"\n#endif\n", levels[i].condition, levels[i].flags);
  text_printf(out, "\n");
}

/* kernels */

static void print_arg(const Arg *arg, const char *func, Text *out) {
  switch (arg->kind) {
  case ARG_INT: text_printf(out, "%lld", (long long)arg->i.value); break;
  case ARG_FLOAT: c_real(out, arg->f, false); break;
  case ARG_POINTER: text_printf(out, "bufs[%d]", arg->pointer); break;
  case ARG_FUNC: text_printf(out, "%s", func); break;
  }
}

// A kernel and its generated functions: kernel_3, store_3. A second function of a kind has its argument's place too.
static void print_kernel(const Emitter *e, const Step *step, int number, Text *out) {
  static const char *const kinds[] = {[FUNC_LOAD] = "load", [FUNC_STORE] = "store", [FUNC_BODY] = "body"};
  Text call = {.arena = e->arena};
  text_printf(out, "\n// %s\n", c_comment(e->arena, step->name));
  for (size_t i = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    const char *name = "";
    if (arg->kind == ARG_FUNC) {
      const char *kind = kinds[arg->func->kind];
      bool first = step_find_func(step, arg->func->kind) == arg->func;
      name =
          first ? arena_printf(e->arena, "%s_%d", kind, number) : arena_printf(e->arena, "%s_%d_%zu", kind, number, i);
      c_func(e->arena, out, arg->func, name);
    }
    print_arg(arg, name, &call);
    text_printf(&call, ", ");
  }
  text_printf(out, "// %s: %s\n", step->kernel->name, step->kernel->args);
  text_printf(out,
              "static int kernel_%d(void *const *bufs, idx part, idx parts) {\n  return %s(%sbufs, part, parts);\n}\n",
              number, step->kernel->name, call.size ? call.data : "");
}

static void print_kernels(const Emitter *e, Text *out) {
  int next = 0;
  for (size_t i = 0; i < e->program->step_count; i++)
    if (e->kernel_of[i] == next) print_kernel(e, e->program->steps[i], next++, out);
}

/* weights */

typedef struct {
  Text *out;
  size_t written;
} Array;

static bool write_array(void *context, const void *data, size_t size) {
  Array *array = context;
  for (size_t i = 0; i < size; i++, array->written++)
    text_printf(array->out, "%s%d,", array->written % ARRAY_ROW ? "" : "\n    ", ((const unsigned char *)data)[i]);
  return true;
}

static bool weights_in_file(const Program *program) { return program->weight_bytes > ARRAY_LIMIT; }

static void print_weights(const Emitter *e, Text *out) {
  const Program *p = e->program;
  if (!p->weight_bytes) {
    text_printf(out, "\nstatic const unsigned char *const weights = NULL;\n");
  } else if (!weights_in_file(p)) {
    text_printf(out, "\nstatic const unsigned char weights[%lld] __attribute__((aligned(64))) = {",
                (long long)p->weight_bytes);
    program_write_weights(p, write_array, &(Array){out, 0});
    text_printf(out, "\n};\n");
  } else {
    c_named(e, out,
            "\n"
            "// The assembler looks for the weights in the current folder and in those of -I.\n"
            "#ifndef $N_WEIGHTS_FILE\n"
            "#define $N_WEIGHTS_FILE \"$f.weights\"\n"
            "#endif\n"
            "__asm__(\".pushsection .rodata, \\\"a\\\"\\n\"\n"
            "        \".balign 64\\n\"\n"
            "        \".globl $n_weights\\n\"\n"
            "        \".hidden $n_weights\\n\"\n"
            "        \"$n_weights:\\n\"\n"
            "        \".incbin \\\"\" $N_WEIGHTS_FILE \"\\\"\\n\"\n"
            "        \".popsection\");\n"
            "extern const unsigned char $n_weights[] __attribute__((visibility(\"hidden\")));\n"
            "static const unsigned char *const weights = $n_weights;\n");
  }
}

static bool write_file(void *context, const void *data, size_t size) {
  return write_all(output_fd(context), data, size);
}

/* tables */

static void print_ref(const Emitter *e, const Pointer *pointer, Text *out) {
  const Buffer *b = pointer->buffer;
  const Program *p = e->program;
  long long shift = (long long)pointer->offset.value, offset = (long long)b->offset + shift;
  switch (b->kind) {
  case BUFFER_INPUT: text_printf(out, " {IO + %d, %lld},", b->io, shift); break;
  case BUFFER_OUTPUT: text_printf(out, " {IO + %zu, %lld},", p->input_count + (size_t)b->io, shift); break;
  case BUFFER_WEIGHT: text_printf(out, " {WEIGHTS, %lld},", offset); break;
  case BUFFER_ARENA: text_printf(out, " {ARENA, %lld},", offset); break;
  case BUFFER_STATE: text_printf(out, " {ARENA, %lld},", offset + (long long)c_state_start(p)); break;
  case BUFFER_FRAME:
  case BUFFER_STRINGS: break; // refused by check_shapes
  }
}

static void print_steps(const Emitter *e, Text *out) {
  const Program *p = e->program;
  size_t first = 0, most = 1;
  text_printf(out, "\n// Where the buffers of steps lie. IO + i: input i; the outputs stand behind the inputs.\n"
                   "enum { ARENA, WEIGHTS, IO };\n"
                   "static const struct {\n  int base;\n  size_t offset;\n} refs[] = {\n");
  for (size_t i = 0; i < p->step_count; i++) {
    const Step *step = p->steps[i];
    if (!step->pointer_count) continue;
    text_printf(out, "   ");
    for (size_t k = 0; k < step->pointer_count; k++) print_ref(e, &step->pointers[k], out);
    text_printf(out, "\n");
    if (step->pointer_count > most) most = step->pointer_count;
  }
  text_printf(out,
              "    {0, 0},\n};\n\nenum { MOST_REFS = %zu };\n"
              "static const struct {\n"
              "  int (*kernel)(void *const *bufs, idx part, idx parts);\n  size_t first, count; // of refs\n"
              "} steps[] = {\n",
              most);
  for (size_t i = 0; i < p->step_count; i++) {
    size_t count = p->steps[i]->pointer_count;
    text_printf(out, "    {kernel_%d, %zu, %zu}, // %s\n", e->kernel_of[i], first, count,
                c_comment(e->arena, p->steps[i]->name));
    first += count;
  }
  text_printf(out, "    {NULL, 0, 0},\n};\n");
}

static bool print_source(const Emitter *e, Text *out) {
  Text kernels = {.arena = e->arena};
  print_kernels(e, &kernels);
  const char *code = kernels.data ? kernels.data : "";
  print_top(e, out);
  if (!c_paste(e->arena, e->model->diag, out, code)) return false;
  text_append(out, code, strlen(code));
  print_weights(e, out);
  print_steps(e, out);
  c_entry(e, out);
  return true;
}

/* files */

// What C and the assembler take between quotes without a second thought.
static bool is_simple_name(const char *name) {
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("._-+", *c)) return false;
  return *name;
}

static bool check_shapes(const Emitter *e) {
  const Program *p = e->program;
  for (size_t i = 0; i < p->input_count + p->output_count; i++) {
    const Value *v = i < p->input_count ? p->inputs[i] : p->outputs[i - p->input_count];
    if (!value_is_static(v))
      return diag_error(e->model->diag, e->model->file, "%s has no fixed shape: give one with --shape",
                        value_text(e->model, v));
  }
  if (p->pool) return diag_error(e->model->diag, e->model->file, "--emit=c does not know strings yet");
  if (p->frame)
    return diag_error(e->model->diag, e->model->file,
                      "--emit=c does not know dynamic shapes, nor random numbers without a seed, yet");
  return true;
}

bool emit_c(Model *model, const Program *program, const Target *target, const char *out_path) {
  Arena *arena = program->arena;
  Diag *diag = model->diag;
  size_t length = strlen(out_path);
  if (length < 2 || strcmp(out_path + length - 2, ".c"))
    return diag_error(diag, out_path, "output of --emit=c must end in '.c'");
  const char *path = arena_strndup(arena, out_path, length - 2);
  Emitter e = {.arena = arena, .model = model, .program = program, .target = target};
  e.file = file_name(model->file);
  e.base = file_name(path);
  e.name = c_identifier(arena, e.file, false);
  e.NAME = c_identifier(arena, e.file, true);
  if (!is_simple_name(e.base))
    return diag_error(diag, out_path, "output of --emit=c needs a name of letters, digits and '._-+'");
  int kernel_count;
  if (!check_shapes(&e)) return false;
  e.kernel_of = number_kernels(program, &kernel_count);

  Text header = {.arena = arena}, source = {.arena = arena};
  c_header(&e, &header);
  if (!print_source(&e, &source)) return false;
  Output *weights = NULL, *h = output_open(arena, diag, arena_printf(arena, "%s.h", path));
  Output *c = h ? output_open(arena, diag, out_path) : NULL;
  if (!c) return false;
  if (weights_in_file(program)) {
    weights = output_open(arena, diag, arena_printf(arena, "%s.weights", path));
    if (!weights) return false;
    if (!program_write_weights(program, write_file, weights)) return output_error(diag, weights);
  }
  if (!write_all(output_fd(h), header.data, header.size)) return output_error(diag, h);
  if (!write_all(output_fd(c), source.data, source.size)) return output_error(diag, c);
  return (!weights || output_commit(diag, weights, false)) && output_commit(diag, h, false) &&
         output_commit(diag, c, false);
}
