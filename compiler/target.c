// Reads target descriptions: text of `key = value` lines, filled from the parent first and then overridden.
#include "compiler/target.h"
#include "compiler/resources.h"
#include "runtime/cpu.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// What a CPU can have beyond its architecture's base: the names that `cpu_features` takes.
static const struct {
  const char *name;
  uint32_t bit;
} feature_names[] = {
    {"x86-64-v2", CPU_X86_64_V2},    {"x86-64-v3", CPU_X86_64_V3},    {"x86-64-v4", CPU_X86_64_V4},
    {"avx512vnni", CPU_AVX512_VNNI}, {"avx512bf16", CPU_AVX512_BF16}, {"dotprod", CPU_AARCH64_DOTPROD},
    {"i8mm", CPU_AARCH64_I8MM},
};

typedef enum { KEY_TEXT, KEY_NUMBER, KEY_FEATURES } KeyKind;
static const struct {
  const char *name;
  KeyKind kind;
  size_t offset;
} keys[] = {
    {"parent", KEY_TEXT, offsetof(Target, parent)},
    {"os_target", KEY_TEXT, offsetof(Target, os_target)},
    {"arch", KEY_TEXT, offsetof(Target, arch)},
    {"triple", KEY_TEXT, offsetof(Target, triple)},
    {"llvm_cpu", KEY_TEXT, offsetof(Target, llvm_cpu)},
    {"llvm_features", KEY_TEXT, offsetof(Target, llvm_features)},
    {"bitcode", KEY_TEXT, offsetof(Target, bitcode)},
    {"vector_bytes", KEY_NUMBER, offsetof(Target, vector_bytes)},
    {"registers", KEY_NUMBER, offsetof(Target, registers)},
    {"l1", KEY_NUMBER, offsetof(Target, l1)},
    {"l2", KEY_NUMBER, offsetof(Target, l2)},
    {"l3", KEY_NUMBER, offsetof(Target, l3)},
    {"gemm_mr", KEY_NUMBER, offsetof(Target, gemm_mr)},
    {"gemm_nv", KEY_NUMBER, offsetof(Target, gemm_nv)},
    {"cpu_features", KEY_FEATURES, offsetof(Target, cpu_features)},
};

enum { MAX_PARENTS = 8 };

#if defined(__x86_64__)
static const char host_os_target[] = "x86_64-linux";
#elif defined(__aarch64__)
static const char host_os_target[] = "aarch64-linux";
#endif

static char *trim(char *text) {
  while (isspace((unsigned char)*text)) text++;
  char *end = text + strlen(text);
  while (end > text && isspace((unsigned char)end[-1])) *--end = '\0';
  return text;
}

// "48", "32K" or "1M": positive.
static bool parse_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  int64_t unit = *end == 'K' ? 1 << 10 : *end == 'M' ? 1 << 20 : 1;
  if (end == text || errno || n <= 0 || (unit > 1 ? end[1] : *end)) return false;
  return mul_size(n, unit, out);
}

// Words of feature_names. Returns the first that is none of them, or NULL.
static const char *parse_features(char *text, uint32_t *out) {
  *out = 0;
  for (char *rest, *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
    size_t i = 0;
    while (i < COUNT(feature_names) && strcmp(feature_names[i].name, word)) i++;
    if (i == COUNT(feature_names)) return word;
    *out |= feature_names[i].bit;
  }
  return NULL;
}

static bool set_key(Arena *arena, Diag *diag, const char *place, Target *target, const char *key, char *value) {
  for (size_t i = 0; i < COUNT(keys); i++) {
    if (strcmp(keys[i].name, key)) continue;
    void *field = (char *)target + keys[i].offset;
    switch (keys[i].kind) {
    case KEY_TEXT: *(const char **)field = arena_strdup(arena, value); return true;
    case KEY_NUMBER:
      return parse_number(value, field) ||
             diag_error(diag, place, "'%s' needs a positive number, not '%s'", key, value);
    case KEY_FEATURES:
      value = (char *)parse_features(value, field);
      return !value || diag_error(diag, place, "unknown feature '%s' in '%s'", value, key);
    }
  }
  return diag_error(diag, place, "unknown key '%s'", key);
}

static bool read_target(Arena *arena, Diag *diag, const char *folder, const char *name, Target *target, int depth);

static bool read_lines(Arena *arena, Diag *diag, const char *folder, const char *path, FILE *file, Target *target,
                       int depth) {
  char line[512];
  bool first = true;
  for (int number = 1; fgets(line, sizeof line, file); number++) {
    const char *place = arena_printf(arena, "%s:%d", path, number);
    char *key = trim(line);
    if (!*key || *key == '#') continue;
    char *equals = strchr(key, '=');
    if (!equals) return diag_error(diag, place, "expected 'key = value', not '%s'", key);
    *equals = '\0';
    char *value = trim(equals + 1);
    key = trim(key);
    bool is_parent = !strcmp(key, "parent");
    if (is_parent && !first) return diag_error(diag, place, "'parent' must stand before the other keys");
    first = false;
    if (!set_key(arena, diag, place, target, key, value)) return false;
    if (!is_parent) continue;
    if (depth == MAX_PARENTS) return diag_error(diag, place, "more than %d parents", MAX_PARENTS);
    const char *parent = target->parent;
    if (!read_target(arena, diag, folder, parent, target, depth + 1)) return false;
    target->parent = parent;
  }
  return true;
}

// Lines take effect in their order, and `parent` means everything that the parent says: it stands first.
static bool read_target(Arena *arena, Diag *diag, const char *folder, const char *name, Target *target, int depth) {
  const char *path = arena_printf(arena, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (!file) return diag_error(diag, path, "cannot read target description: %s", strerror(errno));
  bool ok = read_lines(arena, diag, folder, path, file, target, depth);
  fclose(file);
  return ok;
}

static bool check_target(Diag *diag, const char *path, const Target *target) {
  for (size_t i = 0; i < COUNT(keys); i++) {
    const void *field = (const char *)target + keys[i].offset;
    bool missing = (keys[i].kind == KEY_TEXT && !*(const char *const *)field) ||
                   (keys[i].kind == KEY_NUMBER && !*(const int64_t *)field);
    if (missing) return diag_error(diag, path, "key '%s' is missing, here and in its parents", keys[i].name);
  }
  return true;
}

static int compare_targets(const void *a, const void *b) {
  const Target *x = *(const Target *const *)a, *y = *(const Target *const *)b;
  int order = -strcmp(x->os_target, y->os_target);
  if (!order) order = __builtin_popcount(x->cpu_features) - __builtin_popcount(y->cpu_features);
  return order ? order : strcmp(x->name, y->name);
}

const Target *const *target_list(Arena *arena, Diag *diag, size_t *count) {
  *count = 0;
  const char *folder = resource_path(arena, diag, "targets");
  if (!folder) return NULL;
  DIR *dir = opendir(folder);
  if (!dir) {
    diag_error(diag, folder, "cannot list: %s", strerror(errno));
    return NULL;
  }
  const Target **list = NULL;
  bool ok = true;
  for (struct dirent *entry; ok && (entry = readdir(dir));) {
    if (entry->d_name[0] == '.') continue;
    Target *target = NEW(arena, Target);
    target->name = arena_strdup(arena, entry->d_name);
    target->llvm_features = "";
    ok = read_target(arena, diag, folder, entry->d_name, target, 0);
    if (!ok || !target->os_target) continue; // describes no machine: only what others start from
    ok = check_target(diag, arena_printf(arena, "%s/%s", folder, entry->d_name), target);
    APPEND(arena, list, *count, target);
  }
  closedir(dir);
  if (!ok) return NULL;
  if (*count) qsort(list, *count, sizeof *list, compare_targets);
  return list;
}

bool target_runs_here(const Target *target) {
  return !strcmp(target->os_target, host_os_target) && !(target->cpu_features & ~detect_cpu_features());
}

// ", " joined names of os_targets (cpus == NULL), or of an os_target's CPUs.
static const char *known_names(Arena *arena, const Target *const *list, size_t count, const char *os_target) {
  Text text = {.arena = arena};
  for (size_t i = 0; i < count; i++) {
    if (os_target && strcmp(list[i]->os_target, os_target)) continue;
    if (!os_target && i && !strcmp(list[i]->os_target, list[i - 1]->os_target)) continue;
    text_printf(&text, "%s'%s'", text.size ? ", " : "", os_target ? list[i]->name : list[i]->os_target);
  }
  return text.size ? text.data : "none";
}

const Target *target_find(Arena *arena, Diag *diag, const char *os_target, const char *cpu) {
  size_t count;
  const Target *const *list = target_list(arena, diag, &count);
  if (!list) return NULL;
  if (!os_target) os_target = host_os_target;
  bool host = !strcmp(os_target, host_os_target);
  bool native = cpu ? !strcmp(cpu, "native") : host;
  if (native && !host) {
    diag_error(diag, "ingot", "cpu 'native' is '%s', which does not fit target '%s'", host_os_target, os_target);
    return NULL;
  }
  const Target *found = NULL;
  bool known = false;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(list[i]->os_target, os_target)) continue;
    known = true;
    if (native ? target_runs_here(list[i]) : cpu ? !strcmp(list[i]->name, cpu) : !found) found = list[i];
  }
  if (!known)
    diag_error(diag, "ingot", "unknown target '%s': known are %s", os_target, known_names(arena, list, count, NULL));
  else if (!found && native)
    diag_error(diag, "ingot", "this machine's CPU fulfils no description of '%s': name one of %s by --cpu", os_target,
               known_names(arena, list, count, os_target));
  else if (!found)
    diag_error(diag, "ingot", "unknown cpu '%s' for target '%s': known are 'native', %s", cpu, os_target,
               known_names(arena, list, count, os_target));
  return found && resource_path(arena, diag, found->bitcode) ? found : NULL;
}
