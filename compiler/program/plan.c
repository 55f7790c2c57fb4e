// Planning memory: which steps are needed, which weights are the same, and where each buffer lies.
//
// Arena buffers that are alive at the same time get places that do not overlap, by "greedy by size" (Pisarchyk and Lee,
// "Efficient Memory Management for Deep Neural Net Inference", 2020): the largest first, each into the smallest gap
// between those it meets. A buffer may share the place of another that ends at the step that makes it, when the step
// reads each element just before it writes that element. Weights lie in the order of their first use, so that start-up
// reads the file forwards.
//
// Buffers whose sizes are known at run time only lie in the heap, on shelves: buffers on one shelf are alive one after
// the other, and it is as long as the longest of them. Shelves stand in groups, one for each place in the program where
// the last of the numbers that sizes depend on becomes known.
#include "compiler/program/program.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* what is needed */

// In a loop a step can need what one behind it writes: until nothing more is needed.
static void drop_dead_steps(Program *program) {
  bool *needed = NEW_ARRAY(program->arena, bool, program->buffer_count);
  bool *live = NEW_ARRAY(program->arena, bool, program->step_count);
  for (size_t i = 0; i < program->buffer_count; i++)
    needed[i] = program->buffers[i]->kind == BUFFER_OUTPUT || program->buffers[i]->kind == BUFFER_STATE ||
                program->buffers[i]->kind == BUFFER_FRAME;
  for (bool again = true; again;) {
    again = false;
    for (size_t i = program->step_count; i-- > 0;) {
      const Step *step = program->steps[i];
      if (live[i]) continue;
      live[i] = step->kind != STEP_TEMPLATE;
      for (size_t p = 0; p < step->pointer_count; p++)
        live[i] |= needed[step->pointers[p].buffer->id] && step_uses(step, (int)p) & USE_WRITES;
      again |= live[i];
      for (size_t p = 0; live[i] && p < step->pointer_count; p++)
        if (step_uses(step, (int)p) & USE_READS) needed[step->pointers[p].buffer->id] = true;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < program->step_count; i++)
    if (live[i]) program->steps[kept++] = program->steps[i];
  program->step_count = kept;
}

// The step that jumps back to the label at `label`, or -1.
static int loop_end(const Program *program, size_t label) {
  if (program->steps[label]->kind != STEP_LABEL) return -1;
  for (size_t i = program->step_count; i-- > label;)
    if (program->steps[i]->kind == STEP_JUMP && program->steps[i]->target == program->steps[label]) return (int)i;
  return -1;
}

static void find_lifetimes(Program *program) {
  for (size_t i = 0; i < program->buffer_count; i++) program->buffers[i]->first = program->buffers[i]->last = -1;
  for (size_t i = 0; i < program->step_count; i++) {
    const Step *step = program->steps[i];
    for (size_t p = 0; p < step->pointer_count; p++) {
      Buffer *buffer = step->pointers[p].buffer;
      if (!step_uses(step, (int)p)) continue;
      if (buffer->first < 0) buffer->first = (int)i;
      buffer->last = (int)i;
    }
  }
  for (size_t b = 0; b < program->buffer_count; b++)
    if (program->buffers[b]->kind == BUFFER_OUTPUT) program->buffers[b]->last = (int)program->step_count;
  // What was there before a loop and is used inside lives to its end, and what is used behind a loop that fills it
  // lives from its start. Inner loops end first, so one walk does.
  for (size_t i = 0; i < program->step_count; i++) {
    int start = (int)i, end = loop_end(program, i);
    for (size_t b = 0; b < program->buffer_count && end >= 0; b++) {
      Buffer *buffer = program->buffers[b];
      if (buffer->first < 0) continue;
      if (buffer->first < start && buffer->last >= start && buffer->last < end) buffer->last = end;
      if (buffer->first > start && buffer->first < end && buffer->last > end) buffer->first = start;
    }
  }
}

// Inputs, outputs and state are the model's own and stay.
static void drop_unused_buffers(Program *program) {
  size_t kept = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    Buffer *buffer = program->buffers[i];
    if (buffer->first < 0 && (buffer->kind == BUFFER_WEIGHT || buffer->kind == BUFFER_ARENA)) continue;
    buffer->id = (int)kept;
    program->buffers[kept++] = buffer;
  }
  program->buffer_count = kept;
}

/* weights that are the same */

typedef struct {
  Buffer *buffer;
  bool hashed;
  uint64_t hash;
} Weight;

static uint64_t hash_bytes(const unsigned char *data, size_t size) {
  uint64_t hash = size;
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, data, sizeof word);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  for (; size; data++, size--) hash = (hash ^ *data) * 0x9e3779b97f4a7c15u;
  return hash;
}

// Only asked for where another weight has the same size and packing: most weights are never read here.
static uint64_t weight_hash(Weight *weight) {
  const Tensor *tensor = weight->buffer->tensor;
  if (!weight->hashed) weight->hash = hash_bytes(tensor->data, (size_t)tensor_bytes(tensor));
  weight->hashed = true;
  return weight->hash;
}

#define ORDER(a, b)                                                                                                    \
  if ((a) != (b)) return (a) < (b) ? -1 : 1

// Order of everything but the data.
static int compare_packs(const Buffer *a, const Buffer *b) {
  ORDER(a->bytes.value, b->bytes.value);
  ORDER(a->tensor->type, b->tensor->type);
  ORDER(tensor_bytes(a->tensor), tensor_bytes(b->tensor));
  ORDER(a->pack.rank, b->pack.rank);
  ORDER(a->pack.panel, b->pack.panel);
  ORDER(a->pack.panel_dim, b->pack.panel_dim);
  ORDER(a->pack.bound, b->pack.bound);
  for (int i = 0; i < a->pack.rank; i++) {
    ORDER(a->pack.dims[i], b->pack.dims[i]);
    ORDER(a->pack.strides[i], b->pack.strides[i]);
  }
  return 0;
}

static int compare_weights(const void *left, const void *right) {
  Weight *a = *(Weight *const *)left, *b = *(Weight *const *)right;
  int order = compare_packs(a->buffer, b->buffer);
  if (order) return order;
  if (a->buffer->tensor->data != b->buffer->tensor->data) ORDER(weight_hash(a), weight_hash(b));
  ORDER(a->buffer->id, b->buffer->id);
  return 0;
}

static bool is_same_weight(const Buffer *a, const Buffer *b) {
  if (compare_packs(a, b)) return false;
  const void *x = a->tensor->data, *y = b->tensor->data;
  return x == y || !memcmp(x, y, (size_t)tensor_bytes(a->tensor));
}

// Lets all steps read one of the weights that are equal.
static void share_weights(Program *program) {
  Weight **weights = NEW_ARRAY(program->arena, Weight *, program->buffer_count);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    if (program->buffers[i]->kind != BUFFER_WEIGHT) continue;
    Weight *weight = weights[count++] = NEW(program->arena, Weight);
    weight->buffer = program->buffers[i];
  }
  qsort(weights, count, sizeof *weights, compare_weights);
  Buffer **same = NEW_ARRAY(program->arena, Buffer *, program->buffer_count); // by id
  for (size_t i = 0; i < count; i++) {
    Buffer *buffer = weights[i]->buffer, *first = i ? same[weights[i - 1]->buffer->id] : NULL;
    same[buffer->id] = first && is_same_weight(first, buffer) ? first : buffer;
  }
  for (size_t i = 0; i < program->step_count; i++)
    for (size_t p = 0; p < program->steps[i]->pointer_count; p++) {
      Buffer **buffer = &program->steps[i]->pointers[p].buffer;
      if ((*buffer)->kind == BUFFER_WEIGHT) *buffer = same[(*buffer)->id];
    }
}

/* places in the arena */

// Memory that one buffer after the other uses.
typedef struct {
  const Buffer *buffer; // the last of them
  Dim bytes;
  int64_t offset;
  int first, last; // steps
  int known;       // in the heap: after this step; -1: from the start
  size_t shelf;    // in the heap: of its group
} Place;

static bool is_same_access(const Step *step, const Func *func, const Access *a, const Access *b) {
  if (!dim_equal(step->pointers[a->pointer].offset, step->pointers[b->pointer].offset)) return false;
  if (dtype_unit(a->type) != dtype_unit(b->type)) return false;
  for (int i = 0; i < COORDS; i++)
    if (!dim_is(func->space[i], 1) && !dim_equal(a->stride[i], b->stride[i])) return false;
  return true;
}

// True when the step touches `buffer` only through accesses of `func` to the same element as `access`.
static bool is_touched_as(const Step *step, const Buffer *buffer, const Func *func, const Access *access) {
  for (size_t p = 0; p < step->pointer_count; p++)
    if (step->pointers[p].buffer == buffer && step_uses(step, (int)p) & (USE_RAW_READ | USE_RAW_WRITE)) return false;
  for (size_t i = 0; i < step->arg_count; i++) {
    if (step->args[i].kind != ARG_FUNC) continue;
    const Func *f = step->args[i].func;
    for (size_t k = 0; k < f->load_count + f->store_count; k++) {
      const Access *a = k < f->load_count ? &f->loads[k] : &f->stores[k - f->load_count];
      if (step->pointers[a->pointer].buffer != buffer) continue;
      if (f != func || !is_same_access(step, func, a, access)) return false;
    }
  }
  return true;
}

// A buffer whose place the buffer that `store` writes can take: it has the same size, ends at this step, and the
// function reads from it exactly the element that it writes then.
static const Buffer *find_in_place(const Program *program, int at, const Func *func, const Access *store,
                                   Place *const *places) {
  const Step *step = program->steps[at];
  const Buffer *out = step->pointers[store->pointer].buffer;
  if (out->kind != BUFFER_ARENA || out->block || out->first != at || !is_touched_as(step, out, func, store))
    return NULL;
  for (size_t i = 0; i < func->load_count; i++) {
    const Buffer *in = step->pointers[func->loads[i].pointer].buffer;
    if (in->kind == BUFFER_ARENA && !in->block && in->first < at && in->last == at &&
        dim_equal(in->bytes, out->bytes) && places[in->id]->buffer == in && is_touched_as(step, in, func, store))
      return in;
  }
  return NULL;
}

// Gives every arena buffer a place of its own or the one of a buffer that ends where it begins.
static Place **make_places(Program *program) {
  Place **places = NEW_ARRAY(program->arena, Place *, program->buffer_count);
  for (int at = 0; at < (int)program->step_count; at++) {
    const Step *step = program->steps[at];
    for (size_t i = 0; i < step->arg_count; i++) {
      if (step->args[i].kind != ARG_FUNC) continue;
      const Func *func = step->args[i].func;
      for (size_t k = 0; k < func->store_count; k++) {
        const Buffer *out = step->pointers[func->stores[k].pointer].buffer;
        const Buffer *in = places[out->id] ? NULL : find_in_place(program, at, func, &func->stores[k], places);
        if (!in) continue;
        Place *place = places[out->id] = places[in->id];
        place->buffer = out;
        place->last = out->last;
      }
    }
    for (size_t p = 0; p < step->pointer_count; p++) {
      const Buffer *b = step->pointers[p].buffer;
      if ((b->kind != BUFFER_ARENA && !buffer_in_heap(b)) || b->block || places[b->id]) continue;
      Place *place = places[b->id] = NEW(program->arena, Place);
      *place = (Place){
          .buffer = b, .bytes = dim_times(dim_div_up(b->bytes, ALIGN), ALIGN), .first = b->first, .last = b->last};
    }
  }
  return places;
}

static int compare_places(const void *left, const void *right) {
  const Place *a = *(Place *const *)left, *b = *(Place *const *)right;
  ORDER(b->bytes.value, a->bytes.value); // the largest first
  ORDER(a->first, b->first);
  ORDER(a->buffer->id, b->buffer->id);
  return 0;
}

// `placed` is in order of offsets.
static int64_t find_gap(const Place *place, Place *const *placed, size_t count) {
  int64_t best = -1, best_size = INT64_MAX, end = 0;
  for (size_t i = 0; i < count; i++) {
    const Place *other = placed[i];
    if (other->last < place->first || place->last < other->first) continue;
    int64_t gap = other->offset - end;
    if (gap >= place->bytes.value && gap < best_size) best = end, best_size = gap;
    if (other->offset + other->bytes.value > end) end = other->offset + other->bytes.value;
  }
  return best < 0 ? end : best;
}

static void place_arena(Program *program, Place **places) {
  Place **sorted = NEW_ARRAY(program->arena, Place *, program->buffer_count);
  Place **placed = NEW_ARRAY(program->arena, Place *, program->buffer_count);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++)
    if (places[i] && places[i]->buffer == program->buffers[i] && dim_is_const(places[i]->bytes))
      sorted[count++] = places[i];
  qsort(sorted, count, sizeof *sorted, compare_places);
  program->arena_bytes = 0;
  for (size_t i = 0; i < count; i++) {
    Place *place = sorted[i];
    place->offset = find_gap(place, placed, i);
    size_t at = i;
    for (; at > 0 && placed[at - 1]->offset > place->offset; at--) placed[at] = placed[at - 1];
    placed[at] = place;
    int64_t end = place->offset + place->bytes.value;
    if (end > program->arena_bytes) program->arena_bytes = end;
  }
  for (size_t i = 0; i < program->buffer_count; i++)
    if (places[i] && !buffer_in_heap(program->buffers[i])) program->buffers[i]->offset = places[i]->offset;
}

/* places in the heap */

typedef struct {
  Dim bytes, from; // from the start of its group
  int last;        // step that ends the last of its buffers
} Shelf;

// Shelves whose sizes become known together.
typedef struct {
  int known;       // after this step; -1: from the start
  int first, last; // steps
  Shelf *shelves;
  size_t shelf_count;
  Dim from, end;
} Group;

static Group *find_group(Program *program, Group **groups, size_t *count, int known) {
  for (size_t i = 0; i < *count; i++)
    if ((*groups)[i].known == known) return &(*groups)[i];
  APPEND(program->arena, *groups, *count, ((Group){.known = known, .first = -1}));
  return &(*groups)[*count - 1];
}

// The free shelf that needs to grow least, or a new one.
static size_t find_shelf(Program *program, Group *group, const Place *place) {
  size_t best = group->shelf_count;
  for (size_t i = 0; i < group->shelf_count; i++) {
    if (group->shelves[i].last >= place->first) continue;
    if (best == group->shelf_count || (dim_compare(group->shelves[best].bytes, place->bytes) < 0
                                           ? dim_compare(group->shelves[i].bytes, group->shelves[best].bytes) > 0
                                           : dim_compare(group->shelves[i].bytes, place->bytes) >= 0 &&
                                                 dim_compare(group->shelves[i].bytes, group->shelves[best].bytes) < 0))
      best = i;
  }
  if (best == group->shelf_count)
    APPEND(program->arena, group->shelves, group->shelf_count, ((Shelf){.bytes = place->bytes}));
  Shelf *shelf = &group->shelves[best];
  shelf->bytes = dim_define(program->dims, "shelf", dim_max(shelf->bytes, place->bytes));
  shelf->last = place->last;
  return best;
}

static void stack_group(Program *program, Group *groups, size_t count, Group *group) {
  group->from = dim_const(0);
  for (size_t i = 0; i < count; i++) {
    const Group *other = &groups[i];
    if (other->known < group->known && other->last >= group->first && other->first <= group->last)
      group->from =
          dim_is(group->from, 0) ? other->end : dim_define(program->dims, "heap", dim_max(group->from, other->end));
  }
  group->end = group->from;
  for (size_t i = 0; i < group->shelf_count; i++) {
    group->shelves[i].from = group->end;
    group->end = dim_define(program->dims, "heap", dim_add(group->end, group->shelves[i].bytes));
  }
}

static int compare_known(const void *left, const void *right) {
  const Group *a = left, *b = right;
  ORDER(a->known, b->known);
  return 0;
}

static int compare_first_use(const void *left, const void *right) {
  const Buffer *a = *(Buffer *const *)left, *b = *(Buffer *const *)right;
  ORDER(a->first, b->first);
  ORDER(a->id, b->id);
  return 0;
}

static void place_heap(Program *program, Place **places) {
  Buffer **buffers = NEW_ARRAY(program->arena, Buffer *, program->buffer_count);
  Dim *sizes = NEW_ARRAY(program->arena, Dim, program->buffer_count);
  int *known = NEW_ARRAY(program->arena, int, program->buffer_count);
  Group *groups = NULL;
  size_t count = 0, group_count = 0;
  for (size_t i = 0; i < program->buffer_count; i++)
    if (places[i] && buffer_in_heap(program->buffers[i])) buffers[count++] = program->buffers[i];
  qsort(buffers, count, sizeof *buffers, compare_first_use);
  for (size_t i = 0; i < count; i++) sizes[i] = buffers[i]->bytes;
  frame_known(program, count, sizes, known);
  for (size_t i = 0; i < count; i++) {
    Place *place = places[buffers[i]->id];
    if (place->first != buffers[i]->first) continue; // goes on in the place of another
    // What a loop carries is written once more behind the steps that use it: there the size is known before the first.
    place->known = known[i] < place->first ? known[i] : place->first - 1;
    Group *group = find_group(program, &groups, &group_count, place->known);
    place->shelf = find_shelf(program, group, place);
    if (group->first < 0 || place->first < group->first) group->first = place->first;
    if (place->last > group->last) group->last = place->last;
  }
  if (!groups) return;
  Dim heap = frame_heap(program), shelves_end = program->has_blocks ? dim_div(heap, dim_const(2)) : heap;
  qsort(groups, group_count, sizeof *groups, compare_known);
  for (size_t i = 0; i < group_count; i++) stack_group(program, groups, i, &groups[i]);
  for (size_t i = 0; i < count; i++) {
    const Place *place = places[buffers[i]->id];
    const Group *group = find_group(program, &groups, &group_count, place->known);
    buffers[i]->place = group->shelves[place->shelf].from;
    buffers[i]->heap_left = dim_sub(shelves_end, group->end);
  }
}

/* weights and state */

// Buffers of one kind one after the other, by first use. Returns their bytes.
static int64_t place_in_order(Program *program, BufferKind kind) {
  Buffer **buffers = NEW_ARRAY(program->arena, Buffer *, program->buffer_count);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++)
    if (program->buffers[i]->kind == kind) buffers[count++] = program->buffers[i];
  qsort(buffers, count, sizeof *buffers, compare_first_use);
  int64_t end = 0;
  for (size_t i = 0; i < count; i++) {
    buffers[i]->offset = end;
    end += round_up(buffers[i]->bytes.value, ALIGN);
  }
  return end;
}

bool program_plan(Program *program, Diag *diag) {
  drop_dead_steps(program);
  share_weights(program);
  find_lifetimes(program);
  drop_unused_buffers(program);
  Place **places = make_places(program);
  place_arena(program, places);
  place_heap(program, places);
  for (size_t i = 0; i < program->buffer_count; i++) { // the dims step that reports an output has waited for this
    const Buffer *buffer = program->buffers[i];
    if (buffer->place_symbol.expr) ((DimExpr *)buffer->place_symbol.expr)->a = buffer->place;
  }
  program->weight_bytes = place_in_order(program, BUFFER_WEIGHT);
  program->state_bytes = place_in_order(program, BUFFER_STATE);
  return program_frame(program, diag);
}
