// Pastes kernel templates and parts of the runtime into a C file: their texts from the resource folder, with the files
// that they include in place of their #include lines, so that the result stands alone.
#include "compiler/emit/c.h"
#include "compiler/resources.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The rest of the line behind `start`, or NULL when it starts with something else.
static const char *after(const char *line, const char *start) {
  size_t length = strlen(start);
  return strncmp(line, start, length) ? NULL : line + length;
}

bool c_paste_file(Paste *paste, const char *name) {
  for (size_t i = 0; i < paste->pasted_count; i++)
    if (!strcmp(paste->pasted[i], name)) return true;
  char *text = resource_read(paste->arena, paste->diag, name);
  if (!text) return false;
  for (char *line = text, *next; *line; line = next) {
    size_t length = strcspn(line, "\n");
    next = line + length + (line[length] == '\n');
    const char *include = after(line, "#include \"");
    if (include) {
      if (!c_paste_file(paste, arena_strndup(paste->arena, include, strcspn(include, "\"\n")))) return false;
    } else if (after(line, "#pragma once")) {
      APPEND(paste->arena, paste->pasted, paste->pasted_count, name);
    } else {
      text_append(paste->out, line, (size_t)(next - line));
    }
  }
  text_append(paste->out, "\n", 1);
  return true;
}

// Whether `code` calls the function whose name starts at `name`.
static bool calls(const char *code, const char *name, size_t length) {
  for (const char *at = code; (at = strstr(at, name)); at += length)
    if (at[length] == '(' && (at == code || (!isalnum((unsigned char)at[-1]) && at[-1] != '_'))) return true;
  return false;
}

// Whether `code` calls a template that the file defines: lines such as "TEMPLATE Status gemm_f32(idx b0".
static bool is_called(Arena *arena, const char *text, const char *code) {
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    const char *rest = after(line, "TEMPLATE ");
    size_t words = rest ? strcspn(rest, "(\n") : 0;
    if (!words || rest[words] != '(') continue;
    const char *name = rest + words;
    while (name > rest && (isalnum((unsigned char)name[-1]) || name[-1] == '_')) name--;
    size_t length = (size_t)(rest + words - name);
    if (length && calls(code, arena_strndup(arena, name, length), length)) return true;
  }
  return false;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Names of the template texts in the resource folder, sorted. NULL after a recorded error.
static const char **list_templates(Arena *arena, Diag *diag, size_t *count) {
  const char *path = resource_path(arena, diag, "templates");
  if (!path) return NULL;
  DIR *folder = opendir(path);
  if (!folder) {
    diag_error(diag, path, "cannot read folder: %s", strerror(errno));
    return NULL;
  }
  const char **names = NULL;
  *count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    size_t length = strlen(entry->d_name);
    if (length < 3 || strcmp(entry->d_name + length - 2, ".h")) continue;
    APPEND(arena, names, *count, arena_printf(arena, "templates/%s", entry->d_name));
  }
  closedir(folder);
  if (*count) qsort(names, *count, sizeof *names, compare_names);
  return names;
}

bool c_paste_templates(Paste *paste, const char *code) {
  size_t count = 0;
  const char **names = list_templates(paste->arena, paste->diag, &count);
  for (size_t i = 0; i < count; i++) {
    const char *text = resource_read(paste->arena, paste->diag, names[i]);
    if (!text || (is_called(paste->arena, text, code) && !c_paste_file(paste, names[i]))) return false;
  }
  return names;
}
