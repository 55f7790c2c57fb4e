// Sampling images at computed places: GridSample, RoiAlign, MaxRoiPool. Each once for float32 and once for float64
// (bytes: 4 or 8).
#pragma once
#include "templates/kinds.h"
#include "templates/scalar.h"

enum { SAMPLE_AXES = 3, SAMPLE_TAPS = 4 };

// Elements of an axis that one coordinate reads, with their weights; outside of the image: weight 0.
typedef struct {
  idx count, at[SAMPLE_TAPS];
  double weight[SAMPLE_TAPS];
} Taps;

// Mirrored at both borders until it lies between them.
HELPER double reflect_between(double x, double low, double high) {
  double range = high - low, beyond = x < low ? low - x : x > high ? x - high : -1;
  if (beyond < 0) return x;
  if (!(range > 0)) return low;
  double turns = trunc_real(beyond / range), rest = beyond - turns * range;
  int odd = (int64_t)turns & 1, below = x < low;
  return below != odd ? low + rest : high - rest;
}

// Keys' cubic convolution with a = -0.75.
HELPER void cubic_weights(double x, double w[4]) {
  const double a = -0.75, p = x + 1, q = 1 - x, r = 2 - x;
  w[0] = ((a * p - 5 * a) * p + 8 * a) * p - 4 * a;
  w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
  w[2] = ((a + 2) * q - (a + 3)) * q * q + 1;
  w[3] = ((a * r - 5 * a) * r + 8 * a) * r - 4 * a;
}

// The element that index i means, or -1 for none.
HELPER idx pad_index(idx i, idx size, idx padding, double low, double high) {
  if (padding == SAMPLE_BORDER) return i < 0 ? 0 : i < size ? i : size - 1;
  if (padding == SAMPLE_REFLECTION) i = (idx)trunc_real(reflect_between((double)i, low, high));
  return i >= 0 && i < size ? i : -1;
}

// Of a coordinate from -1 to 1 along an axis.
HELPER Taps find_taps(double place, idx size, idx mode, idx padding, idx align) {
  double low = align ? 0 : -0.5, high = (double)size - (align ? 1 : 0.5), last = (double)(size - 1);
  double x = align ? (place + 1) / 2 * last : ((place + 1) * (double)size - 1) / 2;
  if (!(x > -1e9)) x = -1e9; // NaN, too
  if (x > 1e9) x = 1e9;
  if (mode == SAMPLE_NEAREST) x = round_real(x);
  if (x < low || x > high) {
    if (padding == SAMPLE_BORDER) x = x < 0 ? 0 : x > last ? last : x;
    if (padding == SAMPLE_REFLECTION) x = reflect_between(x, low, high);
  }
  double base = mode == SAMPLE_NEAREST ? trunc_real(x) : floor_real(x), rest = x - base;
  Taps taps = {mode == SAMPLE_NEAREST ? 1 : mode == SAMPLE_LINEAR ? 2 : 4, {0}, {1 - rest, rest}};
  if (mode == SAMPLE_NEAREST) taps.weight[0] = 1;
  if (mode == SAMPLE_CUBIC) cubic_weights(rest, taps.weight);
  for (idx t = 0; t < taps.count; t++) {
    idx at = pad_index((idx)base + t - (mode == SAMPLE_CUBIC), size, padding, low, high);
    taps.at[t] = at < 0 ? 0 : at;
    if (at < 0) taps.weight[t] = 0;
  }
  return taps;
}

#define GRID_SAMPLE(NAME, T)                                                                                           \
  HELPER void grid_point_##NAME(idx c, idx plane, idx points, const idx size[SAMPLE_AXES],                             \
                                const Taps taps[SAMPLE_AXES], const T *x, T *y) {                                      \
    for (idx k = 0; k < c; k++) {                                                                                      \
      double sum = 0;                                                                                                  \
      for (idx a = 0; a < taps[0].count; a++) {                                                                        \
        for (idx b = 0; b < taps[1].count; b++) {                                                                      \
          const T *row = x + k * plane + (taps[0].at[a] * size[1] + taps[1].at[b]) * size[2];                          \
          double weight = taps[0].weight[a] * taps[1].weight[b];                                                       \
          for (idx d = 0; d < taps[2].count; d++) {                                                                    \
            double w = weight * taps[2].weight[d];                                                                     \
            if (w != 0) sum += w * (double)row[taps[2].at[d]];                                                         \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
      y[k * points] = (T)sum;                                                                                          \
    }                                                                                                                  \
  }
GRID_SAMPLE(f32, float)
GRID_SAMPLE(f64, double)
#undef GRID_SAMPLE

// y[n][c][p] = x[n][c] at the place grid[n][p], whose `rank` (at most 3) coordinates from -1 to 1 are those of the last
// axis first; axes that there are fewer have size 1. Parallel over (n, p).
TEMPLATE Status grid_sample(idx bytes, idx rank, idx n, idx c, idx depth, idx height, idx width, idx points, idx mode,
                            idx padding, idx align, const void *x, const void *grid, void *y, void *const *bufs,
                            idx part, idx parts) {
  (void)bufs;
  const idx size[SAMPLE_AXES] = {depth, height, width}, plane = depth * height * width;
  idx unit, end;
  share(n * points, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    Taps taps[SAMPLE_AXES];
    idx image = unit / points * c * plane, to = unit / points * c * points + unit % points;
    for (idx i = 0; i < SAMPLE_AXES; i++) {
      idx at = unit * rank + SAMPLE_AXES - 1 - i;
      taps[i] = (Taps){1, {0}, {1}};
      if (i < SAMPLE_AXES - rank) continue;
      double place = bytes == 4 ? (double)((const float *)grid)[at] : ((const double *)grid)[at];
      taps[i] = find_taps(place, size[i], mode, padding, align);
    }
    if (bytes == 4) grid_point_f32(c, plane, points, size, taps, (const float *)x + image, (float *)y + to);
    if (bytes == 8) grid_point_f64(c, plane, points, size, taps, (const double *)x + image, (double *)y + to);
  }
  return STATUS_OK;
}

/* regions */

typedef struct {
  idx at[4];
  double weight[4];
} Corners; // of a bilinear sample

HELPER Corners find_corners(double y, double x, idx height, idx width) {
  Corners none = {{0}, {0}};
  if (!(y >= -1) || y > (double)height || !(x >= -1) || x > (double)width) return none;
  y = y > 0 ? y : 0, x = x > 0 ? x : 0;
  idx top = (idx)y, left = (idx)x, bottom = top + 1, right = left + 1;
  if (top >= height - 1) top = bottom = height - 1, y = (double)top;
  if (left >= width - 1) left = right = width - 1, x = (double)left;
  double dy = y - (double)top, dx = x - (double)left;
  return (Corners){{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
                   {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx}};
}

HELPER double read_real(idx bytes, const void *x, idx i) {
  return bytes == 4 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}
HELPER void write_real(idx bytes, void *x, idx i, double value) {
  if (bytes == 4)
    ((float *)x)[i] = (float)value;
  else
    ((double *)x)[i] = value;
}

// y[r][c][ph][pw] = mean (or, `largest`, maximum of the weighted corners) of bilinear samples of x[batch[r]][c] in each
// of ph×pw parts of region rois[r] = (x0, y0, x1, y1), scaled and moved by -offset. `sampling` samples along each axis
// of a part; 0: one for each element. Without an offset a region has at least size 1. Parallel over regions.
TEMPLATE Status roi_align(idx bytes, idx n, idx c, idx height, idx width, idx regions, idx ph, idx pw, idx sampling,
                          idx largest, double scale, double offset, const void *x, const void *rois,
                          const int64_t *batch, void *y, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  const double most = 1 << 20;
  idx r, end;
  share(regions, part, parts, &r, &end);
  for (; r < end; r++) {
    double box[4];
    for (idx i = 0; i < 4; i++) box[i] = read_real(bytes, rois, r * 4 + i) * scale - offset;
    double w = box[2] - box[0], h = box[3] - box[1];
    if (offset == 0 && !(w > 1)) w = 1;
    if (offset == 0 && !(h > 1)) h = 1;
    if (batch[r] < 0 || batch[r] >= n || !(w < most) || !(h < most)) return STATUS_INDEX;
    double part_h = h / (double)ph, part_w = w / (double)pw;
    idx rows = sampling > 0 ? sampling : (idx)ceil_real(part_h),
        cols = sampling > 0 ? sampling : (idx)ceil_real(part_w);
    rows = max_idx(rows, 0), cols = max_idx(cols, 0);
    double count = (double)max_idx(rows * cols, 1);
    for (idx k = 0; k < c; k++) {
      const char *plane = (const char *)x + ((idx)batch[r] * c + k) * height * width * bytes;
      for (idx cell = 0; cell < ph * pw; cell++) {
        double total = 0;
        for (idx s = 0; s < rows * cols; s++) {
          double top = box[1] + (double)(cell / pw) * part_h + ((double)(s / cols) + 0.5) * part_h / (double)rows;
          double left = box[0] + (double)(cell % pw) * part_w + ((double)(s % cols) + 0.5) * part_w / (double)cols;
          Corners corners = find_corners(top, left, height, width);
          double value = 0;
          for (idx i = 0; i < 4; i++) {
            double term = corners.weight[i] * read_real(bytes, plane, corners.at[i]);
            value = !largest ? value + term : i == 0 || term > value ? term : value;
          }
          total = !largest ? total + value : s == 0 || value > total ? value : total;
        }
        write_real(bytes, y, (r * c + k) * ph * pw + cell, largest ? total : total / count);
      }
    }
  }
  return STATUS_OK;
}

// Half away from zero.
HELPER idx round_to_idx(double x) {
  const double most = 1 << 30;
  if (!(x > -most)) return -(1 << 30);
  if (x > most) return 1 << 30;
  return (idx)(x < 0 ? -floor_real(0.5 - x) : floor_real(x + 0.5));
}

// y[r][c][ph][pw] = the largest element of x[batch][c] in each of ph×pw parts of region rois[r] = (batch, x0, y0, x1,
// y1), whose scaled corners are rounded and belong to it; 0 where a part is empty. Parallel over regions.
TEMPLATE Status max_roi_pool(idx bytes, idx n, idx c, idx height, idx width, idx regions, idx ph, idx pw, double scale,
                             const void *x, const void *rois, void *y, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx r, end;
  share(regions, part, parts, &r, &end);
  for (; r < end; r++) {
    double batch = read_real(bytes, rois, r * 5);
    idx box[4];
    if (!(batch >= 0) || !(batch < (double)n)) return STATUS_INDEX;
    for (idx i = 0; i < 4; i++) box[i] = round_to_idx(read_real(bytes, rois, r * 5 + 1 + i) * scale);
    double part_w = (double)max_idx(box[2] - box[0] + 1, 1) / (double)pw;
    double part_h = (double)max_idx(box[3] - box[1] + 1, 1) / (double)ph;
    for (idx k = 0; k < c; k++) {
      const char *plane = (const char *)x + ((idx)batch * c + k) * height * width * bytes;
      for (idx cell = 0; cell < ph * pw; cell++) {
        double i = (double)(cell / pw), j = (double)(cell % pw), best = 0;
        idx top = max_idx(0, (idx)floor_real(i * part_h) + box[1]),
            left = max_idx(0, (idx)floor_real(j * part_w) + box[0]);
        idx bottom = min_idx(height, (idx)ceil_real((i + 1) * part_h) + box[1]);
        idx right = min_idx(width, (idx)ceil_real((j + 1) * part_w) + box[0]);
        int empty = 1;
        for (idx a = top; a < bottom; a++) {
          for (idx b = left; b < right; b++) {
            double value = read_real(bytes, plane, a * width + b);
            if (empty || value > best) best = value;
            empty = 0;
          }
        }
        write_real(bytes, y, (r * c + k) * ph * pw + cell, best);
      }
    }
  }
  return STATUS_OK;
}
