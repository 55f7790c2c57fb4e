// Memory, files and the clock, on the bare system calls.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/system.h"

bool fail(Error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return false;
}

size_t round_to_page(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (size > PTRDIFF_MAX - page) return 0;
  return size == 0 ? page : (size + page - 1) / page * page;
}

void *map_memory(size_t size, Error *error) {
  size_t bytes = round_to_page(size);
  void *memory = bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (memory != MAP_FAILED) return memory;
  fail(error, "cannot map %zu bytes of memory: %s", size, bytes ? strerror(errno) : "too large");
  return NULL;
}

void unmap_memory(void *memory, size_t size) {
  if (memory) munmap(memory, round_to_page(size));
}

void *remap_memory(void *memory, size_t old_size, size_t size, Error *error) {
  if (!memory) return map_memory(size, error);
  size_t old_bytes = round_to_page(old_size), bytes = round_to_page(size);
  void *moved = bytes ? mremap(memory, old_bytes, bytes, MREMAP_MAYMOVE) : MAP_FAILED;
  if (moved != MAP_FAILED) return moved;
  fail(error, "cannot map %zu bytes of memory: %s", size, bytes ? strerror(errno) : "too large");
  return NULL;
}

void *reserve_memory(uint64_t *size, bool shrink, Error *error) {
  const uint64_t least = 1 << 20;
  for (;;) {
    size_t bytes = *size <= PTRDIFF_MAX ? round_to_page(*size) : 0;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) : MAP_FAILED;
    if (memory != MAP_FAILED) return memory;
    if (!shrink || *size <= least) break;
    *size /= 2;
  }
  fail(error, "cannot reserve %" PRIu64 " bytes of addresses: %s", *size, strerror(errno));
  return NULL;
}

void release_memory(void *memory, size_t size) { madvise(memory, size, MADV_DONTNEED); }

uint64_t count_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_C(1) << 30;
}

// Doubles the mapping whenever it is full: a pipe does not tell its size.
static bool read_whole(int fd, const char *path, size_t expected, Bytes *bytes, Error *error) {
  size_t capacity = round_to_page(expected + 1);
  uint8_t *data = map_memory(capacity, error);
  if (!data) return false;
  size_t size = 0;
  for (;;) {
    if (size == capacity) {
      void *larger = capacity <= PTRDIFF_MAX / 2 ? remap_memory(data, capacity, capacity * 2, error) : NULL;
      if (!larger) {
        unmap_memory(data, capacity);
        return fail(error, "cannot read '%s': it does not fit into memory", path);
      }
      data = larger;
      capacity *= 2;
    }
    ssize_t got = read(fd, data + size, capacity - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fail(error, "cannot read '%s': %s", path, strerror(errno));
      unmap_memory(data, capacity);
      return false;
    }
    if (got == 0) break;
    size += (size_t)got;
  }
  // Gives back what is not needed, so that free_file can tell the mapping's size from the data's.
  size_t kept = round_to_page(size);
  if (kept < capacity) munmap(data + kept, capacity - kept);
  *bytes = (Bytes){data, size};
  return true;
}

bool read_file(const char *path, Bytes *bytes, Error *error) {
  *bytes = (Bytes){0};
  bool standard = strcmp(path, "-") == 0;
  int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(error, "cannot open '%s': %s", path, strerror(errno));
  struct stat info;
  size_t expected = 65535;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0 && info.st_size < PTRDIFF_MAX / 2)
    expected = (size_t)info.st_size;
  bool done = read_whole(fd, standard ? "standard input" : path, expected, bytes, error);
  if (!standard) close(fd);
  return done;
}

void free_file(Bytes *bytes) {
  unmap_memory(bytes->data, bytes->size);
  *bytes = (Bytes){0};
}

bool open_output(Output *output, const char *path, Error *error) {
  output->path = path;
  output->used = 0;
  output->temporary[0] = '\0';
  if (strcmp(path, "-") == 0) {
    output->fd = STDOUT_FILENO;
    return true;
  }
  // A device or a pipe cannot be replaced by renaming: it is written as it is.
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
    if (S_ISDIR(info.st_mode)) return fail(error, "cannot write '%s': it is a directory", path);
    output->fd = open(path, O_WRONLY | O_CLOEXEC);
    return output->fd >= 0 || fail(error, "cannot write '%s': %s", path, strerror(errno));
  }
  int length = snprintf(output->temporary, sizeof output->temporary, "%s.%ld.tmp", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof output->temporary) {
    output->temporary[0] = '\0';
    return fail(error, "cannot write '%s': the path is too long", path);
  }
  output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (output->fd >= 0) return true;
  output->temporary[0] = '\0';
  return fail(error, "cannot write '%s': %s", path, strerror(errno));
}

static bool write_whole(Output *output, const char *data, size_t size, Error *error) {
  while (size > 0) {
    ssize_t done = write(output->fd, data, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      const char *path = output->fd == STDOUT_FILENO ? "standard output" : output->path;
      return fail(error, "cannot write '%s': %s", path, strerror(errno));
    }
    data += done;
    size -= (size_t)done;
  }
  return true;
}

static bool flush_output(Output *output, Error *error) {
  size_t used = output->used;
  output->used = 0;
  return write_whole(output, output->buffer, used, error);
}

bool write_output(Output *output, const void *data, size_t size, Error *error) {
  if (size > sizeof output->buffer - output->used && !flush_output(output, error)) return false;
  if (size >= sizeof output->buffer) return write_whole(output, data, size, error);
  if (size > 0) memcpy(output->buffer + output->used, data, size);
  output->used += size;
  return true;
}

bool close_output(Output *output, Error *error) {
  if (!flush_output(output, error)) {
    discard_output(output);
    return false;
  }
  if (output->fd == STDOUT_FILENO) return true;
  bool closed = close(output->fd) == 0;
  output->fd = -1;
  if (closed && (!output->temporary[0] || rename(output->temporary, output->path) == 0)) return true;
  fail(error, "cannot write '%s': %s", output->path, strerror(errno));
  discard_output(output);
  return false;
}

void discard_output(Output *output) {
  if (output->fd >= 0 && output->fd != STDOUT_FILENO) close(output->fd);
  if (output->temporary[0]) unlink(output->temporary);
  output->fd = -1;
  output->temporary[0] = '\0';
}

uint64_t read_entropy(void) {
  uint64_t bits;
  return getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits ? bits : read_clock_ns();
}

uint64_t read_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned count_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? (unsigned)count : 1;
}
