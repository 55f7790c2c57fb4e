// Orders of elements: extremes, the first k, and which are equal. Of equal elements the one with the lower index comes
// first. NaN counts as larger than all numbers.
#pragma once
#include "templates/number.h"

// One block of lines side by side; `least`: the smallest, `last`: of equal ones the last. The first NaN wins.
enum { EXTREME_LANES = 64 };
#define EXTREME(NAME, T)                                                                                               \
  HELPER void extreme_##NAME(idx least, idx last, idx n, idx inner, idx lanes, const T *x, int64_t *y) {               \
    T best[EXTREME_LANES];                                                                                             \
    int64_t where[EXTREME_LANES];                                                                                      \
    for (idx i = 0; i < lanes; i++) best[i] = x[i], where[i] = 0;                                                      \
    for (idx k = 1; k < n; k++) {                                                                                      \
      for (idx i = 0; i < lanes; i++) {                                                                                \
        T next = x[k * inner + i], old = best[i];                                                                      \
        int better = least ? next < old : next > old, unordered = next != next && (last || old == old);                \
        int take = (better && old == old) | (last && next == old) | unordered;                                         \
        best[i] = take ? next : old;                                                                                   \
        where[i] = take ? (int64_t)k : where[i];                                                                       \
      }                                                                                                                \
    }                                                                                                                  \
    for (idx i = 0; i < lanes; i++) y[i] = where[i];                                                                   \
  }
#define X(name, number, T) EXTREME(name, T)
NUMBER_TYPES(X)
#undef X
#undef EXTREME

// y[o][i] = the k for which x[o][k][i] is largest, or smallest. Parallel over (o, blocks of i).
TEMPLATE Status arg_extreme(idx type, idx least, idx last, idx outer, idx n, idx inner, const void *x, int64_t *y,
                            void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx blocks = (inner + EXTREME_LANES - 1) / EXTREME_LANES, unit, end;
  share(outer * blocks, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx o = unit / blocks, i = unit % blocks * EXTREME_LANES, lanes = min_idx(EXTREME_LANES, inner - i);
    switch (type) {
#define X(name, number, T)                                                                                             \
  case name: extreme_##name(least, last, n, inner, lanes, (const T *)x + o * n * inner + i, y + o * inner + i); break;
      NUMBER_TYPES(X)
#undef X
    default: break;
    }
  }
  return STATUS_OK;
}

// A line of elements in which indices are compared.
typedef struct {
  idx type, stride;
  const void *x;
  uint64_t flip; // all ones: small elements come first
} SortLine;

HELPER int sorts_before(const SortLine *line, int64_t a, int64_t b) {
  uint64_t x = order_key(line->type, line->x, (idx)a * line->stride) ^ line->flip;
  uint64_t y = order_key(line->type, line->x, (idx)b * line->stride) ^ line->flip;
  return x > y || (x == y && a < b);
}

// A heap of `count` indices that lie `stride` apart, with the last in order at its top: moves `at` down from there.
HELPER void sink(const SortLine *line, int64_t *heap, idx stride, idx count, int64_t at) {
  idx hole = 0;
  for (idx child; (child = 2 * hole + 1) < count; hole = child) {
    if (child + 1 < count && sorts_before(line, heap[child * stride], heap[(child + 1) * stride])) child++;
    if (sorts_before(line, heap[child * stride], at)) break;
    heap[hole * stride] = heap[child * stride];
  }
  heap[hole * stride] = at;
}

// Adds `at` to a heap of `count` indices.
HELPER void lift(const SortLine *line, int64_t *heap, idx stride, idx count, int64_t at) {
  idx hole = count;
  for (; hole > 0 && sorts_before(line, heap[(hole - 1) / 2 * stride], at); hole = (hole - 1) / 2)
    heap[hole * stride] = heap[(hole - 1) / 2 * stride];
  heap[hole * stride] = at;
}

// Puts a heap in order.
HELPER void settle(const SortLine *line, int64_t *heap, idx stride, idx count) {
  while (--count > 0) {
    int64_t last = heap[count * stride];
    heap[count * stride] = heap[0];
    sink(line, heap, stride, count, last);
  }
}

// The k largest (or smallest) elements x[o][..][i] in order and their indices: values and indices are
// [outer][k][inner]. bytes: of an element. Parallel over (o, i).
TEMPLATE Status top_k(idx type, idx bytes, idx outer, idx n, idx inner, idx k, idx largest, const void *x, void *values,
                      int64_t *indices, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx unit, end;
  share(outer * inner, part, parts, &unit, &end);
  for (; unit < end && k > 0; unit++) {
    idx from = unit / inner * n * inner + unit % inner, to = unit / inner * k * inner + unit % inner;
    SortLine line = {type, inner, (const char *)x + from * bytes, largest ? 0 : UINT64_MAX};
    int64_t *heap = indices + to;
    for (idx i = 0; i < k; i++) lift(&line, heap, inner, i, i);
    for (idx i = k; i < n; i++)
      if (sorts_before(&line, i, heap[0])) sink(&line, heap, inner, k, i);
    settle(&line, heap, inner, k);
    for (idx i = 0; i < k; i++)
      memcpy((char *)values + (to + i * inner) * bytes, (const char *)line.x + (idx)heap[i * inner] * inner * bytes,
             (size_t)bytes);
  }
  return STATUS_OK;
}

// -1, 0, 1: how slices a and b of x[outer][n][inner] compare, first difference first.
HELPER int compare_slices(idx type, idx outer, idx n, idx inner, const void *x, int64_t a, int64_t b) {
  for (idx o = 0; o < outer; o++) {
    for (idx i = 0; i < inner; i++) {
      uint64_t left = order_key(type, x, (o * n + (idx)a) * inner + i);
      uint64_t right = order_key(type, x, (o * n + (idx)b) * inner + i);
      if (left != right) return left < right ? -1 : 1;
    }
  }
  return 0;
}

// Which of the n slices of x[outer][n][inner] are equal. Of *count different ones, in their order or (sorted = 0) that
// of their first occurrence, first[u] is the index of the first, counts[u] how many there are; inverse[j] is the u of
// slice j. `order` has room for 2·n numbers. Only part 0 works.
TEMPLATE Status unique(idx type, idx outer, idx n, idx inner, idx sorted, const void *x, int64_t *order, int64_t *first,
                       int64_t *inverse, int64_t *counts, int64_t *count, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  if (part) return STATUS_OK;
  int64_t *from = order, *to = order + n;
  for (idx i = 0; i < n; i++) from[i] = i;
  for (idx width = 1; width < n; width *= 2) { // merges of neighbours
    for (idx start = 0; start < n; start += 2 * width) {
      idx middle = min_idx(start + width, n), end = min_idx(start + 2 * width, n), a = start, b = middle;
      for (idx k = start; k < end; k++) {
        int left = a < middle && (b >= end || compare_slices(type, outer, n, inner, x, from[a], from[b]) <= 0);
        to[k] = left ? from[a++] : from[b++];
      }
    }
    int64_t *swap = from;
    from = to, to = swap;
  }
  idx found = 0;
  for (idx k = 0, start = 0; k < n; k++) { // inverse: the first of its kind, for now
    if (k > 0 && compare_slices(type, outer, n, inner, x, from[start], from[k])) start = k;
    inverse[from[k]] = from[start];
  }
  for (idx k = 0; k < n; k++) { // `to`: the number of each kind, at its first
    idx j = sorted ? (idx)from[k] : k;
    if (inverse[j] != j) continue;
    to[j] = found;
    first[found] = j;
    counts[found++] = 0;
  }
  for (idx j = 0; j < n; j++) {
    inverse[j] = to[inverse[j]];
    counts[inverse[j]]++;
  }
  *count = found;
  return STATUS_OK;
}
