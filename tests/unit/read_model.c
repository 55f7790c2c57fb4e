// Reads models and prints each as text, or why it could not be read: what tests of the reader drive.
//
//   read_model MODEL...            the graph as text
//   read_model --summary MODEL...  one line a model: file, nodes, constants, inputs, outputs
#include "compiler/onnx/read.h"
#include <string.h>

// Constants are counted once each, however often they are read. They are told apart by their names.
typedef struct {
  size_t nodes, constants;
  Arena *arena;
  const Value **seen;
} Counts;

static void count_constant(Counts *counts, const Value *value) {
  for (size_t i = 0; i < counts->constants; i++)
    if (counts->seen[i] == value) return;
  APPEND(counts->arena, counts->seen, counts->constants, value);
}

static void count_graph(Counts *counts, const Graph *graph) {
  for (const Node *node = graph->first; node; node = node->next) {
    counts->nodes++;
    for (size_t i = 0; i < node->in_count; i++)
      if (node->in[i] && node->in[i]->data) count_constant(counts, node->in[i]);
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t j = 0; j < count; j++) count_graph(counts, graphs[j]);
    }
  }
  for (size_t i = 0; i < graph->output_count; i++)
    if (graph->outputs[i]->data) count_constant(counts, graph->outputs[i]);
}

static int read_one(const char *path, bool summary) {
  Arena *arena = arena_new();
  Diag diag;
  diag_init(&diag, arena);
  Model *model = read_onnx(arena, &diag, path);
  bool good = model && graph_verify(model->graph);
  for (const Message *m = diag.first; m; m = m->next) fprintf(stderr, "%s\n", m->text);
  Text text = {.arena = arena};
  if (good && summary) {
    Counts counts = {.arena = arena};
    count_graph(&counts, model->graph);
    text_printf(&text, "%s %zu %zu %zu %zu\n", path, counts.nodes, counts.constants, model->graph->input_count,
                model->graph->output_count);
  } else if (good) {
    graph_print(model->graph, &text);
  }
  if (text.size) fputs(text.data, stdout);
  arena_free(arena);
  return good ? 0 : 1;
}

int main(int argc, char **argv) {
  bool summary = argc > 1 && strcmp(argv[1], "--summary") == 0;
  int status = 0;
  for (int i = 1 + summary; i < argc; i++) status |= read_one(argv[i], summary);
  return status;
}
