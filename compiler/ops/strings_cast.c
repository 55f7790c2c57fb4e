// Casts from and to strings. Numbers become texts as float64, int64 or uint64, and come from them as such.
#include "compiler/ops/strings.h"
#include "compiler/ops/lower.h"

// A float type's bits, and the exponent of the smallest number above zero.
static void precision(DType type, int *bits, int *least) {
  static const struct {
    int bits, least;
  } types[DT_COUNT] = {
      [DT_F64] = {53, -1074},  [DT_F32] = {24, -149},      [DT_F16] = {11, -24},   [DT_BF16] = {8, -133},
      [DT_F8E4M3FN] = {4, -9}, [DT_F8E4M3FNUZ] = {4, -10}, [DT_F8E5M2] = {3, -16}, [DT_F8E5M2FNUZ] = {3, -17},
      [DT_F4E2M1] = {2, -1},   [DT_F8E8M0] = {1, -127},
  };
  *bits = types[type].bits, *least = types[type].least;
}

// The type that numbers have between their own and a text.
static DType wide_type(DType type) { return dtype_is_float(type) ? DT_F64 : type == DT_U64 ? DT_U64 : DT_I64; }

static View cast_view(Lower *lower, const View *in, DType type) {
  ExprTable *exprs = lower->program->exprs;
  if (in->type == type) return lower_dense_view(lower, in, lower->node->in[0]->name);
  View out = lower_scratch(lower, type, in->rank, in->dims);
  lower_map(lower, &out, in, 1, expr_cast(exprs, type, expr_load(exprs, in->type, 0)));
  return out;
}

static void print_numbers(Lower *lower, const View *in, const View *out) {
  enum { PLAIN_DIGITS = 16, PLAIN_DIGITS_SHORT = 8 }; // as Python prints float64, ONNX Runtime float32
  Program *program = lower->program;
  View x = cast_view(lower, in, wide_type(in->type));
  bool real = dtype_is_float(in->type);
  Step *step = lower_step(lower, real ? "string_from_float" : "string_from_int");
  ADD_DIMS(program, step, view_count(&x));
  if (real) {
    int bits, least;
    precision(in->type, &bits, &least);
    ADD_DIMS(program, step, dim_const(bits), dim_const(least),
             dim_const(bits > 24 ? PLAIN_DIGITS : PLAIN_DIGITS_SHORT));
  } else {
    step_int(program, step, x.type == DT_I64);
  }
  step_view(lower, step, &x);
  step_pool(lower, step);
  step_pool_used(lower, step);
  step_view(lower, step, out);
}

static void read_numbers(Lower *lower, const View *in, const View *out) {
  Program *program = lower->program;
  ExprTable *exprs = program->exprs;
  View x = lower_dense_view(lower, in, lower->node->in[0]->name);
  bool real = dtype_is_float(out->type) || out->type == DT_BOOL;
  DType wide = real ? DT_F64 : wide_type(out->type);
  View y = wide == out->type ? *out : lower_scratch(lower, wide, out->rank, out->dims);
  Step *step = lower_step(lower, real ? "string_to_float" : "string_to_int");
  ADD_DIMS(program, step, view_count(&x));
  if (real) {
    int bits, least;
    precision(out->type == DT_BOOL ? DT_F64 : out->type, &bits, &least);
    ADD_DIMS(program, step, dim_const(bits), dim_const(least));
  }
  step_view(lower, step, &x);
  step_pool(lower, step);
  step_view(lower, step, &y);
  step->parts = count_parts(view_count(&x), 256);
  if (wide != out->type) lower_map(lower, out, &y, 1, expr_cast(exprs, out->type, expr_load(exprs, wide, 0)));
}

bool lower_cast_strings(Lower *lower, Node *node) {
  View in = lower_in(lower, node->in[0]);
  if (in.type == node->out[0]->type) return lower_alias(lower, node->out[0], &in), true;
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  if (in.type == DT_STRING)
    read_numbers(lower, &in, &out);
  else
    print_numbers(lower, &in, &out);
  return true;
}

bool lower_fixed_text(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Step *step = lower_step(lower, "string_from_fixed");
  ADD_DIMS(lower->program, step, view_count(&in));
  step_view(lower, step, &in);
  step_pool(lower, step);
  step_pool_used(lower, step);
  step_view(lower, step, &out);
  return true;
}
