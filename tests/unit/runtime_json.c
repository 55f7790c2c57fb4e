// The JSON reader's events, strings and limits, tensors in JSON, and the writer. Which documents are valid is tested
// with JSONTestSuite elsewhere.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail // the runtime has a function of this name
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/tensor_file.h"

static void test_events(void **state) {
  (void)state;
  const char text[] =
      " {\"a\": [1, -2.5e1, true], \"b\\u0041\": {}, \"c\": null, \"d\": \"x\\n\\u00e9\\ud83d\\ude00\"} ";
  const JsonEvent expected[] = {JSON_OBJECT,    JSON_KEY,    JSON_ARRAY,      JSON_NUMBER,     JSON_NUMBER, JSON_TRUE,
                                JSON_ARRAY_END, JSON_KEY,    JSON_OBJECT,     JSON_OBJECT_END, JSON_KEY,    JSON_NULL,
                                JSON_KEY,       JSON_STRING, JSON_OBJECT_END, JSON_END,        JSON_END};
  JsonReader json;
  open_json(&json, text, strlen(text));
  for (size_t i = 0; i < COUNT(expected); i++) {
    assert_int_equal(read_json(&json), expected[i]);
    if (i == 3) assert_true(json.number.integer && get_json_number(&json) == 1);
    if (i == 4) assert_true(!json.number.integer && get_json_number(&json) == -25);
    if (i == 7) assert_true(json_equals(&json, "bA") && !json_equals(&json, "b") && !json_equals(&json, "bAc"));
    if (i == 13) {
      char copy[32];
      assert_true(json.length <= sizeof copy);
      assert_int_equal(decode_json_string(&json, copy), 8);
      assert_memory_equal(copy, "x\n\xc3\xa9\xf0\x9f\x98\x80", 8);
    }
  }
}

static void test_surrogates(void **state) {
  (void)state;
  const char *faults[] = {"\"\\ud800\"",        "\"\\udc00\"",        "\"\\ud800x\"",       "\"\\ud800\\n\"",
                          "\"\\ud800\\u0041\"", "\"\\ud800\\ue000\"", "\"\\udbff\\ud800\"", "\"\\ud800\\u\""};
  for (size_t i = 0; i < COUNT(faults); i++) {
    JsonReader json;
    open_json(&json, faults[i], strlen(faults[i]));
    assert_int_equal(read_json(&json), JSON_FAULT);
  }
}

static void test_skip(void **state) {
  (void)state;
  const char text[] = "{\"a\":[[1,{\"x\":[]}],2],\"b\":7}";
  JsonReader json;
  open_json(&json, text, strlen(text));
  assert_int_equal(read_json(&json), JSON_OBJECT);
  assert_int_equal(read_json(&json), JSON_KEY);
  assert_true(skip_json(&json));
  assert_int_equal(read_json(&json), JSON_KEY);
  assert_true(json_equals(&json, "b") && skip_json(&json));
  assert_int_equal(read_json(&json), JSON_OBJECT_END);
  assert_int_equal(read_json(&json), JSON_END);
}

static void test_depth(void **state) {
  (void)state;
  char text[2 * JSON_DEPTH + 8];
  for (int extra = 0; extra < 2; extra++) {
    size_t depth = (size_t)JSON_DEPTH + (size_t)extra;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    JsonReader json;
    open_json(&json, text, 2 * depth);
    assert_int_equal(skip_json(&json), extra == 0);
    Error error;
    if (extra && !fail_json(&json, &error))
      assert_string_equal(error.text, "invalid JSON at byte 512: nested too deeply");
  }
}

static const int64_t dims[] = {2, 3};
static const ModelTensor matrix = {.name = "m", .dtype = DTYPE_FLOAT, .rank = 2, .dims = dims, .bytes = 24};

// The value of a model's tensor in memory of the caller.
static Value make_value(const ModelTensor *tensor, int64_t *own_dims, void *data) {
  static StringPool strings;
  for (uint32_t d = 0; d < tensor->rank; d++) own_dims[d] = tensor->dims[d];
  return (Value){.model = tensor, .strings = &strings, .dims = own_dims, .data = data, .bytes = tensor->bytes};
}

static void test_tensors(void **state) {
  (void)state;
  const struct {
    uint32_t dtype;
    const char *text, *fault; // NULL: valid
  } cases[] = {
      {DTYPE_FLOAT, "[1,2,3,4,5,6]", NULL},
      {DTYPE_FLOAT, "[[1,2,3],[4,5,6]]", NULL},
      {DTYPE_FLOAT, "[1,2,3,4,5]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[[1,2],[3,4],[5,6]]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[[1,2,3],4,5,6]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[1,2,3,[4,5,6]]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[[1,2,3],[4,5,[6]]]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[]", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "7", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "{\"a\":1}", "input 'm' expects float32[2,3]: the JSON arrays have another shape"},
      {DTYPE_FLOAT, "[1,2,3,4,5,{}]", "input 'm': element 5 is an object, not a float32"},
      {DTYPE_FLOAT, "[1,2,3,4,5,\"nan\"]", "input 'm': element 5 is \"nan\", not a float32"},
      {DTYPE_FLOAT, "[1,2,3,4,5,", "invalid JSON at byte 11: the text ends too early"},
      {DTYPE_INT32, "[1,2,3,4,5,6.0]", NULL},
      {DTYPE_INT32, "[1,2,3,4,5,6.5]", "input 'm': element 5 is 6.5, not a int32"},
      {DTYPE_INT32, "[1,2,3,4,5,2147483648]", "input 'm': element 5 is 2147483648, not a int32"},
      {DTYPE_INT32, "[1,2,3,4,5,\"NaN\"]", "input 'm': element 5 is \"NaN\", not a int32"},
      {DTYPE_BOOL, "[true,false,1,0,true,true]", NULL},
      {DTYPE_BOOL, "[true,false,1,0,true,2]", "input 'm': element 5 is 2, not a bool"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint64_t memory[6];
    ModelTensor tensor = matrix;
    tensor.dtype = cases[i].dtype;
    tensor.bytes = 6 * (uint64_t)find_dtype(tensor.dtype)->bits / 8;
    int64_t own_dims[2];
    Value value = make_value(&tensor, own_dims, memory);
    JsonReader json;
    Error error = {""};
    open_json(&json, cases[i].text, strlen(cases[i].text));
    bool valid = read_json_value(&json, &value, NULL, &error);
    assert_string_equal(error.text, cases[i].fault ? cases[i].fault : "");
    assert_int_equal(valid, cases[i].fault == NULL);
    if (valid) assert_int_equal(read_json(&json), JSON_END);
  }
}

// A column: the one shape where a number beside an array gives the right count of children.
static void test_column(void **state) {
  (void)state;
  const int64_t column[] = {2, 1};
  const ModelTensor tensor = {.name = "c", .dtype = DTYPE_FLOAT, .rank = 2, .dims = column, .bytes = 8};
  const char *texts[] = {"[[1],[2]]", "[1,2]", "[[1],2]", "[1,[2]]"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    float values[2];
    int64_t own_dims[2];
    Value value = make_value(&tensor, own_dims, values);
    Error error;
    JsonReader json;
    open_json(&json, texts[i], strlen(texts[i]));
    assert_int_equal(read_json_value(&json, &value, NULL, &error), i < 2);
  }
}

// No text is longer than the bound that the server reserves.
static void test_bound(void **state) {
  (void)state;
  const double values[] = {-1.2345678901234567e-300,
                           -0.00012345678901234567,
                           -INFINITY,
                           NAN,
                           -123456789012345.67,
                           -1.17549435e-38,
                           3.40282347e38,
                           -65504,
                           -6.1e-5,
                           5.96e-8,
                           -9.99999999e-5,
                           0.1,
                           -1e15};
  for (uint32_t number = 0; number < 27; number++) {
    const Dtype *dtype = find_dtype(number);
    if (!dtype || dtype->kind == KIND_STRING || dtype->kind == KIND_COMPLEX) continue;
    uint64_t memory[COUNT(values)] = {0}, bound;
    int64_t dim = COUNT(values), own_dim;
    ModelTensor tensor = {.name = "v", .dtype = number, .rank = 1, .dims = &dim};
    assert_true(measure_elements(dtype, COUNT(values), &tensor.bytes));
    for (size_t i = 0; i < COUNT(values); i++) {
      if (dtype->kind == KIND_FLOAT)
        write_element(dtype, memory, i, values[i]);
      else if (dtype->kind == KIND_SIGNED)
        write_integer(dtype, memory, i, UINT64_C(1) << (dtype->bits - 1), true);
      else
        write_integer(dtype, memory, i, dtype->kind == KIND_BOOL ? 0 : UINT64_MAX >> (64 - dtype->bits), false);
    }
    Value value = make_value(&tensor, &own_dim, memory);
    assert_true(bound_json_value(&tensor, &bound));
    char text[1024];
    JsonWriter json = {.data = text, .capacity = bound};
    put_json_value(&json, &value, false);
    assert_false(json.overflow);
  }
}

static bool collect(void *context, const char *data, size_t size) {
  strncat(context, data, size);
  return true;
}

static void test_writer(void **state) {
  (void)state;
  char small[5], all[512] = "";
  JsonWriter json = {.data = small, .capacity = sizeof small, .flush = collect, .context = all};
  put_quoted(&json, "a\"\\\n\x01\xc3\xa9\xff");
  float values[] = {1, 0.1f, -0.0f, 1e-7f, 123456.789f, NAN};
  int64_t own_dims[2];
  Value value = make_value(&matrix, own_dims, values);
  put_json_value(&json, &value, true);
  put_json_value(&json, &value, false);
  assert_true(flush_json(&json));
  assert_string_equal(all, "\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\xef\xbf\xbd\""
                           "[[1,0.1,-0],[1e-7,123456.79,\"NaN\"]]"
                           "[1,0.1,-0,1e-7,123456.79,\"NaN\"]");
  JsonWriter full = {.data = small, .capacity = sizeof small};
  put_string(&full, "123456");
  assert_true(full.overflow);
  const int64_t empty_dims[] = {0, 3};
  const ModelTensor empty = {.name = "e", .dtype = DTYPE_FLOAT, .rank = 2, .dims = empty_dims, .bytes = 0},
                    scalar = {.name = "s", .dtype = DTYPE_FLOAT, .rank = 0, .dims = NULL, .bytes = 4};
  all[0] = '\0';
  value = make_value(&empty, own_dims, values);
  put_json_value(&json, &value, true);
  value = make_value(&scalar, own_dims, values);
  put_json_value(&json, &value, true);
  put_json_value(&json, &value, false);
  assert_true(flush_json(&json));
  assert_string_equal(all, "[]1[1]");
}

// Maps in a sequence, from one text to the same text.
static void test_maps(void **state) {
  (void)state;
  static const char text[] = "[{\"1\":0.5,\"-2\":4},{\"7\":8},{}]";
  const ModelTensor tensor = {
      .name = "m", .dtype = DTYPE_FLOAT, .kind = MODEL_SEQUENCE_OF_MAPS, .key_dtype = DTYPE_INT64, .slot = 1};
  StringPool strings = {NULL, 0, 0};
  Value value = {.model = &tensor, .strings = &strings};
  JsonReader json;
  Error error = {""};
  char again[64];
  JsonWriter writer = {.data = again, .capacity = sizeof again};
  open_json(&json, text, strlen(text));
  assert_true(read_json_value(&json, &value, NULL, &error));
  put_json_value(&writer, &value, true);
  assert_int_equal(writer.size, strlen(text));
  assert_memory_equal(again, text, strlen(text));
  unmap_memory(value.data, value.room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_events), cmocka_unit_test(test_surrogates), cmocka_unit_test(test_skip),
      cmocka_unit_test(test_depth),  cmocka_unit_test(test_tensors),    cmocka_unit_test(test_column),
      cmocka_unit_test(test_bound),  cmocka_unit_test(test_writer),     cmocka_unit_test(test_maps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
