// fold_constants: the part of the graph that depends on constants alone is compiled for this machine and run.
#include "compiler/emit/emit.h"
#include "compiler/ops/lower.h"
#include "compiler/passes/passes.h"

#include <string.h>

enum { MARK_CONSTANT = 1 };
static const int64_t large = INT64_C(64) << 20; // bytes

static bool has_strings(const Node *node) {
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i] && node->in[i]->type == DT_STRING) return true;
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && node->out[i]->type == DT_STRING) return true;
  return false;
}

// A constant that would be much larger than what it is made from stays computed.
static bool worth_folding(const Node *node) {
  int64_t in = 0, out = 0;
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i]) in += dtype_bytes(node->in[i]->type, value_count(node->in[i]));
  for (size_t i = 0; i < node->out_count; i++) {
    if (!node->out[i]) continue;
    if (node->out[i]->is_output || !value_is_static(node->out[i])) return false;
    out += dtype_bytes(node->out[i]->type, value_count(node->out[i]));
  }
  return out <= large || out / 4 <= in;
}

static bool has_subgraphs(const Node *node) {
  for (size_t i = 0; i < node->attr_count; i++)
    if (node->attrs[i].type == ATTR_GRAPH || node->attrs[i].type == ATTR_GRAPHS) return true;
  return false;
}

// Nodes of subgraphs use values of the graph, too.
static void clear_marks(Graph *graph) {
  for (Node *node = graph->first; node; node = node->next) {
    node->mark = 0;
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t k = 0; k < count; k++) clear_marks(graphs[k]);
    }
  }
}

static bool is_constant(const Node *node) {
  if (has_subgraphs(node) || draws_numbers(node)) return false;
  for (size_t i = 0; i < node->in_count; i++) {
    const Value *in = node->in[i];
    if (in && !in->data && !(in->producer && in->producer->mark == MARK_CONSTANT)) return false;
  }
  return worth_folding(node) && !has_strings(node); // a compiler has no string pool to run with
}

static bool leaves_graph(const Value *value) {
  for (size_t i = 0; i < value->use_count; i++)
    if (value->uses[i]->mark != MARK_CONSTANT) return true;
  return false;
}

static Tensor *new_tensor(Model *model, const Value *value) {
  Tensor *tensor = NEW(model->arena, Tensor);
  int64_t *dims = NEW_ARRAY(model->arena, int64_t, (size_t)value->rank),
          bytes = dtype_bytes(value->type, value_count(value));
  for (int i = 0; i < value->rank; i++) dims[i] = value->dims[i].value;
  *tensor = (Tensor){.type = value->type, .rank = value->rank, .dims = dims};
  if (bytes) tensor->data = arena_alloc(model->arena, (size_t)bytes);
  return tensor;
}

// Compiles and runs `part`, whose outputs become tensors.
static bool run_constant_part(Model *model, Graph *part, Tensor **results) {
  Arena *arena = arena_new();
  const Target *host = target_find(arena, model->diag, NULL, "native");
  Program *program = host ? make_program(arena, part, host, true) : NULL;
  bool ok = program != NULL;
  if (ok) {
    Bytes kernels;
    void **outputs = NEW_ARRAY(arena, void *, part->output_count);
    for (size_t i = 0; i < part->output_count; i++) outputs[i] = (void *)results[i]->data;
    ok = emit_kernels(model, program, host, CODE_OBJECT, NULL, &kernels) &&
         run_kernels(model, program, &kernels, NULL, outputs);
  }
  arena_free(arena);
  return ok;
}

bool fold_known(Graph *graph) {
  Model *model = graph->model;
  Graph part = {.model = model, .name = graph->name};
  clear_marks(graph);
  for (Node *node = graph->first; node; node = node->next) node->mark = is_constant(node) ? MARK_CONSTANT : 0;
  for (Node *node = graph->first; node; node = node->next) {
    if (node->mark != MARK_CONSTANT) continue;
    Node *copy = NEW(model->arena, Node);
    *copy = *node;
    copy->prev = part.last, copy->next = NULL;
    *(part.last ? &part.last->next : &part.first) = copy;
    part.last = copy;
    for (size_t i = 0; i < node->out_count; i++)
      if (node->out[i] && leaves_graph(node->out[i]))
        APPEND(model->arena, part.outputs, part.output_count, node->out[i]);
  }
  if (!part.first) return true;
  Tensor **results = NEW_ARRAY(model->arena, Tensor *, part.output_count);
  for (size_t i = 0; i < part.output_count; i++) results[i] = new_tensor(model, part.outputs[i]);
  if (part.output_count && !run_constant_part(model, &part, results)) return false;
  for (size_t i = 0; i < part.output_count; i++) part.outputs[i]->data = results[i];
  for (Node *node = graph->last, *prev; node; node = prev) {
    prev = node->prev;
    if (node->mark != MARK_CONSTANT) continue;
    node_settle(graph, node);
  }
  return true;
}

bool fold_constants(Model *model, const PassOptions *options) {
  return infer_shapes(model, options) && fold_known(model->graph); // the first: of nodes that passes made
}
