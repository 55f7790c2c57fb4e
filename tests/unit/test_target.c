// Target descriptions: inheritance, the choice by --target and --cpu, and messages about broken ones.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "compiler/target.h"
#include "runtime/cpu.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  Arena *arena;
  Diag diag;
} Test;

static int set_up(void **state) {
  Test *test = calloc(1, sizeof *test);
  test->arena = arena_new();
  diag_init(&test->diag, test->arena);
  *state = test;
  return 0;
}

static int tear_down(void **state) {
  Test *test = *state;
  arena_free(test->arena);
  free(test);
  return 0;
}

static const Target *find(Test *test, const char *os_target, const char *cpu) {
  return target_find(test->arena, &test->diag, os_target, cpu);
}

static void test_inheritance(void **state) {
  Test *test = *state;
  const Target *v4 = find(test, "x86_64-linux", "x86-64-v4");
  assert_non_null(v4);
  assert_string_equal(v4->name, "x86-64-v4");
  assert_string_equal(v4->parent, "x86-64-v3"); // its own, not its parent's
  assert_string_equal(v4->arch, "x86_64");      // from x86-64-v2
  assert_string_equal(v4->triple, "x86_64-unknown-linux-musl");
  assert_int_equal(v4->vector_bytes, 64);
  assert_int_equal(v4->registers, 32);
  assert_int_equal(v4->l1, 32 << 10); // from generic
  assert_int_equal(v4->cpu_features, CPU_X86_64_V2 | CPU_X86_64_V3 | CPU_X86_64_V4);
  assert_string_equal(v4->bitcode, "x86-64-v4.bc");
}

// A micro-kernel keeps its accumulators, one row of B and one splat of A in registers.
static void test_tiles_fit(void **state) {
  Test *test = *state;
  size_t count;
  const Target *const *list = target_list(test->arena, &test->diag, &count);
  assert_non_null(list);
  assert_true(count >= 4);
  for (size_t i = 0; i < count; i++)
    assert_true(list[i]->gemm_mr * list[i]->gemm_nv + list[i]->gemm_nv + 2 <= list[i]->registers);
}

static void test_choice(void **state) {
  Test *test = *state;
  assert_string_equal(find(test, "x86_64-linux", "x86-64-v2")->name, "x86-64-v2");
#if defined(__x86_64__)
  const Target *host = find(test, NULL, NULL), *native = find(test, "x86_64-linux", "native");
  assert_string_equal(host->name, native->name);
  assert_true(target_runs_here(host));
  size_t count;
  const Target *const *list = target_list(test->arena, &test->diag, &count);
  for (size_t i = 0; i < count; i++) // nothing that runs here asks for more
    if (target_runs_here(list[i])) assert_int_equal(list[i]->cpu_features & ~host->cpu_features, 0);
  assert_false(target_runs_here(*list) && strcmp((*list)->arch, "x86_64"));
#endif
}

static void expect_error(Test *test, const char *os_target, const char *cpu, const char *message) {
  assert_null(find(test, os_target, cpu));
  assert_int_equal(test->diag.errors, 1);
  if (strcmp(test->diag.first->text, message)) fail_msg("expected: %s\nfound: %s", message, test->diag.first->text);
  diag_init(&test->diag, test->arena);
}

static void test_unknown(void **state) {
  Test *test = *state;
  expect_error(test, "x86_64-linux", "z80",
               "ingot: error: unknown cpu 'z80' for target 'x86_64-linux': known are 'native', 'x86-64-v2', "
               "'x86-64-v3', 'x86-64-v4'");
  expect_error(test, "pdp11-linux", NULL,
               "ingot: error: unknown target 'pdp11-linux': known are 'x86_64-linux', 'aarch64-linux'");
#if defined(__x86_64__)
  expect_error(test, "aarch64-linux", "native",
               "ingot: error: cpu 'native' is 'x86_64-linux', which does not fit target 'aarch64-linux'");
#endif
}

// Puts one description into an otherwise empty resource folder and expects its message.
static void expect_broken(Test *test, const char *text, const char *message) {
  char *before = strdup(getenv("INGOT_RESOURCES"));
  char folder[] = "/tmp/test_target.XXXXXX";
  assert_non_null(mkdtemp(folder));
  const char *targets = arena_printf(test->arena, "%s/targets", folder);
  const char *path = arena_printf(test->arena, "%s/mine", targets);
  assert_int_equal(mkdir(targets, 0700), 0);
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
  setenv("INGOT_RESOURCES", folder, 1);
  expect_error(test, NULL, NULL, arena_printf(test->arena, "%s%s", path, message));
  setenv("INGOT_RESOURCES", before, 1);
  free(before);
  unlink(path);
  rmdir(targets);
  rmdir(folder);
}

static void test_broken(void **state) {
  Test *test = *state;
  expect_broken(test, "# nothing\n\n bitcode x\n", ":3: error: expected 'key = value', not 'bitcode x'");
  expect_broken(test, "colour = red\n", ":1: error: unknown key 'colour'");
  expect_broken(test, "l1 = many\n", ":1: error: 'l1' needs a positive number, not 'many'");
  expect_broken(test, "l1 = 9223372036854775807M\n",
                ":1: error: 'l1' needs a positive number, not '9223372036854775807M'");
  expect_broken(test, "cpu_features = x86-64-v2 x87\n", ":1: error: unknown feature 'x87' in 'cpu_features'");
  expect_broken(test, "parent = mine\n", ":1: error: more than 8 parents");
  expect_broken(test, "os_target = x86_64-linux\nparent = none\n",
                ":2: error: 'parent' must stand before the other keys");
  expect_broken(test, "os_target = x86_64-linux\n", ": error: key 'parent' is missing, here and in its parents");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_inheritance), TEST(test_tiles_fit), TEST(test_choice),
                                     TEST(test_unknown), TEST(test_broken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
