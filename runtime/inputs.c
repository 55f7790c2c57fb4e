// Which file holds which input in which format. The format comes from the name's ending, else from the first bytes.
#include "runtime/inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/json.h"
#include "runtime/tensor_file.h"
#include "runtime/zip.h"

typedef enum { READ_RAW, READ_NPY, READ_NPZ, READ_JSON, READ_PB, READ_ANY } ReadFormat;

typedef struct {
  const IngotModel *model;
  Value *inputs;
  Error *error;
} Inputs;

static const struct {
  const char *ending;
  ReadFormat format;
} endings[] = {{".pb", READ_PB},     {".npy", READ_NPY}, {".npz", READ_NPZ},
               {".json", READ_JSON}, {".bin", READ_RAW}, {".raw", READ_RAW}};

static ReadFormat find_format(const char *path, const Bytes *file) {
  size_t length = strlen(path);
  for (size_t i = 0; i < COUNT(endings); i++) {
    size_t tail = strlen(endings[i].ending);
    if (length >= tail && strcmp(path + length - tail, endings[i].ending) == 0) return endings[i].format;
  }
  if (file->size >= 6 && memcmp(file->data, "\x93NUMPY", 6) == 0) return READ_NPY;
  if (file->size >= 4 && (memcmp(file->data, "PK\3\4", 4) == 0 || memcmp(file->data, "PK\5\6", 4) == 0))
    return READ_NPZ;
  if (file->size >= 1 && (file->data[0] == '{' || file->data[0] == '[')) return READ_ANY;
  return READ_RAW;
}

static bool list_inputs(const Inputs *in, const char *what, const char *name) {
  char names[320] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < in->model->input_count && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s'%s'", i ? ", " : "", in->model->inputs[i].name);
  return fail(in->error, "%s '%.80s': the model's inputs are %s", what, name, names);
}

static bool mark_given(Inputs *in, uint32_t i) {
  if (in->inputs[i].given) return fail(in->error, "input '%s' is given twice", in->model->inputs[i].name);
  in->inputs[i].given = true;
  return true;
}

static uint32_t find_input(const IngotModel *model, const char *name, size_t length) {
  uint32_t i = 0;
  while (i < model->input_count &&
         (strlen(model->inputs[i].name) != length || memcmp(model->inputs[i].name, name, length) != 0))
    i++;
  return i;
}

// Deflate packs no more than about a thousand bytes into one: a broken archive must not make us map its idea of a size.
static bool read_npz_entry(Inputs *in, const ZipEntry *entry, Value *value, const char *source) {
  Error reason;
  if (entry->size / 1100 > entry->packed_size) return fail(in->error, "'%s' has an entry of a wrong size", source);
  uint8_t *data = map_memory(entry->size, in->error);
  if (!data) return false;
  bool done = unpack_zip_entry(entry, data, &reason) || fail(in->error, "'%s': %.500s", source, reason.text);
  if (done) done = read_npy(data, entry->size, value, source, in->error);
  unmap_memory(data, entry->size);
  return done;
}

// The length of an entry's name without ".npy".
static size_t measure_name(const ZipEntry *entry) {
  size_t length = entry->name_length;
  return length >= 4 && memcmp(entry->name + length - 4, ".npy", 4) == 0 ? length - 4 : length;
}

// The place of "NAME_3" in the sequence NAME; false for other names.
static bool parse_place(const ZipEntry *entry, const char *name, uint64_t *place) {
  size_t length = measure_name(entry), stem = strlen(name);
  if (length < stem + 2 || length > stem + 10 || memcmp(entry->name, name, stem) != 0 || entry->name[stem] != '_')
    return false;
  *place = 0;
  for (size_t i = stem + 1; i < length; i++) {
    if (entry->name[i] < '0' || entry->name[i] > '9') return false;
    *place = *place * 10 + (uint64_t)(entry->name[i] - '0');
  }
  return true;
}

// A sequence or optional from NAME_0.npy, NAME_1.npy and so on.
static bool read_npz_sequence(Inputs *in, const ZipReader *zip, uint32_t i, const char *source) {
  Value *value = &in->inputs[i];
  const ModelTensor *tensor = value->model;
  uint64_t count = 0, place;
  Cursor outer;
  Error reason;
  ZipReader entries = *zip;
  for (ZipEntry entry; read_zip_entry(&entries, &entry, &reason);) count += parse_place(&entry, tensor->name, &place);
  if ((tensor->kind != MODEL_SEQUENCE && tensor->kind != MODEL_OPTIONAL) ||
      (tensor->kind == MODEL_OPTIONAL && count > 1))
    return fail(in->error, "a .npz file cannot hold the input '%s'", tensor->name);
  if (!mark_given(in, i)) return false;
  value->cursor = (Cursor){0};
  if (!begin_sequence(value, tensor->kind, count, &outer, in->error)) return false;
  for (uint64_t next = 0; next < count; next++) {
    entries = *zip;
    place = UINT64_MAX;
    for (ZipEntry entry; place != next && read_zip_entry(&entries, &entry, &reason);)
      if (parse_place(&entry, tensor->name, &place) && place == next && !read_npz_entry(in, &entry, value, source))
        return false;
    if (place != next) return fail(in->error, "'%s' does not hold '%s_%" PRIu64 "'", source, tensor->name, next);
  }
  end_sequence(value, outer);
  return true;
}

// only: the index of one input, which takes the entry of its name or the only one; input_count: all by their names.
static bool read_npz(Inputs *in, const Bytes *file, uint32_t only, const char *source) {
  ZipReader zip;
  ZipEntry entry;
  Error reason;
  if (!open_zip(&zip, file->data, file->size, &reason)) return fail(in->error, "'%s': %.500s", source, reason.text);
  uint64_t entries = zip.left, place;
  bool found = false;
  for (uint32_t i = 0; i < in->model->input_count; i++)
    if (in->model->inputs[i].kind != MODEL_TENSOR && (only == in->model->input_count || only == i)) {
      if (!read_npz_sequence(in, &zip, i, source)) return false;
      found = true;
    }
  while (read_zip_entry(&zip, &entry, &reason)) {
    size_t length = measure_name(&entry);
    uint32_t i = find_input(in->model, entry.name, length);
    if (only < in->model->input_count) {
      if ((i != only && entries > 1) || in->model->inputs[only].kind != MODEL_TENSOR) continue;
      i = only;
    } else if (i == in->model->input_count) {
      bool part = false; // of a sequence
      for (uint32_t k = 0; k < in->model->input_count; k++)
        part |= in->model->inputs[k].kind != MODEL_TENSOR && parse_place(&entry, in->model->inputs[k].name, &place);
      if (part) continue;
      char name[81];
      snprintf(name, sizeof name, "%.*s", (int)(length < 80 ? length : 80), entry.name);
      return list_inputs(in, "the .npz file holds", name);
    }
    if (!mark_given(in, i) || !read_npz_entry(in, &entry, &in->inputs[i], source)) return false;
    found = true;
  }
  if (reason.text[0]) return fail(in->error, "'%s': %.500s", source, reason.text);
  if (found || only == in->model->input_count) return true;
  return fail(in->error, "'%s' holds no tensor '%s'", source, in->model->inputs[only].name);
}

static bool read_document_value(Inputs *in, JsonReader *json, uint32_t i, const char *source) {
  Error reason;
  return read_json_value(json, &in->inputs[i], NULL, &reason) || fail(in->error, "'%s': %.560s", source, reason.text);
}

static bool fail_document(Inputs *in, const JsonReader *json, const char *source) {
  Error reason;
  fail_json(json, &reason);
  return fail(in->error, "'%s': %.560s", source, reason.text);
}

// The members of an object, behind its '{'. Those of other names than `only`'s are passed over when there is one.
static bool read_json_members(Inputs *in, JsonReader *json, uint32_t only, const char *source) {
  const IngotModel *model = in->model;
  for (JsonEvent event; (event = read_json(json)) != JSON_OBJECT_END;) {
    if (event == JSON_FAULT) return fail_document(in, json, source);
    uint32_t i = 0;
    while (i < model->input_count && !json_equals(json, model->inputs[i].name)) i++;
    if (only < model->input_count && i != only) {
      if (!skip_json(json)) return fail_document(in, json, source);
    } else if (i == model->input_count) {
      char name[81];
      snprintf(name, sizeof name, "%.*s", (int)(json->length < 80 ? json->length : 80), json->text);
      return list_inputs(in, "the JSON file holds", name);
    } else if (!mark_given(in, i) || !read_document_value(in, json, i, source)) {
      return false;
    }
  }
  return true;
}

// A document is the value of one input, or an object of inputs by name.
static bool read_json_file(Inputs *in, const Bytes *file, uint32_t only, const char *source) {
  JsonReader json, start;
  open_json(&json, file->data, file->size);
  start = json;
  bool object = read_json(&json) == JSON_OBJECT;
  if (json.fault) return fail_document(in, &json, source);
  bool map = only < in->model->input_count && in->model->inputs[only].kind == MODEL_MAP;
  if (object && !map) {
    if (!read_json_members(in, &json, only, source)) return false;
  } else {
    json = start;
    if (only == in->model->input_count && in->model->input_count == 1) only = 0;
    if (only == in->model->input_count)
      return fail(in->error, "'%s' must be an object with a member for each input", source);
    if (!mark_given(in, only) || !read_document_value(in, &json, only, source)) return false;
  }
  return read_json(&json) == JSON_END || fail_document(in, &json, source);
}

static bool read_one(Inputs *in, const Bytes *file, ReadFormat format, uint32_t i, const char *source) {
  Value *value = &in->inputs[i];
  if (!mark_given(in, i)) return false;
  return format == READ_NPY  ? read_npy(file->data, file->size, value, source, in->error)
         : format == READ_PB ? read_proto(file->data, file->size, value, source, in->error)
                             : read_raw(file->data, file->size, value, source, in->error);
}

// only: as for read_npz.
static bool read_path(Inputs *in, const char *path, uint32_t only) {
  const IngotModel *model = in->model;
  Bytes file;
  if (!read_file(path, &file, in->error)) return false;
  ReadFormat format = find_format(path, &file);
  const char *source = strcmp(path, "-") == 0 ? "standard input" : path;
  bool done;
  if (format == READ_ANY) {
    // JSON by its first byte, unless it does not parse and has the size of a raw tensor.
    JsonReader json;
    open_json(&json, file.data, file.size);
    uint32_t raw = only < model->input_count ? only : 0;
    bool valid = skip_json(&json) && read_json(&json) == JSON_END;
    format = !valid && model->input_count > 0 && file.size > 0 && file.size == model->inputs[raw].bytes ? READ_RAW
                                                                                                        : READ_JSON;
  }
  if (format == READ_NPZ)
    done = read_npz(in, &file, only, source);
  else if (format == READ_JSON)
    done = read_json_file(in, &file, only, source);
  else if (only == model->input_count && model->input_count != 1)
    done = list_inputs(in, "say which input it is: NAME=FILE instead of", path);
  else
    done = read_one(in, &file, format, only == model->input_count ? 0 : only, source);
  free_file(&file);
  return done;
}

// "input_0.pb" and so on, or of another ending: ONNX's test data lie like this.
static bool read_folder(Inputs *in, const char *folder) {
  for (uint32_t i = 0; i < in->model->input_count; i++)
    for (size_t e = 0; e < COUNT(endings); e++) {
      char path[4096];
      int length = snprintf(path, sizeof path, "%s/input_%u%s", folder, i, endings[e].ending);
      if (length < 0 || (size_t)length >= sizeof path) return fail(in->error, "'%s': the path is too long", folder);
      if (access(path, F_OK) != 0) continue;
      if (!read_path(in, path, i)) return false;
      break;
    }
  return true;
}

static bool read_argument(Inputs *in, const char *argument) {
  const IngotModel *model = in->model;
  uint32_t only = 0;
  const char *path = argument;
  for (; only < model->input_count; only++) {
    size_t length = strlen(model->inputs[only].name);
    if (strncmp(argument, model->inputs[only].name, length) != 0 || argument[length] != '=') continue;
    path = argument + length + 1;
    break;
  }
  const char *equals = strchr(argument, '=');
  if (path == argument && equals && access(argument, F_OK) != 0) {
    char name[81];
    snprintf(name, sizeof name, "%.*s", (int)(equals - argument < 80 ? equals - argument : 80), argument);
    return list_inputs(in, "no input", name);
  }
  struct stat info;
  bool folder = path == argument && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  return folder ? read_folder(in, path) : read_path(in, path, only);
}

bool read_inputs(Session *session, char **arguments, size_t count, bool partial, Error *error) {
  const IngotModel *model = session->model;
  Inputs in = {model, session->inputs, error};
  for (size_t i = 0; i < count; i++)
    if (!read_argument(&in, arguments[i])) return false;
  for (uint32_t i = 0; i < model->input_count && !partial; i++)
    if (!in.inputs[i].given)
      return fail(error, "input '%s' is missing: give -i %s=FILE", model->inputs[i].name, model->inputs[i].name);
  return true;
}
