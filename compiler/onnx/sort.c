// The order of a list of nodes: makers before readers, and apart from that as in the file.
//
// A depth-first walk from each node in turn emits a node after everything it reads. A node also reads what the
// graphs in its attributes take from outside. The walk has a stack of its own: chains are as long as the model.
#include "compiler/onnx/reader.h"
#include <string.h>

// Names that graphs in attributes make for themselves, innermost first: these are no reads of the outside.
typedef struct Inner {
  Names names;
  const struct Inner *up;
} Inner;

typedef struct {
  Arena *scratch;
  const Scope *scope;
  size_t *edges; // nodes that are read, of one node after the other
  size_t edge_count;
} Sorter;

static void add_name(Sorter *s, const char *name, const Inner *inner) {
  for (; inner; inner = inner->up)
    if (names_find(&inner->names, name)) return;
  const Slot *slot = names_find(&s->scope->slots, name);
  if (slot && slot->producer >= 0) APPEND(s->scratch, s->edges, s->edge_count, (size_t)slot->producer);
}

static void add_graph(Sorter *s, const GraphProto *graph, const Inner *up);

static void add_node(Sorter *s, const NodeProto *node, const Inner *inner) {
  for (size_t i = 0; i < node->n_input; i++) add_name(s, node->input[i], inner);
  for (size_t i = 0; i < node->n_attribute; i++) {
    const AttributeProto *attr = node->attribute[i];
    if (attr->g) add_graph(s, attr->g, inner);
    for (size_t j = 0; j < attr->n_graphs; j++) add_graph(s, attr->graphs[j], inner);
  }
}

static void hide(Sorter *s, Inner *inner, const char *name) {
  if (name && *name) names_add(s->scratch, &inner->names, name, s);
}

static void add_graph(Sorter *s, const GraphProto *graph, const Inner *up) {
  Inner inner = {.up = up};
  for (size_t i = 0; i < graph->n_input; i++) hide(s, &inner, graph->input[i]->name);
  for (size_t i = 0; i < graph->n_initializer; i++) hide(s, &inner, graph->initializer[i]->name);
  for (size_t i = 0; i < graph->n_sparse_initializer; i++)
    if (graph->sparse_initializer[i]->values) hide(s, &inner, graph->sparse_initializer[i]->values->name);
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t j = 0; j < graph->node[i]->n_output; j++) hide(s, &inner, graph->node[i]->output[j]);
  for (size_t i = 0; i < graph->n_node; i++) add_node(s, graph->node[i], &inner);
  for (size_t i = 0; i < graph->n_output; i++)
    if (graph->output[i]->name) add_name(s, graph->output[i]->name, &inner);
}

// The nodes from the first place of `last` on the stack to its top.
static bool cycle_error(Reader *r, const Scope *scope, NodeProto *const *nodes, const size_t *stack, size_t depth,
                        size_t last) {
  enum { MOST = 8 };
  Text text = {.arena = r->arena};
  size_t start = depth - 1;
  while (stack[start] != last) start--;
  for (size_t i = start; i < depth && i < start + MOST; i++) {
    const NodeProto *node = nodes[stack[i]];
    const char *name = text_or_empty(node->name);
    text_printf(&text, *name ? "%s#%zu '%s' (%s)" : "%s#%zu%s (%s)", i > start ? ", " : "", stack[i], name,
                text_or_empty(node->op_type));
  }
  if (depth > start + MOST) text_printf(&text, ", ... %zu in all", depth - start);
  bool is_main = strcmp(scope->path, "main") == 0;
  return diag_error(r->diag, r->file, "%s%snodes form a cycle, each reading what the next one makes: %s",
                    is_main ? "" : scope->path, is_main ? "" : ": ", text.data);
}

bool sort_nodes(Reader *r, const Scope *scope, NodeProto *const *nodes, size_t count, size_t *order) {
  Sorter s = {.scratch = arena_new(), .scope = scope};
  // next[i]: the edge that the walk takes next from node i; first[i + 1] is where its edges end.
  size_t *first = NEW_ARRAY(s.scratch, size_t, count + 1), *next = NEW_ARRAY(s.scratch, size_t, count);
  size_t *stack = NEW_ARRAY(s.scratch, size_t, count);
  enum { NEW_NODE, ON_STACK, DONE } *state = arena_alloc_array(s.scratch, count, sizeof *state);
  for (size_t i = 0; i < count; i++) {
    first[i] = next[i] = s.edge_count;
    add_node(&s, nodes[i], NULL);
  }
  first[count] = s.edge_count;
  bool good = true;
  size_t done = 0, depth = 0;
  for (size_t root = 0; root < count && good; root++) {
    if (state[root] != NEW_NODE) continue;
    stack[depth++] = root;
    state[root] = ON_STACK;
    while (depth && good) {
      size_t node = stack[depth - 1];
      if (next[node] == first[node + 1]) {
        state[node] = DONE;
        order[done++] = node;
        depth--;
        continue;
      }
      size_t read = s.edges[next[node]++];
      if (state[read] == ON_STACK) good = cycle_error(r, scope, nodes, stack, depth, read);
      if (state[read] != NEW_NODE) continue;
      stack[depth++] = read;
      state[read] = ON_STACK;
    }
  }
  arena_free(s.scratch);
  return good;
}
