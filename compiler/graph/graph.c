// Building and changing graphs: values, nodes, attributes.
//
// Everything lives in the model's arena; removed nodes stay there until it is freed. Each function leaves the
// graph as graph_verify wants it, so that a pass can stop after any call.
#include "compiler/graph/graph.h"
#include "compiler/ops/ops.h"
#include <assert.h>
#include <string.h>

Model *model_new(Arena *arena, Diag *diag, const char *file) {
  Model *model = NEW(arena, Model);
  *model = (Model){.arena = arena, .diag = diag, .dims = dims_new(arena), .file = file, .producer = ""};
  return model;
}

int model_opset(const Model *model, const char *domain) {
  for (size_t i = 0; i < model->opset_count; i++)
    if (strcmp(model->opsets[i].domain, domain) == 0) return model->opsets[i].version;
  return 0;
}

Graph *graph_new(Model *model, Graph *parent, const char *name) {
  Graph *graph = NEW(model->arena, Graph);
  *graph = (Graph){.model = model, .parent = parent, .name = name};
  return graph;
}

// "conv1~7": the reader renames a model's own names of this form, so that no two are the same.
static const char *invent_name(Model *model, const char *hint) {
  return arena_printf(model->arena, "%s~%d", hint ? hint : "", model->unnamed++);
}

Value *value_new(Graph *graph, const char *name) {
  Value *value = NEW(graph->model->arena, Value);
  *value = (Value){.id = graph->model->values++, .name = name ? name : invent_name(graph->model, NULL), .rank = -1};
  return value;
}

Value *value_new_typed(Graph *graph, const char *hint, DType type, int rank, const Dim *dims) {
  assert(rank <= MAX_RANK);
  Value *value = value_new(graph, invent_name(graph->model, hint));
  value->type = type;
  value->rank = rank;
  value->dims = NEW_ARRAY(graph->model->arena, Dim, rank > 0 ? (size_t)rank : 0);
  for (int i = 0; i < rank; i++) value->dims[i] = dims[i];
  return value;
}

Value *value_const(Graph *graph, const char *hint, Tensor *data) {
  Dim dims[MAX_RANK];
  for (int i = 0; i < data->rank; i++) dims[i] = dim_const(data->dims[i]);
  Value *value = value_new_typed(graph, hint, data->type, data->rank, dims);
  value->data = data;
  return value;
}

static Value *value_const_copy(Graph *graph, const char *hint, DType type, int rank, int64_t count, const void *data) {
  Arena *arena = graph->model->arena;
  int64_t bytes = dtype_bytes(type, count), *dims = NEW(arena, int64_t);
  void *copy = arena_alloc(arena, (size_t)bytes);
  if (bytes) memcpy(copy, data, (size_t)bytes);
  *dims = count;
  Tensor *tensor = NEW(arena, Tensor);
  *tensor = (Tensor){.type = type, .rank = rank, .dims = dims, .data = bytes ? copy : NULL};
  return value_const(graph, hint, tensor);
}

Value *value_const_ints(Graph *graph, const char *hint, const int64_t *ints, int64_t count) {
  return value_const_copy(graph, hint, DT_I64, 1, count, ints);
}

Value *value_const_float(Graph *graph, const char *hint, DType type, double x) {
  uint64_t bits = float_bits(type, x);
  return value_const_copy(graph, hint, type, 0, 1, &bits);
}

bool value_is_static(const Value *value) {
  if (value->rank < 0) return false;
  for (int i = 0; i < value->rank; i++)
    if (!dim_is_const(value->dims[i])) return false;
  return true;
}

bool value_is_empty(const Value *value) {
  for (int i = 0; i < value->rank; i++)
    if (dim_is(value->dims[i], 0)) return true;
  return false;
}

int64_t value_count(const Value *value) {
  assert(value_is_static(value));
  int64_t count = 1;
  for (int i = 0; i < value->rank; i++)
    if (!mul_size(count, value->dims[i].value, &count)) return -1;
  return count;
}

int64_t value_dim(const Value *value, int axis) {
  if (axis < 0) axis += value->rank;
  assert(axis >= 0 && axis < value->rank && dim_is_const(value->dims[axis]));
  return value->dims[axis].value;
}

const char *value_text(const Model *model, const Value *value) {
  static const char *const kinds[] = {
      [VALUE_SEQUENCE] = "sequence of ", [VALUE_OPTIONAL] = "optional ", [VALUE_MAP] = "map of "};
  Text text = {.arena = model->arena};
  text_printf(&text, "'%s' %s%s[", value->name, value->kind ? kinds[value->kind] : "", dtype_name(value->type));
  int rank = value->kind ? value->content ? value->content->rank : -1 : value->rank;
  if (rank < 0) text_printf(&text, "?");
  for (int i = 0; value->kind && i < rank; i++)
    text_printf(&text, value->content->dims[i] < 0 ? "%s?" : "%s%lld", i ? "," : "",
                (long long)value->content->dims[i]);
  for (int i = 0; !value->kind && i < rank; i++)
    text_printf(&text, "%s%s", i ? "," : "", dim_text(model->dims, value->dims[i]));
  text_printf(&text, "]");
  return text.data;
}

static void add_use(Model *model, Value *value, Node *node) {
  APPEND(model->arena, value->uses, value->use_count, node);
}

static void remove_use(Value *value, const Node *node) {
  for (size_t i = 0; i < value->use_count; i++)
    if (value->uses[i] == node) {
      value->uses[i] = value->uses[--value->use_count];
      return;
    }
  assert(!"a use that was not recorded");
}

static void link_node(Graph *graph, Node *node, Node *before) {
  node->prev = before ? before->prev : graph->last;
  node->next = before;
  *(before ? &before->prev : &graph->last) = node;
  *(node->prev ? &node->prev->next : &graph->first) = node;
}

static void unlink_node(Graph *graph, Node *node) {
  *(node->prev ? &node->prev->next : &graph->first) = node->next;
  *(node->next ? &node->next->prev : &graph->last) = node->prev;
  node->prev = node->next = NULL;
}

Node *node_new(Graph *graph, Node *before, const char *domain, const char *type, Value *const *in, size_t in_count,
               Value *const *out, size_t out_count) {
  Model *model = graph->model;
  int opset = NEWEST_OPSET;
  const char *op = *domain ? arena_printf(model->arena, "%s.%s", domain, type) : type;
  Node *node = NEW(model->arena, Node);
  *node = (Node){.op = op_find(domain, type, opset), .domain = domain, .type = type, .model = model};
  node->loc = (Loc){.file = model->file,
                    .graph = graph->name,
                    .index = -1,
                    .name = before ? before->loc.name : "",
                    .op = op,
                    .opset = opset};
  for (size_t i = 0; i < in_count; i++) {
    APPEND(model->arena, node->in, node->in_count, in[i]);
    if (in[i]) add_use(model, in[i], node);
  }
  for (size_t i = 0; i < out_count; i++) {
    APPEND(model->arena, node->out, node->out_count, out[i]);
    if (!out[i]) continue;
    assert(!out[i]->producer && !out[i]->data);
    out[i]->producer = node;
  }
  link_node(graph, node, before);
  return node;
}

Value *node_result(Graph *graph, Node *before, const char *type, Value *a, Value *b) {
  Value *in[2] = {a, b}, *out = value_new_typed(graph, before->out[0]->name, a->type, -1, NULL);
  return node_new(graph, before, "", type, in, b ? 2 : 1, &out, 1)->out[0];
}

void node_set_input(Node *node, size_t i, Value *value) {
  assert(i < node->in_count);
  if (node->in[i]) remove_use(node->in[i], node);
  node->in[i] = value;
  if (value) add_use(node->model, value, node);
}

void node_add_input(Node *node, Value *value) {
  APPEND(node->model->arena, node->in, node->in_count, value);
  if (value) add_use(node->model, value, node);
}

// Of the node and of every node in its subgraphs.
static void remove_uses(Node *node) {
  for (size_t i = 0; i < node->in_count; i++)
    if (node->in[i]) remove_use(node->in[i], node);
  for (size_t i = 0; i < node->attr_count; i++) {
    size_t count;
    Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
    for (size_t j = 0; j < count; j++)
      for (Node *inner = graphs[j]->first; inner; inner = inner->next) remove_uses(inner);
  }
}

void node_remove(Graph *graph, Node *node) {
  for (size_t i = 0; i < node->out_count; i++) {
    if (!node->out[i]) continue;
    assert(node->out[i]->use_count == 0);
    node->out[i]->producer = NULL;
  }
  remove_uses(node);
  unlink_node(graph, node);
}

void node_move_last(Graph *graph, Node *node) {
  unlink_node(graph, node);
  link_node(graph, node, NULL);
}

void node_settle(Graph *graph, Node *node) {
  for (size_t i = 0; i < node->out_count; i++) {
    if (node->out[i]) node->out[i]->producer = NULL;
    node->out[i] = NULL;
  }
  node_remove(graph, node);
}

void value_replace(Graph *graph, Value *old, Value *with) {
  assert(old != with);
  while (old->use_count) {
    Node *node = old->uses[old->use_count - 1];
    for (size_t i = 0; i < node->in_count; i++)
      if (node->in[i] == old) node_set_input(node, i, with);
  }
  for (size_t i = 0; i < graph->output_count; i++)
    if (graph->outputs[i] == old) {
      graph->outputs[i] = with;
      with->is_output = true;
    }
  old->is_output = false;
}

bool node_is(const Node *node, const char *domain, const char *type) {
  return strcmp(node->type, type) == 0 && strcmp(node->domain, domain) == 0;
}

const Attr *node_attr(const Node *node, const char *name) {
  for (size_t i = 0; i < node->attr_count; i++)
    if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
  return NULL;
}

static const Attr *find_attr(const Node *node, const char *name, AttrType type) {
  const Attr *attr = node_attr(node, name);
  return attr && attr->type == type ? attr : NULL;
}

int64_t node_int(const Node *node, const char *name, int64_t otherwise) {
  const Attr *attr = find_attr(node, name, ATTR_INT);
  return attr ? attr->i : otherwise;
}

double node_float(const Node *node, const char *name, double otherwise) {
  const Attr *attr = find_attr(node, name, ATTR_FLOAT);
  return attr ? attr->f : otherwise;
}

const char *node_string(const Node *node, const char *name, const char *otherwise) {
  const Attr *attr = find_attr(node, name, ATTR_STRING);
  return attr ? attr->s : otherwise;
}

const int64_t *node_ints(const Node *node, const char *name, size_t *count) {
  static const int64_t none[1];
  const Attr *attr = find_attr(node, name, ATTR_INTS);
  *count = attr ? attr->count : 0;
  return !attr ? NULL : attr->count ? attr->ints : none;
}

static void set_attr(Model *model, Node *node, Attr attr) {
  for (size_t i = 0; i < node->attr_count; i++)
    if (strcmp(node->attrs[i].name, attr.name) == 0) {
      node->attrs[i] = attr;
      return;
    }
  APPEND(model->arena, node->attrs, node->attr_count, attr);
}

void node_set_int(Model *model, Node *node, const char *name, int64_t value) {
  set_attr(model, node, (Attr){.name = name, .type = ATTR_INT, .i = value});
}

void node_set_float(Model *model, Node *node, const char *name, double value) {
  set_attr(model, node, (Attr){.name = name, .type = ATTR_FLOAT, .f = value});
}

void node_set_ints(Model *model, Node *node, const char *name, const int64_t *ints, size_t count) {
  int64_t *copy = NEW_ARRAY(model->arena, int64_t, count);
  if (count) memcpy(copy, ints, count * sizeof *ints);
  set_attr(model, node, (Attr){.name = name, .type = ATTR_INTS, .count = count, .ints = copy});
}

void node_set_string(Model *model, Node *node, const char *name, const char *value) {
  size_t length = strlen(value);
  const char *copy = arena_strndup(model->arena, value, length);
  set_attr(model, node, (Attr){.name = name, .type = ATTR_STRING, .count = length, .s = copy});
}

void node_report(const Model *model, const Node *node, const char *format, ...) {
  enum { MOST_INPUTS = 8 };
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  diag_report_at(model->diag, &node->loc, "%s", text);
  for (size_t i = 0; i < node->in_count && i < MOST_INPUTS; i++) {
    const char *name = node->op ? op_input_name(node->op, i) : NULL;
    if (node->in[i]) diag_note(model->diag, "%s %s", name ? name : "input", value_text(model, node->in[i]));
  }
  if (node->in_count > MOST_INPUTS) diag_note(model->diag, "... %zu inputs in all", node->in_count);
  Text attrs = {.arena = model->arena};
  print_attrs(node, &attrs);
  if (attrs.size) diag_note(model->diag, "%s", attrs.data);
}
