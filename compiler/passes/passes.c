// The passes in order. Those that make new nodes are followed by inference and folding.
#include "compiler/passes/passes.h"

#include <string.h>
#include <time.h>

static const struct {
  const char *name;
  Pass *run;
} passes[] = {
    {"check-operators", check_operators}, {"bind-shapes", bind_shapes},
    {"infer-shapes", infer_shapes},       {"widen-floats", widen_floats},
    {"fold-constants", fold_constants},   {"simplify", simplify},
    {"recognise-norm", recognise_norm},   {"expand-batch-norm", expand_batch_norm},
    {"fold-scale", fold_scale},           {"fold-constants-again", fold_constants},
    {"simplify-again", simplify},
};

const char *pass_name(size_t i) { return i < COUNT(passes) ? passes[i].name : NULL; }

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool run_passes(Model *model, const PassOptions *options) {
  for (size_t i = 0; i < COUNT(passes); i++) {
    double start = seconds_now();
    if (!passes[i].run(model, options)) return false;
    if (!graph_verify(model->graph))
      return diag_error(model->diag, model->file, "compiler fault after pass '%s'", passes[i].name);
    if (options->on_pass) options->on_pass(options->context, passes[i].name, seconds_now() - start, model->graph);
  }
  return true;
}
