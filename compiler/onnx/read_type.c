// TypeProto → kind, element type and dims of a value.
#include "compiler/onnx/reader.h"
#include <string.h>

bool check_dtype(Reader *r, int32_t number, const char *what, const char *name) {
  if (number > DT_UNDEFINED && number < DT_COUNT) return true;
  if (number == DT_UNDEFINED) return diag_error(r->diag, r->file, "%s '%s' has no element type", what, name);
  return diag_error(r->diag, r->file, "%s '%s' has the unknown element type %d", what, name, number);
}

static const Onnx__TensorShapeProto *shape_of(const TypeProto *type) {
  return type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type ? type->tensor_type->shape
                                                                                              : NULL;
}

static const char *symbol_of(const Onnx__TensorShapeProto__Dimension *dim) {
  bool named = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
  return named && *dim->dim_param ? dim->dim_param : NULL;
}

void note_symbols(Reader *r, const TypeProto *type) {
  const Onnx__TensorShapeProto *shape = shape_of(type);
  for (size_t i = 0; shape && i < shape->n_dim; i++) {
    const char *symbol = symbol_of(shape->dim[i]);
    if (symbol) names_add(r->arena, &r->symbols, symbol, r);
  }
}

// Dims without a name get one of their own: "x_dim0". So do those of -1, which some exporters write for it.
static bool read_dim(Reader *r, const Onnx__TensorShapeProto__Dimension *dim, const Value *value, int axis, Dim *out) {
  const char *symbol = symbol_of(dim);
  bool number = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
  if (number && dim->dim_value < -1)
    return diag_error(r->diag, r->file, "input '%s' has the negative dimension %lld on axis %d", value->name,
                      (long long)dim->dim_value, axis);
  if (number && dim->dim_value >= 0) {
    *out = dim_const(dim->dim_value);
    return true;
  }
  if (!symbol) {
    symbol = arena_printf(r->arena, "%s_dim%d", value->name, axis);
    while (!names_add(r->arena, &r->symbols, symbol, r)) symbol = arena_printf(r->arena, "%s_", symbol);
  }
  *out = dim_symbol(r->model->dims, symbol);
  return true;
}

static bool read_dims(Reader *r, const Onnx__TensorShapeProto *shape, Value *value) {
  if (shape->n_dim > MAX_RANK)
    return diag_error(r->diag, r->file, "input '%s' has %zu dimensions (at most %d)", value->name, shape->n_dim,
                      MAX_RANK);
  value->dims = NEW_ARRAY(r->arena, Dim, shape->n_dim);
  for (size_t i = 0; i < shape->n_dim; i++)
    if (!read_dim(r, shape->dim[i], value, (int)i, &value->dims[i])) return false;
  value->rank = (int)shape->n_dim;
  return true;
}

// A value that is no tensor: a block of bytes, and what is known of the tensors in it.
static void set_block(Reader *r, Value *value, Content content, const Onnx__TensorShapeProto *shape) {
  Content *copy = NEW(r->arena, Content);
  *copy = content;
  copy->rank = shape && shape->n_dim <= MAX_RANK ? (int)shape->n_dim : ANY_RANK;
  for (int i = 0; i < copy->rank; i++) {
    bool number = shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    copy->dims[i] = number && shape->dim[i]->dim_value >= 0 ? shape->dim[i]->dim_value : -1;
  }
  value->content = copy;
  value->rank = 1;
  value->dims = NEW(r->arena, Dim);
  *value->dims = dim_new_symbol(r->model->dims, arena_printf(r->arena, "%s_bytes", value->name));
}

bool read_type(Reader *r, const TypeProto *type, Value *value, bool with_dims, const char *what) {
  // The outermost kind counts; the element type is that of the tensors inside.
  bool outermost = true;
  Content content = {.of = VALUE_TENSOR};
  for (ValueKind kind; type; outermost = false) {
    switch (type->value_case) {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
      if (!check_dtype(r, type->tensor_type->elem_type, what, value->name)) return false;
      value->type = (DType)type->tensor_type->elem_type;
      if (with_dims && !outermost) set_block(r, value, content, shape_of(type));
      return !with_dims || !outermost || !shape_of(type) || read_dims(r, shape_of(type), value);
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
      kind = VALUE_SEQUENCE;
      type = type->sequence_type->elem_type;
      break;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
      kind = VALUE_OPTIONAL;
      type = type->optional_type->elem_type;
      break;
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
      kind = VALUE_MAP;
      content.key = (DType)type->map_type->key_type;
      type = type->map_type->value_type;
      break;
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
      return diag_error(r->diag, r->file, "%s '%s' is a sparse tensor: only constants may be sparse", what,
                        value->name);
    default: type = NULL; continue;
    }
    if (outermost)
      value->kind = kind;
    else
      content.of = kind;
  }
  return !with_dims || diag_error(r->diag, r->file, "%s '%s' has no type", what, value->name);
}
