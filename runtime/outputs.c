// Which output goes to which file in which format.
#include "runtime/outputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/json.h"
#include "runtime/tensor_file.h"
#include "runtime/zip.h"

typedef enum { WRITE_JSON, WRITE_NPZ, WRITE_NPY, WRITE_PB, WRITE_RAW } WriteFormat;
static const char *const format_names[] = {"json", "npz", "npy", "pb", "raw"};

// Where one argument goes.
typedef struct {
  const char *path;
  bool folder;
  WriteFormat format;
  uint32_t first, count; // outputs
} Place;

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool choose_format(const char *path, bool folder, const char *wanted, WriteFormat *format, Error *error) {
  for (size_t i = 0; wanted && i < COUNT(format_names); i++)
    if (strcmp(wanted, format_names[i]) == 0) {
      *format = (WriteFormat)i;
      return true;
    }
  if (wanted) return fail(error, "unknown --format '%s': it is json, npz, npy, pb or raw", wanted);
  *format = folder                     ? WRITE_PB
            : strcmp(path, "-") == 0   ? WRITE_JSON
            : ends_with(path, ".json") ? WRITE_JSON
            : ends_with(path, ".npz")  ? WRITE_NPZ
            : ends_with(path, ".npy")  ? WRITE_NPY
            : ends_with(path, ".pb")   ? WRITE_PB
                                       : WRITE_RAW;
  return true;
}

static bool is_folder(const char *path) {
  struct stat info;
  return ends_with(path, "/") || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

static bool find_place(const OutputPlan *plan, const char *argument, Place *place, Error *error) {
  const IngotModel *model = plan->model;
  *place = (Place){.path = argument, .count = model->output_count};
  for (uint32_t i = 0; i < model->output_count; i++) {
    size_t length = strlen(model->outputs[i].name);
    if (strncmp(argument, model->outputs[i].name, length) != 0 || argument[length] != '=') continue;
    *place = (Place){.path = argument + length + 1, .first = i, .count = 1};
    break;
  }
  place->folder = is_folder(place->path);
  if (!choose_format(place->path, place->folder, plan->format, &place->format, error)) return false;
  if (place->folder || place->count == 1 || place->format == WRITE_JSON || place->format == WRITE_NPZ) return true;
  return fail(error, "%s holds one tensor and the model has %u outputs: use .npz, .json, NAME=FILE or a folder",
              format_names[place->format], model->output_count);
}

bool check_outputs(const OutputPlan *plan, Error *error) {
  Place place;
  for (size_t i = 0; i < plan->count; i++)
    if (!find_place(plan, plan->arguments[i], &place, error)) return false;
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

static bool write_json(const Value *outputs, const Place *place, Output *output, Error *error) {
  char buffer[4096];
  JsonTarget target = {output, error};
  JsonWriter json = {.data = buffer, .capacity = sizeof buffer, .flush = flush_to_output, .context = &target};
  put_string(&json, "{");
  for (uint32_t i = place->first; i < place->first + place->count; i++) {
    if (i > place->first) put_string(&json, ", ");
    put_quoted(&json, outputs[i].model->name);
    put_string(&json, ": ");
    put_json_value(&json, &outputs[i], true);
  }
  put_string(&json, "}\n");
  return flush_json(&json);
}

// at: the place in its sequence, or -1.
static bool write_npz_entry(ZipWriter *zip, const Tensor *tensor, int64_t at, Error *error) {
  char name[ZIP_NAME + 8], place[24] = "";
  NpyFile file;
  if (at >= 0) snprintf(place, sizeof place, "_%" PRId64, at);
  if ((size_t)snprintf(name, sizeof name, "%s%s.npy", tensor->name, place) >= sizeof name)
    return fail(error, "output '%.60s' has a name too long for a .npz", tensor->name);
  if (!make_npy(&file, tensor, error)) return false;
  bool written = write_zip_entry(zip, name, file.head, file.head_size, file.body, file.body_size, error);
  free_npy(&file);
  return written;
}

static bool write_npz(const Value *outputs, const Place *place, Output *output, Error *error) {
  static ZipWriter zip; // too large for the stack
  zip = (ZipWriter){.output = output};
  for (uint32_t i = place->first; i < place->first + place->count; i++) {
    const ModelTensor *model = outputs[i].model;
    if (model->kind != MODEL_TENSOR && model->kind != MODEL_SEQUENCE && model->kind != MODEL_OPTIONAL)
      return fail(error, "a .npz file cannot hold the output '%.60s': use .json or .pb", model->name);
    const Sequence *sequence = (const Sequence *)outputs[i].data;
    int64_t count = model->kind == MODEL_TENSOR ? 1 : sequence->count;
    for (int64_t at = 0; at < count; at++) {
      bool whole = model->kind == MODEL_TENSOR;
      Tensor tensor = whole ? view_value(&outputs[i]) : view_element(&outputs[i], sequence_element(sequence, at));
      if (!write_npz_entry(&zip, &tensor, whole ? -1 : at, error)) return false;
    }
  }
  return finish_zip(&zip, error);
}

static bool write_one(const Value *value, WriteFormat format, Output *output, Error *error) {
  if (format == WRITE_PB) return write_proto(output, value, error);
  if (value->model->kind != MODEL_TENSOR || (format == WRITE_RAW && value->model->dtype == DTYPE_STRING))
    return fail(error, "output '%.60s' cannot be written as %s: use .json or .pb", value->model->name,
                format_names[format]);
  if (format == WRITE_RAW) return write_output(output, value->data, value->bytes, error);
  NpyFile file;
  Tensor tensor = view_value(value);
  bool written = make_npy(&file, &tensor, error) && write_output(output, file.head, file.head_size, error) &&
                 write_output(output, file.body, file.body_size, error);
  free_npy(&file);
  return written;
}

static bool write_file(const Value *outputs, const Place *place, Error *error) {
  static Output output;
  if (!open_output(&output, place->path, error)) return false;
  bool written = place->format == WRITE_JSON  ? write_json(outputs, place, &output, error)
                 : place->format == WRITE_NPZ ? write_npz(outputs, place, &output, error)
                                              : write_one(&outputs[place->first], place->format, &output, error);
  if (written) return close_output(&output, error);
  discard_output(&output);
  return false;
}

static bool write_folder(const Value *outputs, const Place *place, Error *error) {
  mkdir(place->path, 0777); // where that fails, opening a file in it tells why
  for (uint32_t i = place->first; i < place->first + place->count; i++) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/output_%u.%s", place->path, i, format_names[place->format]);
    if (length < 0 || (size_t)length >= sizeof path) return fail(error, "cannot write '%s': too long", place->path);
    if (!write_file(outputs, &(Place){path, false, place->format, i, 1}, error)) return false;
  }
  return true;
}

bool write_outputs(const OutputPlan *plan, const Value *outputs, Error *error) {
  for (size_t i = 0; i < plan->count; i++) {
    Place place;
    if (!find_place(plan, plan->arguments[i], &place, error)) return false;
    bool written = place.folder ? write_folder(outputs, &place, error) : write_file(outputs, &place, error);
    if (!written) return false;
  }
  return true;
}
