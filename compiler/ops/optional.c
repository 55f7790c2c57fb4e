// Optionals: Optional, OptionalHasElement, OptionalGetElement. An optional is a block like a sequence, of one element
// or none.
#include "compiler/ops/mapping.h"
#include "compiler/ops/sequence.h"
#include "runtime/sequence.h"

/* Optional */

bool infer_optional(Model *model, Node *node) {
  const Value *in = node_in(node, 0), *declared = node->out[0];
  Content content = {.rank = NO_TENSORS};
  Dim bytes = dim_const(sequence_head_bytes(0));
  if (!in && !declared->type) return node_error(model, node, "has neither an input nor attribute 'type'");
  if (in && in->kind > VALUE_SEQUENCE) return node_error(model, node, "an optional of this kind is not supported");
  if (in) {
    content = in->kind ? *in->content : content_of(in);
    bytes = dim_plus(element_bytes(model, in), sequence_head_bytes(1));
  }
  // Where there is no element, attribute 'type' has told the output which it would be.
  content.of = in ? in->kind : declared->kind == VALUE_SEQUENCE ? VALUE_SEQUENCE : VALUE_TENSOR;
  return set_block(model, node, 0, VALUE_OPTIONAL, in ? in->type : declared->type, &content, bytes);
}

bool lower_optional(Lower *lower, Node *node) {
  const Value *in = node_in(node, 0);
  View out = lower_out(lower, node->out[0]);
  Dim at = dim_const(sequence_head_bytes(1));
  block_begin(lower, &out, dim_const(in != NULL));
  return !in || block_put(lower, &out, 0, &at, in);
}

/* OptionalHasElement */

bool infer_optional_has(Model *model, Node *node) { return set_dims(model, node, 0, 0, NULL); }

// The lowest byte of an optional's count, as it stands in memory; all but optionals have their element.
bool lower_optional_has(Lower *lower, Node *node) {
  const Value *in = node_in(node, 0);
  if (!in || in->kind != VALUE_OPTIONAL) {
    View out = lower_out(lower, node->out[0]);
    return lower_map(lower, &out, NULL, 0, expr_int(lower->program->exprs, DT_BOOL, in != NULL));
  }
  View block = lower_dense(lower, in), out = view_dense(block.buffer, DT_BOOL, 0, NULL);
  out.offset = dim_plus(block.offset, 8);
  lower_alias(lower, node->out[0], &out);
  return true;
}

/* OptionalGetElement */

bool infer_optional_get(Model *model, Node *node) {
  const Value *in = node->in[0];
  if (in->kind == VALUE_OPTIONAL) return set_element(model, node, 0, in);
  return in->kind ? set_block_like(model, node, 0, in) : set_dims_like(model, node, 0, in);
}

bool lower_optional_get(Lower *lower, Node *node) {
  if (node->in[0]->kind == VALUE_OPTIONAL) return lower_element(lower, node, node->in[0], NULL);
  View in = lower_in(lower, node->in[0]);
  lower_alias(lower, node->out[0], &in);
  return true;
}
