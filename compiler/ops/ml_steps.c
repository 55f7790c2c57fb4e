// The nodes that operators of ai.onnx.ml become: shapes, and their steps.
#include "compiler/ops/lower.h"
#include "templates/ml.h"

static Dim rows_of(const Node *node) { return node->in[0]->dims[0]; }

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
  int64_t classes = value_dim(node->in[1], 0) - 1;
  Dim dims[2] = {rows_of(node), dim_const(classes * (classes - 1) / 2)};
  return set_dims(model, node, 0, 2, dims) && set_dims(model, node, 1, 1, dims);
}

static int64_t classes_of_pairs(int64_t pairs) {
  int64_t classes = 1;
  while (classes * (classes - 1) / 2 < pairs) classes++;
  return classes;
}

bool infer_svm_probabilities(Model *model, Node *node) {
  return set_dims(model, node, 0, 2, (Dim[]){rows_of(node), dim_const(classes_of_pairs(value_dim(node->in[1], 0)))});
}

/* steps */

static void add_int(Lower *lower, Step *step, int64_t value) { step_int(lower->program, step, value); }

// A pointer argument; an absent input's is never followed.
static void add_input(Lower *lower, Step *step, size_t i, const View *otherwise) {
  const Value *value = node_in(lower->node, i);
  View view = value ? lower_dense(lower, value) : *otherwise;
  step_view(lower, step, &view);
}

// A result that may be absent: then the pointer goes to what is not written.
static View add_output(Lower *lower, size_t i, const View *otherwise) {
  Value *value = node_out(lower->node, i);
  return value ? lower_out(lower, value) : *otherwise;
}

bool lower_trees(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]), seen = add_output(lower, 1, &out);
  int64_t trees = node_int(node, "trees", 0), targets = node_int(node, "targets", 1), rows = x.dims[0];
  if (rows == 0) return true;
  Step *step = lower_step(lower, "ml_trees");
  add_int(lower, step, x.type == DT_F64);
  add_int(lower, step, node_int(node, "test", TREE_ANY));
  add_int(lower, step, rows);
  add_int(lower, step, trees);
  add_int(lower, step, targets);
  add_int(lower, step, node_int(node, "aggregate", TREE_SUM));
  step_view(lower, step, &x);
  add_int(lower, step, x.dims[1]);
  for (size_t i = 1; i <= 6; i++) add_input(lower, step, i, &x); // nodes, roots, depths, starts, ids, weights
  add_int(lower, step, node_in(node, 7) != NULL);
  add_input(lower, step, 7, &x);
  step_view(lower, step, &out);
  add_int(lower, step, node_out(node, 1) != NULL);
  step_view(lower, step, &seen);
  step->parts = rows * trees / 512 + 1;
  return true;
}

bool lower_scores(Lower *lower, Node *node) {
  View raw = lower_rows(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  View labels = add_output(lower, 1, &out);
  int64_t rows = raw.dims[0];
  if (rows == 0) return true;
  Step *step = lower_step(lower, "ml_scores");
  add_int(lower, step, rows);
  add_int(lower, step, raw.dims[1]);
  add_int(lower, step, node_int(node, "transform", SCORES_NONE));
  add_int(lower, step, node_int(node, "second", SECOND_NONE));
  add_int(lower, step, node_out(node, 1) ? node_int(node, "label", LABEL_NONE) : LABEL_NONE);
  step_float(lower->program, step, node_float(node, "limit", 0));
  add_int(lower, step, node_int(node, "pick", 0));
  step_view(lower, step, &raw);
  add_int(lower, step, raw.strides[0]);
  for (size_t i = 1; i <= 2; i++) { // base, seen
    add_int(lower, step, node_in(node, i) != NULL);
    add_input(lower, step, i, &raw);
  }
  step_view(lower, step, &out);
  step_view(lower, step, &labels);
  step->parts = rows * raw.dims[1] / 1024 + 1;
  return true;
}

bool lower_rbf_kernel(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  int64_t rows = x.dims[0], count = node_int(node, "count", 0);
  if (rows == 0 || count == 0) return true;
  Step *step = lower_step(lower, "ml_rbf");
  add_int(lower, step, rows);
  add_int(lower, step, x.dims[1]);
  add_int(lower, step, count);
  step_float(lower->program, step, node_float(node, "gamma", 0));
  step_view(lower, step, &x);
  add_int(lower, step, x.dims[1]);
  add_input(lower, step, 1, &x);
  step_view(lower, step, &out);
  step->parts = rows;
  return true;
}

bool lower_svm_pairs(Lower *lower, Node *node) {
  View kernels = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  View labels = lower_out(lower, node->out[1]);
  int64_t rows = kernels.dims[0];
  if (rows == 0) return true;
  Step *step = lower_step(lower, "ml_svm_pairs");
  add_int(lower, step, rows);
  add_int(lower, step, value_dim(node->in[1], 0) - 1);
  add_int(lower, step, kernels.dims[1]);
  step_view(lower, step, &kernels);
  for (size_t i = 1; i <= 3; i++) add_input(lower, step, i, &kernels); // starts, coefficients, rho
  step_view(lower, step, &out);
  step_view(lower, step, &labels);
  step->parts = rows;
  return true;
}

bool lower_svm_probabilities(Lower *lower, Node *node) {
  View pairs = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  int64_t rows = out.dims[0], classes = out.dims[1];
  if (rows == 0) return true;
  Step *step = lower_step(lower, "ml_svm_probabilities");
  step->parts = rows < 64 ? rows : 64;
  int64_t scratch = step->parts * (2 * classes * classes + classes);
  View memory = lower_scratch(lower, DT_F32, 1, &scratch);
  add_int(lower, step, rows);
  add_int(lower, step, classes);
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
  int64_t count = view_count(&x);
  if (count == 0) return true;
  Step *step = lower_step(lower, "ml_lookup");
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (kinds[i].type == x.type) add_int(lower, step, kinds[i].key);
  add_int(lower, step, count);
  add_int(lower, step, value_dim(node->in[1], 0));
  add_int(lower, step, node_int(node, "missing", -1));
  add_int(lower, step, node_int(node, "strict", 0));
  step_view(lower, step, &x);
  for (size_t i = 1; i <= 2; i++) add_input(lower, step, i, &x); // keys, values
  step_view(lower, step, &out);
  step->parts = count / 512 + 1;
  return true;
}
