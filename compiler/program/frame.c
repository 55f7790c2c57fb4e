// The frame: numbers that are known at run time only, and where they stand.
//
// Each has a slot: dims of inputs, which the runtime writes; numbers that a step finds out, such as the elements of a
// shape or the count of a NonZero, which the step writes; and expressions of those, which dims steps compute (see
// frame_steps.c).
#include "compiler/program/frame.h"
#include "runtime/model.h"

#include <assert.h>

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

// Whether the symbols have consecutive slots already: a constant is measured at each of its readers.
static bool have_slots(Program *program, size_t count, const Dim *symbols) {
  int first = count ? *find_slot(program, symbols[0].expr) : 0;
  for (size_t i = 0; first && i < count; i++)
    if (*find_slot(program, symbols[i].expr) != first + (int)i) return false;
  return first && program->frame->slots[first].end == first + (int)count;
}

int frame_slots(Program *program, size_t count, const Dim *symbols) {
  if (have_slots(program, count, symbols)) return *find_slot(program, symbols[0].expr);
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

// A slot that the runtime writes for every model.
static Dim own_slot(Program *program, int number, const char *name) {
  struct Slot *slot = &need_frame(program)->slots[number];
  if (!slot->expr) {
    slot->expr = dim_new_symbol(program->dims, name).expr;
    slot->input = true;
    *find_slot(program, slot->expr) = number;
  }
  return (Dim){0, slot->expr};
}

Dim frame_heap(Program *program) { return own_slot(program, FRAME_HEAP, "heap"); }
Dim frame_seed(Program *program) { return own_slot(program, FRAME_SEED, "seed"); }

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

static void visit_access(const Access *access, Visit *visit, void *context) {
  for (int c = 0; c < COORDS; c++) visit(context, access->stride[c]);
}

void each_read(const Step *step, Visit *visit, void *context) {
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

void no_visit(void *context, Dim dim) { (void)context, (void)dim; }

void each_written(const Program *program, const Step *step, void (*visit)(void *context, int slot), void *context) {
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
