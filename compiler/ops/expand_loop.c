// Loops as other loops: of optionals that become values, and the Scan of opset 8, which has a batch axis.
#include "compiler/ops/control.h"
#include "compiler/ops/expand.h"

/* Loop: a carried optional that the body gives back as the value in it */

static const size_t loop_inputs = 2, loop_results = 1; // before those that are carried

static bool becomes_value(const Node *node, const Graph *body, size_t i) {
  const Value *first = node_in(node, loop_inputs + i);
  return first && first->kind == VALUE_OPTIONAL && i < node->out_count && i + loop_results < body->output_count &&
         body->outputs[loop_results + i]->kind == first->content->of;
}

// The body's result becomes an optional, too, and the loop's the value in that.
bool expand_loop(Expansion *e, Node *node) {
  Graph *body = find_body(e->model, node, "body");
  bool any = false;
  if (!body) return false;
  for (size_t i = 0; i + loop_inputs < node->in_count; i++) any |= becomes_value(node, body, i);
  if (!any) return true; // the loop as it is
  Expansion inner = *e;
  inner.graph = body;
  inner.before = NULL;
  Value **results = NEW_ARRAY(e->model->arena, Value *, node->out_count);
  for (size_t i = 0; i < node->out_count; i++)
    results[i] = value_new_typed(e->graph, node->loc.name, DT_UNDEFINED, -1, NULL);
  Node *loop = node_new(e->graph, node, "", "Loop", node->in, node->in_count, results, node->out_count);
  loop->loc = node->loc;
  loop->attrs = node->attrs, loop->attr_count = node->attr_count;
  node->attr_count = 0; // the body is the new node's
  for (size_t i = 0; i < node->out_count; i++) {
    if (!becomes_value(node, body, i)) {
      expand_done(e, i, results[i]);
      continue;
    }
    Value **out = &body->outputs[loop_results + i];
    (*out)->is_output = false;
    *out = MAKE(&inner, "Optional", *out);
    (*out)->is_output = true;
    expand_done(e, i, MAKE(e, "OptionalGetElement", results[i]));
  }
  return true;
}

/* Scan of opset 8 */

// A Scan over the batch around one over the sequences, which are cut to their lengths; the results are filled up.
bool expand_scan_batches(Expansion *e, Node *node) {
  int64_t scanned = node_int(node, "num_scan_inputs", 0), count = (int64_t)node->in_count - 1, states = count - scanned;
  Graph *body = find_body(e->model, node, "body");
  Value *lengths = node_in(node, 0), *size = NULL, *most = NULL;
  if (!body) return false;
  if (scanned < 1 || states < 0)
    return node_error(e->model, node, "'num_scan_inputs' is %lld; the node has %lld of them and of states",
                      (long long)scanned, (long long)count);
  for (int64_t i = 0; i < count; i++)
    if (!need_rank(e->model, node, (size_t)i + 1, i < states ? 1 : 2, MAX_RANK)) return false;
  Expansion batch = expand_body(e, "batch");
  Value **in = NEW_ARRAY(e->model->arena, Value *, (size_t)count + 1);
  Value **own = NEW_ARRAY(e->model->arena, Value *, (size_t)count);
  for (int64_t i = 0; i < count; i++) {
    in[i] = node->in[i + 1];
    own[i] = expand_body_input(&batch, in[i]->type);
  }
  if (lengths) {
    in[count] = lengths;
    size = expand_body_input(&batch, lengths->type);
    most = DIM(&batch, own[states], 0);
    Value *rows = expand_range(&batch, UNSQUEEZE(&batch, size, 0)); // too many of them are a fault
    for (int64_t i = states; i < count; i++) own[i] = GATHER(&batch, own[i], rows, 0);
  }
  Value *scan = with_int(expand_make(&batch, "Scan", (size_t)count, own), "num_scan_inputs", scanned);
  size_t directions;
  const int64_t *backwards = node_ints(node, "directions", &directions);
  if (backwards) with_ints(scan, "scan_input_directions", directions, backwards);
  body->parent = batch.graph;
  expand_set_body(e, scan, &(Expansion){.graph = body});
  node->attr_count = 0; // the body is the new node's
  for (size_t i = 0; i < node->out_count; i++) {
    Value *result = i ? more_results(&batch, scan, i) : scan;
    if (size && (int64_t)i >= states) {
      Value *missing = SUB(&batch, most, DIM(&batch, result, 0));
      result = MAKE(&batch, "Pad", result, CONCAT(&batch, 0, INT(&batch, 0), missing), NULL, INT(&batch, 0));
    }
    expand_body_output(&batch, result);
  }
  Value *all = expand_make(e, "Scan", (size_t)count + (lengths != NULL), in);
  with_int(all, "num_scan_inputs", count + (lengths != NULL));
  expand_set_body(e, all, &batch);
  for (size_t i = 0; i < node->out_count; i++) expand_done(e, i, i ? more_results(e, all, i) : all);
  return true;
}
