// Tensors cut into sequences and joined from them: SplitToSequence, ConcatFromSequence.
#include "compiler/ops/mapping.h"
#include "compiler/ops/sequence.h"
#include "runtime/sequence.h"
#include "templates/status.h"

/* SplitToSequence */

typedef struct {
  int axis;
  bool keep; // the axis stays in the pieces
  bool list; // 'split' names the size of each piece
  Dim count, each;
} Cut;

static bool read_cut(Model *model, Node *node, Cut *cut) {
  const Value *in = node->in[0], *split = node_in(node, 1);
  int64_t count;
  if (!need_axis(model, node, node_int(node, "axis", 0), in->rank, &cut->axis)) return false;
  cut->keep = split || node_int(node, "keepdims", 1) != 0;
  cut->list = split && split->rank == 1;
  cut->each = dim_const(1);
  if (split && split->rank > 1) return node_error(model, node, "'split' has rank %d; 0 or 1 is needed", split->rank);
  if (cut->list) {
    cut->count = split->dims[0];
    return true;
  }
  if (split) {
    const Dim *elems = need_elems(model, node, 1, &count);
    if (!elems) return false;
    cut->each = elems[0];
    if (dim_is_const(cut->each) && cut->each.value < 1)
      return node_error(model, node, "'split' is %lld; it must be positive", (long long)cut->each.value);
  }
  Dim n = in->dims[cut->axis], each = dim_max(cut->each, dim_const(1));
  cut->count = dim_div(dim_plus(dim_add(n, each), -1), each);
  return true;
}

bool infer_split_sequence(Model *model, Node *node) {
  const Value *in = node->in[0];
  Cut cut;
  if (!read_cut(model, node, &cut)) return false;
  Content content = content_of(in);
  bool even = dim_is_const(cut.each) && content.dims[cut.axis] >= 0 && content.dims[cut.axis] % cut.each.value == 0;
  content.dims[cut.axis] = even && !cut.list ? cut.each.value : -1;
  if (!cut.keep) {
    content.rank--;
    for (int i = cut.axis; i < content.rank; i++) content.dims[i] = content.dims[i + 1];
  }
  // Each piece begins at a multiple of 16: that much more than its own size is enough for it.
  Dim pieces = dim_times(cut.count, 8 + element_head_bytes(content.rank) + SEQUENCE_ALIGNMENT);
  Dim bytes = dim_plus(dim_add(pieces, dim_bytes(in->type, dims_product(in->dims, 0, in->rank))), 64);
  bytes = dim_times(dim_div(bytes, dim_const(SEQUENCE_ALIGNMENT)), SEQUENCE_ALIGNMENT);
  return set_block(model, node, 0, VALUE_SEQUENCE, in->type, &content, bytes);
}

bool lower_split_sequence(Lower *lower, Node *node) {
  Program *program = lower->program;
  const Value *split = node_in(node, 1);
  Cut cut;
  Dim groups[3];
  if (!read_cut(lower->model, node, &cut)) return false;
  View in = lower_dense(lower, node->in[0]);
  group_axis(in.dims, in.rank, cut.axis, groups);
  lower_check(lower, dim_plus(cut.each, -1), STATUS_SHAPE);
  View out = lower_out(lower, node->out[0]);
  Step *step = lower_step(lower, "sequence_split");
  ADD_DIMS(program, step, dim_const(in.type), dim_const(dtype_unit(in.type)), out.dims[0], cut.count, cut.each,
           groups[0], groups[1], groups[2], dim_const(in.rank), dim_const(cut.axis), dim_const(cut.keep));
  step_place_bytes(lower, step, cut.list ? split : NULL);
  step_table(lower, step, (size_t)in.rank, in.dims);
  step_place(lower, step, cut.list ? split : NULL, &in);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  return true;
}

/* ConcatFromSequence */

static bool is_stacked(const Node *node) { return node_int(node, "new_axis", 0) != 0; }

bool infer_concat_sequence(Model *model, Node *node) {
  const Content *content = node->in[0]->content;
  Value *out = node->out[0];
  Dim dims[MAX_RANK + 1];
  bool fresh = is_stacked(node);
  int axis, rank = content->rank + fresh;
  if (content->rank < 0 || content->of != VALUE_TENSOR)
    return node_error(model, node, "the rank of the sequence's elements is not known");
  if (!node_attr(node, "axis")) return node_error(model, node, "attribute 'axis' is missing");
  if (!need_axis(model, node, node_int(node, "axis", 0), rank, &axis)) return false;
  for (int i = 0, from = 0; i < rank; i++) {
    int64_t dim = i == axis && fresh ? -1 : content->dims[from++];
    dims[i] = dim < 0 || i == axis ? dim_new_symbol(model->dims, out->name) : dim_const(dim);
  }
  return set_dims(model, node, 0, rank, dims);
}

bool lower_concat_sequence(Lower *lower, Node *node) {
  Program *program = lower->program;
  Value *out = node->out[0];
  View in = lower_dense(lower, node->in[0]);
  int axis = node_axis(node, "axis", 0, out->rank);
  Step *step = lower_step(lower, "sequence_joined");
  ADD_DIMS(program, step, dim_const(out->type), dim_const(out->rank), dim_const(axis), dim_const(is_stacked(node)));
  step_wanted(lower, step, out);
  step_view(lower, step, &in);
  step_found(lower, step, out, NULL);
  View to = lower_out(lower, out);
  Dim groups[3];
  group_axis(to.dims, to.rank, axis, groups);
  step = lower_step(lower, "sequence_join");
  ADD_DIMS(program, step, dim_const(dtype_unit(to.type)), groups[0], groups[1], groups[2], dim_const(axis),
           dim_const(is_stacked(node)));
  step_view(lower, step, &in);
  step_view(lower, step, &to);
  return true;
}
