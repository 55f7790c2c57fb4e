// How expansions are run, and the pieces that they are written with.
#include "compiler/ops/expand.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* running */

static bool is_read(const Value *value) { return value && (value->use_count || value->is_output); }

// Whether the value is a result that this expansion made and that is no output of the node yet.
static bool is_fresh(const Expansion *e, const Value *value) { return value->id >= e->first && value->producer; }

// The result takes the place of the node's output, whose name it gets.
static void settle_result(Expansion *e, size_t i) {
  Value *out = e->node->out[i], *value = e->results[i];
  if (!is_fresh(e, value)) value = IDENTITY(e, value);
  Node *maker = value->producer;
  e->node->out[i] = NULL;
  for (size_t k = 0; k < maker->out_count; k++)
    if (maker->out[k] == value) maker->out[k] = out;
  out->producer = maker;
  value->producer = NULL;
  value_replace(e->graph, value, out);
  for (size_t k = i + 1; k < e->node->out_count; k++)
    if (e->results[k] == value) e->results[k] = out;
}

bool expand_node(Graph *graph, Node *node, bool *replaced) {
  Model *model = graph->model;
  const Node *before = node->prev;
  for (size_t i = 1; i < node->out_count; i++) { // what nobody reads costs nothing
    if (!node->out[i] || is_read(node->out[i])) continue;
    node->out[i]->producer = NULL;
    node->out[i] = NULL;
  }
  Expansion e = {model, graph, node, node, model->values, NEW_ARRAY(model->arena, Value *, node->out_count)};
  if (!node->op->expand(&e, node)) { // it may be asked again when more is known
    while (node->prev != before) node_remove(graph, node->prev);
    return false;
  }
  bool made = node->prev != before;
  for (size_t i = 0; i < node->out_count; i++) made = made || e.results[i];
  if (node->op->infer && !made) return true; // the other rules hold
  for (size_t i = 0; i < node->out_count; i++) {
    if (node->out[i] && e.results[i]) settle_result(&e, i);
    if (is_read(node->out[i])) return node_error(model, node, "output %zu is not supported", i);
  }
  node_remove(graph, node);
  return *replaced = true;
}

bool expand_done(Expansion *e, size_t i, Value *value) {
  if (node_has_out(e->node, i)) e->results[i] = value;
  return true;
}

/* nodes */

// The type of a result where it is not that of the first input.
static DType result_type(const char *type, Value *const *in, size_t count) {
  static const struct {
    const char *type;
    DType result;
  } others[] = {{"Equal", DT_BOOL}, {"Less", DT_BOOL},  {"LessOrEqual", DT_BOOL}, {"Greater", DT_BOOL},
                {"Not", DT_BOOL},   {"Shape", DT_I64},  {"ArgMax", DT_I64},       {"GreaterOrEqual", DT_BOOL},
                {"IsNaN", DT_BOOL}, {"IsInf", DT_BOOL}, {"MatMulInteger", DT_I32}};
  for (size_t i = 0; i < COUNT(others); i++)
    if (!strcmp(others[i].type, type)) return others[i].result;
  return count > 1 && !strcmp(type, "Where") ? in[1]->type : in[0]->type;
}

Value *expand_make(Expansion *e, const char *type, size_t count, Value *const *in) {
  return expand_make_in(e, "", type, count, in);
}

Value *expand_make_in(Expansion *e, const char *domain, const char *type, size_t count, Value *const *in) {
  Value *out = value_new_typed(e->graph, e->node->loc.name, result_type(type, in, count), -1, NULL);
  Node *node = node_new(e->graph, e->before, domain, type, in, count, &out, 1);
  const char *op = node->loc.op;
  node->loc = e->node->loc; // where the user finds it
  node->loc.op = op;
  node->loc.opset = NEWEST_OPSET;
  return out;
}

Value *with_int(Value *value, const char *name, int64_t i) {
  node_set_int(value->producer->model, value->producer, name, i);
  return value;
}

Value *with_float(Value *value, const char *name, double x) {
  node_set_float(value->producer->model, value->producer, name, x);
  return value;
}

Value *with_string(Value *value, const char *name, const char *text) {
  node_set_string(value->producer->model, value->producer, name, text);
  return value;
}

Value *with_ints(Value *value, const char *name, size_t count, const int64_t *ints) {
  node_set_ints(value->producer->model, value->producer, name, ints, count);
  return value;
}

Value *with_same(Expansion *e, Value *value, const char *name) {
  const Attr *attr = node_attr(e->node, name);
  Node *node = value->producer;
  if (attr) APPEND(e->model->arena, node->attrs, node->attr_count, *attr);
  return value;
}

Value *more_results(Expansion *e, Value *value, size_t i) {
  Node *node = value->producer;
  while (node->out_count <= i) {
    Value *out = value_new_typed(e->graph, e->node->loc.name, value->type, -1, NULL);
    APPEND(e->model->arena, node->out, node->out_count, out);
    out->producer = node;
  }
  return node->out[i];
}

/* constants */

static Value *constant(Expansion *e, DType type, int rank, const int64_t *dims, const void *data) {
  Tensor *tensor = NEW(e->model->arena, Tensor);
  int64_t *copy = NEW_ARRAY(e->model->arena, int64_t, (size_t)rank);
  if (rank) memcpy(copy, dims, (size_t)rank * sizeof *dims);
  *tensor = (Tensor){.type = type, .rank = rank, .dims = copy, .data = data};
  if (!tensor_count(tensor)) tensor->data = NULL;
  return value_const(e->graph, e->node->loc.name, tensor);
}

Value *expand_tensor(Expansion *e, DType type, int rank, const int64_t *dims, const double *x) {
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dims[i];
  size_t bytes = (size_t)dtype_bits(type) / 8;
  char *data = arena_alloc(e->model->arena, (size_t)count * bytes);
  for (int64_t i = 0; i < count; i++) {
    int64_t whole = dtype_is_float(type) ? 0 : (int64_t)floor(x[i]);
    uint64_t bits = dtype_is_float(type) ? float_bits(type, x[i]) : (uint64_t)whole;
    memcpy(data + (size_t)i * bytes, &bits, bytes); // little-endian
  }
  return constant(e, type, rank, dims, data);
}

Value *expand_scalar(Expansion *e, DType type, double x) { return expand_tensor(e, type, 0, NULL, &x); }

Value *expand_ints(Expansion *e, size_t count, const int64_t *ints) {
  return value_const_ints(e->graph, e->node->loc.name, ints, (int64_t)count);
}

/* shapes */

Value *expand_shape(Expansion *e, Value *x, int64_t from, int64_t to) {
  return with_int(with_int(MAKE(e, "Shape", x), "start", from), "end", to);
}

Value *expand_transpose(Expansion *e, Value *x, size_t count, const int64_t *perm) {
  return with_ints(MAKE(e, "Transpose", x), "perm", count, perm);
}

Value *expand_cast(Expansion *e, Value *x, DType type) {
  if (x->type == type) return x;
  Value *out = with_int(MAKE(e, "Cast", x), "to", type);
  out->type = type;
  return out;
}

Value *expand_slice(Expansion *e, Value *x, int axis, int64_t from, int64_t to, int64_t step) {
  return MAKE(e, "Slice", x, INT(e, from), INT(e, to), INT(e, axis), INT(e, step));
}

Value *expand_reduce(Expansion *e, const char *type, Value *x, size_t count, const int64_t *axes) {
  return with_int(MAKE(e, type, x, count ? expand_ints(e, count, axes) : NULL), "keepdims", 1);
}

Value *expand_sum_all(Expansion *e, Value *x) { return with_int(MAKE(e, "ReduceSum", x), "keepdims", 0); }

Value *expand_size(Expansion *e, Dim dim, Value *x, int axis) {
  return dim_is_const(dim) ? INT(e, dim.value) : DIM(e, x, axis);
}

Value *expand_range(Expansion *e, Value *n) {
  enum { MOST = 1 << 20 };
  int64_t count = n->data ? tensor_int(n->data, 0) : -1;
  if (count >= 0 && count <= MOST) {
    int64_t *ints = NEW_ARRAY(e->model->arena, int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) ints[i] = i;
    return expand_ints(e, (size_t)count, ints);
  }
  Value *limit = RESHAPE(e, n, -1);
  return MAKE(e, "Range", expand_scalar(e, DT_I64, 0), SQUEEZE(e, limit, 0), expand_scalar(e, DT_I64, 1));
}

Value *expand_channels(Expansion *e, Value *vector, int rank) {
  int64_t dims[MAX_RANK] = {-1};
  if (rank < 3) return vector;
  for (int i = 1; i < rank - 1; i++) dims[i] = 1;
  return MAKE(e, "Reshape", vector, expand_ints(e, (size_t)rank - 1, dims));
}

Value *expand_inline(Expansion *e, Graph *body, Value *const *in) {
  for (Node *node = body->first, *next; node; node = next) {
    next = node->next;
    node->prev = e->node->prev;
    node->next = e->node;
    *(node->prev ? &node->prev->next : &e->graph->first) = node;
    e->node->prev = node;
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t k = 0; k < count; k++) graphs[k]->parent = e->graph;
    }
  }
  body->first = body->last = NULL;
  for (size_t i = 0; i < body->output_count; i++) body->outputs[i]->is_output = false;
  for (size_t i = 0; i < body->input_count; i++) {
    for (size_t k = 0; k < body->output_count; k++)
      if (body->outputs[k] == body->inputs[i]) body->outputs[k] = in[i];
    value_replace(e->graph, body->inputs[i], in[i]);
  }
  return body->outputs[0];
}

Expansion expand_body(Expansion *e, const char *name) {
  Expansion body = *e;
  body.graph = graph_new(e->model, e->graph, arena_printf(e->model->arena, "%s/%s", e->graph->name, name));
  body.before = NULL;
  return body;
}

Value *expand_body_input(Expansion *body, DType type) {
  Value *value = value_new_typed(body->graph, body->node->loc.name, type, -1, NULL);
  APPEND(body->model->arena, body->graph->inputs, body->graph->input_count, value);
  return value;
}

void expand_body_output(Expansion *body, Value *value) {
  Graph *graph = body->graph;
  if (value->is_output || !value->producer) value = IDENTITY(body, value); // each output is a value of its own
  value->is_output = true;
  size_t count = graph->output_count;
  APPEND(body->model->arena, graph->output_names, count, value->name);
  APPEND(body->model->arena, graph->outputs, graph->output_count, value);
}

void expand_set_body(Expansion *e, Value *scan, const Expansion *body) {
  Node *node = scan->producer;
  APPEND(e->model->arena, node->attrs, node->attr_count,
         ((Attr){.name = "body", .type = ATTR_GRAPH, .g = body->graph}));
}

/* what the node says */

bool expand_axis(Expansion *e, const char *name, int64_t otherwise, int rank, int *axis) {
  return need_axis(e->model, e->node, node_int(e->node, name, otherwise), rank, axis);
}

bool expand_const_dim(Expansion *e, size_t input, int axis, int64_t *out) {
  const Value *value = e->node->in[input];
  Dim dim = value->dims[axis];
  *out = dim.value;
  return dim_is_const(dim) || node_error(e->model, e->node, "dim %d of input '%s' must be known when compiling", axis,
                                         op_input_name(e->node->op, input));
}

bool expand_int_input(Expansion *e, size_t input, int64_t otherwise, int64_t *out) {
  int64_t count;
  *out = otherwise;
  if (!node_in(e->node, input)) return true;
  const int64_t *ints = need_ints(e->model, e->node, input, &count);
  if (!ints) return false;
  if (count != 1)
    return node_error(e->model, e->node, "input '%s' has %lld elements, not one", op_input_name(e->node->op, input),
                      (long long)count);
  return *out = ints[0], true;
}
