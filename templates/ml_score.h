// From the raw scores of classical models to labels and to what their post_transform makes of the scores.
#pragma once
#include "templates/math.h"
#include "templates/ml.h"

// √2·erf⁻¹(2x - 1) by Winitzki's formula, which is how ONNX's models mean PROBIT. Written so that nothing cancels near
// x = ½. NaN outside of [0, 1].
HELPER vf probit_f32(vf x) {
  x = 2.0f * x - 1.0f;
  vf log = log1p_f32(-x * x);
  vf b = 2.0f / (3.14159f * 0.147f) + 0.5f * log, c = log * (1.0f / 0.147f);
  vf root = vsqrt(b * b - c);
  vf square = vselect(b > 0.0f, -c / (root + b), root - b);
  return 1.41421356f * vcopysign(vsqrt(square), x);
}

// The row's n scores in place. SOFTMAX_ZERO leaves zeros out of the sum: they stay zeros.
HELPER void transform_scores(idx transform, float *x, idx n) {
  vf top = splat(-0x1.fffffep127f), sum = {0};
  if (transform == SCORES_NONE) return;
  if (transform == SCORES_LOGISTIC || transform == SCORES_PROBIT) {
    NO_UNROLL for (idx i = 0; i < n; i += V) {
      vf v = load_some(x + i, min_idx(V, n - i));
      store_some(x + i, transform == SCORES_PROBIT ? probit_f32(v) : sigmoid_f32(v), min_idx(V, n - i));
    }
    return;
  }
  NO_UNROLL for (idx i = 0; i < n; i += V) {
    vf v = load_some(x + i, min_idx(V, n - i));
    top = vlarger(vselect(lane_mask(n - i), v, top), top);
  }
  top = splat(largest_lane(top));
  vf zero_scale = exp_f32(-top);
  NO_UNROLL for (idx i = 0; i < n; i += V) {
    vf v = load_some(x + i, min_idx(V, n - i)), e = exp_f32(v - top);
    vi counts = lane_mask(n - i);
    if (transform == SCORES_SOFTMAX_ZERO) {
      vi zero = vabs(v) <= 0.0000001f;
      e = vselect(zero, v * zero_scale, e);
      counts &= ~zero;
    }
    sum += vselect(counts, e, (vf){0});
    store_some(x + i, e, min_idx(V, n - i));
  }
  sum = splat(sum_lanes(sum));
  NO_UNROLL for (idx i = 0; i < n; i += V) {
    vf v = load_some(x + i, min_idx(V, n - i));
    store_some(x + i, v / sum, min_idx(V, n - i));
  }
}

HELPER idx choose_label(idx label, double limit, idx pick, const float *x, const uint8_t *seen, idx n) {
  if (label == LABEL_OVER) return x[pick] > (float)limit;
  idx best = -1;
  for (idx i = 0; i < n; i++) {
    if ((!seen || seen[i]) && (best < 0 || x[i] > x[best])) best = i;
  }
  if (label == LABEL_LARGEST_OVER && x[best] > (float)limit) return 1;
  if (label == LABEL_LARGEST_AT_LEAST && x[best] >= (float)limit) return 1;
  return max_idx(best, 0);
}

// Of n scores a row, raw[row][i] + base[i] (base only where bases is not 0): the label's number and the transformed
// scores out[row][0..n), or two of them where a single one stands for two classes (second). A single score is only
// changed by PROBIT and, as one of two, by LOGISTIC. seen: [rows][n], only where tracked is not 0. pick: the score that
// LABEL_OVER looks at. Parallel over rows.
TEMPLATE Status ml_scores(idx rows, idx n, idx transform, idx second, idx label, double limit, idx pick,
                          const float *raw, idx raw_row, idx bases, const float *base, idx tracked, const uint8_t *seen,
                          float *out, int64_t *labels, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx row, end, made = second == SECOND_NONE ? n : 2;
  share(rows, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    float *x = out + row * made;
    const float *from = raw + row * raw_row;
    for (idx i = 0; i < n; i++) x[i] = bases ? from[i] + base[i] : from[i];
    if (label != LABEL_NONE) labels[row] = choose_label(label, limit, pick, x, tracked ? seen + row * n : NULL, n);
    if (n > 1) {
      transform_scores(transform, x, n);
      continue;
    }
    float score = x[0];
    if (transform == SCORES_PROBIT) {
      x[0] = probit_f32(splat(score))[0];
      if (made == 2) x[1] = -x[0];
    } else if (made == 2 && transform == SCORES_LOGISTIC) {
      x[0] = sigmoid_f32(splat(-score))[0];
      x[1] = sigmoid_f32(splat(score))[0];
    } else if (made == 2) {
      x[0] = second == SECOND_COMPLEMENT ? 1 - score : -score;
      x[1] = score;
    }
  }
  return STATUS_OK;
}
