// Runs whose sizes only they know (fake_open.c), through the session and through the library.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail // the runtime has a function of this name
#include <stdlib.h>
#include <string.h>

#include "runtime/ingot.h"
#include "runtime/run.h"
#include "runtime/sequence.h"
#include "templates/template.h"

enum { ROWS = 100 };

static void fill_rows(Value *value, int64_t rows, int64_t columns) {
  Error error;
  Shape shape = {.rank = value->model->rank, .dims = {rows, columns}};
  float *data = place_tensor(value, find_dtype(DTYPE_FLOAT), "", &shape, UINT64_MAX, NULL, &error);
  assert_non_null(data);
  for (int64_t i = 0; i < rows * columns; i++) data[i] = (float)(i % 17);
  value->given = true;
}

static void test_session(void **state) {
  (void)state;
  Error error;
  float *first = NULL;
  for (unsigned threads = 1; threads <= 4; threads++) {
    Session session;
    assert_true(open_session(&session, &ingot_model, &(SessionSettings){.threads = threads}, &error));
    for (int64_t rows = 0; rows <= ROWS; rows += 25) { // dims change from run to run
      clear_inputs(&session);
      fill_rows(&session.inputs[0], rows, 3);
      fill_rows(&session.inputs[1], rows, 1);
      assert_true(shape_inputs(&session, NULL, 0, &error));
      *(int64_t *)session.inputs[2].data = 5;
      for (int run = 0; run < 3; run++) assert_true(run_session(&session, NULL, &error));
      Tensor y = view_value(&session.outputs[0]);
      assert_int_equal(y.count, rows * 3);
      assert_int_equal(y.dims[0], rows);
      assert_int_equal(*(int64_t *)session.outputs[1].data, 32);
      assert_int_equal(((const Sequence *)session.outputs[5].data)->count, rows);
      if (rows < ROWS) continue;
      if (!first) {
        first = malloc(y.bytes);
        memcpy(first, y.data, y.bytes);
      }
      assert_memory_equal(first, y.data, y.bytes);
    }
    fill_rows(&session.inputs[1], 7, 1);
    assert_false(run_session(&session, NULL, &error));
    assert_string_equal(error.text, "input 'w' has n = 7, input 'x' has n = 100");
    close_session(&session);
  }
  free(first);
}

static void test_memory(void **state) {
  (void)state;
  Error error;
  Session session;
  assert_true(open_session(&session, &ingot_model, &(SessionSettings){.threads = 1, .memory = 8192}, &error));
  char *shapes[] = {(char[]){"x=10x3"}}, *large[] = {(char[]){"x=1000x3"}};
  assert_true(shape_inputs(&session, shapes, 1, &error) && run_session(&session, NULL, &error));
  clear_inputs(&session);
  assert_true(shape_inputs(&session, large, 1, &error));
  assert_false(run_session(&session, NULL, &error));
  assert_string_equal(error.text,
                      "step 'plan' (dims): needs more memory than the bound of 8192 bytes; raise it with --memory");
  clear_inputs(&session);
  assert_true(shape_inputs(&session, shapes, 1, &error) && run_session(&session, NULL, &error));
  close_session(&session);
}

static void test_library(void **state) {
  (void)state;
  size_t least = ingot_memory_bytes(&ingot_model), bytes = least + 4096;
  void *memory = aligned_alloc(64, bytes);
  IngotModel model = ingot_model; // x and w to y, nothing else
  model.input_count = 2, model.output_count = 1, model.step_count = 2, model.pool_used = 0;
  assert_int_equal(ingot_open_sized(&model, memory, 64), -1);
  assert_int_equal(ingot_open_sized(&model, memory, bytes), 0);
  _Alignas(64) float x[ROWS * 3], w[ROWS];
  for (int i = 0; i < ROWS * 3; i++) x[i] = (float)i;
  for (int i = 0; i < ROWS; i++) w[i] = 1;
  const void *inputs[] = {x, w};
  void *outputs[] = {NULL};
  assert_int_equal(ingot_run(memory, inputs, outputs), STATUS_SHAPE); // no dims yet
  assert_int_equal(ingot_set_dims(memory, 0, (int64_t[]){5, 4}), -1);
  assert_int_equal(ingot_set_dims(memory, 0, (int64_t[]){-1, 3}), -1);
  assert_int_equal(ingot_set_dims(memory, 2, (int64_t[]){1, 3}), -1);
  for (int64_t rows = 0; rows <= ROWS; rows += 50) {
    assert_int_equal(ingot_set_dims(memory, 0, (int64_t[]){rows, 3}), 0);
    assert_int_equal(ingot_set_dims(memory, 1, (int64_t[]){rows}), 0);
    IngotTensor given = ingot_given(memory, 0);
    assert_true(given.rank == 2 && given.dims[0] == rows && given.bytes == (size_t)rows * 12);
    assert_int_equal(ingot_run(memory, inputs, outputs), 0);
    IngotTensor y = ingot_result(memory, 0);
    assert_true(y.rank == 2 && y.dims[0] == rows && y.dims[1] == 3 && y.bytes == (size_t)rows * 12);
    for (int64_t i = 0; i < rows * 3; i++) assert_true(((const float *)y.data)[i] == x[i] * 2 + 1);
  }
  assert_int_equal(ingot_set_dims(memory, 1, (int64_t[]){7}), 0);
  assert_int_equal(ingot_run(memory, inputs, outputs), STATUS_SHAPE);
  assert_int_equal(ingot_set_dims(memory, 0, (int64_t[]){1 << 20, 3}), 0);
  assert_int_equal(ingot_set_dims(memory, 1, (int64_t[]){1 << 20}), 0);
  assert_int_equal(ingot_run(memory, inputs, outputs), STATUS_MEMORY);
  assert_string_equal(ingot_last_nodes(memory), "plan");
  free(memory);
}

static void add_texts(void *memory, const char *const *texts, size_t count, IngotString *strings) {
  for (size_t i = 0; i < count; i++)
    assert_int_equal(ingot_add_text(memory, texts[i], strlen(texts[i]), &strings[i]), 0);
}

static void check_text(const void *memory, IngotString string, const char *text) {
  assert_int_equal(string.size, strlen(text));
  assert_memory_equal(ingot_text(memory, string), text, string.size);
}

// Strings and blocks through the library.
static void test_library_texts(void **state) {
  (void)state;
  size_t bytes = ingot_memory_bytes(&ingot_model) + 8192;
  void *memory = aligned_alloc(64, bytes);
  _Alignas(64) float x[3] = {1, 2, 3}, w[1] = {1};
  _Alignas(64) int64_t k = 4, p = 0;
  IngotString s[2];
  _Alignas(64) int64_t q[16] = {sizeof q, 2, 32, 80,        // bytes, count, offsets
                                1,        1, 2,  0,  11, 0, // kind, rank, one dim, nothing, two floats
                                1,        1, 2,  0,  12, 0};
  _Alignas(64) int64_t none[2] = {sizeof none, 0};
  const void *inputs[] = {x, w, &k, s, q, none};
  void *outputs[] = {NULL, &p, NULL, NULL, NULL, NULL};
  assert_int_equal(ingot_open_sized(&ingot_model, memory, bytes), 0);
  assert_int_equal(ingot_input(&ingot_model, 4).kind, INGOT_SEQUENCE);
  assert_int_equal(ingot_set_dims(memory, 0, (int64_t[]){1, 3}), 0);
  assert_int_equal(ingot_set_dims(memory, 1, (int64_t[]){1}), 0);
  assert_int_equal(ingot_set_dims(memory, 3, (int64_t[]){2}), 0);
  assert_int_equal(ingot_given(memory, 3).bytes, 2 * sizeof(IngotString));
  for (int run = 0; run < 100; run++) { // each begins with the pool as it was
    ingot_clear_texts(memory);
    add_texts(memory, (const char *const[]){"", run % 2 ? "odd" : "even one"}, 2, s);
    for (int again = 0; again < 2; again++) assert_int_equal(ingot_run(memory, inputs, outputs), 0);
    IngotTensor t = ingot_result(memory, 2), z = ingot_result(memory, 3), o = ingot_result(memory, 4);
    assert_true(t.rank == 1 && t.dims[0] == 2 && t.bytes == 2 * sizeof(IngotString) && p == 16);
    check_text(memory, ((const IngotString *)t.data)[0], "!");
    check_text(memory, ((const IngotString *)t.data)[1], run % 2 ? "ODD!" : "EVEN ONE!");
    const Sequence *turned = z.data;
    assert_true(z.bytes == sizeof q && z.kind == INGOT_SEQUENCE && turned->bytes == sizeof q && turned->count == 2);
    assert_int_equal(*(const int64_t *)element_data(sequence_element(turned, 0)), 12);
    assert_true(o.bytes == sizeof none && ((const Sequence *)o.data)->count == 0);
    assert_int_equal(((const Sequence *)ingot_result(memory, 5).data)->count, 1);
  }
  IngotString more;
  assert_int_equal(ingot_add_text(memory, "", 0, &more), 0);
  assert_int_equal(ingot_add_text(memory, "", bytes, &more), -1);
  k = -1;
  assert_int_equal(ingot_run(memory, inputs, outputs), STATUS_LOOP);
  assert_string_equal(ingot_last_nodes(memory), "loop");
  free(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_session),
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_library),
      cmocka_unit_test(test_library_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
