// Bounded memory for decoders: all blocks of a thread hang on one list, so that a decoder may be left at any place.
// The libraries' malloc has no argument that could tell whose memory it is, hence a variable for each thread.
#include "runtime/images/decoder.h"

#include <string.h>
#undef malloc
#undef calloc
#undef realloc
#undef free
#include <stdlib.h>

typedef struct Block Block;
struct Block {
  Block *next, **link; // *link is this block
  size_t bytes;
  _Alignas(max_align_t) char data[];
};

static _Thread_local struct {
  Block *first;
  uint64_t left;
  bool refused;
} memory __attribute__((tls_model("initial-exec")));

void open_image_memory(uint64_t bytes) {
  memory.left = bytes;
  memory.refused = false;
}

bool close_image_memory(void) {
  while (memory.first) image_free(memory.first->data);
  return !memory.refused;
}

void *image_malloc(size_t bytes) {
  Block *block = bytes <= memory.left && bytes <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + bytes) : NULL;
  if (!block) {
    memory.refused = true;
    return NULL;
  }
  *block = (Block){.next = memory.first, .link = &memory.first, .bytes = bytes};
  if (block->next) block->next->link = &block->next;
  memory.first = block;
  memory.left -= bytes;
  return block->data;
}

void *image_calloc(size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
  void *data = image_malloc(total);
  return data ? memset(data, 0, total) : NULL;
}

void *image_realloc(void *data, size_t bytes) {
  void *moved = image_malloc(bytes);
  if (!data || !moved) return moved;
  const Block *block = (Block *)((char *)data - offsetof(Block, data));
  memcpy(moved, data, block->bytes < bytes ? block->bytes : bytes);
  image_free(data);
  return moved;
}

void image_free(void *data) {
  if (!data) return;
  Block *block = (Block *)((char *)data - offsetof(Block, data));
  *block->link = block->next;
  if (block->next) block->next->link = block->link;
  memory.left += block->bytes;
  free(block);
}
