// The frame: numbers that are known at run time only.
//
// Each has a slot: dims of inputs, which the runtime writes; numbers that a step finds out, such as the elements of a
// shape or the count of a NonZero, which the step writes; and expressions of those, which dims steps compute. A dims
// step stands where the first of its results is needed and computes all that can be known there, so that a program has
// few of them. What was computed before a branch or a loop holds inside unless the loop writes what it depends on; what
// was computed inside does not hold behind it.
#include "compiler/program/program.h"
#include "runtime/model.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

struct Frame {
  int *slot_of; // by expression id; 0: none
  size_t id_count;
  struct Slot {
    const DimExpr *expr;
    int end; // of the slots that were made together
    bool input;
  } *slots;
  size_t slot_count;
};

enum { MOST_SLOTS = 1 << 24 };

/* slots */

static Frame *need_frame(Program *program) {
  if (program->frame) return program->frame;
  Frame *frame = program->frame = NEW(program->arena, Frame);
  for (int i = 0; i < FRAME_OWN; i++)
    APPEND(program->arena, frame->slots, frame->slot_count, ((struct Slot){.end = i}));
  return frame;
}

static int *find_slot(Program *program, const DimExpr *e) {
  Frame *frame = need_frame(program);
  while (frame->id_count <= (size_t)e->id) APPEND(program->arena, frame->slot_of, frame->id_count, 0);
  return &frame->slot_of[e->id];
}

static int add_slot(Program *program, const DimExpr *e, int end, bool input) {
  Frame *frame = need_frame(program);
  APPEND(program->arena, frame->slots, frame->slot_count, ((struct Slot){e, end, input}));
  int slot = (int)frame->slot_count - 1;
  if (e && !*find_slot(program, e)) *find_slot(program, e) = slot;
  return slot;
}

int frame_slots(Program *program, size_t count, const Dim *symbols) {
  int first = (int)need_frame(program)->slot_count;
  for (size_t i = 0; i < count; i++) add_slot(program, symbols[i].expr, first + (int)count, false);
  return first;
}

int frame_input(Program *program, size_t count, const Dim *dims) {
  int first = (int)need_frame(program)->slot_count;
  for (size_t i = 0; i <= count; i++) add_slot(program, i < count ? dims[i].expr : NULL, first + (int)count, true);
  return first;
}

void frame_block(Program *program, Buffer *buffer) {
  Dim symbols[2] = {dim_new_symbol(program->dims, "place"), dim_new_symbol(program->dims, "capacity")};
  int slot = frame_input(program, 1, symbols); // the second slot has no need of its symbol
  program->frame->slots[slot].end = slot + 2;
  buffer->place = symbols[0];
  buffer->block = program->has_blocks = true;
}

int frame_slot(Program *program, Dim symbol) {
  int slot = *find_slot(program, symbol.expr);
  return slot ? slot : frame_slots(program, 1, &symbol);
}

int frame_find(const Program *program, Dim number) {
  const Frame *frame = program->frame;
  assert(frame && (size_t)number.expr->id < frame->id_count && frame->slot_of[number.expr->id]);
  return frame->slot_of[number.expr->id];
}

Dim frame_heap(Program *program) {
  Frame *frame = need_frame(program);
  struct Slot *slot = &frame->slots[FRAME_HEAP];
  if (!slot->expr) {
    slot->expr = dim_new_symbol(program->dims, "heap").expr;
    slot->input = true;
    *find_slot(program, slot->expr) = FRAME_HEAP;
  }
  return (Dim){0, slot->expr};
}

bool frame_uses_heap(const Program *program) { return program->frame && program->frame->slots[FRAME_HEAP].expr; }

int frame_count(const Program *program) { return program->frame ? (int)program->frame->slot_count : 0; }

Buffer *frame_buffer(Program *program) {
  need_frame(program);
  if (!program->frame_buffer)
    program->frame_buffer = buffer_new(program, BUFFER_FRAME, dim_const(MOST_SLOTS * 8), "frame");
  return program->frame_buffer;
}

bool step_has_kernel(const Step *step) { return step->kind == STEP_TEMPLATE || step->kind == STEP_DIMS; }

Dim pointer_shift(const Pointer *pointer) {
  if (buffer_in_heap(pointer->buffer)) return dim_add(pointer->buffer->place, pointer->offset);
  return dim_is_const(pointer->offset) ? dim_const(0) : pointer->offset;
}

/* who knows what */

static bool is_compound(const DimExpr *e) { return e->op != DIM_SYMBOL || e->defined; }

typedef void Visit(void *context, Dim dim);

static void visit_access(const Access *access, Visit *visit, void *context) {
  for (int c = 0; c < COORDS; c++) visit(context, access->stride[c]);
}

// Calls visit for every run-time number that a step reads.
static void each_read(const Step *step, Visit *visit, void *context) {
  for (size_t i = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    if (arg->kind == ARG_INT) visit(context, arg->i);
    if (arg->kind != ARG_FUNC) continue;
    for (int c = 0; c < COORDS; c++) visit(context, arg->func->space[c]);
    for (size_t k = 0; k < arg->func->load_count; k++) visit_access(&arg->func->loads[k], visit, context);
    for (size_t k = 0; k < arg->func->store_count; k++) visit_access(&arg->func->stores[k], visit, context);
  }
  for (size_t i = 0; i < step->pointer_count; i++) visit(context, pointer_shift(&step->pointers[i]));
  if (step->kind == STEP_JUMP) visit(context, step->condition);
}

static void no_visit(void *context, Dim dim) { (void)context, (void)dim; }

// Calls visit(context, slot) for every slot that a step writes.
static void each_written(const Program *program, const Step *step, void (*visit)(void *context, int slot),
                         void *context) {
  for (size_t p = 0; p < step->pointer_count; p++) {
    const Pointer *pointer = &step->pointers[p];
    if (pointer->buffer != program->frame_buffer || !(step_uses(step, (int)p) & USE_WRITES)) continue;
    int slot = (int)(pointer->offset.value / (int64_t)sizeof(int64_t));
    for (int end = program->frame->slots[slot].end; slot < end; slot++) visit(context, slot);
  }
}

typedef struct {
  const Program *program;
  int *known; // by expression id: position + 2; 0: not worked out yet
  size_t count;
  int at;
} Positions;

static void note_position(void *context, int slot) {
  Positions *p = context;
  const DimExpr *e = p->program->frame->slots[slot].expr;
  if (e && (size_t)e->id < p->count) p->known[e->id] = p->at + 2;
}

static int find_position(Positions *p, Dim dim) {
  if (!dim.expr) return -1;
  int *known = &p->known[dim.expr->id];
  if (*known) return *known - 2;
  int a = -1, b = -1, c = -1;
  if (is_compound(dim.expr)) {
    a = find_position(p, dim.expr->a);
    b = find_position(p, dim.expr->b);
    c = find_position(p, dim.expr->c);
  }
  int most = a > b ? a : b, result = most > c ? most : c;
  p->known[dim.expr->id] = result + 2;
  return result;
}

static Positions find_writes(const Program *program) {
  Positions p = {.program = program, .count = dims_count(program->dims) + 1};
  p.known = NEW_ARRAY(program->arena, int, p.count);
  for (size_t i = 0; i < program->step_count; i++) {
    p.at = (int)i;
    each_written(program, program->steps[i], note_position, &p);
  }
  return p;
}

void frame_known(const Program *program, size_t count, const Dim *dims, int *known) {
  Positions p = find_writes(program);
  for (size_t i = 0; i < count; i++) known[i] = find_position(&p, dims[i]);
}

typedef struct {
  Positions *positions;
  bool late;
} Late;

static void note_late(void *context, Dim dim) {
  Late *l = context;
  l->late |= find_position(l->positions, dim) >= 0;
}

bool *frame_late(const Program *program) {
  bool *late = NEW_ARRAY(program->arena, bool, program->step_count);
  for (size_t i = 0; i < program->step_count; i++) each_read(program->steps[i], no_visit, NULL); // makes expressions
  Positions p = find_writes(program);
  for (size_t i = 0; program->frame && i < program->step_count; i++) {
    const Step *step = program->steps[i];
    Late l = {&p, false};
    each_read(step, note_late, &l);
    for (size_t k = 0; k < step->pointer_count; k++) l.late |= step->pointers[k].buffer == program->frame_buffer;
    late[i] = l.late;
  }
  return late;
}

/* dims steps */

typedef struct {
  Program *program;
  Step **old; // the program's steps before
  size_t old_count;
  size_t id_count;
  bool *known;     // by expression id
  bool **at_label; // by old position: what all jumps to the label there know; NULL: no jump yet
} Pass;

// The same for every number that must have been computed before the step: a dims step's own results, and the room that
// the heap has left above a buffer.
static void each_needed(const Step *step, Visit *visit, void *context) {
  each_read(step, visit, context);
  for (size_t i = 0; i < step->dim_count; i++) visit(context, step->dims[i]);
  for (size_t i = 0; i < step->check_count; i++) visit(context, step->checks[i].dim);
  for (size_t i = 0; i < step->pointer_count; i++)
    if (buffer_in_heap(step->pointers[i].buffer)) visit(context, step->pointers[i].buffer->heap_left);
}

// memo, by expression id: 1 yes, -1 no, 0 not looked at.
static bool can_know(const Pass *pass, Dim dim, int8_t *memo) {
  if (!dim.expr || pass->known[dim.expr->id]) return true;
  int8_t *m = &memo[dim.expr->id];
  if (!*m)
    *m = is_compound(dim.expr) && can_know(pass, dim.expr->a, memo) && can_know(pass, dim.expr->b, memo) &&
                 can_know(pass, dim.expr->c, memo)
             ? 1
             : -1;
  return *m > 0;
}

typedef struct {
  Pass *pass;
  Step *dims; // that is being filled; NULL: only look
  int8_t *memo;
  bool missing;
} Needs;

static void add_dim(Pass *pass, Step *dims, Dim dim) {
  if (!dim.expr || pass->known[dim.expr->id]) return;
  add_dim(pass, dims, dim.expr->a);
  add_dim(pass, dims, dim.expr->b);
  add_dim(pass, dims, dim.expr->c);
  pass->known[dim.expr->id] = true;
  frame_slot(pass->program, dim);
  APPEND(pass->program->arena, dims->dims, dims->dim_count, dim);
}

static void need_dim(void *context, Dim dim) {
  Needs *needs = context;
  if (!dim.expr || needs->pass->known[dim.expr->id]) return;
  needs->missing = true;
  if (needs->dims && can_know(needs->pass, dim, needs->memo)) add_dim(needs->pass, needs->dims, dim);
}

static void append(Pass *pass, Step *step) {
  APPEND(pass->program->arena, pass->program->steps, pass->program->step_count, step);
}

static bool is_of_same_node(const Step *a, const Step *b) {
  return a->loc.index == b->loc.index && !strcmp(a->loc.graph, b->loc.graph) && !strcmp(a->name, b->name);
}

// Checks of one node stand in one step.
static void append_checks(Pass *pass, Step *step) {
  Program *program = pass->program;
  Step *before = program->step_count ? program->steps[program->step_count - 1] : NULL;
  if (!step->check_count) return;
  if (!before || before->kind != STEP_DIMS || !is_of_same_node(before, step)) {
    append(pass, step);
    return;
  }
  for (size_t i = 0; i < step->check_count; i++)
    APPEND(program->arena, before->checks, before->check_count, step->checks[i]);
}

// Everything that steps from `at` on need and that can be known before `at`.
static void insert_dims(Pass *pass, size_t at) {
  Program *program = pass->program;
  Needs needs = {.pass = pass};
  each_needed(pass->old[at], need_dim, &needs);
  if (!needs.missing) return;
  Step *dims = step_control(program, STEP_DIMS, &pass->old[at]->loc, pass->old[at]->name);
  needs = (Needs){pass, dims, NEW_ARRAY(program->arena, int8_t, pass->id_count), false};
  for (size_t i = at; i < pass->old_count; i++) each_needed(pass->old[i], need_dim, &needs);
  for (size_t i = 0; i < dims->dim_count; i++)
    for (size_t b = 0; b < program->buffer_count; b++) {
      const Buffer *buffer = program->buffers[b];
      if (!buffer_in_heap(buffer) || !dim_equal(buffer->heap_left, dims->dims[i])) continue;
      APPEND(program->arena, dims->checks, dims->check_count, ((DimCheck){dims->dims[i], STATUS_MEMORY}));
      break;
    }
  needs = (Needs){.pass = pass};
  each_needed(pass->old[at], need_dim, &needs);
  assert(!needs.missing && "a step needs a number that nothing finds out");
}

static bool depends_on(const Pass *pass, Dim dim, const bool *written, int8_t *memo) {
  if (!dim.expr) return false;
  if (written[dim.expr->id]) return true;
  int8_t *m = &memo[dim.expr->id];
  if (!*m)
    *m = is_compound(dim.expr) &&
                 (depends_on(pass, dim.expr->a, written, memo) || depends_on(pass, dim.expr->b, written, memo) ||
                  depends_on(pass, dim.expr->c, written, memo))
             ? 1
             : -1;
  return *m > 0;
}

typedef struct {
  Pass *pass;
  bool *written; // by expression id
} Writes;

static void note_write(void *context, int slot) {
  Writes *w = context;
  const DimExpr *e = w->pass->program->frame->slots[slot].expr;
  if (e && (size_t)e->id < w->pass->id_count) w->written[e->id] = true;
}

typedef struct {
  Pass *pass;
  const bool *written;
  int8_t *memo;
  bool *seen; // by id: an expression is shared by many
} Stale;

static void forget(void *context, Dim dim) {
  Stale *s = context;
  if (!dim.expr || s->written[dim.expr->id] || s->seen[dim.expr->id]) return;
  s->seen[dim.expr->id] = true;
  if (depends_on(s->pass, dim, s->written, s->memo)) s->pass->known[dim.expr->id] = false;
  if (!is_compound(dim.expr)) return;
  forget(s, dim.expr->a);
  forget(s, dim.expr->b);
  forget(s, dim.expr->c);
}

// Steps from..to write numbers: what is computed from those is not known any more. The numbers themselves are, when
// `now`.
static void forget_written(Pass *pass, size_t from, size_t to, bool now) {
  Writes writes = {pass, NEW_ARRAY(pass->program->arena, bool, pass->id_count)};
  bool any = false;
  for (size_t i = from; i <= to; i++) each_written(pass->program, pass->old[i], note_write, &writes);
  for (size_t id = 0; id < pass->id_count; id++) any |= writes.written[id];
  if (!any) return;
  Stale stale = {pass, writes.written, NEW_ARRAY(pass->program->arena, int8_t, pass->id_count),
                 NEW_ARRAY(pass->program->arena, bool, pass->id_count)};
  for (size_t i = 0; i < pass->old_count; i++) each_needed(pass->old[i], forget, &stale);
  for (size_t id = 0; now && id < pass->id_count; id++) pass->known[id] |= writes.written[id];
}

static size_t find_step(const Pass *pass, const Step *step) {
  size_t i = 0;
  while (pass->old[i] != step) i++;
  return i;
}

// Joins what is known at a jump to what is known at its label.
static void meet(Pass *pass, bool **at_label) {
  if (!*at_label) {
    *at_label = NEW_ARRAY(pass->program->arena, bool, pass->id_count);
    memcpy(*at_label, pass->known, pass->id_count * sizeof **at_label);
  }
  for (size_t id = 0; id < pass->id_count; id++) (*at_label)[id] &= pass->known[id];
}

static void pass_label(Pass *pass, size_t at) {
  for (size_t i = at + 1; i < pass->old_count; i++) // a loop: what it writes is not the same every time
    if (pass->old[i]->kind == STEP_JUMP && pass->old[i]->target == pass->old[at]) forget_written(pass, at, i, false);
  if (!pass->at_label[at]) return;
  const Step *before = at ? pass->old[at - 1] : NULL;
  bool falls_through = !before || before->kind != STEP_JUMP || before->condition.expr;
  if (falls_through) meet(pass, &pass->at_label[at]);
  memcpy(pass->known, pass->at_label[at], pass->id_count * sizeof *pass->known);
}

typedef struct {
  Program *program;
  Step *step;
} Locals;

static void add_local(void *context, Dim dim) {
  Locals *l = context;
  for (size_t i = 0; i < l->step->local_count; i++)
    if (l->step->locals[i] == dim.expr) return;
  if (dim.expr) APPEND(l->program->arena, l->step->locals, l->step->local_count, dim.expr);
}

int step_local(const Step *step, const DimExpr *expr) {
  size_t i = 0;
  while (i < step->local_count && step->locals[i] != expr) i++;
  assert(i < step->local_count);
  return (int)i;
}

static void note_open(void *context, Dim dim) { *(bool *)context |= !dim_is_const(dim); }

void program_frame(Program *program) {
  bool open = program->frame;
  for (size_t i = 0; i < program->step_count; i++)
    each_needed(program->steps[i], note_open, &open); // makes expressions
  if (!open) return;
  need_frame(program);
  Pass pass = {program, program->steps, program->step_count, dims_count(program->dims) + 1, NULL, NULL};
  pass.known = NEW_ARRAY(program->arena, bool, pass.id_count);
  pass.at_label = NEW_ARRAY(program->arena, bool *, pass.old_count);
  for (size_t i = 0; i < program->frame->slot_count; i++) {
    const struct Slot *slot = &program->frame->slots[i];
    if (slot->expr && slot->input) pass.known[slot->expr->id] = true;
  }
  program->steps = NULL;
  program->step_count = 0;
  for (size_t i = 0; i < pass.old_count; i++) {
    Step *step = pass.old[i];
    if (step->kind == STEP_LABEL) pass_label(&pass, i);
    insert_dims(&pass, i);
    step->dim_count = 0; // the step before has computed them
    if (step->kind == STEP_DIMS)
      append_checks(&pass, step);
    else
      append(&pass, step);
    forget_written(&pass, i, i, true);
    if (step->kind == STEP_JUMP) {
      size_t target = find_step(&pass, step->target);
      if (target > i) meet(&pass, &pass.at_label[target]);
    }
  }
  for (size_t i = 0; i < program->step_count; i++)
    each_read(program->steps[i], add_local, &(Locals){program, program->steps[i]});
}
