// Regular expressions in RE2's syntax, compiled to tables for templates/string_match.h. They match whole texts, so
// groups, and how greedy a repetition is, make no difference.
//
// Pattern -> tree (regex_parse.c, regex_set.c) -> automaton over bytes of UTF-8 with empty moves, by Thompson's
// construction -> deterministic one (regex_table.c). See Cox, "Regular Expression Matching Can Be Simple And Fast"
// (2007) and "Regular Expression Matching in the Wild" (2010).
#pragma once
#include "compiler/base.h"

/* regex_set.c: sets of characters */

typedef struct {
  uint32_t first, last;
} CharRange;
typedef struct {
  Arena *arena;
  CharRange *ranges; // until set_sort in any order
  size_t count;
} CharSet;

enum { LAST_CHAR = 0x10ffff };

void set_add(CharSet *set, uint32_t first, uint32_t last);
void set_add_all(CharSet *set, const CharSet *more, bool negated);
void set_sort(CharSet *set);                  // rising, joined where they touch
void set_negate(CharSet *set);                // of a sorted one: every other character; sorted
void set_fold(CharSet *set);                  // and all that differ from its characters by case only; sorted
bool set_has(const CharSet *set, uint32_t c); // of a sorted one
// "alpha" of [[:alpha:]]; 'd' of \d, 's', 'w'. False: there is no such class.
bool set_add_posix(CharSet *set, const char *name, size_t length);
bool set_add_perl(CharSet *set, char letter);
// A general category of Unicode ("L", "Lu"), or "Any".
bool set_add_category(CharSet *set, const char *name, size_t length);

/* regex_parse.c */

typedef enum { RE_EMPTY, RE_SET, RE_CONCAT, RE_EITHER, RE_REPEAT, RE_ASSERT } RegexKind;
typedef enum { AT_TEXT_START, AT_TEXT_END, AT_LINE_START, AT_LINE_END, AT_WORD_EDGE, NOT_AT_WORD_EDGE } Assertion;

typedef struct Regex Regex;
struct Regex {
  RegexKind kind;
  Regex *a, *b; // RE_CONCAT, RE_EITHER, RE_REPEAT (a)
  CharSet set;  // RE_SET: sorted
  int min, max; // RE_REPEAT; max -1: no end
  Assertion assertion;
};

// NULL with *error, a sentence, when the pattern is not RE2's or uses what is not supported.
const Regex *regex_parse(Arena *arena, const char *pattern, const char **error);

/* regex_table.c */

// A deterministic automaton: state s reads a byte b and goes on as next[s * (class_count + 1) + class_of[b]]; entry
// class_count of its row tells whether a text may end there. It begins in state 1; nothing leads out of state 0.
typedef struct {
  int64_t state_count, class_count;
  uint8_t *class_of; // [256]
  int32_t *next;
} RegexTable;
bool regex_compile(Arena *arena, const char *pattern, RegexTable *table, const char **error);
