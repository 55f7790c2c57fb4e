// .npy (NumPy's NEP 1) and raw bytes.
#include "runtime/tensor_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"

bool match_tensor(const ModelTensor *tensor, const Dtype *dtype, const char *dtype_text, const Shape *shape,
                  const char *source, Error *error) {
  bool same = dtype && dtype->number == tensor->dtype && shape->rank == tensor->rank;
  for (uint32_t i = 0; same && i < shape->rank; i++) same = shape->dims[i] == tensor->dims[i];
  if (same) return true;
  char expected[200], given[200];
  describe_tensor(expected, sizeof expected, find_dtype(tensor->dtype), tensor->rank, tensor->dims);
  describe_tensor(given, sizeof given, dtype, shape->rank, shape->dims);
  const char *after = strchr(given, '[');
  if (!dtype && after)
    return fail(error, "input '%s' expects %s, '%s' holds dtype '%s'%s", tensor->name, expected, source, dtype_text,
                after);
  return fail(error, "input '%s' expects %s, '%s' holds %s", tensor->name, expected, source, given);
}

bool read_raw(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source, Error *error) {
  if (size != tensor->bytes) {
    char expected[200];
    describe_tensor(expected, sizeof expected, find_dtype(tensor->dtype), tensor->rank, tensor->dims);
    return fail(error, "input '%s' expects %s, %" PRIu64 " raw bytes, '%s' holds %zu bytes", tensor->name, expected,
                tensor->bytes, source, size);
  }
  if (size > 0) memcpy(to, data, size);
  // Kernels may rely on booleans being 0 or 1.
  if (tensor->dtype == DTYPE_BOOL)
    for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = data[i] != 0;
  return true;
}

// The header of .npy is a Python dictionary literal; these read the little of Python that NumPy writes.
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

// From column-major order (the first index runs fastest) to row-major.
static void copy_fortran(const uint8_t *from, uint8_t *to, const Shape *shape, uint64_t count, size_t bytes) {
  int64_t index[TENSOR_RANK] = {0};
  uint64_t stride[TENSOR_RANK], next = 1, at = 0;
  for (uint32_t d = 0; d < shape->rank; d++) stride[d] = next, next *= (uint64_t)shape->dims[d];
  for (uint64_t i = 0; i < count; i++, to += bytes) {
    memcpy(to, from + at * bytes, bytes);
    for (uint32_t d = shape->rank; d-- > 0;) {
      at += stride[d];
      if (++index[d] < shape->dims[d]) break;
      at -= stride[d] * (uint64_t)shape->dims[d];
      index[d] = 0;
    }
  }
}

bool read_npy(const uint8_t *data, size_t size, const ModelTensor *tensor, void *to, const char *source, Error *error) {
  if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0) return fail(error, "'%s' is no .npy file", source);
  if (data[6] < 1 || data[6] > 3) return fail(error, "'%s' has .npy version %d, known are 1 to 3", source, data[6]);
  size_t start = data[6] == 1 ? 10 : 12, length = (size_t)data[8] | (size_t)data[9] << 8;
  if (size >= 12 && start == 12) length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
  if (size < start || length > size - start) return fail(error, "'%s' ends inside its .npy header", source);
  Scanner scanner = {(const char *)data + start, (const char *)data + start + length};
  const char *descr = "";
  size_t descr_length = 0;
  bool fortran = false;
  Shape shape = {0};
  if (!scan_npy_head(&scanner, &descr, &descr_length, &fortran, &shape))
    return fail(error, "'%s' has a .npy header that cannot be read", source);
  const Dtype *dtype = find_dtype_by_numpy(descr, descr_length);
  char text[32];
  snprintf(text, sizeof text, "%.*s", (int)(descr_length < 31 ? descr_length : 31), descr);
  if (!match_tensor(tensor, dtype, text, &shape, source, error)) return false;
  const uint8_t *body = data + start + length;
  size_t body_size = size - start - length;
  if (body_size < tensor->bytes)
    return fail(error, "'%s' ends too early: %zu of %" PRIu64 " bytes", source, body_size, tensor->bytes);
  if (!fortran || shape.rank < 2) return read_raw(body, tensor->bytes, tensor, to, source, error);
  copy_fortran(body, to, &shape, tensor->bytes / dtype->bytes, dtype->bytes);
  return true;
}

size_t make_npy_head(char head[NPY_HEAD], const ModelTensor *tensor) {
  if (tensor->rank > TENSOR_RANK) return 0;
  size_t used = 10;
  used += (size_t)snprintf(head + used, NPY_HEAD - used, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                           find_dtype(tensor->dtype)->numpy);
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
