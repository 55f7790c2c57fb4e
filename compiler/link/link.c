// Runs the linker, LLVM's lld, as a program of its own: it is not part of LLVM's C library.
#include "compiler/link/link.h"
#include "compiler/link/weights.h"
#include "compiler/resources.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char weights_symbol[] = "ingot_weights";

enum { MAX_ARGS = 32, MAX_SAID = 8192 };

// A command line in the making.
typedef struct {
  const char *args[MAX_ARGS];
  size_t count;
} Command;

static void add(Command *command, const char *arg) {
  assert(command->count + 1 < MAX_ARGS); // the last stays NULL
  command->args[command->count++] = arg;
}

// Starts the program under the first of its names that exists, with its messages going to `fd`. Returns an errno.
static int spawn(Command *command, const char *const *names, int fd, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
  sigemptyset(&none); // this process may have blocked signals; its child should hear them
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  int error = ENOENT;
  for (; *names && error == ENOENT; names++) {
    command->args[0] = *names;
    error = posix_spawnp(pid, *names, &actions, &attributes, (char **)command->args, environ);
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

// Runs the command to its end; what it says becomes the error when it fails.
static bool run(Diag *diag, Command *command, const char *const *names, const char *package) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return diag_error(diag, "ingot", "cannot run '%s': %s", names[0], strerror(errno));
  pid_t pid;
  int error = spawn(command, names, ends[1], &pid);
  close(ends[1]);
  char said[MAX_SAID + 1];
  size_t size = 0;
  for (ssize_t n; !error;) {
    char rest[512];
    bool full = size == MAX_SAID; // what does not fit is read and dropped, or the program would wait for us
    n = read(ends[0], full ? rest : said + size, full ? sizeof rest : MAX_SAID - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (!full) size += (size_t)n;
  }
  close(ends[0]);
  if (error == ENOENT)
    return diag_error(diag, "ingot", "'%s' not found in PATH: install it (Debian package %s)", names[0], package);
  if (error) return diag_error(diag, "ingot", "cannot run '%s': %s", names[0], strerror(error));
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  while (size && said[size - 1] == '\n') size--;
  said[size] = '\0';
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) // it maps what it writes
    return diag_error(diag, "ingot", "'%s' failed: %s (temporary files: set TMPDIR)", command->args[0],
                      strerror(ENOSPC));
  char *last = strrchr(said, '\n');
  bool crashed = !strncmp(said, "PLEASE submit", 13); // LLVM's way to report a full disk: the reason is the last line
  return diag_error(diag, "ingot", "'%s' failed: %s", command->args[0],
                    !size             ? "it was killed"
                    : crashed && last ? last + 1
                                      : said);
}

static bool run_linker(Diag *diag, Command *command) {
  static const char *const names[] = {"ld.lld-19", "ld.lld", NULL};
  return run(diag, command, names, "lld-19");
}

// Adds lib/ingot/ARCH/NAME.
static bool add_resource(Arena *arena, Diag *diag, Command *command, const Target *target, const char *name) {
  const char *path = resource_path(arena, diag, arena_printf(arena, "%s/%s", target->arch, name));
  if (path) add(command, path);
  return path;
}

static bool copy_file(Diag *diag, const char *from, Output *to) {
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return diag_error(diag, from, "cannot open: %s", strerror(errno));
  char data[1 << 16];
  ssize_t n;
  bool ok = true;
  while (ok && (n = read(fd, data, sizeof data)) > 0) ok = write_all(output_fd(to), data, (size_t)n);
  if (ok && n < 0) diag_error(diag, from, "cannot read: %s", strerror(errno));
  if (!ok) output_error(diag, to);
  close(fd);
  return ok && n == 0;
}

static void add_all(Command *command, const char *const *args, size_t count) {
  for (size_t i = 0; i < count; i++) add(command, args[i]);
}

static bool write_placeholder(void *context, int fd) {
  (void)context;
  return write_all(fd, "", 1);
}

bool link_executable(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                     const char *out_path, const WeightSource *weights) {
  Output *output = output_open(arena, diag, out_path); // first: nobody should wait for a link to hear of a typo
  const char *folder = output ? temporary_folder(arena, diag) : NULL;
  const char *script = folder ? resource_path(arena, diag, "weights.ld") : NULL;
  if (!script) return false;
  const char *placeholder = arena_printf(arena, "%s/weights.o", folder);
  const char *linked = arena_printf(arena, "%s/linked", folder);
  const WeightSource one_byte = {1, write_placeholder, NULL};
  if (!write_weights_object(arena, diag, objects[0], placeholder, ".weights", weights_symbol, &one_byte)) return false;

  const char *const options[] = {"-static", "--gc-sections", "-s", "-z",  "noexecstack", "--build-id=none",
                                 "-T",      script,          "-o", linked};
  Command command = {.count = 1};
  add_all(&command, options, COUNT(options));
  bool ok =
      add_resource(arena, diag, &command, target, "crt1.o") && add_resource(arena, diag, &command, target, "crti.o");
  add_all(&command, objects, count);
  add(&command, placeholder);
  add(&command, "--start-group");
  ok = ok && add_resource(arena, diag, &command, target, "runtime.a") &&
       add_resource(arena, diag, &command, target, "libc.a") &&
       add_resource(arena, diag, &command, target, "libclang_rt.builtins.a");
  add(&command, "--end-group");
  ok = ok && add_resource(arena, diag, &command, target, "crtn.o");
  return ok && run_linker(diag, &command) && copy_file(diag, linked, output) &&
         (!weights->size || append_weights(arena, diag, output, weights)) && output_commit(diag, output, true);
}

// The parts of a library or object in the making.
typedef struct {
  const char *model;   // object with the code; `symbol` is its only global definition
  const char *weights; // object with the weights, or NULL
  const char *result;  // what is to be made
} Parts;

static bool make_parts(Arena *arena, Diag *diag, const char *const *objects, size_t count, const char *folder,
                       const char *symbol, const WeightSource *weights, Parts *parts) {
  const char *merged = arena_printf(arena, "%s/merged.o", folder);
  parts->model = arena_printf(arena, "%s/%s.o", folder, symbol);
  parts->result = arena_printf(arena, "%s/result", folder);
  Command merge = {.args = {[1] = "-r", [2] = "-o", [3] = merged}, .count = 4};
  add_all(&merge, objects, count);
  if (!run_linker(diag, &merge)) return false;

  const char *own_weights = arena_printf(arena, "%s_weights", symbol);
  const char *const options[] = {"--keep-global-symbol",
                                 "ingot_model",
                                 "--redefine-sym",
                                 arena_printf(arena, "ingot_model=%s", symbol),
                                 "--redefine-sym",
                                 arena_printf(arena, "%s=%s", weights_symbol, own_weights),
                                 merged,
                                 parts->model};
  Command rename = {.count = 1};
  add_all(&rename, options, COUNT(options));
  static const char *const names[] = {"llvm-objcopy-19", "llvm-objcopy", NULL};
  if (!run(diag, &rename, names, "llvm-19")) return false;

  if (!weights->size) return true;
  parts->weights = arena_printf(arena, "%s/%s_weights.o", folder, symbol);
  return write_weights_object(arena, diag, parts->model, parts->weights, ".lrodata.weights", own_weights, weights);
}

bool link_library(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                  const char *out_path, const char *symbol, const WeightSource *weights) {
  Output *output = output_open(arena, diag, out_path);
  const char *folder = output ? temporary_folder(arena, diag) : NULL;
  Parts parts = {0};
  if (!folder || !make_parts(arena, diag, objects, count, folder, symbol, weights, &parts)) return false;
  Command command = {.args = {[1] = "qcsDL", [2] = parts.result, [3] = parts.model}, .count = 4}; // L: open archives
  if (parts.weights) add(&command, parts.weights);
  static const char *const names[] = {"llvm-ar-19", "llvm-ar", NULL};
  return add_resource(arena, diag, &command, target, "library.a") && run(diag, &command, names, "llvm-19") &&
         copy_file(diag, parts.result, output) && output_commit(diag, output, false);
}

bool link_object(Arena *arena, Diag *diag, const Target *target, const char *const *objects, size_t count,
                 const char *out_path, const char *symbol, const WeightSource *weights) {
  Output *output = output_open(arena, diag, out_path);
  const char *folder = output ? temporary_folder(arena, diag) : NULL;
  Parts parts = {0};
  if (!folder || !make_parts(arena, diag, objects, count, folder, symbol, weights, &parts)) return false;
  Command command = {.args = {[1] = "-r", [2] = "-o", [3] = parts.result, [4] = parts.model}, .count = 5};
  if (parts.weights) add(&command, parts.weights);
  add(&command, "--whole-archive");
  return add_resource(arena, diag, &command, target, "library.a") && run_linker(diag, &command) &&
         copy_file(diag, parts.result, output) && output_commit(diag, output, false);
}
