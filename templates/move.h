// Moving data: transposes, gathers, borders, resizing. Elements are bytes of a given size, whatever they mean, except
// in resize2d_linear_f32.
#pragma once
#include "templates/vector.h"

// One element of a constant size from p to q.
HELPER void move_element(idx size, const char *p, char *q) { memcpy(q, p, (size_t)size); }

// rows×cols elements in blocks whose lines of source and target stay in L1.
HELPER void transpose_plain(idx size, idx rows, idx cols, const char *x, idx xr, idx xc, char *y, idx yc, idx yr) {
  enum { BLOCK = 16 };
  for (idx c0 = 0; c0 < cols; c0 += BLOCK) {
    idx c1 = min_idx(cols, c0 + BLOCK);
    for (idx r0 = 0; r0 < rows; r0 += BLOCK) {
      idx r1 = min_idx(rows, r0 + BLOCK);
      for (idx c = c0; c < c1; c++) {
        for (idx r = r0; r < r1; r++) move_element(size, x + (r * xr + c * xc) * size, y + (c * yc + r * yr) * size);
      }
    }
  }
}

// The same for 4-byte elements with xc = yr = 1, V×V through registers. A strip of V columns of x is read at a time:
// its rows are whole cache lines, and V lines of y are written along.
HELPER void transpose_squares(idx rows, idx cols, const float *x, idx xr, float *y, idx yc) {
  idx r1 = rows / V * V, c1 = cols / V * V;
  for (idx c = 0; c < c1; c += V) {
    for (idx r = 0; r < r1; r += V) {
      vf square[V];
      UNROLL for (idx u = 0; u < V; u++) square[u] = load_all(x + (r + u) * xr + c);
      transpose_lanes(square);
      UNROLL for (idx u = 0; u < V; u++) store_all(y + (c + u) * yc + r, square[u]);
    }
  }
  transpose_plain(4, rows - r1, c1, (const char *)(x + r1 * xr), xr, 1, (char *)(y + r1), yc, 1);
  transpose_plain(4, rows, cols - c1, (const char *)(x + c1), xr, 1, (char *)(y + c1 * yc), yc, 1);
}

// y[i0][i1][c][r] = x[i0][i1][r][c] by strides of elements. size: 1, 2, 4 or 8 bytes. Parallel over matrices and blocks
// of columns of x.
TEMPLATE Status transpose(idx size, idx n0, idx n1, idx rows, idx cols, const void *x, idx x0, idx x1, idx xr, idx xc,
                          void *y, idx y0, idx y1, idx yc, idx yr, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  enum { COLUMNS = 64 };
  idx blocks = (cols + COLUMNS - 1) / COLUMNS, unit, end;
  share(n0 * n1 * blocks, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx c = unit % blocks * COLUMNS, i1 = unit / blocks % n1, i0 = unit / blocks / n1;
    idx width = min_idx(COLUMNS, cols - c);
    const char *from = (const char *)x + (i0 * x0 + i1 * x1 + c * xc) * size;
    char *to = (char *)y + (i0 * y0 + i1 * y1 + c * yc) * size;
    if (size == 4 && xc == 1 && yr == 1) {
      transpose_squares(rows, width, (const float *)(const void *)from, xr, (float *)(void *)to, yc);
    } else {
      UNROLL for (idx bytes = 1; bytes <= 8; bytes *= 2) { // a constant size for each
        if (size == bytes) transpose_plain(bytes, rows, width, from, xr, xc, to, yc, yr);
      }
    }
  }
  return STATUS_OK;
}

// y[..., j] = x[..., j] for a box of any rank, elements of 1, 2, 4, 8 or 16 bytes. The table has a row for each axis
// but the last, which has n elements: size of the axis, stride of x, stride of y. Parallel over lines.
TEMPLATE Status copy_box(idx size, idx axes, const void *table, idx n, idx x_n, idx y_n, const void *x, void *y,
                         void *const *bufs, idx part, idx parts) {
  (void)bufs;
  const int64_t *rows = table;
  idx lines = 1, line, end;
  for (idx i = 0; i < axes; i++) lines *= (idx)rows[3 * i];
  share(lines, part, parts, &line, &end);
  for (; line < end; line++) {
    idx rest = line, xo = 0, yo = 0;
    for (idx i = axes; i-- > 0; rest /= (idx)rows[3 * i]) {
      idx at = rest % (idx)rows[3 * i];
      xo += at * (idx)rows[3 * i + 1], yo += at * (idx)rows[3 * i + 2];
    }
    const char *from = (const char *)x + xo * size;
    char *to = (char *)y + yo * size;
    if (x_n == 1 && y_n == 1) {
      memcpy(to, from, (size_t)(n * size));
      continue;
    }
    UNROLL for (idx bytes = 1; bytes <= 16; bytes *= 2) { // a constant size for each
      if (size != bytes) continue;
      for (idx j = 0; j < n; j++) move_element(bytes, from + j * x_n * bytes, to + j * y_n * bytes);
    }
  }
  return STATUS_OK;
}

// out[o][j] = data[o][indices[j]]: blocks of inner_bytes; data is [outer][axis_dim], out [outer][count]. Indices are
// int32 or int64 (index_bytes 4 or 8), negative ones count from the end. STATUS_INDEX where one is out of range.
// Parallel over (outer, count).
TEMPLATE Status gather(idx outer, idx axis_dim, idx count, idx inner_bytes, const void *data, const void *indices,
                       idx index_bytes, void *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx unit, end;
  share(outer * count, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx j = unit % count;
    int64_t at = index_bytes == 8 ? ((const int64_t *)indices)[j] : ((const int32_t *)indices)[j];
    if (at < 0) at += axis_dim;
    if (at < 0 || at >= axis_dim) return STATUS_INDEX;
    memcpy((char *)out + unit * inner_bytes, (const char *)data + (unit / count * axis_dim + (idx)at) * inner_bytes,
           (size_t)inner_bytes);
  }
  return STATUS_OK;
}

// `count` copies of one element.
HELPER void fill(idx size, idx count, const void *value, char *y) {
  for (idx i = 0; i < count; i++) move_element(size, value, y + i * size);
}

// y[n][oy][ox] = x[n][ytable[oy]][xtable[ox]]: pixels of pixel_bytes each (all channels, channels last). x strides are
// in bytes, y is packed. Parallel over output rows.
TEMPLATE Status resize2d_nearest(idx pixel_bytes, idx n, idx oh, idx ow, const int32_t *ytable, const int32_t *xtable,
                                 const void *x, idx x_n, idx x_h, idx x_w, void *y, void *const *bufs, idx part,
                                 idx parts) {
  (void)bufs;
  idx row, end;
  share(n * oh, part, parts, &row, &end);
  for (; row < end; row++) {
    const char *line = (const char *)x + row / oh * x_n + ytable[row % oh] * x_h;
    char *out = (char *)y + row * ow * pixel_bytes;
    for (idx ox = 0; ox < ow; ox++) memcpy(out + ox * pixel_bytes, line + xtable[ox] * x_w, (size_t)pixel_bytes);
  }
  return STATUS_OK;
}

// Bilinear: y[n][oy][ox][c] = Σ over a, b in {0, 1} of yweight[2·oy + a]·xweight[2·ox + b]·x[n][yindex[2·oy + a]]
// [xindex[2·ox + b]][c], handed to store(bufs, v, n, oy, ox, c, lanes). x strides are in floats, channels contiguous.
// Parallel over output rows.
TEMPLATE Status resize2d_linear_f32(idx n, idx oh, idx ow, idx c, const int32_t *yindex, const float *yweight,
                                    const int32_t *xindex, const float *xweight, const float *x, idx x_n, idx x_h,
                                    idx x_w, Store *store, void *const *bufs, idx part, idx parts) {
  idx row, end;
  share(n * oh, part, parts, &row, &end);
  for (; row < end; row++) {
    idx i = row / oh, oy = row % oh;
    const float *above = x + i * x_n + yindex[2 * oy] * x_h, *below = x + i * x_n + yindex[2 * oy + 1] * x_h;
    float wa = yweight[2 * oy], wb = yweight[2 * oy + 1];
    for (idx ox = 0; ox < ow; ox++) {
      idx left = xindex[2 * ox] * x_w, right = xindex[2 * ox + 1] * x_w;
      float wl = xweight[2 * ox], wr = xweight[2 * ox + 1];
      for (idx j = 0; j < c; j += V) {
        idx lanes = min_idx(V, c - j);
        vf upper = load_some(above + left + j, lanes) * wl + load_some(above + right + j, lanes) * wr;
        vf lower = load_some(below + left + j, lanes) * wl + load_some(below + right + j, lanes) * wr;
        store(bufs, upper * wa + lower * wb, i, oy, ox, j, lanes);
      }
    }
  }
  return STATUS_OK;
}
