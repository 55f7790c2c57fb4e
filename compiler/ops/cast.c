// Changes of type: Cast and BitCast.
#include "compiler/ops/elementwise.h"
#include "compiler/ops/strings.h"

#include <string.h>
#include <strings.h>

static bool is_opaque(DType type) { return type == DT_STRING || type == DT_C64 || type == DT_C128; }

// The type that attribute 'to' names, or DT_UNDEFINED after an error.
static DType read_to(Model *model, Node *node) {
  const Attr *to = node_attr(node, "to");
  int64_t type = to && to->type == ATTR_INT ? to->i : 0;
  for (DType t = DT_F32; to && to->type == ATTR_STRING && t < DT_COUNT; t++) { // opset 1: "FLOAT", "INT64"
    static const char *const reals[] = {"FLOAT16", "FLOAT", "DOUBLE"};
    static const DType types[] = {DT_F16, DT_F32, DT_F64};
    for (size_t i = 0; i < COUNT(reals); i++)
      if (!strcmp(to->s, reals[i])) type = types[i];
    if (!strcasecmp(to->s, dtype_name(t))) type = t;
  }
  if (type > 0 && type < DT_COUNT) return (DType)type;
  node_error(model, node, "attribute 'to' names no element type");
  return DT_UNDEFINED;
}

static bool infer_to(Model *model, Node *node, DType type) {
  const char *mode = node_string(node, "round_mode", "up");
  bool strings = type == DT_STRING || node->in[0]->type == DT_STRING;
  if (is_opaque(type) && type != DT_STRING)
    return node_error(model, node, "casts to %s are not supported yet", dtype_name(type));
  if (strcmp(mode, "up") && strcmp(mode, "down") && strcmp(mode, "nearest"))
    return node_error(model, node, "'round_mode' is '%s'; up, down and nearest are possible", mode);
  node->out[0]->type = type;
  if (!set_dims_like(model, node, 0, node->in[0])) return false;
  ExprTable *exprs = exprs_new(model->arena);
  if (!strings && !dtype_is_float(type))
    carry_elems(model, node, expr_cast(exprs, type, expr_load(exprs, node->in[0]->type, 0)));
  return true;
}

bool infer_cast(Model *model, Node *node) {
  DType type = read_to(model, node);
  return type && infer_to(model, node, type);
}

bool lower_cast(Lower *lower, Node *node) {
  if (node->in[0]->type == DT_STRING || node->out[0]->type == DT_STRING) return lower_cast_strings(lower, node);
  ExprTable *exprs = lower->program->exprs;
  const char *round = node_string(node, "round_mode", "up");
  int mode = !strcmp(round, "up") ? CAST_UP : !strcmp(round, "down") ? CAST_DOWN : CAST_NEAREST;
  if (!node_int(node, "saturate", 1)) mode |= CAST_OPEN;
  const Expr *x = expr_load(exprs, node->in[0]->type, 0);
  return lower_expr(lower, expr_cast_mode(exprs, node->out[0]->type, x, (CastMode)mode)); // NOLINT: modes are bits
}

bool infer_bit_cast(Model *model, Node *node) {
  DType from = node->in[0]->type, to = read_to(model, node);
  if (!to) return false;
  if (dtype_bits(from) != dtype_bits(to))
    return node_error(model, node, "%s and %s have elements of different sizes", dtype_name(from), dtype_name(to));
  node->out[0]->type = to;
  return set_dims_like(model, node, 0, node->in[0]);
}

// Another view of the same bytes. Signed integers narrower than a byte lie there with their sign extended, others with
// zeros: those two are cast to one another.
bool lower_bit_cast(Lower *lower, Node *node) {
  ExprTable *exprs = lower->program->exprs;
  DType from = node->in[0]->type, to = node->out[0]->type;
  View view = lower_in(lower, node->in[0]);
  if (dtype_bits(from) < 8) {
    DType plain = dtype_bits(from) == 4 ? DT_U4 : DT_U2;
    const Expr *bits = expr_load(exprs, from, 0);
    if (from == DT_F4E2M1) view.type = plain, bits = expr_load(exprs, plain, 0);
    View out = lower_out(lower, node->out[0]);
    if (to == DT_F4E2M1) out.type = plain;
    bits = expr_cast(exprs, plain, bits);
    return lower_map(lower, &out, &view, 1, expr_cast(exprs, out.type, bits));
  }
  view.type = to;
  lower_alias(lower, node->out[0], &view);
  return true;
}
