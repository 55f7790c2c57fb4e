// A table of names: open addressing over FNV-1a, in an arena.
#pragma once
#include "compiler/base.h"

typedef struct {
  const char *name; // NULL: a free place
  void *item;
} NameEntry;

typedef struct {
  NameEntry *entries;
  size_t room; // a power of two, more than twice count
  size_t count;
} Names;

void *names_find(const Names *names, const char *name); // NULL when absent
// False, and nothing changes, when the name is there already. The name is not copied; the item is not NULL.
bool names_add(Arena *arena, Names *names, const char *name, void *item);
