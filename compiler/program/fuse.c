// Fusion: an elementwise step merges into the step that makes what it reads (it becomes part of that step's store) or
// into the step that reads what it makes (part of that step's load), so that the buffer between them is never written.
//
// Two steps rarely have the same iteration space: one sees [n][h][w][c], the other a flat count. But each step's
// address in the buffer between them is linear in its coordinates. Where the elementwise step takes every element of
// the buffer exactly once, its address is a number in mixed radix with its coordinates for digits; so the other step's
// coordinates determine its coordinates, and when that is linear too, all it reads and writes gets strides over the
// other step's coordinates. What is computed for each element stays the same, operation by operation.
//
// Steps stand in slots, their order in the program. Each buffer that steps write has a list of its uses, kept exact.
// Every merge ends one step and is tried only across buffers of the step at hand, so the work is near linear.
#include "compiler/program/program.h"
#include <string.h>

enum {
  MAX_LOADS = 16, // of a merged function: each needs an address, and a register or two
  MAX_COST = 512, // of a merged expression
  CHEAP = 8,      // cost that may be paid several times by a template that loads its input several times
  MAX_NAME = 80,  // bytes of a joined name
};

typedef struct Use Use;
// One buffer in one step.
struct Use {
  Buffer *buffer;
  int slot;
  unsigned how;      // USE_LOAD, ...
  Use *next, **link; // list of the buffer
  Use *sibling;      // next of the step
};

typedef struct {
  Program *program;
  Step **steps;    // by slot; NULL: merged into another
  Use **of_step;   // by slot
  Use **of_buffer; // by buffer id
  int *block;      // by slot: number of jumps and labels before; steps stay between them
  int *epoch;      // by slot: number of steps before that find out numbers
  bool *late;      // by slot: reads such numbers
} Fusion;

/* uses */

// Nothing ever writes inputs and weights: their uses need no list.
static bool is_written_by_steps(const Buffer *buffer) {
  return buffer->kind != BUFFER_INPUT && buffer->kind != BUFFER_WEIGHT;
}

static void link_step(Fusion *f, int slot) {
  const Step *step = f->steps[slot];
  for (size_t p = 0; p < step->pointer_count; p++) {
    Buffer *buffer = step->pointers[p].buffer;
    unsigned how = step_uses(step, (int)p);
    if (!how || !is_written_by_steps(buffer)) continue;
    Use *use = f->of_step[slot];
    while (use && use->buffer != buffer) use = use->sibling;
    if (!use) {
      Use **list = &f->of_buffer[buffer->id];
      use = NEW(f->program->arena, Use);
      *use = (Use){.buffer = buffer, .slot = slot, .next = *list, .link = list, .sibling = f->of_step[slot]};
      if (*list) (*list)->link = &use->next;
      *list = f->of_step[slot] = use;
    }
    use->how |= how;
  }
}

static void unlink_step(Fusion *f, int slot) {
  for (Use *use = f->of_step[slot]; use; use = use->sibling) {
    *use->link = use->next;
    if (use->next) use->next->link = use->link;
  }
  f->of_step[slot] = NULL;
}

// True when one step alone writes the buffer, by stores, and one step alone reads it, by loads.
static bool is_handed_over(const Fusion *f, const Buffer *buffer, int *writer, int *reader) {
  const Use *a = f->of_buffer[buffer->id], *b = a ? a->next : NULL;
  if (buffer->kind != BUFFER_ARENA || buffer->block || !b || b->next) return false;
  if (a->slot > b->slot) {
    const Use *swap = a;
    a = b;
    b = swap;
  }
  *writer = a->slot;
  *reader = b->slot;
  return a->how == USE_STORE && b->how == USE_LOAD;
}

// True when a step in slots from..to (both exclusive) must keep its side of the step at `slot`: one writes what the
// other reads or writes.
static bool is_bound(const Fusion *f, int slot, int from, int to, const Buffer *except) {
  for (const Use *a = f->of_step[slot]; a; a = a->sibling) {
    if (a->buffer == except) continue;
    for (const Use *b = f->of_buffer[a->buffer->id]; b; b = b->next)
      if (b->slot > from && b->slot < to && (a->how | b->how) & USE_WRITES) return true;
  }
  return false;
}

/* coordinates */

// A step's address in a buffer as a number in mixed radix, the least digit first.
typedef struct {
  struct {
    int coord;
    Dim extent, stride;
  } digit[COORDS];
  int count;
} Radix;

// False unless the access takes each element of its buffer exactly once.
static bool read_radix(const Step *step, const Func *func, const Access *access, Radix *radix) {
  *radix = (Radix){0};
  for (int i = 0; i < COORDS; i++) {
    if (dim_is(func->space[i], 1)) continue;
    if (dim_is(func->space[i], 0)) return false;
    int at = radix->count++;
    for (; at > 0 && dim_compare(radix->digit[at - 1].stride, access->stride[i]) > 0; at--)
      radix->digit[at] = radix->digit[at - 1];
    radix->digit[at].coord = i;
    radix->digit[at].extent = func->space[i];
    radix->digit[at].stride = access->stride[i];
  }
  Dim count = dim_const(1);
  for (int d = 0; d < radix->count; d++) {
    if (!dim_equal(radix->digit[d].stride, count)) return false;
    count = dim_mul(count, radix->digit[d].extent);
  }
  return dim_equal(dim_bytes(access->type, count), step->pointers[access->pointer].buffer->bytes);
}

// Coordinates of the step that goes (its digits) in terms of those of the step that stays. While coordinate i of the
// latter takes its first `length` values, coordinate `coord` of the former advances by `advance` for each; then the
// next span counts on.
typedef struct {
  int coord;
  Dim advance, length;
} Span;
typedef struct {
  Dim origin[COORDS];
  Span span[COORDS][COORDS];
  int span_count[COORDS];
} Projection;

// a = quotient · b + rest with 0 <= rest < b; false where symbols do not tell.
static bool split(Dim a, Dim b, Dim *quotient, Dim *rest) {
  *quotient = dim_div(a, b);
  *rest = dim_sub(a, dim_mul(*quotient, b));
  return dim_is_const(*rest) && (dim_is(*rest, 0) || (dim_is_const(b) && rest->value < b.value));
}

// False where an element's coordinates do not follow from single coordinates alone.
static bool project(const Radix *radix, const Step *step, const Func *func, const Access *access, Projection *out) {
  *out = (Projection){0};
  Dim reach[COORDS] = {0}, rest; // largest value of each digit
  if (!split(step->pointers[access->pointer].offset, dim_bytes(access->type, dim_const(1)), &rest, &(Dim){0}))
    return false;
  for (int d = radix->count; d-- > 0;) {
    if (!split(rest, radix->digit[d].stride, &reach[d], &rest)) return false;
    out->origin[radix->digit[d].coord] = reach[d];
  }
  for (int i = 0; i < COORDS; i++) {
    Dim at = access->stride[i], left = func->space[i];
    if (dim_is(left, 1) || dim_is(left, 0)) continue;
    if (dim_is_const(at) ? at.value <= 0 : dim_may_be_negative(at)) return false;
    for (int d = 0; !dim_is(left, 1); d++) {
      if (d == radix->count) return false;
      Dim extent = radix->digit[d].extent, stride = radix->digit[d].stride, whole = dim_mul(extent, stride);
      Dim advance, length = left;
      if (dim_is_const(at) && dim_is_const(whole) ? at.value >= whole.value : dim_divides(at, whole, NULL)) continue;
      if (!dim_divides(at, stride, &advance)) return false;
      if (!dim_is_less(dim_mul(advance, dim_plus(left, -1)), extent, func->space,
                       COORDS)) { // goes on in the next digit
        if (!dim_divides(extent, advance, &length) || !dim_divides(left, length, &left)) return false;
      } else {
        left = dim_const(1);
      }
      out->span[i][out->span_count[i]++] = (Span){radix->digit[d].coord, advance, length};
      reach[d] = dim_add(reach[d], dim_mul(advance, dim_plus(length, -1)));
      at = dim_mul(at, length);
    }
  }
  for (int d = 0; d < radix->count; d++)
    if (!dim_is_less(reach[d], radix->digit[d].extent, func->space, COORDS)) return false; // digits carry
  return true;
}

// An access of the step that goes, over the coordinates of the step that stays. False where it is not linear in them.
// The pointer moves by *offset bytes.
static bool project_access(const Projection *projection, const Access *access, Access *out, Dim *offset) {
  Dim bytes = dim_bytes(access->type, dim_const(1));
  *out = *access;
  *offset = dim_const(0);
  for (int i = 0; i < COORDS; i++) {
    *offset = dim_add(*offset, dim_mul(dim_mul(projection->origin[i], access->stride[i]), bytes));
    Dim expected = dim_const(0);
    for (int k = 0; k < projection->span_count[i]; k++) {
      const Span *span = &projection->span[i][k];
      Dim stride = dim_mul(access->stride[span->coord], span->advance);
      if (k == 0) out->stride[i] = expected = stride;
      if (!dim_equal(stride, expected)) return false;
      expected = dim_mul(stride, span->length);
    }
    if (projection->span_count[i] == 0) out->stride[i] = dim_const(0);
  }
  return true;
}

/* merging */

static bool is_map(const Step *step) { return !strcmp(step->kernel->name, "map"); }
static bool is_reduce(const Step *step) { return !strncmp(step->kernel->name, "reduce_", strlen("reduce_")); }

// A coordinate that has one value needs no stride: accesses that are equal then look equal.
static void clear_unused_strides(Step *step) {
  for (size_t i = 0; i < step->arg_count; i++) {
    if (step->args[i].kind != ARG_FUNC) continue;
    Func *func = step->args[i].func;
    for (int c = 0; c < COORDS; c++) {
      if (!dim_is(func->space[c], 1) && !dim_is(func->space[c], 0)) continue;
      for (size_t k = 0; k < func->load_count; k++) func->loads[k].stride[c] = dim_const(0);
      for (size_t k = 0; k < func->store_count; k++) func->stores[k].stride[c] = dim_const(0);
    }
  }
}

// The element of the buffer that the step's functions touch: its only store, or loads that are all the same. NULL when
// there are several. *func gets the function.
static const Access *find_access(const Step *step, const Buffer *buffer, Func **func) {
  const Access *found = NULL;
  for (size_t i = 0; i < step->arg_count; i++) {
    if (step->args[i].kind != ARG_FUNC) continue;
    Func *f = step->args[i].func;
    for (size_t k = 0; k < f->load_count + f->store_count; k++) {
      const Access *a = k < f->load_count ? &f->loads[k] : &f->stores[k - f->load_count];
      if (step->pointers[a->pointer].buffer != buffer) continue;
      bool repeated = found && f == *func && k < f->load_count && access_equal(found, a);
      if (found && !repeated) return NULL;
      found = a;
      *func = f;
    }
  }
  return found;
}

static void prune_pointers(Program *program, Step *step) {
  const Pointer *old = step->pointers;
  step->pointers = NULL;
  step->pointer_count = 0;
  for (size_t i = 0; i < step->arg_count; i++) {
    Arg *arg = &step->args[i];
    if (arg->kind == ARG_POINTER)
      arg->pointer = step_pointer(program, step, old[arg->pointer].buffer, old[arg->pointer].offset);
    if (arg->kind != ARG_FUNC) continue;
    for (size_t k = 0; k < arg->func->load_count + arg->func->store_count; k++) {
      Func *func = arg->func;
      Access *a = k < func->load_count ? &func->loads[k] : &func->stores[k - func->load_count];
      a->pointer = step_pointer(program, step, old[a->pointer].buffer, old[a->pointer].offset);
    }
  }
}

// "conv1+relu1"; past a certain length "conv1+relu1+…".
static const char *join_names(Arena *arena, const char *a, const char *b) {
  static const char more[] = "…";
  size_t length = strlen(a);
  if (!strcmp(a, b) || !*b || (length >= strlen(more) && !strcmp(a + length - strlen(more), more))) return a;
  if (!*a) return b;
  return arena_printf(arena, "%s+%s", a, length + 1 + strlen(b) > MAX_NAME ? more : b);
}

// Two steps that meet at a buffer: the elementwise step `drop` goes into the step `keep`.
typedef struct {
  int keep, drop; // slots
  const Buffer *buffer;
  bool above;              // `keep` makes what `drop` reads; else the other way round
  Func *func;              // of keep, which touches the buffer
  Func *body;              // of drop
  Access loads[MAX_LOADS]; // of drop, over the coordinates of keep; pointers are those of drop
  Access store;            // the same of drop's store, when `above`
  Dim load_offsets[MAX_LOADS], store_offset;
} Merge;

// Whether the cost and the place of drop's expression allow it to be computed by keep's function.
static bool is_worth_it(ExprTable *exprs, const Merge *m, const Step *keep) {
  const Expr *value = m->body->values[0];
  if (m->func->load_count + m->body->load_count > MAX_LOADS + 1) return false;  // one of them goes
  if (m->func->kind != FUNC_BODY && expr_may_fault(exprs, value)) return false; // only a body can report
  if (expr_uses_coord(exprs, value)) return false;                              // the coordinates of its own step
  int cost = expr_cost(exprs, value);
  if (m->func->kind == FUNC_LOAD && !is_reduce(keep) && cost > CHEAP) return false;
  size_t values = m->func->kind == FUNC_LOAD ? 1 : m->func->store_count;
  for (size_t i = 0; i < values; i++) cost += expr_cost(exprs, m->func->values[i]);
  return cost <= MAX_COST;
}

// Fills in the rest of `m`; false when the steps cannot merge there.
static bool match(const Fusion *f, Merge *m) {
  const Step *keep = f->steps[m->keep], *drop = f->steps[m->drop];
  if (!is_map(drop) || keep == drop) return false;
  const Access *inner = find_access(drop, m->buffer, &m->body), *outer = find_access(keep, m->buffer, &m->func);
  if (!inner || !outer || inner->type != outer->type) return false;
  if (m->body->store_count != 1 || m->body->load_count > MAX_LOADS) return false;
  Radix radix, unused;
  Projection projection;
  if (!read_radix(drop, m->body, inner, &radix)) return false;
  if (m->above && !read_radix(keep, m->func, outer, &unused)) return false;
  if (!project(&radix, keep, m->func, outer, &projection)) return false;
  for (size_t i = 0; i < m->body->load_count; i++) {
    const Access *load = &m->body->loads[i];
    m->loads[i] = *load;
    if (drop->pointers[load->pointer].buffer == m->buffer) continue;
    if (!project_access(&projection, load, &m->loads[i], &m->load_offsets[i])) return false;
  }
  if (m->above && !project_access(&projection, &m->body->stores[0], &m->store, &m->store_offset)) return false;
  return is_worth_it(f->program->exprs, m, keep);
}

// The slot where the merged step can stand, or -1. What `keep` reads or writes elsewhere must not be `drop`'s to write,
// and the other way round: the two now run interleaved.
static int find_slot(const Fusion *f, const Merge *m) {
  int from = m->above ? m->keep : m->drop, to = m->above ? m->drop : m->keep;
  if (is_bound(f, m->drop, m->keep - 1, m->keep + 1, m->buffer)) return -1;
  if (!is_bound(f, m->drop, from, to, m->buffer)) return m->keep;
  return is_bound(f, m->keep, from, to, m->buffer) ? -1 : m->drop;
}

// Appends a step's loads to those of the merged function; what they load is values[i] there. Loads of the buffer
// between are left out.
static void add_loads(Fusion *f, const Merge *m, const Step *from, const Access *loads, const Dim *offsets,
                      size_t count, const Expr **values) {
  for (size_t i = 0; i < count; i++) {
    const Pointer *pointer = &from->pointers[loads[i].pointer];
    if (pointer->buffer == m->buffer) continue;
    Access load = loads[i];
    load.pointer = step_pointer(f->program, f->steps[m->keep], pointer->buffer, dim_add(pointer->offset, offsets[i]));
    values[i] = expr_load(f->program->exprs, load.type, func_load(f->program, m->func, &load));
  }
}

// The value of `e` over the merged function's loads, with `between` for loads of the buffer between.
static const Expr *rebase(Fusion *f, const Merge *m, const Step *step, const Access *loads, size_t count,
                          const Expr **values, const Expr *e, const Expr *between) {
  for (size_t i = 0; i < count; i++)
    if (step->pointers[loads[i].pointer].buffer == m->buffer) values[i] = between;
  return expr_substitute(f->program->exprs, e, NULL, values);
}

static void merge_functions(Fusion *f, const Merge *m) {
  static const Dim no_offsets[MAX_LOADS + 1];
  Step *keep = f->steps[m->keep], *drop = f->steps[m->drop];
  Func *func = m->func, *body = m->body;
  const Expr *mine[MAX_LOADS + 1] = {0}, *theirs[MAX_LOADS + 1] = {0};
  const Access *loads = func->loads;
  size_t count = func->load_count, values = func->kind == FUNC_LOAD ? 1 : func->store_count;
  func->loads = NULL;
  func->load_count = 0;
  add_loads(f, m, keep, loads, no_offsets, count, mine);
  add_loads(f, m, drop, m->loads, m->load_offsets, body->load_count, theirs);
  const Expr *inner =
      m->above ? NULL : rebase(f, m, drop, body->loads, body->load_count, theirs, body->values[0], NULL);
  for (size_t i = 0; i < values; i++) {
    func->values[i] = rebase(f, m, keep, loads, count, mine, func->values[i], inner);
    if (!m->above || keep->pointers[func->stores[i].pointer].buffer != m->buffer) continue;
    func->values[i] = rebase(f, m, drop, body->loads, body->load_count, theirs, body->values[0], func->values[i]);
    const Pointer *pointer = &drop->pointers[m->store.pointer];
    func->stores[i] = m->store;
    func->stores[i].pointer =
        step_pointer(f->program, keep, pointer->buffer, dim_add(pointer->offset, m->store_offset));
  }
}

// Returns the slot of the merged step, or -1.
static int merge(Fusion *f, Merge *m) {
  if (!match(f, m)) return -1;
  int slot = find_slot(f, m);
  if (slot < 0) return -1;
  if (f->block[m->keep] != f->block[m->drop]) return -1;
  if ((f->late[m->keep] || f->late[m->drop]) && f->epoch[m->keep] != f->epoch[m->drop]) return -1;
  Step *keep = f->steps[m->keep], *drop = f->steps[m->drop];
  f->late[slot] = f->late[m->keep] || f->late[m->drop];
  unlink_step(f, m->keep);
  unlink_step(f, m->drop);
  if (is_map(keep) && expr_may_fault(f->program->exprs, m->body->values[0]))
    keep->loc = drop->loc; // where a fault is reported
  merge_functions(f, m);
  prune_pointers(f->program, keep);
  keep->name = m->above ? join_names(f->program->arena, keep->name, drop->name)
                        : join_names(f->program->arena, drop->name, keep->name);
  keep->flops += drop->flops;
  if (is_map(keep) && drop->parts > keep->parts) keep->parts = drop->parts;
  f->steps[m->keep] = f->steps[m->drop] = NULL;
  f->steps[slot] = keep;
  link_step(f, slot);
  return slot;
}

/* the order in which merges are tried */

// Merges the elementwise step at `slot` into one of those that make what it reads, the last first: what the others make
// is then ready without moving anything. Returns the slot of the result, or -1.
static int merge_up(Fusion *f, int slot) {
  const Step *step = f->steps[slot];
  if (!step || !is_map(step)) return -1;
  for (int below = slot;;) {
    Merge m = {.keep = -1, .drop = slot, .above = true};
    for (const Use *use = f->of_step[slot]; use; use = use->sibling) {
      int writer, reader;
      if (!is_handed_over(f, use->buffer, &writer, &reader) || reader != slot) continue;
      if (writer < below && writer > m.keep) m.keep = writer, m.buffer = use->buffer;
    }
    if (m.keep < 0) return -1;
    int merged = merge(f, &m);
    if (merged >= 0) return merged;
    below = m.keep;
  }
}

// Merges the elementwise step at `slot` into the step that reads what it makes. Returns the slot of the result, or -1.
static int merge_down(Fusion *f, int slot) {
  const Step *step = f->steps[slot];
  if (!step || !is_map(step)) return -1;
  for (const Use *use = f->of_step[slot]; use; use = use->sibling) {
    Merge m = {.drop = slot, .buffer = use->buffer};
    int writer;
    if (is_handed_over(f, use->buffer, &writer, &m.keep) && writer == slot) return merge(f, &m);
  }
  return -1;
}

static bool writes_frame(const Step *step) {
  for (size_t p = 0; p < step->pointer_count; p++)
    if (step->pointers[p].buffer->kind == BUFFER_FRAME && step_uses(step, (int)p) & USE_WRITES) return true;
  return false;
}

void program_fuse(Program *program) {
  int count = (int)program->step_count;
  Fusion f = {.program = program, .steps = program->steps};
  f.of_step = NEW_ARRAY(program->arena, Use *, program->step_count);
  f.of_buffer = NEW_ARRAY(program->arena, Use *, program->buffer_count);
  f.block = NEW_ARRAY(program->arena, int, program->step_count);
  f.epoch = NEW_ARRAY(program->arena, int, program->step_count);
  f.late = frame_late(program);
  for (int slot = 0, block = 0, epoch = 0; slot < count; slot++) {
    clear_unused_strides(f.steps[slot]);
    link_step(&f, slot);
    f.block[slot] = block += f.steps[slot]->kind == STEP_JUMP || f.steps[slot]->kind == STEP_LABEL;
    f.epoch[slot] = epoch += f.steps[slot]->kind == STEP_DIMS || writes_frame(f.steps[slot]);
  }
  // A merged step is tried again at once: when both ways of a fork have come together, it is the only reader of what
  // stands above the fork.
  for (bool changed = true; changed;) {
    changed = false;
    for (int slot = 0; slot < count; slot++)
      for (int at = slot; (at = merge_up(&f, at)) >= 0;) changed = true;
    for (int slot = 0; slot < count; slot++) changed |= merge_down(&f, slot) >= 0;
  }
  program->step_count = 0;
  for (int slot = 0; slot < count; slot++)
    if (f.steps[slot]) program->steps[program->step_count++] = f.steps[slot];
}
