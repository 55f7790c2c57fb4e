// bind_shapes: puts the numbers of --shape where the model's inputs have symbols, and gives symbols the bounds of
// --max-shape. A symbol that several inputs share must get one number.
#include "compiler/passes/passes.h"

#include <string.h>

typedef struct {
  const char **names;
  int64_t *values;
  size_t count;
} Binding;

/* --max-shape */

static bool bound_symbol(Model *model, Dim symbol, int64_t most) {
  int64_t before = dim_most(symbol);
  if (most == 0)
    return diag_error(model->diag, model->file, "--max-shape leaves nothing of dim '%s'",
                      dim_text(model->dims, symbol));
  if (before != INT64_MAX && before != most)
    return diag_error(model->diag, model->file, "--max-shape gives dim '%s' as %lld and as %lld",
                      dim_text(model->dims, symbol), (long long)before, (long long)most);
  dim_set_most(symbol, most);
  return true;
}

static bool bound_input(Model *model, Value *input, const ShapeOption *shape) {
  if (input->rank < 0) {
    input->rank = shape->rank;
    input->dims = NEW_ARRAY(model->arena, Dim, (size_t)shape->rank);
    for (int i = 0; i < shape->rank; i++)
      input->dims[i] = dim_symbol(model->dims, arena_printf(model->arena, "%s_dim%d", input->name, i));
  }
  bool fits = input->rank == shape->rank;
  for (int i = 0; fits && i < shape->rank; i++)
    fits = !dim_is_const(input->dims[i]) || input->dims[i].value == shape->dims[i];
  if (!fits)
    return diag_error(model->diag, model->file, "--max-shape for %s does not fit its dims", value_text(model, input));
  for (int i = 0; i < shape->rank; i++)
    if (!dim_is_const(input->dims[i]) && !bound_symbol(model, input->dims[i], shape->dims[i])) return false;
  return true;
}

static bool bound_shape(Model *model, const ShapeOption *shape) {
  Graph *graph = model->graph;
  for (size_t i = 0; i < graph->input_count; i++)
    if (!strcmp(graph->inputs[i]->name, shape->input)) return bound_input(model, graph->inputs[i], shape);
  for (size_t i = 0; i < graph->input_count; i++)
    for (int k = 0; k < graph->inputs[i]->rank; k++) {
      Dim dim = graph->inputs[i]->dims[k];
      if (shape->rank == 1 && !dim_is_const(dim) && !strcmp(dim_text(model->dims, dim), shape->input))
        return bound_symbol(model, dim, shape->dims[0]);
    }
  return diag_error(model->diag, model->file, "--max-shape names '%s', which is no input or open dim of the model",
                    shape->input);
}

/* --shape */

static bool bind_symbol(Model *model, Binding *binding, const Value *input, int axis, int64_t value) {
  const char *name = dim_text(model->dims, input->dims[axis]);
  for (size_t i = 0; i < binding->count; i++)
    if (!strcmp(binding->names[i], name)) {
      if (binding->values[i] == value) return true;
      return diag_error(model->diag, model->file, "--shape gives dim '%s' as %lld and as %lld", name,
                        (long long)binding->values[i], (long long)value);
    }
  if (value > dim_most(input->dims[axis]))
    return diag_error(model->diag, model->file, "--shape gives dim '%s' as %lld, --max-shape allows %lld", name,
                      (long long)value, (long long)dim_most(input->dims[axis]));
  size_t count = binding->count;
  APPEND(model->arena, binding->values, count, value);
  APPEND(model->arena, binding->names, binding->count, name);
  return true;
}

static bool bind_input(Model *model, Binding *binding, Value *input, const ShapeOption *shape) {
  if (input->rank < 0) {
    input->rank = shape->rank;
    input->dims = NEW_ARRAY(model->arena, Dim, (size_t)shape->rank);
    for (int i = 0; i < shape->rank; i++) input->dims[i] = dim_const(shape->dims[i]);
    return true;
  }
  bool ok = input->rank == shape->rank;
  for (int i = 0; i < shape->rank && ok; i++) {
    if (dim_is_const(input->dims[i]))
      ok = input->dims[i].value == shape->dims[i];
    else if (!bind_symbol(model, binding, input, i, shape->dims[i]))
      return false;
  }
  if (ok) return true;
  return diag_error(model->diag, model->file, "--shape for %s does not fit its dims", value_text(model, input));
}

bool bind_shapes(Model *model, const PassOptions *options) {
  Graph *graph = model->graph;
  Binding binding = {0};
  bool ok = true;
  for (size_t s = 0; s < options->bound_count; s++) ok = bound_shape(model, &options->bounds[s]) && ok;
  for (size_t s = 0; s < options->shape_count; s++) {
    Value *input = NULL;
    for (size_t i = 0; i < graph->input_count; i++)
      if (!strcmp(graph->inputs[i]->name, options->shapes[s].input)) input = graph->inputs[i];
    if (!input)
      ok = diag_error(model->diag, model->file, "--shape names '%s', which is no input of the model",
                      options->shapes[s].input);
    else
      ok = bind_input(model, &binding, input, &options->shapes[s]) && ok;
  }
  bool bound = ok;
  for (size_t i = 0; i < graph->input_count; i++) {
    Value *input = graph->inputs[i];
    for (int k = 0; k < input->rank; k++)
      input->dims[k] = dim_bind(model->dims, input->dims[k], binding.names, binding.values, binding.count);
    if (bound && input->rank < 0) {
      ok = diag_error(model->diag, model->file,
                      "input %s has no known rank: give its dims, for example --shape %s=1x128",
                      value_text(model, input), input->name);
    } else if (bound && value_is_static(input) && value_count(input) < 0) {
      ok = diag_error(model->diag, model->file, "input %s is larger than memory can be", value_text(model, input));
    }
  }
  return ok;
}
