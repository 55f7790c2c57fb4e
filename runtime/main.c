// The executable's entry: checks the CPU, finds the command, prints what it says. Everything here runs on the
// architecture's baseline, before any code of the model.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/commands.h"
#include "runtime/cpu.h"

static const struct {
  const char *name;
  bool (*run)(const Invocation *call, Error *error);
} commands[] = {
    {"run", command_run},     {"bench", command_bench},       {"info", command_info},
    {"serve", command_serve}, {"selftest", command_selftest},
};

static bool check_cpu(const IngotModel *model, Error *error) {
  uint32_t missing = model->cpu_features & ~detect_cpu_features();
  if (missing == 0) return true;
  char lacks[160];
  describe_cpu_features(lacks, sizeof lacks, missing);
  return fail(error, "this executable was built for %s; this CPU lacks %s: build with a lower --cpu", model->cpu,
              lacks);
}

static bool run_command(Invocation *call, const char *name, Error *error) {
  for (size_t i = 0; i < COUNT(commands); i++) {
    if (strcmp(commands[i].name, name) != 0) continue;
    for (int a = 0; a < call->argc; a++)
      if (strcmp(call->argv[a], "--help") == 0 || strcmp(call->argv[a], "-h") == 0) call->help = true;
    if (call->help) printf("%s %s [options]\n", call->program, name);
    return check_cpu(call->model, error) && commands[i].run(call, error);
  }
  return fail(error, "unknown command '%s': see %s --help", name, call->program);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); // a closed pipe or socket is a write error, with a message
  Error error = {""};
  const char *name = argc > 1 ? argv[1] : "--help";
  Invocation call = {.model = &ingot_model, .program = argc > 0 ? argv[0] : "model"};
  call.argc = argc > 2 ? argc - 2 : 0;
  call.argv = argv + 2;
  bool done = true;
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    explain_model(call.model, call.program);
  else if (strcmp(name, "--version") == 0)
    printf("%s, compiled by %s for %s, %s\n", call.model->name, call.model->compiler, call.model->target,
           call.model->cpu);
  else
    done = run_command(&call, name, &error);
  if (fflush(stdout) != 0 && done) done = fail(&error, "cannot write to standard output");
  if (!done && error.text[0]) fprintf(stderr, "error: %s\n", error.text);
  return done ? 0 : 1;
}
