#undef NDEBUG // a test is nothing without its assertions
#include "tests/unit/program_eval.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { LANES = 4 }; // of the packed panels of gemm and conv: nr = nv * LANES

Memory memory_new(Arena *arena, const Program *program) {
  Memory memory = {program, NEW_ARRAY(arena, char *, program->buffer_count)};
  for (size_t i = 0; i < program->buffer_count; i++) {
    const Buffer *b = program->buffers[i];
    memory.data[i] = arena_alloc(arena, (size_t)b->bytes.value);
    if (b->kind == BUFFER_ARENA || b->kind == BUFFER_OUTPUT) memset(memory.data[i], 0x77, (size_t)b->bytes.value);
    if (b->kind == BUFFER_WEIGHT) memcpy(memory.data[i], b->tensor->data, (size_t)b->bytes.value); // unpacked ones only
  }
  return memory;
}

Memory memory_planned(Arena *arena, const Program *program) {
  Memory memory = memory_new(arena, program);
  char *base[] = {[BUFFER_ARENA] = arena_alloc(arena, (size_t)program->arena_bytes),
                  [BUFFER_STATE] = arena_alloc(arena, (size_t)program->state_bytes),
                  [BUFFER_WEIGHT] = arena_alloc(arena, (size_t)program->weight_bytes)};
  memset(base[BUFFER_ARENA], 0x77, (size_t)program->arena_bytes);
  for (size_t i = 0; i < program->buffer_count; i++) {
    const Buffer *b = program->buffers[i];
    if (b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT) continue;
    char *place = base[b->kind] + b->offset;
    if (b->kind == BUFFER_WEIGHT) memcpy(place, memory.data[i], (size_t)b->bytes.value);
    memory.data[i] = place;
  }
  return memory;
}

/* scalars */

typedef union {
  float f;
  int64_t i; // and bool
} Scalar;

typedef struct {
  Arena *arena;
  const Memory *memory;
  const Step *step;
  bool fault;
  // values of expressions in this call of a function, by id
  Scalar *values;
  int *done;
  int room, call;
} Run;

static Scalar from_int(DType type, uint64_t i) {
  return (Scalar){.i = type == DT_BOOL ? (int64_t)(i & 1) : (int64_t)i};
}

static Scalar apply_float(const Expr *e, const float *x) {
  switch (e->op) {
  case EX_NEG: return (Scalar){.f = -x[0]};
  case EX_ABS: return (Scalar){.f = fabsf(x[0])};
  case EX_SQRT: return (Scalar){.f = sqrtf(x[0])};
  case EX_ERF: return (Scalar){.f = erff(x[0])};
  case EX_EXP: return (Scalar){.f = expf(x[0])};
  case EX_TANH: return (Scalar){.f = tanhf(x[0])};
  case EX_ADD: return (Scalar){.f = x[0] + x[1]};
  case EX_SUB: return (Scalar){.f = x[0] - x[1]};
  case EX_MUL: return (Scalar){.f = x[0] * x[1]};
  case EX_DIV: return (Scalar){.f = x[0] / x[1]};
  case EX_MIN: return (Scalar){.f = x[0] < x[1] ? x[0] : x[1]};
  case EX_MAX: return (Scalar){.f = x[0] > x[1] ? x[0] : x[1]};
  case EX_LT: return (Scalar){.i = x[0] < x[1]};
  case EX_CAST: return (Scalar){.i = (int64_t)x[0]};
  default: assert(!"scalar operator that the tests do not use"); return (Scalar){0};
  }
}

static Scalar apply_int(Run *run, const Expr *e, const int64_t *x) {
  uint64_t a = (uint64_t)x[0], b = (uint64_t)x[1];
  switch (e->op) {
  case EX_NEG: return from_int(e->type, -a);
  case EX_ADD: return from_int(e->type, a + b);
  case EX_SUB: return from_int(e->type, a - b);
  case EX_MUL: return from_int(e->type, a * b);
  case EX_OR: return from_int(e->type, a | b);
  case EX_XOR: return from_int(e->type, a ^ b);
  case EX_MAX: return from_int(e->type, (uint64_t)(x[0] > x[1] ? x[0] : x[1]));
  case EX_LT: return from_int(e->type, x[0] < x[1]);
  case EX_CAST: return e->type == DT_F32 ? (Scalar){.f = (float)x[0]} : from_int(e->type, a);
  case EX_DIV:
    run->fault |= x[1] == 0;
    return from_int(e->type, x[1] == 0 ? 0 : x[1] == -1 ? -a : (uint64_t)(x[0] / x[1]));
  default: assert(!"scalar operator that the tests do not use"); return (Scalar){0};
  }
}

static Scalar eval(Run *run, const Expr *e, Scalar acc, const Scalar *loads) {
  if (e->id >= run->room) {
    int room = 2 * e->id + 64;
    Scalar *values = NEW_ARRAY(run->arena, Scalar, (size_t)room);
    int *done = NEW_ARRAY(run->arena, int, (size_t)room);
    if (run->room) memcpy(values, run->values, (size_t)run->room * sizeof *values);
    if (run->room) memcpy(done, run->done, (size_t)run->room * sizeof *done);
    run->values = values;
    run->done = done;
    run->room = room;
  }
  if (run->done[e->id] == run->call) return run->values[e->id];
  Scalar x[3] = {0}, result;
  for (int i = 0; i < 3 && e->a[i]; i++) x[i] = eval(run, e->a[i], acc, loads);
  if (e->op == EX_CONST && e->type == DT_F32)
    result.f = (float)e->f;
  else if (e->op == EX_CONST)
    result.i = e->i;
  else if (e->op == EX_ACC)
    result = acc;
  else if (e->op == EX_LOAD)
    result = loads[e->index];
  else if (e->op == EX_SELECT)
    result = x[0].i ? x[1] : x[2];
  else if (e->a[0]->type == DT_F32)
    result = apply_float(e, (float[]){x[0].f, x[1].f});
  else
    result = apply_int(run, e, (int64_t[]){x[0].i, x[1].i});
  run->done[e->id] = run->call;
  return run->values[e->id] = result;
}

/* functions of steps */

static char *address(const Run *run, int pointer) {
  const Pointer *p = &run->step->pointers[pointer];
  return run->memory->data[p->buffer->id] + p->offset.value;
}

static char *element(const Run *run, const Access *access, const int64_t *at) {
  int64_t index = 0;
  for (int i = 0; i < COORDS; i++) index += at[i] * access->stride[i].value;
  return address(run, access->pointer) + index * (dtype_bits(access->type) / 8);
}

static Scalar read_scalar(DType type, const char *from) {
  Scalar x = {0};
  if (type == DT_BOOL)
    x.i = *from & 1;
  else
    memcpy(&x, from, (size_t)dtype_bits(type) / 8);
  return x;
}

// Calls a Load, Store or Body for one element. Returns what a Load returns.
static float call(Run *run, const Func *func, float acc, int64_t i0, int64_t i1, int64_t i2, int64_t i3) {
  int64_t at[] = {i0, i1, i2, i3};
  Scalar loads[64], values[8];
  assert(func->load_count <= COUNT(loads) && func->store_count <= COUNT(values));
  for (int i = 0; i < COORDS; i++) assert(at[i] < func->space[i].value);
  run->call++;
  for (size_t i = 0; i < func->load_count; i++)
    loads[i] = read_scalar(func->loads[i].type, element(run, &func->loads[i], at));
  Scalar value = {.f = acc};
  if (func->kind == FUNC_LOAD) return eval(run, func->values[0], value, loads).f;
  for (size_t i = 0; i < func->store_count; i++) values[i] = eval(run, func->values[i], value, loads);
  for (size_t i = 0; i < func->store_count; i++)
    memcpy(element(run, &func->stores[i], at), &values[i], (size_t)dtype_bits(func->stores[i].type) / 8);
  return 0;
}

/* templates */

static const Arg *find_arg(const Step *step, const char *name) {
  const char *word = step->kernel->args;
  for (size_t i = 0; i < step->arg_count; i++) {
    word += strspn(word, " *@%");
    size_t length = strcspn(word, " !");
    if (length == strlen(name) && !memcmp(word, name, length)) return &step->args[i];
    word += strcspn(word, " ");
  }
  assert(!"no such argument");
  return NULL;
}
static int64_t num(const Run *run, const char *name) { return find_arg(run->step, name)->i.value; }
static const Func *fun(const Run *run, const char *name) { return find_arg(run->step, name)->func; }
static char *ptr(const Run *run, const char *name) { return address(run, find_arg(run->step, name)->pointer); }

// In an order that jumps about, since the parts of a step run at the same time.
static void run_map(Run *run) {
  int64_t n1 = num(run, "n1"), n2 = num(run, "n2"), n3 = num(run, "n3"), count = num(run, "n0") * n1 * n2 * n3;
  const int64_t prime = 1000003; // larger than any count here, so that it visits all
  for (int64_t k = 0; k < count; k++) {
    int64_t i = (k * prime + 17) % count;
    call(run, fun(run, "body"), 0, i / (n1 * n2 * n3), i / (n2 * n3) % n1, i / n3 % n2, i % n3);
  }
}

static void run_gemm(Run *run) {
  int64_t b1 = num(run, "b1"), m = num(run, "m"), n = num(run, "n"), k = num(run, "k"), nr = num(run, "nv") * LANES;
  for (int64_t x = num(run, "b0") * b1 * m * n; x-- > 0;) {
    int64_t j = x % n, i = x / n % m, c1 = x / n / m % b1, c0 = x / n / m / b1;
    const float *a = (const float *)ptr(run, "a") + c0 * num(run, "a_b0") + c1 * num(run, "a_b1") + i * num(run, "a_m");
    const float *b = (const float *)ptr(run, "b") + c0 * num(run, "b_b0") + c1 * num(run, "b_b1") + j / nr * k * nr;
    float sum = 0;
    for (int64_t l = 0; l < k; l++) sum += a[l * num(run, "a_k")] * b[l * nr + j % nr];
    call(run, fun(run, "store"), sum, c0, c1, i, j);
  }
}

static void run_conv(Run *run) {
  int64_t oh = num(run, "oh"), ow = num(run, "ow"), oc = num(run, "oc"), ic = num(run, "ic"), kh = num(run, "kh");
  int64_t kw = num(run, "kw"), nr = num(run, "nv") * LANES;
  assert(num(run, "groups") == 1);
  for (int64_t at = num(run, "n") * oh * ow * oc; at-- > 0;) {
    int64_t c = at % oc, ox = at / oc % ow, oy = at / oc / ow % oh, n = at / oc / ow / oh;
    float sum = 0;
    for (int64_t t = 0; t < kh * kw * ic; t++) {
      int64_t y = oy * num(run, "sh") + t / ic / kw * num(run, "dh"),
              x = ox * num(run, "sw") + t / ic % kw * num(run, "dw");
      sum +=
          ((const float *)ptr(
              run, "x"))[n * num(run, "x_n") + y * num(run, "x_h") + x * num(run, "x_w") + t % ic * num(run, "x_c")] *
          ((const float *)ptr(run, "w"))[(c / nr * kh * kw * ic + t) * nr + c % nr];
    }
    call(run, fun(run, "store"), sum, n, oy, ox, c);
  }
}

static float combine(int64_t kind, float a, float b) {
  return kind == 0 ? a + b : kind == 1 ? (a > b ? a : b) : kind == 2 ? (a < b ? a : b) : a * b;
}

static void run_reduce(Run *run, bool rows) {
  int64_t n0 = num(run, rows ? "o0" : "o"), n1 = num(run, rows ? "o1" : "i"), r0 = num(run, "r0"), r1 = num(run, "r1");
  for (int64_t o = 0; o < n0 * n1; o++) {
    float sum = 0;
    for (int64_t r = 0; r < r0 * r1; r++) {
      const Func *load = fun(run, "load");
      float x = rows ? call(run, load, 0, o / n1, o % n1, r / r1, r % r1)
                     : call(run, load, 0, o / n1, r / r1, r % r1, o % n1);
      sum = r ? combine(num(run, "kind"), sum, x) : x;
    }
    call(run, fun(run, "store"), sum, 0, 0, o / n1, o % n1);
  }
}

static void run_softmax(Run *run) {
  int64_t n1 = num(run, "n1"), n2 = num(run, "n2"), n = num(run, "n");
  const Func *load = fun(run, "load");
  memset(ptr(run, "scratch"), 0x55, sizeof(float)); // it may write there
  for (int64_t r = 0; r < num(run, "n0") * n1 * n2; r++) {
    int64_t i0 = r / n2 / n1, i1 = r / n2 % n1, i2 = r % n2;
    float top = call(run, load, 0, i0, i1, i2, 0), sum = 0;
    for (int64_t i = 1; i < n; i++) top = combine(1, top, call(run, load, 0, i0, i1, i2, i));
    for (int64_t i = 0; i < n; i++) sum += expf(call(run, load, 0, i0, i1, i2, i) - top);
    for (int64_t i = 0; i < n; i++)
      call(run, fun(run, "store"), expf(call(run, load, 0, i0, i1, i2, i) - top) / sum, i0, i1, i2, i);
  }
}

static void run_transpose(Run *run) {
  int64_t size = num(run, "size"), n1 = num(run, "n1"), rows = num(run, "rows"), cols = num(run, "cols");
  for (int64_t at = 0; at < num(run, "n0") * n1 * rows * cols; at++) {
    int64_t c = at % cols, r = at / cols % rows, i1 = at / cols / rows % n1, i0 = at / cols / rows / n1;
    int64_t from = i0 * num(run, "x0") + i1 * num(run, "x1") + r * num(run, "xr") + c * num(run, "xc");
    int64_t to = i0 * num(run, "y0") + i1 * num(run, "y1") + r * num(run, "yr") + c * num(run, "yc");
    memcpy(ptr(run, "y") + to * size, ptr(run, "x") + from * size, (size_t)size);
  }
}

static void run_reduce_columns(Run *run) { run_reduce(run, false); }
static void run_reduce_rows(Run *run) { run_reduce(run, true); }

static const struct {
  const char *name;
  void (*run)(Run *);
} kernels[] = {{"map", run_map},
               {"gemm_f32", run_gemm},
               {"conv2d_f32", run_conv},
               {"reduce_f32", run_reduce_columns},
               {"reduce_row_f32", run_reduce_rows},
               {"softmax_f32", run_softmax},
               {"transpose", run_transpose}};

bool program_evaluate(Arena *arena, const Memory *memory) {
  Run run = {.arena = arena, .memory = memory};
  for (size_t i = 0; i < memory->program->step_count; i++) {
    run.step = memory->program->steps[i];
    size_t k = 0;
    while (k < COUNT(kernels) && strcmp(kernels[k].name, run.step->kernel->name)) k++;
    assert(k < COUNT(kernels));
    kernels[k].run(&run);
  }
  return !run.fault;
}
