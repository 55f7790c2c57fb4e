// GraphProto → Graph: names become values, nodes are put in order, calls of functions are replaced.
//
// All values of a graph are made before its first node is read, so that nodes may stand in any order in the file and
// every name is known to be made once. Names are unique in the whole model: a subgraph's or function's name that is
// taken is changed; names of the main graph never are, because they are the model's interface.
#include "compiler/onnx/reader.h"
#include "compiler/ops/ops.h"
#include <string.h>

// What stands in Slot.producer for values that no node of the list makes.
enum { FROM_INPUT = -1, FROM_INITIALISER = -2 };

// Passes name their values "hint~NUMBER" and count on. The number of a name of this form, or -1.
static int64_t number_of(const char *name) {
  const char *tilde = strrchr(name, '~');
  if (!tilde || !tilde[1] || strspn(tilde + 1, "0123456789") != strlen(tilde + 1)) return -1;
  int64_t number = 0;
  for (const char *c = tilde + 1; *c && number < MAX_OWN_NUMBER; c++) number = number * 10 + (*c - '0');
  return number;
}

const char *take_name(Reader *r, const char *name) {
  if (number_of(name) >= r->model->unnamed) r->model->unnamed = (int)number_of(name) + 1;
  const char *taken = name;
  while (!names_add(r->arena, &r->values, taken, r)) taken = arena_printf(r->arena, "%s~%d", name, r->model->unnamed++);
  return taken;
}

bool find_value(const Scope *scope, const char *name, Value **out) {
  for (; scope; scope = scope->parent) {
    const Slot *slot = names_find(&scope->slots, name);
    if (!slot) continue;
    *out = slot->value;
    return true;
  }
  return false;
}

void set_constant(Reader *r, Value *value, Tensor *tensor) {
  value->data = tensor;
  value->kind = VALUE_TENSOR;
  value->type = tensor->type;
  value->rank = tensor->rank;
  value->dims = NEW_ARRAY(r->arena, Dim, (size_t)tensor->rank);
  for (int i = 0; i < tensor->rank; i++) value->dims[i] = dim_const(tensor->dims[i]);
}

static Value *new_value(Reader *r, const Scope *scope, const char *name) {
  // Cut, because the text is made again for each call.
  if (scope->call) name = arena_printf(r->arena, "%.64s/%.128s", scope->label, name);
  return value_new(scope->graph, take_name(r, name));
}

// "main" goes without saying.
static const char *place_of(const Reader *r, const Scope *scope) {
  return strcmp(scope->path, "main") == 0 ? "" : arena_printf(r->arena, "%s: ", scope->path);
}

// Makes a name stand for a value. `value` NULL: a new one. NULL after an error.
static Value *declare(Reader *r, Scope *scope, const char *name, int producer, Value *value) {
  if (!*name) {
    diag_error(r->diag, r->file, "%san input or initialiser has no name", place_of(r, scope));
    return NULL;
  }
  if (number_of(name) >= MAX_OWN_NUMBER) {
    diag_error(r->diag, r->file, "%svalue '%s' has a name of the form that is kept for the compiler's own values",
               place_of(r, scope), name);
    return NULL;
  }
  if (names_find(&scope->slots, name)) {
    diag_error(r->diag, r->file, "%svalue '%s' is made twice%s", place_of(r, scope), name,
               producer < 0 ? "" : arena_printf(r->arena, ", the second time by node #%d", producer));
    return NULL;
  }
  Slot *slot = NEW(r->arena, Slot);
  *slot = (Slot){value ? value : new_value(r, scope, name), producer};
  names_add(r->arena, &scope->slots, name, slot);
  return slot->value;
}

static bool read_initialisers(Reader *r, const GraphProto *proto, Scope *scope) {
  bool good = true;
  for (size_t i = 0; i < proto->n_initializer + proto->n_sparse_initializer && !is_full(r); i++) {
    bool dense = i < proto->n_initializer;
    const SparseTensorProto *sparse = dense ? NULL : proto->sparse_initializer[i - proto->n_initializer];
    const TensorProto *named = dense ? proto->initializer[i] : sparse->values;
    Tensor *tensor = dense ? read_tensor(r, named, NULL) : read_sparse_tensor(r, sparse, NULL);
    // The name is declared even when its data is bad, so that its readers are not reported too.
    Value *value = declare(r, scope, named ? text_or_empty(named->name) : "", FROM_INITIALISER, NULL);
    if (tensor && value) set_constant(r, value, tensor);
    good &= tensor && value;
  }
  return good;
}

static Slot *own_slot(const Scope *scope, const char *name) { return names_find(&scope->slots, text_or_empty(name)); }

// An input that has an initialiser is a constant: it could only be changed by a caller, and an executable has none.
// Dims are read for the main graph alone: those of a subgraph's inputs follow from the node that runs it.
static bool read_inputs(Reader *r, const GraphProto *proto, Scope *scope) {
  bool good = true, is_main = !scope->parent;
  for (size_t i = 0; is_main && i < proto->n_input; i++) note_symbols(r, proto->input[i]->type);
  for (size_t i = 0; i < proto->n_input && !is_full(r); i++) {
    const ValueInfoProto *info = proto->input[i];
    const Slot *constant = own_slot(scope, info->name);
    if (constant && constant->producer == FROM_INITIALISER) continue;
    Value *value = declare(r, scope, text_or_empty(info->name), FROM_INPUT, NULL);
    if (value && read_type(r, info->type, value, is_main, "input"))
      APPEND(r->arena, scope->graph->inputs, scope->graph->input_count, value);
    else
      good = false;
  }
  return good;
}

// What the file says about values that nodes make: their element types. Dims are left to shape inference.
static bool read_value_info(Reader *r, Scope *scope, ValueInfoProto *const *infos, size_t count) {
  bool good = true;
  for (size_t i = 0; i < count && !is_full(r); i++) {
    const Slot *slot = own_slot(scope, infos[i]->name);
    if (slot && slot->producer >= 0) good &= read_type(r, infos[i]->type, slot->value, false, "value");
  }
  return good;
}

static int opset_of(const Reader *r, const Scope *scope, const char *domain) {
  const FunctionProto *function = scope->call ? scope->call->function : NULL;
  for (size_t i = 0; function && i < function->n_opset_import; i++)
    if (strcmp(plain_domain(function->opset_import[i]->domain), domain) == 0)
      return (int)function->opset_import[i]->version;
  return model_opset(r->model, domain);
}

static Loc loc_of(const Reader *r, const Scope *scope, const NodeProto *proto, size_t index) {
  const char *domain = plain_domain(proto->domain), *type = text_or_empty(proto->op_type);
  int opset = opset_of(r, scope, domain);
  return (Loc){.file = r->file,
               .graph = scope->path,
               .index = (int)index,
               .name = text_or_empty(proto->name),
               .op = *domain ? arena_printf(r->arena, "%s.%s", domain, type) : type,
               .opset = opset ? opset : 1}; // a custom domain may go without an import
}

static bool read_node(Reader *r, Scope *scope, const NodeProto *proto, size_t index) {
  Loc loc = loc_of(r, scope, proto, index);
  const char *domain = plain_domain(proto->domain), *type = text_or_empty(proto->op_type);
  if (!*type) return diag_error_at(r->diag, &loc, "has no operator");
  Function *function = find_function(r, proto);
  if (function) return inline_function(r, scope, proto, &loc, function);
  if (!*domain && !opset_of(r, scope, domain))
    return diag_error_at(r->diag, &loc, "the model imports no opset of the domain ai.onnx");

  bool good = true;
  Value **in = NULL, **out = NULL;
  size_t in_count = 0, out_count = 0;
  for (size_t i = 0; i < proto->n_input; i++) {
    Value *value = NULL;
    if (*proto->input[i] && !find_value(scope, proto->input[i], &value))
      good = diag_error_at(r->diag, &loc, "input '%s' is made by nothing in the graph", proto->input[i]);
    APPEND(r->arena, in, in_count, value);
  }
  for (size_t i = 0; i < proto->n_output; i++) {
    const Slot *slot = *proto->output[i] ? own_slot(scope, proto->output[i]) : NULL;
    APPEND(r->arena, out, out_count, slot ? slot->value : NULL);
  }
  if (!*domain && strcmp(type, "Constant") == 0) {
    if (out_count != 1 || !out[0]) return diag_error_at(r->diag, &loc, "has %zu outputs, not one", out_count);
    return read_constant(r, proto, scope, &loc, out[0]);
  }
  Node *node = node_new(scope->graph, NULL, domain, type, in, in_count, out, out_count);
  node->loc = loc;
  node->op = op_find(domain, type, loc.opset);
  return read_attrs(r, proto, scope, node) && good;
}

static bool declare_outputs(Reader *r, Scope *scope, NodeProto *const *nodes, size_t count, const Names *bound) {
  bool good = true;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < nodes[i]->n_output && !is_full(r); j++) {
      const char *name = nodes[i]->output[j];
      if (*name && !declare(r, scope, name, (int)i, bound ? names_find(bound, name) : NULL)) good = false;
    }
  return good;
}

static bool read_sorted(Reader *r, Scope *scope, NodeProto *const *nodes, size_t count) {
  size_t *order = NEW_ARRAY(r->arena, size_t, count);
  if (!sort_nodes(r, scope, nodes, count, order)) return false;
  bool good = true;
  for (size_t i = 0; i < count && !is_full(r); i++) good &= read_node(r, scope, nodes[order[i]], order[i]);
  return good;
}

size_t cost_of_nodes(NodeProto *const *nodes, size_t count) {
  enum { TEXT_PER_ITEM = 64 };
  size_t cost = count;
  for (size_t i = 0; i < count; i++) {
    const NodeProto *node = nodes[i];
    cost += node->n_input + node->n_output + node->n_attribute;
    cost += (strlen(text_or_empty(node->domain)) + strlen(text_or_empty(node->op_type))) / TEXT_PER_ITEM;
    for (size_t j = 0; j < node->n_attribute; j++) cost += node->attribute[j]->n_floats + node->attribute[j]->n_strings;
  }
  return cost;
}

bool count_expansion(Reader *r, const Call *call, size_t cost) {
  if (!call) return true;
  if (cost <= (size_t)(MAX_EXPANSION - r->expansion)) {
    r->expansion += (int64_t)cost;
    return true;
  }
  r->expansion = MAX_EXPANSION;
  return diag_error(r->diag, r->file, "functions grow too large when each call is replaced by the function's body");
}

bool read_nodes(Reader *r, Scope *scope, NodeProto *const *nodes, size_t count, const Names *bound) {
  return declare_outputs(r, scope, nodes, count, bound) && read_sorted(r, scope, nodes, count);
}

// A graph's output is a value of that graph: one from outside is copied.
static Value *copy_outer(Reader *r, Scope *scope, Value *outer, const char *name) {
  Value *copy = new_value(r, scope, name);
  copy->type = outer->type;
  copy->kind = outer->kind;
  node_new(scope->graph, NULL, "", "Identity", &outer, 1, &copy, 1);
  return copy;
}

static bool read_outputs(Reader *r, const GraphProto *proto, Scope *scope) {
  Graph *graph = scope->graph;
  bool good = true, is_main = !scope->parent;
  Names seen = {0};
  for (size_t i = 0; i < proto->n_output && !is_full(r); i++) {
    const char *name = text_or_empty(proto->output[i]->name);
    Value *value = NULL;
    if (!find_value(scope, name, &value) || !value)
      good = diag_error(r->diag, r->file, "%soutput '%s' is made by nothing in the graph", place_of(r, scope), name);
    else if (is_main && !names_add(r->arena, &seen, name, value))
      good = diag_error(r->diag, r->file, "output '%s' is listed twice", name);
    if (!value) continue;
    if (!own_slot(scope, name)) value = copy_outer(r, scope, value, name);
    value->is_output = true;
    size_t names = graph->output_count;
    APPEND(r->arena, graph->output_names, names, name);
    APPEND(r->arena, graph->outputs, graph->output_count, value);
  }
  return good;
}

Graph *read_graph(Reader *r, const GraphProto *proto, Scope *parent, const char *path) {
  Scope scope = {.parent = parent, .path = path};
  if (parent) {
    scope.call = parent->call;
    scope.label = parent->label;
  }
  size_t cost = proto->n_initializer + proto->n_sparse_initializer + proto->n_input + proto->n_output +
                proto->n_value_info + cost_of_nodes(proto->node, proto->n_node);
  if (!count_expansion(r, scope.call, cost)) return NULL;
  scope.graph = graph_new(r->model, parent ? parent->graph : NULL, path);
  bool good = read_initialisers(r, proto, &scope);
  good &= read_inputs(r, proto, &scope);
  good &= declare_outputs(r, &scope, proto->node, proto->n_node, NULL);
  if (good) {
    good &= read_value_info(r, &scope, proto->value_info, proto->n_value_info);
    good &= read_value_info(r, &scope, proto->output, proto->n_output);
  }
  // A name that is made twice makes the order of nodes a guess: what they read is not looked at then.
  good = good && read_sorted(r, &scope, proto->node, proto->n_node);
  if (good) good = read_outputs(r, proto, &scope);
  return good ? scope.graph : NULL;
}
