// Steps: their pointers, functions and tables, and the checks that end a run.
#include "compiler/ops/lower.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

Step *lower_step(Lower *lower, const char *kernel) {
  const Loc *loc = &lower->node->loc;
  return step_new(lower->program, kernel, loc, *loc->name ? loc->name : loc->op);
}

void lower_check(Lower *lower, Dim not_negative, int status) {
  if (!dim_may_be_negative(not_negative)) return;
  for (size_t i = 0; i < lower->check_count; i++)
    if (dim_equal(lower->checked[i], not_negative)) return;
  APPEND(lower->program->arena, lower->checked, lower->check_count, not_negative);
  const Loc *loc = &lower->node->loc;
  Step *step = step_control(lower->program, STEP_DIMS, loc, *loc->name ? loc->name : loc->op);
  APPEND(lower->program->arena, step->checks, step->check_count, ((DimCheck){not_negative, status}));
}

void lower_check_equal(Lower *lower, Dim a, Dim b) {
  lower_check(lower, dim_sub(a, b), STATUS_SHAPE);
  lower_check(lower, dim_sub(b, a), STATUS_SHAPE);
}

void lower_check_broadcast(Lower *lower, const View *view, int rank, const Dim *dims) {
  for (int i = 0; i < view->rank; i++) {
    Dim own = view->dims[i], whole = dims[i + rank - view->rank];
    if (dim_is(own, 1) || dim_equal(own, whole)) continue;
    Dim fits = dim_add(dim_equals(own, dim_const(1)), dim_equals(own, whole));
    if (!dim_is_const(fits)) lower_check(lower, dim_plus(fits, -1), STATUS_SHAPE);
  }
}

void step_view(Lower *lower, Step *step, const View *view) {
  step_buffer(lower->program, step, view->buffer, dim_bytes(view->type, view->offset));
}

void step_slot(Lower *lower, Step *step, Dim symbol) {
  Program *program = lower->program;
  step_buffer(program, step, frame_buffer(program), dim_const(8 * (int64_t)frame_slot(program, symbol)));
}

Access step_access(Lower *lower, Step *step, const View *view) {
  assert(view->rank == COORDS);
  Access access = {.type = view->type};
  access.pointer = step_pointer(lower->program, step, view->buffer, dim_bytes(view->type, view->offset));
  for (int i = 0; i < COORDS; i++) access.stride[i] = dim_is(view->dims[i], 1) ? dim_const(0) : view->strides[i];
  return access;
}

Func *step_store(Lower *lower, Step *step, const View *out) {
  Func *func = step_func(lower->program, step, FUNC_STORE, out->type);
  memcpy(func->space, out->dims, sizeof func->space);
  Access access = step_access(lower, step, out);
  func_store(lower->program, func, &access, expr_acc(lower->program->exprs, out->type));
  return func;
}

Func *step_load(Lower *lower, Step *step, const View *in) {
  Func *func = step_func(lower->program, step, FUNC_LOAD, in->type);
  memcpy(func->space, in->dims, sizeof func->space);
  int load = step_load_more(lower, step, func, in);
  size_t count = 0;
  APPEND(lower->program->arena, func->values, count, expr_load(lower->program->exprs, in->type, load));
  return func;
}

int step_load_more(Lower *lower, Step *step, Func *func, const View *in) {
  Access access = step_access(lower, step, in);
  return func_load(lower->program, func, &access);
}

int step_fetch_more(Lower *lower, Step *step, Func *func, const View *in) {
  Access access = step_access(lower, step, in);
  access.fetched = true;
  return func_load(lower->program, func, &access);
}

Buffer *lower_pack(Lower *lower, const Tensor *tensor, const Pack *pack, const char *name) {
  Buffer *buffer = buffer_new(lower->program, BUFFER_WEIGHT, dim_const(0), name);
  buffer->tensor = tensor;
  buffer->pack = *pack;
  buffer->bytes = dim_bytes(tensor->type, dim_const(pack_count(buffer)));
  return buffer;
}

/* numbers of the frame */

bool lower_measure(Lower *lower, const Value *value) {
  if (!value->measured) return true;
  View from = lower_in(lower, value);
  Dim count = view_count(&from);
  View to = view_dense(frame_buffer(lower->program), DT_I64, from.rank, from.dims);
  to.offset = dim_const(frame_slots(lower->program, (size_t)count.value, value->elems));
  const Expr *x = expr_load(lower->program->exprs, from.type, 0);
  return lower_map(lower, &to, &from, 1, expr_cast(lower->program->exprs, DT_I64, x));
}

View lower_numbers(Lower *lower, size_t count, const Dim *numbers) {
  Program *program = lower->program;
  Dim *slots = NEW_ARRAY(program->arena, Dim, count), size = dim_const((int64_t)count);
  const Loc *loc = &lower->node->loc;
  Step *step = step_control(program, STEP_DIMS, loc, *loc->name ? loc->name : loc->op);
  for (size_t i = 0; i < count; i++) slots[i] = dim_alias(program->dims, "element", numbers[i]);
  step->dims = slots;
  step->dim_count = count;
  View view = view_dense(frame_buffer(program), DT_I64, 1, &size);
  view.offset = dim_const(frame_slots(program, count, slots));
  return view;
}

const Expr *dim_operand(Lower *lower, DType type, Dim value, View *ins, size_t *count) {
  ExprTable *exprs = lower->program->exprs;
  if (dim_is_const(value)) return expr_const(exprs, type, (double)value.value);
  ins[*count] = lower_numbers(lower, 1, &value);
  return expr_cast(exprs, type, expr_load(exprs, DT_I64, (int)(*count)++));
}

void step_table(Lower *lower, Step *step, size_t count, const Dim *numbers) {
  Arena *arena = lower->program->arena;
  bool constant = true;
  for (size_t i = 0; i < count; i++) constant &= dim_is_const(numbers[i]);
  if (!constant) {
    View table = lower_numbers(lower, count, numbers);
    step_view(lower, step, &table);
    return;
  }
  int64_t *data = NEW_ARRAY(arena, int64_t, count + 1), *dims = NEW(arena, int64_t);
  for (size_t i = 0; i < count; i++) data[i] = numbers[i].value;
  *dims = (int64_t)count + (count == 0); // nobody reads the row of an empty table
  Tensor *tensor = NEW(arena, Tensor);
  *tensor = (Tensor){.type = DT_I64, .rank = 1, .dims = dims, .data = data};
  step_buffer(lower->program, step, lower_pack(lower, tensor, &(Pack){0}, "axes"), dim_const(0));
}
