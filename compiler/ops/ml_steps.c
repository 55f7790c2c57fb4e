// The nodes that operators of ai.onnx.ml become: shapes, and their steps.
#include "compiler/ops/lower.h"
#include "templates/ml.h"

static Dim rows_of(const Node *node) { return node->in[0]->dims[0]; }
static int64_t length_of(const Value *vector) { return vector->dims[0].value; } // of a constant

/* shapes */

bool infer_trees(Model *model, Node *node) {
  Dim dims[2] = {rows_of(node), dim_const(node_int(node, "targets", 1))};
  return set_dims(model, node, 0, 2, dims) && set_dims(model, node, 1, 2, dims);
}

bool infer_scores(Model *model, Node *node) {
  Dim dims[2] = {rows_of(node), node->in[0]->dims[1]};
  if (node_int(node, "second", SECOND_NONE) != SECOND_NONE) dims[1] = dim_const(2);
  return set_dims(model, node, 0, 2, dims) && set_dims(model, node, 1, 1, dims);
}

bool infer_rbf_kernel(Model *model, Node *node) {
  return set_dims(model, node, 0, 2, (Dim[]){rows_of(node), dim_const(node_int(node, "count", 0))});
}

bool infer_svm_pairs(Model *model, Node *node) {
  int64_t classes = length_of(node->in[1]) - 1;
  Dim dims[2] = {rows_of(node), dim_const(classes * (classes - 1) / 2)};
  return set_dims(model, node, 0, 2, dims) && set_dims(model, node, 1, 1, dims);
}

static int64_t classes_of_pairs(int64_t pairs) {
  int64_t classes = 1;
  while (classes * (classes - 1) / 2 < pairs) classes++;
  return classes;
}

bool infer_svm_probabilities(Model *model, Node *node) {
  return set_dims(model, node, 0, 2, (Dim[]){rows_of(node), dim_const(classes_of_pairs(length_of(node->in[1])))});
}

/* steps */

// A pointer argument; an absent input's is never followed.
static void add_input(Lower *lower, Step *step, size_t i, const View *otherwise) {
  const Value *value = node_in(lower->node, i);
  View view = value ? lower_dense(lower, value) : *otherwise;
  step_view(lower, step, &view);
}

// A result that may be absent: then the pointer goes to one that is there and is not written for it.
static View add_output(Lower *lower, size_t i, const View *otherwise) {
  Value *value = node_out(lower->node, i);
  return value ? lower_out(lower, value) : *otherwise;
}

static void add_int(Lower *lower, Step *step, const char *attribute) {
  step_int(lower->program, step, node_int(lower->node, attribute, 0));
}

bool lower_trees(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]), seen = add_output(lower, 1, &out);
  int64_t trees = node_int(node, "trees", 0);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "ml_trees");
  step_int(program, step, x.type == DT_F64);
  add_int(lower, step, "test");
  step_dims(program, step, 1, &x.dims[0]);
  step_int(program, step, trees);
  add_int(lower, step, "targets");
  add_int(lower, step, "aggregate");
  step_view(lower, step, &x);
  step_dims(program, step, 1, &x.dims[1]);
  for (size_t i = 1; i <= 6; i++) add_input(lower, step, i, &x); // nodes, roots, depths, starts, ids, weights
  step_int(program, step, node_in(node, 7) != NULL);
  add_input(lower, step, 7, &x);
  step_view(lower, step, &out);
  step_int(program, step, node_out(node, 1) != NULL);
  step_view(lower, step, &seen);
  step->parts = count_parts(dim_mul(x.dims[0], dim_const(trees)), 512);
  return true;
}

bool lower_scores(Lower *lower, Node *node) {
  View raw = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]), labels = add_output(lower, 1, &out);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "ml_scores");
  step_dims(program, step, 2, raw.dims);
  add_int(lower, step, "transform");
  add_int(lower, step, "second");
  step_int(program, step, node_out(node, 1) ? node_int(node, "label", LABEL_NONE) : LABEL_NONE);
  step_float(program, step, node_float(node, "limit", 0));
  add_int(lower, step, "pick");
  step_view(lower, step, &raw);
  step_dims(program, step, 1, &raw.dims[1]);
  for (size_t i = 1; i <= 2; i++) { // base, seen
    step_int(program, step, node_in(node, i) != NULL);
    add_input(lower, step, i, &raw);
  }
  step_view(lower, step, &out);
  step_view(lower, step, &labels);
  step->parts = count_parts(view_count(&raw), 1024);
  return true;
}

bool lower_rbf_kernel(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Step *step = lower_step(lower, "ml_rbf");
  step_dims(lower->program, step, 2, x.dims);
  add_int(lower, step, "count");
  step_float(lower->program, step, node_float(node, "gamma", 0));
  step_view(lower, step, &x);
  step_dims(lower->program, step, 1, &x.dims[1]);
  add_input(lower, step, 1, &x);
  step_view(lower, step, &out);
  step->parts = count_parts(dim_mul(view_count(&out), x.dims[1]), 4096);
  return true;
}

bool lower_svm_pairs(Lower *lower, Node *node) {
  View kernels = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  View labels = lower_out(lower, node->out[1]);
  if (view_is_empty(&out)) return true;
  Step *step = lower_step(lower, "ml_svm_pairs");
  step_dims(lower->program, step, 1, kernels.dims);
  step_int(lower->program, step, length_of(node->in[1]) - 1);
  step_dims(lower->program, step, 1, &kernels.dims[1]);
  step_view(lower, step, &kernels);
  for (size_t i = 1; i <= 3; i++) add_input(lower, step, i, &kernels); // starts, coefficients, rho
  step_view(lower, step, &out);
  step_view(lower, step, &labels);
  step->parts = count_parts(dim_mul(view_count(&kernels), out.dims[1]), 4096);
  return true;
}

bool lower_svm_probabilities(Lower *lower, Node *node) {
  enum { PARTS = 16 };
  View pairs = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  int64_t classes = out.dims[1].value;
  Step *step = lower_step(lower, "ml_svm_probabilities");
  step->parts = count_parts(out.dims[0], 16);
  if (step->parts > PARTS) step->parts = PARTS;
  Dim scratch = dim_const(step->parts * (2 * classes * classes + classes));
  View memory = lower_scratch(lower, DT_F32, 1, &scratch);
  step_dims(lower->program, step, 2, out.dims);
  step_view(lower, step, &pairs);
  for (size_t i = 1; i <= 2; i++) add_input(lower, step, i, &pairs); // a, b
  step_view(lower, step, &memory);
  step_view(lower, step, &out);
  return true;
}

bool lower_lookup(Lower *lower, Node *node) {
  static const struct {
    DType type;
    int key;
  } kinds[] = {{DT_I64, KEY_I64}, {DT_I32, KEY_I32}, {DT_I16, KEY_I16}, {DT_F32, KEY_F32}, {DT_F64, KEY_F64}};
  View x = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  if (view_is_empty(&x)) return true;
  Dim count = view_count(&x);
  Step *step = lower_step(lower, "ml_lookup");
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (kinds[i].type == x.type) step_int(lower->program, step, kinds[i].key);
  step_dims(lower->program, step, 1, &count);
  step_int(lower->program, step, length_of(node->in[1]));
  add_int(lower, step, "missing");
  add_int(lower, step, "strict");
  step_view(lower, step, &x);
  for (size_t i = 1; i <= 2; i++) add_input(lower, step, i, &x); // keys, values
  step_view(lower, step, &out);
  step->parts = count_parts(count, 512);
  return true;
}
