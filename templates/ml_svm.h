// Support vector machines: the RBF kernel, the scores of pairs of classes, and probabilities from them. Linear,
// polynomial and sigmoid kernels are matrix products with an epilogue.
#pragma once
#include "templates/math.h"

// out[row][s] = e^(-gamma·Σ over f of (x[row][f] - vectors[f][s])²). vectors: [features][count rounded up to 16].
// Parallel over rows.
TEMPLATE Status ml_rbf(idx rows, idx features, idx count, double gamma, const float *x, idx x_row, const float *vectors,
                       float *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  enum { NV = 4 };
  idx row, end, pitch = (count + 15) / 16 * 16;
  share(rows, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    const float *line = x + row * x_row;
    NO_UNROLL for (idx s = 0; s < count; s += NV * V) {
      idx many = min_idx(NV, (count - s + V - 1) / V);
      vf sum[NV] = {{0}};
      if (many == NV) {
        NO_UNROLL for (idx f = 0; f < features; f++) {
          UNROLL for (idx u = 0; u < NV; u++) {
            vf d = line[f] - load_all(vectors + f * pitch + s + u * V);
            sum[u] += d * d;
          }
        }
      } else {
        NO_UNROLL for (idx f = 0; f < features; f++) {
          for (idx u = 0; u < many; u++) {
            vf d = line[f] - load_all(vectors + f * pitch + s + u * V);
            sum[u] += d * d;
          }
        }
      }
      for (idx u = 0; u < many; u++) {
        vf k = exp_f32((float)-gamma * sum[u]);
        store_some(out + row * count + s + u * V, k, min_idx(V, count - s - u * V));
      }
    }
  }
  return STATUS_OK;
}

HELPER float svm_dot(const float *a, const float *b, idx n) {
  enum { CHAINS = 4 };
  vf sum[CHAINS] = {{0}};
  idx i = 0;
  for (; i + CHAINS * V <= n; i += CHAINS * V) {
    UNROLL for (idx u = 0; u < CHAINS; u++) sum[u] += load_all(a + i + u * V) * load_all(b + i + u * V);
  }
  for (; i < n; i += V) sum[0] += load_some(a + i, min_idx(V, n - i)) * load_some(b + i, min_idx(V, n - i));
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// One against one: pairs[row][(i, j)], i < j in rows of a triangle, is the score for class i against j from
// kernels[row][vectors]: vectors starts[c]..starts[c + 1] are those of class c, coefficients [classes - 1][vectors].
// labels[row]: the class that wins most pairs, the first of equals. Parallel over rows.
TEMPLATE Status ml_svm_pairs(idx rows, idx classes, idx vectors, const float *kernels, const int32_t *starts,
                             const float *coefficients, const float *rho, float *pairs, int64_t *labels,
                             void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx row, end, count = classes * (classes - 1) / 2;
  share(rows, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    const float *k = kernels + row * vectors;
    float *score = pairs + row * count;
    idx pair = 0, best = 0, most = -1;
    NO_UNROLL for (idx i = 0; i < classes; i++) {
      NO_UNROLL for (idx j = i + 1; j < classes; j++, pair++) {
        score[pair] = svm_dot(coefficients + (j - 1) * vectors + starts[i], k + starts[i], starts[i + 1] - starts[i]) +
                      svm_dot(coefficients + i * vectors + starts[j], k + starts[j], starts[j + 1] - starts[j]) +
                      rho[pair];
      }
    }
    for (idx c = 0; c < classes; c++) {
      idx wins = 0, at = c - 1; // at: of the pair (i, c)
      for (idx i = 0; i < c; i++, at += classes - 1 - i) wins += !(score[at] > 0);
      for (idx j = c + 1; j < classes; j++) wins += score[c * classes - c * (c + 1) / 2 + j - c - 1] > 0;
      if (wins > most) most = wins, best = c;
    }
    labels[row] = best;
  }
  return STATUS_OK;
}

// Probabilities of the classes from those of the pairs, 1 / (1 + e^(a·score + b)): the iteration of Wu, Lin and Weng
// ("Probability estimates for multi-class classification by pairwise coupling", 2004) with libsvm's end at an error of
// 0.005 / classes, which is what such models are trained and compared with. scratch: 2·classes² + classes floats for
// each part. Parallel over rows.
TEMPLATE Status ml_svm_probabilities(idx rows, idx classes, const float *pairs, const float *a, const float *b,
                                     float *scratch, float *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx row, end, n = classes, count = n * (n - 1) / 2;
  float *r = scratch + part * (2 * n * n + n), *q = r + n * n, *qp = q + n * n;
  share(rows, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    float *p = out + row * n, limit = 0.005f / (float)n;
    const float *score = pairs + row * count;
    for (idx i = 0, pair = 0; i < n; i++) {
      for (idx j = i + 1; j < n; j++, pair++) {
        float win = sigmoid_f32(splat(-(score[pair] * a[pair] + b[pair])))[0];
        win = win < 1e-7f ? 1e-7f : win > 1 - 1e-7f ? 1 - 1e-7f : win;
        r[i * n + j] = win;
        r[j * n + i] = 1 - win;
      }
    }
    for (idx i = 0; i < n; i++) {
      p[i] = 1 / (float)n;
      q[i * n + i] = 0;
      for (idx j = 0; j < n; j++) {
        if (j != i) q[i * n + i] += r[j * n + i] * r[j * n + i];
        if (j != i) q[i * n + j] = -r[j * n + i] * r[i * n + j];
      }
    }
    NO_UNROLL for (idx round = 0; round < 100; round++) {
      float pqp = 0, error = 0;
      for (idx i = 0; i < n; i++) {
        qp[i] = 0;
        for (idx j = 0; j < n; j++) qp[i] += q[i * n + j] * p[j];
        pqp += p[i] * qp[i];
      }
      for (idx i = 0; i < n; i++) {
        float e = __builtin_fabsf(qp[i] - pqp);
        error = e > error ? e : error;
      }
      if (error < limit) break;
      for (idx i = 0; i < n; i++) {
        float step = (pqp - qp[i]) / q[i * n + i];
        p[i] += step;
        pqp = (pqp + step * (step * q[i * n + i] + 2 * qp[i])) / (1 + step) / (1 + step);
        for (idx j = 0; j < n; j++) {
          qp[j] = (qp[j] + step * q[i * n + j]) / (1 + step);
          p[j] /= 1 + step;
        }
      }
    }
  }
  return STATUS_OK;
}
