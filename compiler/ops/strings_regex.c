// RegexFullMatch: the pattern becomes an automaton when the model is compiled.
#include "compiler/ops/lower.h"
#include "compiler/ops/regex.h"
#include "compiler/ops/strings.h"

static bool compile(Model *model, Node *node, RegexTable *table) {
  const char *error, *pattern = node_string(node, "pattern", "");
  if (regex_compile(model->arena, pattern, table, &error)) return true;
  return node_error(model, node, "pattern '%s': %s", pattern, error);
}

bool infer_regex_full_match(Model *model, Node *node) {
  RegexTable table;
  return compile(model, node, &table) && set_dims_like(model, node, 0, node->in[0]);
}

bool lower_regex_full_match(Lower *lower, Node *node) {
  RegexTable table;
  View out = lower_out(lower, node->out[0]);
  if (!compile(lower->model, node, &table)) return false;
  if (view_is_empty(&out)) return true;
  View x = lower_dense(lower, node->in[0]);
  Step *step = lower_step(lower, "string_match");
  ADD_DIMS(lower->program, step, view_count(&x), dim_const(table.class_count));
  step_view(lower, step, &x);
  step_pool(lower, step);
  step_constant(lower, step, DT_U8, 256, table.class_of);
  step_constant(lower, step, DT_I32, table.state_count * (table.class_count + 1), table.next);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&x), 256);
  return true;
}
