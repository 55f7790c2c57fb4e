// Reading a regular expression in RE2's syntax.
#include "compiler/ops/regex.h"
#include "templates/string.h"

#include <ctype.h>
#include <string.h>

enum { MOST_REPEATS = 1000, MOST_DEPTH = 1000 }; // RE2's own limits

typedef struct {
  bool fold;  // i
  bool lines; // m
  bool all;   // s: '.' takes a newline too
} Flags;

typedef struct {
  Arena *arena;
  const char *at, *end;
  Flags flags;
  int depth;
  const char *error;
} Parser;

static Regex *parse_either(Parser *p);

static void *fail(Parser *p, const char *error) {
  if (!p->error) p->error = error;
  return NULL;
}

static bool next_is(const Parser *p, const char *text) {
  size_t length = strlen(text);
  return (size_t)(p->end - p->at) >= length && !memcmp(p->at, text, length);
}

static bool take(Parser *p, const char *text) {
  if (!next_is(p, text)) return false;
  p->at += strlen(text);
  return true;
}

static Regex *new_regex(Parser *p, RegexKind kind, Regex *a, Regex *b) {
  Regex *regex = NEW(p->arena, Regex);
  *regex = (Regex){.kind = kind, .a = a, .b = b, .set.arena = p->arena};
  return regex;
}

static Regex *new_assertion(Parser *p, Assertion assertion) {
  Regex *regex = new_regex(p, RE_ASSERT, NULL, NULL);
  regex->assertion = assertion;
  return regex;
}

// Ends a set: its other cases, its order.
static Regex *close_set(const Parser *p, Regex *regex, bool negated) {
  if (p->flags.fold)
    set_fold(&regex->set);
  else
    set_sort(&regex->set);
  if (negated) set_negate(&regex->set);
  return regex;
}

static Regex *new_literal(Parser *p, uint32_t c) {
  Regex *regex = new_regex(p, RE_SET, NULL, NULL);
  set_add(&regex->set, c, c);
  return close_set(p, regex, false);
}

static bool read_char(Parser *p, uint32_t *c) {
  uint64_t length = p->at < p->end ? read_utf8(p->at, (uint64_t)(p->end - p->at), c) : 0;
  p->at += length;
  return length > 0 || fail(p, "the pattern is not valid UTF-8");
}

/* escapes */

static int digit_value(char c) { return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10; }

// Digits of a base, at most `most` of them; -1 where there are none or the number is no character.
static int64_t read_code(Parser *p, int base, int most) {
  int64_t code = 0;
  int count = 0;
  for (; count < most && p->at < p->end && isxdigit((unsigned char)*p->at) && digit_value(*p->at) < base; count++)
    if ((code = code * base + digit_value(*p->at++)) > LAST_CHAR) return -1;
  return count ? code : -1;
}

// The character of an escape, behind its backslash.
static bool read_escape(Parser *p, uint32_t *c) {
  static const char letters[] = "afnrtv", meanings[] = "\a\f\n\r\t\v";
  if (p->at == p->end) return fail(p, "a backslash stands at the end");
  char letter = *p->at;
  const char *plain = strchr(letters, letter);
  if (letter == '0' || (letter >= '1' && letter <= '7' && p->end - p->at > 1 && p->at[1] >= '0' && p->at[1] <= '7')) {
    *c = (uint32_t)read_code(p, 8, 3);
    return true;
  }
  if (isdigit((unsigned char)letter)) return fail(p, "back-references are not supported: RE2 has none");
  if (letter == 'x') {
    p->at++;
    bool braces = take(p, "{");
    size_t digits = (size_t)(p->end - p->at);
    int64_t code = read_code(p, 16, braces ? 8 : 2);
    digits -= (size_t)(p->end - p->at);
    if (code < 0 || (braces ? !take(p, "}") : digits != 2))
      return fail(p, "\\x is not followed by a character's number");
    *c = (uint32_t)code;
    return true;
  }
  if (letter && plain) return *c = (uint8_t)meanings[plain - letters], p->at++, true;
  if ((unsigned char)letter >= 0x80 || isalpha((unsigned char)letter))
    return fail(p, arena_printf(p->arena, "the escape \\%c is not supported", letter));
  return *c = (uint8_t)letter, p->at++, true;
}

// \d, \pL, [:alpha:] and their like, into the set; false without an error: something else stands there.
static bool read_class(Parser *p, CharSet *set, bool in_set) {
  CharSet own = {.arena = p->arena};
  bool negated = false, found;
  if (in_set && take(p, "[:")) {
    const char *end = p->at;
    while (end + 1 < p->end && memcmp(end, ":]", 2)) end++;
    if (end + 1 >= p->end) return p->at -= 2, false;
    negated = take(p, "^");
    found = set_add_posix(&own, p->at, (size_t)(end - p->at));
    p->at = end + 2;
    if (!found) return fail(p, "there is no class of that name between [: and :]");
  } else if (p->end - p->at > 1 && *p->at == '\\' && strchr("pP", p->at[1])) {
    negated = p->at[1] == 'P';
    p->at += 2;
    bool braces = take(p, "{");
    negated ^= braces && take(p, "^");
    const char *end = p->at;
    while (braces ? end < p->end && *end != '}' : end < p->end && end == p->at) end++;
    found = set_add_category(&own, p->at, (size_t)(end - p->at));
    p->at = end;
    if (!found || (braces && !take(p, "}")))
      return fail(p, "\\p is supported for general categories of Unicode (\\p{Lu}), not for scripts");
  } else if (p->end - p->at > 1 && *p->at == '\\' && strchr("dswDSW", p->at[1])) {
    negated = isupper((unsigned char)p->at[1]);
    set_add_perl(&own, (char)tolower((unsigned char)p->at[1]));
    p->at += 2;
  } else {
    return false;
  }
  if (p->flags.fold) set_fold(&own); // before it is negated, as what stands between brackets is
  set_add_all(set, &own, negated);
  return true;
}

/* [...] */

static bool read_set_char(Parser *p, uint32_t *c) {
  if (p->at == p->end) return fail(p, "a ] is missing");
  return take(p, "\\") ? read_escape(p, c) : read_char(p, c);
}

static Regex *parse_set(Parser *p) {
  Regex *regex = new_regex(p, RE_SET, NULL, NULL);
  bool negated = take(p, "^");
  for (bool first = true; first || !take(p, "]"); first = false) {
    uint32_t from, to;
    if (read_class(p, &regex->set, true)) continue;
    if (p->error || !read_set_char(p, &from)) return NULL;
    to = from;
    if (p->end - p->at > 1 && *p->at == '-' && p->at[1] != ']') {
      p->at++;
      if (!read_set_char(p, &to)) return NULL;
      if (to < from) return fail(p, "a range between brackets ends before it begins");
    }
    set_add(&regex->set, from, to);
  }
  return close_set(p, regex, negated);
}

/* groups */

// The flags of (?i) or (?i:...), from the question mark to the colon or closing bracket, which stays.
static bool read_flags(Parser *p, Flags *flags) {
  bool on = true, any = false;
  for (p->at++; p->at < p->end && strchr("imsU-", *p->at) && (on || *p->at != '-'); p->at++) {
    bool *flag = *p->at == 'i' ? &flags->fold : *p->at == 'm' ? &flags->lines : *p->at == 's' ? &flags->all : NULL;
    if (flag) *flag = on;
    any = *p->at != '-';
    on &= any;
  }
  if (!on && !any) return fail(p, "flags are missing behind a -");
  if (next_is(p, ":") || next_is(p, ")")) return true;
  return fail(p, "what (? begins here is not supported: RE2 has no look-around");
}

static bool take_name(Parser *p) {
  if (!take(p, "?P<") && (next_is(p, "?<=") || next_is(p, "?<!") || !take(p, "?<"))) return false;
  const char *name = p->at;
  while (p->at < p->end && (isalnum((unsigned char)*p->at) || *p->at == '_' || (unsigned char)*p->at >= 0x80)) p->at++;
  return (p->at > name && take(p, ">")) || fail(p, "the name of a group is not valid");
}

// What stands behind an opening bracket, with the closing one. Flags alone hold for the rest of the group around them
// and are nothing that could be repeated: NULL.
static Regex *parse_group(Parser *p) {
  Flags before = p->flags, flags = before;
  if (!take_name(p) && !p->error && next_is(p, "?")) {
    if (!read_flags(p, &flags)) return NULL;
    p->flags = flags;
    if (take(p, ")")) return NULL;
    p->at++;
  }
  if (p->error) return NULL;
  if (++p->depth > MOST_DEPTH) return fail(p, "brackets are nested too deeply");
  Regex *body = parse_either(p);
  p->depth--;
  p->flags = before;
  return !body || take(p, ")") ? body : fail(p, "a ) is missing");
}

/* sequences */

// -1 where no number stands. RE2 takes none with a zero in front.
static int read_count(Parser *p) {
  int n = -1;
  for (int i = 0; i < 8 && n != 0 && p->at < p->end && isdigit((unsigned char)*p->at); i++)
    n = (n < 0 ? 0 : n * 10) + *p->at++ - '0';
  return n;
}

// *, +, ?, {2}, {2,} or {2,5}. Other braces mean themselves.
static bool take_repeat(Parser *p, int *min, int *max) {
  const char *start = p->at;
  *min = next_is(p, "+"), *max = next_is(p, "?") ? 1 : -1;
  if (take(p, "*") || take(p, "+") || take(p, "?")) return true;
  if (take(p, "{") && (*min = read_count(p)) >= 0) {
    *max = take(p, ",") ? read_count(p) : *min;
    if (take(p, "}")) return true;
  }
  p->at = start;
  return false;
}

static Regex *parse_assertion(Parser *p) {
  if (take(p, "^")) return new_assertion(p, p->flags.lines ? AT_LINE_START : AT_TEXT_START);
  if (take(p, "$")) return new_assertion(p, p->flags.lines ? AT_LINE_END : AT_TEXT_END);
  if (take(p, "\\A")) return new_assertion(p, AT_TEXT_START);
  if (take(p, "\\z")) return new_assertion(p, AT_TEXT_END);
  if (take(p, "\\b")) return new_assertion(p, AT_WORD_EDGE);
  if (take(p, "\\B")) return new_assertion(p, NOT_AT_WORD_EDGE);
  return NULL;
}

// One item without its repetition; NULL without an error: flags.
static Regex *parse_item(Parser *p) {
  uint32_t c = 0;
  int min, max;
  Regex *set = parse_assertion(p);
  if (set) return set;
  if (take(p, "(")) return parse_group(p);
  if (take(p, "[")) return parse_set(p);
  set = new_regex(p, RE_SET, NULL, NULL);
  if (take(p, ".")) {
    if (!p->flags.all) set_add(&set->set, '\n', '\n');
    return set_negate(&set->set), set;
  }
  if (read_class(p, &set->set, false)) return set_sort(&set->set), set;
  if (p->error) return NULL;
  if (take_repeat(p, &min, &max)) return fail(p, "a repetition has nothing to repeat");
  if (take(p, "\\") ? !read_escape(p, &c) : !read_char(p, &c)) return NULL;
  return new_literal(p, c);
}

static Regex *parse_repeat(Parser *p, Regex *item) {
  int min, max;
  if (!take_repeat(p, &min, &max)) return item;
  take(p, "?"); // as few as possible: the same texts
  if (min > MOST_REPEATS || max > MOST_REPEATS || (max >= 0 && max < min))
    return fail(p, "the numbers of a repetition are not in order or above 1000");
  Regex *repeat = new_regex(p, RE_REPEAT, item, NULL);
  repeat->min = min, repeat->max = max;
  return take_repeat(p, &min, &max) ? fail(p, "a repetition stands behind a repetition") : repeat;
}

static Regex *join(Parser *p, Regex *all, Regex *more) { return all ? new_regex(p, RE_CONCAT, all, more) : more; }

static Regex *parse_concat(Parser *p) {
  Regex *all = NULL;
  bool quoted = false; // between \Q and \E
  while (p->at < p->end && (quoted || (*p->at != '|' && *p->at != ')'))) {
    uint32_t c;
    if (take(p, quoted ? "\\E" : "\\Q")) {
      quoted = !quoted;
      continue;
    }
    Regex *item = !quoted ? parse_item(p) : read_char(p, &c) ? new_literal(p, c) : NULL;
    if (p->error) return NULL;
    if (!item) continue;
    if (!quoted || next_is(p, "\\E")) {
      quoted &= !take(p, "\\E");
      item = parse_repeat(p, item);
    }
    if (!item) return NULL;
    all = join(p, all, item);
  }
  return all ? all : new_regex(p, RE_EMPTY, NULL, NULL);
}

static Regex *parse_either(Parser *p) {
  Regex *all = parse_concat(p);
  while (all && take(p, "|")) {
    Regex *other = parse_concat(p);
    if (!other) return NULL;
    all = new_regex(p, RE_EITHER, all, other);
  }
  return all;
}

const Regex *regex_parse(Arena *arena, const char *pattern, const char **error) {
  Parser p = {.arena = arena, .at = pattern, .end = pattern + strlen(pattern)};
  Regex *regex = parse_either(&p);
  if (regex && p.at < p.end) regex = fail(&p, "a ) has no ( before it");
  *error = p.error;
  return regex;
}
