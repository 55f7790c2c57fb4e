// `bench`: latency percentiles, and where the time goes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/commands.h"
#include "runtime/dtype.h"
#include "runtime/inputs.h"
#include "runtime/json.h"
#include "runtime/sample.h"

enum { MAX_RUNS = 1 << 20, STEP_RUNS = 101, NS_PER_SECOND = 1000000000 };

typedef struct {
  Session session;
  uint64_t *run_ns;  // MAX_RUNS
  uint64_t *step_ns; // STEP_RUNS rows of step_count
  uint64_t *median_ns;
  uint64_t runs, step_runs;
} Bench;

bool fill_inputs(Session *session, char **shapes, size_t count, uint64_t seed, Error *error) {
  if (!shape_inputs(session, shapes, count, error)) return false;
  for (uint32_t i = 0; i < session->model->input_count; i++) {
    const Value *value = &session->inputs[i];
    uint64_t elements;
    if (value->given || value->model->kind != MODEL_TENSOR) continue;
    if (value->bytes > 0) memset(value->data, 0, value->bytes);
    if (count_elements(value->model->rank, value->dims, &elements))
      sample_fill(value->model->dtype, value->data, elements, seed, i);
  }
  return true;
}

// qsort needs no memory in musl; glibc's takes some for large arrays.
static int compare_ns(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

// Until `runs` runs are done, or for `seconds` where runs is 0. The first runs warm caches up and do not count.
static bool measure_runs(Bench *bench, uint64_t runs, uint64_t seconds, Error *error) {
  uint64_t start = read_clock_ns();
  for (int warm = 0; warm < 3 || (warm < 1000 && read_clock_ns() - start < NS_PER_SECOND / 20); warm++)
    if (!run_session(&bench->session, NULL, error)) return false;
  start = read_clock_ns();
  for (uint64_t before = start; bench->runs < MAX_RUNS;) {
    if (!run_session(&bench->session, NULL, error)) return false;
    uint64_t now = read_clock_ns();
    bench->run_ns[bench->runs++] = now - before;
    before = now;
    if (runs ? bench->runs == runs : now - start >= seconds * NS_PER_SECOND) break;
  }
  qsort(bench->run_ns, bench->runs, sizeof *bench->run_ns, compare_ns);
  return true;
}

static bool measure_steps(Bench *bench, Error *error) {
  uint32_t steps = bench->session.model->step_count;
  for (; bench->step_runs < STEP_RUNS && bench->step_runs < bench->runs; bench->step_runs++)
    if (!run_session(&bench->session, bench->step_ns + bench->step_runs * steps, error)) return false;
  uint64_t column[STEP_RUNS];
  for (uint32_t s = 0; s < steps; s++) {
    for (uint64_t r = 0; r < bench->step_runs; r++) column[r] = bench->step_ns[r * steps + s];
    qsort(column, bench->step_runs, sizeof *column, compare_ns);
    bench->median_ns[s] = column[bench->step_runs / 2];
  }
  return true;
}

// The smallest latency that `percent` of the runs do not exceed, in microseconds.
static double percentile(const Bench *bench, unsigned permille) {
  uint64_t rank = (bench->runs * permille + 999) / 1000;
  return (double)bench->run_ns[rank > 0 ? rank - 1 : 0] / 1000;
}

static const struct {
  const char *name;
  unsigned permille;
} percentiles[] = {{"min", 0}, {"p50", 500}, {"p90", 900}, {"p99", 990}, {"max", 1000}};

static double gflops(const ModelStep *step, uint64_t ns) { return ns ? (double)step->flops / (double)ns : 0; }

static void print_text(const Bench *bench, bool steps) {
  const IngotModel *model = bench->session.model;
  unsigned threads = count_session_threads(&bench->session);
  for (uint32_t i = 0; i < model->input_count; i++) {
    const Value *value = &bench->session.inputs[i];
    char shape[200];
    if (value->model->slot == 0 || value->model->kind != MODEL_TENSOR) continue;
    printf(
        "input '%s' is %s\n", value->model->name,
        describe_tensor(shape, sizeof shape, find_dtype(value->model->dtype), value->model->rank, value->dims, NULL));
  }
  printf("latency of %" PRIu64 " runs, %u thread%s\n", bench->runs, threads, threads == 1 ? "" : "s");
  for (size_t i = 0; i < COUNT(percentiles); i++)
    printf("  %-4s %12.2f us\n", percentiles[i].name, percentile(bench, percentiles[i].permille));
  if (model->macs > 0) printf("  %.2f GFLOP/s at p50\n", 2 * (double)model->macs / (percentile(bench, 500) * 1000));
  if (!steps) return;
  uint64_t total = 0;
  int width = 4;
  for (uint32_t s = 0; s < model->step_count; s++) {
    int length = (int)strlen(model->steps[s].kernel_name);
    total += bench->median_ns[s];
    width = length > width ? length < 48 ? length : 48 : width;
  }
  printf("\n%10s %6s %9s  %-*s  %s\n", "us", "%", "GFLOP/s", width, "kernel", "step");
  for (uint32_t s = 0; s < model->step_count; s++) {
    const ModelStep *step = &model->steps[s];
    char speed[32] = "-";
    if (step->flops) snprintf(speed, sizeof speed, "%.2f", gflops(step, bench->median_ns[s]));
    printf("%10.2f %6.1f %9s  %-*s  %s\n", (double)bench->median_ns[s] / 1000,
           total ? 100 * (double)bench->median_ns[s] / (double)total : 0, speed, width, step->kernel_name, step->name);
  }
  printf("%10.2f %6.1f %9s  sum of the medians of %" PRIu64 " runs\n", (double)total / 1000, 100.0, "",
         bench->step_runs);
}

static bool flush_stdout(void *context, const char *data, size_t size) {
  (void)context;
  return fwrite(data, 1, size, stdout) == size;
}

static bool print_json(const Bench *bench, bool steps) {
  const IngotModel *model = bench->session.model;
  char buffer[4096];
  JsonWriter json = {.data = buffer, .capacity = sizeof buffer, .flush = flush_stdout};
  put_string(&json, "{\"model\": ");
  put_quoted(&json, model->name);
  put_format(&json, ", \"runs\": %" PRIu64 ", \"threads\": %u", bench->runs, count_session_threads(&bench->session));
  for (size_t i = 0; i < COUNT(percentiles); i++)
    put_format(&json, ", \"%s_us\": %.3f", percentiles[i].name, percentile(bench, percentiles[i].permille));
  put_format(&json, ", \"macs\": %" PRIu64 ", \"arena_bytes\": %" PRIu64, model->macs, model->arena_bytes);
  put_string(&json, ", \"shapes\": {");
  for (uint32_t i = 0; i < model->input_count; i++) {
    if (i > 0) put_string(&json, ", ");
    put_quoted(&json, model->inputs[i].name);
    put_string(&json, ": [");
    for (uint32_t d = 0; d < model->inputs[i].rank; d++)
      put_format(&json, d ? ", %" PRId64 : "%" PRId64, bench->session.inputs[i].dims[d]);
    put_string(&json, "]");
  }
  put_string(&json, "}");
  if (steps) {
    put_string(&json, ", \"steps\": [");
    for (uint32_t s = 0; s < model->step_count; s++) {
      const ModelStep *step = &model->steps[s];
      put_string(&json, s ? ",\n {\"name\": " : "\n {\"name\": ");
      put_quoted(&json, step->name);
      put_string(&json, ", \"kernel\": ");
      put_quoted(&json, step->kernel_name);
      put_format(&json, ", \"p50_us\": %.3f, \"flops\": %" PRIu64 "}", (double)bench->median_ns[s] / 1000, step->flops);
    }
    put_string(&json, "]");
  }
  put_string(&json, "}\n");
  return flush_json(&json);
}

bool command_bench(const Invocation *call, Error *error) {
  OptionList inputs = {NULL, 0}, shapes = {NULL, 0};
  SessionSettings settings = {0};
  uint64_t runs = 0, seconds = 1;
  bool json = false, steps = false, done;
  const Option options[] = {
      {"input", 'i', OPTION_LIST, &inputs, 0, 0, "NAME=FILE", "an input as `run` takes it (seeded random values)"},
      THREADS_OPTION(&settings.threads),
      MEMORY_OPTION(&settings.memory),
      {"shape", '\0', OPTION_LIST, &shapes, 0, 0, "NAME=2x3", SHAPE_HELP},
      {"runs", '\0', OPTION_COUNT, &runs, 1, MAX_RUNS, "N", "how many runs to measure"},
      {"seconds", '\0', OPTION_COUNT, &seconds, 1, 3600, "S", "how long to measure (1)"},
      {"steps", '\0', OPTION_FLAG, &steps, 0, 0, NULL, "the time of each step, too"},
      {"json", '\0', OPTION_FLAG, &json, 0, 0, NULL, "as JSON"},
  };
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  const IngotModel *model = call->model;
  Bench bench = {.runs = 0};
  uint64_t rows = steps ? STEP_RUNS : 0;
  size_t numbers = (MAX_RUNS + (rows + 1) * model->step_count) * sizeof(uint64_t);
  if (!(bench.run_ns = map_memory(numbers, error)) || !open_session(&bench.session, model, &settings, error))
    return false;
  bench.step_ns = bench.run_ns + MAX_RUNS;
  bench.median_ns = bench.step_ns + rows * model->step_count;
  bool succeeded = inputs.count == 0 || read_inputs(&bench.session, inputs.items, inputs.count, true, error);
  succeeded = succeeded && fill_inputs(&bench.session, shapes.items, shapes.count, model->check_seed, error);
  succeeded = succeeded && measure_runs(&bench, runs, seconds, error) && (!steps || measure_steps(&bench, error));
  if (succeeded && json)
    succeeded = print_json(&bench, steps) || fail(error, "cannot write to standard output");
  else if (succeeded)
    print_text(&bench, steps);
  close_session(&bench.session);
  unmap_memory(bench.run_ns, numbers);
  return succeeded;
}
