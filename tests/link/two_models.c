// A program that holds two models: runs both on the bytes of one input file and writes their outputs to standard
// output, one after the other.
#include "runtime/ingot.h"
#include <stdio.h>
#include <stdlib.h>

extern const IngotModel first, second;

static void *new_aligned(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!memory) exit(1);
  return memory;
}

static int run_model(const IngotModel *model, const char *path) {
  IngotTensor input = ingot_input(model, 0), output = ingot_output(model, 0);
  void *memory = new_aligned(ingot_memory_bytes(model)), *in = new_aligned(input.bytes),
       *out = new_aligned(output.bytes);
  FILE *file = fopen(path, "rb");
  if (!file || fread(in, 1, input.bytes, file) != input.bytes || ingot_open(model, memory)) return 1;
  fclose(file);
  int status = ingot_run(memory, (const void *[]){in}, (void *[]){out});
  if (status) fprintf(stderr, "%s\n", ingot_status_text(status));
  return status || fwrite(out, 1, output.bytes, stdout) != output.bytes;
}

int main(int argc, char **argv) {
  if (argc != 2 || ingot_input_count(&first) != 1 || ingot_output_count(&second) != 1) return 1;
  return run_model(&first, argv[1]) || run_model(&second, argv[1]);
}
