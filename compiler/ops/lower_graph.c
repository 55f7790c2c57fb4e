// Lowering of a whole graph: its inputs, its nodes in order, its outputs.
#include "compiler/ops/lower.h"

// A step has the name of a node; what stands for none has one made up.
static Node *nameless(Lower *lower, const Graph *graph, const Value *value, const char *op) {
  Node *node = NEW(lower->program->arena, Node);
  node->loc = (Loc){.file = lower->model->file, .graph = graph->name, .name = value->name, .op = op};
  return node;
}

// An output whose dims are found out leaves them in the frame, with its place in the heap behind them.
static void report_output(Lower *lower, size_t i, const View *view) {
  Program *program = lower->program;
  size_t count = (size_t)view->rank + 1;
  Dim *slots = NEW_ARRAY(program->arena, Dim, count);
  for (size_t k = 0; k < count; k++)
    slots[k] = dim_alias(program->dims, "output", k + 1 < count ? view->dims[k] : dim_const(0));
  program->output_slots[i] = frame_slots(program, count, slots);
  view->buffer->place_symbol = slots[count - 1];
  Step *step = step_control(program, STEP_DIMS, &lower->node->loc, "outputs");
  step->dims = slots;
  step->dim_count = count;
}

// The graph's outputs get buffers of their own, in row-major order.
static bool lower_outputs(Lower *lower, const Graph *graph) {
  Program *program = lower->program;
  for (size_t i = 0; i < graph->output_count; i++) {
    Value *value = graph->outputs[i];
    View view = lower_in(lower, value);
    bool whole = view.buffer->kind == BUFFER_ARENA && view_is_dense(&view) && dim_is(view.offset, 0) &&
                 dim_equal(view.buffer->bytes, dim_bytes(view.type, view_count(&view))) && !is_packed(view.type);
    lower->node = value->producer ? value->producer : nameless(lower, graph, value, "output");
    if (whole) {
      view.buffer->kind = BUFFER_OUTPUT;
      view.buffer->io = (int)i;
    } else {
      bool packed = is_packed(view.type);
      Dim bytes = packed_bytes(view.type, view_count(&view));
      Buffer *buffer = buffer_new(program, BUFFER_OUTPUT, bytes, value->name);
      buffer->io = (int)i;
      View out = view_dense(buffer, view.type, view.rank, view.dims);
      if (packed)
        lower_packed(lower, buffer, &view, value->name);
      else if (!lower_copy(lower, &out, &view))
        return false;
      view = out;
    }
    if (!view_is_static(&view)) report_output(lower, i, &view);
  }
  return true;
}

static bool lower_inputs(Lower *lower, const Graph *graph) {
  Program *program = lower->program;
  for (size_t i = 0; i < graph->input_count; i++) {
    Value *value = graph->inputs[i];
    View view = view_dense(NULL, value_storage(value), value->rank, value->dims);
    bool packed = is_packed(view.type);
    Dim bytes = packed_bytes(view.type, view_count(&view));
    view.buffer = buffer_new(program, BUFFER_INPUT, bytes, value->name);
    view.buffer->io = (int)i;
    if (!view_is_static(&view)) program->input_slots[i] = frame_input(program, (size_t)value->rank, value->dims);
    lower->node = nameless(lower, graph, value, "input");
    if (packed) view = lower_unpacked(lower, &view, value->name);
    lower_alias(lower, value, &view);
    if (!lower_measure(lower, value)) return false;
  }
  return true;
}

bool lower_node(Lower *lower, Node *node) {
  lower->node = node;
  for (size_t i = 0; i < node->in_count; i++) // what became a constant later
    if (node->in[i] && node->in[i]->data && !lower_measure(lower, node->in[i])) return false;
  if (!node->op->lower(lower, node)) return false;
  for (size_t i = 0; i < node->out_count; i++)
    if (node->out[i] && !lower_measure(lower, node->out[i])) return false;
  return true;
}

static Program *lower_graph(Arena *arena, const Graph *graph, const Target *target) {
  Model *model = graph->model;
  Program *program = program_new(arena, model->dims);
  Lower lower = {.model = model, .target = target, .program = program};
  lower.views = NEW_ARRAY(arena, View *, (size_t)model->values);
  lower.channels_last = NEW_ARRAY(arena, View *, (size_t)model->values);
  lower.rooms = NEW_ARRAY(arena, View *, (size_t)model->values);
  program->inputs = graph->inputs, program->input_count = graph->input_count;
  program->outputs = graph->outputs, program->output_count = graph->output_count;
  program->input_slots = NEW_ARRAY(arena, int, graph->input_count);
  program->output_slots = NEW_ARRAY(arena, int, graph->output_count);
  for (size_t i = 0; i < graph->input_count; i++)
    if (graph->inputs[i]->type == DT_STRING) program_pool(program);
  int errors = model->diag->errors;
  if (!lower_inputs(&lower, graph)) return NULL;
  for (Node *node = graph->first; node; node = node->next) {
    if (!lower_node(&lower, node)) { // go on, so that all nodes that cannot be lowered are named
      for (size_t i = 0; i < node->out_count; i++)
        if (node->out[i] && !lower.views[node->out[i]->id]) lower_out(&lower, node->out[i]);
    }
  }
  if (model->diag->errors > errors || !lower_outputs(&lower, graph)) return NULL;
  return program;
}

Program *make_program(Arena *arena, const Graph *graph, const Target *target, bool fuse) {
  Program *program = lower_graph(arena, graph, target);
  if (!program) return NULL;
  if (fuse) program_fuse(program);
  if (!program_plan(program, graph->model->diag)) return NULL;
  program_verify(program);
  return program;
}
