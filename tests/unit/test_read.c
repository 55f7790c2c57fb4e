// The reader on models written byte by byte here, so that no library stands between the format and the test.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "compiler/onnx/read.h"

// Protobuf by hand. Each function appends one field to a message.
static Arena *arena;
static Diag diag;

static int setup(void **state) {
  (void)state;
  arena = arena_new();
  diag_init(&diag, arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(arena);
  return 0;
}

static Text message(void) { return (Text){.arena = arena}; }

static void put_varint(Text *out, uint64_t number) {
  for (; number > 127; number >>= 7) text_append(out, (char[]){(char)((number & 127) | 128)}, 1);
  text_append(out, (char[]){(char)number}, 1);
}

static void put_int(Text *out, unsigned field, uint64_t number) {
  put_varint(out, field << 3);
  put_varint(out, number);
}

static void put_bytes(Text *out, unsigned field, const void *data, size_t size) {
  put_varint(out, field << 3 | 2);
  put_varint(out, size);
  text_append(out, data, size);
}

static void put_text(Text *out, unsigned field, const char *text) { put_bytes(out, field, text, strlen(text)); }

static void put(Text *out, unsigned field, Text inner) { put_bytes(out, field, inner.data, inner.size); }

static void put_float(Text *out, unsigned field, float number) {
  put_varint(out, field << 3 | 5);
  text_append(out, (const char *)&number, 4);
}

// The messages of ONNX.
static Text node(const char *op, const char *inputs, const char *outputs) {
  Text out = message();
  for (const char *c = inputs; *c; c++) put_bytes(&out, 1, c, *c == '-' ? 0 : 1); // one letter a name
  for (const char *c = outputs; *c; c++) put_bytes(&out, 2, c, *c == '-' ? 0 : 1);
  put_text(&out, 4, op);
  return out;
}

static Text tensor(const char *name, int type, const char *dims) {
  Text out = message();
  for (const char *c = dims; *c; c++) put_int(&out, 1, (uint64_t)(*c - '0'));
  put_int(&out, 2, (uint64_t)type);
  put_text(&out, 8, name);
  return out;
}

// A float tensor; dims: a digit, a letter for a symbol, '?' for nothing.
static Text value_info(const char *name, const char *dims) {
  Text out = message(), type = message(), shape = message(), outer = message();
  for (const char *c = dims; *c; c++) {
    Text dim = message();
    if (*c >= '0' && *c <= '9')
      put_int(&dim, 1, (uint64_t)(*c - '0'));
    else if (*c != '?')
      put_bytes(&dim, 2, c, 1);
    put(&shape, 1, dim);
  }
  put_int(&type, 1, DT_F32);
  put(&type, 2, shape);
  put(&outer, 1, type);
  put_text(&out, 1, name);
  put(&out, 2, outer);
  return out;
}

enum { NODE = 1, INITIALISER = 5, INPUT = 11, OUTPUT = 12 }; // fields of a graph

// A graph from x to y.
static Text graph(void) {
  Text out = message();
  put(&out, INPUT, value_info("x", "2"));
  put(&out, OUTPUT, value_info("y", "2"));
  return out;
}

static Model *read_with(Text graph, Text more) {
  Text model = message(), opset = message();
  put_int(&opset, 2, 21);
  put_int(&model, 1, 10);
  put(&model, 8, opset);
  put(&model, 7, graph);
  text_append(&model, more.data, more.size);
  Model *read = read_onnx_bytes(arena, &diag, "m.onnx", model.data, model.size, NULL);
  if (read) assert_true(graph_verify(read->graph));
  return read;
}

static Model *read_good(Text graph) {
  Model *model = read_with(graph, message());
  if (!model) fail_msg("%s", diag.first->text);
  return model;
}

static void assert_refused(Text graph, const char *words) {
  Model *model = read_with(graph, message());
  assert_null(model);
  if (!strstr(diag.first->text, words)) fail_msg("'%s' does not say '%s'", diag.first->text, words);
}

static const Tensor *read_constant(Text proto) {
  Text g = graph();
  put(&g, NODE, node("Add", "xw", "y"));
  put(&g, INITIALISER, proto);
  return read_good(g)->graph->first->in[1]->data;
}

static void test_nodes_are_sorted(void **state) {
  (void)state;
  Text g = graph();
  put(&g, NODE, node("Third", "b", "y"));
  put(&g, NODE, node("Second", "a", "b"));
  put(&g, NODE, node("First", "x", "a"));
  const Node *first = read_good(g)->graph->first;
  assert_string_equal(first->type, "First");
  assert_int_equal(first->loc.index, 2); // as in the file
  assert_string_equal(first->next->type, "Second");
  assert_string_equal(first->next->next->type, "Third");
  assert_int_equal(first->loc.opset, 21);
}

static void test_optional_inputs_and_outputs(void **state) {
  (void)state;
  Text g = graph();
  put(&g, NODE, node("Clip", "x-x", "-y"));
  const Node *clip = read_good(g)->graph->first;
  assert_int_equal(clip->in_count, 3);
  assert_null(clip->in[1]);
  assert_ptr_equal(clip->in[0], clip->in[2]);
  assert_null(clip->out[0]);
  assert_string_equal(clip->out[1]->name, "y");
}

static void test_dims_of_inputs(void **state) {
  (void)state;
  Text g = message();
  put(&g, INPUT, value_info("x", "3n?"));
  put(&g, INPUT, value_info("z", "?n"));
  put(&g, OUTPUT, value_info("x", ""));
  const Graph *read = read_good(g)->graph;
  const Value *x = read->inputs[0], *z = read->inputs[1];
  assert_int_equal(x->rank, 3);
  assert_int_equal(x->dims[0].value, 3);
  assert_true(dim_equal(x->dims[1], z->dims[1]));
  assert_string_equal(dim_text(read->model->dims, x->dims[1]), "n");
  assert_string_equal(dim_text(read->model->dims, x->dims[2]), "x_dim2");
  assert_string_equal(dim_text(read->model->dims, z->dims[0]), "z_dim0");
  assert_ptr_equal(read->outputs[0], x);
}

static void test_input_with_initialiser_is_constant(void **state) {
  (void)state;
  Text g = graph(), w = tensor("w", DT_F32, "2");
  put_float(&w, 4, 1);
  put_float(&w, 4, 2);
  put(&g, INPUT, value_info("w", "2"));
  put(&g, INITIALISER, w);
  put(&g, NODE, node("Add", "xw", "y"));
  const Graph *read = read_good(g)->graph;
  assert_int_equal(read->input_count, 1);
  assert_true(tensor_float(read->first->in[1]->data, 1) == 2);
}

// A list of numbers may come as one packed piece, one by one, or both.
static void test_packed_and_unpacked(void **state) {
  (void)state;
  const float packed[] = {1, 2};
  Text w = tensor("w", DT_F32, "4");
  put_bytes(&w, 4, packed, sizeof packed);
  put_bytes(&w, 4, packed, 0);
  put_float(&w, 4, 3);
  put_bytes(&w, 4, packed, 4);
  const Tensor *read = read_constant(w);
  assert_true(tensor_float(read, 0) == 1 && tensor_float(read, 1) == 2);
  assert_true(tensor_float(read, 2) == 3 && tensor_float(read, 3) == 1);
  Text v = tensor("w", DT_I32, "3"), packed_ints = message();
  put_varint(&packed_ints, 300);
  put_varint(&packed_ints, UINT64_MAX); // -1 takes ten bytes
  put(&v, 5, packed_ints);
  put_int(&v, 5, 7);
  read = read_constant(v);
  assert_int_equal(tensor_int(read, 0), 300);
  assert_int_equal(tensor_int(read, 1), -1);
  assert_int_equal(tensor_int(read, 2), 7);
}

// Data lies wherever the bytes before it end, and is used there.
static void test_raw_data_at_any_alignment(void **state) {
  (void)state;
  const double numbers[] = {0.5, -3};
  for (size_t padding = 0; padding < 16; padding++) {
    Text w = tensor("w", DT_F64, "2");
    put_bytes(&w, 12, "................", padding); // a documentation text: skipped
    put_bytes(&w, 9, numbers, sizeof numbers);
    const Tensor *read = read_constant(w);
    assert_memory_equal(read->data, numbers, sizeof numbers);
  }
}

static void test_bytes_are_not_copied(void **state) {
  (void)state;
  Text w = tensor("w", DT_U8, "9"), g = graph(), model = message(), opset = message();
  put_bytes(&w, 9, "123456789", 9);
  put(&g, NODE, node("Add", "xw", "y"));
  put(&g, INITIALISER, w);
  put_int(&opset, 2, 21);
  put(&model, 8, opset);
  put(&model, 7, g);
  const Model *read = read_onnx_bytes(arena, &diag, "m.onnx", model.data, model.size, NULL);
  const char *data = read->graph->first->in[1]->data->data;
  assert_true(data > model.data && data < model.data + model.size);
  assert_true(diag.first->warning); // no IR version
}

static void test_bools_are_0_or_1(void **state) {
  (void)state;
  Text w = tensor("w", DT_BOOL, "3");
  put_bytes(&w, 9, "\0\1\7", 3);
  assert_memory_equal(read_constant(w)->data, "\0\1\1", 3);
}

static void test_unknown_fields_are_skipped(void **state) {
  (void)state;
  Text g = graph();
  put_int(&g, 999, 5);
  put_float(&g, 998, 5);
  put_text(&g, 997, "text");
  put_varint(&g, 996 << 3 | 1);
  text_append(&g, "12345678", 8);
  put(&g, NODE, node("Relu", "x", "y"));
  assert_string_equal(read_good(g)->graph->first->type, "Relu");
}

static void test_groups_are_refused(void **state) {
  (void)state;
  Text g = graph();
  put_varint(&g, 999 << 3 | 3);
  assert_refused(g, "an invalid wire type");
}

// An If whose branches use one name for two values and read the graph around them.
static void test_subgraphs(void **state) {
  (void)state;
  Text g = graph(), choose = node("If", "x", "y");
  for (int i = 0; i < 2; i++) {
    Text branch = message(), attr = message();
    put(&branch, NODE, node(i ? "Neg" : "Abs", "a", "r"));
    put(&branch, OUTPUT, value_info("r", "2"));
    put_text(&attr, 1, i ? "else_branch" : "then_branch");
    put(&attr, 6, branch);
    put_int(&attr, 20, ATTR_GRAPH);
    put(&choose, 5, attr);
  }
  put(&g, NODE, choose); // before the node whose result its branches read
  put(&g, NODE, node("Relu", "x", "a"));
  const Node *relu = read_good(g)->graph->first, *node = relu->next;
  const Graph *then_branch = node_attr(node, "then_branch")->g, *else_branch = node_attr(node, "else_branch")->g;
  assert_ptr_equal(then_branch->first->in[0], relu->out[0]);
  assert_int_equal(relu->out[0]->use_count, 2);
  assert_string_not_equal(then_branch->outputs[0]->name, else_branch->outputs[0]->name);
  assert_string_equal(else_branch->output_names[0], "r");
  assert_string_equal(then_branch->name, "main/If_0/then_branch");
}

// A subgraph whose output is a value of the graph around it.
static void test_outer_output_is_copied(void **state) {
  (void)state;
  Text g = graph(), choose = node("If", "x", "y"), branch = message(), attr = message();
  put(&branch, OUTPUT, value_info("x", "2"));
  put_text(&attr, 1, "then_branch");
  put(&attr, 6, branch);
  put_int(&attr, 20, ATTR_GRAPH);
  put(&choose, 5, attr);
  put(&g, NODE, choose);
  const Graph *read = node_attr(read_good(g)->graph->first, "then_branch")->g;
  assert_true(node_is(read->first, "", "Identity"));
  assert_ptr_equal(read->first->out[0], read->outputs[0]);
}

// f(a; slope=0.25, size) = LeakyRelu(Scale(a) {size=size}) {alpha=slope}
static Text function(void) {
  Text out = message(), scale = node("Scale", "a", "t"), leak = node("LeakyRelu", "t", "b");
  static const char *const names[][2] = {{"size", "size"}, {"alpha", "slope"}};
  for (int i = 0; i < 2; i++) {
    Text attr = message();
    put_text(&attr, 1, names[i][0]);
    put_text(&attr, 21, names[i][1]);
    put_int(&attr, 20, i ? ATTR_FLOAT : ATTR_INT);
    put(i ? &leak : &scale, 5, attr);
  }
  Text slope = message();
  put_text(&slope, 1, "slope");
  put_float(&slope, 2, 0.25F);
  put_int(&slope, 20, ATTR_FLOAT);
  put_text(&out, 1, "F");
  put_text(&out, 4, "a");
  put_text(&out, 5, "b");
  put_text(&out, 6, "size");
  put(&out, 7, scale);
  put(&out, 7, leak);
  put(&out, 11, slope);
  Text wrapped = message();
  put(&wrapped, 25, out);
  return wrapped;
}

static void test_functions_are_inlined(void **state) {
  (void)state;
  Text g = graph(), second = node("F", "h", "y"), size = message(), slope = message();
  put_text(&size, 1, "size");
  put_int(&size, 3, 3);
  put_int(&size, 20, ATTR_INT);
  put_text(&slope, 1, "slope");
  put_float(&slope, 2, 0.5F);
  put_int(&slope, 20, ATTR_FLOAT);
  put(&second, 5, size);
  put(&second, 5, slope);
  put_text(&second, 3, "call");
  put(&g, NODE, node("F", "x", "h"));
  put(&g, NODE, second);
  const Model *model = read_with(g, function());
  assert_non_null(model);
  const Node *nodes[4] = {model->graph->first};
  for (int i = 1; i < 4; i++) nodes[i] = nodes[i - 1]->next;
  assert_null(nodes[3]->next);
  assert_true(node_is(nodes[0], "", "Scale") && node_is(nodes[3], "", "LeakyRelu"));
  assert_null(node_attr(nodes[0], "size"));              // not given, and without default
  assert_true(node_float(nodes[1], "alpha", 0) == 0.25); // the default
  assert_int_equal(node_int(nodes[2], "size", 0), 3);
  assert_true(node_float(nodes[3], "alpha", 0) == 0.5);
  assert_string_equal(nodes[1]->out[0]->name, "h");
  assert_string_equal(nodes[3]->out[0]->name, "y");
  assert_string_equal(nodes[2]->loc.graph, "main/call");
  assert_string_not_equal(nodes[0]->out[0]->name, nodes[2]->out[0]->name);
}

// Names of the form that passes invent do not meet those.
static void test_invented_names_are_free(void **state) {
  (void)state;
  Text g = message();
  put(&g, INPUT, value_info("x~5", "2"));
  put(&g, OUTPUT, value_info("x~5", "2"));
  Graph *read = read_good(g)->graph;
  for (int i = 0; i < 10; i++) assert_string_not_equal(value_new_typed(read, "x", DT_F32, 0, NULL)->name, "x~5");
}

static void test_external_data_needs_a_folder(void **state) {
  (void)state;
  Text g = graph(), w = tensor("w", DT_F32, "2"), location = message();
  put_text(&location, 1, "location");
  put_text(&location, 2, "w.bin");
  put(&w, 13, location);
  put_int(&w, 14, 1);
  put(&g, INITIALISER, w);
  assert_refused(g, "only read for a model that is a file");
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_nodes_are_sorted),
      TEST(test_optional_inputs_and_outputs),
      TEST(test_dims_of_inputs),
      TEST(test_input_with_initialiser_is_constant),
      TEST(test_packed_and_unpacked),
      TEST(test_raw_data_at_any_alignment),
      TEST(test_bytes_are_not_copied),
      TEST(test_bools_are_0_or_1),
      TEST(test_unknown_fields_are_skipped),
      TEST(test_groups_are_refused),
      TEST(test_subgraphs),
      TEST(test_outer_output_is_copied),
      TEST(test_functions_are_inlined),
      TEST(test_invented_names_are_free),
      TEST(test_external_data_needs_a_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
