// Reads a model and prints it, or why it could not be read: what tests of the reader drive.
//
//   read_model MODEL              the graph as text
//   read_model --constants MODEL  "N nodes, N constants, N inputs, N outputs", then a line for each constant that is
//                                 used: number of its element type, dims, CRC-32 of its bytes
#include "compiler/onnx/read.h"
#include <string.h>

typedef struct {
  Arena *arena;
  size_t nodes, constants;
  const Tensor **tensors; // each once, in order of first use
} Contents;

static void add_constant(Contents *contents, const Value *value) {
  if (!value || !value->data) return;
  for (size_t i = 0; i < contents->constants; i++)
    if (contents->tensors[i] == value->data) return;
  APPEND(contents->arena, contents->tensors, contents->constants, value->data);
}

static void add_graph(Contents *contents, const Graph *graph) {
  for (const Node *node = graph->first; node; node = node->next) {
    contents->nodes++;
    for (size_t i = 0; i < node->in_count; i++) add_constant(contents, node->in[i]);
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t j = 0; j < count; j++) add_graph(contents, graphs[j]);
    }
  }
  for (size_t i = 0; i < graph->output_count; i++) add_constant(contents, graph->outputs[i]);
}

// Of zlib, PNG and Ethernet.
static uint32_t add_crc32(uint32_t crc, const void *data, size_t size) {
  crc = ~crc;
  for (const uint8_t *byte = data; size--; byte++) {
    crc ^= *byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static void print_constant(const Tensor *tensor) {
  uint32_t crc = 0;
  printf("%d [", (int)tensor->type);
  for (int i = 0; i < tensor->rank; i++) printf("%s%lld", i ? "," : "", (long long)tensor->dims[i]);
  if (tensor->type != DT_STRING) crc = add_crc32(0, tensor->data, (size_t)tensor_bytes(tensor));
  for (int64_t i = 0; tensor->type == DT_STRING && i < tensor_count(tensor); i++)
    crc = add_crc32(crc, tensor->strings[i], strlen(tensor->strings[i]) + 1);
  printf("] %08x\n", crc);
}

static void print_constants(Arena *arena, const Graph *graph) {
  Contents contents = {.arena = arena};
  add_graph(&contents, graph);
  printf("%zu nodes, %zu constants, %zu inputs, %zu outputs\n", contents.nodes, contents.constants, graph->input_count,
         graph->output_count);
  for (size_t i = 0; i < contents.constants; i++) print_constant(contents.tensors[i]);
}

int main(int argc, char **argv) {
  bool constants = argc == 3 && strcmp(argv[1], "--constants") == 0;
  if (argc != 2 + constants) return 2;
  Arena *arena = arena_new();
  Diag diag;
  diag_init(&diag, arena);
  Model *model = read_onnx(arena, &diag, argv[argc - 1]);
  bool good = model && graph_verify(model->graph);
  for (const Message *m = diag.first; m; m = m->next) fprintf(stderr, "%s\n", m->text);
  if (good && constants) {
    print_constants(arena, model->graph);
  } else if (good) {
    Text text = {.arena = arena};
    graph_print(model->graph, &text);
    fputs(text.data, stdout);
  }
  arena_free(arena);
  return good ? 0 : 1;
}
