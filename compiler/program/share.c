// Weights that are the same: those of one program are one buffer, those of several lie in one place.
#include "compiler/program/program.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  Buffer *buffer;
  size_t at; // its place among those compared
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
  ORDER(a->at, b->at);
  return 0;
}

static bool is_same_weight(const Buffer *a, const Buffer *b) {
  if (compare_packs(a, b)) return false;
  const void *x = a->tensor->data, *y = b->tensor->data;
  return x == y || !memcmp(x, y, (size_t)tensor_bytes(a->tensor));
}

// For each weight the first of those that are the same.
static Buffer **find_same(Arena *arena, Buffer *const *buffers, size_t count) {
  Weight **weights = NEW_ARRAY(arena, Weight *, count);
  Buffer **same = NEW_ARRAY(arena, Buffer *, count);
  for (size_t i = 0; i < count; i++) {
    weights[i] = NEW(arena, Weight);
    *weights[i] = (Weight){.buffer = buffers[i], .at = i};
  }
  if (count) qsort(weights, count, sizeof *weights, compare_weights);
  for (size_t i = 0; i < count; i++) {
    Buffer *buffer = weights[i]->buffer, *first = i ? same[weights[i - 1]->at] : NULL;
    same[weights[i]->at] = first && is_same_weight(first, buffer) ? first : buffer;
  }
  return same;
}

void program_share_weights(Program *program) {
  Buffer **weights = NULL, **by_id = NEW_ARRAY(program->arena, Buffer *, program->buffer_count);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++)
    if (program->buffers[i]->kind == BUFFER_WEIGHT) APPEND(program->arena, weights, count, program->buffers[i]);
  Buffer **same = find_same(program->arena, weights, count);
  for (size_t i = 0; i < count; i++) by_id[weights[i]->id] = same[i];
  for (size_t i = 0; i < program->step_count; i++)
    for (size_t p = 0; p < program->steps[i]->pointer_count; p++) {
      Buffer **buffer = &program->steps[i]->pointers[p].buffer;
      if ((*buffer)->kind == BUFFER_WEIGHT) *buffer = by_id[(*buffer)->id];
    }
}

static int compare_places(const void *left, const void *right) {
  const Buffer *a = *(Buffer *const *)left, *b = *(Buffer *const *)right;
  ORDER(a->offset, b->offset);
  return 0;
}

void programs_join_weights(Program *const *programs, size_t count) {
  Arena *arena = programs[0]->arena;
  Buffer **all = NULL;
  size_t total = 0;
  for (size_t v = 0; v < count; v++) {
    size_t first = total;
    for (size_t i = 0; i < programs[v]->buffer_count; i++)
      if (programs[v]->buffers[i]->kind == BUFFER_WEIGHT) APPEND(arena, all, total, programs[v]->buffers[i]);
    if (total > first) qsort(all + first, total - first, sizeof *all, compare_places);
  }
  Buffer **same = find_same(arena, all, total);
  int64_t end = 0;
  for (size_t i = 0; i < total; i++) {
    if (same[i] == all[i]) {
      all[i]->offset = end;
      end += round_up(all[i]->bytes.value, BUFFER_ALIGN);
    } else {
      all[i]->offset = same[i]->offset; // which stands before it
    }
  }
  for (size_t v = 0; v < count; v++) programs[v]->weight_bytes = end;
}
