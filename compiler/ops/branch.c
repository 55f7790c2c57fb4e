// If: both branches are lowered in place, between jumps and labels; the run decides which one it takes.
//
// Branches may give results of different ranks (PyTorch's squeeze of a dim that may be 1): what reads those is then
// copied to the end of both branches, where ranks are known. A branch in which shapes do not fit ends the run.
#include "compiler/ops/control.h"
#include "compiler/ops/expand.h"
#include "templates/status.h"

#include <string.h>

static const char *const branch_names[] = {"then_branch", "else_branch"};

bool expand_branch(Expansion *e, Node *node) {
  Value *condition = node->in[0];
  if (!condition->data && want_constant(e->model, condition)) return false;
  if (!condition->data) return true; // the run decides
  Graph *body = find_body(e->model, node, branch_names[!tensor_int(condition->data, 0)]);
  if (!body) return false;
  if (body->fault)
    return node_error(e->model, node, "the %s cannot run: %s",
                      branch_names[body == find_body(e->model, node, branch_names[1])], body->fault);
  if (body->output_count != node->out_count)
    return node_error(e->model, node, "the branch has %zu outputs, the node %zu", body->output_count, node->out_count);
  expand_inline(e, body, NULL);
  for (size_t i = 0; i < node->out_count; i++) expand_done(e, i, body->outputs[i]);
  return true;
}

static bool find_branches(Model *model, Node *node, Graph **bodies) {
  bodies[0] = find_body(model, node, branch_names[0]);
  bodies[1] = find_body(model, node, branch_names[1]);
  return bodies[0] && bodies[1];
}

// The reason as one line of a warning: "node #4 'x' (Add-14): ...".
static const char *first_line(Model *model, const Message *message) {
  const char *text = message->text, *mark = strstr(text, ": error: ");
  size_t prefix = strlen(model->file);
  if (!strncmp(text, model->file, prefix) && !strncmp(text + prefix, ": ", 2)) text += prefix + 2;
  if (mark && mark > text)
    text = arena_printf(model->arena, "%.*s: %s", (int)(mark - text), text, mark + strlen(": error: "));
  return arena_strndup(model->arena, text, strcspn(text, "\n"));
}

// A branch whose shapes do not fit ends the run that takes it, where the other one is sound.
static bool infer_branches(Model *model, Graph *const *bodies) {
  Message *messages[2] = {NULL, NULL};
  for (int b = 0; b < 2; b++) {
    DiagMark mark = diag_mark(model->diag);
    if (!bodies[b]->fault && !infer_graph(bodies[b])) messages[b] = diag_take(model->diag, mark);
  }
  for (int b = 0; b < 2; b++) {
    if (!messages[b]) continue;
    if (messages[1 - b] || bodies[1 - b]->fault) {
      for (int k = 0; k < 2; k++) diag_put_back(model->diag, messages[k]);
      return false;
    }
    bodies[b]->fault = first_line(model, messages[b]);
    graph_discard(bodies[b]);
    bodies[b]->output_count = 0;
  }
  return true;
}

static bool check_counts(Model *model, Node *node, Graph *const *bodies) {
  for (int b = 0; b < 2; b++)
    if (!bodies[b]->fault && bodies[b]->output_count != node->out_count)
      return node_error(model, node, "a branch has %zu outputs, the node %zu", bodies[b]->output_count,
                        node->out_count);
  return true;
}

// Of one branch or of the other.
static Dim join_dims(Model *model, const Value *out, Dim a, Dim b) {
  return dim_equal(a, b) ? a : dim_found(model->dims, out->name, dim_op(model->dims, DIM_MAX, a, b));
}

// The result that is a or b, which are the same where one branch is all there is.
static bool infer_result(const Graph *graph, Node *node, size_t i, const Value *a, const Value *b) {
  Model *model = graph->model;
  Value *out = node->out[i];
  Dim dims[MAX_RANK];
  if (!same_kind(a, b))
    return node_error(model, node, "output %zu is %s in one branch and %s in the other", i, value_text(model, a),
                      value_text(model, b));
  if (a->rank < 0 || a->rank != b->rank) { // sink_tail goes on
    out->type = a->type;
    out->kind = a->kind;
    return true;
  }
  for (int k = 0; k < a->rank; k++) dims[k] = join_dims(model, out, a->dims[k], b->dims[k]);
  return set_value_like(model, out, a, join_contents(model, a->content, b->content), dims);
}

bool infer_branch(Model *model, Node *node) {
  Graph *bodies[2];
  if (!find_branches(model, node, bodies) || !infer_branches(model, bodies) || !check_counts(model, node, bodies))
    return false;
  const Graph *first = bodies[bodies[0]->fault != NULL], *second = bodies[bodies[1]->fault == NULL];
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && !infer_result(first->parent, node, i, first->outputs[i], second->outputs[i])) return false;
  return true;
}

bool sink_tail(Graph *graph, Node *node) {
  Graph *bodies[2];
  if (!find_branches(graph->model, node, bodies)) return false;
  size_t first = bodies[0]->fault != NULL, count = bodies[0]->fault || bodies[1]->fault ? 1 : 2;
  return graph_sink(graph, node, bodies + first, count);
}

// Where the branch's result goes. Dims that differ between the branches are assigned.
static bool join(Lower *lower, const Value *out, View *to, const Value *result) {
  View from = lower_in(lower, result);
  Dim symbols[MAX_RANK], values[MAX_RANK];
  size_t count = 0;
  for (int k = 0; k < out->rank; k++)
    if (!dim_equal(out->dims[k], from.dims[k])) symbols[count] = out->dims[k], values[count++] = from.dims[k];
  if (!count) return lower_copy(lower, to, &from);
  if (to->buffer->block) lower_reserve(lower, to->buffer, dim_bytes(from.type, view_count(&from)), dim_const(0));
  View dense = view_dense(to->buffer, from.type, from.rank, from.dims);
  if (!lower_copy(lower, &dense, &from)) return false;
  assign_dims(lower, count, symbols, values);
  return true;
}

static bool lower_side(Lower *lower, Node *node, Graph *body, View *outs) {
  Scope scope = enter_body(lower);
  bool ok = lower_body(lower, body);
  for (size_t i = 0; ok && i < node->out_count; i++)
    if (node->out[i]) ok = join(lower, node->out[i], &outs[i], body->outputs[i]);
  leave_body(lower, scope);
  return ok;
}

// Where one branch cannot run, the other one is what the node is, after a check.
static bool lower_sound_side(Lower *lower, Node *node, Graph *const *bodies, Dim decides) {
  const Model *model = lower->model;
  const Graph *sound = bodies[bodies[0]->fault != NULL];
  diag_warning(model->diag, model->file, "a run that takes the %s of '%s' ends: %s", branch_names[sound == bodies[0]],
               *node->loc.name ? node->loc.name : node->loc.op, bodies[sound == bodies[0]]->fault);
  lower_check(lower, sound == bodies[0] ? dim_plus(decides, -1) : dim_times(decides, -1), STATUS_BRANCH);
  if (!lower_body(lower, sound)) return false;
  for (size_t i = 0; i < node->out_count; i++) {
    View view;
    if (!node->out[i]) continue;
    view = lower_in(lower, sound->outputs[i]);
    lower_alias(lower, node->out[i], &view);
  }
  return true;
}

bool lower_branch(Lower *lower, Node *node) {
  Program *program = lower->program;
  Graph *bodies[2];
  if (!find_branches(lower->model, node, bodies)) return false;
  View condition = lower_in(lower, node->in[0]), scalar, *outs = NEW_ARRAY(program->arena, View, node->out_count);
  Dim decides = dim_new_symbol(program->dims, "condition");
  view_reshape(&condition, 0, NULL, &scalar);
  assign_view(lower, decides, &scalar);
  if (bodies[0]->fault || bodies[1]->fault) return lower_sound_side(lower, node, bodies, decides);
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *out = node->out[i], *a = bodies[0]->outputs[i], *b = bodies[1]->outputs[i];
    if (!out) continue;
    bool changes = false;
    for (int k = 0; k < out->rank; k++) changes |= !dim_equal(a->dims[k], b->dims[k]);
    changes &= most_bytes(dim_bytes(value_storage(out), dims_product(out->dims, 0, out->rank))) <
               0; // else there is room for either
    outs[i] = carried_view(lower, out->name, value_storage(out), out->rank, out->dims, changes);
  }
  Step *to_else = add_jump(lower, decides, NULL);
  bool ok = lower_side(lower, node, bodies[0], outs);
  Step *to_end = add_jump(lower, dim_const(0), NULL);
  to_else->target = add_control(lower, STEP_LABEL);
  ok = lower_side(lower, node, bodies[1], outs) && ok;
  to_end->target = add_control(lower, STEP_LABEL);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) lower_alias(lower, node->out[i], &outs[i]);
  return ok;
}
