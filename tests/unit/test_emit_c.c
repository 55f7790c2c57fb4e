// Both emitters, from Programs made by hand to their answers. Each program is written as C for every vector width,
// compiled by gcc and clang without a warning, run where this CPU can, and compared with references computed here in
// double and in 64-bit integers; and the same by LLVM in this process.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/emit/emit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* surroundings */

static const Description description = {.name = "by hand"};

enum { MOST = 48, N = 37 }; // N: no multiple of any vector's lanes

typedef struct {
  Arena *arena;
  Diag diag;
  Model *model;
  Program *program;
  Target target;
  const void *in[MOST]; // data of each input
  void *out[MOST];      // what the last run gave
  size_t out_bytes[MOST];
} Fixture;

static char folder[] = "/tmp/test_emit_c.XXXXXX";

static void start(Fixture *f, int64_t vector_bytes) {
  *f = (Fixture){.arena = arena_new()};
  diag_init(&f->diag, f->arena);
  f->model = model_new(f->arena, &f->diag, "some/folder/1st model-2.onnx");
  f->model->graph = graph_new(f->model, NULL, "main");
  f->program = program_new(f->arena, f->model->dims);
  f->target = (Target){.name = "test", .arch = "x86_64", .vector_bytes = vector_bytes};
}

static Value *new_value(Fixture *f, const char *name, DType type, int rank, const int64_t *dims) {
  Dim list[MAX_RANK];
  for (int i = 0; i < rank; i++) list[i] = dim_const(dims[i]);
  return value_new_typed(f->model->graph, name, type, rank, list);
}

static Buffer *add_input(Fixture *f, DType type, int64_t count, const void *data) {
  Program *p = f->program;
  Buffer *buffer = buffer_new(p, BUFFER_INPUT, dim_const(count * dtype_bits(type) / 8), "in");
  buffer->io = (int)p->input_count;
  f->in[p->input_count] = data;
  APPEND(f->arena, p->inputs, p->input_count, new_value(f, "in", type, 1, &count));
  return buffer;
}

static Buffer *add_output(Fixture *f, DType type, int64_t count) {
  Program *p = f->program;
  Buffer *buffer = buffer_new(p, BUFFER_OUTPUT, dim_const(count * dtype_bits(type) / 8), "out");
  size_t names = p->output_count;
  buffer->io = (int)p->output_count;
  f->out_bytes[p->output_count] = (size_t)buffer->bytes.value;
  f->out[p->output_count] = arena_alloc(f->arena, (size_t)buffer->bytes.value);
  APPEND(f->arena, p->outputs, p->output_count, new_value(f, "out", type, 1, &count));
  APPEND(f->arena, f->model->graph->output_names, names, "out \"\\ ?\?/ \n");
  return buffer;
}

static Step *add_step(Fixture *f, const char *kernel) {
  static const Loc loc = {.file = "model.onnx"};
  return step_new(f->program, kernel, &loc, "a step\n*/ ?\?/ \\");
}

static Access access_of(Fixture *f, Step *step, Buffer *buffer, int64_t offset, DType type, int64_t s0, int64_t s1,
                        int64_t s2, int64_t s3) {
  return (Access){.pointer = step_pointer(f->program, step, buffer, dim_const(offset)),
                  .type = type,
                  .stride = {dim_const(s0), dim_const(s1), dim_const(s2), dim_const(s3)}};
}

static const Expr *load_of(Fixture *f, Func *func, Access access) {
  return expr_load(f->program->exprs, access.type, func_load(f->program, func, &access));
}

static void set_space(Func *func, int64_t n0, int64_t n1, int64_t n2, int64_t n3) {
  const int64_t space[] = {n0, n1, n2, n3};
  for (int i = 0; i < COORDS; i++) func->space[i] = dim_const(space[i]);
}

static Func *add_map(Fixture *f, Step *step, int64_t n0, int64_t n1, int64_t n2, int64_t n3) {
  const int64_t dims[] = {n0, n1, n2, n3};
  for (int i = 0; i < COORDS; i++) step_int(f->program, step, dims[i]);
  Func *func = step_func(f->program, step, FUNC_BODY, DT_F32);
  set_space(func, n0, n1, n2, n3);
  return func;
}

// The program is whole.
static void plan(Fixture *f) {
  Program *p = f->program;
  p->input_slots = NEW_ARRAY(f->arena, int, p->input_count);
  p->output_slots = NEW_ARRAY(f->arena, int, p->output_count);
  assert_true(program_plan(p, &f->diag));
  program_verify(p);
}

static void check_no_errors(const Fixture *f) {
  for (const Message *m = f->diag.first; m; m = m->next) print_error("%s\n", m->text);
  assert_int_equal(f->diag.errors, 0);
}

static const char *const compilers[] = {"gcc", "clang-19"};
// Finds what C leaves undefined; slow, and for one width enough.
static const char sanitizer[] = "clang-19 -fsanitize=address,undefined -fno-sanitize-recover=all";
static const struct {
  int64_t bytes;
  const char *flags;
} widths[] = {{16, ""}, {32, "-mavx2 -mfma"}, {64, "-march=x86-64-v4"}};

static bool cpu_has(int64_t vector_bytes) {
  __builtin_cpu_init();
  if (vector_bytes == 64) return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return vector_bytes == 16 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static int run_command(const char *command) {
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_bytes(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

static char *read_bytes(Arena *arena, const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  Text text = {.arena = arena};
  char piece[4096];
  for (size_t n; (n = fread(piece, 1, sizeof piece, file));) text_append(&text, piece, n);
  fclose(file);
  *size = text.size;
  return text.data;
}

// Compiles model.c in the folder; 0 when that went without a word.
static int compile(const Fixture *f, const char *compiler, const char *flags) {
  int status = run_command(arena_printf(f->arena,
                                        "cd %s && %s -std=gnu17 -O2 -Wall -Wextra -Wpedantic -Werror %s"
                                        " -DMODEL_1ST_MODEL_2_MAIN model.c -o model 2>log",
                                        folder, compiler, flags));
  size_t size = 0;
  char *log = read_bytes(f->arena, arena_printf(f->arena, "%s/log", folder), &size);
  if (status == 0 && size) print_error("%s says: %s\n", compiler, log);
  return status == 0 && size ? -1 : status;
}

static void show_log(const Fixture *f) { run_command(arena_printf(f->arena, "head -40 %s/log >&2", folder)); }

// The program's exit code; its outputs go to f->out.
static int run_model(const Fixture *f) {
  const Program *p = f->program;
  Text command = {.arena = f->arena};
  text_printf(&command, "cd %s && ./model", folder);
  for (size_t i = 0; i < p->input_count; i++) {
    const char *path = arena_printf(f->arena, "%s/in%zu", folder, i);
    write_bytes(path, f->in[i], (size_t)dtype_bytes(p->inputs[i]->type, value_count(p->inputs[i])));
    text_printf(&command, " in%zu", i);
  }
  for (size_t i = 0; i < p->output_count; i++) {
    unlink(arena_printf(f->arena, "%s/out%zu", folder, i));
    text_printf(&command, " out%zu", i);
  }
  text_printf(&command, " 2>log");
  int status = run_command(command.data);
  for (size_t i = 0; status == 0 && i < p->output_count; i++) {
    size_t size = 0;
    char *data = read_bytes(f->arena, arena_printf(f->arena, "%s/out%zu", folder, i), &size);
    assert_int_equal(size, f->out_bytes[i]);
    memcpy(f->out[i], data, size);
  }
  return status;
}

// Other data for input 0, with which the program must fail and say so.
typedef struct {
  const void *data;
  const char *failure;
} BadInput;

// The same by the LLVM emitter, in this process.
static void try_llvm(Fixture *f, size_t width, void (*check)(const Fixture *), const BadInput *bad) {
  static const char *const cpus[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  const Target *target = target_find(f->arena, &f->diag, "x86_64-linux", cpus[width]);
  Bytes code;
  assert_non_null(target);
  bool ok = emit_kernels(f->model, f->program, target, CODE_OBJECT, NULL, &code);
  check_no_errors(f);
  assert_true(ok);
  for (size_t i = 0; i < f->program->output_count; i++) memset(f->out[i], 0x55, f->out_bytes[i]);
  assert_true(run_kernels(f->model, f->program, &code, f->in, f->out));
  check(f);
  for (; bad && bad->data; bad++) {
    f->in[0] = bad->data;
    diag_init(&f->diag, f->arena);
    assert_false(run_kernels(f->model, f->program, &code, f->in, f->out));
    assert_non_null(strstr(f->diag.first->text, bad->failure));
  }
}

// What the compiled C makes of the inputs.
static void try_c(Fixture *f, void (*check)(const Fixture *), const BadInput *bad) {
  const void *good = f->in[0];
  int status = run_model(f);
  size_t size;
  if (status) show_log(f);
  assert_int_equal(status, 0);
  check(f);
  for (; bad && bad->data; bad++) {
    f->in[0] = bad->data;
    assert_int_equal(run_model(f), 1);
    assert_non_null(strstr(read_bytes(f->arena, arena_printf(f->arena, "%s/log", folder), &size), bad->failure));
  }
  f->in[0] = good;
}

// Builds, emits, compiles and runs for each width and compiler; `check` looks at the outputs. bad: NULL, or a list that
// ends with zeros.
static void try_everywhere(void (*build)(Fixture *), void (*check)(const Fixture *), const BadInput *bad) {
  for (size_t w = 0; w < COUNT(widths); w++) {
    Fixture f;
    start(&f, widths[w].bytes);
    build(&f);
    plan(&f);
    bool ok = emit_c(f.model, f.program, &f.target, &description, arena_printf(f.arena, "%s/model.c", folder));
    check_no_errors(&f);
    assert_true(ok);
    for (size_t c = 0; c < COUNT(compilers) + (w == 0); c++) {
      int status = compile(&f, c < COUNT(compilers) ? compilers[c] : sanitizer, widths[w].flags);
      if (status) show_log(&f);
      assert_int_equal(status, 0);
      if (cpu_has(widths[w].bytes)) try_c(&f, check, bad);
    }
    if (cpu_has(widths[w].bytes)) try_llvm(&f, w, check, bad);
    arena_free(f.arena);
  }
}

/* numbers: references that share no code with the emitter */

static const DType all_types[] = {DT_F32, DT_F64, DT_F16, DT_BF16, DT_I8,  DT_I16, DT_I32,
                                  DT_I64, DT_U8,  DT_U16, DT_U32,  DT_U64, DT_BOOL};
// Those that casts take too. float8e8m0 has tests of its own.
static const DType cast_types[] = {DT_F32, DT_F64, DT_F16,    DT_BF16, DT_I8,   DT_I16,       DT_I32,    DT_I64,
                                   DT_U8,  DT_U16, DT_U32,    DT_U64,  DT_BOOL, DT_F8E4M3FN,  DT_F8E5M2, DT_F8E4M3FNUZ,
                                   DT_I4,  DT_U4,  DT_F4E2M1, DT_I2,   DT_U2,   DT_F8E5M2FNUZ};

// What a float16 (5 exponent bits) or bfloat16 (8) means.
static double widen(unsigned h, DType type) {
  int mantissa = type == DT_F16 ? 10 : 7, top = type == DT_F16 ? 31 : 255, bias = type == DT_F16 ? 15 : 127;
  int exponent = (int)(h >> mantissa) & top, fraction = (int)(h & ((1u << mantissa) - 1));
  double magnitude = exponent == top ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, 1 - bias - mantissa)
                                     : ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
  return h & 0x8000 ? -magnitude : magnitude;
}

enum { MAGNITUDES = 1 << 15 };

// What all magnitudes mean, worked out once; infinity counts as the number that would follow the last.
static const double *find_magnitudes(DType type) {
  static double tables[2][MAGNITUDES];
  double *table = tables[type == DT_F16];
  unsigned infinity = type == DT_F16 ? 0x7c00 : 0x7f80;
  if (table[1] != 0) return table;
  for (unsigned h = 0; h < infinity; h++) table[h] = widen(h, type);
  table[infinity] = 2 * table[infinity - 1] - table[infinity - 2];
  return table;
}

// The nearest of all magnitudes, ties to the even one.
static unsigned narrow(double x, DType type) {
  unsigned infinity = type == DT_F16 ? 0x7c00 : 0x7f80, low = 0, high = infinity;
  const double *table = find_magnitudes(type);
  if (isnan(x)) return infinity + 1;
  while (low < high) { // the first that is not below x
    unsigned middle = (low + high) / 2;
    if (table[middle] < fabs(x))
      low = middle + 1;
    else
      high = middle;
  }
  if (low > 0 && fabs(x) < table[infinity]) {
    double below = fabs(x) - table[low - 1], above = table[low] - fabs(x);
    low -= below < above || (below == above && (low & 1));
  }
  return low | (signbit(x) ? 0x8000 : 0);
}

static bool is_real(DType type) { return dtype_is_float(type); }
static int bits_of(DType type) { return dtype_bits(type); }

// A number of any type: a double for floats, else 64 bits, sign-extended where the type has a sign.
typedef union {
  double d;
  int64_t i;
} Number;

static Number get(DType type, const void *data, int64_t at) {
  const unsigned char *p = (const unsigned char *)data + at * dtype_unit(type);
  uint64_t raw = 0;
  memcpy(&raw, p, (size_t)dtype_unit(type));
  if (dtype_is_small_float(type)) return (Number){.d = tensor_float(&(Tensor){.type = type, .data = p}, 0)};
  float single;
  double real;
  memcpy(&single, p, type == DT_F32 ? sizeof single : 0);
  memcpy(&real, p, type == DT_F64 ? sizeof real : 0);
  if (type == DT_F32) return (Number){.d = (double)single};
  if (type == DT_F64) return (Number){.d = real};
  if (is_real(type)) return (Number){.d = widen((unsigned)raw, type)};
  int unused = 64 - bits_of(type);
  raw <<= unused;
  return (Number){.i = dtype_is_signed(type) ? (int64_t)raw >> unused : (int64_t)(raw >> unused)};
}

static void put(DType type, void *data, int64_t at, Number x) {
  unsigned char *p = (unsigned char *)data + at * dtype_unit(type);
  float single = (float)x.d;
  unsigned half = type == DT_F16 || type == DT_BF16 ? narrow(x.d, type)
                  : dtype_is_small_float(type)      ? (unsigned)float_bits(type, x.d)
                                                    : 0;
  const void *from = type == DT_F32   ? (void *)&single
                     : type == DT_F64 ? (void *)&x.d
                     : is_real(type)  ? (void *)&half
                                      : (void *)&x.i;
  memcpy(p, from, (size_t)dtype_unit(type));
}

// Brings a result into its type: rounds or wraps.
static Number fit(DType type, Number x) {
  uint64_t memory = 0;
  put(type, &memory, 0, x);
  return get(type, &memory, 0);
}

static Number wrap(DType type, uint64_t x) { return fit(type, (Number){.i = (int64_t)x}); }

// Equal, NaN to NaN and -0 to -0, or nearer than `ulps` units of the expected number's last place.
static bool agrees(DType type, Number got, Number want, double ulps, bool zeros_alike) {
  if (!is_real(type)) return got.i == want.i;
  if (isnan(want.d) || isnan(got.d)) return isnan(want.d) && isnan(got.d);
  if (got.d == want.d) return want.d != 0 || zeros_alike || !signbit(got.d) == !signbit(want.d);
  int mantissa = type == DT_F64 ? 53 : type == DT_F32 ? 24 : type == DT_F16 ? 11 : 8;
  int least = type == DT_F64 ? -1074 : type == DT_F32 ? -149 : type == DT_F16 ? -24 : -133;
  int exponent = isinf(want.d) ? 0 : ilogb(want.d) - mantissa + 1;
  return isfinite(want.d) && fabs(got.d - want.d) <= ulps * ldexp(1, exponent < least ? least : exponent);
}

static void make_numbers(DType type, void *data, int seed) {
  static const double reals[] = {0.0,      -0.0,      1,        -1,   0.5,     -0.5, 1.5,   2.5,   -2.5, NAN,
                                 INFINITY, -INFINITY, 1e-40,    3e4,  -7e4,    0.25, -0.75, 100.5, 3.25, -3.5,
                                 FLT_MAX,  1e-5,      -FLT_MIN, 1e-7, 88.8,    -104, 0.1,   2,     -2,   7,
                                 -7,       255,       256,      -129, 65535.9, 1e10, -1e19};
  static const int64_t ints[] = {0,         1,         2,  3,   -1,   -2,    5,     7,     8,         15,
                                 16,        31,        32, 63,  64,   100,   127,   128,   -128,      255,
                                 256,       -7,        -3, 300, 1000, 32767, 32768, 65535, 1LL << 31, INT32_MIN,
                                 INT64_MAX, INT64_MIN, 9,  10,  -10,  12,    40};
  assert_int_equal(COUNT(reals), N);
  assert_int_equal(COUNT(ints), N);
  for (int i = 0; i < N; i++) {
    int from = (i * (1 + 4 * seed) + 7 * seed) % N; // special numbers meet ordinary ones
    Number x = is_real(type) ? (Number){.d = reals[from]} : (Number){.i = ints[from]};
    if (type == DT_BOOL) x.i &= 1;
    put(type, data, i, x);
  }
}

/* every scalar operator of every type */

typedef enum { REALS = 1, INTEGERS = 2, BOOLS = 4 } Kinds;

static const struct {
  Kinds kinds;
  double (*real)(double);
  double ulps; // of float32 and float64; one of a narrower type
} op_tests[EX_COUNT] = {
    [EX_NEG] = {REALS | INTEGERS, NULL, 0},
    [EX_ABS] = {REALS | INTEGERS, fabs, 0},
    [EX_SQRT] = {REALS, sqrt, 0},
    [EX_FLOOR] = {REALS, floor, 0},
    [EX_CEIL] = {REALS, ceil, 0},
    [EX_TRUNC] = {REALS, trunc, 0},
    [EX_ROUND] = {REALS, rint, 0},
    [EX_EXP] = {REALS, exp, 2},
    [EX_LOG] = {REALS, log, 2},
    [EX_LOG1P] = {REALS, log1p, 2},
    [EX_EXPM1] = {REALS, expm1, 2},
    [EX_TANH] = {REALS, tanh, 3},
    [EX_ERF] = {REALS, erf, 3},
    [EX_SIGMOID] = {REALS, NULL, 3},
    [EX_SIN] = {REALS, sin, 2},
    [EX_COS] = {REALS, cos, 2},
    [EX_TAN] = {REALS, tan, 4},
    [EX_ASIN] = {REALS, asin, 4},
    [EX_ACOS] = {REALS, acos, 4},
    [EX_ATAN] = {REALS, atan, 4},
    [EX_SINH] = {REALS, sinh, 4},
    [EX_COSH] = {REALS, cosh, 4},
    [EX_ASINH] = {REALS, asinh, 4},
    [EX_ACOSH] = {REALS, acosh, 4},
    [EX_ATANH] = {REALS, atanh, 4},
    [EX_ISNAN] = {REALS, NULL, 0},
    [EX_NOT] = {BOOLS, NULL, 0},
    [EX_BITNOT] = {INTEGERS, NULL, 0},
    [EX_ADD] = {REALS | INTEGERS, NULL, 0},
    [EX_SUB] = {REALS | INTEGERS, NULL, 0},
    [EX_MUL] = {REALS | INTEGERS, NULL, 0},
    [EX_DIV] = {REALS | INTEGERS, NULL, 0},
    [EX_REM] = {REALS | INTEGERS, NULL, 0},
    [EX_MIN] = {REALS | INTEGERS, NULL, 0},
    [EX_MAX] = {REALS | INTEGERS, NULL, 0},
    [EX_POW] = {REALS, NULL, 4},
    [EX_AND] = {INTEGERS | BOOLS, NULL, 0},
    [EX_OR] = {INTEGERS | BOOLS, NULL, 0},
    [EX_XOR] = {INTEGERS | BOOLS, NULL, 0},
    [EX_SHL] = {INTEGERS, NULL, 0},
    [EX_SHR] = {INTEGERS, NULL, 0},
    [EX_LT] = {REALS | INTEGERS | BOOLS, NULL, 0},
    [EX_LE] = {REALS | INTEGERS | BOOLS, NULL, 0},
    [EX_EQ] = {REALS | INTEGERS | BOOLS, NULL, 0},
    [EX_SELECT] = {REALS | INTEGERS | BOOLS, NULL, 0},
};

static bool op_takes(ScalarOp op, DType type) {
  Kinds kinds = op_tests[op].kinds;
  if (type == DT_BOOL) return kinds & BOOLS;
  if (!is_real(type)) return kinds & INTEGERS;
  return kinds & REALS;
}

static bool gives_bool(ScalarOp op) { return op == EX_ISNAN || op == EX_LT || op == EX_LE || op == EX_EQ; }

static Number real_reference(ScalarOp op, double a, double b, bool c) {
  if (op_tests[op].real) return (Number){.d = op_tests[op].real(a)};
  switch (op) {
  case EX_NEG: return (Number){.d = -a};
  case EX_SIGMOID: return (Number){.d = 1 / (1 + exp(-a))};
  case EX_ISNAN: return (Number){.i = isnan(a)};
  case EX_ADD: return (Number){.d = a + b};
  case EX_SUB: return (Number){.d = a - b};
  case EX_MUL: return (Number){.d = a * b};
  case EX_DIV: return (Number){.d = a / b};
  case EX_REM: return (Number){.d = fmod(a, b)};
  case EX_MIN: return (Number){.d = isnan(a) || isnan(b) ? NAN : fmin(a, b)};
  case EX_MAX: return (Number){.d = isnan(a) || isnan(b) ? NAN : fmax(a, b)};
  case EX_POW: return (Number){.d = pow(a, b)};
  case EX_LT: return (Number){.i = a < b};
  case EX_LE: return (Number){.i = a <= b};
  case EX_EQ: return (Number){.i = a == b};
  case EX_SELECT: return (Number){.d = c ? a : b};
  default: fail(); return (Number){0};
  }
}

static Number int_reference(ScalarOp op, DType type, int64_t a, int64_t b, bool c) {
  uint64_t x = (uint64_t)a, y = (uint64_t)b;
  bool is_signed = dtype_is_signed(type), fits = y < (uint64_t)bits_of(type);
  bool less = is_signed ? a < b : x < y;
  switch (op) {
  case EX_NEG: return wrap(type, 0 - x);
  case EX_ABS: return wrap(type, is_signed && a < 0 ? 0 - x : x);
  case EX_NOT: return (Number){.i = !a};
  case EX_BITNOT: return wrap(type, ~x);
  case EX_ADD: return wrap(type, x + y);
  case EX_SUB: return wrap(type, x - y);
  case EX_MUL: return wrap(type, x * y);
  case EX_DIV: return is_signed && b == -1 ? wrap(type, 0 - x) : is_signed ? (Number){.i = a / b} : wrap(type, x / y);
  case EX_REM: return is_signed && b == -1 ? (Number){0} : is_signed ? (Number){.i = a % b} : wrap(type, x % y);
  case EX_MIN: return (Number){.i = less ? a : b};
  case EX_MAX: return (Number){.i = less ? b : a};
  case EX_AND: return (Number){.i = a & b};
  case EX_OR: return (Number){.i = a | b};
  case EX_XOR: return wrap(type, x ^ y);
  case EX_SHL: return fits ? wrap(type, x << y) : (Number){0};
  case EX_SHR: return !fits ? (Number){0} : is_signed ? (Number){.i = a >> b} : wrap(type, x >> y);
  case EX_LT: return (Number){.i = less};
  case EX_LE: return (Number){.i = less || a == b};
  case EX_EQ: return (Number){.i = a == b};
  case EX_SELECT: return (Number){.i = c ? a : b};
  default: fail(); return (Number){0};
  }
}

static bool integer_division(ScalarOp op, DType type) { return (op == EX_DIV || op == EX_REM) && !is_real(type); }

// Inputs: conditions, then per type a, b and divisors; outputs: per type EX_COUNT rows of it and EX_COUNT of bool.
static void build_ops(Fixture *f) {
  Program *p = f->program;
  unsigned char *conditions = arena_alloc(f->arena, N);
  make_numbers(DT_BOOL, conditions, 3);
  Buffer *c = add_input(f, DT_BOOL, N, conditions);
  for (size_t t = 0; t < COUNT(all_types); t++) {
    DType type = all_types[t];
    int64_t bytes = bits_of(type) / 8;
    Buffer *ins[3];
    const void *firsts = NULL;
    for (int i = 0; i < 3; i++) {
      void *data = arena_alloc(f->arena, (size_t)(N * bytes));
      make_numbers(type, data, i);
      for (int k = 0; i == 2 && !is_real(type) && k < N; k++) { // no zeros here, and -1 where MIN / -1 overflows
        bool is_least = dtype_is_signed(type) && get(type, firsts, k).i == -1LL - (INT64_MAX >> (64 - bits_of(type)));
        if (is_least || get(type, data, k).i == 0) put(type, data, k, (Number){.i = -1});
      }
      if (i == 0) firsts = data;
      ins[i] = add_input(f, type, N, data);
    }
    Buffer *same = add_output(f, type, EX_COUNT * N), *bools = add_output(f, DT_BOOL, EX_COUNT * N);
    Step *step = add_step(f, "map");
    Func *func = add_map(f, step, 1, 1, 1, N);
    const Expr *a = load_of(f, func, access_of(f, step, ins[0], 0, type, 0, 0, 0, 1));
    const Expr *b = load_of(f, func, access_of(f, step, ins[1], 0, type, 0, 0, 0, 1));
    const Expr *d = load_of(f, func, access_of(f, step, ins[2], 0, type, 0, 0, 0, 1));
    const Expr *condition = load_of(f, func, access_of(f, step, c, 0, DT_BOOL, 0, 0, 0, 1));
    for (ScalarOp op = EX_NEG; op < EX_COUNT; op++) {
      if (!op_takes(op, type)) continue;
      const Expr *second = integer_division(op, type) ? d : b;
      const Expr *value = op == EX_SELECT         ? expr_op(p->exprs, op, condition, a, b)
                          : scalar_arity(op) == 1 ? expr_op(p->exprs, op, a, NULL, NULL)
                                                  : expr_op(p->exprs, op, a, second, NULL);
      DType of = gives_bool(op) ? DT_BOOL : type;
      Access store =
          access_of(f, step, gives_bool(op) ? bools : same, (int64_t)op * N * bits_of(of) / 8, of, 0, 0, 0, 1);
      func_store(p, func, &store, value);
    }
  }
}

static void check_ops(const Fixture *f) {
  int wrong = 0;
  for (size_t t = 0; t < COUNT(all_types); t++) {
    DType type = all_types[t];
    for (ScalarOp op = EX_NEG; op < EX_COUNT; op++) {
      if (!op_takes(op, type)) continue;
      DType of = gives_bool(op) ? DT_BOOL : type;
      for (int i = 0; i < N; i++) {
        Number a = get(type, f->in[1 + 3 * t], i);
        Number b = get(type, f->in[integer_division(op, type) ? 3 + 3 * t : 2 + 3 * t], i);
        bool c = get(DT_BOOL, f->in[0], i).i;
        Number want = is_real(type) ? real_reference(op, a.d, b.d, c) : int_reference(op, type, a.i, b.i, c);
        if (is_real(of)) want = fit(of, want);
        Number got = get(of, f->out[2 * t + gives_bool(op)], (int64_t)op * N + i);
        double ulps = op_tests[op].ulps;
        if (ulps > 0 && bits_of(type) < 32) ulps = 1;
        if (op == EX_POW && type == DT_F64) ulps = 16;
        if (agrees(of, got, want, ulps, op == EX_MIN || op == EX_MAX)) continue;
        if (wrong++ < 20)
          print_error("%s %s: a=%.9g|%lld b=%.9g|%lld: got %.9g|%lld, want %.9g|%lld\n", dtype_name(type),
                      scalar_text(op), a.d, (long long)a.i, b.d, (long long)b.i, got.d, (long long)got.i, want.d,
                      (long long)want.i);
      }
    }
  }
  assert_int_equal(wrong, 0);
}

static void test_ops(void **state) {
  (void)state;
  try_everywhere(build_ops, check_ops, NULL);
}

/* every conversion */

// What a type can be an input and an output as: elements narrower than a byte are packed there.
static DType whole_bytes(DType type) {
  return bits_of(type) >= 8 ? type : is_real(type) ? DT_F32 : dtype_is_signed(type) ? DT_I8 : DT_U8;
}

static void build_casts(Fixture *f) {
  enum { TYPES = COUNT(cast_types) };
  ExprTable *exprs = f->program->exprs;
  Buffer *outs[TYPES];
  for (size_t to = 0; to < TYPES; to++) outs[to] = add_output(f, whole_bytes(cast_types[to]), TYPES * N);
  for (size_t from = 0; from < TYPES; from++) {
    void *data = arena_alloc(f->arena, N * 8);
    DType type = whole_bytes(cast_types[from]);
    make_numbers(type, data, 0);
    Buffer *in = add_input(f, type, N, data);
    Step *step = add_step(f, "map");
    Func *func = add_map(f, step, 1, 1, 1, N);
    const Expr *x = load_of(f, func, access_of(f, step, in, 0, type, 0, 0, 0, 1));
    x = expr_cast(exprs, cast_types[from], x);
    for (size_t to = 0; to < TYPES; to++) {
      DType stored = whole_bytes(cast_types[to]);
      int64_t offset = (int64_t)from * N * bits_of(stored) / 8;
      Access store = access_of(f, step, outs[to], offset, stored, 0, 0, 0, 1);
      func_store(f->program, func, &store, expr_cast(exprs, stored, expr_cast(exprs, cast_types[to], x)));
    }
  }
}

// The largest finite number of a small float.
static double largest(DType type) {
  double most = 0;
  for (int code = 0; code < 1 << bits_of(type); code++) {
    double x = get(type, &code, 0).d;
    if (isfinite(x) && x > most) most = x;
  }
  return most;
}

static Number cast_reference(DType from, DType to, Number x) {
  if (from == to) return x;
  if (to == DT_BOOL) return (Number){.i = is_real(from) ? x.d != 0 : x.i != 0};
  if (is_real(to)) {
    bool is_signed = dtype_is_signed(from);
    if (!is_real(from) && to == DT_F32)
      x.d = (double)(is_signed ? (float)x.i : (float)(uint64_t)x.i);
    else if (!is_real(from))
      x.d = is_signed ? (double)x.i : (double)(uint64_t)x.i;
    if (dtype_is_small_float(to)) {
      double most = largest(to);
      x.d = x.d > most ? most : x.d < -most ? -most : x.d;
      if (to == DT_F4E2M1 && isnan(x.d)) x.d = 0;
    }
    return fit(to, x);
  }
  if (!is_real(from)) return wrap(to, (uint64_t)x.i);
  if (isnan(x.d)) return (Number){0};
  int bits = bits_of(to) < 8 ? 32 : bits_of(to); // the low bits of an int32
  bool is_signed = dtype_is_signed(to) || bits_of(to) < 8;
  long double low = is_signed ? -ldexpl(1, bits - 1) : 0, high = ldexpl(1, is_signed ? bits - 1 : bits) - 1;
  long double whole = truncl(x.d), inside = whole < low ? low : whole > high ? high : whole;
  return wrap(to, is_signed ? (uint64_t)(int64_t)inside : (uint64_t)inside);
}

static void check_casts(const Fixture *f) {
  int wrong = 0;
  for (size_t i = 0; i < COUNT(cast_types) * COUNT(cast_types) * N; i++) {
    size_t at = i % N, from = i / N % COUNT(cast_types), to = i / N / COUNT(cast_types);
    DType type = cast_types[from], of = cast_types[to], in = whole_bytes(type), out = whole_bytes(of);
    Number x = get(in, f->in[from], (int64_t)at), inner = cast_reference(in, type, x);
    Number want = cast_reference(of, out, cast_reference(type, of, inner));
    Number got = get(out, f->out[to], (int64_t)(from * N + at));
    if (agrees(out, got, want, 0, false) || wrong++ >= 20) continue;
    print_error("%s to %s: %.9g|%lld: got %.9g|%lld, want %.9g|%lld\n", dtype_name(type), dtype_name(of), x.d,
                (long long)x.i, got.d, (long long)got.i, want.d, (long long)want.i);
  }
  assert_int_equal(wrong, 0);
}

static void test_casts(void **state) {
  (void)state;
  try_everywhere(build_casts, check_casts, NULL);
}

/* literals */

static const double reals[] = {0.1, -0.0, 1e-45, FLT_MAX, -1, 16777216, 1.0 / 3, NAN, INFINITY, -INFINITY, 5e-324};
static const int64_t integers[] = {0, -1, INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, 1LL << 40};

static void build_literals(Fixture *f) {
  Step *step = add_step(f, "map");
  Func *func = add_map(f, step, 1, 1, 1, 1);
  ExprTable *exprs = f->program->exprs;
  Buffer *singles = add_output(f, DT_F32, COUNT(reals)), *doubles = add_output(f, DT_F64, COUNT(reals));
  Buffer *ints = add_output(f, DT_I64, COUNT(integers)), *unsigneds = add_output(f, DT_U64, COUNT(integers));
  Access store;
  for (size_t i = 0; i < COUNT(reals); i++) {
    store = access_of(f, step, singles, (int64_t)i * 4, DT_F32, 0, 0, 0, 1);
    func_store(f->program, func, &store, expr_float(exprs, DT_F32, reals[i]));
    store = access_of(f, step, doubles, (int64_t)i * 8, DT_F64, 0, 0, 0, 1);
    func_store(f->program, func, &store, expr_float(exprs, DT_F64, reals[i]));
  }
  for (size_t i = 0; i < COUNT(integers); i++) {
    store = access_of(f, step, ints, (int64_t)i * 8, DT_I64, 0, 0, 0, 1);
    func_store(f->program, func, &store, expr_int(exprs, DT_I64, integers[i]));
    store = access_of(f, step, unsigneds, (int64_t)i * 8, DT_U64, 0, 0, 0, 1);
    func_store(f->program, func, &store, expr_int(exprs, DT_U64, integers[i]));
  }
}

static void check_literals(const Fixture *f) {
  for (size_t i = 0; i < COUNT(reals); i++) {
    Number single = {.d = (double)(float)reals[i]}, real = {.d = reals[i]};
    assert_true(agrees(DT_F32, get(DT_F32, f->out[0], (int64_t)i), single, 0, false));
    assert_true(agrees(DT_F64, get(DT_F64, f->out[1], (int64_t)i), real, 0, false));
  }
  assert_memory_equal(f->out[2], integers, sizeof integers);
  assert_memory_equal(f->out[3], integers, sizeof integers);
}

static void test_literals(void **state) {
  (void)state;
  try_everywhere(build_literals, check_literals, NULL);
}

/* addresses: four coordinates, any strides, and expressions with functions inside functions */

enum { A0 = 2, A1 = 3, A2 = 4, A3 = 19, AN = A0 * A1 * A2 * A3 };

static float *make_floats(Arena *arena, int64_t count, unsigned seed) {
  float *x = NEW_ARRAY(arena, float, (size_t)count);
  uint32_t state = seed;
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    x[i] = (float)(state >> 8) / (1 << 23) - 1;
  }
  return x;
}

// y[i0][i2][i1][i3] = x[i0][i1][i2][A3-1-i3] · sigmoid(tanh(x)) + row[2·i3] · exp(scalar), in place of a temporary that
// holds x + 1 first: three steps, two of which share nothing but their arena.
static void build_strides(Fixture *f) {
  Program *p = f->program;
  ExprTable *exprs = p->exprs;
  Buffer *x = add_input(f, DT_F32, AN, make_floats(f->arena, AN, 1));
  Buffer *row = add_input(f, DT_F32, 2 * A3, make_floats(f->arena, 2 * A3, 2));
  Buffer *scalar = add_input(f, DT_F32, 1, make_floats(f->arena, 1, 3));
  Buffer *middle = buffer_new(p, BUFFER_ARENA, dim_const(AN * 4), "middle"),
         *again = buffer_new(p, BUFFER_ARENA, dim_const(AN * 4), "again");
  Buffer *y = add_output(f, DT_F32, AN);

  Step *step = add_step(f, "map");
  Func *func = add_map(f, step, 1, 1, 1, AN);
  const Expr *value = load_of(f, func, access_of(f, step, x, 0, DT_F32, 0, 0, 0, 1));
  Access store = access_of(f, step, middle, 0, DT_F32, 0, 0, 0, 1);
  func_store(p, func, &store, expr_op(exprs, EX_ADD, value, expr_float(exprs, DT_F32, 1), NULL));

  step = add_step(f, "map"); // plan puts `again` where `middle` is
  func = add_map(f, step, 1, 1, 1, AN);
  value = load_of(f, func, access_of(f, step, middle, 0, DT_F32, 0, 0, 0, 1));
  store = access_of(f, step, again, 0, DT_F32, 0, 0, 0, 1);
  func_store(p, func, &store, expr_op(exprs, EX_SUB, value, expr_float(exprs, DT_F32, 0.5), NULL));

  step = add_step(f, "map");
  func = add_map(f, step, A0, A1, A2, A3);
  int64_t last = (A3 - 1) * 4;
  value = load_of(f, func, access_of(f, step, again, last, DT_F32, A1 * A2 * A3, A2 * A3, A3, -1));
  const Expr *r = load_of(f, func, access_of(f, step, row, 0, DT_F32, 0, 0, 0, 2));
  const Expr *s = load_of(f, func, access_of(f, step, scalar, 0, DT_F32, 0, 0, 0, 0));
  const Expr *gate = expr_op(exprs, EX_SIGMOID, expr_op(exprs, EX_TANH, value, NULL, NULL), NULL, NULL);
  const Expr *left = expr_op(exprs, EX_MUL, value, gate, NULL);
  const Expr *right = expr_op(exprs, EX_MUL, r, expr_op(exprs, EX_EXP, s, NULL, NULL), NULL);
  store = access_of(f, step, y, 0, DT_F32, A1 * A2 * A3, A3, A1 * A3, 1);
  func_store(p, func, &store, expr_op(exprs, EX_ADD, left, right, NULL));
}

static void check_strides(const Fixture *f) {
  const float *x = f->in[0], *row = f->in[1], *scalar = f->in[2], *y = f->out[0];
  for (int i0 = 0; i0 < A0; i0++)
    for (int i1 = 0; i1 < A1; i1++)
      for (int i2 = 0; i2 < A2; i2++)
        for (int i3 = 0; i3 < A3; i3++) {
          double v = (double)x[((i0 * A1 + i1) * A2 + i2) * A3 + A3 - 1 - i3] + 0.5;
          double want = v / (1 + exp(-tanh(v))) + (double)row[2 * i3] * exp((double)scalar[0]);
          assert_true(fabs((double)y[((i0 * A2 + i2) * A1 + i1) * A3 + i3] - want) < 2e-6);
        }
}

static void test_strides(void **state) {
  (void)state;
  try_everywhere(build_strides, check_strides, NULL);
}

/* matrix product with bias and relu: weights as an array and as a file */

static int64_t gemm_m = 7, gemm_n = 37, gemm_k;

static const Tensor *new_tensor(Fixture *f, int rank, const int64_t *dims, const float *data) {
  Tensor *t = NEW(f->arena, Tensor);
  *t = (Tensor){.type = DT_F32, .rank = rank, .dims = dims, .data = data};
  return t;
}

static const int64_t *two_dims(Fixture *f, int64_t a, int64_t b) {
  int64_t *dims = NEW_ARRAY(f->arena, int64_t, 2);
  dims[0] = a, dims[1] = b;
  return dims;
}

static void build_gemm(Fixture *f) {
  Program *p = f->program;
  int64_t m = gemm_m, n = gemm_n, k = gemm_k, mr = 4, nv = 2, nr = nv * f->target.vector_bytes / 4;
  Buffer *a = add_input(f, DT_F32, m * k, make_floats(f->arena, m * k, 4));
  Buffer *y = add_output(f, DT_F32, m * n);
  Buffer *b = buffer_new(p, BUFFER_WEIGHT, dim_const(div_up(n, nr) * k * nr * 4), "b");
  b->tensor = new_tensor(f, 2, two_dims(f, k, n), make_floats(f->arena, k * n, 5));
  b->pack = (Pack){3, {div_up(n, nr), k, nr}, {nr, n, 1}, nr, 0, n};
  Buffer *bias = buffer_new(p, BUFFER_WEIGHT, dim_const(n * 4), "bias");
  bias->tensor = new_tensor(f, 1, two_dims(f, n, 1), make_floats(f->arena, n, 6));

  Step *step = add_step(f, "gemm_f32");
  const int64_t sizes[] = {1, 1, m, n, k};
  for (size_t i = 0; i < COUNT(sizes); i++) step_int(p, step, sizes[i]);
  step_buffer(p, step, a, dim_const(0));
  const int64_t a_strides[] = {0, 0, k, 1};
  for (size_t i = 0; i < COUNT(a_strides); i++) step_int(p, step, a_strides[i]);
  step_buffer(p, step, b, dim_const(0));
  const int64_t rest[] = {0, 0, mr, nv};
  for (size_t i = 0; i < COUNT(rest); i++) step_int(p, step, rest[i]);
  Func *store = step_func(p, step, FUNC_STORE, DT_F32);
  set_space(store, 1, 1, m, n);
  const Expr *added = load_of(f, store, access_of(f, step, bias, 0, DT_F32, 0, 0, 0, 1));
  const Expr *sum = expr_op(p->exprs, EX_ADD, expr_acc(p->exprs, DT_F32), added, NULL);
  Access out = access_of(f, step, y, 0, DT_F32, 0, 0, n, 1);
  func_store(p, store, &out, expr_op(p->exprs, EX_MAX, sum, expr_float(p->exprs, DT_F32, 0), NULL));
}

static void check_gemm(const Fixture *f) {
  const float *a = f->in[0], *y = f->out[0];
  const float *b = make_floats(f->arena, gemm_k * gemm_n, 5), *bias = make_floats(f->arena, gemm_n, 6);
  for (int64_t i = 0; i < gemm_m; i++)
    for (int64_t j = 0; j < gemm_n; j++) {
      double want = (double)bias[j];
      for (int64_t k = 0; k < gemm_k; k++) want += (double)a[i * gemm_k + k] * (double)b[k * gemm_n + j];
      assert_true(fabs((double)y[i * gemm_n + j] - (want > 0 ? want : 0)) < 1e-6 * (double)gemm_k);
    }
}

static bool weights_file_exists(void) {
  char path[80];
  snprintf(path, sizeof path, "%s/model.weights", folder);
  return access(path, R_OK) == 0;
}

static void test_gemm(void **state) {
  (void)state;
  gemm_k = 19;
  try_everywhere(build_gemm, check_gemm, NULL);
  assert_false(weights_file_exists());
  gemm_k = 301;
  try_everywhere(build_gemm, check_gemm, NULL);
  assert_true(weights_file_exists());
}

/* prologues: reduction and softmax of x·x - 1 */

enum { R0 = 3, R1 = 45 };

static const Expr *square_less_one(Fixture *f, Func *func, Access in) {
  ExprTable *exprs = f->program->exprs;
  const Expr *x = load_of(f, func, in);
  return expr_op(exprs, EX_SUB, expr_op(exprs, EX_MUL, x, x, NULL), expr_float(exprs, DT_F32, 1), NULL);
}

static void set_load(Fixture *f, Func *load, const Expr *value) {
  size_t count = 0;
  APPEND(f->arena, load->values, count, value);
}

static void build_rows(Fixture *f) {
  Program *p = f->program;
  Buffer *x = add_input(f, DT_F32, R0 * R1, make_floats(f->arena, R0 * R1, 7));
  Buffer *sums = add_output(f, DT_F32, R0), *soft = add_output(f, DT_F32, R0 * R1),
         *columns = add_output(f, DT_F32, R1);
  Buffer *scratch = buffer_new(p, BUFFER_ARENA, dim_const(R0 * R1 * 4 + 64), "scratch");

  Step *step = add_step(f, "reduce_row_f32");
  const int64_t row_sizes[] = {0, 1, R0, 1, R1};
  for (size_t i = 0; i < COUNT(row_sizes); i++) step_int(p, step, row_sizes[i]);
  Func *load = step_func(p, step, FUNC_LOAD, DT_F32), *store = step_func(p, step, FUNC_STORE, DT_F32);
  set_space(load, 1, R0, 1, R1);
  set_load(f, load, square_less_one(f, load, access_of(f, step, x, 0, DT_F32, 0, R1, 0, 1)));
  set_space(store, 1, 1, 1, R0);
  Access out = access_of(f, step, sums, 0, DT_F32, 0, 0, 0, 1);
  func_store(p, store, &out, expr_acc(p->exprs, DT_F32));

  step = add_step(f, "reduce_f32");
  const int64_t sizes[] = {1, 1, 1, R0, R1}; // maximum
  for (size_t i = 0; i < COUNT(sizes); i++) step_int(p, step, sizes[i]);
  load = step_func(p, step, FUNC_LOAD, DT_F32), store = step_func(p, step, FUNC_STORE, DT_F32);
  set_space(load, 1, 1, R0, R1);
  set_load(f, load, square_less_one(f, load, access_of(f, step, x, 0, DT_F32, 0, 0, R1, 1)));
  set_space(store, 1, 1, 1, R1);
  out = access_of(f, step, columns, 0, DT_F32, 0, 0, 0, 1);
  func_store(p, store, &out, expr_op(p->exprs, EX_NEG, expr_acc(p->exprs, DT_F32), NULL, NULL));

  step = add_step(f, "softmax_f32");
  const int64_t soft_sizes[] = {1, 1, R0, R1, 0};
  for (size_t i = 0; i < COUNT(soft_sizes); i++) step_int(p, step, soft_sizes[i]);
  load = step_func(p, step, FUNC_LOAD, DT_F32);
  set_space(load, 1, 1, R0, R1);
  set_load(f, load, square_less_one(f, load, access_of(f, step, x, 0, DT_F32, 0, 0, R1, 1)));
  step_buffer(p, step, scratch, dim_const(0));
  store = step_func(p, step, FUNC_STORE, DT_F32);
  set_space(store, 1, 1, R0, R1);
  out = access_of(f, step, soft, 0, DT_F32, 0, 0, R1, 1);
  func_store(p, store, &out, expr_acc(p->exprs, DT_F32));
}

static void check_rows(const Fixture *f) {
  const float *x = f->in[0], *sums = f->out[0], *soft = f->out[1], *columns = f->out[2];
  double most[R1];
  for (int j = 0; j < R1; j++) most[j] = -INFINITY;
  for (int i = 0; i < R0; i++) {
    double sum = 0, total = 0;
    for (int j = 0; j < R1; j++) {
      double v = (double)x[i * R1 + j] * (double)x[i * R1 + j] - 1;
      sum += v, total += exp(v);
      if (v > most[j]) most[j] = v;
    }
    assert_true(fabs((double)sums[i] - sum) < 1e-4);
    for (int j = 0; j < R1; j++) {
      double v = (double)x[i * R1 + j] * (double)x[i * R1 + j] - 1;
      assert_true(fabs((double)soft[i * R1 + j] - exp(v) / total) < 1e-6);
    }
  }
  for (int j = 0; j < R1; j++) assert_true(fabs((double)columns[j] + most[j]) < 1e-6);
}

static void test_rows(void **state) {
  (void)state;
  try_everywhere(build_rows, check_rows, NULL);
}

/* run-time faults, state, refusals */

static void build_fault(Fixture *f) {
  int64_t *a = NEW_ARRAY(f->arena, int64_t, N), *b = NEW_ARRAY(f->arena, int64_t, N);
  for (int i = 0; i < N; i++) a[i] = i - 5, b[i] = 1000 - 7 * i;
  Buffer *d = add_input(f, DT_I64, N, a), *x = add_input(f, DT_I64, N, b), *y = add_output(f, DT_I64, N);
  a[5] = -1; // not 0
  Step *step = add_step(f, "map");
  Func *func = add_map(f, step, 1, 1, 1, N);
  const Expr *left = load_of(f, func, access_of(f, step, x, 0, DT_I64, 0, 0, 0, 1));
  const Expr *right = load_of(f, func, access_of(f, step, d, 0, DT_I64, 0, 0, 0, 1));
  Access store = access_of(f, step, y, 0, DT_I64, 0, 0, 0, 1);
  func_store(f->program, func, &store, expr_op(f->program->exprs, EX_DIV, left, right, NULL));
}

static void check_fault(const Fixture *f) {
  const int64_t *d = f->in[0], *x = f->in[1], *y = f->out[0];
  for (int i = 0; i < N; i++) assert_int_equal(y[i], x[i] / d[i]);
}

static void test_fault(void **state) {
  (void)state;
  int64_t zero_last[N];
  for (int i = 0; i < N; i++) zero_last[i] = N - 1 - i;
  try_everywhere(build_fault, check_fault, (BadInput[]){{zero_last, "integer division by zero"}, {NULL, NULL}});
}

/* coordinates and computed indices */

enum { ROWS = 3, COLUMNS = 21, TABLE = 5 };

// y[i2][i3] = table[index[i2]][2·i3] + 100·i2 + i3
static void build_fetch(Fixture *f) {
  Program *p = f->program;
  ExprTable *exprs = p->exprs;
  int64_t *index = NEW_ARRAY(f->arena, int64_t, ROWS);
  int16_t *table = NEW_ARRAY(f->arena, int16_t, TABLE *COLUMNS * 2);
  for (int i = 0; i < TABLE * COLUMNS * 2; i++) table[i] = (int16_t)(7 * i);
  index[0] = TABLE - 1, index[1] = 0, index[2] = 2;
  Buffer *in = add_input(f, DT_I64, ROWS, index), *x = add_input(f, DT_I16, TABLE * COLUMNS * 2, table);
  Buffer *y = add_output(f, DT_I16, ROWS * COLUMNS);
  Step *step = add_step(f, "map");
  Func *func = add_map(f, step, 1, 1, ROWS, COLUMNS);
  const Expr *row = load_of(f, func, access_of(f, step, in, 0, DT_I64, 0, 0, 1, 0));
  Access access = access_of(f, step, x, 0, DT_I16, 0, 0, 0, 2);
  access.fetched = true;
  int load = func_load(p, func, &access);
  const Expr *at = expr_op(exprs, EX_MUL, row, expr_int(exprs, DT_I64, COLUMNS * 2), NULL);
  const Expr *bound = expr_int(exprs, DT_I64, TABLE * COLUMNS * 2);
  const Expr *hundreds = expr_op(exprs, EX_MUL, expr_coord(exprs, 2), expr_int(exprs, DT_I64, 100), NULL);
  const Expr *place = expr_op(exprs, EX_ADD, hundreds, expr_coord(exprs, 3), NULL);
  const Expr *fetched = expr_fetch(exprs, DT_I16, load, at, bound);
  Access store = access_of(f, step, y, 0, DT_I16, 0, 0, COLUMNS, 1);
  func_store(p, func, &store, expr_op(exprs, EX_ADD, fetched, expr_cast(exprs, DT_I16, place), NULL));
}

static void check_fetch(const Fixture *f) {
  const int64_t *index = f->in[0];
  const int16_t *table = f->in[1], *y = f->out[0];
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++)
      assert_int_equal(y[r * COLUMNS + c], (int16_t)(table[index[r] * COLUMNS * 2 + 2 * c] + 100 * r + c));
}

static void test_fetch(void **state) {
  (void)state;
  const int64_t above[ROWS] = {TABLE - 1, 0, TABLE}, below[ROWS] = {TABLE - 1, 0, -1};
  const char *failure = "index out of range";
  try_everywhere(build_fetch, check_fetch, (BadInput[]){{above, failure}, {below, failure}, {NULL, NULL}});
}

// A counter that lives from run to run, called through the header by a program of its own, also as C++.
static void test_state(void **state) {
  (void)state;
  Fixture f;
  start(&f, 16);
  Program *p = f.program;
  Buffer *counter = buffer_new(p, BUFFER_STATE, dim_const(4), "counter"), *y = add_output(&f, DT_I32, 1);
  Step *step = add_step(&f, "map");
  Func *func = add_map(&f, step, 1, 1, 1, 1);
  const Expr *x = load_of(&f, func, access_of(&f, step, counter, 0, DT_I32, 0, 0, 0, 1));
  const Expr *next = expr_op(p->exprs, EX_ADD, x, expr_int(p->exprs, DT_I32, 1), NULL);
  Access store = access_of(&f, step, counter, 0, DT_I32, 0, 0, 0, 1),
         out = access_of(&f, step, y, 0, DT_I32, 0, 0, 0, 1);
  func_store(p, func, &store, next);
  func_store(p, func, &out, next);
  plan(&f);
  assert_true(emit_c(f.model, p, &f.target, &description, arena_printf(f.arena, "%s/model.c", folder)));
  static const char user[] =
      "#include \"model.h\"\n#include <string.h>\n#define MODEL &model_1st_model_2\n"
      "static _Alignas(64) unsigned char memory[65536];\n"
      "int main(void) {\n"
      "  int32_t y = 0;\n  void *outputs[] = {&y};\n  IngotTensor out = ingot_output(MODEL, 0);\n"
      "  if (ingot_memory_bytes(MODEL) > sizeof memory || ingot_open(MODEL, memory)) return 1;\n"
      "  for (int i = 0; i < 3; i++) if (ingot_run(memory, NULL, outputs)) return 1;\n"
      "  return !(y == 3 && ingot_input_count(MODEL) == 0 && ingot_output_count(MODEL) == 1 &&\n"
      "           !strcmp(out.name, \"out \\\"\\\\ ??\" \"/ \\n\") && out.dtype == 6 && out.bytes == 4 &&\n"
      "           out.rank == 1 && out.dims[0] == 1);\n"
      "}\n";
  write_bytes(arena_printf(f.arena, "%s/user.c", folder), user, sizeof user - 1);
  int status = run_command(arena_printf(
      f.arena, "cd %s && gcc -std=gnu17 -O2 -Wall -Wextra -Werror user.c model.c -o user && ./user", folder));
  assert_int_equal(status, 0);
  status = run_command(
      arena_printf(f.arena, "cd %s && clang-19 -fsyntax-only -Wall -Wextra -Werror -x c++-header model.h", folder));
  assert_int_equal(status, 0);
  arena_free(f.arena);
}

// Without the flags of its vector width the file says which ones it needs.
static void test_wrong_flags(void **state) {
  (void)state;
  for (size_t w = 1; w < COUNT(widths); w++) {
    Fixture f;
    start(&f, widths[w].bytes);
    build_literals(&f);
    plan(&f);
    assert_true(emit_c(f.model, f.program, &f.target, &description, arena_printf(f.arena, "%s/model.c", folder)));
    for (size_t c = 0; c < COUNT(compilers); c++) {
      size_t size = 0;
      assert_int_not_equal(compile(&f, compilers[c], ""), 0);
      const char *log = read_bytes(f.arena, arena_printf(f.arena, "%s/log", folder), &size);
      assert_non_null(strstr(log, arena_printf(f.arena, "compile with %s", widths[w].flags)));
    }
    arena_free(f.arena);
  }
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *path, *message;
  } cases[] = {
      {"%s/refused", "must end in '.c'"},
      {"%s/.c", "needs a name of"},
      {"%s/refu\"sed.c", "needs a name of"},
      {"%s/absent/refused.c", "cannot create output"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    Fixture f;
    start(&f, 16);
    build_literals(&f);
    plan(&f);
    Text path = {.arena = f.arena};
    for (const char *c = cases[i].path; *c; c++)
      if (*c == '%')
        text_printf(&path, "%s", folder), c++;
      else
        text_printf(&path, "%c", *c);
    assert_false(emit_c(f.model, f.program, &f.target, &description, path.data));
    assert_int_equal(f.diag.errors, 1);
    assert_non_null(strstr(f.diag.first->text, cases[i].message));
    assert_int_not_equal(access(path.data, F_OK), 0);
    arena_free(f.arena);
    assert_int_not_equal(run_command("ls /tmp/test_emit_c.*/*.tmp >/dev/null 2>&1"), 0);
  }
}

static int make_folder(void **state) {
  (void)state;
  const char *build = getenv("INGOT_BUILD");
  char resources[4096];
  snprintf(resources, sizeof resources, "%s/lib/ingot", build ? build : "build");
  setenv("INGOT_RESOURCES", resources, 0);
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[80];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return getenv("KEEP") ? 0 : run_command(command);
}

// An argument chooses the tests whose names match it: "test_f*".
int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ops),      cmocka_unit_test(test_casts), cmocka_unit_test(test_literals),
      cmocka_unit_test(test_strides),  cmocka_unit_test(test_gemm),  cmocka_unit_test(test_rows),
      cmocka_unit_test(test_fault),    cmocka_unit_test(test_state), cmocka_unit_test(test_wrong_flags),
      cmocka_unit_test(test_refusals), cmocka_unit_test(test_fetch),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
