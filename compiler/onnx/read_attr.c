// AttributeProto → Attr, and the constants that Constant nodes hold.
#include "compiler/onnx/reader.h"
#include <string.h>

// ONNX's types that no Attr has.
enum { SPARSE_TENSOR = 11, SPARSE_TENSORS = 12, TYPE_PROTO = 13, TYPE_PROTOS = 14 };

Argument resolve_attr(const AttributeProto *proto, Scope *scope) {
  const char *reference = text_or_empty(proto->ref_attr_name);
  if (!*reference) return (Argument){proto, scope};
  Argument *argument = scope->call ? names_find(&scope->call->arguments, reference) : NULL;
  return argument ? *argument : (Argument){NULL, NULL};
}

static const char *copy_bytes(Reader *r, ProtobufCBinaryData bytes) {
  return arena_strndup(r->arena, (const char *)bytes.data, bytes.len);
}

static bool read_strings(Reader *r, const AttributeProto *proto, Attr *attr) {
  attr->strings = NEW_ARRAY(r->arena, const char *, proto->n_strings);
  for (size_t i = 0; i < proto->n_strings; i++) attr->strings[i] = copy_bytes(r, proto->strings[i]);
  attr->count = proto->n_strings;
  return true;
}

static bool read_floats(Reader *r, const AttributeProto *proto, Attr *attr) {
  attr->floats = NEW_ARRAY(r->arena, double, proto->n_floats);
  for (size_t i = 0; i < proto->n_floats; i++) attr->floats[i] = (double)proto->floats[i];
  attr->count = proto->n_floats;
  return true;
}

static bool read_tensors(Reader *r, const AttributeProto *proto, const Loc *loc, Attr *attr) {
  attr->tensors = NEW_ARRAY(r->arena, Tensor *, proto->n_tensors);
  for (size_t i = 0; i < proto->n_tensors; i++)
    if (!(attr->tensors[i] = read_tensor(r, proto->tensors[i], loc))) return false;
  attr->count = proto->n_tensors;
  return true;
}

// "main/if_3/then_branch". A node without a name is called by its operator.
static const char *subgraph_path(Reader *r, const Loc *loc, const char *attr) {
  if (*loc->name) return arena_printf(r->arena, "%s/%s/%s", loc->graph, loc->name, attr);
  return arena_printf(r->arena, "%s/%s_%d/%s", loc->graph, loc->op, loc->index, attr);
}

static bool read_graphs(Reader *r, const AttributeProto *proto, Scope *scope, const Loc *loc, Attr *attr) {
  attr->graphs = NEW_ARRAY(r->arena, Graph *, proto->n_graphs);
  for (size_t i = 0; i < proto->n_graphs; i++) {
    const char *path = arena_printf(r->arena, "%s_%zu", subgraph_path(r, loc, attr->name), i);
    if (!(attr->graphs[i] = read_graph(r, proto->graphs[i], scope, path))) return false;
  }
  attr->count = proto->n_graphs;
  return true;
}

// A scalar that is not in the file is 0 or "": writers of proto3 leave those out.
static bool read_attr(Reader *r, Argument argument, const Loc *loc, Attr *attr) {
  const AttributeProto *proto = argument.proto;
  switch ((int)attr->type) {
  case ATTR_FLOAT: attr->f = (double)proto->f; return true;
  case ATTR_INT: attr->i = proto->i; return true;
  case ATTR_STRING:
    attr->s = copy_bytes(r, proto->s);
    attr->count = proto->s.len;
    return true;
  case ATTR_FLOATS: return read_floats(r, proto, attr);
  case ATTR_INTS:
    attr->ints = proto->ints;
    attr->count = proto->n_ints;
    return true;
  case ATTR_STRINGS: return read_strings(r, proto, attr);
  case ATTR_TENSORS: return read_tensors(r, proto, loc, attr);
  case ATTR_GRAPHS: return read_graphs(r, proto, argument.scope, loc, attr);
  case ATTR_TENSOR:
    if (!proto->t) return diag_error_at(r->diag, loc, "attribute '%s' holds no tensor", attr->name);
    return (attr->t = read_tensor(r, proto->t, loc));
  case ATTR_GRAPH:
    if (!proto->g) return diag_error_at(r->diag, loc, "attribute '%s' holds no graph", attr->name);
    return (attr->g = read_graph(r, proto->g, argument.scope, subgraph_path(r, loc, attr->name)));
  case SPARSE_TENSOR:
    if (!proto->sparse_tensor) return diag_error_at(r->diag, loc, "attribute '%s' holds no tensor", attr->name);
    attr->type = ATTR_TENSOR;
    return (attr->t = read_sparse_tensor(r, proto->sparse_tensor, loc));
  case SPARSE_TENSORS:
  case TYPE_PROTOS:
    return diag_error_at(r->diag, loc, "attribute '%s' is a list of sparse tensors or types, which no operator takes",
                         attr->name);
  case DT_UNDEFINED: return diag_error_at(r->diag, loc, "attribute '%s' has no type", attr->name);
  default: return diag_error_at(r->diag, loc, "attribute '%s' has the unknown type %d", attr->name, (int)attr->type);
  }
}

// The attribute as the node sees it: absent (type 0, true) when it refers to one that the caller did not give.
static bool start_attr(Reader *r, const AttributeProto *proto, Scope *scope, const Loc *loc, Attr *attr,
                       Argument *argument) {
  *attr = (Attr){.name = text_or_empty(proto->name)};
  *argument = resolve_attr(proto, scope);
  if (*text_or_empty(proto->ref_attr_name) && !scope->call)
    return diag_error_at(r->diag, loc, "attribute '%s' refers to '%s' outside of a function", attr->name,
                         proto->ref_attr_name);
  if (!argument->proto) return true;
  attr->type = (AttrType)argument->proto->type;
  if (proto->type && proto->type != argument->proto->type)
    return diag_error_at(r->diag, loc, "attribute '%s' has type %d where the function takes type %d",
                         text_or_empty(argument->proto->name), argument->proto->type, proto->type);
  return true;
}

bool read_attrs(Reader *r, const NodeProto *proto, Scope *scope, Node *node) {
  bool good = true;
  for (size_t i = 0; i < proto->n_attribute && !is_full(r); i++) {
    Argument argument;
    Attr attr;
    if (!start_attr(r, proto->attribute[i], scope, &node->loc, &attr, &argument)) {
      good = false;
    } else if (!argument.proto) {
      continue;
    } else if (node_attr(node, attr.name)) {
      good = diag_error_at(r->diag, &node->loc, "attribute '%s' is given twice", attr.name);
    } else if ((int)attr.type == TYPE_PROTO) {
      // Only Optional takes a type, and it says what its output is: there it is kept.
      Value *out = node_out(node, 0);
      if (out) good &= read_type(r, argument.proto->tp, out, false, "value");
    } else if (!read_attr(r, argument, &node->loc, &attr)) {
      good = false;
    } else {
      APPEND(r->arena, node->attrs, node->attr_count, attr);
    }
  }
  return good;
}

static Tensor *new_tensor(Reader *r, DType type, int rank, size_t count, const void *data) {
  Tensor *tensor = NEW(r->arena, Tensor);
  int64_t *dims = NEW(r->arena, int64_t);
  *dims = (int64_t)count;
  *tensor = (Tensor){.type = type, .rank = rank, .dims = dims};
  if (type == DT_STRING)
    tensor->strings = data;
  else
    tensor->data = count ? data : NULL;
  return tensor;
}

// The tensor that one attribute of a Constant stands for.
static Tensor *constant_of(Reader *r, Argument argument, const Loc *loc, Attr *attr) {
  const AttributeProto *proto = argument.proto;
  float *f = NEW(r->arena, float);
  int64_t *i = NEW(r->arena, int64_t);
  const char **s = NEW(r->arena, const char *);
  *f = proto->f;
  *i = proto->i;
  switch ((int)attr->type) {
  case ATTR_FLOAT: return new_tensor(r, DT_F32, 0, 1, f);
  case ATTR_FLOATS: return new_tensor(r, DT_F32, 1, proto->n_floats, proto->floats);
  case ATTR_INT: return new_tensor(r, DT_I64, 0, 1, i);
  case ATTR_INTS: return new_tensor(r, DT_I64, 1, proto->n_ints, proto->ints);
  case ATTR_STRING: *s = copy_bytes(r, proto->s); return new_tensor(r, DT_STRING, 0, 1, s);
  case ATTR_STRINGS: read_strings(r, proto, attr); return new_tensor(r, DT_STRING, 1, attr->count, attr->strings);
  case ATTR_TENSOR:
  case SPARSE_TENSOR: return read_attr(r, argument, loc, attr) ? attr->t : NULL;
  default: diag_error_at(r->diag, loc, "attribute '%s' is no constant", attr->name); return NULL;
  }
}

bool read_constant(Reader *r, const NodeProto *proto, Scope *scope, const Loc *loc, Value *value) {
  Tensor *tensor = NULL;
  for (size_t i = 0; i < proto->n_attribute; i++) {
    Argument argument;
    Attr attr;
    if (!start_attr(r, proto->attribute[i], scope, loc, &attr, &argument)) return false;
    // "value", "value_float", "sparse_value", ...: the type says which.
    if (!argument.proto || !strstr(attr.name, "value")) continue;
    if (tensor) return diag_error_at(r->diag, loc, "has two values: exactly one is allowed");
    if (!(tensor = constant_of(r, argument, loc, &attr))) return false;
  }
  if (!tensor) return diag_error_at(r->diag, loc, "has no value");
  set_constant(r, value, tensor);
  return true;
}
