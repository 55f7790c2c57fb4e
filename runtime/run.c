// Opening a session and running the steps one after the other.
#include "runtime/bind.h"
#include "runtime/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/status.h"
#include "runtime/team.h"
#include "templates/status.h"

enum {
  CHUNKS_PER_THREAD = 4, // so that the rest of the team takes over what a delayed thread left
  TENSOR_ALIGNMENT = 64,
  KEPT_BYTES = 16 << 20, // of the heap, when memory is given back
};

static size_t align_part(size_t bytes) { return (bytes + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT; }

// Takes an aligned part of the tables; with no memory it is only counted.
static void *take_part(Session *session, size_t bytes) {
  void *part = session->tables ? (char *)session->tables + session->table_bytes : NULL;
  session->table_bytes += align_part(bytes);
  return part;
}

static const ModelTensor *get_tensor(const IngotModel *model, uint32_t i) {
  return i < model->input_count ? &model->inputs[i] : &model->outputs[i - model->input_count];
}

static bool check_size(const IngotModel *model, Error *error) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < model->input_count + model->output_count; i++)
    if (__builtin_add_overflow(total, get_tensor(model, i)->bytes, &total) || total > PTRDIFF_MAX / 2)
      return fail(error, "the model's tensors are too large");
  return true;
}

// Done twice: first to count, then to lay out.
static void make_tables(Session *session) {
  const IngotModel *model = session->model;
  uint32_t count = model->input_count + model->output_count;
  session->table_bytes = 0;
  session->frame = take_part(session, (model->frame_count + (size_t)FRAME_OWN) * sizeof(int64_t));
  session->io = take_part(session, count * sizeof(void *));
  session->inputs = take_part(session, count * sizeof(Value));
  session->outputs = session->inputs ? session->inputs + model->input_count : NULL;
  session->bindings = take_part(session, model->variant_count * sizeof(Binding));
  char *const bases[BASE_IO] = {[BASE_ARENA] = session->arena,
                                [BASE_STATE] = session->state,
                                [BASE_FRAME] = (char *)session->frame,
                                [BASE_HEAP] = session->heap,
                                [BASE_STRINGS] = session->strings.data};
  for (uint32_t v = 0; v < model->variant_count; v++) {
    void *binding = take_part(session, measure_binding(&model->variants[v]));
    if (session->tables) make_binding(&session->bindings[v], model, &model->variants[v], binding, bases);
  }
  for (uint32_t i = 0; i < count; i++) {
    const ModelTensor *tensor = get_tensor(model, i);
    int64_t *dims = take_part(session, tensor->rank * sizeof(int64_t));
    void *data = take_part(session, tensor->bytes);
    if (!session->tables) continue;
    for (uint32_t d = 0; d < tensor->rank; d++) dims[d] = tensor->dims[d];
    session->inputs[i] = (Value){.model = tensor, .strings = &session->strings, .dims = dims, .bytes = tensor->bytes};
    if (!is_unbounded(tensor)) session->inputs[i].data = session->inputs[i].fixed = data;
  }
}

// Addresses for the heap and the string pool. Where nobody asked for so much, less will do as well.
static bool reserve_ranges(Session *session, uint64_t wanted, Error *error) {
  const IngotModel *model = session->model;
  bool bounded = model->heap_bytes != UINT64_MAX;
  uint64_t heap = wanted ? wanted : bounded ? model->heap_bytes : count_memory();
  uint64_t pool = wanted ? wanted : count_memory();
  if (model->heap_bytes > 0) {
    session->heap = reserve_memory(&heap, !wanted && !bounded, error);
    if (!session->heap) return false;
    session->heap_bytes = heap;
  }
  if (!model->pool_used) return true;
  if (pool < model->string_bytes) return fail(error, "--memory is less than the model's own strings take");
  session->strings.data = reserve_memory(&pool, !wanted, error);
  if (!session->strings.data) return false;
  session->strings.room = pool;
  if (model->string_bytes > 0) memcpy(session->strings.data, model->strings, model->string_bytes);
  return true;
}

// Where sizes have bounds, the arena can be far larger than what a run touches.
static bool map_arena(Session *session, Error *error) {
  uint64_t bytes = session->model->arena_bytes;
  return (session->arena = reserve_memory(&bytes, false, error));
}

// Whether there is something to find out in each run; else all pointers stay as they are.
static bool has_open_sizes(const IngotModel *model) { return model->frame_count > 0 || model->pool_used; }

static void bind_values(Session *session, uint32_t variant) {
  uint32_t inputs = session->model->input_count;
  for (uint32_t i = 0; i < inputs + session->model->output_count; i++) session->io[i] = session->inputs[i].data;
  bind_io(&session->bindings[variant], session->model, (const void *const *)session->io, session->io + inputs);
}

static void set_variant(Session *session, uint32_t variant) {
  session->variant = variant;
  for (uint32_t i = 0; i < session->model->output_count; i++) {
    Value *value = &session->outputs[i];
    const ModelTensor *form = get_form(value->model, variant);
    for (uint32_t d = 0; d < form->rank; d++) value->dims[d] = form->dims[d];
    value->bytes = form->bytes;
    value->data = value->fixed;
  }
}

bool open_session(Session *session, const IngotModel *model, const SessionSettings *settings, Error *error) {
  *session = (Session){.model = model, .seed = read_entropy()};
  if (model->abi != MODEL_ABI) return fail(error, "the model was compiled for another version of the runtime");
  uint64_t threads = settings->threads ? settings->threads : model->threads ? model->threads : count_cpus();
  bool done = check_size(model, error) && reserve_ranges(session, settings->memory, error);
  if (done && model->arena_bytes > 0) done = map_arena(session, error);
  if (done && model->state_bytes > 0) done = (session->state = map_memory(model->state_bytes, error));
  if (done) {
    make_tables(session);
    done = (session->tables = map_memory(session->table_bytes, error));
  }
  if (done) make_tables(session);
  if (done) {
    clear_inputs(session);
    set_variant(session, 0);
    for (uint32_t v = 0; v < model->variant_count && !has_open_sizes(model); v++) bind_values(session, v);
  }
  if (done && threads > 1) done = (session->team = start_team((unsigned)threads, error));
  if (!done) close_session(session);
  return done;
}

void close_session(Session *session) {
  const IngotModel *model = session->model;
  stop_team(session->team);
  for (uint32_t i = 0; i < model->input_count && session->tables; i++)
    if (session->inputs[i].room > 0) unmap_memory(session->inputs[i].data, session->inputs[i].room);
  unmap_memory(session->arena, model->arena_bytes);
  unmap_memory(session->state, model->state_bytes);
  unmap_memory(session->heap, session->heap_bytes);
  unmap_memory(session->strings.data, session->strings.room);
  unmap_memory(session->tables, session->table_bytes);
  *session = (Session){.model = model};
}

unsigned count_session_threads(const Session *session) { return session->team ? count_team(session->team) : 1; }

void clear_inputs(Session *session) {
  session->strings.size = session->model->string_bytes;
  for (uint32_t i = 0; i < session->model->input_count; i++)
    session->inputs[i].given = session->inputs[i].settled = false;
}

const Value *find_named_dim(const Session *session, const char *name, int64_t *dim) {
  for (uint32_t i = 0; i < session->model->input_count; i++) {
    const Value *value = &session->inputs[i];
    const char *const *names = value->model->dim_names;
    for (uint32_t d = 0; names && value->settled && d < value->model->rank; d++) {
      if (!names[d] || strcmp(names[d], name) != 0) continue;
      *dim = value->dims[d];
      return value;
    }
  }
  return NULL;
}

uint32_t find_variant(const Session *session, uint32_t from) {
  const IngotModel *model = session->model;
  for (; from < model->variant_count; from++) {
    bool fits = true;
    for (uint32_t i = 0; i < model->input_count && fits; i++)
      fits = !session->inputs[i].settled || fit_dims(get_form(&model->inputs[i], from), session->inputs[i].dims);
    if (fits) break;
  }
  return from;
}

bool fail_variant(const Session *session, Error *error) {
  const IngotModel *model = session->model;
  char text[400] = "";
  size_t used = 0;
  for (uint32_t v = 0; v < model->variant_count; v++)
    for (uint32_t i = 0; i < model->input_count; i++) {
      const ModelTensor *input = &model->inputs[i];
      char type[160];
      if (input->kind == MODEL_TENSOR && used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.40s %s",
                                 !used ? ""
                                 : i   ? ", "
                                       : " or ",
                                 input->name, describe_type(type, sizeof type, get_form(input, v)));
    }
  return fail(error, "the inputs' shapes do not go together: the model was compiled for %s", text);
}

// Dims of one name are equal in all inputs.
static bool check_dims(const Session *session, Error *error) {
  for (uint32_t i = 0; i < session->model->input_count; i++) {
    const Value *value = &session->inputs[i];
    const char *const *names = value->model->dim_names;
    for (uint32_t d = 0; names && d < value->model->rank; d++) {
      int64_t dim;
      const Value *first = names[d] ? find_named_dim(session, names[d], &dim) : NULL;
      if (first && dim != value->dims[d])
        return fail(error, "input '%.80s' has %.40s = %" PRId64 ", input '%.80s' has %.40s = %" PRId64,
                    value->model->name, names[d], value->dims[d], first->model->name, names[d], dim);
    }
  }
  return true;
}

// What only this run knows.
static void begin_frame(Session *session) {
  const IngotModel *model = session->model;
  int64_t *frame = session->frame;
  memset(frame, 0, (model->frame_count + (size_t)FRAME_OWN) * sizeof *frame);
  frame[FRAME_HEAP] = (int64_t)session->heap_bytes;
  frame[FRAME_SEED] = (int64_t)(session->seed++ & UINT64_MAX >> 2);
  frame[FRAME_STRINGS] = (int64_t)session->strings.size;
  frame[FRAME_POOL] = (int64_t)session->strings.room;
  for (uint32_t i = 0; i < model->input_count; i++) {
    const Value *value = &session->inputs[i];
    const ModelTensor *form = get_form(value->model, session->variant);
    int64_t *slots = frame + form->slot;
    if (form->slot == 0) continue;
    if (value->model->kind != MODEL_TENSOR) *slots = (int64_t)value->bytes;
    for (uint32_t d = 0; d < value->model->rank; d++) slots[d] = value->dims[d];
  }
  bind_values(session, session->variant);
}

// Finds the outputs in the heap.
static void end_frame(Session *session) {
  for (uint32_t i = 0; i < session->model->output_count; i++) {
    Value *value = &session->outputs[i];
    const ModelTensor *tensor = get_form(value->model, session->variant);
    const int64_t *slots = session->frame + tensor->slot;
    uint64_t count;
    if (tensor->slot == 0) continue;
    if (tensor->kind != MODEL_TENSOR) {
      value->bytes = (uint64_t)slots[0];
      if (is_unbounded(tensor)) value->data = (uint8_t *)session->heap + slots[1];
      continue;
    }
    for (uint32_t d = 0; d < tensor->rank; d++) value->dims[d] = slots[d];
    count_elements(tensor->rank, value->dims, &count);
    measure_elements(find_dtype(tensor->dtype), count, &value->bytes);
    if (is_unbounded(tensor)) value->data = (uint8_t *)session->heap + slots[tensor->rank];
  }
}

static int run_step(Session *session, uint32_t s) {
  const ModelStep *step = &session->model->variants[session->variant].steps[s];
  const Binding *binding = &session->bindings[session->variant];
  void *const *pointers = binding->pointers + binding->first[s];
  uint32_t chunks = session->team ? count_team(session->team) * CHUNKS_PER_THREAD : 1;
  uint32_t parts = step->parts < chunks ? step->parts : chunks;
  if (parts <= 1) return step->kernel(pointers, 0, 1);
  return share_kernel(session->team, step->kernel, pointers, parts);
}

static bool fail_step(const Session *session, int status, const ModelStep *step, Error *error) {
  if (status == STATUS_MEMORY)
    return fail(error,
                "step '%.200s' (%.200s): needs more memory than the bound of %" PRIu64 " bytes; raise it with --memory",
                step->name, step->kernel_name, session->heap_bytes);
  return fail(error, "step '%.200s' (%.200s): %s", step->name, step->kernel_name, describe_status(status));
}

bool run_session(Session *session, uint64_t *step_ns, Error *error) {
  const IngotModel *model = session->model;
  bool open = has_open_sizes(model);
  uint32_t chosen = model->variant_count > 1 ? find_variant(session, 0) : 0;
  if (chosen == model->variant_count) return fail_variant(session, error);
  if (chosen != session->variant) set_variant(session, chosen);
  const ModelVariant *variant = &model->variants[chosen];
  if (open) {
    if (!check_dims(session, error)) return false;
    begin_frame(session);
  }
  if (session->team) begin_team(session->team);
  if (step_ns) memset(step_ns, 0, variant->step_count * sizeof *step_ns);
  int status = 0;
  uint32_t s = 0, last = 0;
  uint64_t before = step_ns ? read_clock_ns() : 0;
  while (s < variant->step_count && status == 0) {
    if (variant->steps[s].kernel) status = run_step(session, s);
    last = s;
    s = find_next_step(variant, session->frame, s);
    if (step_ns) { // a step in a loop runs many times
      uint64_t now = read_clock_ns();
      step_ns[last] += now - before;
      before = now;
    }
  }
  if (session->team) end_team(session->team);
  if (status != 0) return fail_step(session, status, &variant->steps[last], error);
  if (open) end_frame(session);
  return true;
}

void trim_session(Session *session) {
  if (session->heap_bytes > KEPT_BYTES) release_memory(session->heap + KEPT_BYTES, session->heap_bytes - KEPT_BYTES);
  if (session->strings.room > KEPT_BYTES + session->strings.size) {
    uint64_t kept = round_to_page(KEPT_BYTES + session->strings.size);
    if (kept < session->strings.room) release_memory(session->strings.data + kept, session->strings.room - kept);
  }
}
