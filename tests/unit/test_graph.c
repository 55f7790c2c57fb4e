// Values, nodes, attributes, tensors, and what the verifier finds.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "compiler/graph/graph.h"

// x → Relu → a → Add(a, a) → y
typedef struct {
  Arena *arena;
  Diag diag;
  Model *model;
  Graph *graph;
  Value *x, *a, *y;
  Node *relu, *add;
} Fixture;

static int setup(void **state) {
  Arena *arena = arena_new();
  Fixture *f = NEW(arena, Fixture);
  f->arena = arena;
  diag_init(&f->diag, arena);
  f->model = model_new(arena, &f->diag, "m.onnx");
  APPEND(arena, f->model->opsets, f->model->opset_count, ((OpsetImport){"", 13}));
  f->graph = f->model->graph = graph_new(f->model, NULL, "main");
  Dim dims[] = {dim_symbol(f->model->dims, "batch"), dim_const(4)};
  f->x = value_new(f->graph, "x");
  f->x->type = DT_F32;
  f->x->rank = 2;
  f->x->dims = NEW_ARRAY(arena, Dim, 2);
  memcpy(f->x->dims, dims, sizeof dims);
  f->a = value_new(f->graph, "a");
  f->y = value_new(f->graph, "y");
  f->relu = node_new(f->graph, NULL, "", "Relu", &f->x, 1, &f->a, 1);
  f->add = node_new(f->graph, NULL, "", "Add", (Value *[]){f->a, f->a}, 2, &f->y, 1);
  APPEND(arena, f->graph->inputs, f->graph->input_count, f->x);
  APPEND(arena, f->graph->outputs, f->graph->output_count, f->y);
  f->y->is_output = true;
  *state = f;
  return 0;
}

static int teardown(void **state) {
  arena_free(((Fixture *)*state)->arena);
  return 0;
}

static size_t count_uses(const Value *value, const Node *node) {
  size_t count = 0;
  for (size_t i = 0; i < value->use_count; i++) count += value->uses[i] == node;
  return count;
}

static void test_nodes_are_linked(void **state) {
  Fixture *f = *state;
  assert_true(graph_verify(f->graph));
  assert_ptr_equal(f->graph->first, f->relu);
  assert_ptr_equal(f->graph->last, f->add);
  assert_ptr_equal(f->a->producer, f->relu);
  assert_int_equal(f->a->use_count, 2);
  assert_int_equal(count_uses(f->a, f->add), 2);
  assert_int_equal(f->add->loc.opset, NEWEST_OPSET);
  assert_string_equal(f->add->loc.op, "Add");
  assert_true(node_is(f->add, "", "Add"));
  assert_false(node_is(f->add, "ai.onnx.ml", "Add"));
  assert_null(node_in(f->add, 2));
}

static void test_insert_and_remove(void **state) {
  Fixture *f = *state;
  Value *b = value_new_typed(f->graph, "a", DT_F32, 2, f->x->dims);
  Node *abs = node_new(f->graph, f->add, "", "Abs", &f->a, 1, &b, 1);
  assert_ptr_equal(f->relu->next, abs);
  assert_ptr_equal(f->add->prev, abs);
  node_set_input(f->add, 1, b);
  assert_int_equal(count_uses(f->a, f->add), 1);
  assert_int_equal(count_uses(b, f->add), 1);
  assert_true(graph_verify(f->graph));
  value_replace(f->graph, b, f->a);
  assert_int_equal(b->use_count, 0);
  node_remove(f->graph, abs);
  assert_null(b->producer);
  assert_int_equal(f->a->use_count, 2);
  assert_true(graph_verify(f->graph));
}

static void test_replace_reaches_outputs(void **state) {
  Fixture *f = *state;
  value_replace(f->graph, f->y, f->a);
  node_remove(f->graph, f->add);
  assert_ptr_equal(f->graph->outputs[0], f->a);
  assert_true(f->a->is_output);
  assert_false(f->y->is_output);
  assert_int_equal(f->a->use_count, 0);
  assert_true(graph_verify(f->graph));
}

static void test_remove_looks_into_subgraphs(void **state) {
  Fixture *f = *state;
  Graph *body = graph_new(f->model, f->graph, "main/if/then_branch");
  Value *r = value_new(body, "r"), *out = value_new(f->graph, "out");
  node_new(body, NULL, "", "Neg", &f->a, 1, &r, 1);
  APPEND(f->arena, body->outputs, body->output_count, r);
  r->is_output = true;
  Node *node = node_new(f->graph, NULL, "", "If", &f->x, 1, &out, 1);
  APPEND(f->arena, node->attrs, node->attr_count, ((Attr){.name = "then_branch", .type = ATTR_GRAPH, .g = body}));
  assert_int_equal(f->a->use_count, 3);
  assert_true(graph_verify(f->graph));
  assert_true(graph_verify(body)); // of the whole model, from anywhere
  node_remove(f->graph, node);
  assert_int_equal(f->a->use_count, 2);
  assert_true(graph_verify(f->graph));
}

static void test_attributes(void **state) {
  Fixture *f = *state;
  Node *node = f->relu;
  size_t count = 9;
  assert_null(node_attr(node, "alpha"));
  assert_int_equal(node_int(node, "axis", -1), -1);
  assert_null(node_ints(node, "axes", &count));
  assert_int_equal(count, 0);
  node_set_int(f->model, node, "axis", 3);
  node_set_float(f->model, node, "alpha", 0.5);
  node_set_string(f->model, node, "mode", "linear");
  node_set_ints(f->model, node, "axes", (int64_t[]){1, 2, 5}, 3);
  node_set_ints(f->model, node, "none", NULL, 0);
  node_set_int(f->model, node, "axis", 4);
  assert_int_equal(node->attr_count, 5);
  assert_int_equal(node_int(node, "axis", -1), 4);
  assert_true(node_float(node, "alpha", 0) == 0.5);
  assert_string_equal(node_string(node, "mode", ""), "linear");
  assert_int_equal(node_int(node, "mode", 7), 7); // of another type
  assert_int_equal(node_ints(node, "axes", &count)[2], 5);
  assert_int_equal(count, 3);
  assert_non_null(node_ints(node, "none", &count));
  assert_int_equal(count, 0);
}

static void test_invented_names_differ(void **state) {
  Fixture *f = *state;
  Value *p = value_new(f->graph, NULL), *q = value_new_typed(f->graph, "h", DT_I32, 0, NULL);
  Value *r = value_new_typed(f->graph, "h", DT_I32, 0, NULL);
  assert_string_not_equal(p->name, q->name);
  assert_string_not_equal(q->name, r->name);
}

static void test_shapes(void **state) {
  Fixture *f = *state;
  Dim dims[] = {dim_const(2), dim_const(3)}, huge[] = {dim_const(INT64_C(1) << 40), dim_const(INT64_C(1) << 40)};
  Value *v = value_new_typed(f->graph, "v", DT_I8, 2, dims);
  assert_true(value_is_static(v));
  assert_false(value_is_static(f->x));
  assert_false(value_is_static(f->a));
  assert_int_equal(value_count(v), 6);
  assert_int_equal(value_dim(v, -1), 3);
  assert_int_equal(value_count(value_new_typed(f->graph, "v", DT_I8, 2, huge)), -1);
  assert_int_equal(value_count(value_new_typed(f->graph, "v", DT_I8, 0, NULL)), 1);
  assert_string_equal(value_text(f->model, f->x), "'x' float32[batch,4]");
  assert_string_equal(value_text(f->model, f->a), "'a' undefined[?]");
}

static void test_constants(void **state) {
  Fixture *f = *state;
  Value *ints = value_const_ints(f->graph, "axes", (int64_t[]){1, -2}, 2);
  assert_int_equal(ints->rank, 1);
  assert_int_equal(tensor_int(ints->data, 1), -2);
  assert_int_equal(value_const_ints(f->graph, "none", NULL, 0)->dims[0].value, 0);
  static const struct {
    DType type;
    double value, stored;
  } cases[] = {
      {DT_F32, 0.1, (double)0.1f},    {DT_F64, 0.1, 0.1},
      {DT_F16, 0.1, 0.0999755859375}, {DT_BF16, 0.1, 0.10009765625},
      {DT_F16, 65504, 65504},         {DT_F16, 65519, 65504}, // below the half-way point to infinity
      {DT_F16, 65520, INFINITY},      {DT_F16, -1e300, -INFINITY},
      {DT_F16, 6e-8, 0x1p-24},        {DT_F16, 0x1p-25, 0},   // half of the smallest: to even
      {DT_F16, 0x1.8p-24, 0x1p-23},   {DT_BF16, 0x1.01p0, 1}, // ties: to even
      {DT_BF16, 0x1.03p0, 0x1.04p0},  {DT_F16, 2049, 2048},
      {DT_F16, 2051, 2052},           {DT_BF16, INFINITY, INFINITY},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    Value *v = value_const_float(f->graph, "c", cases[i].type, cases[i].value);
    assert_int_equal(v->rank, 0);
    double stored = tensor_float(v->data, 0);
    if (stored != cases[i].stored)
      fail_msg("%s of %a is %a, not %a", dtype_name(cases[i].type), cases[i].value, stored, cases[i].stored);
  }
  assert_true(isnan(tensor_float(value_const_float(f->graph, "c", DT_F16, NAN)->data, 0)));
}

// Codes and values from the formats' own definitions.
static void test_small_types(void **state) {
  (void)state;
  static const struct {
    DType type;
    uint8_t code;
    double value; // NAN: not a number
  } cases[] = {
      {DT_F8E4M3FN, 0x38, 1},       {DT_F8E4M3FN, 0x7e, 448},   {DT_F8E4M3FN, 0x7f, NAN},
      {DT_F8E4M3FN, 0x01, 0x1p-9},  {DT_F8E4M3FNUZ, 0x40, 1},   {DT_F8E4M3FNUZ, 0x7f, 240},
      {DT_F8E4M3FNUZ, 0x80, NAN},   {DT_F8E5M2, 0x3c, 1},       {DT_F8E5M2, 0x7b, 57344},
      {DT_F8E5M2, 0xfc, -INFINITY}, {DT_F8E5M2, 0x7d, NAN},     {DT_F8E5M2FNUZ, 0x40, 1},
      {DT_F8E5M2FNUZ, 0x7f, 57344}, {DT_F8E5M2FNUZ, 0x80, NAN}, {DT_F8E8M0, 127, 1},
      {DT_F8E8M0, 0, 0x1p-127},     {DT_F8E8M0, 255, NAN},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    Tensor t = {.type = cases[i].type, .data = &cases[i].code};
    double x = tensor_float(&t, 0);
    if (isnan(cases[i].value) ? !isnan(x) : x != cases[i].value)
      fail_msg("%s %#x is %g, not %g", dtype_name(t.type), cases[i].code, x, cases[i].value);
  }
  const uint8_t packed[] = {0x2f, 0x08}; // the first element in the low bits
  int64_t dims[] = {3};
  Tensor t = {.type = DT_I4, .rank = 1, .dims = dims, .data = packed};
  assert_int_equal(tensor_bytes(&t), 2);
  assert_int_equal(tensor_int(&t, 0), -1);
  assert_int_equal(tensor_int(&t, 1), 2);
  assert_int_equal(tensor_int(&t, 2), -8);
  t.type = DT_U4;
  assert_int_equal(tensor_int(&t, 0), 15);
  t.type = DT_I2;
  assert_int_equal(tensor_bytes(&t), 1);
  assert_int_equal(tensor_int(&t, 0), -1);
  assert_int_equal(tensor_int(&t, 2), -2);
  t.type = DT_F4E2M1;
  assert_true(tensor_float(&t, 0) == -6);
  assert_true(tensor_float(&t, 1) == 1);
}

static void test_dtype_facts(void **state) {
  (void)state;
  assert_int_equal(dtype_bytes(DT_F32, 5), 20);
  assert_int_equal(dtype_bytes(DT_U2, 5), 2);
  assert_int_equal(dtype_bytes(DT_F64, INT64_MAX / 4), -1);
  assert_int_equal(dtype_bytes(DT_STRING, 5), 0);
  assert_string_equal(dtype_name(DT_BF16), "bfloat16");
  assert_string_equal(dtype_name((DType)99), "unknown type");
  assert_true(dtype_is_float(DT_F4E2M1) && !dtype_is_float(DT_I8) && !dtype_is_float(DT_C64));
  assert_true(dtype_is_signed(DT_I2) && !dtype_is_signed(DT_BOOL) && dtype_is_signed(DT_F16));
}

static void test_error_shows_inputs(void **state) {
  Fixture *f = *state;
  f->add->loc.index = 1;
  f->add->loc.name = "sum";
  node_set_int(f->model, f->add, "axis", 2);
  assert_false(node_error(f->model, f->add, "shapes %s", "differ"));
  const char *text = f->diag.first->text;
  assert_non_null(strstr(text, "m.onnx: node #1 'sum' (Add-28): error: shapes differ\n"));
  assert_non_null(strstr(text, "'a' undefined[?]"));
  assert_non_null(strstr(text, "\n  axis=2"));
}

static void test_print(void **state) {
  Fixture *f = *state;
  Text text = {.arena = f->arena};
  graph_print(f->graph, &text);
  assert_string_equal(text.data, "graph main ('x' float32[batch,4])\n"
                                 "  'a' undefined[?] = Relu-28('x')\n"
                                 "  'y' undefined[?] = Add-28('a', 'a')\n"
                                 "  return 'y'\n");
}

// Each breaks one rule; the verifier must say so.
static void break_order(Fixture *f) { node_set_input(f->relu, 0, f->y); }
static void break_producer(Fixture *f) { f->a->producer = f->add; }
static void break_uses(Fixture *f) { f->a->use_count--; }
static void break_stale_use(Fixture *f) { APPEND(f->arena, f->x->uses, f->x->use_count, f->add); }
static void break_output_flag(Fixture *f) { f->y->is_output = false; }
static void break_output(Fixture *f) {
  f->graph->outputs[0] = value_new(f->graph, "nowhere");
  f->graph->outputs[0]->is_output = true;
}
static void break_name(Fixture *f) { f->a->name = "x"; }
static void break_rank(Fixture *f) { f->a->rank = MAX_RANK + 1; }
static void break_dim(Fixture *f) { f->x->dims[0] = dim_const(-1); }
static void break_list(Fixture *f) { f->add->prev = NULL; }
static void break_input(Fixture *f) { f->graph->inputs[0] = f->a; }

static void test_verifier_finds_faults(void **state) {
  static void (*const breaks[])(Fixture *) = {break_order,       break_producer, break_uses, break_stale_use,
                                              break_output_flag, break_output,   break_name, break_rank,
                                              break_dim,         break_list,     break_input};
  for (size_t i = 0; i < COUNT(breaks); i++) {
    setup(state);
    Fixture *f = *state;
    assert_true(graph_verify(f->graph));
    breaks[i](f);
    if (graph_verify(f->graph)) fail_msg("fault %zu was not found", i);
    assert_int_equal(f->diag.errors, 1);
    assert_non_null(strstr(f->diag.first->text, "internal fault"));
    teardown(state);
  }
}

// A copy has values and nodes of its own, subgraphs too; what comes from outside is shared until it is discarded.
static void test_clone(void **state) {
  Fixture *f = *state;
  Graph *body = graph_new(f->model, f->graph, "body");
  Value *in = value_new(body, "in"), *out = value_new(body, "out");
  APPEND(f->arena, body->inputs, body->input_count, in);
  APPEND(f->arena, body->outputs, body->output_count, out);
  node_new(body, NULL, "", "Add", (Value *[]){in, f->x}, 2, &out, 1);
  size_t uses = f->x->use_count;
  Graph *copy = graph_clone(body);
  assert_ptr_equal(copy->parent, f->graph);
  assert_ptr_not_equal(copy->inputs[0], in);
  assert_ptr_not_equal(copy->first, body->first);
  assert_ptr_equal(copy->first->in[0], copy->inputs[0]);
  assert_ptr_equal(copy->first->in[1], f->x);
  assert_ptr_equal(copy->outputs[0], copy->first->out[0]);
  assert_int_not_equal(copy->outputs[0]->id, out->id);
  assert_int_equal(f->x->use_count, uses + 1);
  copy->outputs[0]->rank = 3;
  assert_int_not_equal(out->rank, 3);
  graph_discard(copy);
  assert_null(copy->first);
  assert_int_equal(f->x->use_count, uses);
  assert_int_equal(in->use_count, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nodes_are_linked, setup, teardown),
      cmocka_unit_test_setup_teardown(test_insert_and_remove, setup, teardown),
      cmocka_unit_test_setup_teardown(test_replace_reaches_outputs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_remove_looks_into_subgraphs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_invented_names_differ, setup, teardown),
      cmocka_unit_test_setup_teardown(test_shapes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_constants, setup, teardown),
      cmocka_unit_test(test_small_types),
      cmocka_unit_test(test_dtype_facts),
      cmocka_unit_test_setup_teardown(test_error_shows_inputs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_print, setup, teardown),
      cmocka_unit_test(test_verifier_finds_faults),
      cmocka_unit_test_setup_teardown(test_clone, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
