// simplify: removes what does nothing (Identity, Dropout, Cast to the same type, Transpose by the identity, ...), what
// is computed twice, and what nobody reads.
#include "compiler/passes/passes.h"

#include <string.h>

static bool same_dims(const Value *a, const Value *b) {
  if (a->rank != b->rank || a->type != b->type) return false;
  for (int i = 0; i < a->rank; i++)
    if (!dim_equal(a->dims[i], b->dims[i])) return false;
  return true;
}

static bool is_identity_permutation(const Node *node) {
  size_t count;
  const int64_t *perm = node_ints(node, "perm", &count);
  if (!perm) return node->in[0]->rank < 2;
  for (size_t i = 0; i < count; i++)
    if (perm[i] != (int64_t)i) return false;
  return true;
}

// Operators that give their first input back whenever the shape stays the same.
static bool does_nothing(const Node *node) {
  static const char *const names[] = {"Identity", "Dropout", "Cast",      "Reshape",
                                      "Flatten",  "Squeeze", "Unsqueeze", "Expand"};
  const Value *in = node_in(node, 0), *out = node_out(node, 0);
  if (*node->domain || !in || !out || !same_dims(in, out)) return false;
  for (size_t i = 0; i < COUNT(names); i++)
    if (!strcmp(node->type, names[i])) return true;
  if (!strcmp(node->type, "Concat")) return node->in_count == 1;
  return !strcmp(node->type, "Transpose") && is_identity_permutation(node);
}

// The symbols that the run finds out from `out` it finds out from `in`, which has the same elements. False: those have
// symbols of their own.
static bool move_measure(const Value *out, Value *in) {
  if (!out->measured) return true;
  if (in->measured) return false;
  in->measured = true;
  in->elems = out->elems;
  return true;
}

static bool bypass(Graph *graph, Node *node) {
  Value *in = node->in[0], *out = node->out[0];
  if (out->is_output) return false; // an output keeps its name and its own buffer
  for (size_t i = 1; i < node->out_count; i++)
    if (node->out[i] && node->out[i]->use_count) return false;
  if (!move_measure(out, in)) return false;
  value_replace(graph, out, in);
  node_remove(graph, node);
  return true;
}

static bool same_attr(const Attr *a, const Attr *b) {
  if (strcmp(a->name, b->name) || a->type != b->type || a->count != b->count) return false;
  switch (a->type) {
  case ATTR_FLOAT: return !memcmp(&a->f, &b->f, sizeof a->f);
  case ATTR_INT: return a->i == b->i;
  case ATTR_STRING: return !memcmp(a->s, b->s, a->count);
  case ATTR_FLOATS: return !memcmp(a->floats, b->floats, a->count * sizeof *a->floats);
  case ATTR_INTS: return !memcmp(a->ints, b->ints, a->count * sizeof *a->ints);
  default: return false;
  }
}

static bool same_node(const Node *a, const Node *b) {
  if (draws_numbers(a)) return false;
  if (a->op != b->op || a->in_count != b->in_count || a->out_count != b->out_count || a->attr_count != b->attr_count)
    return false;
  for (size_t i = 0; i < a->in_count; i++)
    if (a->in[i] != b->in[i]) return false;
  for (size_t i = 0; i < a->out_count; i++)
    if (!a->out[i] != !b->out[i] || (b->out[i] && (b->out[i]->is_output || b->out[i]->measured))) return false;
  for (size_t i = 0; i < a->attr_count; i++)
    if (!same_attr(&a->attrs[i], &b->attrs[i])) return false;
  return true;
}

// An earlier node that computes the same stands among the other readers of an input.
static bool join_twin(Graph *graph, Node *node) {
  Value *in = node->in_count ? node->in[0] : NULL;
  for (size_t i = 0; in && i < in->use_count; i++) {
    Node *twin = in->uses[i];
    if (twin == node || twin->mark >= node->mark || !same_node(twin, node)) continue;
    for (size_t k = 0; k < node->out_count; k++)
      if (node->out[k]) value_replace(graph, node->out[k], twin->out[k]);
    node_remove(graph, node);
    return true;
  }
  return false;
}

// A measured result is read by whatever has its elements as dims.
static bool is_dead(const Node *node) {
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && (node->out[i]->use_count || node->out[i]->is_output || node->out[i]->measured)) return false;
  return true;
}

bool simplify(Model *model, const PassOptions *options) {
  (void)options;
  Graph *graph = model->graph;
  int position = 0;
  for (Node *node = graph->first; node; node = node->next) node->mark = position++;
  for (Node *node = graph->first, *next; node; node = next) {
    next = node->next;
    if (does_nothing(node) && bypass(graph, node)) continue;
    join_twin(graph, node);
  }
  for (Node *node = graph->last, *prev; node; node = prev) {
    prev = node->prev;
    if (is_dead(node)) node_remove(graph, node);
  }
  return true;
}
