// What every part of the compiler stands on: memory, strings and messages.
//
// One Arena lives as long as one compilation and owns everything in it; nothing is freed one by one and nothing
// is global, so that many compilations can run in one process.
#pragma once
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define COUNT(array)             (sizeof(array) / sizeof((array)[0]))

/* arena.c */
typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *arena);
// Zeroed memory, aligned to 64 bytes when size >= 64, else to 16. Ends the process with a sentence when the
// machine has no memory left: callers check the sizes that a model file can choose before they get here.
void *arena_alloc(Arena *arena, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(Arena *arena, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
// Called when the arena is freed: for what is not memory (mappings, LLVM objects).
void arena_on_free(Arena *arena, void (*release)(void *), void *object);

#define NEW(arena, type)              ((type *)arena_alloc(arena, sizeof(type)))
#define NEW_ARRAY(arena, type, count) ((type *)arena_alloc_array(arena, count, sizeof(type)))
void *arena_alloc_array(Arena *arena, size_t count, size_t size);

// A growing array in an arena: `Node **nodes; size_t node_count;` and APPEND(arena, nodes, node_count, node).
// The capacity is the next power of two of the count, so that no third field is needed.
#define APPEND(arena, array, count, item)                                                                              \
  ((array) = arena_grow(arena, array, count, sizeof *(array)), (array)[(count)++] = (item))
void *arena_grow(Arena *arena, void *array, size_t count, size_t size);

// Text that grows: printers write to it, then to a file.
typedef struct {
  Arena *arena;
  char *data; // always ends in '\0' once something was written
  size_t size;
} Text;
void text_printf(Text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_append(Text *text, const char *data, size_t size);

// a * b and a + b for sizes: false, and *out untouched, when the result would overflow.
static inline bool mul_size(int64_t a, int64_t b, int64_t *out) {
  int64_t r;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &r)) return false;
  *out = r;
  return true;
}
static inline bool add_size(int64_t a, int64_t b, int64_t *out) {
  int64_t r;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &r)) return false;
  *out = r;
  return true;
}
static inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static inline int64_t div_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

/* diag.c */
// Where a node came from. Every message about a node starts with it.
typedef struct {
  const char *file;  // the model file as the user named it
  const char *graph; // path of graph names: "main", "main/if_3/then_branch", function name
  int index;         // of the node in its graph
  const char *name;  // may be ""
  const char *op;    // "Conv", or "com.microsoft.Gelu" outside ai.onnx
  int opset;
} Loc;

typedef struct Message {
  struct Message *next;
  bool warning;
  const char *text; // one or more lines without a final newline
} Message;

// Messages are recorded, not printed: the caller of the library decides. Printing is in main.c alone.
typedef struct Diag {
  Arena *arena;
  Message *first, **last;
  int errors;
} Diag;

void diag_init(Diag *diag, Arena *arena);
// The value of everything that reports an error, so that `return diag_error(...)` leaves a function that returns bool.
// Macros give it, not the functions: whoever reads one file alone, compiler or linter, then knows it.
static inline bool always_false(void) { return false; }
// "FILE: error: ..."
#define diag_error(...) (diag_report(__VA_ARGS__), always_false())
void diag_report(Diag *diag, const char *file, const char *format, ...) PRINTF_LIKE(3, 4);
// "FILE: node #17 'fc1' (Gemm-13): error: ..."
#define diag_error_at(...) (diag_report_at(__VA_ARGS__), always_false())
void diag_report_at(Diag *diag, const Loc *loc, const char *format, ...) PRINTF_LIKE(3, 4);
void diag_warning(Diag *diag, const char *file, const char *format, ...) PRINTF_LIKE(3, 4);
// For a trial: what is recorded after diag_mark can be taken out again, as a list, or put back.
typedef struct {
  Message **last;
  int errors;
} DiagMark;
static inline DiagMark diag_mark(const Diag *diag) { return (DiagMark){diag->first ? diag->last : NULL, diag->errors}; }
Message *diag_take(Diag *diag, DiagMark mark);
void diag_put_back(Diag *diag, Message *messages);
// Adds an indented line to the last message.
void diag_note(Diag *diag, const char *format, ...) PRINTF_LIKE(2, 3);
