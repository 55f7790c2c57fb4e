// Einsum: each operand loses what it repeats (diagonals) and what nobody else reads (sums); then operands are joined
// from left to right as products of matrices whose rows, columns and sums are groups of axes.
#include "compiler/ops/expand.h"

#include <string.h>

enum { LETTERS = 128, ELLIPSIS = LETTERS, LABELS = LETTERS + MAX_RANK, MAX_TERMS = 64 };

// A value and the label of each of its axes: a letter, or ELLIPSIS + k for the k-th from the right of those behind
// "...".
typedef struct {
  Value *value;
  int rank, labels[MAX_RANK];
} Term;

typedef struct {
  Expansion *e;
  Term terms[MAX_TERMS], out;
  int count, ellipsis; // most axes that "..." stands for
  Value *size[LABELS]; // of each label, as a vector of one element
  bool wide[LABELS];   // some operand has more than one element there
} Einsum;

static bool has_label(const Term *term, int label) {
  for (int i = 0; i < term->rank; i++)
    if (term->labels[i] == label) return true;
  return false;
}

static bool refuse(const Einsum *s, const char *why) {
  return node_error(s->e->model, s->e->node, "the equation %s", why);
}

/* reading */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// One side's term at *at, up to ',' or '-' or the end. `ellipsis`: axes that "..." stands for.
static bool read_term(const Einsum *s, const char **at, int ellipsis, Term *term) {
  term->rank = 0;
  for (bool seen = false; **at && **at != ',' && **at != '-';) {
    bool dots = !strncmp(*at, "...", 3);
    int more = dots ? ellipsis : 1;
    if (**at == ' ') {
      ++*at;
      continue;
    }
    if ((dots && seen) || (!dots && !is_letter(**at))) return refuse(s, "has something that is no letter");
    if (term->rank + more > MAX_RANK) return refuse(s, "has too many letters");
    for (int k = more - 1; k >= 0; k--) term->labels[term->rank++] = dots ? ELLIPSIS + k : **at;
    seen = seen || dots;
    *at += dots ? 3 : 1;
  }
  return true;
}

static int count_letters(const char *at) {
  int count = 0;
  for (; *at && *at != ',' && *at != '-'; at++) count += is_letter(*at);
  return count;
}

// "ij,jk" means "ij,jk->ik": what stands behind "...", then the letters that occur once, in alphabetical order.
static void imply_output(Einsum *s) {
  s->out.rank = 0;
  for (int k = s->ellipsis - 1; k >= 0; k--) s->out.labels[s->out.rank++] = ELLIPSIS + k;
  for (int letter = 0; letter < LETTERS; letter++) {
    int times = 0;
    for (int t = 0; t < s->count; t++)
      for (int i = 0; i < s->terms[t].rank; i++) times += s->terms[t].labels[i] == letter;
    if (times == 1 && s->out.rank < MAX_RANK) s->out.labels[s->out.rank++] = letter;
  }
}

static bool read_output(Einsum *s, const char *at) {
  if (!*at) return imply_output(s), true;
  if (strncmp(at, "->", 2)) return refuse(s, "has a '-' without '>'");
  at += 2;
  if (!read_term(s, &at, s->ellipsis, &s->out)) return false;
  if (*at) return refuse(s, "goes on behind its result");
  for (int i = 0; i < s->out.rank; i++) {
    bool known = false;
    for (int t = 0; t < s->count; t++) known = known || has_label(&s->terms[t], s->out.labels[i]);
    for (int k = 0; k < i; k++) known = known && s->out.labels[k] != s->out.labels[i];
    if (!known) return refuse(s, "has a result with a letter that no operand has, or has it twice");
  }
  return true;
}

static bool read_equation(Einsum *s) {
  Node *node = s->e->node;
  const char *at = node_string(node, "equation", "");
  if (node->in_count > MAX_TERMS) return refuse(s, "has too many operands");
  for (s->count = 0; s->count < (int)node->in_count; s->count++) {
    Term *term = &s->terms[s->count];
    *term = (Term){.value = node->in[s->count]};
    if (s->count && *at++ != ',') return refuse(s, "has fewer terms than the node has inputs");
    int rank = term->value->rank, ellipsis = rank - count_letters(at);
    if (ellipsis < 0 || !read_term(s, &at, ellipsis, term)) return ellipsis >= 0 || refuse(s, "has too many letters");
    if (term->rank != rank) return refuse(s, "has a term whose letters are not as many as its operand's dims");
    if (has_label(term, ELLIPSIS) && ellipsis > s->ellipsis) s->ellipsis = ellipsis;
  }
  if (*at == ',') return refuse(s, "has more terms than the node has inputs");
  return read_output(s, at);
}

static bool read_sizes(Einsum *s) {
  Dim dims[LABELS] = {0};
  for (int t = 0; t < s->count; t++)
    for (int i = 0; i < s->terms[t].rank; i++) {
      int label = s->terms[t].labels[i];
      Dim dim = s->terms[t].value->dims[i];
      bool one = dim_is_const(dim) && dim.value == 1;
      if (s->wide[label] && !one && dim_is_const(dim) && dim_is_const(dims[label]) && !dim_equal(dim, dims[label]))
        return refuse(s, "gives one letter to dims that differ");
      if (s->size[label] && (one || s->wide[label])) continue;
      s->size[label] = expand_size(s->e, dim, s->terms[t].value, i);
      s->wide[label] = !one;
      dims[label] = dim;
    }
  return true;
}

/* one operand */

static void remove_axis(Term *term, int axis) {
  term->rank--;
  for (int i = axis; i < term->rank; i++) term->labels[i] = term->labels[i + 1];
}

static void permute(Einsum *s, Term *term, const int *order) {
  int64_t perm[MAX_RANK];
  int labels[MAX_RANK];
  bool same = true;
  for (int i = 0; i < term->rank; i++) {
    perm[i] = order[i];
    labels[i] = term->labels[order[i]];
    same = same && order[i] == i;
  }
  memcpy(term->labels, labels, sizeof labels);
  if (!same) term->value = expand_transpose(s->e, term->value, (size_t)term->rank, perm);
}

// Axes a < b of one label become one at the end: of the matrix that they make, written as a line, every element n + 1
// places behind another.
static void take_diagonal(Einsum *s, Term *term, int a, int b) {
  Expansion *e = s->e;
  Value *n = s->size[term->labels[a]], *square = MUL(e, n, n), *sizes[MAX_RANK];
  int order[MAX_RANK], count = 0;
  for (int i = 0; i < term->rank; i++)
    if (i != a && i != b) order[count++] = i;
  order[count] = a, order[count + 1] = b;
  permute(s, term, order);
  for (int i = 0; i < count; i++) sizes[i] = DIM(e, term->value, i);
  sizes[count] = square;
  Value *shape = with_int(expand_make(e, "Concat", (size_t)count + 1, sizes), "axis", 0);
  Value *line = MAKE(e, "Reshape", term->value, shape);
  term->value = MAKE(e, "Slice", line, INT(e, 0), square, INT(e, count), ADD(e, n, INT(e, 1)));
  term->rank--;
}

static void take_diagonals(Einsum *s, Term *term) {
  for (bool again = true; again;) {
    again = false;
    for (int a = 0; a < term->rank && !again; a++)
      for (int b = a + 1; b < term->rank && !again; b++) {
        if (term->labels[a] != term->labels[b]) continue;
        take_diagonal(s, term, a, b);
        again = true;
      }
  }
}

// A dim of 1 where another operand has more broadcasts: without it the operand is the same.
static void drop_ones(Einsum *s, Term *term, const Value *input) {
  int64_t axes[MAX_RANK];
  size_t count = 0;
  for (int i = term->rank - 1; i >= 0; i--) {
    if (!dim_is_const(input->dims[i]) || input->dims[i].value != 1 || !s->wide[term->labels[i]]) continue;
    axes[count++] = i;
    remove_axis(term, i);
  }
  if (count) term->value = MAKE(s->e, "Squeeze", term->value, expand_ints(s->e, count, axes));
}

// Whether a label is still read behind operand t.
static bool is_wanted(const Einsum *s, int label, int t) {
  for (int i = t + 1; i < s->count; i++)
    if (has_label(&s->terms[i], label)) return true;
  return has_label(&s->out, label);
}

static void sum_axes(Einsum *s, Term *term, const bool *summed) {
  int64_t axes[MAX_RANK];
  size_t count = 0;
  for (int i = term->rank - 1; i >= 0; i--) {
    if (!summed[i]) continue;
    axes[count++] = i;
    remove_axis(term, i);
  }
  if (!count) return;
  Value *sum = MAKE(s->e, "ReduceSum", term->value, expand_ints(s->e, count, axes));
  term->value = with_int(sum, "keepdims", 0);
}

// Sums over what neither the other operand of a product nor anything behind operand t reads.
static void sum_alone(Einsum *s, Term *term, const Term *other, int t) {
  bool summed[MAX_RANK] = {0};
  for (int i = 0; i < term->rank; i++)
    summed[i] = !(other && has_label(other, term->labels[i])) && !is_wanted(s, term->labels[i], t);
  sum_axes(s, term, summed);
}

/* two operands */

typedef struct {
  int count, labels[MAX_RANK];
} Group;

static void add_label(Group *group, int label) { group->labels[group->count++] = label; }

// The term as [shared ..., rows, columns], each of the last two groups one axis.
static Value *as_matrices(Einsum *s, Term *term, const Group *shared, const Group *rows, const Group *columns) {
  Expansion *e = s->e;
  const Group *groups[] = {shared, rows, columns};
  int order[MAX_RANK] = {0}, at = 0;
  Value *sizes[MAX_RANK + 2];
  size_t count = 0;
  for (int g = 0; g < 3; g++) {
    Value *size = INT(e, 1);
    for (int i = 0; i < groups[g]->count; i++) {
      int label = groups[g]->labels[i];
      for (int k = 0; k < term->rank; k++)
        if (term->labels[k] == label) order[at++] = k;
      size = i ? MUL(e, size, s->size[label]) : s->size[label];
      if (g == 0) sizes[count++] = s->size[label];
    }
    if (g) sizes[count++] = size;
  }
  permute(s, term, order);
  Value *shape = with_int(expand_make(e, "Concat", count, sizes), "axis", 0);
  return MAKE(e, "Reshape", term->value, shape);
}

// The term with axes of size 1 for the labels that it lacks.
static Value *aligned(Einsum *s, Term *term, const Group *all) {
  int order[MAX_RANK] = {0}, at = 0;
  int64_t missing[MAX_RANK];
  size_t count = 0;
  for (int i = 0; i < all->count; i++) {
    if (!has_label(term, all->labels[i])) missing[count++] = i;
    for (int k = 0; k < term->rank; k++)
      if (term->labels[k] == all->labels[i]) order[at++] = k;
  }
  permute(s, term, order);
  if (!count) return term->value;
  return MAKE(s->e, "Unsqueeze", term->value, expand_ints(s->e, count, missing));
}

// a becomes the product of a and b = operand t.
static bool join(Einsum *s, Term *a, Term *b, int t) {
  Expansion *e = s->e;
  Group shared = {0}, rows = {0}, columns = {0}, summed = {0}, all = {0};
  sum_alone(s, a, b, t);
  sum_alone(s, b, a, t);
  int together = a->rank;
  for (int i = 0; i < b->rank; i++) together += !has_label(a, b->labels[i]);
  if (together > MAX_RANK) return refuse(s, "has a product of too many dims");
  for (int i = 0; i < a->rank; i++) {
    int label = a->labels[i];
    bool in_both = has_label(b, label);
    add_label(!in_both ? &rows : is_wanted(s, label, t) ? &shared : &summed, label);
  }
  for (int i = 0; i < b->rank; i++)
    if (!has_label(a, b->labels[i])) add_label(&columns, b->labels[i]);
  const Group *order[] = {&shared, &rows, &columns};
  for (int g = 0; g < 3; g++)
    for (int i = 0; i < order[g]->count; i++) add_label(&all, order[g]->labels[i]);
  Term result = {.rank = all.count};
  memcpy(result.labels, all.labels, sizeof result.labels);
  if (summed.count) {
    Value *product =
        MATMUL(e, as_matrices(s, a, &shared, &rows, &summed), as_matrices(s, b, &shared, &summed, &columns));
    Value *sizes[MAX_RANK], *shape = INTS(e, 1);
    for (int i = 0; i < all.count; i++) sizes[i] = s->size[all.labels[i]];
    if (all.count) shape = with_int(expand_make(e, "Concat", (size_t)all.count, sizes), "axis", 0);
    result.value = MAKE(e, "Reshape", product, shape);
    if (!all.count) result.value = SQUEEZE(e, result.value, 0);
  } else {
    Value *left = aligned(s, a, &all), *right = aligned(s, b, &all);
    result.value = MUL(e, left, right);
  }
  return *a = result, true;
}

bool expand_einsum(Expansion *e, Node *node) {
  Einsum *s = NEW(e->model->arena, Einsum);
  s->e = e;
  if (!read_equation(s) || !read_sizes(s)) return false;
  for (int t = 0; t < s->count; t++) {
    drop_ones(s, &s->terms[t], node->in[t]);
    take_diagonals(s, &s->terms[t]);
  }
  Term result = s->terms[0];
  if (s->count == 1) sum_alone(s, &result, NULL, 0);
  for (int t = 1; t < s->count; t++)
    if (!join(s, &result, &s->terms[t], t)) return false;
  Group order = {.count = s->out.rank};
  memcpy(order.labels, s->out.labels, sizeof order.labels);
  return expand_done(e, 0, aligned(s, &result, &order));
}
