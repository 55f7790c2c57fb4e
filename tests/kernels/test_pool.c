// maxpool2d_f32 and avgpool2d_f32 against loops in double: pads, ceil_mode, dilation, divisor rules, NaN, infinities.
#include "tests/kernels/kernels.h"
#include "templates/pool.h"

typedef struct {
  idx n, c, kh, kw, sh, sw, dh, dw, ih, iw, top, left, bottom, right, ceil, count_pads, mean;
} Shape;
typedef struct {
  Shape s;
  idx oh, ow;
  const float *x;
  float *y;
} Call;

static void store_y(void *const *bufs, vf v, idx n, idx oy, idx ox, idx c, idx lanes) {
  const Call *call = bufs[0];
  assert_true(lanes >= 1 && lanes <= V && c + lanes <= call->s.c);
  store_some(call->y + ((n * call->oh + oy) * call->ow + ox) * call->s.c + c, v, lanes);
}

static Status run(void *context, idx part, idx parts) {
  Call *c = context;
  Shape s = c->s;
  idx x_h = s.iw * s.c, x_n = s.ih * x_h, on = s.count_pads;
  void *bufs[] = {c};
  if (!s.mean) {
    return maxpool2d_f32(s.n, c->oh, c->ow, s.c, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.ih, s.iw, s.top, s.left, c->x,
                         x_n, x_h, s.c, store_y, bufs, part, parts);
  }
  return avgpool2d_f32(s.n, c->oh, c->ow, s.c, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.ih, s.iw, s.top, s.left,
                       on * s.top, on * s.left, on * s.bottom, on * s.right, c->x, x_n, x_h, s.c, store_y, bufs, part,
                       parts);
}

static idx output_size(idx in, idx pads, idx k, idx dilation, idx stride, idx ceil, idx before) {
  idx room = in + pads - (k - 1) * dilation - 1, out = (ceil ? room + stride - 1 : room) / stride + 1;
  // A window that starts in the padding behind the image does not count.
  return ceil && (out - 1) * stride >= in + before ? out - 1 : out;
}

static void check(Shape s, float special) {
  idx oh = output_size(s.ih, s.top + s.bottom, s.kh, s.dh, s.sh, s.ceil, s.top);
  idx ow = output_size(s.iw, s.left + s.right, s.kw, s.dw, s.sw, s.ceil, s.left);
  float *x = new_random(s.n * s.ih * s.iw * s.c), *y = new_floats(s.n * oh * ow * s.c);
  if (special != 0) x[s.ih * s.iw * s.c / 2] = special;
  Call call = {s, oh, ow, x, y};
  run_parts(run, &call, y, s.n * oh * ow * s.c * 4);
  for (idx i = 0; i < s.n * oh * ow * s.c; i++) {
    idx c = i % s.c, ox = i / s.c % ow, oy = i / s.c / ow % oh, n = i / s.c / ow / oh, count = 0;
    double sum = 0, most = -INFINITY;
    for (idx t = 0; t < s.kh * s.kw; t++) {
      idx iy = oy * s.sh - s.top + t / s.kw * s.dh, ix = ox * s.sw - s.left + t % s.kw * s.dw;
      int inside = iy >= 0 && iy < s.ih && ix >= 0 && ix < s.iw;
      int padded = iy < s.ih + s.bottom && ix < s.iw + s.right;
      if (s.count_pads ? padded : inside) count++;
      if (!inside) continue;
      double value = x[((n * s.ih + iy) * s.iw + ix) * s.c + c];
      sum += value;
      most = isnan(value) || isnan(most) ? NAN : fmax(most, value);
    }
    double want = s.mean ? sum / (double)count : most;
    if (!is_close(y[i], want, s.mean ? 1e-6 : 0)) {
      fail_msg("mean=%td i=%tdx%td c=%td k=%tdx%td s=%tdx%td d=%tdx%td ceil=%td counted=%td: [%td] is %.9g, not %.9g",
               s.mean, s.ih, s.iw, s.c, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.ceil, s.count_pads, i, y[i], want);
    }
  }
  free(x), free(y);
}

static void test_all(void **state) {
  (void)state;
  const idx channels[] = {1, V - 1, V, 2 * V + 3};
  const float specials[] = {0, NAN, INFINITY, -INFINITY};
  for (size_t c = 0; c < 4; c++) {
    for (int bits = 0; bits < 64; bits++) {
      Shape s = {1 + bits % 2,
                 channels[c],
                 3,
                 bits & 1 ? 2 : 3,
                 1 + (bits >> 1 & 1),
                 2,
                 bits & 4 ? 2 : 1,
                 1,
                 9,
                 8,
                 1,
                 bits & 8 ? 1 : 0,
                 bits & 16 ? 1 : 0,
                 1,
                 bits >> 5,
                 bits >> 3 & 1,
                 bits >> 2 & 1};
      check(s, specials[bits % 4]);
    }
  }
}

// Windows of 3×2 over planes of 5×4, strides 2 and 1, pads 1 and 1, dilations 1 and 2; places by columns.
typedef struct {
  idx type;
  const void *x;
  void *y;
  int64_t *at;
} Places;
static Status run_places(void *context, idx part, idx parts) {
  static const int64_t table[14] = {5, 3, 3, 2, 1, 1, 1, 4, 4, 2, 1, 2, 1, 5};
  Places *p = context;
  return maxpool_indices(p->type, 2, 2, table, p->x, p->y, p->at, NULL, part, parts);
}
static void test_places(void **state) {
  (void)state;
  enum { PLANES = 2, IH = 5, IW = 4, OH = 3, OW = 4 };
  float *x = new_random(PLANES * IH * IW), y[PLANES * OH * OW];
  int8_t small[PLANES * IH * IW], best[PLANES * OH * OW];
  int64_t at[PLANES * OH * OW];
  for (int i = 0; i < PLANES * IH * IW; i++) small[i] = (int8_t)(x[i] = (float)(int)(x[i] * 100));
  for (int kind = 0; kind < 2; kind++) {
    Places p = {kind ? 3 : 1, kind ? (void *)small : x, kind ? (void *)best : y, at};
    run_parts(run_places, &p, at, sizeof at);
    for (int i = 0; i < PLANES * OH * OW; i++) {
      int ox = i % OW, oy = i / OW % OH, plane = i / OW / OH, place = -1;
      float top = 0;
      for (int t = 0; t < 6; t++) {
        int h = oy * 2 - 1 + t / 2, w = ox - 1 + t % 2 * 2;
        if (h < 0 || h >= IH || w < 0 || w >= IW) continue;
        float value = x[(plane * IH + h) * IW + w];
        if (place < 0 || value > top) top = value, place = plane * IH * IW + w * IH + h;
      }
      assert_int_equal(at[i], place);
      assert_true((kind ? (float)best[i] : y[i]) == top);
    }
  }
  free(x);
}

RUN_TESTS(cmocka_unit_test(test_all), cmocka_unit_test(test_places))
