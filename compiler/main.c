// The command line: `ingot build`, `inspect`, `ops`, `targets`. The only place that prints messages and exits.
#include "compiler/build.h"
#include "compiler/link/output.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Ingot compiles an ONNX model into one static executable without dependencies.\n"
    "\n"
    "  ingot build MODEL.onnx [-o FILE]   compile; FILE runs, serves, benchmarks and explains itself\n"
    "  ingot inspect MODEL.onnx           inputs, outputs, size, operators, and what is not supported\n"
    "  ingot ops [--markdown]             operators and types that can be compiled\n"
    "  ingot targets                      machines that executables can be made for\n"
    "  ingot --version | --help\n"
    "\n"
    "Options of build and inspect:\n"
    "  -o FILE               what to write (default: the model's name without .onnx)\n"
    "  --shape NAME=AxBxC    dims of the input NAME, where the model leaves them open; once per input\n"
    "  --target OS           x86_64-linux or aarch64-linux (default: this machine's)\n"
    "  --cpu NAME            CPU to specialise for, see `ingot targets` (default: the best level of this machine)\n"
    "  --threads N           threads that the executable uses (default 1; 0: one per CPU)\n"
    "  --emit FORM           exe (default), obj, lib, c, ll, asm\n"
    "  --passes NAMES        only these of the optional passes, 'none' for none (default: all)\n"
    "  --dump-after PASS     print the graph after a pass, or the program after 'lower'; 'all' for each\n"
    "  -v                    time of every stage\n"
    "\n"
    "Example:\n"
    "  ingot build resnet50.onnx -o resnet50 && ./resnet50 run -i x=cat.npy\n";

typedef struct {
  BuildOptions build;
  const char *command;
  bool help, verbose, progress; // progress: a line on the terminal that is overwritten
  const char *stage;
  double stage_start, start;
  Arena *arena;
} CommandLine;

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* progress and timings */

static void end_stage(CommandLine *c) {
  if (c->stage && c->verbose) fprintf(stderr, "%-24s %8.1f ms\n", c->stage, (seconds_now() - c->stage_start) * 1e3);
  c->stage = NULL;
}

static void clear_progress(const CommandLine *c) {
  if (c->progress && !c->verbose) fputs("\r\033[K", stderr);
}

static void on_stage(void *context, const char *stage) {
  CommandLine *c = context;
  end_stage(c);
  c->stage = stage;
  c->stage_start = seconds_now();
  if (c->progress && !c->verbose) fprintf(stderr, "\r\033[K%s: %s ...", c->build.input, stage);
}

static void print_text(Text *text) {
  if (text->data) fwrite(text->data, 1, text->size, stdout);
}

static bool dumps(const CommandLine *c, const char *pass) {
  const char *wanted = c->build.passes.dump_after;
  return wanted && (!strcmp(wanted, pass) || !strcmp(wanted, "all"));
}

static void on_pass(void *context, const char *pass, double seconds, const Graph *graph) {
  CommandLine *c = context;
  if (c->verbose) fprintf(stderr, "  %-22s %8.1f ms\n", pass, seconds * 1e3);
  if (!dumps(c, pass)) return;
  Text text = {.arena = c->arena};
  printf("# after %s\n", pass);
  graph_print(graph, &text);
  print_text(&text);
}

static void on_program(void *context, const Program *program) {
  CommandLine *c = context;
  if (!dumps(c, "lower")) return;
  Text text = {.arena = c->arena};
  puts("# after lower");
  program_print(program, &text);
  print_text(&text);
}

/* signals */

// Waits for the signals that end a program, so that nothing temporary outlives it.
static void *watch_signals(void *set) {
  int number;
  sigwait(set, &number);
  remove_temporaries();
  _exit(128 + number);
}

static void start_watching(void) {
  static sigset_t set;
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  pthread_t thread;
  sigemptyset(&set);
  for (size_t i = 0; i < COUNT(numbers); i++) sigaddset(&set, numbers[i]);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL)) return;
  if (pthread_create(&thread, NULL, watch_signals, &set))
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); // or none would hear
  else
    pthread_detach(thread);
}

/* reading the command line */

static bool usage(const char *format, ...) PRINTF_LIKE(1, 2);
static bool usage(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("ingot: ", stderr);
  vfprintf(stderr, format, args);
  fputs("; see ingot --help\n", stderr);
  va_end(args);
  return false;
}

// "x=1x3x224x224". A name may hold '=', so the last one counts.
static bool read_shape(CommandLine *c, const char *text) {
  const char *equals = strrchr(text, '=');
  if (!equals || equals == text) return usage("--shape '%s' is not NAME=AxBxC", text);
  ShapeOption shape = {.input = arena_strndup(c->arena, text, (size_t)(equals - text))};
  for (const char *at = equals + 1; *at;) {
    char *end;
    long long value = strtoll(at, &end, 10);
    if (end == at || value < 0 || (*end && (*end != 'x' || !end[1])))
      return usage("--shape '%s' is not NAME=AxBxC", text);
    if (shape.rank == MAX_RANK) return usage("--shape '%s' has more than %d dims", text, MAX_RANK);
    shape.dims[shape.rank++] = value;
    at = *end ? end + 1 : end;
  }
  ShapeOption *shapes = (ShapeOption *)c->build.passes.shapes;
  APPEND(c->arena, shapes, c->build.passes.shape_count, shape);
  c->build.passes.shapes = shapes;
  return true;
}

static bool read_form(CommandLine *c, const char *text) {
  static const char *const forms[] = {
      [EMIT_EXE] = "exe", [EMIT_OBJ] = "obj", [EMIT_LIB] = "lib", [EMIT_C] = "c", [EMIT_LL] = "ll", [EMIT_ASM] = "asm"};
  for (size_t i = 0; i < COUNT(forms); i++)
    if (!strcmp(text, forms[i])) return c->build.form = (EmitForm)i, true;
  return usage("--emit '%s' is none of exe, obj, lib, c, ll, asm", text);
}

static bool read_threads(CommandLine *c, const char *text) {
  char *end;
  long threads = strtol(text, &end, 10);
  if (end == text || *end || threads < 0 || threads > 1024)
    return usage("--threads '%s' is no number from 0 to 1024", text);
  c->build.threads = (int)threads;
  return true;
}

static bool read_dump(CommandLine *c, const char *text) {
  bool known = !strcmp(text, "all") || !strcmp(text, "lower");
  for (size_t i = 0; pass_name(i) && !known; i++) known = !strcmp(text, pass_name(i));
  if (!known) {
    Text names = {.arena = c->arena};
    for (size_t i = 0; pass_name(i); i++) text_printf(&names, "%s, ", pass_name(i));
    return usage("--dump-after '%s' is none of %slower, all", text, names.data);
  }
  c->build.passes.dump_after = text;
  return true;
}

// "simplify,fuse-steps"
static bool read_passes(CommandLine *c, const char *text) {
  PassOptions all = {.wanted = text};
  size_t known = 0, given = 1;
  Text names = {.arena = c->arena};
  for (const char *at = text; (at = strchr(at, ',')); at++) given++;
  for (size_t i = 0; optional_pass(i); i++) {
    known += pass_is_wanted(&all, optional_pass(i));
    text_printf(&names, "%s, ", optional_pass(i));
  }
  if (known != given && strcmp(text, "none")) return usage("--passes '%s' names others than %snone", text, names.data);
  c->build.passes.wanted = text;
  return true;
}

static bool read_output(CommandLine *c, const char *text) { return c->build.output = text, true; }
static bool read_target(CommandLine *c, const char *text) { return c->build.os_target = text, true; }
static bool read_cpu(CommandLine *c, const char *text) { return c->build.cpu = text, true; }

static const struct {
  const char *name;
  bool (*read)(CommandLine *c, const char *value);
} options[] = {
    {"-o", read_output},   {"--shape", read_shape},     {"--target", read_target}, {"--cpu", read_cpu},
    {"--emit", read_form}, {"--threads", read_threads}, {"--passes", read_passes}, {"--dump-after", read_dump},
};

// Takes argv[*i], and the value behind it, as "--name value" or "--name=value".
static bool read_option(CommandLine *c, char **argv, int *i) {
  const char *arg = argv[*i], *equals = strncmp(arg, "--", 2) ? NULL : strchr(arg, '=');
  size_t length = equals ? (size_t)(equals - arg) : strlen(arg);
  if (!strcmp(arg, "-v")) return c->verbose = true;
  if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) return c->help = true;
  for (size_t k = 0; k < COUNT(options); k++) {
    if (strlen(options[k].name) != length || strncmp(options[k].name, arg, length)) continue;
    const char *value = equals ? equals + 1 : argv[*i + 1] ? argv[++*i] : NULL;
    return value ? options[k].read(c, value) : usage("%s needs a value", arg);
  }
  return usage("unknown option '%s'", arg);
}

static bool read_arguments(CommandLine *c, char **argv) {
  for (int i = 2; argv[i]; i++) {
    if (argv[i][0] == '-' && argv[i][1]) {
      if (!read_option(c, argv, &i)) return false;
    } else if (c->build.input) {
      return usage("more than one model: '%s' and '%s'", c->build.input, argv[i]);
    } else {
      c->build.input = argv[i];
    }
  }
  if (c->help) return true;
  if (!c->build.input) return usage("no model given to %s", c->command);
  if (c->build.output && !*c->build.output) return usage("-o needs the name of a file");
  if (c->build.output) return true;
  static const char *const endings[] = {
      [EMIT_EXE] = "", [EMIT_OBJ] = ".o", [EMIT_LIB] = ".a", [EMIT_C] = ".c", [EMIT_LL] = ".ll", [EMIT_ASM] = ".s"};
  const char *slash = strrchr(c->build.input, '/'), *name = slash ? slash + 1 : c->build.input;
  size_t length = strlen(name);
  if (length > 5 && !strcmp(name + length - 5, ".onnx"))
    length -= 5;
  else if (c->build.form == EMIT_EXE)
    return usage("'%s' does not end in .onnx: name the output with -o", name);
  c->build.output = arena_printf(c->arena, "%.*s%s", (int)length, name, endings[c->build.form]);
  return true;
}

/* commands */

static int finish(CommandLine *c, const Diag *diag, bool ok) {
  clear_progress(c);
  end_stage(c);
  for (const Message *m = diag->first; m; m = m->next) fprintf(stderr, "%s\n", m->text);
  if (ok && c->verbose) fprintf(stderr, "%-24s %8.1f ms\n", "total", (seconds_now() - c->start) * 1e3);
  return ok ? 0 : 1;
}

static int run_on_model(CommandLine *c, char **argv) {
  Diag diag;
  if (!read_arguments(c, argv)) return 1;
  if (c->help) return fputs(help, stdout), 0;
  diag_init(&diag, c->arena);
  c->build.on_stage = on_stage;
  c->build.on_program = on_program;
  c->build.passes.on_pass = on_pass;
  c->build.context = c->build.passes.context = c;
  c->progress = isatty(STDERR_FILENO);
  start_watching();
  setenv("LLVM_DISABLE_SYMBOLIZATION", "1", 1); // a linker that crashes would leave files behind
  if (!strcmp(c->command, "build")) return finish(c, &diag, build_model(c->arena, &diag, &c->build));
  c->progress = false;
  return finish(c, &diag, inspect_model(c->arena, &diag, &c->build, stdout));
}

static int list_ops(char **argv) {
  if (!argv[2]) return print_ops(stdout), 0;
  const char *extra = strcmp(argv[2], "--markdown") ? argv[2] : argv[3];
  if (extra) return usage("ops takes no argument but --markdown: '%s'", extra), 1;
  return print_ops_page(stdout), 0;
}

static int list_targets(CommandLine *c) {
  Diag diag;
  size_t count;
  diag_init(&diag, c->arena);
  const Target *const *targets = target_list(c->arena, &diag, &count);
  if (!targets) return finish(c, &diag, false);
  printf("%-16s %-14s %-8s %-6s %s\n", "target", "cpu", "vector", "here", "code for");
  for (size_t i = 0; i < count; i++) {
    const Target *t = targets[i];
    printf("%-16s %-14s %3lld bit  %-6s %s\n", t->os_target, t->name, (long long)t->vector_bytes * 8,
           target_runs_here(t) ? "runs" : "-", t->llvm_cpu);
  }
  return 0;
}

// Commands that take no arguments.
static int run_alone(CommandLine *c, char **argv) {
  if (!strcmp(c->command, "ops")) return list_ops(argv);
  if (argv[2]) return usage("%s takes no arguments, '%s' was given", c->command, argv[2]), 1;
  if (!strcmp(c->command, "targets")) return list_targets(c);
  fputs(!strcmp(c->command, "--version") ? "ingot " INGOT_VERSION "\n" : help, stdout);
  return 0;
}

int main(int argc, char **argv) {
  static const char *const alone[] = {"ops", "targets", "--version", "--help", "-h", "help"};
  CommandLine c = {.arena = arena_new(), .start = seconds_now()};
  int status = 1;
  c.build.threads = 1;
  c.command = argc > 1 ? argv[1] : "";
  bool is_alone = false;
  for (size_t i = 0; i < COUNT(alone); i++) is_alone = is_alone || !strcmp(c.command, alone[i]);
  if (!*c.command)
    fputs(help, stderr);
  else if (is_alone)
    status = run_alone(&c, argv);
  else if (!strcmp(c.command, "build") || !strcmp(c.command, "inspect"))
    status = run_on_model(&c, argv);
  else
    usage("unknown command '%s'", c.command);
  if (fflush(stdout) || ferror(stdout)) {
    fputs("ingot: cannot write to standard output\n", stderr);
    status = 1;
  }
  arena_free(c.arena);
  return status;
}
