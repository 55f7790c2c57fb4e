// `ingot inspect`: what a model is and what it would take to run it.
#include "compiler/build.h"
#include "compiler/onnx/read.h"
#include "compiler/ops/lower.h"

#include <stdlib.h>
#include <string.h>

static void print_values(const Model *model, const char *title, Value *const *values, size_t count, FILE *out) {
  for (size_t i = 0; i < count; i++) fprintf(out, "%-12s %s\n", i ? "" : title, value_text(model, values[i]));
}

typedef struct {
  const char *op;
  int count;
} OpCount;

static int by_count(const void *a, const void *b) {
  const OpCount *x = a, *y = b;
  return x->count != y->count ? y->count - x->count : strcmp(x->op, y->op);
}

static void print_operators(const Model *model, FILE *out) {
  OpCount *counts = NULL;
  size_t kinds = 0;
  for (const Node *node = model->graph->first; node; node = node->next) {
    size_t i = 0;
    while (i < kinds && strcmp(counts[i].op, node->loc.op)) i++;
    if (i == kinds) APPEND(model->arena, counts, kinds, ((OpCount){node->loc.op, 0}));
    counts[i].count++;
  }
  if (kinds) qsort(counts, kinds, sizeof *counts, by_count);
  for (size_t i = 0; i < kinds; i++)
    fprintf(out, "%-12s %5d  %s\n", i ? "" : "operators", counts[i].count, counts[i].op);
}

// "arena        6539264 bytes (6.2 MiB)", "MACs         4089184256 per run (4.1 G)"
static void print_amount(FILE *out, const char *title, int64_t n, const char *unit, bool bytes) {
  static const char *const prefixes[] = {"", "K", "M", "G", "T"};
  double scaled = (double)n, step = bytes ? 1024 : 1000;
  size_t prefix = 0;
  for (; scaled >= step && prefix + 1 < COUNT(prefixes); prefix++) scaled /= step;
  fprintf(out, "%-12s %lld%s%s", title, (long long)n, *unit ? " " : "", unit);
  if (prefix) fprintf(out, " (%.1f %s%s)", scaled, prefixes[prefix], bytes ? "iB" : "");
  fputc('\n', out);
}

bool inspect_model(Arena *arena, Diag *diag, const BuildOptions *options, FILE *out) {
  const Target *target = target_find(arena, diag, options->os_target, options->cpu);
  Model *model = target ? read_onnx(arena, diag, options->input) : NULL;
  if (!model) return false;
  Graph *graph = model->graph;
  fprintf(out, "%-12s %s\n", "model", options->input);
  fprintf(out, "%-12s %s, IR version %lld, opset", "made by", *model->producer ? model->producer : "unknown",
          (long long)model->ir_version);
  for (size_t i = 0; i < model->opset_count; i++)
    fprintf(out, " %s-%d", *model->opsets[i].domain ? model->opsets[i].domain : "ai.onnx", model->opsets[i].version);
  fputc('\n', out);
  print_values(model, "inputs", graph->inputs, graph->input_count, out);
  print_amount(out, "parameters", count_parameters(graph), "", false);
  print_operators(model, out);
  if (!run_passes(model, &options->passes)) return false;
  Program *program = make_program(arena, graph, target, true);
  if (!program) return false;
  print_values(model, "outputs", graph->outputs, graph->output_count, out);
  print_amount(out, "MACs", program->macs, "per run", false);
  print_amount(out, "weights", program->weight_bytes, "bytes", true);
  print_amount(out, "arena", program->arena_bytes, "bytes", true);
  fprintf(out, "%-12s %zu for %s, %s\n", "steps", program->step_count, target->os_target, target->name);
  return true;
}
