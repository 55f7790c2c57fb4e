// Building, printing and verifying Programs.
#include "compiler/program/program.h"

#include <assert.h>
#include <string.h>

#define MOST_ROOM (INT64_C(1) << 36) // of a buffer whose size only a run tells: a larger bound says nothing

static const Template templates[] = {
#define T(name, help, args) {#name, args, help},
#include "templates/templates.def"
#undef T
};

const Template *template_find(const char *name) {
  for (size_t i = 0; i < COUNT(templates); i++)
    if (!strcmp(templates[i].name, name)) return &templates[i];
  assert(!"no such template");
  return NULL;
}

Program *program_new(Arena *arena, DimTable *dims) {
  Program *program = NEW(arena, Program);
  program->arena = arena;
  program->dims = dims;
  program->exprs = exprs_new(arena);
  return program;
}

Buffer *buffer_new(Program *program, BufferKind kind, Dim bytes, const char *name) {
  Buffer *buffer = NEW(program->arena, Buffer);
  *buffer = (Buffer){.id = (int)program->buffer_count, .kind = kind, .bytes = bytes, .name = name};
  APPEND(program->arena, program->buffers, program->buffer_count, buffer);
  return buffer;
}

Dim dim_bytes(DType type, Dim count) { return dim_times(count, dtype_unit(type)); }

int64_t most_bytes(Dim bytes) {
  int64_t most = dim_most(bytes);
  return dim_is_const(bytes) || (most > 0 && most <= MOST_ROOM) ? most : -1;
}

bool buffer_in_heap(const Buffer *buffer) {
  return buffer->block ||
         ((buffer->kind == BUFFER_ARENA || buffer->kind == BUFFER_OUTPUT) && most_bytes(buffer->bytes) < 0);
}

const Buffer *io_buffer(const Program *program, BufferKind kind, size_t io) {
  size_t i = 0;
  while (program->buffers[i]->kind != kind || (size_t)program->buffers[i]->io != io) i++;
  return program->buffers[i];
}

int64_t count_parts(Dim work, int64_t each) { return dim_is_const(work) ? work.value / each + 1 : INT16_MAX; }

Step *step_new(Program *program, const char *kernel, const Loc *loc, const char *name) {
  Step *step = NEW(program->arena, Step);
  *step = (Step){.kernel = template_find(kernel), .parts = 1, .name = name, .loc = *loc};
  APPEND(program->arena, program->steps, program->step_count, step);
  return step;
}

Step *step_control(Program *program, StepKind kind, const Loc *loc, const char *name) {
  static const Template kernels[] = {
      [STEP_DIMS] = {"dims", "", ""}, [STEP_JUMP] = {"jump", "", ""}, [STEP_LABEL] = {"label", "", ""}};
  Step *step = NEW(program->arena, Step);
  *step = (Step){.kind = kind, .kernel = &kernels[kind], .parts = 1, .name = name, .loc = *loc};
  APPEND(program->arena, program->steps, program->step_count, step);
  return step;
}

int step_pointer(Program *program, Step *step, Buffer *buffer, Dim offset) {
  for (size_t i = 0; i < step->pointer_count; i++)
    if (step->pointers[i].buffer == buffer && dim_equal(step->pointers[i].offset, offset)) return (int)i;
  APPEND(program->arena, step->pointers, step->pointer_count, ((Pointer){buffer, offset}));
  return (int)step->pointer_count - 1;
}

static void add_arg(Program *program, Step *step, Arg arg) { APPEND(program->arena, step->args, step->arg_count, arg); }

void step_int(Program *program, Step *step, int64_t value) {
  add_arg(program, step, (Arg){ARG_INT, {.i = dim_const(value)}});
}
void step_dims(Program *program, Step *step, size_t count, const Dim *values) {
  for (size_t i = 0; i < count; i++) add_arg(program, step, (Arg){ARG_INT, {.i = values[i]}});
}
void step_float(Program *program, Step *step, double value) { add_arg(program, step, (Arg){ARG_FLOAT, {.f = value}}); }
void step_buffer(Program *program, Step *step, Buffer *buffer, Dim offset) {
  add_arg(program, step, (Arg){ARG_POINTER, {.pointer = step_pointer(program, step, buffer, offset)}});
}

Func *step_func(Program *program, Step *step, FuncKind kind, DType acc) {
  Func *func = NEW(program->arena, Func);
  func->kind = kind;
  func->acc = acc;
  for (int i = 0; i < COORDS; i++) func->space[i] = dim_const(1);
  add_arg(program, step, (Arg){ARG_FUNC, {.func = func}});
  return func;
}

bool access_equal(const Access *a, const Access *b) {
  bool equal = a->pointer == b->pointer && a->type == b->type && a->fetched == b->fetched;
  for (int i = 0; i < COORDS; i++) equal = equal && dim_equal(a->stride[i], b->stride[i]);
  return equal;
}

int func_load(Program *program, Func *func, const Access *access) {
  for (size_t i = 0; i < func->load_count; i++)
    if (access_equal(&func->loads[i], access)) return (int)i;
  APPEND(program->arena, func->loads, func->load_count, *access);
  return (int)func->load_count - 1;
}

void func_store(Program *program, Func *func, const Access *access, const Expr *value) {
  size_t count = func->store_count;
  APPEND(program->arena, func->values, count, value);
  APPEND(program->arena, func->stores, func->store_count, *access);
}

size_t find_step(Step *const *steps, const Step *step) {
  size_t i = 0;
  while (steps[i] != step) i++;
  return i;
}

Func *step_find_func(const Step *step, FuncKind kind) {
  for (size_t i = 0; i < step->arg_count; i++)
    if (step->args[i].kind == ARG_FUNC && step->args[i].func->kind == kind) return step->args[i].func;
  return NULL;
}

/* printing */

static const char *const kind_names[] = {"input", "output", "weight", "arena", "state", "frame", "strings"};

// A signature names what the step reads from the frame by its number among the step's locals.
static void print_dim(const Program *program, const Step *step, Dim dim, bool with_buffers, Text *out) {
  for (size_t i = 0; i < step->local_count && !with_buffers; i++)
    if (dim.expr && step->locals[i] == dim.expr) {
      text_printf(out, "$%zu", i);
      return;
    }
  text_printf(out, "%s", dim_text(program->dims, dim));
}

// In a signature a pointer has a number, and what the kernel adds to it.
static void print_pointer(const Program *program, const Step *step, int index, bool with_buffers, Text *out) {
  const Pointer *pointer = &step->pointers[index];
  if (with_buffers) {
    text_printf(out, "%%%d+%s", pointer->buffer->id, dim_text(program->dims, pointer->offset));
    return;
  }
  Dim shift = pointer_shift(pointer);
  text_printf(out, "p%d", index);
  if (!shift.expr) return;
  text_printf(out, "+");
  print_dim(program, step, shift, with_buffers, out);
}

static void print_access(const Program *p, const Step *step, const Access *access, bool with_buffers, Text *out) {
  if (with_buffers)
    text_printf(out, "%%%d", step->pointers[access->pointer].buffer->id);
  else
    print_pointer(p, step, access->pointer, false, out);
  text_printf(out, ":%s[", dtype_name(access->type));
  for (int i = 0; i < COORDS; i++) {
    text_printf(out, "%s", i ? " " : "");
    print_dim(p, step, access->stride[i], with_buffers, out);
  }
  text_printf(out, access->fetched ? "]?" : "]");
}

static void print_func(const Program *program, const Step *step, const Func *func, bool with_buffers, Text *out) {
  static const char *const kinds[] = {"load", "store", "body"};
  text_printf(out, "%s:%s{", kinds[func->kind], dtype_name(func->acc));
  for (size_t i = 0; i < func->load_count; i++) {
    text_printf(out, "%sx%zu = ", i ? ", " : "", i);
    print_access(program, step, &func->loads[i], with_buffers, out);
  }
  if (func->load_count) text_printf(out, "; ");
  for (size_t i = 0; i < func->store_count; i++) {
    print_access(program, step, &func->stores[i], with_buffers, out);
    text_printf(out, " = ");
    expr_print(program->exprs, func->values[i], out);
  }
  if (func->kind == FUNC_LOAD) expr_print(program->exprs, func->values[0], out);
  text_printf(out, "}");
}

// Word i of the template's list of arguments.
static const char *arg_word(const Template *kernel, size_t i, int *length) {
  const char *at = kernel->args;
  for (;; i--) {
    at += strspn(at, " ");
    size_t n = strcspn(at, " ");
    *length = (int)n;
    if (!i || !n) return at;
    at += n;
  }
}

static void print_control(const Program *program, const Step *step, bool with_buffers, Text *out) {
  for (size_t i = 0; i < step->dim_count; i++) {
    const DimExpr *e = step->dims[i].expr;
    text_printf(out, " [%d]=%s", frame_find(program, step->dims[i]),
                dim_text(program->dims, e->defined ? e->a : step->dims[i]));
  }
  for (size_t i = 0; i < step->check_count; i++)
    text_printf(out, " %s>=0", dim_text(program->dims, step->checks[i].dim));
  if (step->kind != STEP_JUMP) return;
  text_printf(out, " unless ");
  print_dim(program, step, step->condition, with_buffers, out);
  text_printf(out, " to #%zu", find_step(program->steps, step->target));
}

static void print_step(const Program *program, const Step *step, bool with_buffers, Text *out) {
  text_printf(out, "%s", step->kernel->name);
  print_control(program, step, with_buffers, out);
  for (size_t i = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    int length;
    const char *word = arg_word(step->kernel, i, &length);
    text_printf(out, " %.*s=", length, word);
    switch (arg->kind) {
    case ARG_INT: print_dim(program, step, arg->i, with_buffers, out); break;
    case ARG_FLOAT: text_printf(out, "%.17g", arg->f); break;
    case ARG_POINTER: print_pointer(program, step, arg->pointer, with_buffers, out); break;
    case ARG_FUNC: print_func(program, step, arg->func, with_buffers, out); break;
    }
  }
}

void program_print(const Program *program, Text *out) {
  for (size_t i = 0; i < program->buffer_count; i++) {
    const Buffer *b = program->buffers[i];
    text_printf(out, "%%%d %s %s bytes", b->id, kind_names[b->kind], dim_text(program->dims, b->bytes));
    if (buffer_in_heap(b))
      text_printf(out, " in the heap at %s", dim_text(program->dims, b->place));
    else if (b->kind == BUFFER_ARENA || b->kind == BUFFER_WEIGHT)
      text_printf(out, " at %lld", (long long)b->offset);
    text_printf(out, " '%s'\n", b->name);
  }
  for (size_t i = 0; i < program->step_count; i++) {
    text_printf(out, "#%zu '%s' ", i, program->steps[i]->name);
    print_step(program, program->steps[i], true, out);
    text_printf(out, "\n");
  }
  text_printf(out, "arena %lld bytes, weights %lld bytes, state %lld bytes\n", (long long)program->arena_bytes,
              (long long)program->weight_bytes, (long long)program->state_bytes);
}

const char *step_signature(const Program *program, const Step *step) {
  Text text = {.arena = program->arena};
  print_step(program, step, false, &text);
  return text.data;
}

/* verifying */

static bool is_static(const Func *func, const Access *access, const Pointer *pointer) {
  bool known = dim_is_const(pointer->offset) && dim_is_const(pointer->buffer->bytes);
  for (int i = 0; i < COORDS; i++) known = known && dim_is_const(func->space[i]) && dim_is_const(access->stride[i]);
  return known;
}

static void verify_access(const Step *step, const Func *func, const Access *access) {
  assert(access->pointer >= 0 && (size_t)access->pointer < step->pointer_count);
  const Pointer *pointer = &step->pointers[access->pointer];
  int64_t low = 0, high = 0; // furthest elements, from the pointer
  if (access->fetched || !is_static(func, access, pointer)) return;
  for (int i = 0; i < COORDS; i++) {
    int64_t extent = func->space[i].value;
    assert(extent >= 0);
    if (extent == 0) return; // nothing is touched
    int64_t reach = (extent - 1) * access->stride[i].value;
    *(reach < 0 ? &low : &high) += reach;
  }
  int64_t bytes = dtype_unit(access->type);
  assert(bytes > 0 && pointer->offset.value + low * bytes >= 0);
  assert(pointer->offset.value + (high + 1) * bytes <= pointer->buffer->bytes.value);
  (void)pointer;
  (void)bytes;
}

static void verify_step(const Step *step) {
  for (size_t i = 0; i <= step->arg_count; i++) {
    int length;
    const char *word = arg_word(step->kernel, i, &length);
    if (i == step->arg_count) {
      assert(length == 0); // no argument is missing
      (void)word;
      break;
    }
    static const char marks[] = {[ARG_INT] = 0, [ARG_FLOAT] = '%', [ARG_POINTER] = '*', [ARG_FUNC] = '@'};
    char mark = *word == '%' || *word == '*' || *word == '@' ? *word : 0;
    assert(length > 0 && mark == marks[step->args[i].kind]);
    (void)mark;
    (void)marks;
    if (step->args[i].kind != ARG_FUNC) continue;
    const Func *func = step->args[i].func;
    assert(func->kind == FUNC_LOAD ? func->values && func->values[0]->type == func->acc : func->store_count > 0);
    for (size_t k = 0; k < func->load_count; k++) verify_access(step, func, &func->loads[k]);
    for (size_t k = 0; k < func->store_count; k++) {
      verify_access(step, func, &func->stores[k]);
      assert(func->values[k]->type == func->stores[k].type);
    }
  }
  for (size_t i = 0; i < step->pointer_count; i++) {
    const Pointer *pointer = &step->pointers[i];
    if (dim_is_const(pointer->offset) && dim_is_const(pointer->buffer->bytes))
      assert(pointer->offset.value >= 0 && pointer->offset.value <= pointer->buffer->bytes.value);
  }
}

void program_verify(const Program *program) {
  for (size_t i = 0; i < program->step_count; i++) verify_step(program->steps[i]);
}
