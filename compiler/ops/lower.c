// Lowering: views, outputs, elementwise steps and copies; what the operators' lower rules are written with.
//
// A view is logical dims over physical strides. Layout is decided here, operator by operator: a rule asks for its input
// in the order that its template reads and gets the view as it is when the strides agree already. No pass moves layouts
// around, because transposing a view costs nothing.
#include "compiler/ops/lower.h"

#include <assert.h>
#include <string.h>

/* views */

View view_dense(Buffer *buffer, DType type, int rank, const int64_t *dims) {
  View view = {.buffer = buffer, .type = type, .rank = rank};
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    view.dims[i] = dims[i];
    view.strides[i] = stride;
    stride *= dims[i];
  }
  return view;
}

int64_t view_count(const View *view) {
  int64_t count = 1;
  for (int i = 0; i < view->rank; i++) count *= view->dims[i];
  return count;
}

bool view_is_dense(const View *view) {
  int64_t stride = 1;
  for (int i = view->rank - 1; i >= 0; i--) {
    if (view->dims[i] != 1 && view->strides[i] != stride) return false;
    stride *= view->dims[i];
  }
  return true;
}

// Dims of `view` that lie behind one another in memory are one digit; each new dim must be a part of one digit.
bool view_reshape(const View *view, int rank, const int64_t *dims, View *out) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  memcpy(result.dims, dims, (size_t)rank * sizeof *dims);
  if (view_count(view) == 0) {
    *out = view_dense(view->buffer, view->type, rank, dims);
    out->offset = view->offset;
    return true;
  }
  int64_t left = 1, stride = 0; // of the digit being taken apart, from its low end
  int from = view->rank - 1;
  for (int to = rank - 1; to >= 0; to--) {
    int64_t need = dims[to];
    if (need == 1) {
      result.strides[to] = stride * left;
      continue;
    }
    while (left == 1) { // the next digit, with all dims that continue it
      if (from < 0) return false;
      stride = view->strides[from];
      left = view->dims[from--];
    }
    while (from >= 0 && (view->dims[from] == 1 || view->strides[from] == stride * left)) left *= view->dims[from--];
    if (left % need) return false;
    result.strides[to] = stride;
    stride *= need;
    left /= need;
  }
  *out = result;
  return true;
}

View view_broadcast(const View *view, int rank, const int64_t *dims) {
  View result = {.buffer = view->buffer, .type = view->type, .rank = rank, .offset = view->offset};
  for (int i = 0; i < rank; i++) {
    int own = i - (rank - view->rank);
    result.dims[i] = dims[i];
    assert(own < 0 || view->dims[own] == 1 || view->dims[own] == dims[i]);
    result.strides[i] = own < 0 || view->dims[own] != dims[i] ? 0 : view->strides[own];
  }
  return result;
}

/* values */

static void set_view(Lower *lower, const Value *value, const View *view) {
  View *copy = NEW(lower->program->arena, View);
  *copy = *view;
  lower->views[value->id] = copy;
}

static void static_dims(const Value *value, int64_t *dims) {
  assert(value->rank >= 0);
  for (int i = 0; i < value->rank; i++) dims[i] = value->dims[i].value;
}

View lower_in(Lower *lower, const Value *value) {
  if (!lower->views[value->id]) {
    assert(value->data);
    const Tensor *data = tensor_unpacked(lower->program->arena, value->data);
    Buffer *buffer =
        buffer_new(lower->program, BUFFER_WEIGHT, dtype_size(data->type) * tensor_count(data), value->name);
    buffer->tensor = data;
    View view = view_dense(buffer, value->type, value->data->rank, value->data->dims);
    set_view(lower, value, &view);
  }
  return *lower->views[value->id];
}

static View new_arena_view(Lower *lower, const char *name, DType type, int rank, const int64_t *dims) {
  View view = view_dense(NULL, type, rank, dims);
  view.buffer = buffer_new(lower->program, BUFFER_ARENA, dtype_size(type) * view_count(&view), name);
  return view;
}

View lower_scratch(Lower *lower, DType type, int rank, const int64_t *dims) {
  return new_arena_view(lower, lower->node->out[0]->name, type, rank, dims);
}

View lower_out(Lower *lower, Value *value) {
  int64_t dims[MAX_RANK];
  static_dims(value, dims);
  View view = new_arena_view(lower, value->name, value->type, value->rank, dims);
  set_view(lower, value, &view);
  return view;
}

// Dims by falling stride, those of size 1 first: order[0] is the outermost in memory.
static void stride_order(const View *view, int *order) {
  int ones = 0, count = 0;
  for (int i = 0; i < view->rank; i++)
    if (view->dims[i] == 1) order[ones++] = i;
  for (int i = 0; i < view->rank; i++) {
    if (view->dims[i] == 1) continue;
    int k = ones + count++;
    for (; k > ones && view->strides[order[k - 1]] < view->strides[i]; k--) order[k] = order[k - 1];
    order[k] = i;
  }
}

View lower_out_like(Lower *lower, Value *value, const View *like) {
  int order[MAX_RANK] = {0};
  View view = lower_out(lower, value);
  assert(like->rank == view.rank);
  stride_order(like, order);
  int64_t stride = 1;
  for (int i = view.rank - 1; i >= 0; i--) {
    view.strides[order[i]] = stride;
    stride *= view.dims[order[i]];
  }
  set_view(lower, value, &view);
  return view;
}

static void order_channels_last(View *view) {
  int64_t stride = view->dims[1];
  view->strides[1] = 1;
  for (int i = view->rank - 1; i >= 2; i--) {
    view->strides[i] = stride;
    stride *= view->dims[i];
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
    if (a->dims[i] != 1 && a->strides[i] != b->strides[i]) return false;
  return true;
}

// `view` itself when its strides are those of `wanted`, else a copy of it there.
static View copy_unless_same(Lower *lower, const View *view, View wanted, const char *name) {
  if (same_strides(view, &wanted)) {
    wanted.buffer = view->buffer;
    wanted.offset = view->offset;
    return wanted;
  }
  wanted.buffer = buffer_new(lower->program, BUFFER_ARENA, dtype_size(view->type) * view_count(view), name);
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
  if (view.rank == 0 || view.dims[view.rank - 1] == 1 || view.strides[view.rank - 1] == 1) return view;
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

void step_view(Lower *lower, Step *step, const View *view) {
  step_buffer(lower->program, step, view->buffer, view->offset * dtype_size(view->type));
}

static Access view_access(Lower *lower, Step *step, const View *view) {
  assert(view->rank == COORDS);
  Access access = {.type = view->type};
  access.pointer = step_pointer(lower->program, step, view->buffer, view->offset * dtype_size(view->type));
  for (int i = 0; i < COORDS; i++) access.stride[i] = view->dims[i] == 1 ? 0 : view->strides[i];
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
    int64_t size = views[0].dims[order[i]];
    if (size == 1) continue;
    bool join = rank > 0;
    for (size_t v = 0; v < count && join; v++) join = result[v].strides[rank - 1] == views[v].strides[order[i]] * size;
    if (!join) rank++;
    for (size_t v = 0; v < count; v++) {
      result[v].dims[rank - 1] = join ? result[v].dims[rank - 1] * size : size;
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
    view->dims[i] = i >= shift ? view->dims[i - shift] : 1;
    view->strides[i] = i >= shift ? view->strides[i - shift] : 0;
  }
  view->rank = COORDS;
  return true;
}

enum { MAX_SPLITS = 4096 };

// The loads that a value really uses: by EX_LOAD or by EX_FETCH.
static void find_loads(const Expr *e, ScalarOp op, bool *used) {
  if (e->op == op) used[e->index] = true;
  for (int i = 0; i < 3 && e->a[i]; i++) find_loads(e->a[i], op, used);
}

// One map step over views[0] (written) and the others, all of the same dims.
static bool emit_map(Lower *lower, View *views, size_t count, const Expr *value) {
  if (views[0].rank > COORDS) { // a step for each index of the outermost dim
    int64_t size = views[0].dims[0];
    if (size > MAX_SPLITS) return lower_error(lower, "elementwise over %d dims that cannot be joined", views[0].rank);
    for (int64_t i = 0; i < size; i++) {
      View part[MAX_VIEWS];
      for (size_t v = 0; v < count; v++) {
        part[v] = views[v];
        part[v].offset += i * views[v].strides[0];
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
  for (int i = 0; i < COORDS; i++) step_int(program, step, views[0].dims[i]);
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
  step->parts = views[0].dims[0] * views[0].dims[1] * views[0].dims[2] * views[0].dims[3] / 4096 + 1;
  return true;
}

bool lower_map(Lower *lower, const View *out, const View *ins, size_t count, const Expr *value) {
  assert(count < MAX_VIEWS && value->type == out->type);
  if (view_count(out) == 0) return true;
  View views[MAX_VIEWS];
  const Expr *renumbered[MAX_VIEWS] = {0};
  bool used[MAX_VIEWS] = {0};
  size_t kept = 1;
  find_loads(value, EX_LOAD, used);
  find_loads(value, EX_FETCH, used);
  views[0] = *out;
  for (size_t i = 0; i < count; i++) {
    if (!used[i]) continue;
    views[kept] = view_broadcast(&ins[i], out->rank, out->dims);
    renumbered[i] = expr_load(lower->program->exprs, ins[i].type, (int)kept - 1);
    kept++;
  }
  value = expr_substitute(lower->program->exprs, value, NULL, renumbered);
  if (!expr_uses_coord(lower->program->exprs, value)) collapse(views, kept);
  if (views[0].rank > COORDS && expr_uses_coord(lower->program->exprs, value))
    return lower_error(lower, "coordinates of more than %d dims", COORDS);
  return emit_map(lower, views, kept, value);
}

// Copies whose last dims change places go through the transpose template, which moves whole tiles.
static bool copy_transposed(Lower *lower, View *views) {
  View *out = &views[0], *in = &views[1];
  int rank = out->rank, col = rank - 1, row = -1;
  if (rank < 2 || rank > 4 || out->strides[col] != 1 || in->strides[col] == 1) return false;
  for (int i = 0; i < col; i++)
    if (in->strides[i] == 1) row = i;
  if (row < 0 || out->dims[row] < 4 || out->dims[col] < 4) return false;
  int64_t n[2] = {1, 1}, x[2] = {0, 0}, y[2] = {0, 0};
  for (int i = 0, k = 4 - rank; i < col; i++) {
    if (i == row) continue;
    n[k] = out->dims[i], x[k] = in->strides[i], y[k] = out->strides[i], k++;
  }
  // In the template's words: rows of x are `col` here (stride xr), its columns are `row` (stride xc = 1).
  Program *program = lower->program;
  Step *step = lower_step(lower, "transpose");
  const int64_t head[] = {dtype_size(out->type), n[0], n[1], out->dims[col], out->dims[row]};
  for (size_t i = 0; i < COUNT(head); i++) step_int(program, step, head[i]);
  step_view(lower, step, in);
  const int64_t from[] = {x[0], x[1], in->strides[col], 1};
  for (size_t i = 0; i < COUNT(from); i++) step_int(program, step, from[i]);
  step_view(lower, step, out);
  const int64_t to[] = {y[0], y[1], out->strides[row], 1};
  for (size_t i = 0; i < COUNT(to); i++) step_int(program, step, to[i]);
  step->parts = view_count(out) / 4096 + 1;
  return true;
}

bool lower_copy(Lower *lower, const View *out, const View *in) {
  if (view_count(out) == 0) return true;
  View views[2] = {*out, view_broadcast(in, out->rank, out->dims)};
  collapse(views, 2);
  if (copy_transposed(lower, views)) return true;
  return emit_map(lower, views, 2, expr_load(lower->program->exprs, out->type, 0));
}

Buffer *lower_pack(Lower *lower, const Tensor *tensor, const Pack *pack, const char *name) {
  Buffer *buffer = buffer_new(lower->program, BUFFER_WEIGHT, 0, name);
  buffer->tensor = tensor;
  buffer->pack = *pack;
  buffer->bytes = dtype_size(tensor->type) * pack_count(buffer);
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

// Steps at the boundary have the name of a value.
static void set_boundary(Lower *lower, const Graph *graph, const char *name, const char *op) {
  lower->node = NEW(lower->program->arena, Node);
  lower->node->loc = (Loc){.file = lower->model->file, .graph = graph->name, .name = name, .op = op};
}

static bool is_packed(DType type) { return dtype_bits(type) > 0 && dtype_bits(type) < 8; }

// Elements narrower than a byte are packed in inputs and outputs, and one a byte in between.
static View lower_unpacked(Lower *lower, const View *in, const char *name) {
  View out = view_dense(NULL, in->type, in->rank, in->dims);
  out.buffer = buffer_new(lower->program, BUFFER_ARENA, view_count(in), name);
  if (view_count(in) == 0) return out;
  Step *step = lower_step(lower, "unpack_bits");
  const int64_t args[] = {dtype_bits(in->type), dtype_is_signed(in->type) && !dtype_is_float(in->type), view_count(in)};
  for (size_t i = 0; i < COUNT(args); i++) step_int(lower->program, step, args[i]);
  step_buffer(lower->program, step, in->buffer, 0);
  step_buffer(lower->program, step, out.buffer, 0);
  step->parts = view_count(in) / 4096 + 1;
  return out;
}

static void lower_packed(Lower *lower, Buffer *out, const View *view, const char *name) {
  View in = lower_dense_view(lower, view, name);
  if (view_count(&in) == 0) return;
  Step *step = lower_step(lower, "pack_bits");
  step_int(lower->program, step, dtype_bits(in.type));
  step_int(lower->program, step, view_count(&in));
  step_view(lower, step, &in);
  step_buffer(lower->program, step, out, 0);
  step->parts = view_count(&in) / 4096 + 1;
}

// The graph's outputs get buffers of their own, in row-major order.
static bool lower_outputs(Lower *lower, const Graph *graph) {
  Program *program = lower->program;
  for (size_t i = 0; i < graph->output_count; i++) {
    Value *value = graph->outputs[i];
    View view = lower_in(lower, value);
    bool whole = view.buffer->kind == BUFFER_ARENA && view_is_dense(&view) && view.offset == 0 &&
                 view.buffer->bytes == dtype_bytes(view.type, view_count(&view)) && !is_packed(view.type);
    if (whole) {
      view.buffer->kind = BUFFER_OUTPUT;
      view.buffer->io = (int)i;
      continue;
    }
    Buffer *buffer = buffer_new(program, BUFFER_OUTPUT, dtype_bytes(view.type, view_count(&view)), value->name);
    buffer->io = (int)i;
    View out = view_dense(buffer, view.type, view.rank, view.dims);
    lower->node = value->producer;
    if (!lower->node) set_boundary(lower, graph, value->name, "output"); // an input or a constant
    if (is_packed(view.type))
      lower_packed(lower, buffer, &view, value->name);
    else if (!lower_copy(lower, &out, &view))
      return false;
  }
  return true;
}

static Program *lower_graph(Arena *arena, const Graph *graph, const Target *target) {
  Model *model = graph->model;
  Program *program = program_new(arena);
  Lower lower = {.model = model, .target = target, .program = program};
  lower.views = NEW_ARRAY(arena, View *, (size_t)model->values);
  lower.channels_last = NEW_ARRAY(arena, View *, (size_t)model->values);
  program->inputs = graph->inputs, program->input_count = graph->input_count;
  program->outputs = graph->outputs, program->output_count = graph->output_count;
  int errors = model->diag->errors;
  for (size_t i = 0; i < graph->input_count; i++) {
    Value *value = graph->inputs[i];
    Buffer *buffer = buffer_new(program, BUFFER_INPUT, dtype_bytes(value->type, value_count(value)), value->name);
    int64_t dims[MAX_RANK];
    buffer->io = (int)i;
    static_dims(value, dims);
    View view = view_dense(buffer, value->type, value->rank, dims);
    set_boundary(&lower, graph, value->name, "input");
    if (is_packed(view.type)) view = lower_unpacked(&lower, &view, value->name);
    set_view(&lower, value, &view);
  }
  for (Node *node = graph->first; node; node = node->next) {
    lower.node = node;
    if (!node->op->lower(&lower, node)) { // go on, so that all nodes that cannot be lowered are named
      for (size_t i = 0; i < node->out_count; i++)
        if (node->out[i] && !lower.views[node->out[i]->id]) lower_out(&lower, node->out[i]);
    }
  }
  if (model->diag->errors > errors || !lower_outputs(&lower, graph)) return NULL;
  return program;
}

Program *make_program(Arena *arena, const Graph *graph, const Target *target) {
  Program *program = lower_graph(arena, graph, target);
  if (!program) return NULL;
  program_fuse(program);
  program_plan(program);
  program_verify(program);
  return program;
}
