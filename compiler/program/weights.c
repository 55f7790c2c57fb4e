// The weights of a program as one stretch of bytes.
#include "compiler/program/program.h"

#include <assert.h>
#include <stdlib.h>

static int compare_offsets(const void *a, const void *b) {
  const Buffer *x = *(const Buffer *const *)a, *y = *(const Buffer *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

// The weight buffers that steps read, by offset, each offset once. Those without elements lie where others begin.
static const Buffer **find_weights(const Program *program, size_t *count) {
  const Buffer **all = NULL;
  size_t all_count = 0;
  for (size_t i = 0; i < program->step_count; i++)
    for (size_t k = 0; k < program->steps[i]->pointer_count; k++) {
      const Buffer *buffer = program->steps[i]->pointers[k].buffer;
      if (buffer->kind == BUFFER_WEIGHT && pack_count(buffer)) APPEND(program->arena, all, all_count, buffer);
    }
  if (all_count) qsort(all, all_count, sizeof *all, compare_offsets);
  *count = 0;
  for (size_t i = 0; i < all_count; i++)
    if (!*count || all[*count - 1]->offset != all[i]->offset) all[(*count)++] = all[i];
  return all;
}

typedef struct {
  bool (*write)(void *context, const void *data, size_t size);
  void *context;
  int64_t position;
} Sink;

static bool sink_write(void *context, const void *data, size_t size) {
  Sink *sink = context;
  sink->position += (int64_t)size;
  return sink->write(sink->context, data, size);
}

// Zeros up to `position`.
static bool sink_fill(Sink *sink, int64_t position) {
  static const char zeros[4096];
  assert(sink->position <= position);
  while (sink->position < position) {
    int64_t left = position - sink->position, most = sizeof zeros;
    if (!sink_write(sink, zeros, (size_t)(left < most ? left : most))) return false;
  }
  return true;
}

bool program_write_weights(const Program *program, bool (*write)(void *context, const void *data, size_t size),
                           void *context) {
  size_t count;
  const Buffer **weights = find_weights(program, &count);
  Sink sink = {write, context, 0};
  for (size_t i = 0; i < count; i++)
    if (!sink_fill(&sink, weights[i]->offset) || !pack_write(weights[i], sink_write, &sink)) return false;
  return sink_fill(&sink, program->weight_bytes);
}
