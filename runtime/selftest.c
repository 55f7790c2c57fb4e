// `selftest`: the vectors that the compiler recorded, run again on this machine.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "runtime/commands.h"
#include "runtime/dtype.h"

// How far `got` is from `expected`, 1 being the most that is allowed: |got - expected| <= 1e-4 + 1e-3 * |expected|.
// NaN equals NaN and infinities of one sign are equal.
static double measure_distance(double got, double expected) {
  if (got == expected || (isnan(got) && isnan(expected))) return 0;
  double distance = fabs(got - expected) / (1e-4 + 1e-3 * fabs(expected));
  return isnan(distance) ? INFINITY : distance;
}

typedef struct {
  double distance, got, expected; // of the worst element
  uint64_t at, compared;
  const char *name;
} Verdict;

static void compare_outputs(const Session *session, const ModelVariant *variant, Verdict *verdict) {
  for (uint32_t c = 0; c < variant->check_count; c++) {
    const ModelCheck *check = &variant->checks[c];
    Tensor tensor = view_value(&session->outputs[check->output]);
    for (uint32_t e = 0; e < check->count; e++, verdict->compared++) {
      double got = check->at[e] < tensor.count ? read_element(tensor.dtype, tensor.data, check->at[e]) : NAN;
      double distance = measure_distance(got, check->value[e]);
      if (distance > verdict->distance)
        *verdict = (Verdict){distance, got, check->value[e], check->at[e], verdict->compared, tensor.name};
    }
  }
}

bool command_selftest(const Invocation *call, Error *error) {
  const IngotModel *model = call->model;
  SessionSettings settings = {0};
  bool done;
  const Option options[] = {THREADS_OPTION(&settings.threads)};
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  Session session;
  Verdict verdict = {.distance = -1};
  uint32_t outputs = 0;
  if (!open_session(&session, model, &settings, error)) return false;
  for (uint32_t v = 0; v < model->variant_count; v++) {
    if (model->variants[v].check_count == 0) continue;
    clear_inputs(&session);
    session.seed = 0; // as the compiler's run had it
    if (!fill_inputs(&session, v, model->check_seed, error) || !run_session(&session, NULL, error)) return false;
    compare_outputs(&session, &model->variants[v], &verdict);
    outputs += model->variants[v].check_count;
  }
  close_session(&session);
  if (outputs == 0) return fail(error, "the model was compiled without vectors to test with");
  bool passed = verdict.distance <= 1;
  printf("%s: %" PRIu64 " elements of %u outputs compared\n", passed ? "PASS" : "FAIL", verdict.compared, outputs);
  if (verdict.compared > 0)
    printf("worst: '%s' element %" PRIu64 " is %.9g, recorded %.9g\n", verdict.name, verdict.at, verdict.got,
           verdict.expected);
  return passed; // the verdict is printed; there is no error to add
}
