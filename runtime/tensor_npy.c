// NumPy's .npy (NEP 1). Its header is a Python dictionary; strings are of one width, UTF-32 ('U') or bytes ('S').
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/tensor_file.h"
#include "runtime/utf8.h"

// These read the little of Python that NumPy writes.
typedef struct {
  const char *at, *end;
} Scanner;

static bool scan_char(Scanner *s, char c) {
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\n')) s->at++;
  if (s->at >= s->end || *s->at != c) return false;
  s->at++;
  return true;
}

static bool scan_word(Scanner *s, const char *word) {
  size_t length = strlen(word);
  while (s->at < s->end && *s->at == ' ') s->at++;
  if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0) return false;
  s->at += length;
  return true;
}

// The text between quotes.
static bool scan_string(Scanner *s, const char **text, size_t *length) {
  char quote = scan_char(s, '\'') ? '\'' : scan_char(s, '"') ? '"' : '\0';
  if (!quote) return false;
  const char *close = memchr(s->at, quote, (size_t)(s->end - s->at));
  if (!close) return false;
  *text = s->at;
  *length = (size_t)(close - s->at);
  s->at = close + 1;
  return true;
}

static bool scan_dim(Scanner *s, int64_t *dim) {
  while (s->at < s->end && *s->at == ' ') s->at++;
  const char *first = s->at;
  *dim = 0;
  for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
    if (__builtin_mul_overflow(*dim, 10, dim) || __builtin_add_overflow(*dim, *s->at - '0', dim)) return false;
  if (s->at < s->end && *s->at == 'L') s->at++; // Python 2's long
  return s->at > first;
}

static bool scan_shape(Scanner *s, Shape *shape) {
  if (!scan_char(s, '(')) return false;
  shape->rank = 0;
  while (!scan_char(s, ')')) {
    if (shape->rank == TENSOR_RANK || !scan_dim(s, &shape->dims[shape->rank++])) return false;
    if (!scan_char(s, ',')) return scan_char(s, ')');
  }
  return true;
}

static bool scan_npy_head(Scanner *s, const char **descr, size_t *descr_length, bool *fortran, Shape *shape) {
  bool has_descr = false, has_order = false, has_shape = false;
  if (!scan_char(s, '{')) return false;
  while (!scan_char(s, '}')) {
    const char *key;
    size_t length;
    if (!scan_string(s, &key, &length) || !scan_char(s, ':')) return false;
    if (length == 5 && memcmp(key, "descr", 5) == 0) {
      if (!scan_string(s, descr, descr_length)) return false;
      has_descr = true;
    } else if (length == 13 && memcmp(key, "fortran_order", 13) == 0) {
      *fortran = scan_word(s, "True");
      if (!*fortran && !scan_word(s, "False")) return false;
      has_order = true;
    } else if (length == 5 && memcmp(key, "shape", 5) == 0) {
      if (!scan_shape(s, shape)) return false;
      has_shape = true;
    } else {
      return false;
    }
    if (!scan_char(s, ',') && !(s->at < s->end && *s->at == '}')) return false;
  }
  return has_descr && has_order && has_shape;
}

// Where the elements lie that come one after the other in row-major order.
typedef struct {
  const Shape *shape;
  uint64_t at, stride[TENSOR_RANK];
  int64_t index[TENSOR_RANK];
} Walk;

// Column-major: the first index runs fastest.
static void start_walk(Walk *walk, const Shape *shape, bool fortran) {
  *walk = (Walk){.shape = shape};
  uint64_t next = 1;
  for (uint32_t i = 0; i < shape->rank; i++) {
    uint32_t d = fortran ? i : shape->rank - 1 - i;
    walk->stride[d] = next;
    next *= (uint64_t)shape->dims[d];
  }
}

static void step_walk(Walk *walk) {
  for (uint32_t d = walk->shape->rank; d-- > 0;) {
    walk->at += walk->stride[d];
    if (++walk->index[d] < walk->shape->dims[d]) return;
    walk->at -= walk->stride[d] * (uint64_t)walk->shape->dims[d];
    walk->index[d] = 0;
  }
}

// A string of `width` bytes, filled up with zeros, into the pool. unit: bytes of a character, 4 or 1.
static bool read_string(StringPool *pool, const uint8_t *from, size_t width, size_t unit, ModelString *string,
                        Error *error) {
  static const uint8_t zero[4];
  while (width > 0 && memcmp(from + width - unit, zero, unit) == 0) width -= unit;
  if (unit == 1) return add_string(pool, (const char *)from, width, string, error);
  if (!add_string(pool, NULL, width, string, error)) return false; // UTF-8 is never longer
  char *to = pool->data + string->offset;
  size_t used = 0;
  for (size_t i = 0; i < width; i += 4) {
    uint32_t code;
    memcpy(&code, from + i, sizeof code);
    char text[4];
    size_t length = encode_utf8(code, text);
    if (length == 0) return fail(error, "U+%04" PRIX32 " is no character", code);
    memcpy(to + used, text, length);
    used += length;
  }
  string->size = used;
  pool->size = string->offset + used;
  return true;
}

typedef struct {
  const Dtype *dtype;
  size_t width; // bytes of an element
  size_t unit;  // of a string's character
  bool fortran;
  Shape shape;
} NpyHead;

static bool read_head(NpyHead *head, const uint8_t *text, size_t length, const Value *value, char name[32]) {
  Scanner scanner = {(const char *)text, (const char *)text + length};
  const char *descr = "";
  size_t descr_length = 0;
  if (!scan_npy_head(&scanner, &descr, &descr_length, &head->fortran, &head->shape)) return false;
  head->dtype = find_dtype_by_numpy(descr, descr_length, value->model->dtype);
  snprintf(name, 32, "%.*s", (int)(descr_length < 31 ? descr_length : 31), descr);
  if (!head->dtype) return true;
  head->width = head->dtype->bits < 8 ? 1 : head->dtype->bits / 8;
  head->unit = 1;
  if (head->dtype->kind != KIND_STRING) return true;
  Scanner digits = {descr + 2, descr + descr_length};
  int64_t characters;
  if (!scan_dim(&digits, &characters) || characters < 1 || characters > PTRDIFF_MAX / 4) return false;
  head->unit = descr[1] == 'U' ? 4 : 1;
  head->width = (size_t)characters * head->unit;
  return true;
}

bool read_npy(const uint8_t *data, size_t size, Value *value, const char *source, Error *error) {
  if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0) return fail(error, "'%s' is no .npy file", source);
  if (data[6] < 1 || data[6] > 3) return fail(error, "'%s' has .npy version %d, known are 1 to 3", source, data[6]);
  size_t start = data[6] == 1 ? 10 : 12, length = (size_t)data[8] | (size_t)data[9] << 8;
  if (size >= 12 && start == 12) length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
  if (size < start || length > size - start) return fail(error, "'%s' ends inside its .npy header", source);
  NpyHead head = {0};
  char text[32];
  if (!read_head(&head, data + start, length, value, text))
    return fail(error, "'%s' has a .npy header that cannot be read", source);
  const uint8_t *body = data + start + length;
  uint64_t most = head.width ? (size - start - length) / head.width : UINT64_MAX, count;
  uint8_t *to = place_tensor(value, head.dtype, text, &head.shape, most, source, error);
  if (!to || !count_elements(head.shape.rank, head.shape.dims, &count)) return false;
  Walk walk;
  start_walk(&walk, &head.shape, head.fortran);
  bool plain = head.dtype->bits >= 8 && head.dtype->kind != KIND_STRING;
  if (plain && (!head.fortran || head.shape.rank < 2)) {
    if (count > 0) memcpy(to, body, count * head.width);
  } else {
    for (uint64_t i = 0; i < count; i++, step_walk(&walk)) {
      const uint8_t *from = body + walk.at * head.width;
      if (plain)
        memcpy(to + i * head.width, from, head.width);
      else if (head.dtype->kind != KIND_STRING)
        store_bits(head.dtype, to, i, *from);
      else if (!read_string(value->strings, from, head.width, head.unit, (ModelString *)to + i, error))
        return false;
    }
  }
  settle_bools(head.dtype, to, count);
  return true;
}

// The most characters that a string of the tensor has; false where one is no UTF-8, or ends in U+0000, which NumPy
// would drop.
static bool measure_strings(const Tensor *tensor, size_t *longest) {
  *longest = 1;
  for (uint64_t i = 0; i < tensor->count; i++) {
    const ModelString *string = (const ModelString *)tensor->data + i;
    const char *p = tensor->strings + string->offset, *end = p + string->size;
    size_t characters = 0;
    if (p < end && end[-1] == '\0') return false;
    for (size_t length; p < end; p += length, characters++)
      if ((length = utf8_length(p, (size_t)(end - p))) == 0) return false;
    if (characters > *longest) *longest = characters;
  }
  return true;
}

static void write_strings(const Tensor *tensor, size_t longest, uint8_t *to) {
  for (uint64_t i = 0; i < tensor->count; i++, to += longest * 4) {
    const ModelString *string = (const ModelString *)tensor->data + i;
    const char *p = tensor->strings + string->offset, *end = p + string->size;
    for (size_t at = 0; p < end; at += 4) {
      size_t length = utf8_length(p, (size_t)(end - p));
      uint32_t code = decode_utf8(p, length);
      memcpy(to + at, &code, sizeof code);
      p += length;
    }
  }
}

static size_t make_head(char head[NPY_HEAD], const Tensor *tensor, size_t longest) {
  size_t used = 10;
  used += (size_t)snprintf(head + used, NPY_HEAD - used, "{'descr': '%s", tensor->dtype->numpy);
  if (longest > 0) used += (size_t)snprintf(head + used, NPY_HEAD - used, "%zu", longest);
  used += (size_t)snprintf(head + used, NPY_HEAD - used, "', 'fortran_order': False, 'shape': (");
  for (uint32_t i = 0; i < tensor->rank; i++)
    used += (size_t)snprintf(head + used, NPY_HEAD - used, i ? " %" PRId64 "," : "%" PRId64 ",", tensor->dims[i]);
  if (tensor->rank > 1) used--; // (2, 3) but (2,)
  used += (size_t)snprintf(head + used, NPY_HEAD - used, "), }");
  while ((used + 1) % 64 != 0) head[used++] = ' ';
  head[used++] = '\n';
  memcpy(head, "\x93NUMPY\x01\x00", 8);
  head[8] = (char)((used - 10) & 255);
  head[9] = (char)((used - 10) >> 8);
  return used;
}

bool make_npy(NpyFile *file, const Tensor *tensor, Error *error) {
  bool strings = tensor->dtype->kind == KIND_STRING;
  size_t longest = 0;
  *file = (NpyFile){.body = tensor->data, .body_size = tensor->bytes};
  if (tensor->rank > TENSOR_RANK) return fail(error, "'%.60s' has too many dims for a .npy", tensor->name);
  if (strings && !measure_strings(tensor, &longest))
    return fail(error, "'%.60s' has strings that .npy cannot hold: use .json or .pb", tensor->name);
  file->head_size = make_head(file->head, tensor, longest);
  if (!strings && tensor->dtype->bits >= 8) return true;
  size_t each = strings ? longest * 4 : 1;
  if (__builtin_mul_overflow(tensor->count, each, &file->body_size) ||
      !(file->own = map_memory(file->body_size, error)))
    return fail(error, "'%.60s' is too large for a .npy", tensor->name);
  file->body = file->own;
  if (strings) write_strings(tensor, longest, file->own);
  for (uint64_t i = 0; !strings && i < tensor->count; i++)
    ((uint8_t *)file->own)[i] = (uint8_t)load_bits(tensor->dtype, tensor->data, i);
  return true;
}

void free_npy(NpyFile *file) {
  if (file->own) unmap_memory(file->own, file->body_size);
  file->own = NULL;
}
