// A model file → Model: maps the file, takes the protobuf apart, checks what concerns the model as a whole.
#include "compiler/onnx/read.h"
#include "compiler/onnx/reader.h"
#include "compiler/onnx/unpack.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLDEST_IR = 3, NEWEST_IR = 13 };

bool read_opset(Reader *r, const Onnx__OperatorSetIdProto *proto, OpsetImport *out) {
  const char *domain = plain_domain(proto->domain), *shown = *domain ? domain : "ai.onnx";
  int64_t version = proto->version;
  if (version < 1 || version > INT32_MAX)
    return diag_error(r->diag, r->file, "opset %lld of the domain '%s' does not exist", (long long)version, shown);
  if (!*domain && version > NEWEST_OPSET)
    return diag_error(r->diag, r->file, "opset %lld of the domain '%s' is too new: newest known is %d",
                      (long long)version, shown, NEWEST_OPSET);
  *out = (OpsetImport){domain, (int)version};
  return true;
}

static bool read_opsets(Reader *r, const ModelProto *proto) {
  Model *model = r->model;
  for (size_t i = 0; i < proto->n_opset_import; i++) {
    OpsetImport import;
    if (!read_opset(r, proto->opset_import[i], &import)) return false;
    int known = model_opset(model, import.domain);
    if (known == import.version) continue; // some exporters repeat themselves
    if (known)
      return diag_error(r->diag, r->file, "the opset of the domain '%s' is imported twice",
                        *import.domain ? import.domain : "ai.onnx");
    APPEND(r->arena, model->opsets, model->opset_count, import);
  }
  return model->opset_count || diag_error(r->diag, r->file, "the model imports no opset (opset_import is empty)");
}

static bool read_model(Reader *r, const ModelProto *proto) {
  Model *model = r->model;
  model->ir_version = proto->ir_version;
  model->producer = text_or_empty(proto->producer_name);
  if (!proto->graph) return diag_error(r->diag, r->file, "the file holds no graph: is it an ONNX model?");
  if (proto->ir_version < OLDEST_IR || proto->ir_version > NEWEST_IR)
    diag_warning(r->diag, r->file, "IR version %lld is not known (%d to %d are): reading it all the same",
                 (long long)proto->ir_version, OLDEST_IR, NEWEST_IR);
  if (!read_opsets(r, proto) || !note_functions(r, proto)) return false;
  model->graph = read_graph(r, proto->graph, NULL, "main");
  return model->graph;
}

Model *read_onnx_bytes(Arena *arena, Diag *diag, const char *name, const void *data, size_t size, const char *folder) {
  int errors = diag->errors;
  ProtobufCMessage *proto = NULL;
  if (size == 0)
    diag_error(diag, name, "the file is empty");
  else
    proto = unpack_message(arena, diag, name, &onnx__model_proto__descriptor, data, size);
  if (!proto) return NULL;
  Reader r = {.arena = arena, .diag = diag, .file = name, .folder = folder, .model = model_new(arena, diag, name)};
  bool good = read_model(&r, (const ModelProto *)proto);
  if (diag->errors >= MAX_ERRORS) diag_note(diag, "(there may be more: reading stopped here)");
  return good && diag->errors == errors ? r.model : NULL;
}

typedef struct {
  void *data;
  size_t size;
} Mapping;

static void unmap(void *object) {
  Mapping *mapping = object;
  munmap(mapping->data, mapping->size);
}

// The bytes of a file, mapped until the arena is freed; NULL, and size 0, for an empty one.
static bool map_model(Arena *arena, Diag *diag, const char *path, Mapping *out) {
  struct stat status;
  *out = (Mapping){NULL, 0};
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block
  if (file < 0 || fstat(file, &status) != 0) {
    diag_error(diag, path, "cannot read the file: %s", strerror(errno));
    if (file >= 0) close(file);
    return false;
  }
  const char *wrong = S_ISDIR(status.st_mode)   ? "it is a folder"
                      : S_ISREG(status.st_mode) ? NULL
                                                : "it is no regular file";
  out->size = (size_t)status.st_size;
  if (!wrong && out->size) {
    out->data = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, file, 0);
    if (out->data == MAP_FAILED) wrong = strerror(errno);
  }
  close(file);
  if (wrong) return diag_error(diag, path, "cannot read the file: %s", wrong);
  if (!out->size) return true;
  Mapping *kept = NEW(arena, Mapping);
  *kept = *out;
  arena_on_free(arena, unmap, kept);
  return true;
}

Model *read_onnx(Arena *arena, Diag *diag, const char *path) {
  Mapping mapping;
  if (!map_model(arena, diag, path, &mapping)) return NULL;
  const char *slash = strrchr(path, '/');
  const char *folder = !slash ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
  return read_onnx_bytes(arena, diag, path, mapping.data, mapping.size, folder);
}
