// `run`: tensors from files, one inference, tensors to a file.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/commands.h"
#include "runtime/dtype.h"
#include "runtime/inputs.h"
#include "runtime/json.h"
#include "runtime/tensor_file.h"
#include "runtime/zip.h"

typedef enum { WRITE_JSON, WRITE_NPZ, WRITE_NPY, WRITE_RAW } WriteFormat;
static const char *const format_names[] = {"json", "npz", "npy", "raw"};

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool choose_format(const char *path, const char *wanted, WriteFormat *format, Error *error) {
  for (size_t i = 0; wanted && i < COUNT(format_names); i++)
    if (strcmp(wanted, format_names[i]) == 0) {
      *format = (WriteFormat)i;
      return true;
    }
  if (wanted) return fail(error, "unknown --format '%s': it is json, npz, npy or raw", wanted);
  *format = strcmp(path, "-") == 0     ? WRITE_JSON
            : ends_with(path, ".json") ? WRITE_JSON
            : ends_with(path, ".npz")  ? WRITE_NPZ
            : ends_with(path, ".npy")  ? WRITE_NPY
                                       : WRITE_RAW;
  return true;
}

typedef struct {
  Output *output;
  Error *error;
} JsonTarget;

static bool flush_to_output(void *context, const char *data, size_t size) {
  JsonTarget *target = context;
  return write_output(target->output, data, size, target->error);
}

static bool write_json_outputs(const IngotModel *model, void *const *outputs, Output *output, Error *error) {
  char buffer[4096];
  JsonTarget target = {output, error};
  JsonWriter json = {.data = buffer, .capacity = sizeof buffer, .flush = flush_to_output, .context = &target};
  put_string(&json, "{");
  for (uint32_t i = 0; i < model->output_count; i++) {
    if (i > 0) put_string(&json, ", ");
    put_quoted(&json, model->outputs[i].name);
    put_string(&json, ": ");
    put_json_tensor(&json, &model->outputs[i], outputs[i], true);
  }
  put_string(&json, "}\n");
  return flush_json(&json);
}

static bool write_npz_outputs(const IngotModel *model, void *const *outputs, Output *output, Error *error) {
  static ZipWriter zip; // too large for the stack; used once
  zip = (ZipWriter){.output = output};
  for (uint32_t i = 0; i < model->output_count; i++) {
    char head[NPY_HEAD], name[ZIP_NAME + 8];
    size_t length = make_npy_head(head, &model->outputs[i]);
    if ((size_t)snprintf(name, sizeof name, "%s.npy", model->outputs[i].name) >= sizeof name || length == 0)
      return fail(error, "output '%.60s' cannot be written to a .npz", model->outputs[i].name);
    if (!write_zip_entry(&zip, name, head, length, outputs[i], model->outputs[i].bytes, error)) return false;
  }
  return finish_zip(&zip, error);
}

static bool write_one_output(const IngotModel *model, void *const *outputs, WriteFormat format, Output *output,
                             Error *error) {
  if (model->output_count != 1)
    return fail(error, "%s holds one tensor and the model has %u outputs: use .npz or .json", format_names[format],
                model->output_count);
  char head[NPY_HEAD];
  size_t length = format == WRITE_NPY ? make_npy_head(head, &model->outputs[0]) : 0;
  if (format == WRITE_NPY && length == 0) return fail(error, "the output has too many dims for a .npy");
  return write_output(output, head, length, error) && write_output(output, outputs[0], model->outputs[0].bytes, error);
}

static bool write_outputs(const IngotModel *model, void *const *outputs, const char *path, WriteFormat format,
                          Error *error) {
  static Output output;
  if (!open_output(&output, path, error)) return false;
  bool written = format == WRITE_JSON  ? write_json_outputs(model, outputs, &output, error)
                 : format == WRITE_NPZ ? write_npz_outputs(model, outputs, &output, error)
                                       : write_one_output(model, outputs, format, &output, error);
  if (written) return close_output(&output, error);
  discard_output(&output);
  return false;
}

bool command_run(const Invocation *call, Error *error) {
  OptionList inputs = {NULL, 0};
  const char *path = "-", *wanted = NULL, *fill = NULL;
  uint64_t threads = 0, seed = 0;
  const Option options[] = {
      {"input", 'i', OPTION_LIST, &inputs, 0, 0, "NAME=FILE", "an input from .npy, .npz, .json, .pb or raw bytes"},
      {"output", 'o', OPTION_TEXT, &path, 0, 0, "FILE", "where the outputs go: .npz, .npy, .json or raw bytes"},
      {"format", '\0', OPTION_TEXT, &wanted, 0, 0, "FORMAT", "json, npz, npy or raw, whatever the file's name"},
      {"fill", '\0', OPTION_TEXT, &fill, 0, 0, "random", "seeded random values for inputs that are not given"},
      {"seed", '\0', OPTION_COUNT, &seed, 0, UINT64_MAX, "N", "for --fill random (0)"},
      {"threads", '\0', OPTION_COUNT, &threads, 1, MAX_THREADS, "N", "threads, this one included"},
  };
  bool done;
  WriteFormat format;
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  if (fill && strcmp(fill, "random") != 0) return fail(error, "--fill takes 'random', not '%s'", fill);
  if (!choose_format(path, wanted, &format, error)) return false;
  const IngotModel *model = call->model;
  ModelIo io;
  if (!map_io(&io, model, error)) return false;
  if (fill) fill_inputs(model, io.tensors, seed);
  if (!read_inputs(model, io.tensors, inputs.items, inputs.count, fill != NULL, error)) return false;
  Session session;
  if (!open_session(&session, model, (unsigned)threads, error)) return false;
  const ModelStep *failed = NULL;
  int status = run_session(&session, io.tensors, NULL, &failed);
  bool succeeded = status == 0 || fail_step(status, failed, error);
  if (succeeded) succeeded = write_outputs(model, io.tensors + model->input_count, path, format, error);
  close_session(&session);
  unmap_io(&io);
  return succeeded;
}
