// A program that runs a model with open dims, a branch, strings and a sequence, as a library or as C: its header is
// given on the command line. Prints what comes out; arguments are the rows of x and an index.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const IngotModel varied;

enum { COLUMNS = 3, MOST_ROWS = 64, MEMORY = 1 << 20 };
static _Alignas(64) float x[MOST_ROWS * COLUMNS];

static void print_floats(const char *name, const IngotTensor *tensor) {
  const float *data = tensor->data;
  printf("%s %lldx%lld:", name, (long long)tensor->dims[0], (long long)tensor->dims[1]);
  for (size_t i = 0; i < tensor->bytes / sizeof *data; i++) printf(" %g", (double)data[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  size_t bytes = ingot_memory_bytes(&varied) + MEMORY;
  int64_t rows = argc == 3 ? atoll(argv[1]) : -1;
  _Alignas(64) int64_t index[] = {argc == 3 ? atoll(argv[2]) : 0, 0};
  _Alignas(64) uint8_t twice = rows % 2 == 0;
  IngotString words[2];
  void *memory = aligned_alloc(64, bytes), *outputs[4] = {0};
  const void *inputs[] = {x, index, &twice, words};
  if (rows > MOST_ROWS || ingot_open_sized(&varied, memory, bytes)) return 2;
  for (int i = 0; i < MOST_ROWS * COLUMNS; i++) x[i] = (float)i / 2;
  if (ingot_set_dims(memory, 0, (int64_t[]){rows, COLUMNS}) || ingot_set_dims(memory, 1, (int64_t[]){2}) ||
      ingot_set_dims(memory, 3, (int64_t[]){2}) || ingot_add_text(memory, "ab", 2, &words[0]) ||
      ingot_add_text(memory, "\xc3\xa9", 2, &words[1]))
    return 3;
  for (int turn = 0; turn < 3; turn++) { // all the same
    int status = ingot_run(memory, inputs, outputs);
    if (status) return fprintf(stderr, "%s: %s\n", ingot_last_nodes(memory), ingot_status_text(status)), 1;
  }
  IngotTensor y = ingot_result(memory, 0), z = ingot_result(memory, 1), t = ingot_result(memory, 2);
  print_floats("y", &y);
  print_floats("z", &z);
  for (int i = 0; i < 2; i++) {
    IngotString word = ((const IngotString *)t.data)[i];
    printf("t: %.*s\n", (int)word.size, ingot_text(memory, word));
  }
  const int64_t *q = ingot_result(memory, 3).data; // bytes, count, ...
  printf("q: %lld of %lld bytes\n", (long long)q[1], (long long)q[0]);
  free(memory);
  return 0;
}
