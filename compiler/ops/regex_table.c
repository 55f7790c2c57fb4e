// From a regular expression's tree to a deterministic automaton over bytes.
#include "compiler/ops/regex.h"
#include "templates/string.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_MOVES = 200000, MOST_STATES = 10000, MOST_ENTRIES = 1 << 22 };

/* Thompson's automaton */

typedef enum { MOVE_BYTE, MOVE_FORK, MOVE_ASSERT, MOVE_END } MoveKind;
typedef struct {
  MoveKind kind;
  uint8_t first, last; // MOVE_BYTE
  Assertion assertion;
  int to, other; // other: MOVE_FORK
} Move;

// What stands before and behind a place in a text, as far as assertions ask.
typedef enum { BESIDE_END, BESIDE_LINE_END, BESIDE_WORD, BESIDE_OTHER } Beside;

typedef struct {
  Arena *arena;
  Move *moves;
  size_t move_count;
  bool asserts;
  uint8_t class_of[256], example[256]; // a byte of each class
  int class_count;
  // states: sorted lists of moves, and what stands before
  struct State {
    const int *moves;
    int count;
    Beside before;
    int next; // of the hash chain
  } *states;
  size_t state_count;
  int *heads; // [MOST_STATES]
  int *stack, *seen, round;
} Build;

static int add_move(Build *b, Move move) {
  APPEND(b->arena, b->moves, b->move_count, move);
  return (int)b->move_count - 1;
}

static int add_fork(Build *b, int to, int other) {
  return add_move(b, (Move){.kind = MOVE_FORK, .to = to, .other = other});
}

// Moves for characters first..last of `length` bytes each, whose first `same` bytes agree.
static int add_bytes(Build *b, const uint8_t *first, const uint8_t *last, int length, int then) {
  for (int i = length; i-- > 0;)
    then = add_move(b, (Move){.kind = MOVE_BYTE, .first = first[i], .last = last[i], .to = then});
  return then;
}

// The range in pieces in which each byte has a range of its own.
static int add_range(Build *b, uint32_t first, uint32_t last, int then, int other) {
  static const uint32_t ends[] = {0x7f, 0x7ff, 0xffff, LAST_CHAR};
  while (first <= last) {
    int length = 1;
    uint32_t end = last;
    while (first > ends[length - 1]) length++;
    if (end > ends[length - 1]) end = ends[length - 1];
    for (int i = 1; i < length; i++) { // the low 6 i bits are free, or the bits above are the same
      uint32_t low = (UINT32_C(1) << 6 * i) - 1;
      if ((first & ~low) == (end & ~low)) break;
      if (first & low) {
        end = first | low;
        break;
      }
      if ((end & low) != low) {
        if ((end & ~low) > first) end = (end & ~low) - 1;
      }
    }
    char from[4], to[4];
    write_utf8(first, from), write_utf8(end, to);
    int piece = add_bytes(b, (const uint8_t *)from, (const uint8_t *)to, length, then);
    other = other < 0 ? piece : add_fork(b, piece, other);
    first = end + 1;
  }
  return other;
}

static int build(Build *b, const Regex *regex, int then);

static int build_repeat(Build *b, const Regex *regex, int then) {
  int start = then;
  if (regex->max < 0) {
    start = add_fork(b, -1, then);
    int body = build(b, regex->a, start);
    b->moves[start].to = body;
  }
  for (int i = regex->min; i < regex->max && start >= 0; i++) start = add_fork(b, build(b, regex->a, start), then);
  for (int i = 0; i < regex->min && start >= 0; i++) start = build(b, regex->a, start);
  return start;
}

// The first move of what matches the expression and goes on at `then`. -1: too many moves.
static int build(Build *b, const Regex *regex, int then) {
  int other = -1, start = -1;
  for (; regex->kind == RE_CONCAT; regex = regex->a) then = build(b, regex->b, then);
  if (then < 0 || b->move_count > MOST_MOVES) return -1;
  switch (regex->kind) {
  case RE_CONCAT:
  case RE_EMPTY: return then;
  case RE_REPEAT: return build_repeat(b, regex, then);
  case RE_ASSERT:
    b->asserts = true;
    return add_move(b, (Move){.kind = MOVE_ASSERT, .assertion = regex->assertion, .to = then});
  case RE_EITHER:
    for (; regex->kind == RE_EITHER; regex = regex->a) {
      if ((start = build(b, regex->b, then)) < 0) return -1;
      other = other < 0 ? start : add_fork(b, start, other);
    }
    start = build(b, regex, then);
    return start < 0 ? -1 : add_fork(b, start, other);
  case RE_SET: break;
  }
  for (size_t i = 0; i < regex->set.count; i++)
    start = add_range(b, regex->set.ranges[i].first, regex->set.ranges[i].last, then, start);
  if (start >= 0) return start;
  return add_move(b, (Move){.kind = MOVE_BYTE, .first = 1, .last = 0, .to = then}); // takes no character
}

/* the deterministic one: its states are sets of moves that bytes have led to */

static bool is_word(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_';
}

static Beside beside(const Build *b, int byte) {
  return !b->asserts ? BESIDE_OTHER : byte == '\n' ? BESIDE_LINE_END : is_word(byte) ? BESIDE_WORD : BESIDE_OTHER;
}

static bool holds(Assertion assertion, Beside before, Beside behind) {
  switch (assertion) {
  case AT_TEXT_START: return before == BESIDE_END;
  case AT_TEXT_END: return behind == BESIDE_END;
  case AT_LINE_START: return before == BESIDE_END || before == BESIDE_LINE_END;
  case AT_LINE_END: return behind == BESIDE_END || behind == BESIDE_LINE_END;
  case AT_WORD_EDGE: return (before == BESIDE_WORD) != (behind == BESIDE_WORD);
  case NOT_AT_WORD_EDGE: return (before == BESIDE_WORD) == (behind == BESIDE_WORD);
  }
  return false;
}

// Adds to a list of moves what empty moves from `move` lead to: bytes, the end, and assertions, which wait until it is
// known what stands behind them. With `state` that is known, and assertions are followed where they hold.
static void follow(Build *b, int move, const struct State *state, Beside behind, int *list, int *count) {
  int depth = 0;
  b->stack[depth++] = move;
  while (depth) {
    const Move *m = &b->moves[move = b->stack[--depth]];
    if (b->seen[move] == b->round) continue;
    b->seen[move] = b->round;
    if (m->kind == MOVE_FORK)
      b->stack[depth++] = m->other, b->stack[depth++] = m->to;
    else if (m->kind != MOVE_ASSERT || !state)
      list[(*count)++] = move;
    else if (holds(m->assertion, state->before, behind))
      b->stack[depth++] = m->to;
  }
}

static int compare_ints(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

// The state of these moves, a new one where there is none. -1: too many.
static int find_state(Build *b, int *list, int count, Beside before) {
  uint64_t hash = (uint64_t)before;
  if (count) qsort(list, (size_t)count, sizeof *list, compare_ints);
  for (int i = 0; i < count; i++) hash = (hash ^ (uint64_t)list[i]) * UINT64_C(0x100000001b3);
  int *head = &b->heads[(hash ^ hash >> 32) % MOST_STATES];
  for (int s = *head; s; s = b->states[s].next)
    if (b->states[s].count == count && b->states[s].before == before &&
        !memcmp(b->states[s].moves, list, (size_t)count * sizeof *list))
      return s;
  if (b->state_count == MOST_STATES) return -1;
  int *moves = NEW_ARRAY(b->arena, int, (size_t)count);
  if (count) memcpy(moves, list, (size_t)count * sizeof *list);
  int found = (int)b->state_count;
  APPEND(b->arena, b->states, b->state_count, ((struct State){moves, count, before, *head}));
  if (found) *head = found; // 0 ends a chain: what leads nowhere goes there without being looked for
  return found;
}

// What a state's moves are once it is known what stands behind it.
static int settle(Build *b, const struct State *state, Beside behind, int *list) {
  int count = 0;
  b->round++;
  for (int i = 0; i < state->count; i++) follow(b, state->moves[i], state, behind, list, &count);
  return count;
}

static int step(Build *b, int from, int byte, int *settled, int *list) {
  struct State state = b->states[from];
  int settled_count = settle(b, &state, beside(b, byte), settled), count = 0;
  b->round++;
  for (int i = 0; i < settled_count; i++) {
    const Move *m = &b->moves[settled[i]];
    if (m->kind == MOVE_BYTE && m->first <= byte && byte <= m->last) follow(b, m->to, NULL, BESIDE_OTHER, list, &count);
  }
  return count ? find_state(b, list, count, beside(b, byte)) : 0;
}

// Bytes that every move treats alike are one class.
static void find_classes(Build *b) {
  bool starts[257] = {[0] = true};
  for (size_t i = 0; i < b->move_count; i++)
    if (b->moves[i].kind == MOVE_BYTE) starts[b->moves[i].first] = starts[b->moves[i].last + 1] = true;
  for (int byte = 1; byte < 256; byte++) starts[byte] |= beside(b, byte) != beside(b, byte - 1);
  for (int byte = 0; byte < 256; byte++) {
    if (starts[byte]) b->example[b->class_count++] = (uint8_t)byte;
    b->class_of[byte] = (uint8_t)(b->class_count - 1);
  }
}

static bool ends(Build *b, int from, int *list) {
  struct State state = b->states[from];
  int count = settle(b, &state, b->asserts ? BESIDE_END : BESIDE_OTHER, list);
  for (int i = 0; i < count; i++)
    if (b->moves[list[i]].kind == MOVE_END) return true;
  return false;
}

static bool make_states(Build *b, int start, RegexTable *table) {
  size_t row = (size_t)b->class_count + 1, made = 0;
  int *list = NEW_ARRAY(b->arena, int, b->move_count), *settled = NEW_ARRAY(b->arena, int, b->move_count), count = 0;
  b->stack = NEW_ARRAY(b->arena, int, 2 * b->move_count + 2);
  b->seen = NEW_ARRAY(b->arena, int, b->move_count);
  b->heads = NEW_ARRAY(b->arena, int, MOST_STATES);
  find_state(b, list, 0, BESIDE_OTHER);
  b->round++;
  follow(b, start, NULL, BESIDE_OTHER, list, &count);
  find_state(b, list, count, b->asserts ? BESIDE_END : BESIDE_OTHER);
  for (; made < b->state_count; made++) {
    if ((made + 1) * row > MOST_ENTRIES) return false;
    for (size_t c = 0; c < row; c++) {
      int to = c < row - 1 ? step(b, (int)made, b->example[c], settled, list) : ends(b, (int)made, list);
      if (to < 0) return false;
      size_t at = made * row + c;
      APPEND(b->arena, table->next, at, to);
    }
  }
  table->state_count = (int64_t)made;
  return true;
}

bool regex_compile(Arena *arena, const char *pattern, RegexTable *table, const char **error) {
  const Regex *regex = regex_parse(arena, pattern, error);
  if (!regex) return false;
  Build b = {.arena = arena};
  int start = build(&b, regex, add_move(&b, (Move){.kind = MOVE_END}));
  find_classes(&b);
  *table = (RegexTable){.class_count = b.class_count, .class_of = NEW_ARRAY(arena, uint8_t, 256)};
  memcpy(table->class_of, b.class_of, sizeof b.class_of);
  if (start >= 0 && make_states(&b, start, table)) return true;
  *error = "its automaton would have more than 10000 states";
  return false;
}
