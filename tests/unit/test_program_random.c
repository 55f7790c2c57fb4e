// Random Programs before and after program_fuse and program_plan must compute the same, bit for bit: maps over
// transposed, reshaped, sliced and broadcast views, written in any layout or into parts of larger buffers, between
// products, reductions, softmaxes and plain copies.
#undef NDEBUG
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/program_eval.h"

static uint64_t random_state;
static int64_t pick(int64_t n) { // 0 <= result < n
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)((random_state >> 11) % (uint64_t)n);
}
static bool chance(int percent) { return pick(100) < percent; }

/* views */

typedef struct {
  Buffer *buffer;
  DType type;
  int64_t offset; // elements
  int64_t dims[COORDS], strides[COORDS];
} View;

typedef struct {
  Arena *arena;
  Program *program;
  View views[64];
  int view_count;
  int outputs, inputs;
} Maker;

static int64_t count_of(const View *v) { return v->dims[0] * v->dims[1] * v->dims[2] * v->dims[3]; }
static int64_t size_of(DType type) { return dtype_bits(type) / 8; }

static void set_dense(View *v) {
  int order[] = {0, 1, 2, 3};
  if (chance(40))
    for (int i = 3; i > 0; i--) {
      int k = (int)pick(i + 1), t = order[i];
      order[i] = order[k];
      order[k] = t;
    }
  int64_t stride = 1;
  for (int i = 3; i >= 0; i--) {
    v->strides[order[i]] = stride;
    stride *= v->dims[order[i]];
  }
}

static Buffer *new_buffer(Maker *m, BufferKind kind, int64_t bytes) {
  Buffer *b = buffer_new(m->program, kind, dim_const(bytes), "");
  if (kind == BUFFER_OUTPUT) b->io = m->outputs++;
  if (kind == BUFFER_INPUT) b->io = m->inputs++;
  return b;
}

// A new place for a result of the given dims: any dense layout, or part of a larger buffer.
static View new_view(Maker *m, DType type, const int64_t dims[COORDS]) {
  View v = {.type = type};
  memcpy(v.dims, dims, sizeof v.dims);
  BufferKind kind = chance(8) ? BUFFER_OUTPUT : BUFFER_ARENA;
  if (kind == BUFFER_ARENA && chance(6)) { // with elements before and behind it that nobody writes
    set_dense(&v);
    for (int i = 0; i < COORDS; i++) v.strides[i] *= 2;
    v.offset = 1;
    v.buffer = new_buffer(m, kind, (2 * count_of(&v) + 1) * size_of(type));
  } else {
    set_dense(&v);
    v.buffer = new_buffer(m, kind, count_of(&v) * size_of(type));
  }
  return v;
}

static void add_view(Maker *m, const View *v) { m->views[m->view_count < 64 ? m->view_count++ : pick(64)] = *v; }

// Another way to see a view: dims in another order, a slice, or other dims over a dense buffer.
static View see(View v) {
  if (chance(30)) {
    int i = (int)pick(4), k = (int)pick(4);
    int64_t d = v.dims[i], s = v.strides[i];
    v.dims[i] = v.dims[k], v.strides[i] = v.strides[k];
    v.dims[k] = d, v.strides[k] = s;
  }
  if (chance(25)) // joins two dims, or splits one
    for (int i = 0; i < 3; i++) {
      if (v.strides[i] == v.strides[i + 1] * v.dims[i + 1] && v.dims[i] > 1 && chance(50)) {
        v.dims[i + 1] *= v.dims[i];
        v.dims[i] = 1;
      } else if (v.dims[i] == 1 && v.dims[i + 1] % 2 == 0 && chance(50)) {
        v.dims[i] = 2;
        v.dims[i + 1] /= 2;
        v.strides[i] = v.strides[i + 1] * v.dims[i + 1];
      }
    }
  bool dense = true;
  int64_t first = 0, next = 0; // strides of the innermost dim, and of one that goes on from it
  for (int i = 3; i >= 0; i--) {
    if (v.dims[i] == 1) continue;
    if (!first) first = next = v.strides[i];
    dense &= v.strides[i] == next;
    next *= v.dims[i];
  }
  if (dense && first > 0 && chance(40)) { // any other dims
    int64_t rest = count_of(&v), stride = first;
    for (int i = 3; i >= 0; i--) {
      int64_t d = 1 + pick(6);
      v.dims[i] = i == 0 ? rest : rest % d ? 1 : d;
      v.strides[i] = stride;
      rest /= v.dims[i];
      stride *= v.dims[i];
    }
  }
  if (chance(8)) {
    int i = (int)pick(4);
    if (v.dims[i] > 1) v.offset += v.strides[i], v.dims[i]--;
  }
  if (chance(4)) { // backwards
    int i = (int)pick(4);
    v.offset += (v.dims[i] - 1) * v.strides[i];
    v.strides[i] = -v.strides[i];
  }
  return v;
}

/* steps */

static Access access_of(Maker *m, Step *step, const View *v) {
  Access a = {.pointer = step_pointer(m->program, step, v->buffer, dim_const(v->offset * size_of(v->type))),
              .type = v->type};
  set_dims(a.stride, v->strides);
  return a;
}

static Step *new_step(Maker *m, const char *kernel) {
  static const Loc loc = {.file = "random"};
  Step *step = step_new(m->program, kernel, &loc, arena_printf(m->arena, "s%zu", m->program->step_count));
  step->parts = 1 + pick(4);
  return step;
}

// Joins and moves coordinates at random where all views allow it.
static void collapse(View *views, int count) {
  for (int i = 0; i < 3; i++) {
    if (views[0].dims[i] == 1 && chance(50)) { // a coordinate without use moves
      for (int k = 0; k < count; k++) {
        views[k].dims[i] = views[k].dims[i + 1], views[k].strides[i] = views[k].strides[i + 1];
        views[k].dims[i + 1] = 1, views[k].strides[i + 1] = pick(3);
      }
      continue;
    }
    bool joins = chance(60);
    for (int k = 0; k < count; k++) joins &= views[k].strides[i] == views[k].strides[i + 1] * views[k].dims[i + 1];
    if (!joins) continue;
    for (int k = 0; k < count; k++) {
      views[k].dims[i + 1] *= views[k].dims[i];
      views[k].dims[i] = 1;
      views[k].strides[i] = 0;
    }
  }
}

static const Expr *random_value(Maker *m, DType type, const Expr **x, int count) {
  ExprTable *t = m->program->exprs;
  const Expr *e = x[0];
  for (int i = 1; i < count; i++) {
    static const ScalarOp both[] = {EX_ADD, EX_SUB, EX_MUL, EX_MAX};
    if (type == DT_I64 && chance(12))
      e = expr_op(t, EX_DIV, e, expr_op(t, EX_OR, x[i], expr_int(t, type, 1), NULL), NULL);
    else if (chance(10))
      e = expr_op(t, EX_SELECT, expr_op(t, EX_LT, e, x[i], NULL), e, x[i]);
    else
      e = expr_op(t, both[pick(4)], e, x[i], NULL);
  }
  switch (pick(6)) {
  case 0: return expr_op(t, EX_NEG, e, NULL, NULL);
  case 1: return expr_op(t, EX_ADD, e, expr_const(t, type, 3), NULL);
  case 2: return expr_op(t, EX_MUL, e, expr_const(t, type, type == DT_F32 ? 0.5 : 3), NULL);
  case 3: return expr_op(t, EX_SUB, expr_const(t, type, 1), e, NULL);
  default: return e;
  }
}

static Tensor *random_tensor(Maker *m, DType type, int64_t count) {
  Tensor *tensor = NEW(m->arena, Tensor);
  int64_t *dims = NEW(m->arena, int64_t);
  *dims = count;
  char *data = arena_alloc(m->arena, (size_t)(count * 8));
  for (int64_t i = 0; i < count; i++) {
    float f = (float)(pick(17) - 8) / 4;
    int64_t n = pick(17) - 8;
    memcpy(data + i * size_of(type), type == DT_F32 ? (void *)&f : (void *)&n, (size_t)size_of(type));
  }
  *tensor = (Tensor){.type = type, .rank = 1, .dims = dims, .data = data};
  return tensor;
}

static View new_weight(Maker *m, DType type, int64_t count) {
  View v = {.type = type, .dims = {1, 1, 1, count}, .strides = {0, 0, 0, 1}};
  v.buffer = new_buffer(m, BUFFER_WEIGHT, count * size_of(type));
  v.buffer->tensor = random_tensor(m, type, count);
  return v;
}

// A view of the given dims to combine with: one that has them, or a weight that is broadcast to them.
static View find_operand(Maker *m, DType type, const int64_t dims[COORDS]) {
  for (int tries = 0; tries < 12; tries++) {
    View v = m->views[chance(50) ? pick(m->view_count < 2 ? m->view_count : 2) : pick(m->view_count)];
    if (chance(10)) v = see(v);
    bool fits = v.type == type;
    for (int i = 0; i < COORDS; i++) {
      if (v.dims[i] == 1 && dims[i] != 1 && chance(50)) v.dims[i] = dims[i], v.strides[i] = 0;
      fits &= v.dims[i] == dims[i];
    }
    if (fits) return v;
  }
  int axis = (int)pick(4);
  View v = new_weight(m, type, dims[axis]);
  for (int i = 0; i < COORDS; i++) v.dims[i] = dims[i], v.strides[i] = i == axis;
  return v;
}

static void add_map(Maker *m, const View *ins, int count, const View *out) {
  View views[8];
  views[0] = *out;
  memcpy(views + 1, ins, (size_t)count * sizeof *ins);
  collapse(views, count + 1);
  Step *step = new_step(m, "map");
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, views[0].dims[i]);
  Func *func = step_func(m->program, step, FUNC_BODY, out->type);
  set_dims(func->space, views[0].dims);
  const Expr *loads[8];
  for (int i = 0; i < count; i++) {
    Access a = access_of(m, step, &views[1 + i]);
    loads[i] = expr_load(m->program->exprs, ins[i].type, func_load(m->program, func, &a));
    loads[i] = expr_cast(m->program->exprs, out->type, loads[i]);
  }
  Access a = access_of(m, step, &views[0]);
  func_store(m->program, func, &a, random_value(m, out->type, loads, count));
}

static void make_map(Maker *m) {
  View ins[4];
  int count = 1 + (int)pick(3);
  ins[0] = m->views[m->view_count - 1 - (chance(75) ? 0 : pick(m->view_count < 4 ? m->view_count : 4))];
  if (chance(25)) ins[0] = see(ins[0]);
  for (int i = 1; i < count; i++) ins[i] = find_operand(m, ins[0].type, ins[0].dims);
  DType type = ins[0].type == DT_I64 && chance(10) ? DT_F32 : ins[0].type;
  View out = new_view(m, type, ins[0].dims);
  add_map(m, ins, count, &out);
  add_view(m, &out);
}

// Two results side by side in one buffer.
static void make_concat(Maker *m) {
  View a = m->views[m->view_count - 1];
  int axis = (int)pick(4);
  View b = find_operand(m, a.type, a.dims), whole = a;
  whole.dims[axis] *= 2;
  whole = new_view(m, a.type, whole.dims);
  View half = whole;
  half.dims[axis] = a.dims[axis];
  add_map(m, &a, 1, &half);
  half.offset += half.dims[axis] * half.strides[axis];
  add_map(m, &b, 1, &half);
  add_view(m, &whole);
}

static Func *add_func(Maker *m, Step *step, FuncKind kind, const View *v) {
  Func *func = step_func(m->program, step, kind, DT_F32);
  set_dims(func->space, v->dims);
  Access a = access_of(m, step, v);
  if (kind == FUNC_LOAD) {
    func_load(m->program, func, &a);
    func->values = NEW(m->arena, const Expr *);
    func->values[0] = expr_load(m->program->exprs, DT_F32, 0);
  } else {
    func_store(m->program, func, &a, expr_acc(m->program->exprs, DT_F32));
  }
  return func;
}

static void make_reduce(Maker *m, const View *x) {
  bool rows = chance(50);
  const int64_t *d = x->dims;
  View out = new_view(m, DT_F32, (int64_t[]){1, 1, d[0], rows ? d[1] : d[3]});
  Step *step = new_step(m, rows ? "reduce_row_f32" : "reduce_f32");
  step_int(m->program, step, pick(3));
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, d[i]);
  add_func(m, step, FUNC_LOAD, x);
  add_func(m, step, FUNC_STORE, &out);
  add_view(m, &out);
}

static void make_softmax(Maker *m, const View *x) {
  View out = new_view(m, DT_F32, x->dims);
  Step *step = new_step(m, "softmax_f32");
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, x->dims[i]);
  step_int(m->program, step, 0);
  add_func(m, step, FUNC_LOAD, x);
  step_buffer(m->program, step, new_buffer(m, BUFFER_ARENA, 64), dim_const(0));
  add_func(m, step, FUNC_STORE, &out);
  add_view(m, &out);
}

static void make_gemm(Maker *m, const View *x) {
  enum { NR = 4 };
  int64_t n = 1 + pick(6), k = x->dims[3], panels = div_up(n, NR);
  const int64_t *d = x->dims;
  View out = new_view(m, DT_F32, (int64_t[]){d[0], d[1], d[2], n}), w = new_weight(m, DT_F32, panels * k * NR);
  Step *step = new_step(m, "gemm_f32");
  for (int i = 0; i < 3; i++) step_int(m->program, step, d[i]);
  step_int(m->program, step, n);
  step_int(m->program, step, k);
  step_buffer(m->program, step, x->buffer, dim_const(x->offset * size_of(x->type)));
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, x->strides[i]);
  step_buffer(m->program, step, w.buffer, dim_const(0));
  for (int i = 0; i < 2; i++) step_int(m->program, step, 0);
  step_int(m->program, step, 6);
  step_int(m->program, step, 1);
  add_func(m, step, FUNC_STORE, &out);
  add_view(m, &out);
}

static void make_transpose(Maker *m, const View *x) {
  View out = new_view(m, x->type, (int64_t[]){x->dims[0], x->dims[1], x->dims[3], x->dims[2]});
  Step *step = new_step(m, "transpose");
  step_int(m->program, step, size_of(x->type));
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, x->dims[i]);
  step_buffer(m->program, step, x->buffer, dim_const(x->offset * size_of(x->type)));
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, x->strides[i]);
  step_buffer(m->program, step, out.buffer, dim_const(out.offset * size_of(x->type)));
  for (int i = 0; i < COORDS; i++) step_int(m->program, step, out.strides[i]); // y0 y1 yc yr
  add_view(m, &out);
}

static void make_step(Maker *m) {
  View x = m->views[m->view_count - 1 - (chance(75) ? 0 : pick(m->view_count < 3 ? m->view_count : 3))];
  if (chance(30)) x = see(x);
  int kind = (int)pick(100);
  if (kind < 62)
    make_map(m);
  else if (kind < 70)
    make_concat(m);
  else if (kind < 75)
    make_transpose(m, &x);
  else if (x.type != DT_F32)
    make_map(m);
  else if (kind < 82)
    make_reduce(m, &x);
  else if (kind < 87)
    make_softmax(m, &x);
  else if (count_of(&x) < 500)
    make_gemm(m, &x);
}

static Program *make_program(Arena *arena) {
  static const int64_t sizes[] = {1, 2, 3, 4, 6};
  Maker m = {.arena = arena, .program = program_new(arena, dims_new(arena))};
  DType type = chance(70) ? DT_F32 : DT_I64;
  int64_t dims[COORDS];
  for (int i = 0; i < COORDS; i++) dims[i] = sizes[pick(5)];
  for (int i = 0; i < 2; i++) {
    View x = {.type = type};
    memcpy(x.dims, dims, sizeof dims);
    set_dense(&x);
    x.buffer = new_buffer(&m, BUFFER_INPUT, count_of(&x) * size_of(type));
    add_view(&m, &x);
  }
  int64_t steps = 2 + pick(20);
  for (int64_t i = 0; i < steps; i++) make_step(&m);
  int64_t results = 1 + pick(3);
  for (int64_t i = 0; i < results; i++) {
    View x = m.views[i ? pick(m.view_count) : m.view_count - 1], out = x;
    set_dense(&out);
    out.offset = 0;
    out.buffer = new_buffer(&m, BUFFER_OUTPUT, count_of(&x) * size_of(x.type));
    add_map(&m, &x, 1, &out);
  }
  return m.program;
}

/* comparing */

static void fill_inputs(const Memory *memory, uint64_t seed) {
  uint64_t saved = random_state;
  random_state = seed * 2654435761u + 88172645463325252u;
  for (size_t i = 0; i < memory->program->buffer_count; i++) {
    const Buffer *b = memory->program->buffers[i];
    if (b->kind != BUFFER_INPUT) continue;
    // Small numbers as either type: int64 programs see others, which does no harm.
    for (int64_t k = 0; k < b->bytes.value / 4; k++) ((float *)memory->data[i])[k] = (float)(pick(17) - 8) / 4;
  }
  random_state = saved;
}

typedef struct {
  int count;
  char *data[64];
  int64_t bytes[64];
} Results;

static Results run(Arena *arena, const Memory *memory, uint64_t seed) {
  Results results = {0};
  fill_inputs(memory, seed);
  assert_true(program_evaluate(arena, memory));
  for (size_t i = 0; i < memory->program->buffer_count; i++) {
    const Buffer *b = memory->program->buffers[i];
    if (b->kind != BUFFER_OUTPUT) continue;
    results.data[b->io] = memory->data[i];
    results.bytes[b->io] = b->bytes.value;
    results.count++;
  }
  return results;
}

static void compare(const Program *program, const Results *want, const Results *got, uint64_t seed, const char *stage) {
  assert_int_equal(want->count, got->count);
  for (int i = 0; i < want->count; i++) {
    assert_int_equal(want->bytes[i], got->bytes[i]);
    int64_t at = 0;
    while (at < want->bytes[i] && want->data[i][at] == got->data[i][at]) at++;
    if (at == want->bytes[i]) continue;
    Text text = {.arena = program->arena};
    program_print(program, &text);
    at -= at % 4;
    fprintf(stderr, "%sseed %llu differs %s: output %d, byte %lld: %g is now %g\n", text.data, (unsigned long long)seed,
            stage, i, (long long)at, (double)*(float *)(want->data[i] + at), (double)*(float *)(got->data[i] + at));
    fail();
  }
}

// What no order of placing can do better than: bytes that are alive at one step. Buffers that share a place count once.
static int64_t lower_bound(const Program *program) {
  int64_t bound = 0;
  for (int at = 0; at < (int)program->step_count; at++) {
    int64_t live = 0;
    for (size_t i = 0; i < program->buffer_count; i++) {
      const Buffer *b = program->buffers[i];
      if (b->kind != BUFFER_ARENA || b->first > at || b->last < at) continue;
      bool shared = false;
      for (size_t k = 0; k < i; k++) {
        const Buffer *c = program->buffers[k];
        shared |= c->kind == BUFFER_ARENA && c->first <= at && c->last >= at && c->offset == b->offset &&
                  dim_equal(c->bytes, b->bytes);
      }
      if (!shared) live += round_up(b->bytes.value, 64);
    }
    if (live > bound) bound = live;
  }
  return bound;
}

static void test_random_programs(void **state) {
  (void)state;
  const char *given = getenv("SEEDS");
  uint64_t seeds = given ? strtoull(given, NULL, 10) : 4000;
  size_t steps = 0, fused = 0, planned = 0;
  int64_t arena_bytes = 0, bound_bytes = 0, worst = 0;
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Arena *arena = arena_new();
    random_state = seed * 0x9e3779b97f4a7c15u | 1;
    Program *program = make_program(arena);
    program_verify(program);
    Memory memory = memory_new(arena, program);
    Results want = run(arena, &memory, seed);
    steps += program->step_count;

    program_fuse(program);
    program_verify(program);
    memory = memory_new(arena, program);
    Results got = run(arena, &memory, seed);
    compare(program, &want, &got, seed, "after fusion");
    fused += program->step_count;
    for (size_t i = 0; i < program->step_count; i++) {
      const Func *store = step_find_func(program->steps[i], FUNC_STORE);
      assert_false(store && expr_may_fault(program->exprs, store->values[0]));
    }

    assert_true(program_plan(program, NULL));
    program_verify(program);
    memory = memory_planned(arena, program);
    got = run(arena, &memory, seed);
    compare(program, &want, &got, seed, "after planning");
    planned += program->step_count;
    int64_t bound = lower_bound(program);
    assert_true(program->arena_bytes >= bound);
    arena_bytes += program->arena_bytes;
    bound_bytes += bound;
    if (bound && program->arena_bytes * 100 / bound > worst) worst = program->arena_bytes * 100 / bound;
    arena_free(arena);
  }
  print_message("%zu steps, %zu fused, %zu needed; arena %.2f %% above the bound, %lld %% at worst\n", steps, fused,
                planned, 100.0 * (double)(arena_bytes - bound_bytes) / (double)bound_bytes, (long long)worst - 100);
  assert_true(fused * 4 < steps * 3);                  // many do merge
  assert_true(arena_bytes * 100 <= bound_bytes * 103); // the plans are near the best
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
