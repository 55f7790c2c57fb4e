// Opening a session and running the steps one after the other.
#include "runtime/run.h"

#include "runtime/status.h"
#include "runtime/team.h"

enum {
  CHUNKS_PER_THREAD = 4, // so that the rest of the team takes over what a delayed thread left
  TENSOR_ALIGNMENT = 64
};

bool open_session(Session *session, const IngotModel *model, unsigned threads, Error *error) {
  *session = (Session){.model = model};
  if (model->abi != MODEL_ABI) return fail(error, "the model was compiled for another version of the runtime");
  if (threads == 0) threads = model->threads;
  if (threads == 0) threads = count_cpus();
  bool done = true;
  if (model->arena_bytes > 0) done = (session->arena = map_memory(model->arena_bytes, error));
  if (done && model->state_bytes > 0) done = (session->state = map_memory(model->state_bytes, error));
  if (done) done = (session->tables = map_memory(measure_binding(model), error));
  if (done) make_binding(&session->binding, model, session->tables, session->arena, session->state);
  if (done && threads > 1) done = (session->team = start_team(threads, error));
  if (!done) close_session(session);
  return done;
}

void close_session(Session *session) {
  stop_team(session->team);
  unmap_memory(session->arena, session->model->arena_bytes);
  unmap_memory(session->state, session->model->state_bytes);
  unmap_memory(session->tables, measure_binding(session->model));
  *session = (Session){.model = session->model};
}

unsigned count_session_threads(const Session *session) { return session->team ? count_team(session->team) : 1; }

static int run_step(Session *session, const ModelStep *step, void *const *pointers) {
  uint32_t chunks = session->team ? count_team(session->team) * CHUNKS_PER_THREAD : 1;
  uint32_t parts = step->parts < chunks ? step->parts : chunks;
  if (parts <= 1) return step->kernel(pointers, 0, 1);
  return share_kernel(session->team, step->kernel, pointers, parts);
}

int run_session(Session *session, void *const *io, uint64_t *step_ns, const ModelStep **failed) {
  const IngotModel *model = session->model;
  bind_io(&session->binding, model, (const void *const *)io, io + model->input_count);
  if (session->team) begin_team(session->team);
  int status = 0;
  void *const *pointers = session->binding.pointers;
  uint64_t before = step_ns ? read_clock_ns() : 0;
  for (uint32_t s = 0; s < model->step_count && status == 0; s++) {
    const ModelStep *step = &model->steps[s];
    status = run_step(session, step, pointers);
    pointers += step->ref_count;
    if (status != 0) *failed = step;
    if (step_ns) {
      uint64_t now = read_clock_ns();
      step_ns[s] = now - before;
      before = now;
    }
  }
  if (session->team) end_team(session->team);
  return status;
}

bool fail_step(int status, const ModelStep *step, Error *error) {
  return fail(error, "step '%s' (%s): %s", step->name, step->kernel_name, describe_status(status));
}

static size_t align_tensor(size_t bytes) {
  return (bytes + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT;
}

bool map_io(ModelIo *io, const IngotModel *model, Error *error) {
  uint32_t count = model->input_count + model->output_count;
  size_t table = align_tensor(count * sizeof(void *)), bytes = table;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t tensor = get_tensor(model, i)->bytes;
    if (tensor > PTRDIFF_MAX - TENSOR_ALIGNMENT - bytes) return fail(error, "the model's tensors are too large");
    bytes += align_tensor(tensor);
  }
  char *memory = map_memory(bytes, error), *next = memory + table;
  if (!memory) return false;
  *io = (ModelIo){(void **)memory, memory, bytes};
  for (uint32_t i = 0; i < count; i++) {
    io->tensors[i] = next;
    next += align_tensor(get_tensor(model, i)->bytes);
  }
  return true;
}

void unmap_io(ModelIo *io) { unmap_memory(io->memory, io->bytes); }
