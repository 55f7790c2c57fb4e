// Times the heaviest step of a compiled model against a loop of multiply-adds, in turns: see kernels.py.
// Prints GFLOP/s of the step and of the loop.
#include "runtime/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern const IngotModel kernel;

typedef float vf __attribute__((vector_size(BYTES)));
enum { CHAINS = BYTES == 64 ? 24 : 12, SLICES = 400 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Seconds that `turns` turns of the loop take.
static double run_loop(long turns) {
  static volatile float sink;
  vf a[CHAINS], x = (vf){0} + 0.999f, y = (vf){0} + 0.001f, sum = {0};
  for (int i = 0; i < CHAINS; i++) a[i] = (vf){0} + (float)i;
  double start = now();
  for (long i = 0; i < turns; i++) {
    _Pragma("clang loop unroll(full)") for (int k = 0; k < CHAINS; k++) a[k] = a[k] * x + y;
    __asm__ volatile("" : "+v"(x));
  }
  double took = now() - start;
  for (int i = 0; i < CHAINS; i++) sum += a[i];
  sink = sum[0];
  return took;
}

static double run_step(const ModelStep *step, char *const *bases) {
  void *bufs[16];
  if (step->ref_count > 16) exit(1);
  for (uint32_t i = 0; i < step->ref_count; i++) bufs[i] = bases[step->refs[i].base] + step->refs[i].offset;
  double start = now();
  int status = step->kernel(bufs, 0, 1);
  double took = now() - start;
  if (status) exit(1);
  return took;
}

static int compare(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  return values[count / 2];
}

static char *new_memory(uint64_t bytes) {
  char *memory = aligned_alloc(64, bytes / 64 * 64 + 128);
  if (!memory) exit(1);
  for (uint64_t i = 0; i + 4 <= bytes; i += 4) *(float *)(memory + i) = (float)(i % 1009) * 1e-3f - 0.5f;
  return memory;
}

int main(void) {
  const IngotModel *m = &kernel;
  char *bases[BASE_IO + 8];
  bases[BASE_ARENA] = new_memory(m->arena_bytes), bases[BASE_STATE] = new_memory(m->state_bytes);
  bases[BASE_WEIGHTS] = (char *)m->weights;
  for (uint32_t i = 0; i < m->input_count; i++) bases[BASE_IO + i] = new_memory(m->inputs[i].bytes);
  for (uint32_t i = 0; i < m->output_count; i++) bases[BASE_IO + m->input_count + i] = new_memory(m->outputs[i].bytes);

  const ModelVariant *v = m->variants;
  const ModelStep *heavy = &v->steps[0];
  for (uint32_t i = 0; i < v->step_count; i++) {
    run_step(&v->steps[i], bases); // in order: what the heavy one reads is real
    if (v->steps[i].flops > heavy->flops) heavy = &v->steps[i];
  }
  double once = 1e9, turn = run_loop(100000) / 100000;
  for (int i = 0; i < 5; i++) {
    double took = run_step(heavy, bases);
    if (took < once) once = took;
  }
  int repeat = (int)(1e-3 / once) + 1;
  long turns = (long)(once * repeat / turn);
  static double step_took[SLICES], loop_took[SLICES];
  for (int s = 0; s < SLICES; s++) {
    double sum = 0;
    for (int i = 0; i < repeat; i++) sum += run_step(heavy, bases);
    step_took[s] = sum / repeat;
    loop_took[s] = run_loop(turns) / (double)turns;
  }
  printf("%.3f %.3f\n", (double)heavy->flops / median(step_took, SLICES) * 1e-9,
         2.0 * CHAINS * (BYTES / 4) / median(loop_took, SLICES) * 1e-9);
  return 0;
}
