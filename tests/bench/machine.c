// What this machine can do at most, one thread, the best of some rounds: multiply-adds that touch no memory, and a sum
// over memory larger than every cache. Prints GFLOP/s and GB/s.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float vf __attribute__((vector_size(BYTES)));
enum { CHAINS = BYTES == 64 ? 24 : 12, TURNS = 1 << 20, ROUNDS = 15, READ_BYTES = 256 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float multiply(void) {
  vf a[CHAINS], x = (vf){0} + 0.999f, y = (vf){0} + 0.001f, sum = {0};
  for (int i = 0; i < CHAINS; i++) a[i] = (vf){0} + (float)i;
  for (int i = 0; i < TURNS; i++) {
    _Pragma("clang loop unroll(full)") for (int k = 0; k < CHAINS; k++) a[k] = a[k] * x + y;
    __asm__ volatile("" : "+v"(x));
  }
  for (int i = 0; i < CHAINS; i++) sum += a[i];
  return sum[0];
}

static float read_all(const vf *memory) {
  vf a[8] = {0}, sum = {0};
  for (size_t i = 0; i < READ_BYTES / BYTES; i += 8) {
    for (size_t k = 0; k < 8; k++) a[k] += memory[i + k];
  }
  for (int i = 0; i < 8; i++) sum += a[i];
  return sum[0];
}

int main(void) {
  static volatile float sink;
  double multiplied = 1, read = 1;
  vf *memory = aligned_alloc(64, READ_BYTES);
  if (!memory) return 1;
  for (size_t i = 0; i < READ_BYTES / BYTES; i++) memory[i] = (vf){0} + (float)i;
  for (int i = 0; i < ROUNDS; i++) {
    double start = now();
    sink = multiply();
    double middle = now();
    sink = read_all(memory);
    double end = now();
    if (middle - start < multiplied) multiplied = middle - start;
    if (end - middle < read) read = end - middle;
  }
  printf("%.3f %.3f\n", 2.0 * CHAINS * (BYTES / 4) * TURNS / multiplied * 1e-9, READ_BYTES / read * 1e-9);
  return 0;
}
