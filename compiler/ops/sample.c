// Sampling images at computed places: GridSample, RoiAlign, MaxRoiPool.
#include "compiler/ops/expand.h"
#include "compiler/ops/mapping.h"
#include "templates/kinds.h"
#include "templates/status.h"

#include <string.h>

/* GridSample */

typedef struct {
  const char *name;
  int kind;
} Choice;

static bool choose(Model *model, Node *node, const char *attribute, size_t count, const Choice *choices, int *kind) {
  const char *name = node_string(node, attribute, choices[0].name);
  for (size_t i = 0; i < count; i++)
    if (!strcmp(choices[i].name, name)) return *kind = choices[i].kind, true;
  return node_error(model, node, "'%s' is '%s', which is not known", attribute, name);
}

// Opset 20 renamed two of the modes.
static bool read_modes(Model *model, Node *node, int *mode, int *padding) {
  static const Choice modes[] = {{"linear", SAMPLE_LINEAR},
                                 {"bilinear", SAMPLE_LINEAR},
                                 {"nearest", SAMPLE_NEAREST},
                                 {"cubic", SAMPLE_CUBIC},
                                 {"bicubic", SAMPLE_CUBIC}};
  static const Choice paddings[] = {
      {"zeros", SAMPLE_ZEROS}, {"border", SAMPLE_BORDER}, {"reflection", SAMPLE_REFLECTION}};
  return choose(model, node, "mode", COUNT(modes), modes, mode) &&
         choose(model, node, "padding_mode", COUNT(paddings), paddings, padding);
}

// Both inputs as floats of one type.
bool expand_grid_sample(Expansion *e, Node *node) {
  Value *x = node->in[0], *grid = node->in[1];
  if (dtype_is_float(x->type) && x->type == grid->type) return true;
  DType type = x->type == DT_F32 ? DT_F32 : DT_F64;
  Value *y = MAKE(e, "GridSample", expand_cast(e, x, type), expand_cast(e, grid, type));
  with_same(e, y, "mode"), with_same(e, y, "padding_mode"), with_same(e, y, "align_corners");
  y->type = type;
  return expand_done(e, 0, expand_cast(e, y, x->type));
}

bool infer_grid_sample(Model *model, Node *node) {
  const Value *x = node->in[0], *grid = node->in[1];
  int mode, padding;
  Dim dims[MAX_RANK];
  if (!read_modes(model, node, &mode, &padding) || !need_rank(model, node, 0, 3, 5)) return false;
  if (!need_rank(model, node, 1, x->rank, x->rank)) return false;
  Dim last = grid->dims[grid->rank - 1];
  if (dim_is_const(last) && last.value != x->rank - 2)
    return node_error(model, node, "'grid' has %lld coordinates for %d axes", (long long)last.value, x->rank - 2);
  dims[0] = x->dims[0], dims[1] = x->dims[1];
  for (int i = 2; i < x->rank; i++) dims[i] = grid->dims[i - 1];
  return set_dims(model, node, 0, x->rank, dims);
}

bool lower_grid_sample(Lower *lower, Node *node) {
  int mode, padding;
  if (!read_modes(lower->model, node, &mode, &padding)) return false;
  View x = lower_dense(lower, node->in[0]), grid = lower_dense(lower, node->in[1]);
  View out = lower_out(lower, node->out[0]);
  int rank = x.rank - 2;
  lower_check_equal(lower, x.dims[0], grid.dims[0]);
  lower_check_equal(lower, grid.dims[rank + 1], dim_const(rank));
  if (view_is_empty(&out)) return true;
  Dim size[3] = {dim_const(1), dim_const(1), dim_const(1)};
  for (int i = 0; i < rank; i++) {
    size[3 - rank + i] = x.dims[2 + i];
    lower_check(lower, dim_plus(x.dims[2 + i], -1), STATUS_SHAPE);
  }
  Program *program = lower->program;
  Step *step = lower_step(lower, "grid_sample");
  step_int(program, step, dtype_unit(x.type));
  step_int(program, step, rank);
  ADD_DIMS(program, step, x.dims[0], x.dims[1]);
  step_dims(program, step, 3, size);
  ADD_DIMS(program, step, dims_product(out.dims, 2, out.rank));
  step_int(program, step, mode);
  step_int(program, step, padding);
  step_int(program, step, node_int(node, "align_corners", 0) != 0);
  step_view(lower, step, &x);
  step_view(lower, step, &grid);
  step_view(lower, step, &out);
  step->parts = count_parts(view_count(&out), 512);
  return true;
}

/* RoiAlign, MaxRoiPool */

static bool infer_regions(Model *model, Node *node, int64_t columns, const int64_t size[2]) {
  const Value *x = node->in[0], *rois = node->in[1];
  if (!need_rank(model, node, 0, 4, 4) || !need_rank(model, node, 1, 2, 2)) return false;
  if (dim_is_const(rois->dims[1]) && rois->dims[1].value != columns)
    return node_error(model, node, "'rois' has %lld columns, %lld are needed", (long long)rois->dims[1].value,
                      (long long)columns);
  if (size[0] < 1 || size[1] < 1 || size[0] > INT16_MAX || size[1] > INT16_MAX)
    return node_error(model, node, "the output's size is out of range");
  return set_dims(model, node, 0, 4, (Dim[]){rois->dims[0], x->dims[1], dim_const(size[0]), dim_const(size[1])});
}

bool infer_roi_align(Model *model, Node *node) {
  static const Choice modes[] = {{"avg", 0}, {"max", 1}}, places[] = {{"half_pixel", 0}, {"output_half_pixel", 1}};
  int64_t size[2] = {node_int(node, "output_height", 1), node_int(node, "output_width", 1)};
  int64_t sampling = node_int(node, "sampling_ratio", 0);
  int kind;
  if (!choose(model, node, "mode", 2, modes, &kind)) return false;
  if (!choose(model, node, "coordinate_transformation_mode", 2, places, &kind)) return false;
  if (sampling < 0 || sampling > INT16_MAX) return node_error(model, node, "'sampling_ratio' is out of range");
  return need_rank(model, node, 2, 1, 1) && infer_regions(model, node, 4, size);
}

// The step's sizes.
static Step *start_regions(Lower *lower, const char *kernel, int64_t columns, const View *x, const View *rois,
                           const View *out) {
  lower_check_equal(lower, rois->dims[1], dim_const(columns));
  for (int i = 2; i < 4; i++) lower_check(lower, dim_plus(x->dims[i], -1), STATUS_SHAPE);
  Program *program = lower->program;
  Step *step = lower_step(lower, kernel);
  step_int(program, step, dtype_unit(x->type));
  step_dims(program, step, 4, x->dims);
  ADD_DIMS(program, step, rois->dims[0], out->dims[2], out->dims[3]);
  step->parts = count_parts(view_count(out), 512);
  return step;
}

// Before opset 16 regions are not moved by half an element.
bool lower_roi_align(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), rois = lower_dense(lower, node->in[1]);
  View batch = lower_dense(lower, node->in[2]), out = lower_out(lower, node->out[0]);
  const char *place = node->op->since < 16 ? "output_half_pixel" : "half_pixel";
  bool moved = !strcmp(node_string(node, "coordinate_transformation_mode", place), "half_pixel");
  lower_check_equal(lower, batch.dims[0], rois.dims[0]);
  if (view_is_empty(&out)) return true;
  Program *program = lower->program;
  Step *step = start_regions(lower, "roi_align", 4, &x, &rois, &out);
  step_int(program, step, node_int(node, "sampling_ratio", 0));
  step_int(program, step, !strcmp(node_string(node, "mode", "avg"), "max"));
  step_float(program, step, node_float(node, "spatial_scale", 1));
  step_float(program, step, moved ? 0.5 : 0);
  step_view(lower, step, &x);
  step_view(lower, step, &rois);
  step_view(lower, step, &batch);
  step_view(lower, step, &out);
  return true;
}

bool infer_max_roi_pool(Model *model, Node *node) {
  size_t count;
  const int64_t *size = node_ints(node, "pooled_shape", &count);
  if (!size || count != 2) return node_error(model, node, "'pooled_shape' must have two numbers");
  return infer_regions(model, node, 5, size);
}

bool lower_max_roi_pool(Lower *lower, Node *node) {
  View x = lower_dense(lower, node->in[0]), rois = lower_dense(lower, node->in[1]);
  View out = lower_out(lower, node->out[0]);
  if (view_is_empty(&out)) return true;
  Step *step = start_regions(lower, "max_roi_pool", 5, &x, &rois, &out);
  step_float(lower->program, step, node_float(node, "spatial_scale", 1));
  step_view(lower, step, &x);
  step_view(lower, step, &rois);
  step_view(lower, step, &out);
  return true;
}
