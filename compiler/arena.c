// The arena: chunks of zeroed memory with a bump pointer, freed all at once, and the growing arrays and texts that
// live in it.
//
// Small pieces share chunks; a big piece gets a chunk of its own, so that a large tensor wastes nothing. Under ASan
// every piece has a poisoned gap behind it, so that running over its end is reported as in malloc's memory.
#include "compiler/base.h"
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(data, size)   ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
enum { GAP = 0 };
#endif

enum { FIRST_CHUNK = 64 << 10, LAST_CHUNK = 4 << 20, MAX_ALIGN = 64, FIRST_TEXT = 64 };

typedef struct Chunk {
  struct Chunk *next;
} Chunk;

typedef struct Release {
  struct Release *next;
  void (*release)(void *);
  void *object;
} Release;

struct Arena {
  Chunk *chunks;
  Release *releases; // the last one first
  char *free, *end;  // the rest of the chunk that small pieces come from
  size_t next_chunk;
};

_Noreturn static void die_of_memory(size_t size) {
  fprintf(stderr, "ingot: error: out of memory (%zu bytes asked for)\n", size);
  exit(1);
}

Arena *arena_new(void) {
  Arena *arena = calloc(1, sizeof *arena);
  if (!arena) die_of_memory(sizeof *arena);
  arena->next_chunk = FIRST_CHUNK;
  return arena;
}

void arena_free(Arena *arena) {
  if (!arena) return;
  for (Release *r = arena->releases; r; r = r->next) r->release(r->object);
  for (Chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
    next = chunk->next;
    free(chunk);
  }
  free(arena);
}

// The first usable byte of a new chunk of `size` usable bytes.
static char *add_chunk(Arena *arena, size_t size) {
  Chunk *chunk = size > SIZE_MAX / 2 ? NULL : calloc(1, sizeof *chunk + size);
  if (!chunk) die_of_memory(size);
  chunk->next = arena->chunks;
  arena->chunks = chunk;
  ASAN_POISON_MEMORY_REGION(chunk + 1, size);
  return (char *)(chunk + 1);
}

static char *align_up(char *at, size_t align) { return at + (-(uintptr_t)at & (align - 1)); }

void *arena_alloc(Arena *arena, size_t size) {
  size_t align = size >= MAX_ALIGN ? MAX_ALIGN : 16;
  char *at;
  if (size > arena->next_chunk / 4) {
    if (size > SIZE_MAX / 4) die_of_memory(size);
    at = align_up(add_chunk(arena, size + MAX_ALIGN), align);
  } else {
    at = arena->free ? align_up(arena->free, align) : NULL;
    if (!at || at > arena->end || (size_t)(arena->end - at) < size + GAP) {
      arena->free = add_chunk(arena, arena->next_chunk);
      arena->end = arena->free + arena->next_chunk;
      if (arena->next_chunk < LAST_CHUNK) arena->next_chunk *= 2;
      at = align_up(arena->free, align);
    }
    arena->free = at + size + GAP;
  }
  ASAN_UNPOISON_MEMORY_REGION(at, size);
  return at;
}

void *arena_alloc_array(Arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) die_of_memory(SIZE_MAX);
  return arena_alloc(arena, bytes);
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
  char *copy = arena_alloc(arena, length + 1);
  if (length) memcpy(copy, text, length);
  return copy;
}

char *arena_strdup(Arena *arena, const char *text) { return arena_strndup(arena, text, strlen(text)); }

char *arena_vprintf(Arena *arena, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  char *text = arena_alloc(arena, length < 0 ? 1 : (size_t)length + 1);
  if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = arena_vprintf(arena, format, arguments);
  va_end(arguments);
  return text;
}

void arena_on_free(Arena *arena, void (*release)(void *), void *object) {
  Release *r = NEW(arena, Release);
  *r = (Release){arena->releases, release, object};
  arena->releases = r;
}

void *arena_grow(Arena *arena, void *array, size_t count, size_t size) {
  if (count & (count - 1)) return array; // not a power of two: there is room
  void *grown = arena_alloc_array(arena, count ? 2 * count : 1, size);
  if (count) memcpy(grown, array, count * size);
  return grown;
}

// Bytes that a text of this size has been given.
static size_t text_room(size_t size) {
  size_t room = FIRST_TEXT;
  while (room < size + 1) room *= 2;
  return room;
}

void text_append(Text *text, const char *data, size_t size) {
  if (size >= SIZE_MAX / 4) die_of_memory(size);
  if (!text->data || text->size + size + 1 > text_room(text->size)) {
    char *grown = arena_alloc(text->arena, text_room(text->size + size));
    if (text->data) memcpy(grown, text->data, text->size);
    text->data = grown;
  }
  if (size) memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = '\0';
}

void text_printf(Text *text, const char *format, ...) {
  char line[256];
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(line, sizeof line, format, arguments);
  if (length >= 0 && (size_t)length < sizeof line)
    text_append(text, line, (size_t)length);
  else if (length > 0)
    text_append(text, arena_vprintf(text->arena, format, again), (size_t)length);
  va_end(again);
  va_end(arguments);
}
