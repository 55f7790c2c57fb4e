// bind_shapes: puts the numbers of --shape where the model's inputs have symbols. A symbol that several inputs share
// must get one number.
#include "compiler/passes/passes.h"

#include <string.h>

typedef struct {
  const char **names;
  int64_t *values;
  size_t count;
} Binding;

static bool bind_symbol(Model *model, Binding *binding, const Value *input, int axis, int64_t value) {
  const char *name = dim_text(model->dims, input->dims[axis]);
  for (size_t i = 0; i < binding->count; i++)
    if (!strcmp(binding->names[i], name)) {
      if (binding->values[i] == value) return true;
      return diag_error(model->diag, model->file, "--shape gives dim '%s' as %lld and as %lld", name,
                        (long long)binding->values[i], (long long)value);
    }
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
