// Normalisations of rows: softmax, log-softmax, layer normalisation, RMS normalisation. Rows are the innermost axis n
// of a box n0×n1×n2×n; load and store take (i0, i1, i2, i). Parallel over rows.
#pragma once
#include "templates/math.h"

enum { ROW_LOCAL = 1024 }; // rows up to this many floats are kept on the stack between passes

// The four coordinates of a row, and what the passes need.
typedef struct {
  Load *load;
  void *const *bufs;
  idx i0, i1, i2, n;
} Row;

HELPER Row row_at(Load *load, void *const *bufs, idx n1, idx n2, idx n, idx row) {
  return (Row){load, bufs, row / n2 / n1, row / n2 % n1, row % n2, n};
}
// V values from i on; `otherwise` in the lanes past the row.
HELPER vf row_load(const Row *r, idx i, idx lanes, float otherwise) {
  vf x = r->load(r->bufs, r->i0, r->i1, r->i2, i, lanes);
  return lanes == V ? x : vselect(lane_mask(lanes), x, splat(otherwise));
}

// e^(x - max) / Σ e^(x - max), or its logarithm x - max - log Σ e^(x - max) when `log` is not 0. A row of -infinity and
// a row that holds NaN or +infinity gives NaN, as the formula does. scratch: n rounded up to a whole vector of floats
// (for all widths: to 16) for each part where n > 1024; else it is not used.
TEMPLATE Status softmax_f32(idx n0, idx n1, idx n2, idx n, idx log, Load *load, float *scratch, Store *store,
                            void *const *bufs, idx part, idx parts) {
  float local[ROW_LOCAL];
  float *x = n <= ROW_LOCAL ? local : scratch + part * ((n + 15) / 16 * 16);
  idx whole = n / V * V, row, end;
  share(n0 * n1 * n2, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    Row r = row_at(load, bufs, n1, n2, n, row);
    vf top = splat(-FLOAT_INF), sum = {0};
    // NaN need not pass the maximum: it comes back in the sum.
    for (idx i = 0; i < whole; i += V) {
      vf v = row_load(&r, i, V, 0);
      store_all(x + i, v);
      top = vlarger(v, top);
    }
    if (n % V) { // -infinity behind the row: e^-infinity adds nothing
      vf v = row_load(&r, whole, n % V, -FLOAT_INF);
      store_all(x + whole, v);
      top = vlarger(v, top);
    }
    top = splat(largest_lane(top));
    for (idx i = 0; i < n; i += V) {
      vf e = exp_f32(load_all(x + i) - top);
      if (!log) store_all(x + i, e);
      sum += e;
    }
    sum = splat(sum_lanes(sum));
    vf scale = log ? log_f32(sum) : 1.0f / sum;
    for (idx i = 0; i < whole; i += V) {
      vf v = load_all(x + i);
      store(bufs, log ? v - top - scale : v * scale, r.i0, r.i1, r.i2, i, V);
    }
    if (n % V) {
      vf v = load_all(x + whole);
      store(bufs, log ? v - top - scale : v * scale, r.i0, r.i1, r.i2, whole, n % V);
    }
  }
  return STATUS_OK;
}

// A value of a row after the first pass: kept in x where rows are short, else loaded again.
HELPER vf row_again(const Row *r, const float *x, idx i, idx lanes) {
  return r->n <= ROW_LOCAL ? load_all(x + i) : row_load(r, i, lanes, 0);
}

// (x - mean) / √(variance + epsilon), the variance summed in a pass of its own; with rms: x / √(mean of x² + epsilon).
// Scale and bias belong to store.
TEMPLATE Status layernorm_f32(idx n0, idx n1, idx n2, idx n, double epsilon, idx rms, Load *load, Store *store,
                              void *const *bufs, idx part, idx parts) {
  enum { CHAINS = 4 };
  float x[ROW_LOCAL];
  idx whole = n / V * V, blocks = n / (CHAINS * V) * CHAINS * V, row, end;
  share(n0 * n1 * n2, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    Row r = row_at(load, bufs, n1, n2, n, row);
    vf sum[CHAINS] = {{0}};
    idx i = 0;
    for (; i < n; i += V) { // keeps the row, and sums it unless that is not wanted
      vf v = i < whole ? row_load(&r, i, V, 0) : row_load(&r, i, n % V, 0);
      if (n <= ROW_LOCAL) store_all(x + i, v);
      sum[0] += v;
    }
    vf mean = rms ? (vf){0} : splat(sum_lanes(sum[0]) / (float)n);
    UNROLL for (idx u = 0; u < CHAINS; u++) sum[u] = (vf){0};
    for (i = 0; i < blocks; i += CHAINS * V) {
      UNROLL for (idx u = 0; u < CHAINS; u++) {
        vf v = row_again(&r, x, i + u * V, V) - mean;
        sum[u] += v * v;
      }
    }
    for (; i < whole; i += V) {
      vf v = row_again(&r, x, i, V) - mean;
      sum[0] += v * v;
    }
    if (n % V) {
      vf v = vselect(lane_mask(n % V), row_again(&r, x, whole, n % V) - mean, (vf){0});
      sum[1] += v * v;
    }
    float square = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)n;
    vf scale = 1.0f / vsqrt(splat(square + (float)epsilon));
    for (i = 0; i < whole; i += V) {
      store(bufs, (row_again(&r, x, i, V) - mean) * scale, r.i0, r.i1, r.i2, i, V);
    }
    if (n % V) store(bufs, (row_again(&r, x, whole, n % V) - mean) * scale, r.i0, r.i1, r.i2, whole, n % V);
  }
  return STATUS_OK;
}
