// --emit=c: a C file that stands alone, with a header. It offers what a library of the model does (runtime/ingot.h,
// whose text the header holds), so that a program can take one for the other, whatever the model needs: open dims,
// jumps, strings, sequences.
//
// The file holds the texts of the kernel templates, one function for each distinct step, the tables of runtime/model.h
// and the few files of the runtime that walk the steps. Weights lie beside it in a file of their own, or in an array
// when they are few. -DINGOT_MODEL_ONLY leaves the runtime out: for all but one of several models in a program, or to
// link the rest of the runtime instead, which makes an executable. -DNAME_MAIN brings a small program.
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

// Text from a model file as it can stand in a comment: nothing that ends it, continues a line or means a trigraph.
static const char *comment(Arena *arena, const char *text) {
  char *copy = arena_strdup(arena, text);
  for (char *c = copy; *c; c++)
    if (*c < ' ' || *c > '~' || strchr("\\/*?", *c)) *c = '_';
  return copy;
}

// Appends `text` with the model's name in place of $n, in capitals for $N, and the files' name for $f.
static void print_named(const Emitter *e, Text *out, const char *text) {
  for (const char *at = text;; at += 2) {
    size_t length = strcspn(at, "$");
    text_append(out, at, length);
    at += length;
    if (!*at) return;
    const char *name = at[1] == 'n' ? e->name : at[1] == 'N' ? e->NAME : e->base;
    text_append(out, name, strlen(name));
  }
}

/* the header and the top of the source */

static void print_title(const Emitter *e, Text *out) {
  text_printf(out, "// %s as C, made by ingot %s for %s.\n", comment(e->arena, e->file), INGOT_VERSION,
              e->target->name);
}

static bool has_blocks(const IngotModel *m) {
  bool found = false;
  for (uint32_t i = 0; i < m->input_count; i++) found |= m->inputs[i].kind != MODEL_TENSOR;
  for (uint32_t i = 0; i < m->output_count; i++) found |= m->outputs[i].kind != MODEL_TENSOR;
  return found;
}

static bool print_header(const Emitter *e, const IngotModel *model, Text *out) {
  Paste paste = {.arena = e->arena, .diag = e->model->diag, .out = out};
  print_title(e, out);
  if (!c_paste_file(&paste, "runtime/ingot.h")) return false;
  if (has_blocks(model) && !c_paste_file(&paste, "runtime/sequence.h")) return false;
  print_named(e, out,
              "#ifdef __cplusplus\n"
              "extern \"C\" const IngotModel $n;\n"
              "#else\n"
              "extern const IngotModel $n;\n"
              "#endif\n");
  return true;
}

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

static bool print_top(const Emitter *e, Paste *paste) {
  print_title(e, paste->out);
  text_printf(paste->out, "#define VECTOR_BYTES %lld\n", (long long)e->target->vector_bytes);
  for (size_t i = 0; i < COUNT(levels); i++)
    if (!strcmp(levels[i].arch, e->target->arch) && levels[i].vector_bytes == e->target->vector_bytes)
      text_printf(paste->out, "#if !(%s)\n#error \"compile with %s\"\n#endif\n", levels[i].condition, levels[i].flags);
  text_printf(paste->out, "\n");
  if (!c_paste_file(paste, "runtime/ingot.h")) return false;
  print_named(e, paste->out,
              "// A label, since the name could be one of a template.\n"
              "extern const IngotModel ingot_model __asm__(\"$n\");\n\n");
  return c_paste_file(paste, "runtime/model.h");
}

/* kernels */

static const char *number_text(const Emitter *e, const Step *step, Dim number) {
  if (dim_is_const(number)) return arena_printf(e->arena, "%lld", (long long)number.value);
  return arena_printf(e->arena, "frame_number(bufs, %zu, %d)", step->pointer_count, step_local(step, number.expr));
}

static void print_arg(const Emitter *e, const Step *step, const Arg *arg, const char *func, Text *out) {
  switch (arg->kind) {
  case ARG_INT: text_printf(out, "%s", number_text(e, step, arg->i)); break;
  case ARG_FLOAT: c_real(out, arg->f, false); break;
  case ARG_POINTER: {
    Dim shift = pointer_shift(&step->pointers[arg->pointer]);
    bool fixed = dim_is_const(shift);
    text_printf(out, fixed ? "bufs[%d]" : "at_byte(bufs[%d], %s)", arg->pointer, number_text(e, step, shift));
    break;
  }
  case ARG_FUNC: text_printf(out, "%s", func); break;
  }
}

// A call of the template. A second function of a kind has its argument's place in its name, too.
static void print_call(const Emitter *e, const Step *step, int number, Text *functions, Text *body) {
  static const char *const kinds[] = {[FUNC_LOAD] = "load", [FUNC_STORE] = "store", [FUNC_BODY] = "body"};
  text_printf(body, "  return %s(", step->kernel->name);
  for (size_t i = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    const char *name = "";
    if (arg->kind == ARG_FUNC) {
      const char *kind = kinds[arg->func->kind];
      bool first = step_find_func(step, arg->func->kind) == arg->func;
      name =
          first ? arena_printf(e->arena, "%s_%d", kind, number) : arena_printf(e->arena, "%s_%d_%zu", kind, number, i);
      c_func(e->arena, functions, step, arg->func, name);
    }
    print_arg(e, step, arg, name, body);
    text_printf(body, ", ");
  }
  text_printf(body, "bufs, part, parts);\n");
}

// A kernel and its generated functions: kernel_3, store_3.
static void print_kernel(const Emitter *e, const Step *step, int number, Text *out) {
  Text body = {.arena = e->arena};
  text_printf(out, "\n// %s\n", comment(e->arena, step->name));
  if (step->kind == STEP_TEMPLATE)
    print_call(e, step, number, out, &body);
  else
    c_dims(e, &body, step);
  text_printf(out, "// %s: %s\n", step->kernel->name, step->kernel->args);
  text_printf(out, "static int kernel_%d(void *const *bufs, idx part, idx parts) {\n%s}\n", number, body.data);
}

static void print_kernels(const Emitter *e, Text *out) {
  int next = 0;
  for (size_t i = 0; i < e->program->step_count; i++)
    if (e->kernel_of[i] == next) print_kernel(e, e->program->steps[i], next++, out);
}

/* weights and strings */

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
  if (!p->weight_bytes) return;
  if (!weights_in_file(p)) {
    text_printf(out, "\nstatic const unsigned char weights[%lld] __attribute__((aligned(64))) = {",
                (long long)p->weight_bytes);
    program_write_weights(p, write_array, &(Array){out, 0});
    text_printf(out, "\n};\n");
  } else {
    print_named(
        e, out,
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
        "extern const unsigned char weights[] __asm__(\"$n_weights\") __attribute__((visibility(\"hidden\")));\n");
  }
}

static void print_strings(const IngotModel *model, Text *out) {
  if (!model->string_bytes) return;
  text_printf(out, "\nstatic const unsigned char strings[%llu] = {", (unsigned long long)model->string_bytes);
  write_array(&(Array){out, 0}, model->strings, model->string_bytes);
  text_printf(out, "\n};\n");
}

/* files */

static bool print_source(const Emitter *e, const IngotModel *model, Text *out) {
  Text kernels = {.arena = e->arena};
  Paste paste = {.arena = e->arena, .diag = e->model->diag, .out = out};
  print_kernels(e, &kernels);
  const char *code = kernels.data ? kernels.data : "";
  // What c_func and c_dims print stands on these.
  if (!print_top(e, &paste) || !c_paste_file(&paste, "templates/scalar.h")) return false;
  if (e->program->frame && !c_paste_file(&paste, "templates/frame.h")) return false;
  if (!c_paste_templates(&paste, code)) return false;
  text_append(out, code, strlen(code));
  print_weights(e, out);
  print_strings(model, out);
  c_model(e, out, model);
  text_printf(out, "\n#ifndef INGOT_MODEL_ONLY\n");
  for (const char *const *file = (const char *const[]){"runtime/bind.c", "runtime/status.c", "runtime/library.c", NULL};
       *file; file++)
    if (!c_paste_file(&paste, *file)) return false;
  text_printf(out, "#endif\n");
  print_named(e, out, "\n#ifdef $N_MAIN\n");
  if (!c_paste_file(&paste, "runtime/raw_files.c")) return false;
  text_printf(out, "#endif\n");
  return true;
}

static bool write_file(void *context, const void *data, size_t size) {
  return write_all(output_fd(context), data, size);
}

// What C and the assembler take between quotes without a second thought.
static bool is_simple_name(const char *name) {
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("._-+", *c)) return false;
  return *name;
}

bool emit_c(Model *model, const Program *program, const Target *target, const Description *description,
            const char *out_path) {
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
  e.kernel_of = number_kernels(program, &kernel_count);

  IngotModel made = make_ingot_model(model, program, target, description);
  Text header = {.arena = arena}, source = {.arena = arena};
  if (!print_header(&e, &made, &header) || !print_source(&e, &made, &source)) return false;
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
