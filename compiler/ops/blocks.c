// Det and Col2Im.
#include "compiler/ops/mapping.h"
#include "templates/status.h"

/* Det */

bool infer_det(Model *model, Node *node) {
  const Value *in = node->in[0];
  if (!need_rank(model, node, 0, 2, MAX_RANK)) return false;
  Dim rows = in->dims[in->rank - 2], columns = in->dims[in->rank - 1];
  if (dim_is_const(rows) && dim_is_const(columns) && rows.value != columns.value)
    return node_error(model, node, "the matrices are not square");
  return set_dims(model, node, 0, in->rank - 2, in->dims);
}

bool lower_det(Lower *lower, Node *node) {
  View in = lower_dense(lower, node->in[0]), out = lower_out(lower, node->out[0]);
  Dim n = in.dims[in.rank - 1];
  lower_check_equal(lower, in.dims[in.rank - 2], n);
  if (view_is_empty(&out)) return true;
  View work = lower_scratch(lower, DT_F64, 2, (Dim[]){n, n});
  Program *program = lower->program;
  Step *step = lower_step(lower, "determinant");
  step_int(program, step, dtype_unit(in.type));
  ADD_DIMS(program, step, view_count(&out), n);
  step_view(lower, step, &in);
  step_view(lower, step, &work);
  step_view(lower, step, &out);
  return true;
}

/* Col2Im */

enum { MAX_SPATIAL = 8 };

// As templates/blocks.h takes them.
typedef struct {
  Dim image[MAX_SPATIAL], kernel[MAX_SPATIAL], blocks[MAX_SPATIAL], strides[MAX_SPATIAL], dilations[MAX_SPATIAL],
      pads[MAX_SPATIAL];
  int rank;
} Sizes;

static bool read_attribute(Model *model, Node *node, const char *name, int64_t count, int64_t otherwise, Dim *out) {
  size_t given = 0;
  const int64_t *ints = node_ints(node, name, &given);
  if (ints && (int64_t)given != count)
    return node_error(model, node, "'%s' has %zu numbers, %lld are needed", name, given, (long long)count);
  for (int64_t i = 0; i < count; i++) {
    out[i] = dim_const(ints ? ints[i] : otherwise);
    if (out[i].value < otherwise || out[i].value > INT32_MAX)
      return node_error(model, node, "'%s' is out of range", name);
  }
  return true;
}

static bool read_sizes(Model *model, Node *node, Sizes *s) {
  int64_t rank, kernel_rank;
  Dim pads[2 * MAX_SPATIAL];
  const Dim *image = need_elems(model, node, 1, &rank),
            *kernel = image ? need_elems(model, node, 2, &kernel_rank) : NULL;
  if (!kernel) return false;
  if (rank < 1 || rank > MAX_SPATIAL || rank != kernel_rank)
    return node_error(model, node, "'image_shape' and 'block_shape' must have the same length, 1 to %d", MAX_SPATIAL);
  if (!read_attribute(model, node, "strides", rank, 1, s->strides)) return false;
  if (!read_attribute(model, node, "dilations", rank, 1, s->dilations)) return false;
  if (!read_attribute(model, node, "pads", 2 * rank, 0, pads)) return false;
  s->rank = (int)rank;
  for (int i = 0; i < rank; i++) {
    s->image[i] = image[i], s->kernel[i] = kernel[i], s->pads[i] = pads[i];
    if ((dim_is_const(image[i]) && image[i].value < 0) || (dim_is_const(kernel[i]) && kernel[i].value < 1))
      return node_error(model, node, "'image_shape' or 'block_shape' is out of range");
    Dim reach = dim_op(model->dims, DIM_MUL, dim_plus(kernel[i], -1), s->dilations[i]);
    Dim room = dim_op(model->dims, DIM_ADD, image[i], dim_add(pads[i], pads[rank + i]));
    s->blocks[i] = dim_plus(dim_div(dim_plus(dim_sub(room, reach), -1), s->strides[i]), 1);
  }
  return true;
}

bool infer_col2im(Model *model, Node *node) {
  Sizes s;
  const Value *in = node->in[0];
  Dim dims[2 + MAX_SPATIAL];
  if (!need_rank(model, node, 0, 3, 3) || !read_sizes(model, node, &s)) return false;
  dims[0] = in->dims[0];
  dims[1] = dim_div(in->dims[1], dims_product(s.kernel, 0, s.rank));
  for (int i = 0; i < s.rank; i++) dims[2 + i] = s.image[i];
  return set_dims(model, node, 0, 2 + s.rank, dims);
}

bool lower_col2im(Lower *lower, Node *node) {
  Sizes s;
  if (!read_sizes(lower->model, node, &s)) return false;
  const Dim *lists[] = {s.image, s.kernel, s.blocks, s.strides, s.dilations, s.pads};
  Dim all[COUNT(lists) * MAX_SPATIAL];
  size_t count = 0;
  for (size_t k = 0; k < COUNT(lists); k++)
    for (int i = 0; i < s.rank; i++) all[count++] = lists[k][i];
  View in = lower_dense(lower, node->in[0]);
  for (int i = 0; i < s.rank; i++) {
    lower_check(lower, dim_plus(s.kernel[i], -1), STATUS_SHAPE);
    lower_check(lower, s.blocks[i], STATUS_SHAPE);
  }
  View out = lower_out(lower, node->out[0]), sizes = lower_ints(lower, count, all);
  lower_check_equal(lower, dim_mul(out.dims[1], dims_product(s.kernel, 0, s.rank)), in.dims[1]);
  lower_check_equal(lower, dims_product(s.blocks, 0, s.rank), in.dims[2]);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = lower_step(lower, "col2im");
  step_int(program, step, in.type);
  step_int(program, step, dtype_unit(in.type));
  ADD_DIMS(program, step, dim_mul(out.dims[0], out.dims[1]));
  step_int(program, step, s.rank);
  step_view(lower, step, &sizes);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&out), 4096);
  return true;
}
