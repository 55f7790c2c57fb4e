// Finds the resource folder. It moves with the compiler's executable, so that a build folder, an installed copy and an
// unpacked archive all work without settings.
#include "compiler/resources.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *executable_folder(Arena *arena) {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return ".";
  path[length] = '\0';
  char *slash = strrchr(path, '/');
  return arena_strndup(arena, path, (size_t)(slash - path));
}

const char *resources_find(Arena *arena, Diag *diag) {
  const char *given = getenv("INGOT_RESOURCES");
  if (given && *given) {
    if (access(arena_printf(arena, "%s/targets", given), R_OK) == 0) return given;
    diag_error(diag, "ingot", "'%s', named by INGOT_RESOURCES, has no folder 'targets'", given);
    return NULL;
  }
  const char *folder = executable_folder(arena);
  const char *const places[] = {"lib/ingot", "../lib/ingot"};
  for (size_t i = 0; i < COUNT(places); i++) {
    const char *path = arena_printf(arena, "%s/%s", folder, places[i]);
    if (access(arena_printf(arena, "%s/targets", path), R_OK) == 0) return path;
  }
  diag_error(diag, "ingot", "folder 'lib/ingot' not found beside '%s' or one above: set INGOT_RESOURCES to it", folder);
  return NULL;
}

const char *resource_path(Arena *arena, Diag *diag, const char *name) {
  const char *folder = resources_find(arena, diag);
  if (!folder) return NULL;
  const char *path = arena_printf(arena, "%s/%s", folder, name);
  if (access(path, R_OK) == 0) return path;
  diag_error(diag, "ingot", "'%s' is missing: run scripts/setup, which builds it", path);
  return NULL;
}

char *resource_read(Arena *arena, Diag *diag, const char *name) {
  const char *path = resource_path(arena, diag, name);
  FILE *file = path ? fopen(path, "rb") : NULL;
  if (!file) {
    if (path) diag_error(diag, path, "cannot open: %s", strerror(errno));
    return NULL;
  }
  Text text = {.arena = arena};
  char piece[4096];
  size_t n;
  do text_append(&text, piece, n = fread(piece, 1, sizeof piece, file));
  while (n == sizeof piece);
  bool ok = !ferror(file);
  fclose(file);
  if (!ok) diag_error(diag, path, "cannot read it");
  return ok ? text.data : NULL;
}
