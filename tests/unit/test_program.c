// Fusion and planning of programs built by hand: what merges, what must not, and where buffers lie. What is computed is
// compared with the program before fusion by the interpreter of program_eval.h; many more shapes are in
// test_program_random.c.
#undef NDEBUG
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "tests/unit/program_eval.h"

/* building: every buffer is float32 unless stated, every step is named after its letter */

static Arena *arena;
static Program *program;

static int set_up(void **state) {
  (void)state;
  arena = arena_new();
  program = program_new(arena, dims_new(arena));
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  arena_free(arena);
  return 0;
}

static Buffer *buffer(BufferKind kind, int64_t count) {
  Buffer *b = buffer_new(program, kind, dim_const(count * 4), "");
  if (kind == BUFFER_OUTPUT || kind == BUFFER_INPUT)
    for (size_t i = 0; i + 1 < program->buffer_count; i++) b->io += program->buffers[i]->kind == kind;
  if (kind != BUFFER_WEIGHT) return b;
  float *data = NEW_ARRAY(arena, float, (size_t)count);
  for (int64_t i = 0; i < count; i++) data[i] = (float)((i * 7 + b->id * 5) % 13 - 6) / 4;
  Tensor *tensor = NEW(arena, Tensor);
  int64_t *dims = NEW(arena, int64_t);
  *dims = count;
  *tensor = (Tensor){.type = DT_F32, .rank = 1, .dims = dims, .data = data};
  b->tensor = tensor;
  return b;
}
static Buffer *input(int64_t count) { return buffer(BUFFER_INPUT, count); }
static Buffer *output(int64_t count) { return buffer(BUFFER_OUTPUT, count); }
static Buffer *temp(int64_t count) { return buffer(BUFFER_ARENA, count); }
static Buffer *weight(int64_t count) { return buffer(BUFFER_WEIGHT, count); }

// An operand of a map: a buffer and its strides over the four coordinates.
typedef struct {
  Buffer *buffer;
  int64_t s[COORDS];
} Operand;
#define AT(buffer, ...) ((Operand){buffer, {__VA_ARGS__}})

static Step *new_step(const char *kernel, const char *name) {
  static const Loc loc = {.file = "test"};
  return step_new(program, kernel, &loc, name);
}

static void ints(Step *step, size_t count, const int64_t *values) {
  for (size_t i = 0; i < count; i++) step_int(program, step, values[i]);
}
#define INTS(step, ...) ints(step, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static Access access_of(Step *step, const Operand *x, DType type) {
  Access a = {.pointer = step_pointer(program, step, x->buffer, dim_const(0)), .type = type};
  set_dims(a.stride, x->s);
  return a;
}

// Expressions over loads 0, 1, ...: x(i), and operators on them.
static DType type = DT_F32;
static const Expr *x(int i) { return expr_load(program->exprs, type, i); }
static const Expr *op(ScalarOp o, const Expr *a, const Expr *b) { return expr_op(program->exprs, o, a, b, NULL); }
static const Expr *c(double value) { return expr_const(program->exprs, type, value); }

#define SPACE(...) ((const int64_t[COORDS]){__VA_ARGS__})
#define INS(...)   ((const Operand[]){__VA_ARGS__}), sizeof((Operand[]){__VA_ARGS__}) / sizeof(Operand)

static Step *map(const char *name, const int64_t *space, Operand out, const Operand *ins, size_t count,
                 const Expr *value) {
  Step *step = new_step("map", name);
  ints(step, COORDS, space);
  Func *func = step_func(program, step, FUNC_BODY, type);
  set_dims(func->space, space);
  for (size_t i = 0; i < count; i++) {
    Access a = access_of(step, &ins[i], type);
    assert_int_equal(func_load(program, func, &a), i);
  }
  Access a = access_of(step, &out, type);
  func_store(program, func, &a, value);
  return step;
}

static Func *add_func(Step *step, FuncKind kind, const int64_t *space, Operand at) {
  Func *func = step_func(program, step, kind, DT_F32);
  set_dims(func->space, space);
  Access a = access_of(step, &at, DT_F32);
  if (kind == FUNC_STORE) {
    func_store(program, func, &a, expr_acc(program->exprs, DT_F32));
  } else {
    func_load(program, func, &a);
    func->values = NEW(arena, const Expr *);
    func->values[0] = x(0);
  }
  return func;
}

// out[m][n] = a[m][k] · w, panels of 4 columns.
static Step *gemm(const char *name, int64_t m, int64_t n, int64_t k, Buffer *a, Buffer *out) {
  Step *step = new_step("gemm_f32", name);
  INTS(step, 1, 1, m, n, k);
  step_buffer(program, step, a, dim_const(0));
  INTS(step, 0, 0, k, 1);
  step_buffer(program, step, weight(round_up(n, 4) * k), dim_const(0));
  INTS(step, 0, 0, 6, 1);
  add_func(step, FUNC_STORE, SPACE(1, 1, m, n), AT(out, m * n, m * n, n, 1));
  return step;
}

enum { H = 3, W = 4, C = 8, PIXELS = H * W * C };
// A 1×1 convolution of an image [2][H][W][C] to one of the same size.
static Step *conv(const char *name, Buffer *in, Buffer *out) {
  Step *step = new_step("conv2d_f32", name);
  INTS(step, 2, H, W, 1, C, C, 1, 1, 1, 1, 1, 1);
  step_buffer(program, step, in, dim_const(0));
  INTS(step, PIXELS, W * C, C, 1);
  step_buffer(program, step, weight(C * C), dim_const(0));
  INTS(step, 2, 2);
  add_func(step, FUNC_STORE, SPACE(2, H, W, C), AT(out, PIXELS, W * C, C, 1));
  return step;
}

static Step *softmax(const char *name, int64_t rows, int64_t n, Buffer *in, Buffer *out) {
  Step *step = new_step("softmax_f32", name);
  INTS(step, 1, 1, rows, n, 0);
  add_func(step, FUNC_LOAD, SPACE(1, 1, rows, n), AT(in, 0, 0, n, 1));
  step_buffer(program, step, temp(16), dim_const(0));
  add_func(step, FUNC_STORE, SPACE(1, 1, rows, n), AT(out, 0, 0, n, 1));
  return step;
}

static Operand flat(Buffer *b) { return AT(b, 0, 0, 0, 1); }
// out = max(a, 0) over a flat count
static Step *relu(const char *name, int64_t count, Buffer *a, Buffer *out) {
  return map(name, SPACE(1, 1, 1, count), flat(out), INS(flat(a)), op(EX_MAX, x(0), c(0)));
}
static Step *add(const char *name, int64_t count, Buffer *a, Buffer *b, Buffer *out) {
  return map(name, SPACE(1, 1, 1, count), flat(out), INS(flat(a), flat(b)), op(EX_ADD, x(0), x(1)));
}

/* checking */

// Fills the inputs with small numbers of the tests' type and runs the program.
static Memory run(Memory memory) {
  for (size_t i = 0; i < program->buffer_count; i++) {
    const Buffer *b = program->buffers[i];
    if (b->kind != BUFFER_INPUT) continue;
    for (int64_t k = 0; k < b->bytes.value / 4 && type == DT_F32; k++)
      ((float *)memory.data[i])[k] = (float)((k * 5 + b->io * 3) % 11 - 5) / 2;
    for (int64_t k = 0; k < b->bytes.value / 8 && type == DT_I64; k++)
      ((int64_t *)memory.data[i])[k] = (k * 5 + b->io) % 11;
  }
  assert_true(program_evaluate(arena, &memory));
  return memory;
}

static void compare_outputs(char *const *want, const Memory *got) {
  for (size_t i = 0; i < program->buffer_count; i++)
    if (program->buffers[i]->kind == BUFFER_OUTPUT)
      assert_memory_equal(want[program->buffers[i]->io], got->data[i], (size_t)program->buffers[i]->bytes.value);
}

// Fuses, expects the names of the steps that are left, in order, and the same results; plans, and expects them again.
static void expect_fused(const char *names) {
  char *want[8];
  program_verify(program);
  Memory before = run(memory_new(arena, program));
  for (size_t i = 0; i < program->buffer_count; i++)
    if (program->buffers[i]->kind == BUFFER_OUTPUT) want[program->buffers[i]->io] = before.data[i];
  program_fuse(program);
  program_verify(program);
  Text text = {.arena = arena};
  for (size_t i = 0; i < program->step_count; i++) text_printf(&text, "%s%s", i ? " " : "", program->steps[i]->name);
  assert_string_equal(text.data, names);
  Memory after = run(memory_new(arena, program));
  compare_outputs(want, &after);
  assert_true(program_plan(program, NULL));
  program_verify(program);
  after = run(memory_planned(arena, program));
  compare_outputs(want, &after);
}

static void expect_strides(const Access *access, int64_t s0, int64_t s1, int64_t s2, int64_t s3) {
  int64_t want[] = {s0, s1, s2, s3};
  for (int i = 0; i < COORDS; i++) assert_true(dim_is(access->stride[i], want[i]));
}

/* what merges */

static void test_conv_bias_residual_relu(void **state) {
  (void)state;
  Buffer *in = input(2 * PIXELS), *t = temp(2 * PIXELS), *u = temp(2 * PIXELS), *v = temp(2 * PIXELS);
  Buffer *out = output(2 * PIXELS);
  conv("conv", in, t);
  map("bias", SPACE(2, H, W, C), AT(u, PIXELS, W * C, C, 1), INS(AT(t, PIXELS, W * C, C, 1), AT(weight(C), 0, 0, 0, 1)),
      op(EX_ADD, x(0), x(1)));
  add("add", 2 * PIXELS, u, in, v);
  relu("relu", 2 * PIXELS, v, out);
  expect_fused("conv+bias+add+relu");
  const Func *store = step_find_func(program->steps[0], FUNC_STORE);
  assert_int_equal(store->load_count, 2);
  expect_strides(&store->loads[0], 0, 0, 0, 1);
  expect_strides(&store->loads[1], PIXELS, W * C, C, 1);
  expect_strides(&store->stores[0], PIXELS, W * C, C, 1);
  assert_int_equal(program->arena_bytes, 0);
}

// x is read twice: the chain of maps becomes one map, then part of the product.
static void test_gemm_gelu(void **state) {
  (void)state;
  enum { M = 5, N = 6, K = 7, MN = M * N };
  Buffer *t[6], *out = output(MN);
  for (int i = 0; i < 6; i++) t[i] = temp(MN);
  gemm("gemm", M, N, K, input(M * K), t[0]);
  map("bias", SPACE(1, 1, M, N), AT(t[1], 0, 0, N, 1), INS(AT(t[0], 0, 0, N, 1), AT(weight(N), 0, 0, 0, 1)),
      op(EX_ADD, x(0), x(1)));
  map("half", SPACE(1, 1, 1, MN), flat(t[2]), INS(flat(t[1])), op(EX_MUL, x(0), c(0.5)));
  map("div", SPACE(1, 1, 1, MN), flat(t[3]), INS(flat(t[1])), op(EX_DIV, x(0), c(1.4142135)));
  map("erf", SPACE(1, 1, 1, MN), flat(t[4]), INS(flat(t[3])), op(EX_ERF, x(0), NULL));
  map("one", SPACE(1, 1, 1, MN), flat(t[5]), INS(flat(t[4])), op(EX_ADD, x(0), c(1)));
  map("mul", SPACE(1, 1, 1, MN), flat(out), INS(flat(t[2]), flat(t[5])), op(EX_MUL, x(0), x(1)));
  expect_fused("gemm+bias+half+div+erf+one+mul");
  assert_int_equal(step_find_func(program->steps[0], FUNC_STORE)->load_count, 1);
}

// A map that reads in another order than it writes: the store becomes strided.
static void test_transposed_consumer(void **state) {
  (void)state;
  enum { M = 6, HEADS = 2, D = 4, N = HEADS * D };
  Buffer *t = temp(M * N), *out = output(M * N);
  gemm("gemm", M, N, 3, input(M * 3), t);
  // [m][head][d] -> [head][m][d]
  map("heads", SPACE(1, HEADS, M, D), AT(out, 0, M * D, D, 1), INS(AT(t, 0, D, N, 1)), op(EX_NEG, x(0), NULL));
  expect_fused("gemm heads"); // n is head · D + d: not linear in the store, which has n as one coordinate

  tear_down(NULL);
  set_up(NULL);
  t = temp(M * N);
  out = output(M * N);
  gemm("gemm", M, N, 3, input(M * 3), t);
  map("turn", SPACE(1, 1, N, M), AT(out, 0, 0, M, 1), INS(AT(t, 0, 0, 1, N)), op(EX_NEG, x(0), NULL));
  expect_fused("gemm+turn");
  expect_strides(&step_find_func(program->steps[0], FUNC_STORE)->stores[0], 0, 0, 1, M);
}

// A flat map before one with a bias for each channel: only the second one's coordinates can serve both.
static void test_flat_map_before_channels(void **state) {
  (void)state;
  Buffer *t = temp(2 * PIXELS);
  relu("relu", 2 * PIXELS, input(2 * PIXELS), t);
  map("bias", SPACE(1, 1, 2 * H * W, C), AT(output(2 * PIXELS), 0, 0, C, 1),
      INS(AT(t, 0, 0, C, 1), AT(weight(C), 0, 0, 0, 1)), op(EX_ADD, x(0), x(1)));
  expect_fused("relu+bias");
}

// One coordinate of the first step runs through three of the second.
static void test_flat_step_before_box(void **state) {
  (void)state;
  enum { ALL = 24 };
  Buffer *t = temp(ALL), *in = input(ALL);
  gemm("gemm", 1, ALL, 3, input(3), t);
  map("box", SPACE(1, 2, 3, 4), AT(output(2 * ALL), 0, 24, 8, 2), INS(AT(t, 0, 12, 4, 1), AT(in, 0, 12, 4, 1)),
      op(EX_SUB, x(0), x(1)));
  expect_fused("gemm+box");
  const Func *store = step_find_func(program->steps[0], FUNC_STORE);
  expect_strides(&store->loads[0], 0, 0, 0, 1);
  expect_strides(&store->stores[0], 0, 0, 0, 2);
}

static void test_parts_of_a_larger_buffer(void **state) {
  (void)state;
  Buffer *in = input(2 * PIXELS), *t = temp(2 * PIXELS), *u = temp(2 * PIXELS), *out = output(4 * PIXELS);
  conv("a", in, t);
  conv("b", in, u);
  map("first", SPACE(1, 1, 2 * H * W, C), AT(out, 0, 0, 2 * C, 1), INS(AT(t, 0, 0, C, 1)), x(0));
  Step *second = map("second", SPACE(1, 1, 2 * H * W, C), AT(out, 0, 0, 2 * C, 1), INS(AT(u, 0, 0, C, 1)), x(0));
  second->pointers[1].offset = dim_const(C * 4);
  expect_fused("a+first b+second");
  expect_strides(&step_find_func(program->steps[1], FUNC_STORE)->stores[0], 2 * PIXELS, 2 * W * C, 2 * C, 1);
}

static void test_prologues(void **state) {
  (void)state;
  enum { ROWS = 3, N = 5, ALL = ROWS * N };
  Buffer *in = input(ALL), *t = temp(ALL), *u = temp(ALL), *v = temp(ALL), *w = temp(ALL);
  map("scale", SPACE(1, 1, 1, ALL), flat(t), INS(flat(in)), op(EX_MUL, x(0), c(0.5)));
  softmax("softmax", ROWS, N, t, u);
  map("exp", SPACE(1, 1, 1, ALL), flat(v), INS(flat(in)), op(EX_EXP, x(0), NULL)); // too dear to be computed thrice
  softmax("softmax", ROWS, N, v, w);
  add("add", ALL, u, w, output(ALL));
  map("tanh", SPACE(1, 1, 1, ALL), flat(t = temp(ALL)), INS(flat(in)), op(EX_TANH, x(0), NULL));
  Step *reduce = new_step("reduce_row_f32", "sum"); // computes it once
  INTS(reduce, 0, 1, ROWS, 1, N);
  add_func(reduce, FUNC_LOAD, SPACE(1, ROWS, 1, N), AT(t, 0, N, 0, 1));
  add_func(reduce, FUNC_STORE, SPACE(1, 1, 1, ROWS), AT(output(ROWS), 0, 0, 0, 1));
  expect_fused("scale+softmax exp softmax+add tanh+sum");
}

// The residual joins the last convolution when it can, else the first one moves behind the last.
static void test_residual_order(void **state) {
  (void)state;
  Buffer *in = input(2 * PIXELS), *a = temp(2 * PIXELS), *b = temp(2 * PIXELS);
  conv("a", in, a);
  conv("b", in, b);
  add("add", 2 * PIXELS, a, b, output(2 * PIXELS));
  expect_fused("a b+add");

  tear_down(NULL);
  set_up(NULL);
  in = input(2 * PIXELS), a = temp(2 * PIXELS), b = temp(2 * PIXELS);
  conv("a", in, a);
  conv("b", in, b);
  conv("c", b, output(2 * PIXELS)); // b is read twice
  add("add", 2 * PIXELS, a, b, output(2 * PIXELS));
  expect_fused("b c a+add");
}

/* what must not merge */

static void test_readers(void **state) {
  (void)state;
  Buffer *in = input(2 * PIXELS), *t = temp(2 * PIXELS), *u = temp(2 * PIXELS);
  conv("a", in, t);
  relu("two", 2 * PIXELS, t, output(2 * PIXELS));
  relu("readers", 2 * PIXELS, t, u);
  conv("raw", u, output(2 * PIXELS)); // reads through a pointer
  Buffer *out = output(2 * PIXELS);
  conv("result", in, out);
  relu("after", 2 * PIXELS, out, output(2 * PIXELS));
  expect_fused("a two readers raw result after");
}

static void test_shapes(void **state) {
  (void)state;
  enum { M = 4, N = 4 };
  Buffer *t = temp(N), *u = temp(M * N), *v = temp(M * N), *w = temp(M * N);
  gemm("row", 1, N, 3, input(3), t);
  map("broadcast", SPACE(1, 1, M, N), AT(output(M * N), 0, 0, N, 1), INS(AT(t, 0, 0, 0, 1)), x(0));
  gemm("whole", M, N, 3, input(M * 3), u);
  map("slice", SPACE(1, 1, M, 2), AT(output(M * 2), 0, 0, 2, 1), INS(AT(u, 0, 0, N, 1)), x(0));
  gemm("square", M, N, 3, input(M * 3), v);
  map("both", SPACE(1, 1, M, N), AT(output(M * N), 0, 0, N, 1), INS(AT(v, 0, 0, N, 1), AT(v, 0, 0, 1, N)),
      op(EX_ADD, x(0), x(1)));
  gemm("bits", M, N, 3, input(M * 3), w);
  map("other", SPACE(1, 1, M, N / 2), AT(output(M * N), 0, 0, N / 2, 1), INS(AT(w, 0, 0, N / 2, 1)), x(0));
  Func *other = step_find_func(program->steps[program->step_count - 1], FUNC_BODY);
  other->loads[0].type = other->stores[0].type = DT_I64;
  other->values[0] = expr_load(program->exprs, DT_I64, 0);
  expect_fused("row broadcast whole slice square both bits other");
}

// The same number of elements, but some twice and others never.
static void test_repeated_elements(void **state) {
  (void)state;
  enum { M = 4, N = 4 };
  Buffer *t = temp(M * N);
  gemm("gemm", M, N, 3, input(M * 3), t);
  map("twice", SPACE(1, 2, M / 2, N), AT(output(M * N), 0, M / 2 * N, N, 1), INS(AT(t, 0, 0, N, 1)), x(0));
  expect_fused("gemm twice");
}

// Rows of 6 against rows of 4: coordinates of one are not linear in those of the other.
static void test_dims_that_do_not_divide(void **state) {
  (void)state;
  enum { ALL = 24 };
  Buffer *t = temp(ALL), *u = temp(ALL);
  gemm("gemm", 4, 6, 3, input(4 * 3), t);
  map("rows", SPACE(1, 1, 6, 4), AT(u, 0, 0, 1, 6), INS(AT(t, 0, 0, 4, 1)), x(0));
  map("neg", SPACE(1, 2, 3, 4), AT(output(ALL), 0, 12, 4, 1), INS(AT(u, 0, 12, 4, 1)), op(EX_NEG, x(0), NULL));
  expect_fused("gemm rows neg");
}

// out[i] = sum over j of (a map of rows × n elements with a bias for each of n)[i * step + j * advance]
static void sums_of_biased(int64_t rows, int64_t n, int64_t sums, int64_t step, int64_t count, int64_t advance) {
  Buffer *t = temp(rows * n);
  map("bias", SPACE(1, 1, rows, n), AT(t, 0, 0, n, 1), INS(AT(input(rows * n), 0, 0, n, 1), AT(weight(n), 0, 0, 0, 1)),
      op(EX_ADD, x(0), x(1)));
  Step *reduce = new_step("reduce_row_f32", "sum");
  INTS(reduce, 0, 1, sums, 1, count);
  add_func(reduce, FUNC_LOAD, SPACE(1, sums, 1, count), AT(t, 0, step, 0, advance));
  add_func(reduce, FUNC_STORE, SPACE(1, 1, 1, sums), AT(output(sums), 0, 0, 0, 1));
}

static void test_windows(void **state) {
  static const struct {
    int64_t rows, n, sums, step, count, advance;
    const char *names;
  } cases[] = {
      {3, 4, 3, 4, 4, 1, "bias+sum"},                                 // rows
      {3, 4, 4, 1, 3, 4, "bias+sum"},                                 // columns
      {3, 4, 2, 8, 2, 2, "bias+sum"},                                 // every other one of every other row
      {3, 4, 3, 1, 2, 1, "bias+sum"},                                 // windows within a row
      {3, 4, 4, 1, 2, 1, "bias sum"},                                 // that run over its end
      {3, 4, 1, 0, 6, 1, "bias sum"},                                 // one and a half rows
      {3, 4, 1, 0, 4, 3, "bias sum"},                                 // a step that rows are no multiple of
      {3, 2, 1, 0, 2, 3, "bias sum"}, {3, 4, 2, 0, 4, 1, "bias sum"}, // the same row twice: computed once
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    if (i) tear_down(state), set_up(state);
    sums_of_biased(cases[i].rows, cases[i].n, cases[i].sums, cases[i].step, cases[i].count, cases[i].advance);
    expect_fused(cases[i].names);
  }
}

static void test_types(void **state) {
  (void)state;
  enum { N = 8 };
  Buffer *t = temp(N);
  gemm("gemm", 1, N, 3, input(3), t);
  Step *step = map("bits", SPACE(1, 1, 1, N), flat(output(N)), INS(flat(t)), x(0));
  Func *func = step_find_func(step, FUNC_BODY);
  func->loads[0].type = func->stores[0].type = DT_I32;
  func->values[0] = expr_load(program->exprs, DT_I32, 0);
  expect_fused("gemm bits");
}

// A product that reads the same buffer as its operand and in its store.
static void test_pointer_and_load(void **state) {
  (void)state;
  enum { M = 4, N = 4 };
  Buffer *t = temp(M * N);
  relu("relu", M * N, input(M * N), t);
  Step *step = gemm("gemm", M, N, N, t, output(M * N));
  Func *store = step_find_func(step, FUNC_STORE);
  Operand residual = AT(t, 0, 0, N, 1);
  Access load = access_of(step, &residual, DT_F32);
  func_load(program, store, &load);
  store->values[0] = op(EX_ADD, store->values[0], x(0));
  expect_fused("relu gemm");
}

// The rest of what is read was never written: not fusion's to judge.
static void test_partial_store(void **state) {
  (void)state;
  Buffer *t = temp(16);
  gemm("gemm", 2, 4, 3, input(2 * 3), t);
  map("all", SPACE(1, 1, 1, 16), flat(output(16)), INS(flat(t)), x(0));
  expect_fused("gemm all");
}

// A step between writes what both sides of the merge need as it was.
static void test_order_of_state(void **state) {
  (void)state;
  enum { N = 8 };
  Buffer *s = buffer(BUFFER_STATE, N), *t = temp(N), *u = temp(N), *in = input(N);
  add("old", N, s, in, t);
  relu("update", N, in, s);
  softmax("softmax", 1, N, s, u);
  add("add", N, t, u, output(N)); // reads softmax, which reads the new state, and old, which must not
  expect_fused("old update softmax+add");
  assert_int_equal(program->state_bytes, 64);
}

// The merged step would write the state while it still reads it in another order.
static void test_state_of_its_own(void **state) {
  (void)state;
  enum { M = 3, N = 4 };
  Buffer *s = buffer(BUFFER_STATE, M * M), *t = temp(M * M);
  map("turn", SPACE(1, 1, M, M), AT(t, 0, 0, M, 1), INS(AT(s, 0, 0, 1, M)), op(EX_ADD, x(0), c(1)));
  relu("back", M * M, t, s);
  relu("out", M * M, s, output(M * M));
  expect_fused("turn back out");
}

// Only a body can report a division by zero.
static void test_faults(void **state) {
  (void)state;
  enum { N = 6 };
  Buffer *in = input(2 * N), *d = input(2 * N), *t = temp(N), *u = temp(2 * N), *v = temp(2 * N);
  gemm("gemm", 1, N, 2, in, t);
  type = DT_I64;
  Step *cast = map("div", SPACE(1, 1, 1, N), flat(u), INS(flat(d)), op(EX_DIV, x(0), op(EX_OR, x(0), c(1))));
  Func *func = step_find_func(cast, FUNC_BODY);
  Operand operand = flat(t);
  Access load = access_of(cast, &operand, DT_F32);
  func_load(program, func, &load);
  func->values[0] =
      op(EX_ADD, func->values[0], expr_cast(program->exprs, DT_I64, expr_load(program->exprs, DT_F32, 1)));
  map("neg", SPACE(1, 1, 1, N), flat(v), INS(flat(u)), op(EX_NEG, x(0), NULL));
  map("or", SPACE(1, 1, 1, N), flat(output(2 * N)), INS(flat(v)), op(EX_OR, x(0), c(1)));
  expect_fused("gemm div+neg+or");
  type = DT_F32;
}

static void test_bounds(void **state) {
  (void)state;
  enum { N = 8, CHAIN = 40 };
  Buffer *b = input(N);
  for (int i = 0; i < CHAIN; i++) { // each reads one buffer more
    Buffer *next = i + 1 < CHAIN ? temp(N) : output(N);
    add("a-name", N, b, input(N), next);
    b = next;
  }
  program_fuse(program);
  program_verify(program);
  assert_in_range(program->step_count, 3, 4);
  for (size_t i = 0; i < program->step_count; i++) {
    assert_true(step_find_func(program->steps[i], FUNC_BODY)->load_count <= 16);
    assert_string_equal(program->steps[i]->name, "a-name"); // equal names are not repeated
  }
}

static void test_names(void **state) {
  (void)state;
  enum { N = 8, CHAIN = 20 };
  Buffer *b = input(N);
  for (int i = 0; i < CHAIN; i++) {
    Buffer *next = i + 1 < CHAIN ? temp(N) : output(N);
    relu(arena_printf(arena, "activation%d", i), N, b, next);
    b = next;
  }
  program_fuse(program);
  assert_int_equal(program->step_count, 1);
  assert_string_equal(program->steps[0]->name, "activation0+activation1+activation2+activation3+activation4+activation5"
                                               "+…");
}

/* planning */

static void test_in_place(void **state) {
  (void)state;
  enum { M = 64, N = 64, ALL = M * N };
  Buffer *in = input(ALL), *a = temp(ALL), *b = temp(ALL), *d = temp(ALL), *e = temp(ALL), *f = temp(ALL);
  gemm("gemm", M, N, N, in, a);
  relu("same", ALL, a, b);                                                         // in place
  map("turn", SPACE(1, 1, M, N), AT(d, 0, 0, N, 1), INS(AT(b, 0, 0, 1, M)), x(0)); // not
  Step *epilogue = gemm("epilogue", M, N, N, in, e);                               // in place of d
  Func *store = step_find_func(epilogue, FUNC_STORE);
  Operand residual = AT(d, 0, 0, N, 1);
  Access load = access_of(epilogue, &residual, DT_F32);
  func_load(program, store, &load);
  store->values[0] = op(EX_ADD, store->values[0], x(0));
  Step *raw = gemm("raw", M, N, N, e, f); // reads e through a pointer, too
  store = step_find_func(raw, FUNC_STORE);
  residual = AT(e, 0, 0, N, 1);
  load = access_of(raw, &residual, DT_F32);
  func_load(program, store, &load);
  store->values[0] = op(EX_ADD, store->values[0], x(0));
  Buffer *out = output(ALL);
  softmax("out", M, N, f, out);
  Memory before = run(memory_new(arena, program));
  char *want[] = {before.data[out->id]};
  assert_true(program_plan(program, NULL));
  assert_int_equal(a->offset, b->offset);
  assert_int_equal(d->offset, e->offset);
  assert_int_not_equal(b->offset, d->offset);
  assert_int_not_equal(e->offset, f->offset);
  assert_int_equal(program->arena_bytes,
                   2 * ALL * 4 + 64 * 0 + round_up(64, 64) * (program->arena_bytes > 2 * ALL * 4));
  Memory after = run(memory_planned(arena, program));
  compare_outputs(want, &after);
}

static void test_not_in_place(void **state) {
  (void)state;
  enum { ROWS = 4, N = 16, ALL = ROWS * N };
  Buffer *in = input(ALL), *a = temp(ALL), *b = temp(ALL), *d = temp(ALL), *e = temp(ALL);
  relu("a", ALL, in, a);
  Step *step = softmax("load", ROWS, N, a, b); // its load may read an element after its store has written it
  Func *store = step_find_func(step, FUNC_STORE);
  Operand residual = AT(a, 0, 0, N, 1);
  Access access = access_of(step, &residual, DT_F32);
  func_load(program, store, &access);
  store->values[0] = op(EX_ADD, store->values[0], x(0));
  step = map("two", SPACE(1, 1, 1, ALL), flat(d), INS(flat(b)), op(EX_ADD, x(0), c(1))); // one of its results
  Operand second = flat(e);
  access = access_of(step, &second, DT_F32);
  func_store(program, step_find_func(step, FUNC_BODY), &access, op(EX_ADD, x(0), c(2)));
  add("add", ALL, d, e, output(ALL));
  assert_true(program_plan(program, NULL));
  assert_int_not_equal(a->offset, b->offset);
  assert_int_equal(b->offset, d->offset);
  assert_int_not_equal(d->offset, e->offset);
}

static void test_dead_steps(void **state) {
  (void)state;
  enum { N = 16 };
  Buffer *in = input(N), *a = temp(N), *b = temp(N), *dead = temp(N), *w = weight(N);
  relu("a", N, in, a);
  add("dead", N, a, w, dead);
  relu("deader", N, dead, b);
  relu("out", N, a, output(N));
  relu("state", N, in, buffer(BUFFER_STATE, N));
  assert_true(program_plan(program, NULL));
  assert_int_equal(program->step_count, 3);
  assert_string_equal(program->steps[1]->name, "out");
  assert_string_equal(program->steps[2]->name, "state");
  assert_int_equal(program->buffer_count, 4); // input, a, output, state
  for (size_t i = 0; i < program->buffer_count; i++) assert_int_equal(program->buffers[i]->id, i);
  assert_int_equal(program->weight_bytes, 0);
  assert_int_equal(program->arena_bytes, 64);
  assert_int_equal(a->first, 0);
  assert_int_equal(a->last, 1);
}

static void test_equal_weights(void **state) {
  (void)state;
  enum { N = 20 };
  Buffer *in = input(N), *w[6];
  for (int i = 0; i < 6; i++) w[i] = weight(N);
  Tensor copy = *w[0]->tensor, changed = *w[0]->tensor;
  float *same_data = NEW_ARRAY(arena, float, N), *other_data = NEW_ARRAY(arena, float, N);
  memcpy(same_data, copy.data, N * sizeof *same_data);
  memcpy(other_data, copy.data, N * sizeof *other_data);
  other_data[N - 1]++;
  copy.data = same_data;
  changed.data = other_data;
  w[1]->tensor = w[0]->tensor; // the same data
  w[2]->tensor = &copy;        // equal data
  w[3]->tensor = &changed;
  w[4]->tensor = w[0]->tensor; // packed in another way
  w[4]->pack = (Pack){.rank = 1, .dims = {N}, .strides = {1}};
  for (int i = 5; i >= 0; i--) add("add", N, in, w[i], output(N)); // the last is used first
  assert_true(program_plan(program, NULL));
  Buffer *read[6];
  for (int i = 0; i < 6; i++) read[i] = program->steps[5 - i]->pointers[1].buffer;
  assert_ptr_equal(read[0], read[1]);
  assert_ptr_equal(read[0], read[2]);
  assert_ptr_equal(read[3], w[3]);
  assert_ptr_equal(read[4], w[4]);
  assert_ptr_equal(read[5], w[5]);
  assert_int_equal(program->weight_bytes, 4 * 128);
  assert_int_equal(w[5]->offset, 0); // in the order of first use
  assert_int_equal(w[4]->offset, 128);
  assert_int_equal(w[3]->offset, 256);
  assert_int_equal(read[0]->offset, 384);
}

// Buffers of many sizes that live for one step: the arena is as large as the worst step.
static void test_arena_is_tight(void **state) {
  (void)state;
  static const int64_t sizes[] = {100, 4000, 50, 3000, 900, 900, 7000, 10, 2000};
  Buffer *last = input(sizes[0]);
  int64_t bound = 0, before = 0;
  for (size_t i = 0; i < COUNT(sizes); i++) {
    Buffer *next = temp(sizes[i]);
    int64_t count = i && sizes[i] > sizes[i - 1] ? sizes[i - 1] : sizes[i];
    map("copy", SPACE(1, 1, 1, count), flat(next), INS(AT(last, 0, 0, 0, i == 5 ? 0 : 1)), x(0));
    int64_t now = round_up(next->bytes.value, 64);
    if (before + now > bound) bound = before + now;
    before = now;
    last = next;
  }
  map("out", SPACE(1, 1, 1, 4), flat(output(4)), INS(flat(last)), x(0));
  assert_true(program_plan(program, NULL));
  assert_int_equal(program->arena_bytes, bound);
  for (size_t i = 0; i < program->buffer_count; i++) assert_int_equal(program->buffers[i]->offset % 64, 0);
}

/* programs with loops and open sizes */

// A buffer that each round writes a slice of and that is read behind the loop keeps its memory all the while; so does
// an output, although nothing reads it.
static void test_filled_by_a_loop(void **state) {
  for (int reads = 0; reads < 2; reads++) {
    if (reads) tear_down(state), set_up(state);
    static const Loc loc = {.file = "test"};
    Dim n = dim_symbol(program->dims, "n"), bytes = dim_times(n, 4);
    Buffer *in = input(8), *t = buffer_new(program, BUFFER_ARENA, bytes, "t");
    Buffer *filled = buffer_new(program, reads ? BUFFER_ARENA : BUFFER_OUTPUT, bytes, "filled");
    frame_input(program, 1, &n);
    if (!reads) { // an output of open size lies in the heap
      filled->place_symbol = dim_alias(program->dims, "place", dim_const(0));
    }
    Step *head = step_control(program, STEP_LABEL, &loc, "head");
    relu("make", 8, in, t);
    relu("fill", 8, t, filled);
    Step *back = step_control(program, STEP_JUMP, &loc, "back");
    back->condition = dim_const(0);
    back->target = head;
    if (reads) relu("behind", 8, filled, output(8));
    assert_true(program_plan(program, NULL));
    assert_true(filled->first <= t->first && filled->last >= t->last);
    assert_true(buffer_in_heap(t) && buffer_in_heap(filled));
    assert_false(dim_equal(t->place, filled->place));
  }
}

// Sizes are computed before the first step that needs them; what a round changes, anew in each.
static void test_dims_steps(void **state) {
  (void)state;
  static const Loc loc = {.file = "test"};
  Dim n = dim_symbol(program->dims, "n"), round = dim_new_symbol(program->dims, "round");
  Buffer *in = input(8), *t = buffer_new(program, BUFFER_ARENA, dim_times(n, 4), "t");
  frame_input(program, 1, &n);
  Buffer *frame = frame_buffer(program);
  Dim at = dim_const(8 * (int64_t)frame_slot(program, round));
  type = DT_I64;
  Step *start = map("start", SPACE(1, 1, 1, 1), flat(frame), INS(flat(in)), x(0));
  type = DT_F32;
  start->pointers[1].offset = at;
  step_find_func(start, FUNC_BODY)->stores[0].pointer = 1;
  relu("first", 8, in, t); // needs to know where t lies
  Step *head = step_control(program, STEP_LABEL, &loc, "head");
  Step *inside = relu("slice", 8, t, output(8));
  inside->args[3].i = dim_times(round, 3);
  type = DT_I64;
  Step *next = map("next", SPACE(1, 1, 1, 1), flat(frame), INS(flat(in)), x(0));
  type = DT_F32;
  next->pointers[1].offset = at;
  step_find_func(next, FUNC_BODY)->stores[0].pointer = 1;
  Step *back = step_control(program, STEP_JUMP, &loc, "back");
  back->condition = dim_const(0);
  back->target = head;
  assert_true(program_plan(program, NULL));
  size_t label = 0, before = 0, in_loop = 0;
  while (program->steps[label]->kind != STEP_LABEL) label++;
  for (size_t i = 0; i < program->step_count; i++)
    for (size_t d = 0; d < program->steps[i]->dim_count; d++) {
      bool of_round = dim_equal(program->steps[i]->dims[d], dim_times(round, 3));
      before += i < label && !of_round;
      in_loop += i > label && of_round;
    }
  assert_true(before > 0);
  assert_int_equal(in_loop, 1);
}

// What the rounds of a loop need and do not change is computed before it, though nothing there needs it.
static void test_dims_before_a_loop(void **state) {
  (void)state;
  static const Loc loc = {.file = "test"};
  Dim n = dim_symbol(program->dims, "n"), round = dim_new_symbol(program->dims, "round");
  Buffer *in = input(8);
  frame_input(program, 1, &n);
  Buffer *frame = frame_buffer(program);
  type = DT_I64;
  Step *start = map("start", SPACE(1, 1, 1, 1), flat(frame), INS(flat(in)), x(0));
  type = DT_F32;
  start->pointers[1].offset = dim_const(8 * (int64_t)frame_slot(program, round));
  step_find_func(start, FUNC_BODY)->stores[0].pointer = 1;
  Step *head = step_control(program, STEP_LABEL, &loc, "head");
  Step *slice = relu("slice", 8, in, output(8)), *whole = relu("whole", 8, in, output(8));
  slice->args[3].i = dim_times(round, 3);
  whole->args[3].i = dim_times(n, 5);
  type = DT_I64;
  Step *next = map("next", SPACE(1, 1, 1, 1), flat(frame), INS(flat(in)), x(0));
  type = DT_F32;
  next->pointers[1].offset = start->pointers[1].offset;
  step_find_func(next, FUNC_BODY)->stores[0].pointer = 1;
  Step *back = step_control(program, STEP_JUMP, &loc, "back");
  back->condition = dim_const(0);
  back->target = head;
  assert_true(program_plan(program, NULL));
  const Step *before = program->steps[1], *inside = program->steps[3];
  assert_int_equal(before->kind, STEP_DIMS);
  assert_int_equal(before->dim_count, 1);
  assert_true(dim_equal(before->dims[0], dim_times(n, 5)));
  assert_int_equal(program->steps[2]->kind, STEP_LABEL);
  assert_int_equal(inside->kind, STEP_DIMS);
  assert_int_equal(inside->dim_count, 1);
  assert_true(dim_equal(inside->dims[0], dim_times(round, 3)));
}

// A number compared with itself is known, but for NaN.
static void test_compared_with_itself(void **state) {
  (void)state;
  assert_int_equal(op(EX_EQ, x(0), x(0))->op, EX_EQ);
  type = DT_I64;
  assert_ptr_equal(op(EX_LT, x(0), x(0)), expr_const(program->exprs, DT_BOOL, 0));
  assert_ptr_equal(op(EX_LE, x(0), x(0)), expr_const(program->exprs, DT_BOOL, 1));
  assert_ptr_equal(op(EX_EQ, x(0), x(0)), expr_const(program->exprs, DT_BOOL, 1));
  assert_int_equal(op(EX_EQ, x(0), x(1))->op, EX_EQ);
  type = DT_F32;
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_conv_bias_residual_relu),
      TEST(test_gemm_gelu),
      TEST(test_transposed_consumer),
      TEST(test_flat_map_before_channels),
      TEST(test_flat_step_before_box),
      TEST(test_parts_of_a_larger_buffer),
      TEST(test_prologues),
      TEST(test_residual_order),
      TEST(test_readers),
      TEST(test_shapes),
      TEST(test_types),
      TEST(test_pointer_and_load),
      TEST(test_partial_store),
      TEST(test_repeated_elements),
      TEST(test_dims_that_do_not_divide),
      TEST(test_windows),
      TEST(test_order_of_state),
      TEST(test_state_of_its_own),
      TEST(test_faults),
      TEST(test_bounds),
      TEST(test_names),
      TEST(test_in_place),
      TEST(test_not_in_place),
      TEST(test_dead_steps),
      TEST(test_equal_weights),
      TEST(test_arena_is_tight),
      TEST(test_filled_by_a_loop),
      TEST(test_dims_steps),
      TEST(test_dims_before_a_loop),
      TEST(test_compared_with_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
