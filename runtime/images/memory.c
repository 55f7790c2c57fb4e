// Bounded memory for decoders: all blocks of a thread hang on one list, so that a decoder may be left at any place.
// The libraries' malloc has no argument that could tell whose memory it is, hence a variable for each thread.
#include "runtime/images/decoder.h"

#include <stdlib.h>
#include <string.h>

typedef struct Block Block;
struct Block {
  Block *previous, *next;
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
  for (Block *block = memory.first, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  memory.first = NULL;
  return !memory.refused;
}

void *image_malloc(size_t bytes) {
  Block *block = bytes <= memory.left && bytes <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + bytes) : NULL;
  if (!block) {
    memory.refused = true;
    return NULL;
  }
  *block = (Block){.next = memory.first, .bytes = bytes};
  if (block->next) block->next->previous = block;
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

static Block *find_block(void *data) { return (Block *)((char *)data - offsetof(Block, data)); }

void *image_realloc(void *data, size_t bytes) {
  void *moved = image_malloc(bytes);
  if (!data || !moved) return moved;
  const Block *block = find_block(data);
  memcpy(moved, data, block->bytes < bytes ? block->bytes : bytes);
  image_free(data);
  return moved;
}

void image_free(void *data) {
  if (!data) return;
  Block *block = find_block(data);
  *(block->previous ? &block->previous->next : &memory.first) = block->next;
  if (block->next) block->next->previous = block->previous;
  memory.left += block->bytes;
  free(block);
}
