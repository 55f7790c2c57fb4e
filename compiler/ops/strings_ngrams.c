// TfIdfVectorizer: the n-grams become a tree when the model is compiled. Strings are looked up first: a token is the
// number of its text.
#include "compiler/ops/lower.h"
#include "compiler/ops/strings.h"
#include "templates/ngrams.h"
#include "templates/strings.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  bool strings;
  size_t token_count, column_count, start_count, weight_count;
  const char *const *texts;
  const int64_t *tokens, *columns, *starts; // of the n-grams of 1, 2, ... tokens
  const double *weights;
  int64_t shortest, longest, skips, width;
} Pool;

static bool read_pool(Model *model, Node *node, Pool *pool) {
  const Attr *weights = node_attr(node, "weights");
  *pool = (Pool){.shortest = node_int(node, "min_gram_length", 1),
                 .longest = node_int(node, "max_gram_length", 1),
                 .skips = node_int(node, "max_skip_count", 0)};
  pool->tokens = node_ints(node, "pool_int64s", &pool->token_count);
  pool->strings = !pool->tokens;
  if (pool->strings) pool->texts = node_strings(node, "pool_strings", &pool->token_count);
  pool->columns = node_ints(node, "ngram_indexes", &pool->column_count);
  pool->starts = node_ints(node, "ngram_counts", &pool->start_count);
  if (weights && weights->type == ATTR_FLOATS) pool->weights = weights->floats, pool->weight_count = weights->count;
  if (pool->strings != (node->in[0]->type == DT_STRING))
    return node_error(model, node, "'X' is %s, which does not fit the pool", dtype_name(node->in[0]->type));
  if (pool->shortest < 1 || pool->longest < pool->shortest || pool->skips < 0 || pool->longest > INT16_MAX ||
      pool->skips > INT32_MAX)
    return node_error(model, node, "the lengths of n-grams are not in order");
  for (size_t i = 0; i < pool->column_count; i++) {
    if (pool->columns[i] < 0 || pool->columns[i] >= INT32_MAX)
      return node_error(model, node, "'ngram_indexes' holds %lld", (long long)pool->columns[i]);
    if (pool->columns[i] >= pool->width) pool->width = pool->columns[i] + 1;
  }
  if (!pool->width) return node_error(model, node, "'ngram_indexes' is empty");
  if (pool->weights && pool->weight_count != pool->column_count)
    return node_error(model, node, "there are %zu weights for %zu n-grams", pool->weight_count, pool->column_count);
  return true;
}

static int mode_of(const Node *node) {
  static const char *const modes[] = {"TF", "IDF", "TFIDF"};
  for (int i = 0; i < (int)COUNT(modes); i++)
    if (!strcmp(node_string(node, "mode", ""), modes[i])) return i;
  return -1;
}

bool infer_ngrams(Model *model, Node *node) {
  Pool pool;
  const Value *x = node->in[0];
  if (mode_of(node) < 0) return node_error(model, node, "'mode' must be TF, IDF or TFIDF");
  if (!read_pool(model, node, &pool) || !need_rank(model, node, 0, 0, 2)) return false;
  Dim dims[2] = {dim_const(pool.width)};
  if (x->rank == 2) dims[1] = dims[0], dims[0] = x->dims[0];
  return set_dims(model, node, 0, x->rank == 2 ? 2 : 1, dims);
}

/* the tree */

typedef struct Gram Gram;
struct Gram {
  int64_t token, column;
  Gram **children;
  size_t child_count;
};

static int compare_tokens(const void *a, const void *b) {
  const Gram *x = *(const Gram *const *)a, *y = *(const Gram *const *)b;
  return (x->token > y->token) - (x->token < y->token);
}

// Children stay sorted.
static Gram *child_of(Arena *arena, Gram *gram, int64_t token) {
  Gram key = {.token = token}, *wanted = &key, **found = NULL;
  if (gram->child_count)
    found = bsearch(&wanted, gram->children, gram->child_count, sizeof *gram->children, compare_tokens);
  if (found) return *found;
  Gram *child = NEW(arena, Gram);
  *child = (Gram){.token = token, .column = -1};
  APPEND(arena, gram->children, gram->child_count, child);
  size_t at = gram->child_count - 1;
  for (; at > 0 && gram->children[at - 1]->token > token; at--) gram->children[at] = gram->children[at - 1];
  gram->children[at] = child;
  return child;
}

// Node by node in the order in which they are reached, so that children lie side by side.
static int64_t *lay_out(Arena *arena, Gram *root, size_t *words) {
  Gram **queue = NULL;
  size_t count = 0;
  APPEND(arena, queue, count, root);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < queue[i]->child_count; k++) APPEND(arena, queue, count, queue[i]->children[k]);
  int64_t *tree = NEW_ARRAY(arena, int64_t, count *GRAM_WORDS), next = 1;
  for (size_t i = 0; i < count; i++) {
    const int64_t node[GRAM_WORDS] = {queue[i]->token, next, (int64_t)queue[i]->child_count, queue[i]->column};
    memcpy(tree + i * GRAM_WORDS, node, sizeof node);
    next += node[GRAM_COUNT];
  }
  *words = count * GRAM_WORDS;
  return tree;
}

// NULL after an error.
static int64_t *make_tree(Lower *lower, const Pool *pool, const int64_t *tokens, size_t *words) {
  Arena *arena = lower->program->arena;
  Gram root = {.column = -1};
  size_t gram = 0; // n-grams so far
  for (size_t n = 1; n <= pool->start_count; n++) {
    int64_t from = pool->starts[n - 1], to = n < pool->start_count ? pool->starts[n] : (int64_t)pool->token_count;
    if (from < 0 || to < from || to > (int64_t)pool->token_count)
      return lower_error(lower, "'ngram_counts' is not in order"), NULL;
    for (; to - from >= (int64_t)n; from += (int64_t)n, gram++) {
      if (gram >= pool->column_count) return lower_error(lower, "there are more n-grams than 'ngram_indexes'"), NULL;
      Gram *at = &root;
      if ((int64_t)n < pool->shortest || (int64_t)n > pool->longest) continue;
      for (size_t i = 0; i < n; i++) at = child_of(arena, at, tokens[(size_t)from + i]);
      at->column = pool->columns[gram];
    }
  }
  return lay_out(arena, &root, words);
}

/* lowering */

// The input as int64; of strings what the lookup gives, and the pool's tokens with it.
static View read_tokens(Lower *lower, const Pool *pool, const int64_t **tokens) {
  Program *program = lower->program;
  View in = lower_in(lower, lower->node->in[0]);
  *tokens = pool->tokens;
  if (in.type == DT_I64) return lower_dense(lower, lower->node->in[0]);
  View out = lower_scratch(lower, DT_I64, in.rank, in.dims);
  if (in.type != DT_STRING) {
    lower_map(lower, &out, &in, 1, expr_cast(program->exprs, DT_I64, expr_load(program->exprs, in.type, 0)));
    return out;
  }
  int64_t entries, *numbers = NEW_ARRAY(program->arena, int64_t, pool->token_count);
  const int64_t *table = make_lookup(lower, pool->token_count, pool->texts, NULL, &entries);
  size_t pool_size;
  const char *bytes = pool_bytes(program, &pool_size);
  for (size_t i = 0; i < pool->token_count; i++)
    numbers[i] = find_entry(table, entries, bytes, pool->texts[i], strlen(pool->texts[i]))[ENTRY_NUMBER];
  *tokens = numbers;
  string_lookup_step(lower, &in, &out, table, entries, -1, false);
  return out;
}

bool lower_ngrams(Lower *lower, Node *node) {
  Pool pool;
  size_t words;
  const int64_t *tokens, *tree;
  int mode = mode_of(node);
  if (!read_pool(lower->model, node, &pool)) return false;
  View x = read_tokens(lower, &pool, &tokens);
  if (!(tree = make_tree(lower, &pool, tokens, &words))) return false;
  View y = lower_out(lower, node->out[0]);
  if (view_is_empty(&y)) return true;
  float *weights = NEW_ARRAY(lower->program->arena, float, (size_t)pool.width);
  for (size_t i = 0; i < pool.weight_count; i++) weights[pool.columns[i]] = (float)pool.weights[i];
  Dim rows = x.rank == 2 ? x.dims[0] : dim_const(1), count = x.rank ? x.dims[x.rank - 1] : dim_const(1);
  Step *step = lower_step(lower, "ngrams");
  ADD_DIMS(lower->program, step, rows, count, dim_const(pool.width), dim_const(pool.shortest), dim_const(pool.longest),
           dim_const(pool.skips), dim_const(mode > 0 && pool.weights), dim_const(mode == 1));
  step_view(lower, step, &x);
  step_constant(lower, step, DT_I64, (int64_t)words, tree);
  step_constant(lower, step, DT_F32, pool.width, weights);
  step_view(lower, step, &y);
  step->parts = count_parts(rows, 4);
  return true;
}
