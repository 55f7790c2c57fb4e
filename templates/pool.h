// Pooling of channels-last activations. Windows are clipped to the image: padding takes no part in a maximum, and in a
// mean only through the divisor. Output sizes rounded up (ceil_mode) need nothing more.
#pragma once
#include "templates/vector.h"
#include "templates/window.h"

// Sizes of a pool; constants after inlining.
typedef struct {
  idx mean, c, dh, dw, x_h, x_w;
  Store *store;
  void *const *bufs;
} Pool;

HELPER void pool_vector(const Pool *s, idx ky0, idx ky1, idx kx0, idx kx1, float divisor, const float *image, idx x,
                        idx n, idx oy, idx ox, idx c, idx lanes) {
  vf acc = splat(s->mean ? 0.0f : -__builtin_inff());
  for (idx ky = ky0; ky < ky1; ky++) {
    for (idx kx = kx0; kx < kx1; kx++) {
      vf value = load_some(image + x + ky * s->dh * s->x_h + kx * s->dw * s->x_w + c, lanes);
      acc = s->mean ? acc + value : vmax(acc, value);
    }
  }
  s->store(s->bufs, s->mean ? acc / divisor : acc, n, oy, ox, c, lanes);
}

HELPER void pool_pixel(const Pool *s, idx ky0, idx ky1, idx kx0, idx kx1, float divisor, const float *image, idx x,
                       idx n, idx oy, idx ox) {
  idx whole = s->c / V * V;
  NO_UNROLL for (idx c = 0; c < whole; c += V) {
    pool_vector(s, ky0, ky1, kx0, kx1, divisor, image, x, n, oy, ox, c, V);
  }
  if (s->c % V) pool_vector(s, ky0, ky1, kx0, kx1, divisor, image, x, n, oy, ox, whole, s->c % V);
}

HELPER void pool2d(idx mean, idx n, idx oh, idx ow, idx c, idx kh, idx kw, idx sh, idx sw, idx dh, idx dw, idx ih,
                   idx iw, idx pad_top, idx pad_left, idx counted_top, idx counted_left, idx counted_bottom,
                   idx counted_right, const float *x, idx x_n, idx x_h, idx x_w, Store *store, void *const *bufs,
                   idx part, idx parts) {
  Pool s = {mean, c, dh, dw, x_h, x_w, store, bufs};
  idx row, end;
  share(n * oh, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    idx i = row / oh, oy = row % oh, top = oy * sh - pad_top, ky0, ky1, high0, high1;
    clip_window(top, kh, dh, 0, ih, &ky0, &ky1);
    clip_window(top, kh, dh, -counted_top, ih + counted_bottom, &high0, &high1);
    NO_UNROLL for (idx ox = 0; ox < ow; ox++) {
      idx left = ox * sw - pad_left, at = top * x_h + left * x_w, kx0, kx1, wide0, wide1;
      clip_window(left, kw, dw, 0, iw, &kx0, &kx1);
      clip_window(left, kw, dw, -counted_left, iw + counted_right, &wide0, &wide1);
      float divisor = (float)((high1 - high0) * (wide1 - wide0));
      if (ky1 - ky0 == kh && kx1 - kx0 == kw) { // constants: straight code
        pool_pixel(&s, 0, kh, 0, kw, divisor, x + i * x_n, at, i, oy, ox);
      } else {
        pool_pixel(&s, ky0, ky1, kx0, kx1, divisor, x + i * x_n, at, i, oy, ox);
      }
    }
  }
}

// y[n][oy][ox][c] = max of x[n][oy·sh + ky·dh - pad_top][ox·sw + kx·dw - pad_left][c] over taps inside the ih×iw image,
// handed to store(bufs, v, n, oy, ox, c, lanes). NaN wins; a window without taps gives -infinity. Parallel over rows.
TEMPLATE Status maxpool2d_f32(idx n, idx oh, idx ow, idx c, idx kh, idx kw, idx sh, idx sw, idx dh, idx dw, idx ih,
                              idx iw, idx pad_top, idx pad_left, const float *x, idx x_n, idx x_h, idx x_w,
                              Store *store, void *const *bufs, idx part, idx parts) {
  pool2d(0, n, oh, ow, c, kh, kw, sh, sw, dh, dw, ih, iw, pad_top, pad_left, 0, 0, 0, 0, x, x_n, x_h, x_w, store, bufs,
         part, parts);
  return STATUS_OK;
}

// The same with the mean. The divisor counts taps inside the image and inside counted_* pixels around it: all 0 for
// count_include_pad=0, the pads for count_include_pad=1.
TEMPLATE Status avgpool2d_f32(idx n, idx oh, idx ow, idx c, idx kh, idx kw, idx sh, idx sw, idx dh, idx dw, idx ih,
                              idx iw, idx pad_top, idx pad_left, idx counted_top, idx counted_left, idx counted_bottom,
                              idx counted_right, const float *x, idx x_n, idx x_h, idx x_w, Store *store,
                              void *const *bufs, idx part, idx parts) {
  pool2d(1, n, oh, ow, c, kh, kw, sh, sw, dh, dw, ih, iw, pad_top, pad_left, counted_top, counted_left, counted_bottom,
         counted_right, x, x_n, x_h, x_w, store, bufs, part, parts);
  return STATUS_OK;
}

// Element i of a tensor of ONNX's type 1 (float32), 2 (uint8), 3 (int8) or 11 (float64).
HELPER double pool_element(idx type, const void *x, idx i) {
  if (type == 1) return ((const float *)x)[i];
  if (type == 2) return ((const uint8_t *)x)[i];
  return type == 3 ? ((const int8_t *)x)[i] : ((const double *)x)[i];
}

enum { POOL_AXES = 16 };
// A row of the table: a spatial axis. `place`: how far apart in the numbering of a plane's elements.
typedef struct {
  int64_t in, out, kernel, stride, dilation, pad, place;
} PoolAxis;

// Maxima of windows over planes of any rank, with the place of each in the whole input. x and y are packed. The first
// of equal elements counts; NaN is the largest. Parallel over outputs.
TEMPLATE Status maxpool_indices(idx type, idx planes, idx axes, const void *table, const void *x, void *y,
                                void *indices, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  const PoolAxis *axis = table;
  idx outputs = 1, inputs = 1, unit, end, size = type == 1 ? 4 : type == 11 ? 8 : 1;
  for (idx i = 0; i < axes; i++) outputs *= (idx)axis[i].out, inputs *= (idx)axis[i].in;
  share(planes * outputs, part, parts, &unit, &end);
  NO_UNROLL for (; unit < end; unit++) {
    idx base = unit / outputs * inputs, rest = unit % outputs, first[POOL_AXES], tap[POOL_AXES], best = -1, place = 0;
    double top = 0;
    for (idx i = axes; i-- > 0; rest /= (idx)axis[i].out) {
      first[i] = rest % (idx)axis[i].out * (idx)axis[i].stride - (idx)axis[i].pad;
      tap[i] = 0;
    }
    for (idx more = 1; more;) {
      idx at = 0, number = 0, inside = 1;
      for (idx i = 0; i < axes; i++) {
        idx k = first[i] + tap[i] * (idx)axis[i].dilation;
        inside &= k >= 0 && k < axis[i].in;
        at = at * (idx)axis[i].in + k;
        number += k * (idx)axis[i].place;
      }
      if (inside) {
        double value = pool_element(type, x, base + at);
        if (best < 0 || value > top || (value != value && top == top)) best = at, top = value, place = number;
      }
      more = 0;
      for (idx i = axes; i-- > 0 && !more;) {
        more = ++tap[i] < axis[i].kernel;
        if (!more) tap[i] = 0;
      }
    }
    if (best < 0) return STATUS_SHAPE; // no window lies in the padding alone
    memcpy((char *)y + unit * size, (const char *)x + (base + best) * size, (size_t)size);
    ((int64_t *)indices)[unit] = base + place;
  }
  return STATUS_OK;
}
