// Reads arbitrary bytes as an ONNX model and checks the graph that comes out. Finds crashes, hangs and memory that
// grows out of proportion (run with -rss_limit_mb).
#include "compiler/onnx/read.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Arena *arena = arena_new();
  Diag diag;
  diag_init(&diag, arena);
  Model *model = read_onnx_bytes(arena, &diag, "fuzz.onnx", data, size, NULL);
  if (!model != (diag.errors > 0)) abort(); // a model, or a reason
  if (model) {
    Text text = {.arena = arena};
    if (!graph_verify(model->graph)) abort();
    graph_print(model->graph, &text);
    if (!text.size) abort();
  }
  arena_free(arena);
  return 0;
}
