// TensorProto → Tensor. Raw bytes stay where they lie in the file, at any alignment.
#include "compiler/onnx/reader.h"
#include <stdlib.h>
#include <string.h>

void tensor_report(Reader *r, const Loc *loc, const char *name, const char *format, ...) {
  va_list arguments;
  char text[512];
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (loc)
    diag_report_at(r->diag, loc, "tensor '%s' %s", name, text);
  else
    diag_report(r->diag, r->file, "tensor '%s' %s", name, text);
}

static const char *shape_text(Arena *arena, int32_t type, size_t rank, const int64_t *dims) {
  Text text = {.arena = arena};
  text_printf(&text, "%s[", dtype_name((DType)type));
  for (size_t i = 0; i < rank && i < MAX_RANK; i++) text_printf(&text, "%s%lld", i ? "," : "", (long long)dims[i]);
  text_printf(&text, rank > MAX_RANK ? ",...]" : "]");
  return text.data;
}

bool read_shape(Reader *r, const char *name, int32_t type, size_t rank, const int64_t *dims, const Loc *loc,
                Tensor *out, int64_t *bytes) {
  if (type <= DT_UNDEFINED || type >= DT_COUNT)
    return tensor_error(r, loc, name, type ? "has the unknown element type %d" : "has no element type", type);
  if (rank > MAX_RANK) return tensor_error(r, loc, name, "has %zu dimensions (at most %d)", rank, MAX_RANK);
  const char *text = shape_text(r->arena, type, rank, dims);
  int64_t count = 1;
  bool empty = false;
  for (size_t i = 0; i < rank; i++) {
    if (dims[i] < 0) return tensor_error(r, loc, name, "%s has a negative dimension", text);
    if (dims[i] == 0)
      empty = true;
    else if (!mul_size(count, dims[i], &count))
      return tensor_error(r, loc, name, "%s is too large", text);
  }
  if ((*bytes = dtype_bytes((DType)type, count)) < 0) return tensor_error(r, loc, name, "%s is too large", text);
  if (empty) *bytes = 0;
  *out = (Tensor){.type = (DType)type, .rank = (int)rank, .dims = dims};
  return true;
}

static bool size_error(Reader *r, const TensorProto *proto, const Loc *loc, const char *unit, int64_t expected,
                       uint64_t found) {
  return tensor_error(r, loc, text_or_empty(proto->name), "%s takes %lld %s, but the file holds %llu",
                      shape_text(r->arena, proto->data_type, proto->n_dims, proto->dims), (long long)expected, unit,
                      (unsigned long long)found);
}

// Any byte but 0 is true in a file; in memory true is 1.
static const void *normalize_bools(Reader *r, const uint8_t *data, int64_t count) {
  uint8_t *copy = NULL;
  for (int64_t i = 0; i < count; i++) {
    if (data[i] <= 1) continue;
    if (!copy) {
      copy = arena_alloc(r->arena, (size_t)count);
      memcpy(copy, data, (size_t)count);
    }
    copy[i] = 1;
  }
  return copy ? copy : data;
}

// The lists of typed data. An entry of int32_data holds one element, or one byte of packed narrow elements.
typedef struct {
  const void *data;
  size_t count;
  int size; // of an entry
} List;

static List list_of(const TensorProto *proto) {
  switch (proto->data_type) {
  case DT_F32:
  case DT_C64: return (List){proto->float_data, proto->n_float_data, 4};
  case DT_F64:
  case DT_C128: return (List){proto->double_data, proto->n_double_data, 8};
  case DT_I64: return (List){proto->int64_data, proto->n_int64_data, 8};
  case DT_U32:
  case DT_U64: return (List){proto->uint64_data, proto->n_uint64_data, 8};
  default: return (List){proto->int32_data, proto->n_int32_data, 4};
  }
}

static const void *read_list(Reader *r, const TensorProto *proto, const Loc *loc, int64_t bytes) {
  List list = list_of(proto);
  int bits = dtype_bits((DType)proto->data_type);
  int64_t size = bits < 8 ? 1 : bits / 8;
  if (size > list.size) size /= 2; // complex: an entry is half an element
  int64_t count = bytes / size;
  if (list.count != (uint64_t)count) {
    size_error(r, proto, loc, "entries", count, list.count);
    return NULL;
  }
  if (size == list.size) return list.data;
  char *out = arena_alloc(r->arena, (size_t)bytes);
  for (int64_t i = 0; i < count; i++) // little-endian: the low bytes are the narrower number
    memcpy(out + i * size, (const char *)list.data + i * list.size, (size_t)size);
  return out;
}

static bool read_strings(Reader *r, const TensorProto *proto, const Loc *loc, Tensor *tensor) {
  int64_t count = tensor_count(tensor);
  if (proto->n_string_data != (uint64_t)count) return size_error(r, proto, loc, "strings", count, proto->n_string_data);
  const char **strings = NEW_ARRAY(r->arena, const char *, proto->n_string_data);
  for (size_t i = 0; i < proto->n_string_data; i++) {
    const ProtobufCBinaryData *s = &proto->string_data[i];
    if (s->len && memchr(s->data, 0, s->len))
      return tensor_error(r, loc, text_or_empty(proto->name), "has a zero byte in string %zu", i);
    strings[i] = arena_strndup(r->arena, (const char *)s->data, s->len);
  }
  tensor->strings = strings;
  return true;
}

static Tensor *read_new_tensor(Reader *r, const TensorProto *proto, const Loc *loc) {
  const char *name = text_or_empty(proto->name);
  Tensor *tensor = NEW(r->arena, Tensor);
  int64_t bytes;
  if (!read_shape(r, name, proto->data_type, proto->n_dims, proto->dims, loc, tensor, &bytes)) return NULL;
  if (proto->segment) {
    tensor_error(r, loc, name, "is one segment of a tensor, which is not supported: store it whole");
    return NULL;
  }
  if (tensor->type == DT_STRING) {
    // tensor_count of a dim of zero beside others is zero: no strings to come.
    return read_strings(r, proto, loc, tensor) ? tensor : NULL;
  }
  const void *data = NULL;
  if (proto->data_location == 1) {
    if (bytes) data = read_external(r, proto, bytes, loc);
  } else if (proto->has_raw_data && (proto->raw_data.len || bytes == 0)) {
    if (proto->raw_data.len != (uint64_t)bytes) {
      size_error(r, proto, loc, "bytes", bytes, proto->raw_data.len);
      return NULL;
    }
    data = proto->raw_data.data;
  } else {
    data = read_list(r, proto, loc, bytes);
  }
  if (bytes == 0) return tensor;
  if (!data) return NULL;
  tensor->data = data;
  if (tensor->type == DT_BOOL) tensor->data = normalize_bools(r, tensor->data, bytes);
  return tensor;
}

Tensor *read_tensor(Reader *r, const TensorProto *proto, const Loc *loc) {
  const char *key = arena_printf(r->arena, "%p", (const void *)proto);
  Tensor *tensor = names_find(&r->tensors, key);
  if (tensor) return tensor;
  tensor = read_new_tensor(r, proto, loc);
  if (tensor) names_add(r->arena, &r->tensors, key, tensor);
  return tensor;
}
