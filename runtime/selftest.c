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

bool command_selftest(const Invocation *call, Error *error) {
  const IngotModel *model = call->model;
  SessionSettings settings = {0};
  bool done;
  const Option options[] = {THREADS_OPTION(&settings.threads)};
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  if (model->check_count == 0) return fail(error, "the model was compiled without vectors to test with");
  Session session;
  if (!open_session(&session, model, &settings, error)) return false;
  session.seed = 0; // as the compiler's run had it
  if (!fill_inputs(&session, NULL, 0, model->check_seed, error) || !run_session(&session, NULL, error)) return false;

  double worst = -1, worst_got = 0, worst_expected = 0;
  uint64_t worst_at = 0, compared = 0;
  const char *worst_name = "";
  for (uint32_t c = 0; c < model->check_count; c++) {
    const ModelCheck *check = &model->checks[c];
    Tensor tensor = view_value(&session.outputs[check->output]);
    for (uint32_t e = 0; e < check->count; e++, compared++) {
      double got = check->at[e] < tensor.count ? read_element(tensor.dtype, tensor.data, check->at[e]) : NAN;
      double distance = measure_distance(got, check->value[e]);
      if (distance <= worst) continue;
      worst = distance, worst_got = got, worst_expected = check->value[e];
      worst_at = check->at[e], worst_name = tensor.name;
    }
  }
  bool passed = worst <= 1;
  printf("%s: %" PRIu64 " elements of %u outputs compared\n", passed ? "PASS" : "FAIL", compared, model->check_count);
  if (compared > 0)
    printf("worst: '%s' element %" PRIu64 " is %.9g, recorded %.9g\n", worst_name, worst_at, worst_got, worst_expected);
  close_session(&session);
  return passed; // the verdict is printed; there is no error to add
}
