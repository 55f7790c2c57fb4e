// Sequences, optionals and maps: blocks as runtime/sequence.h lays them out. No generated functions, all serial.
#pragma once
#include "runtime/sequence.h"
#include "templates/template.h"

HELPER Element *sequence_at(Sequence *block, idx i) { return (Element *)((char *)block + block->offsets[i]); }

// An int32 or int64, as `bytes` says.
HELPER idx sequence_number(idx bytes, const void *x, idx i) {
  return bytes == 4 ? (idx)((const int32_t *)x)[i] : (idx)((const int64_t *)x)[i];
}

// Writes an element of `bytes` of data at `at`. Returns where the next one begins.
HELPER idx sequence_write(Sequence *block, idx index, idx at, idx kind, idx rank, const int64_t *dims, const void *data,
                          idx bytes) {
  block->offsets[index] = at;
  Element *element = (Element *)((char *)block + at);
  element->kind = kind;
  element->rank = rank;
  for (idx i = 0; i < rank; i++) element->dims[i] = dims[i];
  at += (idx)element_head_bytes(rank);
  if (bytes && data) memcpy((char *)block + at, data, (size_t)bytes);
  return at + (idx)align_sequence(bytes);
}

// A block of `bytes` for `count` elements.
TEMPLATE Status sequence_head(idx bytes, idx count, Sequence *block, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  block->bytes = bytes;
  block->count = count;
  return STATUS_OK;
}

// Element `index` of a block, at `at`.
TEMPLATE Status sequence_put(idx index, idx at, idx kind, idx rank, idx bytes, const int64_t *dims, const void *x,
                             Sequence *block, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  sequence_write(block, index, at, kind, rank, dims, x, bytes);
  return STATUS_OK;
}

// x with one more element, in front of the one at *position, or behind all. The header takes 16 bytes more, so that the
// size of the result follows from that of x.
TEMPLATE Status sequence_insert(idx kind, idx rank, idx bytes, idx total, idx place_bytes, const int64_t *dims,
                                const void *position, const Sequence *x, const void *element, Sequence *block,
                                void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx n = (idx)x->count, place = place_bytes ? sequence_number(place_bytes, position, 0) : n;
  if (place < -n || place > n) return STATUS_INDEX;
  if (place < 0) place += n;
  idx head = (idx)sequence_head_bytes(n);
  block->bytes = total;
  block->count = n + 1;
  memcpy((char *)block + head + SEQUENCE_ALIGNMENT, (const char *)x + head, (size_t)(x->bytes - head));
  for (idx i = 0; i < n; i++) block->offsets[i + (i >= place)] = x->offsets[i] + SEQUENCE_ALIGNMENT;
  sequence_write(block, place, (idx)x->bytes + SEQUENCE_ALIGNMENT, kind, rank, dims, element, bytes);
  return STATUS_OK;
}

// Appending in place: *room is for how many offsets there is room before the data, if that is known. Where there is no
// room for another, the data moves up to make twice as much, so that many appended elements cost as much as they are.
HELPER idx sequence_more_room(idx room, const Sequence *x) {
  return (idx)x->count < room ? 0 : (idx)align_sequence(8 * (x->count + 2));
}

TEMPLATE Status sequence_append_bytes(idx bytes, const int64_t *room, const Sequence *x, int64_t *found,
                                      void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  *found = x->bytes + sequence_more_room((idx)*room, x) + bytes;
  return STATUS_OK;
}

TEMPLATE Status sequence_append(idx kind, idx rank, idx bytes, idx total, const int64_t *dims, const void *x,
                                int64_t *room, Sequence *block, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx n = (idx)block->count, more = sequence_more_room((idx)*room, block), end = (idx)block->bytes;
  if (more > 0) {
    char *data = (char *)&block->offsets[n];
    memmove(data + more, data, (size_t)((char *)block + end - data));
    for (idx i = 0; i < n; i++) block->offsets[i] += more;
    *room = n + more / 8;
  }
  sequence_write(block, n, end + more, kind, rank, dims, x, bytes);
  block->bytes = total;
  block->count = n + 1;
  return STATUS_OK;
}

// Bytes from an element to what follows it in memory.
HELPER idx sequence_span(const Sequence *x, idx i) {
  int64_t end = x->bytes;
  for (idx k = 0; k < (idx)x->count; k++)
    if (x->offsets[k] > x->offsets[i] && x->offsets[k] < end) end = x->offsets[k];
  return (idx)(end - x->offsets[i]);
}

HELPER Status sequence_place(idx place_bytes, const void *position, const Sequence *x, idx *place) {
  idx n = (idx)x->count;
  *place = place_bytes ? sequence_number(place_bytes, position, 0) : n - 1;
  if (*place < -n || *place >= n) return STATUS_INDEX;
  if (*place < 0) *place += n;
  return STATUS_OK;
}

// Bytes of x without one element.
TEMPLATE Status sequence_erase_bytes(idx place_bytes, const void *position, const Sequence *x, int64_t *found,
                                     void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx place;
  Status status = sequence_place(place_bytes, position, x, &place);
  if (status != STATUS_OK) return status;
  int64_t bytes = sequence_head_bytes(x->count - 1);
  for (idx i = 0; i < (idx)x->count; i++) bytes += i == place ? 0 : sequence_span(x, i);
  *found = bytes;
  return STATUS_OK;
}

TEMPLATE Status sequence_erase(idx place_bytes, idx total, const void *position, const Sequence *x, Sequence *block,
                               void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx place, n = (idx)x->count, at = (idx)sequence_head_bytes(n - 1), to = 0;
  Status status = sequence_place(place_bytes, position, x, &place);
  if (status != STATUS_OK) return status;
  block->bytes = total;
  block->count = n - 1;
  for (idx i = 0; i < n; i++) {
    if (i == place) continue;
    idx span = sequence_span(x, i);
    memcpy((char *)block + at, (const char *)x + x->offsets[i], (size_t)span);
    block->offsets[to++] = at;
    at += span;
  }
  return STATUS_OK;
}

// Where an element lies: found[0] to found[rank - 1] become its dims (which must be wanted[i] where that is not
// negative), found[rank] the offset of its data in bytes. With kind < 0 the element is a block: rank is 1, its dim is
// its number of bytes.
TEMPLATE Status sequence_find(idx kind, idx rank, idx place_bytes, const int64_t *wanted, const void *position,
                              const Sequence *x, int64_t *found, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx place;
  Status status = sequence_place(place_bytes, position, x, &place);
  if (status != STATUS_OK) return status;
  const Element *element = sequence_element(x, place);
  const char *data = element_data(element);
  if (element->kind != kind) return STATUS_SHAPE;
  if (kind > 0 && element->rank != rank) return STATUS_SHAPE;
  for (idx i = 0; i < rank; i++) {
    int64_t dim = kind < 0 ? ((const Sequence *)data)->bytes : element->dims[i];
    if (wanted[i] >= 0 && wanted[i] != dim) return STATUS_SHAPE;
    found[i] = dim;
  }
  found[rank] = data - (const char *)x;
  return STATUS_OK;
}

// Dims of all elements joined along `axis` of the result, which is a new one where `fresh` is 1.
TEMPLATE Status sequence_joined(idx kind, idx rank, idx axis, idx fresh, const int64_t *wanted, const Sequence *x,
                                int64_t *found, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  int64_t length = 0;
  if (x->count == 0) return STATUS_SHAPE;
  const Element *first = sequence_element(x, 0);
  for (idx k = 0; k < (idx)x->count; k++) {
    const Element *element = sequence_element(x, k);
    if (element->kind != kind || element->rank != rank - fresh) return STATUS_SHAPE;
    for (idx i = 0; i < rank - fresh; i++)
      if ((fresh || i != axis) && element->dims[i] != first->dims[i]) return STATUS_SHAPE;
    length += fresh ? 1 : element->dims[axis];
  }
  for (idx i = 0; i < rank; i++) {
    int64_t dim = i == axis ? length : first->dims[i - (fresh && i > axis)];
    if (wanted[i] >= 0 && wanted[i] != dim) return STATUS_SHAPE;
    found[i] = dim;
  }
  return STATUS_OK;
}

// The elements of x (each of `unit` bytes an item) behind one another along an axis. `inner` counts items.
TEMPLATE Status sequence_join(idx unit, idx outer, idx length, idx inner, idx axis, idx fresh, const Sequence *x,
                              void *y, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx at = 0;
  for (idx k = 0; k < (idx)x->count; k++) {
    const Element *element = sequence_element(x, k);
    idx own = (fresh ? 1 : (idx)element->dims[axis]) * inner * unit;
    const char *from = element_data(element);
    for (idx o = 0; o < outer && own > 0; o++)
      memcpy((char *)y + o * length * inner * unit + at, from + o * own, (size_t)own);
    at += own;
  }
  return STATUS_OK;
}

// x[outer][n][inner] cut into `count` pieces of `each` along axis `axis` of its dims, the last one smaller; or of
// split[i], where split_bytes is not 0. keep 0: pieces have no such axis.
TEMPLATE Status sequence_split(idx kind, idx unit, idx total, idx count, idx each, idx outer, idx n, idx inner,
                               idx rank, idx axis, idx keep, idx split_bytes, const int64_t *dims, const void *split,
                               const void *x, Sequence *block, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)part, (void)parts;
  idx from = 0, at = (idx)sequence_head_bytes(count), row = inner * unit;
  block->bytes = total;
  block->count = count;
  for (idx k = 0; k < count; k++) {
    idx own = split_bytes ? sequence_number(split_bytes, split, k) : min_idx(each, n - from),
        ranks = keep ? rank : rank - 1;
    if (own < 0 || own > n - from) return STATUS_SHAPE;
    idx next = sequence_write(block, k, at, kind, ranks, dims, NULL, outer * own * row);
    Element *element = sequence_at(block, k);
    for (idx i = 0; i < ranks; i++) element->dims[i] = keep && i == axis ? own : dims[i + (!keep && i >= axis)];
    char *to = (char *)block + at + element_head_bytes(ranks);
    for (idx o = 0; o < outer && own * row > 0; o++)
      memcpy(to + o * own * row, (const char *)x + (o * n + from) * row, (size_t)(own * row));
    from += own;
    at = next;
  }
  return from == n ? STATUS_OK : STATUS_SHAPE;
}
