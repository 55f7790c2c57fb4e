// Trees as arrays: breadth first, siblings side by side, every tree from an even place on, so that a pair of siblings
// shares a cache line. A node that has a place already, because two others lead to it, is reached by a jump: a node
// whose test always fails and whose second child it is.
#include "compiler/ops/ml_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* sets */

// values[from..to] are sorted; a missing value ends at the last one.
static int64_t add_search(Expansion *e, Ensemble *t, Branch like, const double *values, size_t from, size_t to,
                          size_t last, bool missing) {
  Branch node = like;
  if (from == to) {
    node.value = values[from];
    node.how = TREE_EQUAL | (missing && from == last ? TREE_NAN : 0);
  } else {
    size_t middle = from + (to - from) / 2;
    node.value = values[middle];
    node.how = TREE_LESS | TREE_EQUAL;
    node.yes = add_search(e, t, like, values, from, middle, last, missing);
    node.no = add_search(e, t, like, values, middle + 1, to, last, missing);
  }
  APPEND(e->model->arena, t->nodes, t->count, node);
  return (int64_t)t->count - 1;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

void tree_add_members(Expansion *e, Ensemble *ensemble, int64_t at, double *values, size_t count,
                      bool missing_tracks_yes) {
  Branch like = ensemble->nodes[at];
  if (!count) {
    ensemble->nodes[at].how = missing_tracks_yes ? TREE_NAN : 0;
    return;
  }
  qsort(values, count, sizeof *values, by_value);
  int64_t top = add_search(e, ensemble, like, values, 0, count - 1, count - 1, missing_tracks_yes);
  ensemble->nodes[at] = ensemble->nodes[top];
}

/* depths */

typedef struct {
  const Ensemble *t;
  int32_t *depth;    // steps to the deepest leaf: UNSEEN, OPEN (on the way down to it), or known
  int32_t *parents;  // how many nodes lead there
  int64_t *stack;    // of the walk
  size_t stack_size; // in use
} Depths;
enum { UNSEEN = -1, OPEN = -2 };

static bool find_depth(Expansion *e, Depths *d, int64_t root) {
  d->stack[0] = root;
  d->stack_size = 1;
  while (d->stack_size) {
    int64_t at = d->stack[d->stack_size - 1];
    const Branch *node = &d->t->nodes[at];
    if (d->depth[at] >= 0 || node->yes < 0) {
      if (node->yes < 0) d->depth[at] = 0;
      d->stack_size--;
      continue;
    }
    d->depth[at] = OPEN;
    int64_t children[2] = {node->yes, node->no};
    int32_t depth = 0;
    bool known = true;
    for (int i = 0; i < 2; i++) {
      int32_t child = d->depth[children[i]];
      if (child == OPEN)
        return node_error(e->model, e->node, "node %lld of tree %lld leads back to one above it", (long long)node->id,
                          (long long)node->tree);
      if (child == UNSEEN) known = false, d->stack[d->stack_size++] = children[i];
      if (child == UNSEEN) break;
      if (child + 1 + (d->parents[children[i]] > 1) > depth) depth = child + 1 + (d->parents[children[i]] > 1);
    }
    if (known) d->depth[at] = depth;
  }
  return true;
}

static bool find_depths(Expansion *e, const Ensemble *t, Depths *d) {
  Arena *arena = e->model->arena;
  *d = (Depths){.t = t, .depth = NEW_ARRAY(arena, int32_t, t->count), .parents = NEW_ARRAY(arena, int32_t, t->count)};
  d->stack = NEW_ARRAY(arena, int64_t, t->count + 1);
  for (size_t i = 0; i < t->count; i++) {
    d->depth[i] = UNSEEN;
    if (t->nodes[i].yes >= 0) d->parents[t->nodes[i].yes]++, d->parents[t->nodes[i].no]++;
  }
  for (size_t i = 0; i < t->root_count; i++)
    if (!find_depth(e, d, t->roots[i])) return false;
  return true;
}

/* the test of all nodes */

// Gives every node that is used the form in which less is one of the outcomes, and finds what all ask for.
static int common_test(const Ensemble *t, const Depths *d, bool may_be_missing) {
  unsigned all = TREE_LESS | TREE_EQUAL | TREE_GREATER, any_missing = 0;
  bool le = true, lt = true;
  for (size_t i = 0; i < t->count; i++) {
    Branch *node = &t->nodes[i];
    if (d->depth[i] < 0 || node->yes < 0) continue;
    if (!may_be_missing) node->how &= all;
    if (!(node->how & TREE_LESS) && (node->how & TREE_GREATER)) {
      int64_t yes = node->yes;
      node->yes = node->no;
      node->no = yes;
      node->how ^= may_be_missing ? all | TREE_NAN : all;
    }
    le &= (node->how & all) == (TREE_LESS | TREE_EQUAL);
    lt &= (node->how & all) == TREE_LESS;
    any_missing |= node->how & TREE_NAN;
  }
  return le ? any_missing ? TREE_LE_NAN : TREE_LE : lt ? any_missing ? TREE_LT_NAN : TREE_LT : TREE_ANY;
}

/* places */

// What stands at each place: a node, or a jump to one.
typedef struct {
  int64_t *node; // -1: nothing
  bool *jump;
  int32_t *place, *child; // by node
  int64_t count;
} Places;

static void take_place(Places *p, int64_t node, bool jump) {
  p->node[p->count] = node;
  p->jump[p->count] = jump;
  if (!jump) p->place[node] = (int32_t)p->count;
  p->count++;
}

static void place_tree(const Ensemble *t, Places *p, int64_t root) {
  if (p->place[root] >= 0) return;
  int64_t from = p->count;
  take_place(p, root, false);
  p->node[p->count++] = -1;
  for (int64_t i = from; i < p->count; i++) {
    if (p->node[i] < 0 || p->jump[i]) continue;
    const Branch *node = &t->nodes[p->node[i]];
    if (node->yes < 0) continue;
    p->child[p->node[i]] = (int32_t)p->count;
    take_place(p, node->yes, p->place[node->yes] >= 0);
    take_place(p, node->no, p->place[node->no] >= 0);
  }
}

static bool find_places(Expansion *e, const Ensemble *t, Places *p) {
  Arena *arena = e->model->arena;
  size_t most = 2 * (t->count + t->root_count);
  if (most > INT32_MAX / 2) return node_error(e->model, e->node, "%zu nodes are too many", t->count);
  *p = (Places){.node = NEW_ARRAY(arena, int64_t, most), .jump = NEW_ARRAY(arena, bool, most)};
  p->place = NEW_ARRAY(arena, int32_t, t->count);
  p->child = NEW_ARRAY(arena, int32_t, t->count);
  for (size_t i = 0; i < t->count; i++) p->place[i] = -1;
  for (size_t i = 0; i < t->root_count; i++) place_tree(t, p, t->roots[i]);
  return true;
}

/* bytes */

static void put_real(bool wide, char *to, double x) {
  uint64_t bits = float_bits(wide ? DT_F64 : DT_F32, x);
  memcpy(to, &bits, wide ? 8 : 4); // little-endian
}

// The weights of several targets, in the order of the leaves' places.
typedef struct {
  int32_t *starts, *ids;
  double *weights;
  int64_t leaves, entries;
} Leaves;

static void put_leaf(const Ensemble *t, const TreeOptions *o, const Branch *node, Leaves *leaves, char *to) {
  int64_t from = t->leaf_starts[node->leaf], end = t->leaf_starts[node->leaf + 1];
  if (o->targets > 1) {
    int32_t number = (int32_t)leaves->leaves++;
    for (int64_t i = from; i < end; i++, leaves->entries++) {
      leaves->ids[leaves->entries] = (int32_t)t->ids[i];
      leaves->weights[leaves->entries] = t->weights[i];
    }
    leaves->starts[leaves->leaves] = (int32_t)leaves->entries;
    memcpy(to, &number, 4);
    return;
  }
  double weight = t->weights[from];
  for (int64_t i = from + 1; i < end; i++) {
    double more = t->weights[i];
    weight = o->aggregate <= TREE_SUM   ? weight + more
             : o->aggregate == TREE_MIN ? fmin(weight, more)
                                        : fmax(weight, more);
  }
  put_real(o->wide, to, weight);
}

static char *put_nodes(Expansion *e, const Ensemble *t, const TreeOptions *o, const Places *p, int test,
                       Leaves *leaves) {
  size_t size = o->wide ? 24 : 16, real = o->wide ? 8 : 4;
  char *bytes = arena_alloc_array(e->model->arena, (size_t)p->count, size);
  for (int64_t i = 0; i < p->count; i++) {
    char *to = bytes + (size_t)i * size;
    const Branch *node = p->node[i] < 0 ? NULL : &t->nodes[p->node[i]];
    bool branches = node && !p->jump[i] && node->yes >= 0;
    int32_t child = (int32_t)(node && p->jump[i] ? p->place[p->node[i]] : i) - 1;
    uint32_t word = branches ? (uint32_t)node->feature : 0;
    if (branches) child = p->child[p->node[i]];
    if (branches && test > TREE_LT) word |= node->how << 28;
    put_real(o->wide, to, branches ? node->value : NAN);
    memcpy(to + real, &word, 4);
    memcpy(to + real + 4, &child, 4);
    if (node && !p->jump[i] && !branches) put_leaf(t, o, node, leaves, to + real + 8);
  }
  return bytes;
}

Value *tree_lay_out(Expansion *e, const Ensemble *t, Value *x, const TreeOptions *o) {
  Arena *arena = e->model->arena;
  DType type = o->wide ? DT_F64 : DT_F32;
  Depths depths;
  Places places;
  if (!find_depths(e, t, &depths)) return NULL;
  int test = common_test(t, &depths, dtype_is_float(e->node->in[0]->type));
  if (!find_places(e, t, &places)) return NULL;
  if (t->entries > INT32_MAX) {
    node_error(e->model, e->node, "%lld weights are too many", (long long)t->entries);
    return NULL;
  }
  Leaves leaves = {.starts = NEW_ARRAY(arena, int32_t, t->count + 1)};
  leaves.ids = NEW_ARRAY(arena, int32_t, (size_t)t->entries);
  leaves.weights = NEW_ARRAY(arena, double, (size_t)t->entries);
  char *nodes = put_nodes(e, t, o, &places, test, &leaves);
  size_t groups = (t->root_count + TREE_LANES - 1) / TREE_LANES;
  int32_t *roots = NEW_ARRAY(arena, int32_t, groups *TREE_LANES), *deepest = NEW_ARRAY(arena, int32_t, groups);
  for (size_t i = 0; i < t->root_count; i++) {
    int32_t depth = depths.depth[t->roots[i]];
    roots[i] = places.place[t->roots[i]];
    if (depth > deepest[i / TREE_LANES]) deepest[i / TREE_LANES] = depth;
  }
  bool several = o->targets > 1;
  Value *in[] = {x,
                 ml_constant(e, DT_U8, places.count * (o->wide ? 24 : 16), nodes),
                 ml_constant(e, DT_I32, (int64_t)(groups * TREE_LANES), roots),
                 ml_constant(e, DT_I32, (int64_t)groups, deepest),
                 several ? ml_constant(e, DT_I32, leaves.leaves + 1, leaves.starts) : NULL,
                 several ? ml_constant(e, DT_I32, leaves.entries, leaves.ids) : NULL,
                 several ? expand_tensor(e, type, 1, &leaves.entries, leaves.weights) : NULL,
                 o->base};
  Value *out = ml_make(e, "Trees", type, COUNT(in), in);
  with_int(with_int(out, "test", test), "trees", (int64_t)t->root_count);
  return with_int(with_int(out, "targets", o->targets), "aggregate", o->aggregate);
}
