// Lowering: the views of values and the buffers of outputs; what the operators' lower rules are written with.
#include "compiler/ops/lower.h"
#include "runtime/model.h"
#include "templates/status.h"

#include <assert.h>

static void set_view(Lower *lower, const Value *value, const View *view) {
  View *copy = NEW(lower->program->arena, View);
  *copy = *view;
  lower->views[value->id] = copy;
}

View lower_in(Lower *lower, const Value *value) {
  if (!lower->views[value->id]) {
    assert(value->data);
    const Tensor *data = tensor_unpacked(lower->program->arena, value->data);
    View view = view_of_ints(NULL, value->type, data->rank, data->dims);
    view.buffer = buffer_new(lower->program, BUFFER_WEIGHT, dim_bytes(value->type, view_count(&view)), value->name);
    view.buffer->tensor = value->type == DT_STRING ? pool_tensor(lower->program, value->data) : data;
    set_view(lower, value, &view);
  }
  return *lower->views[value->id];
}

static View new_arena_view(Lower *lower, const char *name, DType type, int rank, const Dim *dims) {
  View view = view_dense(NULL, type, rank, dims);
  view.buffer = buffer_new(lower->program, BUFFER_ARENA, dim_bytes(type, view_count(&view)), name);
  return view;
}

View lower_scratch(Lower *lower, DType type, int rank, const Dim *dims) {
  const Value *out = lower->node->out[0]; // NULL where a loop's first result is not wanted
  return new_arena_view(lower, out ? out->name : lower->node->loc.name, type, rank, dims);
}

View lower_out(Lower *lower, Value *value) {
  for (int i = 0; i < value->rank; i++) lower_check(lower, value->dims[i], STATUS_SHAPE);
  View view = new_arena_view(lower, value->name, value_storage(value), value->rank, value->dims);
  set_view(lower, value, &view);
  return view;
}

View lower_block(Lower *lower, const char *name, DType type, int rank, const Dim *dims) {
  View view = view_dense(NULL, type, rank, dims);
  view.buffer = buffer_new(lower->program, BUFFER_ARENA, dim_bytes(type, view_count(&view)), name);
  frame_block(lower->program, view.buffer);
  return view;
}

void lower_reserve(Lower *lower, Buffer *block, Dim bytes, Dim keep) {
  Program *program = lower->program;
  Step *step = lower_step(lower, "reserve");
  ADD_DIMS(program, step, bytes, keep, frame_heap(program));
  step_buffer(program, step, block, dim_const(0));
  step_buffer(program, step, frame_buffer(program), dim_const(8 * (int64_t)frame_slot(program, block->place)));
  step_buffer(program, step, frame_buffer(program), dim_const(8 * FRAME_BLOCKS));
}

View lower_out_like(Lower *lower, Value *value, const View *like) {
  int order[MAX_RANK] = {0};
  View view = lower_out(lower, value);
  assert(like->rank == view.rank);
  view_stride_order(like, order);
  Dim stride = dim_const(1);
  for (int i = view.rank - 1; i >= 0; i--) {
    view.strides[order[i]] = stride;
    stride = dim_mul(stride, view.dims[order[i]]);
  }
  set_view(lower, value, &view);
  return view;
}

static void order_channels_last(View *view) {
  Dim stride = view->dims[1];
  view->strides[1] = dim_const(1);
  for (int i = view->rank - 1; i >= 2; i--) {
    view->strides[i] = stride;
    stride = dim_mul(stride, view->dims[i]);
  }
  view->strides[0] = stride;
}

View lower_out_channels_last(Lower *lower, Value *value) {
  View view = lower_out(lower, value);
  order_channels_last(&view);
  set_view(lower, value, &view);
  return view;
}

void lower_alias(Lower *lower, Value *value, const View *view) { set_view(lower, value, view); }

static bool same_strides(const View *a, const View *b) {
  for (int i = 0; i < a->rank; i++)
    if (!dim_is(a->dims[i], 1) && !dim_equal(a->strides[i], b->strides[i])) return false;
  return true;
}

// `view` itself when its strides are those of `wanted`, else a copy of it there.
static View copy_unless_same(Lower *lower, const View *view, View wanted, const char *name) {
  if (same_strides(view, &wanted)) {
    wanted.buffer = view->buffer;
    wanted.offset = view->offset;
    return wanted;
  }
  wanted.buffer = buffer_new(lower->program, BUFFER_ARENA, dim_bytes(view->type, view_count(view)), name);
  lower_copy(lower, &wanted, view);
  return wanted;
}

View lower_dense_view(Lower *lower, const View *view, const char *name) {
  return copy_unless_same(lower, view, view_dense(NULL, view->type, view->rank, view->dims), name);
}

View lower_dense(Lower *lower, const Value *value) {
  View view = lower_in(lower, value);
  return lower_dense_view(lower, &view, value->name);
}

View lower_rows(Lower *lower, const Value *value) {
  View view = lower_in(lower, value);
  if (view.rank == 0 || dim_is(view.dims[view.rank - 1], 1) || dim_is(view.strides[view.rank - 1], 1)) return view;
  return lower_dense(lower, value);
}

View lower_channels_last(Lower *lower, const Value *value) {
  View view = lower_in(lower, value), wanted = view_dense(NULL, view.type, view.rank, view.dims);
  order_channels_last(&wanted);
  View **copy = &lower->channels_last[value->id];
  if (!*copy) {
    *copy = NEW(lower->program->arena, View);
    **copy = copy_unless_same(lower, &view, wanted, value->name);
  }
  return **copy;
}

void lower_report(Lower *lower, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(lower->model->arena, format, args);
  va_end(args);
  node_report(lower->model, lower->node, "%s", text);
}
