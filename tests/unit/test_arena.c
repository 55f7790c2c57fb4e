// Arena, growing arrays and texts, messages.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "compiler/base.h"

static void test_alloc_is_zeroed_and_aligned(void **state) {
  (void)state;
  Arena *arena = arena_new();
  size_t sizes[] = {0, 1, 15, 16, 63, 64, 65, 1000, 4096, 100000, 10000000};
  for (int round = 0; round < 100; round++)
    for (size_t i = 0; i < COUNT(sizes); i++) {
      size_t size = sizes[i];
      if (size > 5000 && round > 3) continue;
      unsigned char *p = arena_alloc(arena, size);
      assert_int_equal((uintptr_t)p % (size >= 64 ? 64 : 16), 0);
      for (size_t k = 0; k < size; k++) assert_int_equal(p[k], 0);
      memset(p, 0xa5, size); // the next piece must not be this one
    }
  arena_free(arena);
}

static void test_pieces_do_not_overlap(void **state) {
  (void)state;
  enum { N = 5000 };
  Arena *arena = arena_new();
  unsigned char *pieces[N];
  for (int i = 0; i < N; i++) {
    pieces[i] = arena_alloc(arena, (size_t)(i % 97 + 1));
    memset(pieces[i], i & 255, (size_t)(i % 97 + 1));
  }
  for (int i = 0; i < N; i++)
    for (int k = 0; k < i % 97 + 1; k++) assert_int_equal(pieces[i][k], i & 255);
  arena_free(arena);
}

static void test_append_keeps_what_is_there(void **state) {
  (void)state;
  Arena *arena = arena_new();
  int *numbers = NULL;
  size_t count = 0;
  for (int i = 0; i < 1000; i++) APPEND(arena, numbers, count, i * 3);
  assert_int_equal(count, 1000);
  for (int i = 0; i < 1000; i++) assert_int_equal(numbers[i], i * 3);
  arena_free(arena);
}

static int released;
static void release(void *object) { released = released * 10 + *(int *)object; }

static void test_release_runs_last_first(void **state) {
  (void)state;
  Arena *arena = arena_new();
  int one = 1, two = 2;
  released = 0;
  arena_on_free(arena, release, &one);
  arena_on_free(arena, release, &two);
  assert_int_equal(released, 0);
  arena_free(arena);
  assert_int_equal(released, 21);
  arena_free(NULL);
}

static void test_strings(void **state) {
  (void)state;
  Arena *arena = arena_new();
  assert_string_equal(arena_strdup(arena, "abc"), "abc");
  assert_string_equal(arena_strndup(arena, "abcdef", 2), "ab");
  assert_string_equal(arena_strndup(arena, NULL, 0), "");
  assert_string_equal(arena_printf(arena, "%s-%d", "x", 42), "x-42");
  char *longer = arena_printf(arena, "%0500d", 7);
  assert_int_equal(strlen(longer), 500);
  arena_free(arena);
}

static void test_text_grows(void **state) {
  (void)state;
  Arena *arena = arena_new();
  Text text = {.arena = arena};
  char expected[20000] = "";
  size_t size = 0;
  for (int i = 0; i < 1000; i++) {
    size += (size_t)snprintf(expected + size, sizeof expected - size, "%d,", i);
    text_printf(&text, "%d,", i);
    assert_int_equal(text.size, size);
    assert_int_equal(text.data[size], 0);
  }
  assert_string_equal(text.data, expected);
  text_printf(&text, "%0600d", 1); // more than one line's buffer
  assert_int_equal(text.size, size + 600);
  text_append(&text, "a\0b", 3);
  assert_memory_equal(text.data + size + 600, "a\0b", 4);
  arena_free(arena);
}

static void test_sizes_are_checked(void **state) {
  (void)state;
  int64_t out = 5;
  assert_true(mul_size(INT64_C(1) << 31, INT64_C(1) << 31, &out));
  assert_int_equal(out, INT64_C(1) << 62);
  assert_false(mul_size(INT64_C(1) << 32, INT64_C(1) << 31, &out));
  assert_false(mul_size(-1, 2, &out));
  assert_false(add_size(INT64_MAX, 1, &out));
  assert_int_equal(out, INT64_C(1) << 62);
  assert_true(add_size(INT64_MAX - 1, 1, &out));
  assert_int_equal(out, INT64_MAX);
}

static void test_messages(void **state) {
  (void)state;
  Arena *arena = arena_new();
  Diag diag;
  diag_init(&diag, arena);
  diag_note(&diag, "a note without a message is dropped");
  assert_null(diag.first);
  diag_warning(&diag, "m.onnx", "old %d", 3);
  assert_int_equal(diag.errors, 0);
  Loc loc = {.file = "m.onnx", .graph = "main", .index = 17, .name = "fc1", .op = "Gemm", .opset = 13};
  assert_false(diag_error_at(&diag, &loc, "inner dimensions differ"));
  diag_note(&diag, "A 'x' float32[%d]", 8);
  loc.graph = "main/if_3/then_branch";
  loc.name = "";
  diag_error_at(&diag, &loc, "no");
  assert_false(diag_error(&diag, "m.onnx", "bad \x1b[31mname\x7f"));
  assert_int_equal(diag.errors, 3);
  const Message *m = diag.first;
  assert_string_equal(m->text, "m.onnx: warning: old 3");
  assert_true(m->warning);
  m = m->next;
  assert_string_equal(m->text, "m.onnx: node #17 'fc1' (Gemm-13): error: inner dimensions differ\n  A 'x' float32[8]");
  m = m->next;
  assert_string_equal(m->text, "m.onnx: main/if_3/then_branch: node #17 (Gemm-13): error: no");
  m = m->next;
  assert_string_equal(m->text, "m.onnx: error: bad ?[31mname?");
  assert_null(m->next);
  arena_free(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alloc_is_zeroed_and_aligned),
      cmocka_unit_test(test_pieces_do_not_overlap),
      cmocka_unit_test(test_append_keeps_what_is_there),
      cmocka_unit_test(test_release_runs_last_first),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_text_grows),
      cmocka_unit_test(test_sizes_are_checked),
      cmocka_unit_test(test_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
