// What the runtime asks of the operating system: memory, files, the clock. Errors are recorded and returned; only
// main.c prints them. Nothing here uses malloc: memory comes in whole mappings, taken before the work starts.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define COUNT(array)             (sizeof(array) / sizeof((array)[0]))

// One sentence for the user: lower case, no full stop. The first failure is kept by its finder's `return`.
typedef struct {
  char text[640];
} Error;

// Records the sentence. Returns false, so that `return fail(...)` leaves a function that returns bool.
bool fail(Error *error, const char *format, ...) PRINTF_LIKE(2, 3);

// Zeroed memory, aligned to a page; size is rounded up to whole pages (one at least). Released by the end of the
// process or by unmap_memory with the same size.
void *map_memory(size_t size, Error *error);
void unmap_memory(void *memory, size_t size);
size_t round_to_page(size_t size);
// The mapping with another size; it may move. NULL: a new one, of old size 0.
void *remap_memory(void *memory, size_t old_size, size_t size, Error *error);
// Addresses for *size bytes, which become memory as they are written. shrink: take less where so much is not to be had.
void *reserve_memory(uint64_t *size, bool shrink, Error *error);
// Makes whole pages zero again without memory behind them.
void release_memory(void *memory, size_t size);
uint64_t count_memory(void); // bytes of the machine

typedef struct {
  uint8_t *data;
  size_t size;
} Bytes;

// The whole of a file, "-" for standard input, in memory of its own (free_file releases it). An error names the path.
bool read_file(const char *path, Bytes *bytes, Error *error);
void free_file(Bytes *bytes);

// A file being written: beside its final name until close_output renames it, so that no partial output is ever seen.
// The path "-" is standard output.
typedef struct {
  int fd;
  const char *path;
  char temporary[4096 + 32]; // "" for standard output
  size_t used;
  char buffer[16384];
} Output;
bool open_output(Output *output, const char *path, Error *error);
bool write_output(Output *output, const void *data, size_t size, Error *error);
bool close_output(Output *output, Error *error);
void discard_output(Output *output); // removes what was written

uint64_t read_clock_ns(void); // monotonic
uint64_t read_entropy(void);  // a number that nobody can know
unsigned count_cpus(void);    // that this process may use
