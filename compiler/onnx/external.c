// Tensor data in other files: found in the model's folder, mapped once a file.
//
// The file's name comes out of a model that may be hostile: a path that leaves the folder, by "..", by being absolute
// or by a symbolic link, is refused, and so is what is no regular file.
#include "compiler/onnx/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  void *data; // NULL when size is 0
  size_t size;
} Mapping;

static void unmap(void *object) {
  Mapping *mapping = object;
  if (mapping->data) munmap(mapping->data, mapping->size);
}

static bool has_dotdot(const char *path) {
  for (const char *part = path; part; part = strchr(part, '/')) {
    part += *part == '/';
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2])) return true;
  }
  return false;
}

// Decimal digits only.
static bool parse_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return *text >= '0' && *text <= '9' && !*end && errno == 0;
}

// The real path of a file in the folder: NULL after an error.
static const char *find_file(Reader *r, const char *location, const char *name, const Loc *loc) {
  const char *wrong = NULL;
  if (!*location)
    wrong = "names no file for its external data";
  else if (!r->folder)
    wrong = "has external data, which is only read for a model that is a file";
  else if (*location == '/')
    wrong = "has external data at an absolute path: it must be relative to the model";
  else if (has_dotdot(location))
    wrong = "has external data outside the model's folder";
  if (wrong) {
    tensor_error(r, loc, name, *location ? "%s ('%.200s')" : "%s", wrong, location);
    return NULL;
  }
  char *folder = realpath(r->folder, NULL);
  char *file = realpath(arena_printf(r->arena, "%s/%s", r->folder, location), NULL);
  const char *result = NULL;
  size_t length = folder ? strlen(folder) : 0;
  if (length == 1) length = 0; // "/": every path starts with it
  if (!folder || !file)
    tensor_error(r, loc, name, "has external data in '%.200s': %s", location, strerror(errno));
  else if (strncmp(file, folder, length) != 0 || file[length] != '/')
    tensor_error(r, loc, name, "has external data outside the model's folder ('%.200s' is a link)", location);
  else
    result = arena_strdup(r->arena, file);
  free(folder);
  free(file);
  return result;
}

static Mapping *map_file(Reader *r, const char *path, const char *location, const char *name, const Loc *loc) {
  Mapping *mapping = names_find(&r->mappings, path);
  if (mapping) return mapping;
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block
  if (file < 0 || fstat(file, &status) != 0) {
    tensor_error(r, loc, name, "has external data in '%.200s': %s", location, strerror(errno));
  } else if (!S_ISREG(status.st_mode)) {
    tensor_error(r, loc, name, "has external data in '%.200s': not a regular file", location);
  } else {
    size_t size = (size_t)status.st_size;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    if (data == MAP_FAILED) {
      tensor_error(r, loc, name, "has external data in '%.200s': %s", location, strerror(errno));
    } else {
      mapping = NEW(r->arena, Mapping);
      *mapping = (Mapping){data, size};
      arena_on_free(r->arena, unmap, mapping);
      names_add(r->arena, &r->mappings, path, mapping);
    }
  }
  if (file >= 0) close(file);
  return mapping;
}

const void *read_external(Reader *r, const TensorProto *proto, int64_t bytes, const Loc *loc) {
  const char *name = text_or_empty(proto->name), *location = "";
  int64_t offset = 0, length = bytes;
  for (size_t i = 0; i < proto->n_external_data; i++) {
    const char *key = text_or_empty(proto->external_data[i]->key);
    const char *value = text_or_empty(proto->external_data[i]->value);
    bool is_offset = strcmp(key, "offset") == 0, is_length = strcmp(key, "length") == 0;
    if (strcmp(key, "location") == 0) location = value;
    if ((is_offset || is_length) && !parse_number(value, is_offset ? &offset : &length)) {
      tensor_error(r, loc, name, "has external data with the %s '%.40s', which is no number", key, value);
      return NULL;
    }
  }
  const char *path = find_file(r, location, name, loc);
  Mapping *mapping = path ? map_file(r, path, location, name, loc) : NULL;
  if (!mapping) return NULL;
  if (length != bytes) {
    tensor_error(r, loc, name, "takes %lld bytes, but its external data has %lld", (long long)bytes, (long long)length);
    return NULL;
  }
  if ((uint64_t)offset > mapping->size || (uint64_t)bytes > mapping->size - (uint64_t)offset) {
    tensor_error(r, loc, name, "takes %lld bytes from byte %lld of '%.200s', which has %zu", (long long)bytes,
                 (long long)offset, location, mapping->size);
    return NULL;
  }
  return (const char *)mapping->data + offset;
}
