// The passes in order. Those that make new nodes are followed by inference and folding.
#include "compiler/passes/passes.h"

#include <string.h>
#include <time.h>

static const struct {
  const char *name;
  Pass *run;
  Pass *off; // what runs where --passes leaves it out: the same where it is needed
} passes[] = {
    {"check-operators", check_operators, check_operators},
    {"bind-shapes", bind_shapes, bind_shapes},
    {"infer-shapes", infer_shapes, infer_shapes},
    {"widen-floats", widen_floats, widen_floats},
    {"fold-constants", fold_constants, infer_shapes},
    {"simplify", simplify, NULL},
    {"recognise-norm", recognise_norm, NULL},
    {"expand-batch-norm", expand_batch_norm, NULL},
    {"fold-scale", fold_scale, NULL},
    {"fold-constants-again", fold_constants, infer_shapes},
    {"simplify-again", simplify, NULL},
};
const char FUSE_STEPS[] = "fuse-steps";

const char *pass_name(size_t i) { return i < COUNT(passes) ? passes[i].name : NULL; }

const char *optional_pass(size_t i) {
  size_t k = 0;
  for (; k < COUNT(passes); k++)
    if (passes[k].run != passes[k].off && !i--) return passes[k].name;
  return i ? NULL : FUSE_STEPS;
}

bool pass_is_wanted(const PassOptions *options, const char *name) {
  size_t length = strlen(name);
  for (const char *at = options->wanted; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (!strncmp(at, name, length) && (!at[length] || at[length] == ',')) return true;
  }
  return !options->wanted;
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool run_passes(Model *model, const PassOptions *options) {
  for (size_t i = 0; i < COUNT(passes); i++) {
    double start = seconds_now();
    Pass *run = pass_is_wanted(options, passes[i].name) ? passes[i].run : passes[i].off;
    if (run && !run(model, options)) return false;
    if (!graph_verify(model->graph))
      return diag_error(model->diag, model->file, "compiler fault after pass '%s'", passes[i].name);
    if (options->on_pass) options->on_pass(options->context, passes[i].name, seconds_now() - start, model->graph);
  }
  return true;
}
