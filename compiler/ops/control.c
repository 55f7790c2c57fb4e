// What If, Loop and Scan share.
#include "compiler/ops/control.h"
#include "compiler/ops/sequence.h"

#include <string.h>

Graph *find_body(Model *model, Node *node, const char *name) {
  const Attr *attr = node_attr(node, name);
  if (attr && attr->type == ATTR_GRAPH) return attr->g;
  node_report(model, node, "attribute '%s' is missing", name);
  return NULL;
}

bool set_value(Model *model, Value *value, DType type, int rank, const Dim *dims) {
  value->type = type;
  value->rank = rank;
  value->dims = NEW_ARRAY(model->arena, Dim, (size_t)rank);
  if (rank) memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
  return true;
}

bool set_value_like(Model *model, Value *value, const Value *like, const Content *content, const Dim *dims) {
  value->kind = like->kind;
  value->content = content;
  return set_value(model, value, like->type, like->rank, dims);
}

const Content *join_contents(Model *model, const Content *a, const Content *b) {
  if (!a || content_equal(a, b)) return a;
  Content *joined = NEW(model->arena, Content);
  *joined = content_join(a, b);
  return joined;
}

bool same_kind(const Value *a, const Value *b) {
  return a->type == b->type && a->kind == b->kind &&
         (!a->content || (a->content->of == b->content->of && a->content->key == b->content->key));
}

/* numbers of the frame that steps assign */

void assign_view(Lower *lower, Dim symbol, const View *number) {
  View to = view_dense(frame_buffer(lower->program), DT_I64, 0, NULL);
  to.offset = dim_const(frame_slot(lower->program, symbol));
  const Expr *x = expr_load(lower->program->exprs, number->type, 0);
  lower_map(lower, &to, number, 1, expr_cast(lower->program->exprs, DT_I64, x));
}

void assign_dims(Lower *lower, size_t count, const Dim *symbols, const Dim *values) {
  if (!count) return;
  View numbers = lower_numbers(lower, count, values);
  for (size_t i = 0; i < count; i++) {
    View number = numbers;
    number.rank = 0;
    number.offset = dim_plus(numbers.offset, (int64_t)i);
    assign_view(lower, symbols[i], &number);
  }
}

Step *add_control(Lower *lower, StepKind kind) {
  const Loc *loc = &lower->node->loc;
  return step_control(lower->program, kind, loc, *loc->name ? loc->name : loc->op);
}

Step *add_jump(Lower *lower, Dim condition, Step *target) {
  Step *jump = add_control(lower, STEP_JUMP);
  jump->condition = condition;
  jump->target = target;
  return jump;
}

/* bodies */

Scope enter_body(Lower *lower) {
  size_t count = (size_t)lower->model->values;
  Scope scope = {lower->channels_last, lower->check_count};
  lower->channels_last = NEW_ARRAY(lower->program->arena, View *, count);
  memcpy(lower->channels_last, scope.channels_last, count * sizeof *scope.channels_last);
  return scope;
}

void leave_body(Lower *lower, Scope scope) {
  lower->channels_last = scope.channels_last;
  lower->check_count = scope.check_count;
}

bool lower_body(Lower *lower, const Graph *body) {
  Node *node = lower->node;
  bool ok = true;
  for (size_t i = 0; i < body->input_count; i++) ok = lower_measure(lower, body->inputs[i]) && ok;
  for (Node *inner = body->first; inner; inner = inner->next) ok = lower_node(lower, inner) && ok;
  lower->node = node;
  return ok;
}

View carried_view(Lower *lower, const char *name, DType type, int rank, const Dim *dims, bool changes) {
  if (changes) return lower_block(lower, name, type, rank, dims);
  View view = lower_scratch(lower, type, rank, dims);
  view.buffer->name = name;
  return view;
}
