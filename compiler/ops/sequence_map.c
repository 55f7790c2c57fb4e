// Maps of ai.onnx.ml: ZipMap.
#include "compiler/ops/mapping.h"
#include "compiler/ops/sequence.h"
#include "runtime/model.h"
#include "runtime/sequence.h"

// The keys as a tensor; NULL after an error.
static const Tensor *read_keys(Model *model, Node *node) {
  const Attr *strings = node_attr(node, "classlabels_strings"), *ints = node_attr(node, "classlabels_int64s");
  bool has_strings = strings && strings->count, has_ints = ints && ints->count;
  if (has_strings == has_ints) {
    node_report(model, node, "exactly one of 'classlabels_strings' and 'classlabels_int64s' must name the keys");
    return NULL;
  }
  Tensor *keys = NEW(model->arena, Tensor);
  int64_t *count = NEW(model->arena, int64_t);
  *count = (int64_t)(has_strings ? strings : ints)->count;
  *keys = (Tensor){.type = has_strings ? DT_STRING : DT_I64, .rank = 1, .dims = count};
  if (has_strings)
    keys->strings = strings->strings;
  else
    keys->data = ints->ints;
  return keys;
}

static Dim row_count(const Value *in) { return in->rank == 2 ? in->dims[0] : dim_const(1); }

static int64_t span_of(DType type, int64_t count) {
  return element_head_bytes(1) + align_sequence(count * dtype_unit(type));
}

bool infer_zip_map(Model *model, Node *node) {
  const Value *in = node->in[0];
  const Tensor *keys = read_keys(model, node);
  if (!keys || !need_rank(model, node, 0, 1, 2)) return false;
  int64_t count = tensor_count(keys);
  Dim columns = in->dims[in->rank - 1];
  if (dim_is_const(columns) && columns.value != count)
    return node_error(model, node, "there are %lld keys for %lld columns", (long long)count, (long long)columns.value);
  Content content = {.of = VALUE_MAP, .key = keys->type, .rank = 1, .dims = {count}};
  int64_t each = element_head_bytes(0) + sequence_head_bytes(2) + span_of(keys->type, count) + span_of(in->type, count);
  Dim head = dim_times(dim_div_up(dim_plus(dim_times(row_count(in), 8), 16), SEQUENCE_ALIGNMENT), SEQUENCE_ALIGNMENT);
  return set_block(model, node, 0, VALUE_SEQUENCE, in->type, &content, dim_add(head, dim_times(row_count(in), each)));
}

bool lower_zip_map(Lower *lower, Node *node) {
  Program *program = lower->program;
  View in = lower_dense(lower, node->in[0]);
  const Tensor *keys = read_keys(lower->model, node);
  int64_t count = tensor_count(keys);
  lower_check_equal(lower, in.dims[in.rank - 1], dim_const(count));
  View out = lower_out(lower, node->out[0]);
  Buffer *labels = buffer_new(program, BUFFER_WEIGHT, dim_bytes(keys->type, dim_const(count)), "keys");
  labels->tensor = keys->type == DT_STRING ? pool_tensor(program, keys) : keys;
  Step *step = lower_step(lower, "zip_map");
  ADD_DIMS(program, step, dim_const(-MODEL_MAP), row_count(node->in[0]), dim_const(count), dim_const(keys->type),
           dim_const(dtype_unit(keys->type)), dim_const(in.type), dim_const(dtype_unit(in.type)), out.dims[0]);
  step_buffer(program, step, labels, dim_const(0));
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  return true;
}
