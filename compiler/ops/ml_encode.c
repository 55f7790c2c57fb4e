// Categories and labels: LabelEncoder, CategoryMapper, OneHotEncoder, DictVectorizer. A node Lookup finds the number of
// a key; a Gather turns it into what is not a number.
#include "compiler/ops/ml.h"
#include "compiler/ops/ml_maps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// A list of one element type from an attribute, whichever form it has. Without data: absent.
typedef struct {
  DType type; // DT_UNDEFINED: absent
  size_t count;
  const Tensor *tensor;
  const int64_t *ints;
  const double *floats;
  const char *const *strings;
} List;

// Attributes PREFIX_int64s, PREFIX_floats, PREFIX_strings, PREFIX_tensor.
static List read_list(Arena *arena, const Node *node, const char *prefix) {
  List list = {.type = DT_UNDEFINED};
  const Attr *tensor = node_attr(node, arena_printf(arena, "%s_tensor", prefix));
  if (tensor && tensor->type == ATTR_TENSOR)
    return (List){.type = tensor->t->type, .count = (size_t)tensor_count(tensor->t), .tensor = tensor->t};
  list.ints = node_ints(node, arena_printf(arena, "%s_int64s", prefix), &list.count);
  if (list.count) return list.type = DT_I64, list;
  list.floats = ml_floats(node, arena_printf(arena, "%s_floats", prefix), &list.count);
  if (list.count) return list.type = DT_F32, list;
  list.strings = node_strings(node, arena_printf(arena, "%s_strings", prefix), &list.count);
  if (list.count) list.type = DT_STRING;
  return list;
}

/* keys */

typedef struct {
  int64_t key, value;
  size_t at; // place in the list
} Entry;

static int by_key(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

static int64_t key_at(const List *list, size_t i) { // as templates/ml_lookup.h makes keys of values
  if (list->ints) return list->ints[i];
  if (list->tensor && !dtype_is_float(list->type)) return tensor_int(list->tensor, (int64_t)i);
  double real = list->floats ? list->floats[i] : tensor_float(list->tensor, (int64_t)i);
  return real != real ? INT64_MAX : real == 0 ? 0 : (int64_t)float_bits(DT_F64, real);
}

// What look_up gives, for strings: of equal ones a node StringLookup keeps the last.
static Value *look_up_strings(Expansion *e, Value *x, const List *keys, const int64_t *values, int64_t missing,
                              bool strict, bool first) {
  const char **names = NEW_ARRAY(e->model->arena, const char *, keys->count);
  int64_t *numbers = NEW_ARRAY(e->model->arena, int64_t, keys->count);
  for (size_t i = 0; i < keys->count; i++) {
    size_t at = first ? keys->count - 1 - i : i;
    names[i] = keys->tensor ? keys->tensor->strings[at] : keys->strings[at];
    numbers[i] = values ? values[at] : (int64_t)at;
  }
  return expand_string_lookup(e, x, keys->count, names, numbers, missing, strict);
}

// Numbers of the keys that x holds, `missing` where it holds none of them. Of equal keys the last counts, in
// LabelEncoder 2 the first.
static Value *look_up(Expansion *e, Value *x, const List *keys, const int64_t *values, int64_t missing, bool strict) {
  Arena *arena = e->model->arena;
  bool first = !strcmp(e->node->type, "LabelEncoder") && e->node->op->since == 2;
  if (keys->type == DT_STRING) return look_up_strings(e, x, keys, values, missing, strict, first);
  Entry *entries = NEW_ARRAY(arena, Entry, keys->count);
  int64_t *sorted = NEW_ARRAY(arena, int64_t, keys->count), *numbers = NEW_ARRAY(arena, int64_t, keys->count),
          count = 0;
  for (size_t i = 0; i < keys->count; i++) entries[i] = (Entry){key_at(keys, i), values ? values[i] : (int64_t)i, i};
  qsort(entries, keys->count, sizeof *entries, by_key);
  for (size_t i = 0; i < keys->count; i++) {
    bool again = count && sorted[count - 1] == entries[i].key;
    if (again && first) continue;
    count -= again;
    sorted[count] = entries[i].key;
    numbers[count++] = entries[i].value;
  }
  Value *out =
      ML_MAKE(e, "Lookup", DT_I64, x, ml_constant(e, DT_I64, count, sorted), ml_constant(e, DT_I64, count, numbers));
  return with_int(with_int(out, "missing", missing), "strict", strict);
}

static bool check_keys(Expansion *e, const List *keys) {
  DType type = e->node->in[0]->type;
  if (keys->type == DT_UNDEFINED) return node_error(e->model, e->node, "there are no keys");
  if (keys->type == type) return true;
  return node_error(e->model, e->node, "keys are %s, the input is %s", dtype_name(keys->type), dtype_name(type));
}

/* values */

// The list with one more element: what a missing key gives.
static Value *make_table(Expansion *e, const List *values, const List *otherwise) {
  Arena *arena = e->model->arena;
  size_t n = values->count;
  if (values->type == DT_STRING) {
    const char **strings = NEW_ARRAY(arena, const char *, n + 1);
    const char *const *given = values->tensor ? values->tensor->strings : values->strings;
    for (size_t i = 0; i < n; i++) strings[i] = given[i];
    strings[n] = otherwise->tensor ? otherwise->tensor->strings[0] : otherwise->strings[0];
    return ml_strings(e, strings, n + 1);
  }
  size_t size = (size_t)dtype_bits(values->type) / 8;
  char *data = arena_alloc_array(arena, n + 1, size);
  for (size_t i = 0; i <= n; i++) {
    const List *list = i < n ? values : otherwise;
    size_t at = i < n ? i : 0;
    bool is_float = dtype_is_float(values->type);
    uint64_t bits = 0;
    if (list->tensor && is_float)
      bits = float_bits(values->type, tensor_float(list->tensor, (int64_t)at));
    else if (list->tensor)
      bits = (uint64_t)tensor_int(list->tensor, (int64_t)at);
    else if (is_float && list->floats)
      bits = float_bits(values->type, list->floats[at]);
    else if (list->ints)
      bits = (uint64_t)list->ints[at];
    memcpy(data + i * size, &bits, size); // little-endian
  }
  return ml_constant(e, values->type, (int64_t)n + 1, data);
}

// What a missing key gives: default_tensor, or default_int64 and its like.
static List read_default(Expansion *e, DType type) {
  Arena *arena = e->model->arena;
  const Attr *tensor = node_attr(e->node, "default_tensor");
  if (tensor && tensor->type == ATTR_TENSOR && tensor->t->type == type && tensor_count(tensor->t) == 1)
    return (List){.type = type, .count = 1, .tensor = tensor->t};
  List list = {.type = type, .count = 1};
  int64_t *whole = NEW(arena, int64_t);
  double *real = NEW(arena, double);
  const char **string = NEW(arena, const char *);
  *whole = node_int(e->node, "default_int64", -1);
  *real = node_float(e->node, "default_float", -0.0);
  *string = node_string(e->node, "default_string", "_Unused");
  list.ints = whole, list.floats = real, list.strings = string;
  return list;
}

static bool encode(Expansion *e, const List *keys, const List *values) {
  if (!check_keys(e, keys)) return false;
  if (keys->count != values->count)
    return node_error(e->model, e->node, "%zu keys for %zu values", keys->count, values->count);
  List otherwise = read_default(e, values->type);
  if (values->ints) {
    assert(otherwise.ints); // it has the type of the values
    expand_done(e, 0, look_up(e, e->node->in[0], keys, values->ints, *otherwise.ints, false));
    return true;
  }
  Value *numbers = look_up(e, e->node->in[0], keys, NULL, (int64_t)keys->count, false);
  return expand_done(e, 0, GATHER(e, make_table(e, values, &otherwise), numbers, 0));
}

/* operators */

// Strings to numbers or numbers to strings, whichever the input is not.
// CategoryMapper has both lists; LabelEncoder 1 has the strings alone: their places are the numbers.
bool expand_category_mapper(Expansion *e, Node *node) {
  bool old = !strcmp(node->type, "LabelEncoder");
  List strings = {.type = DT_STRING}, ints = {.type = DT_I64};
  strings.strings = node_strings(node, old ? "classes_strings" : "cats_strings", &strings.count);
  ints.ints = node_ints(node, "cats_int64s", &ints.count);
  if (old) {
    int64_t *places = NEW_ARRAY(e->model->arena, int64_t, strings.count);
    for (size_t i = 0; i < strings.count; i++) places[i] = (int64_t)i;
    ints.ints = places, ints.count = strings.count;
  }
  bool to_ints = node->in[0]->type == DT_STRING;
  return to_ints ? encode(e, &strings, &ints) : encode(e, &ints, &strings);
}

bool expand_label_encoder(Expansion *e, Node *node) {
  if (node->op->since == 1) return expand_category_mapper(e, node);
  List keys = read_list(e->model->arena, node, "keys"), values = read_list(e->model->arena, node, "values");
  return encode(e, &keys, &values);
}

// Floats are cut to integers first.
bool expand_one_hot_encoder(Expansion *e, Node *node) {
  Value *x = node->in[0];
  List keys = {.type = DT_I64};
  keys.ints = node_ints(node, "cats_int64s", &keys.count);
  if (x->type == DT_STRING) keys.type = DT_STRING, keys.strings = node_strings(node, "cats_strings", &keys.count);
  if (!keys.count) return node_error(e->model, node, "the categories are missing");
  bool strict = !node_int(node, "zeros", 1);
  Value *numbers = look_up(e, expand_cast(e, x, keys.type), &keys, NULL, -1, strict);
  int64_t *places = NEW_ARRAY(e->model->arena, int64_t, keys.count);
  for (size_t i = 0; i < keys.count; i++) places[i] = (int64_t)i;
  int64_t last = -1;
  numbers = MAKE(e, "Unsqueeze", numbers, value_const_ints(e->graph, "axes", &last, 1));
  Value *same = MAKE(e, "Equal", numbers, ml_constant(e, DT_I64, (int64_t)keys.count, places));
  return expand_done(e, 0, expand_cast(e, same, DT_F32));
}

// Each value of the map at the place of its key in the vocabulary; those of other keys are left out.
bool expand_dict_vectorizer(Expansion *e, Node *node) {
  Value *map = node->in[0];
  List strings = {.type = DT_STRING}, ints = {.type = DT_I64};
  strings.strings = node_strings(node, "string_vocabulary", &strings.count);
  ints.ints = node_ints(node, "int64_vocabulary", &ints.count);
  if (!check_map(e, map)) return false;
  bool of_strings = map->content->key == DT_STRING;
  const List *words = of_strings ? &strings : &ints, *others = of_strings ? &ints : &strings;
  if (!words->count || others->count)
    return node_error(e->model, node, "keys are %s: exactly '%s' must name the vocabulary",
                      dtype_name(map->content->key), of_strings ? "string_vocabulary" : "int64_vocabulary");
  int64_t count = (int64_t)words->count;
  Value *places = look_up(e, map_part(e, map, 0), words, NULL, count, false);
  return expand_done(e, 0, scatter_parts(e, places, map_part(e, map, 1), count, ""));
}
