// Lowering: views, outputs, elementwise steps and copies; what the operators' lower rules are written with.
//
// A view is logical dims over physical strides. Layout is decided here, operator by operator: a rule asks for its input
// in the order that its template reads and gets the view as it is when the strides agree already. No pass moves layouts
// around, because transposing a view costs nothing.
#include "compiler/ops/lower.h"
#include "runtime/model.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

/* views */

View view_dense(Buffer *buffer, DType type, int rank, const Dim *dims) {
  View view = {.buffer = buffer, .type = type, .rank = rank};
  Dim stride = dim_const(1);
  for (int i = rank - 1; i >= 0; i--) {
    view.dims[i] = dims[i];
    view.strides[i] = stride;
    stride = dim_mul(stride, dims[i]);
  }
  return view;
}

View view_of_ints(Buffer *buffer, DType type, int rank, const int64_t *dims) {
  Dim all[MAX_RANK];
  for (int i = 0; i < rank; i++) all[i] = dim_const(dims[i]);
  return view_dense(buffer, type, rank, all);
}

Dim view_count(const View *view) {
  Dim count = dim_const(1);
  for (int i = 0; i < view->rank; i++) count = dim_mul(count, view->dims[i]);
  return count;
}

bool view_is_empty(const View *view) {
  for (int i = 0; i < view->rank; i++)
    if (dim_is(view->dims[i], 0)) return true;
  return false;
}

bool view_is_static(const View *view) {
  for (int i = 0; i < view->rank; i++)
    if (!dim_is_const(view->dims[i])) return false;
  return true;
}

bool view_is_dense(const View *view) {
  Dim stride = dim_const(1);
  for (int i = view->rank - 1; i >= 0; i--) {
    if (!dim_is(view->dims[i], 1) && !dim_equal(view->strides[i], stride)) return false;
    stride = dim_mul(stride, view->dims[i]);
  }
  return true;
}

// Dims of `view` that lie behind one another in memory are one digit; each new dim must be a part of one digit.
bool view_reshape(const View *view, int rank, const Dim *dims, View *out) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  if (rank) memcpy(result.dims, dims, (size_t)rank * sizeof *dims);
  if (view_is_empty(view) || view_is_dense(view)) {
    Dim offset = view->offset;
    *out = view_dense(view->buffer, view->type, rank, dims);
    out->offset = offset;
    return true;
  }
  Dim left = dim_const(1), stride = dim_const(0); // of the digit being taken apart, from its low end
  int from = view->rank - 1;
  for (int to = rank - 1; to >= 0; to--) {
    Dim need = dims[to];
    if (dim_is(need, 1)) {
      result.strides[to] = dim_mul(stride, left);
      continue;
    }
    while (dim_is(left, 1)) { // the next digit, with all dims that continue it
      if (from < 0) return false;
      stride = view->strides[from];
      left = view->dims[from--];
    }
    while (from >= 0 && (dim_is(view->dims[from], 1) || dim_equal(view->strides[from], dim_mul(stride, left))))
      left = dim_mul(left, view->dims[from--]);
    if (!dim_divides(left, need, &left)) return false;
    result.strides[to] = stride;
    stride = dim_mul(stride, need);
  }
  *out = result;
  return true;
}

View view_broadcast(const View *view, int rank, const Dim *dims) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  for (int i = 0; i < rank; i++) {
    int own = i - (rank - view->rank);
    result.dims[i] = dims[i];
    if (own < 0 || dim_is(view->dims[own], 1))
      result.strides[i] = dim_const(0);
    else if (dim_equal(view->dims[own], dims[i]) || dim_is_const(view->dims[own]))
      result.strides[i] = view->strides[own];
    else
      result.strides[i] = dim_choose(dim_equals(view->dims[own], dim_const(1)), dim_const(0), view->strides[own]);
  }
  return result;
}

/* values */

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
  return new_arena_view(lower, lower->node->out[0]->name, type, rank, dims);
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

// Dims by falling stride, those of size 1 first: order[0] is the outermost in memory.
static void stride_order(const View *view, int *order) {
  int ones = 0, count = 0;
  for (int i = 0; i < view->rank; i++)
    if (dim_is(view->dims[i], 1)) order[ones++] = i;
  for (int i = 0; i < view->rank; i++) {
    if (dim_is(view->dims[i], 1)) continue;
    int k = ones + count++;
    for (; k > ones && dim_compare(view->strides[order[k - 1]], view->strides[i]) < 0; k--) order[k] = order[k - 1];
    order[k] = i;
  }
}

View lower_out_like(Lower *lower, Value *value, const View *like) {
  int order[MAX_RANK] = {0};
  View view = lower_out(lower, value);
  assert(like->rank == view.rank);
  stride_order(like, order);
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

/* steps */

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

static Access view_access(Lower *lower, Step *step, const View *view) {
  assert(view->rank == COORDS);
  Access access = {.type = view->type};
  access.pointer = step_pointer(lower->program, step, view->buffer, dim_bytes(view->type, view->offset));
  for (int i = 0; i < COORDS; i++) access.stride[i] = dim_is(view->dims[i], 1) ? dim_const(0) : view->strides[i];
  return access;
}

Func *step_store(Lower *lower, Step *step, const View *out) {
  Func *func = step_func(lower->program, step, FUNC_STORE, out->type);
  memcpy(func->space, out->dims, sizeof func->space);
  Access access = view_access(lower, step, out);
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
  Access access = view_access(lower, step, in);
  return func_load(lower->program, func, &access);
}

int step_fetch_more(Lower *lower, Step *step, Func *func, const View *in) {
  Access access = view_access(lower, step, in);
  access.fetched = true;
  return func_load(lower->program, func, &access);
}

// Puts the dims of all views in the order of the first one's strides, drops those of size 1 and joins neighbours that
// every view steps through alike.
static void collapse(View *views, size_t count) {
  int order[MAX_RANK] = {0}, rank = 0;
  stride_order(&views[0], order);
  View result[MAX_VIEWS];
  for (size_t v = 0; v < count; v++) result[v] = views[v];
  for (int i = 0; i < views[0].rank; i++) {
    Dim size = views[0].dims[order[i]];
    if (dim_is(size, 1)) continue;
    bool join = rank > 0;
    for (size_t v = 0; v < count && join; v++)
      join = dim_equal(result[v].strides[rank - 1], dim_mul(views[v].strides[order[i]], size));
    if (!join) rank++;
    for (size_t v = 0; v < count; v++) {
      result[v].dims[rank - 1] = join ? dim_mul(result[v].dims[rank - 1], size) : size;
      result[v].strides[rank - 1] = views[v].strides[order[i]];
    }
  }
  for (size_t v = 0; v < count; v++) {
    views[v] = result[v];
    views[v].rank = rank;
  }
}

bool view_to_coords(View *view) {
  if (view->rank > COORDS) return false;
  int shift = COORDS - view->rank;
  for (int i = COORDS - 1; i >= 0; i--) {
    view->dims[i] = i >= shift ? view->dims[i - shift] : dim_const(1);
    view->strides[i] = i >= shift ? view->strides[i - shift] : dim_const(0);
  }
  view->rank = COORDS;
  return true;
}

enum { MAX_SPLITS = 16 };

// The loads that a value really uses: by EX_LOAD or by EX_FETCH.
static void find_loads(const Expr *e, ScalarOp op, bool *used) {
  if (e->op == op) used[e->index] = true;
  for (int i = 0; i < 3 && e->a[i]; i++) find_loads(e->a[i], op, used);
}

// One map step over views[0] (written) and the others, all of the same dims.
static bool emit_map(Lower *lower, View *views, size_t count, const Expr *value) {
  if (views[0].rank > COORDS) { // a step for each index of the outermost dim
    int64_t size = views[0].dims[0].value;
    bool fetched[MAX_VIEWS] = {0};
    find_loads(value, EX_FETCH, fetched);
    if (!dim_is_const(views[0].dims[0]) || size > MAX_SPLITS || expr_uses_coord(lower->program->exprs, value))
      return lower_map_wide(lower, views, count, fetched, value);
    for (int64_t i = 0; i < size; i++) {
      View part[MAX_VIEWS];
      for (size_t v = 0; v < count; v++) {
        part[v] = views[v];
        part[v].offset = dim_add(part[v].offset, dim_times(views[v].strides[0], i));
        part[v].rank--;
        memmove(part[v].dims, part[v].dims + 1, (size_t)part[v].rank * sizeof *part[v].dims);
        memmove(part[v].strides, part[v].strides + 1, (size_t)part[v].rank * sizeof *part[v].strides);
      }
      if (!emit_map(lower, part, count, value)) return false;
    }
    return true;
  }
  Program *program = lower->program;
  for (size_t v = 0; v < count; v++) view_to_coords(&views[v]);
  Step *step = lower_step(lower, "map");
  step_dims(program, step, COORDS, views[0].dims);
  Func *body = step_func(program, step, FUNC_BODY, views[0].type);
  memcpy(body->space, views[0].dims, sizeof body->space);
  const Expr *loads[MAX_VIEWS] = {0};
  bool fetched[MAX_VIEWS] = {0};
  find_loads(value, EX_FETCH, fetched);
  for (size_t v = 1; v < count; v++) {
    int load =
        fetched[v - 1] ? step_fetch_more(lower, step, body, &views[v]) : step_load_more(lower, step, body, &views[v]);
    loads[v - 1] = expr_load(program->exprs, views[v].type, load);
  }
  Access access = view_access(lower, step, &views[0]);
  func_store(program, body, &access, expr_substitute(program->exprs, value, NULL, loads));
  step->parts = count_parts(view_count(&views[0]), 4096);
  return true;
}

bool lower_map(Lower *lower, const View *out, const View *ins, size_t count, const Expr *value) {
  assert(count < MAX_VIEWS && value->type == out->type);
  if (view_is_empty(out)) return true;
  View views[MAX_VIEWS];
  const Expr *renumbered[MAX_VIEWS] = {0};
  bool used[MAX_VIEWS] = {0};
  size_t kept = 1;
  find_loads(value, EX_LOAD, used);
  find_loads(value, EX_FETCH, used);
  views[0] = *out;
  for (size_t i = 0; i < count; i++) {
    if (!used[i]) continue;
    lower_check_broadcast(lower, &ins[i], out->rank, out->dims);
    views[kept] = view_broadcast(&ins[i], out->rank, out->dims);
    renumbered[i] = expr_load(lower->program->exprs, ins[i].type, (int)kept - 1);
    kept++;
  }
  value = expr_substitute(lower->program->exprs, value, NULL, renumbered);
  if (!expr_uses_coord(lower->program->exprs, value)) collapse(views, kept);
  return emit_map(lower, views, kept, value);
}

static bool is_below(Dim dim, int64_t least) { return dim_is_const(dim) && dim.value < least; }

// Copies whose last dims change places go through the transpose template, which moves whole tiles.
static bool copy_transposed(Lower *lower, View *views) {
  View *out = &views[0], *in = &views[1];
  if (dtype_unit(out->type) > 8) return false;
  int rank = out->rank, col = rank - 1, row = -1;
  if (rank < 2 || rank > 4 || !dim_is(out->strides[col], 1) || dim_is(in->strides[col], 1)) return false;
  for (int i = 0; i < col; i++)
    if (dim_is(in->strides[i], 1)) row = i;
  if (row < 0 || is_below(out->dims[row], 4) || is_below(out->dims[col], 4)) return false;
  Dim one = dim_const(1), n[2] = {one, one}, x[2] = {0}, y[2] = {0};
  for (int i = 0, k = 4 - rank; i < col; i++) {
    if (i == row) continue;
    n[k] = out->dims[i], x[k] = in->strides[i], y[k] = out->strides[i], k++;
  }
  // In the template's words: rows of x are `col` here (stride xr), its columns are `row` (stride xc = 1).
  Program *program = lower->program;
  Step *step = lower_step(lower, "transpose");
  ADD_DIMS(program, step, dim_const(dtype_unit(out->type)), n[0], n[1], out->dims[col], out->dims[row]);
  step_view(lower, step, in);
  ADD_DIMS(program, step, x[0], x[1], in->strides[col], one);
  step_view(lower, step, out);
  ADD_DIMS(program, step, y[0], y[1], out->strides[row], one);
  step->parts = count_parts(view_count(out), 4096);
  return true;
}

bool lower_copy(Lower *lower, const View *out, const View *in) {
  if (view_is_empty(out)) return true;
  View views[2] = {*out, view_broadcast(in, out->rank, out->dims)};
  collapse(views, 2);
  if (copy_transposed(lower, views)) return true;
  return emit_map(lower, views, 2, expr_load(lower->program->exprs, out->type, 0));
}

Buffer *lower_pack(Lower *lower, const Tensor *tensor, const Pack *pack, const char *name) {
  Buffer *buffer = buffer_new(lower->program, BUFFER_WEIGHT, dim_const(0), name);
  buffer->tensor = tensor;
  buffer->pack = *pack;
  buffer->bytes = dim_bytes(tensor->type, dim_const(pack_count(buffer)));
  return buffer;
}

void lower_report(Lower *lower, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = arena_vprintf(lower->model->arena, format, args);
  va_end(args);
  node_report(lower->model, lower->node, "%s", text);
}

/* the whole graph */

// A step has the name of a node; what stands for none has one made up.
static Node *nameless(Lower *lower, const Graph *graph, const Value *value, const char *op) {
  Node *node = NEW(lower->program->arena, Node);
  node->loc = (Loc){.file = lower->model->file, .graph = graph->name, .name = value->name, .op = op};
  return node;
}

// Elements that shapes are made of go into the frame as soon as they are computed.
static bool measure(Lower *lower, const Value *value) {
  if (!value->measured || value->data) return true;
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

// An output whose dims are found out leaves them in the frame, with its place in the heap behind them.
static void report_output(Lower *lower, size_t i, const View *view) {
  Program *program = lower->program;
  size_t count = (size_t)view->rank + 1;
  Dim *slots = NEW_ARRAY(program->arena, Dim, count);
  for (size_t k = 0; k < count; k++)
    slots[k] = dim_alias(program->dims, "output", k + 1 < count ? view->dims[k] : dim_const(0));
  program->output_slots[i] = frame_slots(program, count, slots);
  view->buffer->place_symbol = slots[count - 1];
  Step *step = step_control(program, STEP_DIMS, &lower->node->loc, "outputs");
  step->dims = slots;
  step->dim_count = count;
}

static bool is_packed(DType type) { return dtype_bits(type) > 0 && dtype_bits(type) < 8; }

// Elements narrower than a byte are packed in inputs and outputs, and one a byte in between.
static Dim packed_bytes(DType type, Dim count) { return dim_div_up(count, 8 / dtype_bits(type)); }

static View lower_unpacked(Lower *lower, const View *in, const char *name) {
  View out = view_dense(NULL, in->type, in->rank, in->dims);
  Dim count = view_count(in);
  bool is_signed = dtype_is_signed(in->type) && !dtype_is_float(in->type);
  out.buffer = buffer_new(lower->program, BUFFER_ARENA, count, name);
  if (view_is_empty(in)) return out;
  Step *step = lower_step(lower, "unpack_bits");
  ADD_DIMS(lower->program, step, dim_const(dtype_bits(in->type)), dim_const(is_signed), count);
  step_buffer(lower->program, step, in->buffer, dim_const(0));
  step_buffer(lower->program, step, out.buffer, dim_const(0));
  step->parts = count_parts(count, 4096);
  return out;
}

static void lower_packed(Lower *lower, Buffer *out, const View *view, const char *name) {
  View in = lower_dense_view(lower, view, name);
  Dim count = view_count(&in);
  if (view_is_empty(&in)) return;
  Step *step = lower_step(lower, "pack_bits");
  ADD_DIMS(lower->program, step, dim_const(dtype_bits(in.type)), count);
  step_view(lower, step, &in);
  step_buffer(lower->program, step, out, dim_const(0));
  step->parts = count_parts(count, 4096);
}

// The graph's outputs get buffers of their own, in row-major order.
static bool lower_outputs(Lower *lower, const Graph *graph) {
  Program *program = lower->program;
  for (size_t i = 0; i < graph->output_count; i++) {
    Value *value = graph->outputs[i];
    View view = lower_in(lower, value);
    bool whole = view.buffer->kind == BUFFER_ARENA && view_is_dense(&view) && dim_is(view.offset, 0) &&
                 dim_equal(view.buffer->bytes, dim_bytes(view.type, view_count(&view))) && !is_packed(view.type);
    lower->node = value->producer ? value->producer : nameless(lower, graph, value, "output");
    if (whole) {
      view.buffer->kind = BUFFER_OUTPUT;
      view.buffer->io = (int)i;
    } else {
      bool packed = is_packed(view.type);
      Dim count = view_count(&view), bytes = packed ? packed_bytes(view.type, count) : dim_bytes(view.type, count);
      Buffer *buffer = buffer_new(program, BUFFER_OUTPUT, bytes, value->name);
      buffer->io = (int)i;
      View out = view_dense(buffer, view.type, view.rank, view.dims);
      if (packed)
        lower_packed(lower, buffer, &view, value->name);
      else if (!lower_copy(lower, &out, &view))
        return false;
      view = out;
    }
    if (!view_is_static(&view)) report_output(lower, i, &view);
  }
  return true;
}

static bool lower_inputs(Lower *lower, const Graph *graph) {
  Program *program = lower->program;
  for (size_t i = 0; i < graph->input_count; i++) {
    Value *value = graph->inputs[i];
    View view = view_dense(NULL, value_storage(value), value->rank, value->dims);
    bool packed = is_packed(view.type);
    Dim count = view_count(&view), bytes = packed ? packed_bytes(view.type, count) : dim_bytes(view.type, count);
    view.buffer = buffer_new(program, BUFFER_INPUT, bytes, value->name);
    view.buffer->io = (int)i;
    if (!view_is_static(&view)) program->input_slots[i] = frame_input(program, (size_t)value->rank, value->dims);
    lower->node = nameless(lower, graph, value, "input");
    if (packed) view = lower_unpacked(lower, &view, value->name);
    set_view(lower, value, &view);
    if (!measure(lower, value)) return false;
  }
  return true;
}

bool lower_node(Lower *lower, Node *node) {
  lower->node = node;
  if (!node->op->lower(lower, node)) return false;
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && !measure(lower, node->out[i])) return false;
  return true;
}

static Program *lower_graph(Arena *arena, const Graph *graph, const Target *target, Program *const *others,
                            size_t other_count) {
  Model *model = graph->model;
  Program *program = program_new(arena, model->dims);
  Lower lower = {.model = model, .target = target, .program = program, .others = others, .other_count = other_count};
  lower.views = NEW_ARRAY(arena, View *, (size_t)model->values);
  lower.channels_last = NEW_ARRAY(arena, View *, (size_t)model->values);
  program->inputs = graph->inputs, program->input_count = graph->input_count;
  program->outputs = graph->outputs, program->output_count = graph->output_count;
  program->input_slots = NEW_ARRAY(arena, int, graph->input_count);
  program->output_slots = NEW_ARRAY(arena, int, graph->output_count);
  for (size_t i = 0; i < graph->input_count; i++)
    if (graph->inputs[i]->type == DT_STRING) program_pool(program);
  int errors = model->diag->errors;
  if (!lower_inputs(&lower, graph)) return NULL;
  for (Node *node = graph->first; node; node = node->next) {
    if (!lower_node(&lower, node)) { // go on, so that all nodes that cannot be lowered are named
      for (size_t i = 0; i < node->out_count; i++)
        if (node->out[i] && !lower.views[node->out[i]->id]) lower_out(&lower, node->out[i]);
    }
  }
  if (model->diag->errors > errors || !lower_outputs(&lower, graph)) return NULL;
  return program;
}

Program *make_program(Arena *arena, const Graph *graph, const Target *target) {
  return make_program_beside(arena, graph, target, NULL, 0);
}

Program *make_program_beside(Arena *arena, const Graph *graph, const Target *target, Program *const *others,
                             size_t count) {
  Program *program = lower_graph(arena, graph, target, others, count);
  if (!program) return NULL;
  program_fuse(program);
  program_plan(program);
  program_verify(program);
  return program;
}
