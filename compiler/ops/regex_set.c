// Sets of characters, as ranges.
#include "compiler/ops/regex.h"
#include "compiler/ops/strings.h"
#include "templates/string_case.h"

#include <stdlib.h>
#include <string.h>

void set_add(CharSet *set, uint32_t first, uint32_t last) {
  if (first <= last) APPEND(set->arena, set->ranges, set->count, ((CharRange){first, last}));
}

static int compare_ranges(const void *a, const void *b) {
  const CharRange *x = a, *y = b;
  return (x->first > y->first) - (x->first < y->first);
}

void set_sort(CharSet *set) {
  size_t kept = 0;
  if (set->count) qsort(set->ranges, set->count, sizeof *set->ranges, compare_ranges);
  for (size_t i = 0; i < set->count; i++) {
    CharRange range = set->ranges[i], *last = kept ? &set->ranges[kept - 1] : NULL;
    if (!last || range.first > last->last + 1)
      set->ranges[kept++] = range;
    else if (range.last > last->last)
      last->last = range.last;
  }
  set->count = kept;
}

void set_negate(CharSet *set) {
  CharSet others = {.arena = set->arena};
  uint32_t from = 0;
  for (size_t i = 0; i < set->count; from = set->ranges[i++].last + 1)
    if (set->ranges[i].first > from) set_add(&others, from, set->ranges[i].first - 1);
  set_add(&others, from, LAST_CHAR);
  *set = others;
}

void set_add_all(CharSet *set, const CharSet *more, bool negated) {
  CharSet all = {.arena = set->arena};
  for (size_t i = 0; i < more->count; i++) set_add(&all, more->ranges[i].first, more->ranges[i].last);
  set_sort(&all);
  if (negated) set_negate(&all);
  for (size_t i = 0; i < all.count; i++) set_add(set, all.ranges[i].first, all.ranges[i].last);
}

bool set_has(const CharSet *set, uint32_t c) {
  size_t low = 0, high = set->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (set->ranges[middle].last < c)
      low = middle + 1;
    else
      high = middle;
  }
  return low < set->count && set->ranges[low].first <= c;
}

static uint32_t other_case(bool upper, uint32_t c) {
  int64_t runs;
  const int32_t *table = case_table(upper, &runs);
  return change_case(table, runs, c);
}

// What characters that differ by case only have in common.
static uint32_t fold(uint32_t c) { return other_case(false, other_case(true, c)); }

// Adds what the characters of `of` are folded to; `back`: and what is folded to them.
static void add_folds(CharSet *to, const CharSet *of, bool back) {
  for (int upper = 0; upper < 2; upper++) {
    int64_t runs;
    const int32_t *run = case_table(upper, &runs);
    for (; runs-- > 0; run += CASE_WORDS)
      for (uint32_t c = (uint32_t)run[CASE_FIRST]; c <= (uint32_t)run[CASE_LAST]; c += (uint32_t)run[CASE_STEP]) {
        uint32_t folded = fold(c);
        if (!set_has(of, back ? folded : c)) continue;
        set_add(to, folded, folded);
        if (back) set_add(to, c, c);
      }
  }
}

void set_fold(CharSet *set) {
  CharSet folded = {.arena = set->arena};
  set_sort(set);
  set_add_all(&folded, set, false);
  add_folds(&folded, set, false);
  set_sort(&folded);
  add_folds(set, &folded, true);
  set_sort(set);
}

/* classes by name */

static bool add_ranges(CharSet *set, const char *ranges) { // pairs of bytes
  for (; *ranges; ranges += 2) set_add(set, (uint8_t)ranges[0], (uint8_t)ranges[1]);
  return true;
}

bool set_add_posix(CharSet *set, const char *name, size_t length) {
  static const char *const classes[][2] = {
      {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\1\x7f"},  {"blank", "\t\t  "},  {"cntrl", "\1\x1f\x7f\x7f"},
      {"digit", "09"},     {"graph", "!~"},   {"lower", "az"},      {"print", " ~"},      {"punct", "!/:@[`{~"},
      {"space", "\t\r  "}, {"upper", "AZ"},   {"word", "09AZaz__"}, {"xdigit", "09AFaf"},
  };
  for (size_t i = 0; i < COUNT(classes); i++)
    if (strlen(classes[i][0]) == length && !memcmp(classes[i][0], name, length)) {
      if (classes[i][1][0] == '\1') set_add(set, 0, 0);
      return add_ranges(set, classes[i][1]);
    }
  return false;
}

bool set_add_perl(CharSet *set, char letter) {
  switch (letter) {
  case 'd': return add_ranges(set, "09");
  case 's': return add_ranges(set, "\t\n\f\r  ");
  case 'w': return add_ranges(set, "09AZaz__");
  }
  return false;
}

bool set_add_category(CharSet *set, const char *name, size_t length) {
  static const struct {
    char name[3];
    uint32_t first, last, step;
  } runs[] = {
#define C(name, first, last, step) {#name, first, last, step},
#include "compiler/ops/category_table.def"
#undef C
  };
  if (length == 3 && !memcmp(name, "Any", 3)) return set_add(set, 0, LAST_CHAR), true;
  bool found = false;
  for (size_t i = 0; i < COUNT(runs) && (length == 1 || length == 2); i++) {
    if (memcmp(runs[i].name, name, length)) continue;
    found = true;
    if (runs[i].step == 1)
      set_add(set, runs[i].first, runs[i].last);
    else
      for (uint32_t c = runs[i].first; c <= runs[i].last; c += runs[i].step) set_add(set, c, c);
  }
  return found;
}
