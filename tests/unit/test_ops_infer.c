// Shapes with symbols through the infer rules: dims as text, and elements of shapes that exporters compute.
#include "compiler/ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static Arena *arena;
static Diag diag;
static Model *model;

static int set_up(void **state) {
  (void)state;
  arena = arena_new();
  diag_init(&diag, arena);
  model = model_new(arena, &diag, "test.onnx");
  model->graph = graph_new(model, NULL, "main");
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  arena_free(arena);
  return 0;
}

static void set_opset(int version) {
  model->opset_count = 0;
  APPEND(arena, model->opsets, model->opset_count, ((OpsetImport){"", version}));
}

static Dim symbol(const char *name) { return dim_symbol(model->dims, name); }
static Dim number(int64_t value) { return dim_const(value); }

static Value *typed(DType type, int rank, const Dim *dims) {
  return value_new_typed(model->graph, "x", type, rank, dims);
}
#define FLOATS(...) typed(DT_F32, (int)(sizeof((Dim[]){__VA_ARGS__}) / sizeof(Dim)), (Dim[]){__VA_ARGS__})
#define INTS(...)                                                                                                      \
  value_const_ints(model->graph, "i", (int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

// A node with up to four inputs and the given number of outputs.
static Node *make(const char *type, size_t outputs, Value *a, Value *b, Value *c, Value *d) {
  Value *in[] = {a, b, c, d}, *out[4];
  size_t count = 4;
  while (count && !in[count - 1]) count--;
  for (size_t i = 0; i < outputs; i++) out[i] = value_new(model->graph, NULL);
  return node_new(model->graph, NULL, "", type, in, count, out, outputs);
}

static bool infer(Node *node) {
  assert_non_null(node->op);
  return op_check_types(model, node) && node->op->infer(model, node);
}

static const char *dims_text(const Dim *dims, int64_t count) {
  Text text = {.arena = arena};
  for (int64_t i = 0; i < count; i++) text_printf(&text, "%s%s", i ? " " : "", dim_text(model->dims, dims[i]));
  return text.data ? text.data : "";
}
static void expect_dims(Node *node, size_t output, const char *wanted) {
  assert_string_equal(dims_text(node->out[output]->dims, node->out[output]->rank), wanted);
}
static void expect_elems(Node *node, size_t output, int64_t count, const char *wanted) {
  assert_non_null(node->out[output]->elems);
  assert_string_equal(dims_text(node->out[output]->elems, count), wanted);
}

static void test_windows(void **state) {
  (void)state;
  set_opset(13);
  Value *x = FLOATS(symbol("n"), number(3), symbol("h"), number(32));
  Value *w = FLOATS(number(8), number(3), number(3), number(3));
  Node *conv = make("Conv", 1, x, w, NULL, NULL);
  node_set_ints(model, conv, "pads", (int64_t[]){1, 1, 1, 1}, 4);
  assert_true(infer(conv));
  expect_dims(conv, 0, "n 8 h 32");
  node_set_ints(model, conv, "strides", (int64_t[]){2, 2}, 2);
  assert_true(infer(conv));
  expect_dims(conv, 0, "n 8 ((h+1)/2) 16");
  node_set_string(model, conv, "auto_pad", "SAME_UPPER");
  assert_true(infer(conv));
  expect_dims(conv, 0, "n 8 ((h+1)/2) 16");
  Node *pool = make("MaxPool", 1, x, NULL, NULL, NULL);
  node_set_ints(model, pool, "kernel_shape", (int64_t[]){2, 2}, 2);
  node_set_ints(model, pool, "strides", (int64_t[]){2, 2}, 2);
  assert_true(infer(pool));
  expect_dims(pool, 0, "n 3 (h/2) 16");
}

static void test_products(void **state) {
  (void)state;
  set_opset(13);
  Node *gemm = make("Gemm", 1, FLOATS(symbol("n"), symbol("k")), FLOATS(number(10), number(64)), NULL, NULL);
  node_set_int(model, gemm, "transB", 1);
  assert_true(infer(gemm));
  expect_dims(gemm, 0, "n 10");
  Node *matmul = make("MatMul", 1, FLOATS(symbol("n"), number(1), symbol("s"), number(64)),
                      FLOATS(number(12), number(64), symbol("s")), NULL, NULL);
  assert_true(infer(matmul));
  expect_dims(matmul, 0, "n 12 s s");
}

static void test_cuts(void **state) {
  (void)state;
  set_opset(13);
  Value *x = FLOATS(symbol("n"), number(9));
  Node *slice = make("Slice", 1, x, INTS(0), INTS(INT64_MAX), NULL);
  assert_true(infer(slice));
  expect_dims(slice, 0, "n 9");
  slice = make("Slice", 1, x, INTS(1, 0), INTS(INT64_MAX, -1), NULL);
  assert_true(infer(slice));
  // Nothing says that n is not 0.
  expect_dims(slice, 0, "max((n+(-1*min(n,1))),0) 8");
  Value *backwards[] = {x, INTS(-1), INTS(INT64_MIN), INTS(0), INTS(-1)}, *out = value_new(model->graph, NULL);
  slice = node_new(model->graph, NULL, "", "Slice", backwards, 5, &out, 1);
  assert_true(infer(slice));
  expect_dims(slice, 0, "n 9");
  Node *split = make("Split", 2, FLOATS(symbol("n"), number(8)), NULL, NULL, NULL);
  node_set_int(model, split, "axis", 1);
  assert_true(infer(split));
  expect_dims(split, 0, "n 4");
  expect_dims(split, 1, "n 4");
  Node *concat = make("Concat", 1, FLOATS(symbol("n"), number(8)), FLOATS(symbol("m"), number(8)), NULL, NULL);
  node_set_int(model, concat, "axis", 0);
  assert_true(infer(concat));
  expect_dims(concat, 0, "(n+m) 8");
  Node *pad = make("Pad", 1, FLOATS(symbol("n"), symbol("s")), INTS(0, 1, 0, 2), NULL, NULL);
  assert_true(infer(pad));
  expect_dims(pad, 0, "n (s+3)");
  Node *gather = make("Gather", 1, FLOATS(number(100), number(16)), typed(DT_I64, 2, (Dim[]){symbol("n"), symbol("s")}),
                      NULL, NULL);
  assert_true(infer(gather));
  expect_dims(gather, 0, "n s 16");
}

// Reshape(x, Concat(Shape(x)[0:1], [-1], Shape(x)[3])): what exporters write for view(n, -1, w).
static void test_shapes(void **state) {
  (void)state;
  set_opset(13);
  Value *x = FLOATS(symbol("n"), number(3), symbol("h"), number(32));
  Node *shape = make("Shape", 1, x, NULL, NULL, NULL);
  assert_true(infer(shape));
  Node *slice = make("Slice", 1, shape->out[0], INTS(0), INTS(1), NULL);
  assert_true(infer(slice));
  expect_elems(slice, 0, 1, "n");
  Node *gather = make("Gather", 1, shape->out[0], INTS(-1), NULL, NULL);
  assert_true(infer(gather));
  expect_elems(gather, 0, 1, "32");
  Node *split = make("Split", 2, shape->out[0], INTS(1, 3), NULL, NULL);
  assert_true(infer(split));
  expect_elems(split, 0, 1, "n");
  expect_elems(split, 1, 3, "3 h 32");
  Node *concat = make("Concat", 1, slice->out[0], INTS(-1), gather->out[0], NULL);
  node_set_int(model, concat, "axis", 0);
  assert_true(infer(concat));
  expect_elems(concat, 0, 3, "n -1 32");
  Node *reshape = make("Reshape", 1, x, concat->out[0], NULL, NULL);
  assert_true(infer(reshape));
  expect_dims(reshape, 0, "n (3*h) 32");
  Node *zeros = make("ConstantOfShape", 1, slice->out[0], NULL, NULL, NULL);
  assert_true(infer(zeros));
  expect_dims(zeros, 0, "n");
  Value *step[] = {shape->out[0], INTS(3), INTS(INT64_MIN), INTS(0), INTS(-2)}, *out = value_new(model->graph, NULL);
  Node *backwards = node_new(model->graph, NULL, "", "Slice", step, 5, &out, 1);
  assert_true(infer(backwards));
  expect_elems(backwards, 0, 2, "32 3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_windows, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_products, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_cuts, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
