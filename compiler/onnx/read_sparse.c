// SparseTensorProto → dense Tensor. Few bytes of a file can ask for a large tensor, so their sum is bounded.
#include "compiler/onnx/reader.h"
#include <string.h>

// The place of element k in row-major order, or -1 when it lies outside. Indices are [n] places or [n, rank]
// coordinates.
static int64_t place_of(const Tensor *dense, const Tensor *indices, int64_t k, int64_t count) {
  if (indices->rank == 1) {
    int64_t place = tensor_int(indices, k);
    return place < count ? place : -1;
  }
  int64_t place = 0;
  for (int axis = 0; axis < dense->rank; axis++) {
    int64_t at = tensor_int(indices, k * dense->rank + axis);
    if (at < 0 || at >= dense->dims[axis]) return -1;
    place = place * dense->dims[axis] + at;
  }
  return place;
}

Tensor *read_sparse_tensor(Reader *r, const SparseTensorProto *proto, const Loc *loc) {
  const char *name = proto->values ? text_or_empty(proto->values->name) : "";
  if (!proto->values || !proto->indices) {
    tensor_error(r, loc, name, "is sparse and lacks its values or indices");
    return NULL;
  }
  Tensor *values = read_tensor(r, proto->values, loc);
  Tensor *indices = values ? read_tensor(r, proto->indices, loc) : NULL;
  if (!indices) return NULL;
  Tensor *dense = NEW(r->arena, Tensor);
  int64_t bytes;
  if (!read_shape(r, name, (int32_t)values->type, proto->n_dims, proto->dims, loc, dense, &bytes)) return NULL;
  int64_t size = dtype_bits(values->type) / 8, n = values->rank == 1 ? values->dims[0] : -1;
  bool places = indices->rank == 1, coordinates = indices->rank == 2 && indices->dims[1] == dense->rank;
  if (size == 0 || indices->type != DT_I64 || n < 0 || !(places || coordinates) || indices->dims[0] != n) {
    tensor_error(r, loc, name, "is sparse and its values and indices do not fit together");
    return NULL;
  }
  if (bytes > MAX_SPARSE_BYTES - r->sparse_bytes) {
    tensor_error(r, loc, name, "is sparse and too large when made dense (%d MiB in all)", MAX_SPARSE_BYTES >> 20);
    return NULL;
  }
  r->sparse_bytes += bytes;
  char *data = arena_alloc(r->arena, (size_t)bytes);
  for (int64_t k = 0; k < n; k++) {
    int64_t place = place_of(dense, indices, k, bytes / size);
    if (place < 0) {
      tensor_error(r, loc, name, "is sparse and its index %lld lies outside", (long long)k);
      return NULL;
    }
    memcpy(data + place * size, (const char *)values->data + k * size, (size_t)size);
  }
  dense->data = bytes ? data : NULL;
  return dense;
}
