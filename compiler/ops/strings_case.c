// StringNormalizer: stop words left out, upper or lower case. Characters are mapped one to one, by Unicode's simple
// mappings, whatever the locale.
#include "compiler/ops/strings.h"
#include "compiler/ops/lower.h"
#include "templates/string_case.h"

#include <string.h>

static const int32_t to_lower[] = {
#define LOWER(first, last, step, change) first, last, step, change,
#define UPPER(first, last, step, change)
#include "compiler/ops/case_table.def"
#undef LOWER
#undef UPPER
};
static const int32_t to_upper[] = {
#define LOWER(first, last, step, change)
#define UPPER(first, last, step, change) first, last, step, change,
#include "compiler/ops/case_table.def"
#undef LOWER
#undef UPPER
};

const int32_t *case_table(bool upper, int64_t *runs) {
  *runs = (int64_t)(upper ? COUNT(to_upper) : COUNT(to_lower)) / CASE_WORDS;
  return upper ? to_upper : to_lower;
}

typedef enum { CASE_NONE, CASE_LOWER, CASE_UPPER, CASE_UNKNOWN } CaseChange;

static CaseChange case_change(const Node *node) {
  static const char *const names[] = {"NONE", "LOWER", "UPPER"};
  const char *name = node_string(node, "case_change_action", "NONE");
  int change = 0;
  while (change < CASE_UNKNOWN && strcmp(name, names[change])) change++;
  return (CaseChange)change;
}

bool infer_string_normalizer(Model *model, Node *node) {
  const Value *x = node->in[0];
  size_t stop_count;
  if (case_change(node) == CASE_UNKNOWN)
    return node_error(model, node, "'case_change_action' is '%s'; NONE, LOWER and UPPER are possible",
                      node_string(node, "case_change_action", ""));
  bool row = x->rank == 2 && (dim_is(x->dims[0], 1) || !dim_is_const(x->dims[0]));
  if (x->rank != 1 && !row) return node_error(model, node, "'X' must be [C] or [1, C]");
  node_strings(node, "stopwords", &stop_count);
  Dim count = x->dims[x->rank - 1];
  bool same = !stop_count && dim_is_const(count) && count.value > 0;
  Dim dims[2] = {dim_const(1), dim_const(1)};
  dims[x->rank - 1] = same ? count : dim_found(model->dims, "kept", dim_max(count, dim_const(1)));
  return set_dims(model, node, 0, x->rank, dims);
}

// The stop words as elements are looked up: in lower case where case makes no difference. NULL after an error.
static const char *const *fold_words(Lower *lower, const char *const *words, size_t count, bool fold) {
  const char **folded = NEW_ARRAY(lower->program->arena, const char *, count);
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(words[i]), at = 0;
    Text text = {.arena = lower->program->arena};
    text_append(&text, "", 0);
    while (at < size) {
      char character[4];
      uint32_t code;
      size_t length = read_utf8(words[i] + at, size - at, &code);
      if (!length) return lower_error(lower, "stop word %zu is not valid UTF-8", i), NULL;
      at += length;
      if (fold) code = change_case(to_lower, COUNT(to_lower) / CASE_WORDS, code);
      text_append(&text, character, write_utf8(code, character));
    }
    folded[i] = size ? text.data : "";
  }
  return folded;
}

bool lower_string_normalizer(Lower *lower, Node *node) {
  Program *program = lower->program;
  CaseChange change = case_change(node);
  size_t word_count;
  int64_t runs = 0, entries;
  const char *const *words = node_strings(node, "stopwords", &word_count);
  bool fold = word_count && !node_int(node, "is_case_sensitive", 0);
  View x = lower_dense(lower, node->in[0]);
  if (x.rank == 2) lower_check_broadcast(lower, &x, 2, (Dim[]){dim_const(1), x.dims[1]});
  if (word_count && !(words = fold_words(lower, words, word_count, fold))) return false;
  const int64_t *stops = make_lookup(lower, word_count, words, NULL, &entries);
  const int32_t *table = case_table(change == CASE_UPPER, &runs);
  Dim count = view_count(&x), kept = node->out[0]->dims[x.rank - 1], room = dim_max(count, dim_const(1));
  View all = lower_scratch(lower, DT_STRING, 1, &room);
  Step *step = lower_step(lower, "string_normalize");
  ADD_DIMS(program, step, count, dim_const(change ? runs : 0),
           dim_const(fold ? (int64_t)COUNT(to_lower) / CASE_WORDS : 0), dim_const(entries));
  step_view(lower, step, &x);
  step_constant(lower, step, DT_I32, runs * CASE_WORDS, table);
  step_constant(lower, step, DT_I32, COUNT(to_lower), to_lower);
  step_constant(lower, step, DT_I64, entries * ENTRY_WORDS, stops);
  step_pool(lower, step);
  step_pool_used(lower, step);
  step_view(lower, step, &all);
  step_slot(lower, step, dim_is_const(kept) ? dim_new_symbol(program->dims, "kept") : kept);
  all.dims[0] = kept;
  View out;
  view_reshape(&all, x.rank, node->out[0]->dims, &out);
  lower_alias(lower, node->out[0], &out);
  return true;
}
