// Sequences: SequenceEmpty, SequenceConstruct, SequenceInsert, SequenceErase, SequenceAt, SequenceLength.
//
// A sequence is a block of bytes (runtime/sequence.h) whose size is a symbol, so that it always lies in the heap; all
// that copies values copies bytes. Its elements and its length are views into it.
#include "compiler/ops/sequence.h"
#include "compiler/ops/mapping.h"
#include "runtime/model.h"
#include "runtime/sequence.h"

#include <string.h>

/* inference */

bool set_block(Model *model, Node *node, size_t output, ValueKind kind, DType type, const Content *content, Dim bytes) {
  Value *value = node_out(node, output);
  if (!value) return true;
  Content *copy = NEW(model->arena, Content);
  *copy = *content;
  value->kind = kind;
  value->type = type;
  value->content = copy;
  bool symbol = bytes.expr && bytes.expr->op == DIM_SYMBOL;
  Dim size = symbol ? bytes : dim_alias(model->dims, value->name, bytes);
  return set_dims(model, node, output, 1, &size);
}

bool set_block_like(Model *model, Node *node, size_t output, const Value *like) {
  return set_block(model, node, output, like->kind, like->type, like->content, like->dims[0]);
}

Content content_of(const Value *tensor) {
  Content content = {.rank = tensor->rank};
  for (int i = 0; i < tensor->rank; i++) content.dims[i] = dim_is_const(tensor->dims[i]) ? tensor->dims[i].value : -1;
  return content;
}

Content content_join(const Content *a, const Content *b) {
  if (a->rank == NO_TENSORS) return *b;
  Content content = *a;
  if (b->rank == NO_TENSORS) return content;
  if (a->rank != b->rank) content.rank = ANY_RANK;
  for (int i = 0; i < content.rank; i++)
    if (a->dims[i] != b->dims[i]) content.dims[i] = -1;
  return content;
}

bool content_equal(const Content *a, const Content *b) {
  if (a->of != b->of || a->key != b->key || a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

static Dim aligned(Dim bytes) { return dim_times(dim_div_up(bytes, SEQUENCE_ALIGNMENT), SEQUENCE_ALIGNMENT); }

static Dim data_bytes(Model *model, const Value *value) {
  Dim count = dim_const(1);
  for (int i = 0; i < value->rank; i++) count = dim_op(model->dims, DIM_MUL, count, value->dims[i]);
  return dim_define(model->dims, value->name, packed_bytes(value_storage(value), count));
}

Dim element_bytes(Model *model, const Value *value) {
  return dim_plus(aligned(data_bytes(model, value)), element_head_bytes(value->kind ? 0 : value->rank));
}

bool set_element(Model *model, Node *node, size_t output, const Value *block) {
  const Content *content = block->content;
  Value *out = node->out[output];
  Dim dims[MAX_RANK];
  if (content->of == VALUE_MAP) return node_error(model, node, "elements of a sequence of maps are not supported");
  if (content->of == VALUE_SEQUENCE) {
    Content inner = *content;
    inner.of = VALUE_TENSOR;
    return set_block(model, node, output, VALUE_SEQUENCE, block->type, &inner, dim_new_symbol(model->dims, out->name));
  }
  if (content->rank < 0)
    return node_error(model, node,
                      content->rank == NO_TENSORS ? "the sequence is always empty"
                                                  : "the rank of the sequence's elements is not known");
  for (int i = 0; i < content->rank; i++)
    dims[i] = content->dims[i] < 0 ? dim_new_symbol(model->dims, out->name) : dim_const(content->dims[i]);
  out->kind = VALUE_TENSOR;
  out->type = block->type;
  return set_dims(model, node, output, content->rank, dims);
}

static bool need_position(Model *model, Node *node, size_t input) {
  const Value *position = node_in(node, input);
  if (!position || (value_is_static(position) && value_count(position) == 1)) return true;
  return node_error(model, node, "'position' must have one element");
}

/* lowering */

void block_begin(Lower *lower, const View *block, Dim count) {
  Step *step = lower_step(lower, "sequence_head");
  ADD_DIMS(lower->program, step, block->dims[0], count);
  step_view(lower, step, block);
}

static void step_dims_of(Lower *lower, Step *step, const Value *value) {
  step_table(lower, step, value->kind ? 0 : (size_t)value->rank, value->dims);
}

static int64_t kind_of(const Value *value) { return value->kind ? -MODEL_SEQUENCE : (int64_t)value->type; }

// A tensor as it lies in a block.
static View element_view(Lower *lower, const Value *value) {
  View in = lower_dense(lower, value), packed = in;
  if (!is_packed(in.type)) return in;
  packed.buffer = buffer_new(lower->program, BUFFER_ARENA, packed_bytes(in.type, view_count(&in)), value->name);
  packed.offset = dim_const(0);
  lower_packed(lower, packed.buffer, &in, value->name);
  return packed;
}

bool block_put(Lower *lower, const View *block, int64_t index, Dim *at, const Value *value) {
  View in = element_view(lower, value);
  Step *step = lower_step(lower, "sequence_put");
  ADD_DIMS(lower->program, step, dim_const(index), *at, dim_const(kind_of(value)),
           dim_const(value->kind ? 0 : value->rank), data_bytes(lower->model, value));
  step_dims_of(lower, step, value);
  step_view(lower, step, &in);
  step_view(lower, step, block);
  *at = dim_add(*at, element_bytes(lower->model, value));
  return true;
}

void step_place_bytes(Lower *lower, Step *step, const Value *position) {
  step_int(lower->program, step, position ? dtype_unit(position->type) : 0);
}

void step_place(Lower *lower, Step *step, const Value *position, const View *otherwise) {
  View view = position ? lower_dense(lower, position) : *otherwise;
  step_view(lower, step, &view);
}

void step_wanted(Lower *lower, Step *step, const Value *out) {
  Dim wanted[MAX_RANK];
  for (int i = 0; i < out->rank; i++) wanted[i] = dim_is_const(out->dims[i]) ? out->dims[i] : dim_const(-1);
  step_table(lower, step, (size_t)out->rank, wanted);
}

void step_found(Lower *lower, Step *step, const Value *out, Dim *last) {
  Program *program = lower->program;
  Dim symbols[MAX_RANK + 1];
  for (int i = 0; i <= out->rank; i++)
    symbols[i] = i < out->rank && out->dims[i].expr ? out->dims[i] : dim_new_symbol(program->dims, "found");
  if (last) *last = symbols[out->rank];
  int slot = frame_slots(program, (size_t)out->rank + (last != NULL), symbols);
  step_buffer(program, step, frame_buffer(program), dim_const(8 * (int64_t)slot));
}

bool lower_element(Lower *lower, Node *node, const Value *block, const Value *position) {
  View in = lower_dense(lower, block);
  Value *out = node->out[0];
  Dim at;
  Step *step = lower_step(lower, "sequence_find");
  step_int(lower->program, step, kind_of(out));
  step_int(lower->program, step, out->rank);
  step_place_bytes(lower, step, position);
  step_wanted(lower, step, out);
  step_place(lower, step, position, &in);
  step_view(lower, step, &in);
  step_found(lower, step, out, &at);
  View view = view_dense(in.buffer, value_storage(out), out->rank, out->dims);
  view.offset = dim_div(dim_add(at, in.offset), dim_const(dtype_unit(view.type)));
  if (is_packed(view.type)) view = lower_unpacked(lower, &view, out->name);
  lower_alias(lower, out, &view);
  return true;
}

/* operators */

bool infer_sequence_empty(Model *model, Node *node) {
  int64_t type = node_int(node, "dtype", DT_F32);
  Content content = {.rank = NO_TENSORS};
  if (type <= DT_UNDEFINED || type >= DT_COUNT) return node_error(model, node, "'dtype' is no element type");
  return set_block(model, node, 0, VALUE_SEQUENCE, (DType)type, &content, dim_const(sequence_head_bytes(0)));
}

bool lower_sequence_empty(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  block_begin(lower, &out, dim_const(0));
  return true;
}

bool infer_sequence_construct(Model *model, Node *node) {
  Content content = {.rank = NO_TENSORS};
  Dim bytes = dim_const(sequence_head_bytes((int64_t)node->in_count));
  for (size_t i = 0; i < node->in_count; i++) {
    Content own = content_of(node->in[i]);
    content = content_join(&content, &own);
    bytes = dim_op(model->dims, DIM_ADD, bytes, element_bytes(model, node->in[i]));
  }
  return set_block(model, node, 0, VALUE_SEQUENCE, node->in[0]->type, &content, bytes);
}

bool lower_sequence_construct(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  Dim at = dim_const(sequence_head_bytes((int64_t)node->in_count));
  block_begin(lower, &out, dim_const((int64_t)node->in_count));
  for (size_t i = 0; i < node->in_count; i++) block_put(lower, &out, (int64_t)i, &at, node->in[i]);
  return true;
}

bool infer_sequence_insert(Model *model, Node *node) {
  const Value *sequence = node->in[0];
  Content own = content_of(node->in[1]), content = content_join(sequence->content, &own);
  if (!need_position(model, node, 2)) return false;
  Dim bytes = dim_plus(dim_add(sequence->dims[0], element_bytes(model, node->in[1])), SEQUENCE_ALIGNMENT);
  return set_block(model, node, 0, VALUE_SEQUENCE, sequence->type, &content, bytes);
}

// The sequence, which nobody else reads, becomes longer in its block.
static bool append_in_place(Lower *lower, Node *node, const View *room) {
  Program *program = lower->program;
  const Value *element = node->in[1];
  View block = lower_in(lower, node->in[0]), in = element_view(lower, element);
  Dim total = dim_new_symbol(program->dims, "total");
  Step *step = lower_step(lower, "sequence_append_bytes");
  ADD_DIMS(program, step, element_bytes(lower->model, element));
  step_view(lower, step, room);
  step_view(lower, step, &block);
  step_slot(lower, step, total);
  lower_reserve(lower, block.buffer, total, block.dims[0]);
  step = lower_step(lower, "sequence_append");
  ADD_DIMS(program, step, dim_const(element->type), dim_const(element->rank), data_bytes(lower->model, element), total);
  step_dims_of(lower, step, element);
  step_view(lower, step, &in);
  step_view(lower, step, room);
  step_view(lower, step, &block);
  block.dims[0] = total;
  lower_alias(lower, node->out[0], &block);
  return true;
}

bool lower_sequence_insert(Lower *lower, Node *node) {
  const Value *element = node->in[1], *position = node_in(node, 2);
  if (lower->rooms[node->in[0]->id]) return append_in_place(lower, node, lower->rooms[node->in[0]->id]);
  View sequence = lower_dense(lower, node->in[0]), in = element_view(lower, element);
  View out = lower_out(lower, node->out[0]);
  Step *step = lower_step(lower, "sequence_insert");
  ADD_DIMS(lower->program, step, dim_const(element->type), dim_const(element->rank), data_bytes(lower->model, element),
           out.dims[0]);
  step_place_bytes(lower, step, position);
  step_dims_of(lower, step, element);
  step_place(lower, step, position, &sequence);
  step_view(lower, step, &sequence);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  return true;
}

bool infer_sequence_erase(Model *model, Node *node) {
  const Value *sequence = node->in[0];
  return need_position(model, node, 1) && set_block(model, node, 0, VALUE_SEQUENCE, sequence->type, sequence->content,
                                                    dim_new_symbol(model->dims, node->out[0]->name));
}

bool lower_sequence_erase(Lower *lower, Node *node) {
  const Value *position = node_in(node, 1);
  View sequence = lower_dense(lower, node->in[0]);
  Step *step = lower_step(lower, "sequence_erase_bytes");
  step_place_bytes(lower, step, position);
  step_place(lower, step, position, &sequence);
  step_view(lower, step, &sequence);
  step_slot(lower, step, node->out[0]->dims[0]);
  View out = lower_out(lower, node->out[0]);
  step = lower_step(lower, "sequence_erase");
  step_place_bytes(lower, step, position);
  ADD_DIMS(lower->program, step, out.dims[0]);
  step_place(lower, step, position, &sequence);
  step_view(lower, step, &sequence);
  step_view(lower, step, &out);
  return true;
}

bool infer_sequence_at(Model *model, Node *node) {
  return need_position(model, node, 1) && set_element(model, node, 0, node->in[0]);
}

bool lower_sequence_at(Lower *lower, Node *node) { return lower_element(lower, node, node->in[0], node->in[1]); }

bool infer_sequence_length(Model *model, Node *node) { return set_dims(model, node, 0, 0, NULL); }

// Its second number, as it stands in memory.
bool lower_sequence_length(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]), out = view_dense(in.buffer, DT_I64, 0, NULL);
  out.offset = dim_plus(dim_div(in.offset, dim_const(8)), 1);
  lower_alias(lower, node->out[0], &out);
  return true;
}
