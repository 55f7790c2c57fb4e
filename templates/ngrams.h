// Counting n-grams of tokens.
#pragma once
#include "templates/template.h"

// A tree of n-grams: nodes of four words, the root first; a node's children lie side by side, by rising token. COLUMN
// is the n-gram's place in the output, -1 where it only begins others.
enum { GRAM_TOKEN, GRAM_CHILDREN, GRAM_COUNT, GRAM_COLUMN, GRAM_WORDS };

// The child of a node for a token, or NULL.
HELPER const int64_t *find_gram(const int64_t *tree, const int64_t *node, int64_t token) {
  const int64_t *children = tree + node[GRAM_CHILDREN] * GRAM_WORDS;
  idx low = 0;
  for (idx left = (idx)node[GRAM_COUNT]; left > 0;) {
    idx half = left / 2;
    int behind = children[(low + half) * GRAM_WORDS + GRAM_TOKEN] < token;
    low = behind ? low + half + 1 : low;
    left = behind ? left - half - 1 : half;
  }
  const int64_t *child = children + low * GRAM_WORDS;
  return low < node[GRAM_COUNT] && child[GRAM_TOKEN] == token ? child : NULL;
}

// y[column] += 1 for each n-gram of at least `shortest` tokens, `distance` apart, that begins with the first of x.
HELPER void count_grams(const int64_t *tree, idx shortest, idx longest, idx distance, const int64_t *x, idx left,
                        float *y) {
  const int64_t *node = tree;
  for (idx n = 1; n <= longest && (n - 1) * distance < left; n++) {
    node = find_gram(tree, node, x[(n - 1) * distance]);
    if (!node) return;
    if (n >= shortest && node[GRAM_COLUMN] >= 0) y[node[GRAM_COLUMN]] += 1;
  }
}

// y[r][c] = how often n-gram c stands in row r of x, with up to `skips` tokens left out between neighbours; single
// tokens count once whatever the skips. weigh: times weights[c], of which once: no matter how often. Parallel over
// rows.
TEMPLATE Status ngrams(idx rows, idx tokens, idx columns, idx shortest, idx longest, idx skips, idx weigh, idx once,
                       const int64_t *x, const int64_t *tree, const float *weights, float *y, void *const *bufs,
                       idx part, idx parts) {
  (void)bufs;
  idx row, end;
  share(rows, part, parts, &row, &end);
  for (; row < end; row++) {
    float *out = y + row * columns;
    memset(out, 0, (size_t)columns * sizeof *out);
    for (idx skip = 0; skip <= skips; skip++) {
      idx least = skip > 0 && shortest < 2 ? 2 : shortest;
      for (idx t = 0; t < tokens && least <= longest; t++)
        count_grams(tree, least, longest, skip + 1, x + row * tokens + t, tokens - t, out);
    }
    for (idx c = 0; c < columns; c++) {
      if (once && out[c] > 1) out[c] = 1;
      if (weigh) out[c] *= weights[c];
    }
  }
  return STATUS_OK;
}
