// ImageDecoder: a step finds out the image's size, the next one fills a result of that size. Both call decoders that
// are linked into the executables of such models.
#include "compiler/ops/mapping.h"
#include "runtime/image.h"

#include <string.h>

static const char *const layouts[] = {[IMAGE_RGB] = "RGB", [IMAGE_BGR] = "BGR", [IMAGE_GRAY] = "Grayscale"};

static int find_layout(const Node *node) {
  const char *name = node_string(node, "pixel_format", "RGB");
  for (int i = 0; i < (int)COUNT(layouts); i++)
    if (!strcmp(layouts[i], name)) return i;
  return -1;
}

bool infer_image_decoder(Model *model, Node *node) {
  int layout = find_layout(node);
  if (layout < 0)
    return node_error(model, node, "attribute 'pixel_format' is '%s'; supported here: RGB, BGR, Grayscale",
                      node_string(node, "pixel_format", ""));
  Dim dims[3] = {dim_new_symbol(model->dims, "height"), dim_new_symbol(model->dims, "width"),
                 dim_const(layout == IMAGE_GRAY ? 1 : 3)};
  return need_rank(model, node, 0, 1, 1) && set_dims(model, node, 0, 3, dims);
}

bool lower_image_decoder(Lower *lower, Node *node) {
  Program *program = lower->program;
  View in = lower_dense(lower, node->in[0]);
  const Dim *dims = node->out[0]->dims;
  Dim bytes = view_count(&in), memory = frame_heap(program);
  program->has_images = true;
  Step *step = lower_step(lower, "image_size");
  ADD_DIMS(program, step, bytes, memory);
  step_view(lower, step, &in);
  step_slot(lower, step, dims[0]);
  step_slot(lower, step, dims[1]);
  View out = lower_out(lower, node->out[0]);
  step = lower_step(lower, "image_decode");
  ADD_DIMS(program, step, bytes, memory, dim_const(find_layout(node)), dims[0], dims[1]);
  step_view(lower, step, &in);
  step_view(lower, step, &out);
  return true;
}
