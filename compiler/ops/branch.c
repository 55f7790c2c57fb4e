// If: both bodies are lowered one after the other, and a jump leads to one of them. A condition that is known when
// compiling leaves one body in the node's place.
#include "compiler/ops/control.h"
#include "compiler/ops/expand.h"

bool expand_branch(Expansion *e, Node *node) {
  Value *condition = node->in[0];
  if (!condition->data && want_constant(e->model, condition)) return false;
  if (!condition->data) return true; // the run decides
  Graph *body = find_body(e->model, node, tensor_int(condition->data, 0) ? "then_branch" : "else_branch");
  if (!body) return false;
  if (body->output_count != node->out_count)
    return node_error(e->model, node, "the branch has %zu outputs, the node %zu", body->output_count, node->out_count);
  expand_inline(e, body, NULL);
  for (size_t i = 0; i < node->out_count; i++) expand_done(e, i, body->outputs[i]);
  return true;
}

// What the branches give may differ in rank where only broadcasting operators read it: the lower one gets leading dims.
static int joined_rank(const Value *a, const Value *b) { return a->rank > b->rank ? a->rank : b->rank; }

static int least_rank(const Value *value) { return value->rank - value->loose; }

static Dim padded_dim(const Value *value, int rank, int k) {
  int own = k - (rank - value->rank);
  return own < 0 ? dim_const(1) : value->dims[own];
}

bool infer_branch(Model *model, Node *node) {
  Graph *bodies[2] = {find_body(model, node, "then_branch"), find_body(model, node, "else_branch")};
  if (!bodies[0] || !bodies[1] || !infer_graph(bodies[0]) || !infer_graph(bodies[1])) return false;
  for (int b = 0; b < 2; b++)
    if (bodies[b]->output_count != node->out_count)
      return node_error(model, node, "a branch has %zu outputs, the node %zu", bodies[b]->output_count,
                        node->out_count);
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *a = bodies[0]->outputs[i], *b = bodies[1]->outputs[i];
    if (!node->out[i]) continue;
    if (!same_kind(a, b))
      return node_error(model, node, "output %zu is %s in one branch and %s in the other", i, value_text(model, a),
                        value_text(model, b));
    Dim dims[MAX_RANK];
    int rank = joined_rank(a, b), least = least_rank(a) < least_rank(b) ? least_rank(a) : least_rank(b);
    for (int k = 0; k < rank; k++) {
      dims[k] = padded_dim(a, rank, k);
      if (!dim_equal(dims[k], padded_dim(b, rank, k))) dims[k] = dim_new_symbol(model->dims, node->out[i]->name);
    }
    set_value_like(model, node->out[i], a, join_contents(model, a->content, b->content), rank, dims);
    node->out[i]->loose = rank - least;
  }
  return true;
}

// Where the branch's result goes. Dims that differ between the branches are assigned.
static bool join(Lower *lower, const Value *out, View *to, const Value *result) {
  View whole = lower_in(lower, result), from;
  Dim symbols[MAX_RANK], values[MAX_RANK];
  size_t count = 0;
  for (int k = 0; k < out->rank; k++) values[k] = padded_dim(result, out->rank, k);
  from = view_broadcast(&whole, out->rank, values);
  for (int k = 0; k < out->rank; k++)
    if (!dim_equal(out->dims[k], from.dims[k])) symbols[count] = out->dims[k], values[count++] = from.dims[k];
  if (!count) return lower_copy(lower, to, &from);
  lower_reserve(lower, to->buffer, dim_bytes(from.type, view_count(&from)), dim_const(0));
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

bool lower_branch(Lower *lower, Node *node) {
  Program *program = lower->program;
  Graph *then_branch = find_body(lower->model, node, "then_branch");
  Graph *else_branch = find_body(lower->model, node, "else_branch");
  View *outs = NEW_ARRAY(program->arena, View, node->out_count), condition = lower_in(lower, node->in[0]), scalar;
  for (size_t i = 0; i < node->out_count; i++) {
    const Value *out = node->out[i], *a = then_branch->outputs[i], *b = else_branch->outputs[i];
    if (!out) continue;
    bool changes = false;
    for (int k = 0; k < out->rank; k++) changes |= !dim_equal(padded_dim(a, out->rank, k), padded_dim(b, out->rank, k));
    outs[i] = carried_view(lower, out->name, value_storage(out), out->rank, out->dims, changes);
  }
  view_reshape(&condition, 0, NULL, &scalar);
  Dim decides = dim_new_symbol(program->dims, "condition");
  assign_view(lower, decides, &scalar);
  Step *to_else = add_jump(lower, decides, NULL);
  bool ok = lower_side(lower, node, then_branch, outs);
  Step *to_end = add_jump(lower, dim_const(0), NULL);
  to_else->target = add_control(lower, STEP_LABEL);
  ok = lower_side(lower, node, else_branch, outs) && ok;
  to_end->target = add_control(lower, STEP_LABEL);
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i]) lower_alias(lower, node->out[i], &outs[i]);
  return ok;
}
