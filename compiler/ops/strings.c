// Strings compared, joined, looked up and cut: Equal, StringConcat, StringSplit, and the lookup that encoders of
// categories are made of.
#include "compiler/ops/strings.h"
#include "compiler/ops/elementwise.h"
#include "compiler/ops/lower.h"
#include "runtime/model.h"
#include "templates/strings.h"

#include <string.h>

/* what the families share */

const char *const *node_strings(const Node *node, const char *name, size_t *count) {
  const Attr *attr = node_attr(node, name);
  *count = attr && attr->type == ATTR_STRINGS ? attr->count : 0;
  return *count ? attr->strings : NULL;
}

void step_pool(Lower *lower, Step *step) {
  step_buffer(lower->program, step, pool_buffer(lower->program), dim_const(0));
}

void step_pool_used(Lower *lower, Step *step) {
  step_buffer(lower->program, step, frame_buffer(lower->program), dim_const(FRAME_STRINGS * 8));
}

static Tensor *new_vector(Arena *arena, DType type, int64_t count) {
  Tensor *tensor = NEW(arena, Tensor);
  int64_t *dims = NEW(arena, int64_t);
  *dims = count;
  *tensor = (Tensor){.type = type, .rank = 1, .dims = dims};
  return tensor;
}

void step_constant(Lower *lower, Step *step, DType type, int64_t count, const void *data) {
  Tensor *tensor = new_vector(lower->program->arena, type, count);
  tensor->data = data;
  step_buffer(lower->program, step, lower_pack(lower, tensor, &(Pack){0}, lower->node->out[0]->name), dim_const(0));
}

void step_text(Lower *lower, Step *step, const char *text) {
  int64_t *place = NEW_ARRAY(lower->program->arena, int64_t, 2);
  pool_add(lower->program, text, strlen(text), place);
  step_constant(lower, step, DT_I64, 2, place);
}

/* Equal */

// An input's elements one after the other, broadcast to `dims`; *by is 0 where one element serves all.
static View flat_operand(Lower *lower, size_t i, int rank, const Dim *dims, int64_t *by) {
  View view = lower_in(lower, lower->node->in[i]);
  *by = !dim_is(view_count(&view), 1);
  if (!*by) return view;
  lower_check_broadcast(lower, &view, rank, dims);
  view = view_broadcast(&view, rank, dims);
  return lower_dense_view(lower, &view, lower->node->in[i]->name);
}

// A step over pairs of strings, without its result.
static Step *pair_step(Lower *lower, const char *kernel, const View *out) {
  int64_t by[2];
  View a = flat_operand(lower, 0, out->rank, out->dims, &by[0]),
       b = flat_operand(lower, 1, out->rank, out->dims, &by[1]);
  Step *step = lower_step(lower, kernel);
  ADD_DIMS(lower->program, step, view_count(out));
  step_view(lower, step, &a);
  step_int(lower->program, step, by[0]);
  step_view(lower, step, &b);
  step_int(lower->program, step, by[1]);
  step_pool(lower, step);
  return step;
}

bool lower_equal(Lower *lower, Node *node) {
  if (node->in[0]->type != DT_STRING) return lower_elementwise(lower, node);
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Step *step = pair_step(lower, "string_equal", &out);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&out), 1024);
  return true;
}

/* StringConcat */

bool lower_string_concat(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Step *step = pair_step(lower, "string_concat", &out);
  step_pool_used(lower, step);
  step_view(lower, step, &out);
  return true;
}

/* the node Lookup */

static Value *expand_strings(Expansion *e, size_t count, const char *const *strings) {
  Tensor *tensor = new_vector(e->model->arena, DT_STRING, (int64_t)count);
  tensor->strings = strings;
  return value_const(e->graph, e->node->loc.name, tensor);
}

Value *expand_string_lookup(Expansion *e, Value *x, size_t count, const char *const *keys, const int64_t *values,
                            int64_t missing, bool strict) {
  Value *in[] = {x, expand_strings(e, count, keys), NULL};
  if (values) in[2] = value_const_ints(e->graph, e->node->loc.name, values, (int64_t)count);
  Value *out = value_new(e->graph, NULL);
  out->type = DT_I64;
  node_new(e->graph, e->node, "ingot", "StringLookup", in, values ? 3 : 2, &out, 1);
  return with_int(with_int(out, "missing", missing), "strict", strict);
}

const int64_t *make_lookup(Lower *lower, size_t count, const char *const *keys, const int64_t *numbers,
                           int64_t *entries) {
  Program *program = lower->program;
  for (*entries = 4; *entries < 2 * (int64_t)count;) *entries *= 2;
  int64_t *table = NEW_ARRAY(program->arena, int64_t, (size_t)*entries *ENTRY_WORDS);
  for (int64_t i = 0; i < *entries; i++) table[i * ENTRY_WORDS + ENTRY_SIZE] = ENTRY_FREE;
  for (size_t i = 0; i < count; i++) {
    int64_t place[2];
    size_t size = strlen(keys[i]), pool_size;
    pool_add(program, keys[i], size, place);
    int64_t *entry = (int64_t *)find_entry(table, *entries, pool_bytes(program, &pool_size), keys[i], size);
    entry[ENTRY_OFFSET] = place[0], entry[ENTRY_SIZE] = place[1];
    entry[ENTRY_HASH] = (int64_t)hash_text(keys[i], size);
    entry[ENTRY_NUMBER] = numbers ? numbers[i] : (int64_t)i;
  }
  return table;
}

void string_lookup_step(Lower *lower, const View *x, const View *out, const int64_t *table, int64_t entries,
                        int64_t missing, bool strict) {
  View in = lower_dense_view(lower, x, lower->node->in[0]->name);
  Step *step = lower_step(lower, "string_lookup");
  ADD_DIMS(lower->program, step, view_count(out), dim_const(entries), dim_const(missing), dim_const(strict));
  step_view(lower, step, &in);
  step_pool(lower, step);
  step_constant(lower, step, DT_I64, entries * ENTRY_WORDS, table);
  step_view(lower, step, out);
  step->parts = count_parts(view_count(out), 1024);
}

bool infer_string_lookup(Model *model, Node *node) {
  const Value *keys = node->in[1], *values = node_in(node, 2);
  if (!keys->data || (values && (!values->data || tensor_count(values->data) != tensor_count(keys->data))))
    return node_error(model, node, "keys and values must be constants, as many of one as of the other");
  return set_dims_like(model, node, 0, node->in[0]);
}

bool lower_string_lookup(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  View x = lower_in(lower, node->in[0]);
  const Tensor *keys = node->in[1]->data, *values = node_in(node, 2) ? node->in[2]->data : NULL;
  int64_t count = tensor_count(keys), entries, *numbers = NULL;
  if (values) numbers = NEW_ARRAY(lower->program->arena, int64_t, (size_t)count);
  for (int64_t i = 0; numbers && i < count; i++) numbers[i] = tensor_int(values, i);
  const int64_t *table = make_lookup(lower, (size_t)count, keys->strings, numbers, &entries);
  string_lookup_step(lower, &x, &out, table, entries, node_int(node, "missing", -1), node_int(node, "strict", 0));
  return true;
}

/* StringSplit */

bool infer_string_split(Model *model, Node *node) {
  const Value *x = node->in[0];
  if (x->rank >= MAX_RANK) return node_error(model, node, "'X' has too many dims");
  Dim dims[MAX_RANK];
  if (x->rank) memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
  dims[x->rank] = value_is_empty(x) ? dim_const(0) : dim_new_symbol(model->dims, "parts");
  return set_dims(model, node, 0, x->rank + 1, dims) && (!node_out(node, 1) || set_dims_like(model, node, 1, x));
}

static Step *split_step(Lower *lower, const char *kernel, const View *x, const Dim *width) {
  Node *node = lower->node;
  int64_t most = node_int(node, "maxsplit", -1);
  Step *step = lower_step(lower, kernel);
  ADD_DIMS(lower->program, step, view_count(x), dim_const(most));
  if (width) ADD_DIMS(lower->program, step, *width);
  step_view(lower, step, x);
  step_text(lower, step, node_string(node, "delimiter", ""));
  step_pool(lower, step);
  return step;
}

bool lower_string_split(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), counts;
  Dim width = node->out[0]->dims[node->out[0]->rank - 1];
  counts = node_out(node, 1) ? lower_out(lower, node->out[1]) : lower_scratch(lower, DT_I64, x.rank, x.dims);
  if (dim_is_const(width)) return lower_out(lower, node->out[0]), true; // nothing is there to be split
  Step *count = split_step(lower, "string_parts", &x, NULL);
  step_view(lower, count, &counts);
  step_slot(lower, count, width);
  View out = lower_out(lower, node->out[0]);
  Step *split = split_step(lower, "string_split", &x, &width);
  step_view(lower, split, &out);
  split->parts = count_parts(view_count(&x), 1024);
  return true;
}
