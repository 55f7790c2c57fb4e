// Elements narrower than a byte are packed in inputs, outputs and blocks, and one a byte in between.
#include "compiler/ops/lower.h"

bool is_packed(DType type) { return dtype_bits(type) > 0 && dtype_bits(type) < 8; }

Dim packed_bytes(DType type, Dim count) {
  return is_packed(type) ? dim_div_up(count, 8 / dtype_bits(type)) : dim_bytes(type, count);
}

View lower_unpacked(Lower *lower, const View *in, const char *name) {
  View out = view_dense(NULL, in->type, in->rank, in->dims);
  Dim count = view_count(in);
  bool is_signed = dtype_is_signed(in->type) && !dtype_is_float(in->type);
  out.buffer = buffer_new(lower->program, BUFFER_ARENA, count, name);
  if (view_is_empty(in)) return out;
  Step *step = lower_step(lower, "unpack_bits");
  ADD_DIMS(lower->program, step, dim_const(dtype_bits(in->type)), dim_const(is_signed), count);
  step_buffer(lower->program, step, in->buffer, in->offset);
  step_buffer(lower->program, step, out.buffer, dim_const(0));
  step->parts = count_parts(count, 4096);
  return out;
}

void lower_packed(Lower *lower, Buffer *out, const View *view, const char *name) {
  View in = lower_dense_view(lower, view, name);
  Dim count = view_count(&in);
  if (view_is_empty(&in)) return;
  Step *step = lower_step(lower, "pack_bits");
  ADD_DIMS(lower->program, step, dim_const(dtype_bits(in.type)), count);
  step_view(lower, step, &in);
  step_buffer(lower->program, step, out, dim_const(0));
  step->parts = count_parts(count, 4096);
}
