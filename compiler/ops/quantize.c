// QuantizeLinear and DequantizeLinear.
//
// Scale and zero point are one number, one a channel of `axis`, or one a block of channels. They are views that
// broadcast to x; blocks make two dims of the axis, those that fill a block and the rest apart.
#include "compiler/ops/lower.h"

/* types and shapes */

// What a scale of this type computes in. int32 is no type for quotients.
static DType real_type(DType type) { return type == DT_I32 ? DT_F64 : type == DT_F8E8M0 ? DT_F32 : type; }

typedef struct {
  int axis;      // -1: one number for all
  int64_t block; // channels that share a number; 0: one a channel
} Grain;

// How the dims of the scale meet those of x.
static bool read_grain(Model *model, Node *node, Grain *grain) {
  const Value *x = node->in[0], *scale = node->in[1];
  *grain = (Grain){.axis = -1};
  if (!value_is_static(scale)) return node_error(model, node, "the dims of the scale must be constants");
  if (scale->rank == 0 || (value_count(scale) == 1 && scale->rank == 1 && !node_int(node, "block_size", 0)))
    return true;
  int64_t axis = node_int(node, "axis", 1), block = node_int(node, "block_size", 0);
  if (x->rank == 1 && axis == 1) axis = 0;
  if (!need_axis(model, node, axis, x->rank, &grain->axis)) return false;
  if (scale->rank == 1 && block == 0 && !dim_is_const(x->dims[grain->axis])) return true; // the run compares them
  if (!dim_is_const(x->dims[grain->axis]))
    return node_error(model, node, "the length of axis %d must be a constant", grain->axis);
  int64_t channels = value_dim(x, grain->axis);
  if (scale->rank == 1 && block == 0 && scale->dims[0].value == channels) return true;
  bool fits = scale->rank == x->rank;
  for (int i = 0; fits && i < x->rank; i++) fits = i == grain->axis || dim_equal(scale->dims[i], x->dims[i]);
  int64_t blocks = fits ? scale->dims[grain->axis].value : 0;
  if (block == 0 && blocks > 0) block = (channels + blocks - 1) / blocks;
  if (!fits || block <= 0 || blocks != (channels + block - 1) / block)
    return node_error(model, node, "the scale's dims do not fit those of 'x'");
  grain->block = block;
  return true;
}

static bool infer_quantized(Model *model, Node *node, DType type) {
  Grain grain;
  const Value *zero = node_in(node, 2);
  node->out[0]->type = type;
  if (zero && (!value_is_static(zero) || value_count(zero) != value_count(node->in[1])))
    return node_error(model, node, "scale and zero point differ in shape");
  return read_grain(model, node, &grain) && set_dims_like(model, node, 0, node->in[0]);
}

static bool is_type(int64_t type) { return type > 0 && type < DT_COUNT; }

bool infer_quantize(Model *model, Node *node) {
  const Value *zero = node_in(node, 2);
  int64_t type = node_int(node, "output_dtype", 0), precision = node_int(node, "precision", 0);
  if (zero && type && type != (int64_t)zero->type)
    return node_error(model, node, "'output_dtype' is not the type of the zero point");
  if (zero || !type) type = zero ? zero->type : DT_U8;
  if (!is_type(type) || (dtype_is_float((DType)type) && !dtype_is_small_float((DType)type)) || type == DT_F8E8M0)
    return node_error(model, node, "'output_dtype' names no type to quantize to");
  if (precision && (!is_type(precision) || !dtype_is_float((DType)precision) || dtype_is_small_float((DType)precision)))
    return node_error(model, node, "'precision' names no type to compute in");
  return infer_quantized(model, node, (DType)type);
}

bool infer_dequantize(Model *model, Node *node) {
  int64_t type = node_int(node, "output_dtype", 0);
  if (!type) type = real_type(node->in[1]->type);
  if (!is_type(type) || !dtype_is_float((DType)type) || dtype_is_small_float((DType)type))
    return node_error(model, node, "'output_dtype' names no float type");
  return infer_quantized(model, node, (DType)type);
}

/* values */

// round(x / scale) + zero point, rounded half to even and brought into the type's range.
static const Expr *quantized(ExprTable *exprs, const Node *node, const Expr *x, const Expr *scale, const Expr *zero) {
  DType to = node->out[0]->type, precision = (DType)node_int(node, "precision", 0);
  if (!precision) precision = x->type == DT_I32 ? DT_F64 : real_type(scale->type);
  DType real = precision == DT_F64 ? DT_F64 : DT_F32; // float16 is computed with as float32
  const Expr *a = expr_cast(exprs, real, expr_cast(exprs, precision, x));
  const Expr *b = expr_cast(exprs, real, expr_cast(exprs, precision, scale));
  const Expr *y = expr_cast(exprs, precision, expr_op(exprs, EX_DIV, a, b, NULL));
  if (to == DT_F4E2M1 && zero)
    y = expr_op(exprs, EX_ADD, expr_cast(exprs, DT_F32, y), expr_cast(exprs, DT_F32, zero), NULL);
  if (dtype_is_float(to)) // their zero point is 0
    return expr_cast_mode(exprs, to, y, node_int(node, "saturate", 1) ? CAST_UP : CAST_OPEN);
  y = expr_op(exprs, EX_ROUND, expr_cast(exprs, real, y), NULL, NULL);
  if (zero) y = expr_op(exprs, EX_ADD, y, expr_cast(exprs, real, zero), NULL);
  if (dtype_bits(to) < 8) { // casts to wider types saturate by themselves
    int most = (1 << (dtype_bits(to) - dtype_is_signed(to))) - 1, least = dtype_is_signed(to) ? -most - 1 : 0;
    y = expr_op(exprs, EX_MIN, expr_op(exprs, EX_MAX, y, expr_float(exprs, real, least), NULL),
                expr_float(exprs, real, most), NULL);
  }
  return expr_cast(exprs, to, y);
}

// (x - zero point)·scale, as float32 and then of the result's type.
static const Expr *dequantized(ExprTable *exprs, const Node *node, const Expr *x, const Expr *scale, const Expr *zero) {
  const Expr *y = expr_cast(exprs, DT_F32, x);
  if (zero && !dtype_is_float(x->type)) y = expr_op(exprs, EX_SUB, y, expr_cast(exprs, DT_F32, zero), NULL);
  DType real = scale->type == DT_F64 ? DT_F64 : DT_F32;
  y = expr_op(exprs, EX_MUL, expr_cast(exprs, real, y), expr_cast(exprs, real, scale), NULL);
  return expr_cast(exprs, node->out[0]->type, y);
}

/* lowering */

// Blocks [from, from + count) of `size` elements along an axis that becomes two dims. Of a view with one element a
// block: size 1 and stride 1.
static View in_blocks(const View *view, int axis, Dim from, Dim count, Dim size, int64_t stride) {
  View out = *view;
  for (int i = view->rank; i > axis + 1; i--) out.dims[i] = view->dims[i - 1], out.strides[i] = view->strides[i - 1];
  out.rank = view->rank + 1;
  out.offset = dim_add(out.offset, dim_mul(dim_times(from, stride), view->strides[axis]));
  out.dims[axis] = count, out.strides[axis] = dim_times(view->strides[axis], stride);
  out.dims[axis + 1] = size, out.strides[axis + 1] = view->strides[axis];
  return out;
}

static bool lower_blocks(Lower *lower, const View *views, size_t count, const Grain *grain, const Expr *value) {
  Dim channels = views[0].dims[grain->axis], block = dim_const(grain->block), whole = dim_div(channels, block);
  Dim rest = dim_sub(channels, dim_mul(whole, block)), one = dim_const(1);
  if (views[0].rank == MAX_RANK) return lower_error(lower, "blocks of %d dims are not supported", MAX_RANK);
  for (int part = 0; part < 2; part++) {
    Dim from = part ? whole : dim_const(0), blocks = part ? one : whole, size = part ? rest : block;
    View cut[4];
    if (dim_is(blocks, 0) || dim_is(size, 0)) continue;
    for (size_t i = 0; i < count; i++)
      cut[i] = i < 2 ? in_blocks(&views[i], grain->axis, from, blocks, size, grain->block)
                     : in_blocks(&views[i], grain->axis, from, blocks, one, 1);
    if (!lower_map(lower, &cut[0], cut + 1, count - 1, value)) return false;
  }
  return true;
}

typedef const Expr *Formula(ExprTable *exprs, const Node *node, const Expr *x, const Expr *scale, const Expr *zero);

static bool lower_formula(Lower *lower, Node *node, Formula *formula) {
  ExprTable *exprs = lower->program->exprs;
  Grain grain;
  size_t count = node_in(node, 2) ? 4 : 3;
  if (!read_grain(lower->model, node, &grain)) return false;
  View views[4] = {0}; // out, x, scale, zero point
  for (size_t i = 1; i < count; i++) views[i] = lower_in(lower, node->in[i - 1]);
  views[0] = lower_out_like(lower, node->out[0], &views[1]);
  const Expr *x = expr_load(exprs, views[1].type, 0), *scale = expr_load(exprs, views[2].type, 1);
  const Expr *value = formula(exprs, node, x, scale, count > 3 ? expr_load(exprs, views[3].type, 2) : NULL);
  if (grain.block) return lower_blocks(lower, views, count, &grain, value);
  for (size_t i = 2; i < count && grain.axis >= 0; i++) {
    lower_check_equal(lower, views[i].dims[0], views[1].dims[grain.axis]);
    views[i].dims[0] = views[1].dims[grain.axis];
  }
  for (size_t i = 2; i < count; i++) // dims of size 1 behind the axis
    while (grain.axis >= 0 && views[i].rank < views[0].rank - grain.axis) views[i].dims[views[i].rank++] = dim_const(1);
  return lower_map(lower, &views[0], views + 1, count - 1, value);
}

bool lower_quantize(Lower *lower, Node *node) { return lower_formula(lower, node, quantized); }
bool lower_dequantize(Lower *lower, Node *node) { return lower_formula(lower, node, dequantized); }
