// Variants: the graph is copied after reading, and each copy goes its own way up to its Program.
#include "compiler/variants.h"
#include "compiler/ops/lower.h"

#include <string.h>

static size_t count_mentions(const PassOptions *options, const char *input) {
  size_t count = 0;
  for (size_t i = 0; i < options->shape_count; i++) count += !strcmp(options->shapes[i].input, input);
  return count;
}

// How many variants there are: the number of times that an input is named, where it is more than once. 0 after an
// error.
static size_t count_variants(Model *model, const PassOptions *options) {
  const ShapeOption *most = NULL;
  size_t count = 1;
  for (size_t i = 0; i < options->shape_count; i++) {
    size_t mentions = count_mentions(options, options->shapes[i].input);
    if (mentions > 1 && most && mentions != count)
      return diag_error(model->diag, model->file, "--shape is given %zu times for '%s' and %zu times for '%s'", count,
                        most->input, mentions, options->shapes[i].input);
    if (mentions > 1) most = &options->shapes[i], count = mentions;
  }
  return count;
}

// The options for one variant: of inputs that are named more than once the shape of that number.
static PassOptions choose_shapes(Arena *arena, const PassOptions *options, size_t variant) {
  PassOptions chosen = *options;
  ShapeOption *shapes = NULL;
  chosen.shape_count = 0;
  for (size_t i = 0; i < options->shape_count; i++) {
    size_t before = 0;
    for (size_t k = 0; k < i; k++) before += !strcmp(options->shapes[k].input, options->shapes[i].input);
    if (count_mentions(options, options->shapes[i].input) == 1 || before == variant)
      APPEND(arena, shapes, chosen.shape_count, options->shapes[i]);
  }
  chosen.shapes = shapes;
  return chosen;
}

static bool has_same_inputs(const Program *a, const Program *b) {
  for (size_t i = 0; i < a->input_count; i++) {
    const Value *x = a->inputs[i], *y = b->inputs[i];
    for (int k = 0; k < x->rank; k++)
      if (!dim_equal(x->dims[k], y->dims[k])) return false;
  }
  return true;
}

static bool has_same_strings(const Program *a, const Program *b) {
  size_t x, y;
  if (!a->pool && !b->pool) return true;
  const char *p = pool_bytes(a, &x), *q = pool_bytes(b, &y);
  return x == y && (!x || !memcmp(p, q, x));
}

static bool check_ranks(Model *model, Value *const *a, Value *const *b, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (a[i]->rank != b[i]->rank)
      return diag_error(model->diag, model->file, "'%s' has %d dims for one --shape and %d for another", a[i]->name,
                        a[i]->rank, b[i]->rank);
  return true;
}

// Whether a run can tell the variants apart and use them alike.
static bool check_variants(Model *model, const Variants *variants) {
  for (size_t v = 1; v < variants->count; v++) {
    const Program *first = variants->programs[0], *own = variants->programs[v];
    if (!check_ranks(model, first->inputs, own->inputs, first->input_count) ||
        !check_ranks(model, first->outputs, own->outputs, first->output_count))
      return false;
    for (size_t k = 0; k < v; k++)
      if (has_same_inputs(variants->programs[k], own))
        return diag_error(model->diag, model->file, "--shape gives the same shapes twice");
    if (!has_same_strings(first, own))
      return diag_error(model->diag, model->file, "a model whose strings depend on its shapes takes one --shape");
  }
  return true;
}

static void begin(const BuildOptions *options, const char *stage) {
  if (options->on_stage) options->on_stage(options->context, stage);
}

bool make_variants(Model *model, const Target *target, const BuildOptions *options, Variants *out) {
  Arena *arena = model->arena;
  size_t count = count_variants(model, &options->passes);
  if (!count) return false;
  *out = (Variants){NEW_ARRAY(arena, Graph *, count), NEW_ARRAY(arena, Program *, count), count};
  for (size_t v = 0; v < count; v++) out->graphs[v] = v ? graph_copy(model->graph) : model->graph;
  for (size_t v = 0; v < count; v++) {
    PassOptions passes = choose_shapes(arena, &options->passes, v);
    model->graph = out->graphs[v];
    begin(options, "passes");
    if (!run_passes(model, &passes)) return false;
    begin(options, "lower");
    bool fuse = pass_is_wanted(&options->passes, FUSE_STEPS);
    out->programs[v] = make_program_beside(arena, model->graph, target, fuse, out->programs, v);
    if (!out->programs[v]) return false;
    if (options->on_program) options->on_program(options->context, out->programs[v]);
  }
  if (count > 1 && !check_variants(model, out)) return false;
  if (count > 1) programs_join_weights(out->programs, count);
  return true;
}
