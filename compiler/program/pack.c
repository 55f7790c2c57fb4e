// Packing weights: a strided copy of a constant into the order in which a template reads it, streamed in pieces, so
// that it takes the same little memory whatever the size.
//
// Elements of the packed form are made in order, a block of rows of the last dim at a time. Where the source is
// contiguous along the last dim a row is one memcpy; else the block is a transposition.
#include "compiler/program/program.h"
#include <assert.h>
#include <string.h>

enum { BLOCK_BYTES = 512 << 10, LINE_BYTES = 64 };

// A block of the packed form: rows × lanes elements at strides of the source, of which the last lanes - valid are zero.
typedef struct {
  const char *source;
  int64_t rows, lanes, valid;
  int64_t row_stride, lane_stride;
} Block;

static int64_t min_size(int64_t a, int64_t b) { return a < b ? a : b; }

// Turns squares of one cache line each way, in memory that stays in the nearest cache: lines of the source and of the
// result may each be a page apart. Inlined for each element size, so that the copies of one element are single moves.
static inline __attribute__((always_inline)) void transpose_block(char *out, const Block *b, int64_t size) {
  int64_t square = LINE_BYTES / size, pitch = b->lanes * size, row = b->row_stride * size, lane = b->lane_stride * size;
  char turned[LINE_BYTES * LINE_BYTES];
  for (int64_t l0 = 0; l0 < b->valid; l0 += square) {
    int64_t lanes = min_size(b->valid - l0, square);
    for (int64_t r0 = 0; r0 < b->rows; r0 += square) {
      int64_t rows = min_size(b->rows - r0, square);
      for (int64_t l = 0; l < lanes; l++) {
        const char *source = b->source + (l0 + l) * lane + r0 * row;
        for (int64_t r = 0; r < rows; r++) memcpy(turned + r * LINE_BYTES + l * size, source + r * row, (size_t)size);
      }
      for (int64_t r = 0; r < rows; r++)
        memcpy(out + (r0 + r) * pitch + l0 * size, turned + r * LINE_BYTES, (size_t)(lanes * size));
    }
  }
}

static void copy_rows(char *out, const Block *b, int64_t size) {
  for (int64_t r = 0; r < b->rows; r++)
    memcpy(out + r * b->lanes * size, b->source + r * b->row_stride * size, (size_t)(b->valid * size));
}

static void clear_missing(char *out, const Block *b, int64_t size) {
  for (int64_t r = 0; b->valid < b->lanes && r < b->rows; r++)
    memset(out + (r * b->lanes + b->valid) * size, 0, (size_t)((b->lanes - b->valid) * size));
}

static void copy_block(char *out, const Block *b, int64_t size) {
  if (b->lane_stride == 1)
    copy_rows(out, b, size);
  else if (size == 1)
    transpose_block(out, b, 1);
  else if (size == 2)
    transpose_block(out, b, 2);
  else if (size == 4)
    transpose_block(out, b, 4);
  else
    transpose_block(out, b, 8);
  clear_missing(out, b, size);
}

int64_t pack_count(const Buffer *weight) {
  const Pack *pack = &weight->pack;
  if (pack->rank == 0) return tensor_count(weight->tensor);
  int64_t count = 1;
  for (int i = 0; i < pack->rank; i++) count *= pack->dims[i];
  return count;
}

// Asserts that every element that the packed form takes lies in the source.
static void check_bounds(const Buffer *weight) {
  const Pack *pack = &weight->pack;
  assert(pack->rank <= (int)COUNT(pack->dims));
  int64_t last = 0;
  for (int i = 0; i < pack->rank; i++) {
    assert(pack->strides[i] >= 0);
    bool paneled = pack->panel > 0 && (i == pack->panel_dim || i == pack->rank - 1);
    if (!paneled) last += (pack->dims[i] - 1) * pack->strides[i];
  }
  if (pack->panel > 0) {
    int64_t panels = pack->dims[pack->panel_dim], lane_stride = pack->strides[pack->rank - 1];
    assert(pack->panel_dim >= 0 && pack->panel_dim < pack->rank - 1);
    assert(pack->dims[pack->rank - 1] == pack->panel && pack->bound > (panels - 1) * pack->panel);
    assert(panels == 1 || pack->strides[pack->panel_dim] == pack->panel * lane_stride);
    last += ((pack->bound < panels * pack->panel ? pack->bound : panels * pack->panel) - 1) * lane_stride;
  }
  assert(last < tensor_count(weight->tensor));
  (void)last;
}

// Lanes that come from the source in the rows of panel `index`.
static int64_t valid_lanes(const Pack *pack, int64_t lanes, int64_t index) {
  if (pack->panel == 0) return lanes;
  int64_t left = pack->bound - index * pack->panel;
  return min_size(left, lanes);
}

// As it is, in parts, so that a weight of gigabytes is never in memory as a whole.
static bool write_plain(const Tensor *tensor, bool (*write)(void *context, const void *data, size_t size),
                        void *context) {
  const int64_t all = tensor_bytes(tensor), part = INT64_C(64) << 20;
  for (int64_t at = 0; at < all; at += part) {
    int64_t bytes = min_size(part, all - at);
    if (!write(context, (const char *)tensor->data + at, (size_t)bytes)) return false;
    tensor_page_out(tensor, at, bytes);
  }
  return true;
}

static bool write_packed(const Buffer *weight, bool (*write)(void *context, const void *data, size_t size),
                         void *context) {
  const Pack *pack = &weight->pack;
  const Tensor *tensor = weight->tensor;
  if (pack_count(weight) == 0) return true;
  if (pack->rank == 0) return write_plain(tensor, write, context);
  check_bounds(weight);
  int64_t size = dtype_unit(tensor->type);
  assert(size == 1 || size == 2 || size == 4 || size == 8);

  // The last two dims are rows and lanes of a block. Rows of which each is a panel of its own are blocks of their own.
  int outer = pack->rank > 1 ? pack->rank - 2 : 0;
  bool row_panels = pack->panel > 0 && pack->panel_dim == outer;
  int64_t rows = pack->rank > 1 ? pack->dims[outer] : 1, lanes = pack->dims[pack->rank - 1];
  int64_t row_stride = pack->rank > 1 ? pack->strides[outer] : 0, lane_stride = pack->strides[pack->rank - 1];
  int64_t at_once = row_panels ? 1 : BLOCK_BYTES / size / lanes, part = BLOCK_BYTES / size;
  if (at_once < 1) at_once = 1;

  _Alignas(LINE_BYTES) char out[BLOCK_BYTES];
  int64_t filled = 0; // bytes of `out`
  int64_t index[COUNT(pack->dims)] = {0}, base = 0;
  for (;;) {
    for (int64_t r = 0; r < rows; r += at_once) {
      int64_t count = min_size(rows - r, at_once);
      int64_t valid = valid_lanes(pack, lanes, row_panels ? r : index[pack->panel_dim]);
      for (int64_t l = 0; l < lanes; l += part) { // more than one part: a row that is longer than `out`
        int64_t width = min_size(lanes - l, part), bytes = count * width * size;
        if (filled + bytes > BLOCK_BYTES) {
          if (!write(context, out, (size_t)filled)) return false;
          filled = 0;
        }
        int64_t left = valid - l < 0 ? 0 : min_size(valid - l, width);
        copy_block(out + filled,
                   &(Block){.source = (const char *)tensor->data + (base + r * row_stride + l * lane_stride) * size,
                            .rows = count,
                            .lanes = width,
                            .valid = left,
                            .row_stride = row_stride,
                            .lane_stride = lane_stride},
                   size);
        filled += bytes;
      }
    }
    int d = outer - 1;
    for (; d >= 0; d--) {
      base += pack->strides[d];
      if (++index[d] < pack->dims[d]) break;
      base -= pack->dims[d] * pack->strides[d];
      index[d] = 0;
    }
    if (d < 0) return write(context, out, (size_t)filled);
  }
}

bool pack_write(const Buffer *weight, bool (*write)(void *context, const void *data, size_t size), void *context) {
  bool ok = write_packed(weight, write, context);
  tensor_page_out(weight->tensor, 0, tensor_bytes(weight->tensor));
  return ok;
}
