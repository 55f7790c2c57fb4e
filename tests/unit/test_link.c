// Linking: a hand-made model object becomes an executable, an object and a library that find their weights; what is
// wrong gives one message and leaves nothing behind.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "compiler/link/link.h"
#include "compiler/link/output.h"
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const x86_64 = LINK_MODEL_X86_64, *const aarch64 = LINK_MODEL_AARCH64, *const pic = LINK_MODEL_PIC;

// A compilation in a folder of its own, with its temporary files in another.
typedef struct {
  Arena *arena;
  Diag diag;
  char folder[64], temporary[64];
} Test;

static int set_up(void **state) {
  Test *test = calloc(1, sizeof *test);
  strcpy(test->folder, "/tmp/test_link.XXXXXX");
  strcpy(test->temporary, "/tmp/test_link.XXXXXX");
  if (!mkdtemp(test->folder) || !mkdtemp(test->temporary) || setenv("TMPDIR", test->temporary, 1)) return -1;
  test->arena = arena_new();
  diag_init(&test->diag, test->arena);
  *state = test;
  return 0;
}

static int count_entries(const char *folder, bool unlink_them) {
  DIR *dir = opendir(folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    count++;
    if (unlink_them) unlinkat(dirfd(dir), entry->d_name, 0);
  }
  closedir(dir);
  return count;
}

static int tear_down(void **state) {
  Test *test = *state;
  arena_free(test->arena);
  int left = count_entries(test->temporary, true);
  if (left) print_error("%d temporary files left\n", left);
  count_entries(test->folder, true);
  rmdir(test->folder);
  rmdir(test->temporary);
  free(test);
  return left;
}

static bool write_pattern(void *context, int fd) {
  enum { WORDS = 1 << 16 };
  static uint64_t words[WORDS];
  uint64_t size = *(const uint64_t *)context, count = size / 8;
  for (uint64_t i = 0; i < count;) {
    size_t n = 0;
    while (n < WORDS && i < count) words[n++] = i++ * 0x9e3779b97f4a7c15u + size;
    if (!write_all(fd, words, n * 8)) return false;
  }
  return true;
}

static bool write_to_full_disk(void *context, int fd) {
  (void)context;
  errno = write_all(fd, "some", 4) ? ENOSPC : EIO;
  return false;
}

static const Target *find(Test *test, const char *os_target) {
  const Target *target = target_find(test->arena, &test->diag, os_target, NULL);
  if (!target) skip(); // this build has no C library for it
  return target;
}

static const char *path_in(Test *test, const char *name) {
  return arena_printf(test->arena, "%s/%s", test->folder, name);
}

static int run_command(const char *command) {
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Runs `path` alone in an empty root folder as nobody.
static int run_isolated(Test *test, const char *name, const char *argument) {
  pid_t pid = fork();
  if (!pid) {
    if (chroot(test->folder) || chdir("/") || setgid(65534) || setuid(65534)) _exit(126);
    execl(arena_printf(test->arena, "/%s", name), name, argument, (char *)NULL);
    _exit(127);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void check_static(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  Elf64_Ehdr header;
  assert_int_equal(fread(&header, sizeof header, 1, file), 1);
  assert_int_equal(header.e_type, ET_EXEC);
  fseek(file, (long)header.e_phoff, SEEK_SET);
  bool stack = false;
  for (int i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment;
    assert_int_equal(fread(&segment, sizeof segment, 1, file), 1);
    assert_int_not_equal(segment.p_type, PT_INTERP);
    assert_int_not_equal(segment.p_type, PT_DYNAMIC);
    assert_int_not_equal(segment.p_flags & (PF_W | PF_X), PF_W | PF_X);
    stack |= segment.p_type == PT_GNU_STACK;
  }
  assert_true(stack);
  fclose(file);
}

static uint64_t large_size(void) { return getenv("INGOT_LARGE") ? 3ull << 30 : 100 << 20; }

static void test_executable(void **state) {
  Test *test = *state;
  uint64_t size = large_size() + 8; // no multiple of a page
  WeightSource weights = {size, write_pattern, &size};
  const char *out = path_in(test, "model");
  const Target *target = find(test, "x86_64-linux");
  assert_true(link_executable(test->arena, &test->diag, target, &x86_64, 1, out, &weights));
  assert_null(test->diag.first);
  check_static(out);
  struct stat info;
  assert_int_equal(stat(out, &info), 0);
  assert_int_equal(info.st_mode & 0500, 0500);
  assert_true(info.st_size < (off_t)size + (32 << 10));
  assert_int_equal(count_entries(test->folder, false), 1);
  assert_int_equal(run_command(arena_printf(test->arena, "%s %llu", out, (unsigned long long)size)), 0);
}

static void test_isolated(void **state) {
  Test *test = *state;
  if (getuid() != 0) skip(); // only root may change its root folder
  uint64_t size = 4096;
  WeightSource weights = {size, write_pattern, &size};
  const Target *target = find(test, "x86_64-linux");
  assert_true(link_executable(test->arena, &test->diag, target, &x86_64, 1, path_in(test, "model"), &weights));
  assert_int_equal(chmod(test->folder, 0755), 0);
  assert_int_equal(run_isolated(test, "model", "4096"), 0);
}

static void test_aarch64(void **state) {
  Test *test = *state;
  if (run_command("qemu-aarch64-static --version >/dev/null 2>&1")) skip();
  uint64_t size = 1 << 20;
  WeightSource weights = {size, write_pattern, &size};
  const char *out = path_in(test, "model");
  const Target *target = find(test, "aarch64-linux");
  assert_true(link_executable(test->arena, &test->diag, target, &aarch64, 1, out, &weights));
  check_static(out);
  assert_int_equal(run_command(arena_printf(test->arena, "qemu-aarch64-static %s %d", out, 1 << 20)), 0);
}

static void test_without_weights(void **state) {
  Test *test = *state;
  WeightSource none = {0, NULL, NULL};
  const char *out = path_in(test, "model");
  const Target *target = find(test, "x86_64-linux");
  assert_true(link_executable(test->arena, &test->diag, target, &x86_64, 1, out, &none));
  assert_int_equal(run_command(arena_printf(test->arena, "%s 0", out)), 0);
}

typedef bool Linker(Arena *, Diag *, const Target *, const char *const *, size_t, const char *, const char *,
                    const WeightSource *);

// Makes `name` in the test's folder from a model under the name `symbol` with weights of the given size.
static const char *link_into(Test *test, Linker *link, const char *name, const char *symbol, uint64_t size) {
  WeightSource weights = {size, write_pattern, &size};
  const char *out = path_in(test, name);
  assert_true(link(test->arena, &test->diag, find(test, "x86_64-linux"), &pic, 1, out, symbol, &weights));
  assert_null(test->diag.first);
  return out;
}

// C programs take models in, as position-independent and as fixed code, with either linker.
static void check_in_program(Test *test, const char *source, const char *files) {
  const char *program = path_in(test, "program");
  static const char *const compilers[] = {"gcc", "gcc -no-pie", "clang-19 -fuse-ld=lld-19"};
  for (size_t i = 0; i < COUNT(compilers); i++) {
    const char *build = "echo '%s' | %s -x c - -x none %s -o %s";
    assert_int_equal(run_command(arena_printf(test->arena, build, source, compilers[i], files, program)), 0);
    assert_int_equal(run_command(program), 0);
  }
}

static void test_object(void **state) {
  Test *test = *state;
  uint64_t size = large_size();
  const char *object = link_into(test, link_object, "model.o", "mnist", size);
  const char *source = "extern int (*const mnist)(unsigned long); int main(void) { return mnist(%llu); }";
  check_in_program(test, arena_printf(test->arena, source, (unsigned long long)size), object);
}

static void test_library(void **state) {
  Test *test = *state;
  const char *first = link_into(test, link_library, "first.a", "first", 4096);
  const char *second = link_into(test, link_library, "second.a", "second", 8192);
  const char *source = "extern int (*const first)(unsigned long), (*const second)(unsigned long);"
                       "int main(void) { return first(4096) + second(8192); }";
  check_in_program(test, source, arena_printf(test->arena, "%s %s", first, second));
}

// The message of a failure, and that it left the folder as it was.
static void check_failure(Test *test, const char *const *objects, size_t count, const char *out,
                          const WeightSource *weights, const char *message) {
  int before = count_entries(test->folder, false);
  const Target *target = find(test, "x86_64-linux");
  assert_false(link_executable(test->arena, &test->diag, target, objects, count, out, weights));
  assert_int_equal(test->diag.errors, 1);
  if (!strstr(test->diag.first->text, message)) fail_msg("expected '%s' in: %s", message, test->diag.first->text);
  arena_free(test->arena);
  assert_int_equal(count_entries(test->folder, false), before);
  test->arena = arena_new();
  diag_init(&test->diag, test->arena);
}

static void test_failures(void **state) {
  Test *test = *state;
  uint64_t size = 1 << 20;
  const char *const twice[] = {x86_64, x86_64}, *const text = __FILE__;
  WeightSource good = {size, write_pattern, &size};
  WeightSource bad = {size, write_to_full_disk, NULL};
  check_failure(test, &x86_64, 1, path_in(test, "model"), &bad, "model: error: cannot write output: No space left");
  check_failure(test, &x86_64, 1, path_in(test, "none/model"), &good, "cannot create output: No such file");
  check_failure(test, &x86_64, 1, test->folder, &good, "output is a folder");
  check_failure(test, &x86_64, 1, "/proc/model", &good, "/proc/model: error: cannot create output");
  check_failure(test, &text, 1, path_in(test, "model"), &good, "test_link.c: error: not a 64-bit");
  check_failure(test, twice, 2, path_in(test, "model"), &good, "duplicate symbol: main");
  check_failure(test, &aarch64, 1, path_in(test, "model"), &good, "ld.lld-19' failed: ");

  // What stood under the name before stays.
  const char *old = path_in(test, "old");
  FILE *file = fopen(old, "w");
  fputs("precious", file);
  fclose(file);
  check_failure(test, &x86_64, 1, path_in(test, "old"), &bad, "cannot write output");
  struct stat info;
  assert_int_equal(stat(path_in(test, "old"), &info), 0);
  assert_int_equal(info.st_size, 8);

  char *path = strdup(getenv("PATH"));
  setenv("PATH", "/nowhere", 1);
  check_failure(test, &x86_64, 1, path_in(test, "model"), &good, "'ld.lld-19' not found in PATH: install it");
  setenv("PATH", path, 1);
  free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_executable), TEST(test_isolated), TEST(test_aarch64),  TEST(test_without_weights),
      TEST(test_object),     TEST(test_library),  TEST(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
