// Dims steps: where the numbers of the frame are computed.
//
// A dims step stands where the first of its results is needed and computes all that can be known there, so that a
// program has few of them. What was computed before a branch or a loop holds inside unless the loop writes what it
// depends on; what was computed inside does not hold behind it. Before a loop stands what its rounds need and do not
// change.
#include "compiler/program/frame.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

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

static Writes find_written(Pass *pass, size_t from, size_t to) {
  Writes writes = {pass, NEW_ARRAY(pass->program->arena, bool, pass->id_count)};
  for (size_t i = from; i <= to; i++) each_written(pass->program, pass->old[i], note_write, &writes);
  return writes;
}

typedef struct {
  Pass *pass;
  Step *dims; // that is being filled; NULL: only look
  int8_t *memo;
  Dim missing;         // one of them
  const bool *changes; // numbers that must not be used, by expression id; NULL: none
  int8_t *uses;        // memo of depends_on
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
  needs->missing = dim;
  if (needs->changes && depends_on(needs->pass, dim, needs->changes, needs->uses)) return;
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

// The symbol that keeps `dim` from being known.
static Dim find_unknown(const Pass *pass, Dim dim) {
  while (is_compound(dim.expr)) {
    int8_t *memo = NEW_ARRAY(pass->program->arena, int8_t, pass->id_count);
    const DimExpr *e = dim.expr;
    dim = !can_know(pass, e->a, memo) ? e->a : !can_know(pass, e->b, memo) ? e->b : e->c;
  }
  return dim;
}

// A dims step of everything that steps from `at` on need and that can be known before `at`, without the numbers that
// `changes` marks (NULL: with all). None where that is nothing.
static void fill_dims(Pass *pass, size_t at, const bool *changes) {
  Program *program = pass->program;
  Arena *arena = program->arena;
  Step *dims = step_control(program, STEP_DIMS, &pass->old[at]->loc, pass->old[at]->name);
  Needs needs = {.pass = pass, .dims = dims, .memo = NEW_ARRAY(arena, int8_t, pass->id_count), .changes = changes};
  needs.uses = changes ? NEW_ARRAY(arena, int8_t, pass->id_count) : NULL;
  for (size_t i = at; i < pass->old_count; i++) each_needed(pass->old[i], need_dim, &needs);
  if (!dims->dim_count) program->step_count--;
  for (size_t i = 0; i < dims->dim_count; i++)
    for (size_t b = 0; b < program->buffer_count; b++) {
      const Buffer *buffer = program->buffers[b];
      if (!buffer_in_heap(buffer) || !dim_equal(buffer->heap_left, dims->dims[i])) continue;
      APPEND(arena, dims->checks, dims->check_count, ((DimCheck){dims->dims[i], STATUS_MEMORY}));
      break;
    }
}

// What the step at `at` needs. False after an error: that cannot be known before it.
static bool insert_dims(Pass *pass, size_t at, Diag *diag) {
  Program *program = pass->program;
  Needs needs = {.pass = pass};
  each_needed(pass->old[at], need_dim, &needs);
  if (!needs.missing.expr) return true;
  fill_dims(pass, at, NULL);
  needs = (Needs){.pass = pass};
  each_needed(pass->old[at], need_dim, &needs);
  if (!needs.missing.expr) return true;
  Dim unknown = find_unknown(pass, needs.missing);
  if (dim_is_overflow(unknown))
    return diag_error_at(diag, &pass->old[at]->loc,
                         "a size here is computed by numbers beyond 64 bits, by 0, or in too many operations");
  return diag_error_at(diag, &pass->old[at]->loc, "a size is needed here that nothing finds out before: '%s'",
                       dim_text(program->dims, unknown));
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
  Writes writes = find_written(pass, from, to);
  bool any = false;
  for (size_t id = 0; id < pass->id_count; id++) any |= writes.written[id];
  if (!any) return;
  Stale stale = {pass, writes.written, NEW_ARRAY(pass->program->arena, int8_t, pass->id_count),
                 NEW_ARRAY(pass->program->arena, bool, pass->id_count)};
  for (size_t i = 0; i < pass->old_count; i++) each_needed(pass->old[i], forget, &stale);
  for (size_t id = 0; now && id < pass->id_count; id++) pass->known[id] |= writes.written[id];
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
  for (size_t i = at + 1; i < pass->old_count; i++) {
    if (pass->old[i]->kind != STEP_JUMP || pass->old[i]->target != pass->old[at]) continue;
    fill_dims(pass, at, find_written(pass, at, i).written); // a loop: what is the same every time is computed once,
    forget_written(pass, at, i, false);                     // what it writes is not
  }
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

bool program_frame(Program *program, Diag *diag) {
  bool open = program->frame;
  for (size_t i = 0; i < program->step_count; i++)
    each_needed(program->steps[i], note_open, &open); // makes expressions
  if (!open) return true;
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
    if (!insert_dims(&pass, i, diag)) return false;
    step->dim_count = 0; // the step before has computed them
    if (step->kind == STEP_DIMS)
      append_checks(&pass, step);
    else
      append(&pass, step);
    forget_written(&pass, i, i, true);
    if (step->kind == STEP_JUMP) {
      size_t target = find_step(pass.old, step->target);
      if (target > i) meet(&pass, &pass.at_label[target]);
    }
  }
  for (size_t i = 0; i < program->step_count; i++)
    each_read(program->steps[i], add_local, &(Locals){program, program->steps[i]});
  return true;
}
