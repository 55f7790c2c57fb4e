// See names.h.
#include "compiler/onnx/names.h"
#include <assert.h>
#include <string.h>

static NameEntry *find_place(const Names *names, const char *name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
  size_t i = (size_t)(hash ^ hash >> 32) & (names->room - 1);
  while (names->entries[i].name && strcmp(names->entries[i].name, name) != 0) i = (i + 1) & (names->room - 1);
  return &names->entries[i];
}

void *names_find(const Names *names, const char *name) { return names->room ? find_place(names, name)->item : NULL; }

bool names_add(Arena *arena, Names *names, const char *name, void *item) {
  assert(item);
  if (2 * (names->count + 1) > names->room) {
    Names grown = {.room = names->room ? 2 * names->room : 8, .count = names->count};
    grown.entries = NEW_ARRAY(arena, NameEntry, grown.room);
    for (size_t i = 0; i < names->room; i++)
      if (names->entries[i].name) *find_place(&grown, names->entries[i].name) = names->entries[i];
    *names = grown;
  }
  NameEntry *place = find_place(names, name);
  if (place->name) return false;
  *place = (NameEntry){name, item};
  names->count++;
  return true;
}
