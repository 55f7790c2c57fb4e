// conv2d_f32, pack_conv_f32 and depthwise2d_f32 against loops in double, over kernels, strides, dilations, groups,
// pads, layouts, and widths below, at, above and dividing the tile.
#include "tests/kernels/kernels.h"
#include "templates/conv.h"

typedef struct {
  idx n, oh, ow, groups, oc, ic, kh, kw, sh, sw, dh, dw, nchw;
} Shape;
typedef struct {
  Shape s;
  idx x_n, x_h, x_w, x_c;
  idx ih, iw, pad_top, pad_left;
  const float *x, *w;
  float *y; // [n][oh][ow][channels]
} Call;

static void store_y(void *const *bufs, vf v, idx n, idx oy, idx ox, idx c, idx lanes) {
  const Call *call = bufs[0];
  const Shape *s = &call->s;
  idx channels = s->groups * s->oc;
  assert_true(lanes >= 1 && lanes <= V && n < s->n && oy < s->oh && ox < s->ow && c + lanes <= channels);
  store_some(call->y + ((n * s->oh + oy) * s->ow + ox) * channels + c, v, lanes);
}

#define TILE(mr, nv)                                                                                                   \
  static Status run_##mr##_##nv(void *context, idx part, idx parts) {                                                  \
    Call *c = context;                                                                                                 \
    Shape s = c->s;                                                                                                    \
    return conv2d_f32(s.n, s.oh, s.ow, s.groups, s.oc, s.ic, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, c->x, c->x_n, c->x_h, \
                      c->x_w, c->x_c, c->w, mr, nv, store_y, (void *[]){c}, part, parts);                              \
  }
TILE(6, 2)
TILE(14, 2)
TILE(4, 1)
static const struct {
  idx mr, nv;
  Run *run;
} tiles[] = {{6, 2, run_6_2}, {14, 2, run_14_2}, {4, 1, run_4_1}};

static void check(size_t tile, Shape s) {
  idx ih = (s.oh - 1) * s.sh + (s.kh - 1) * s.dh + 1, iw = (s.ow - 1) * s.sw + (s.kw - 1) * s.dw + 1;
  idx nr = tiles[tile].nv * V, channels = s.groups * s.ic, outputs = s.groups * s.oc, taps = s.kh * s.kw;
  idx packed_count = s.groups * ((s.oc + nr - 1) / nr) * taps * s.ic * nr;
  float *x = new_random(s.n * ih * iw * channels), *w = new_random(outputs * s.ic * taps),
        *packed = new_floats(packed_count);
  float *y = new_floats(s.n * s.oh * s.ow * outputs);
  if (s.ic * taps > 1024) { // small whole numbers: long sums of them are exact
    for (idx i = 0; i < s.n * ih * iw * channels; i++) x[i] = roundf(4 * x[i]);
    for (idx i = 0; i < outputs * s.ic * taps; i++) w[i] = roundf(4 * w[i]);
  }
  for (idx part = 0; part < 2; part++) {
    pack_conv_f32(s.groups, s.oc, s.ic, s.kh, s.kw, w, s.ic * taps, taps, s.kw, 1, nr, packed, NULL, part, 2);
  }
  Call call = {s, ih * iw * channels, iw * channels, channels, 1, ih, iw, 0, 0, x, packed, y};
  if (s.nchw) call.x_h = iw, call.x_w = 1, call.x_c = ih * iw;
  run_parts(tiles[tile].run, &call, y, s.n * s.oh * s.ow * outputs * 4);
  const float *got = y;
  for (idx n = 0; n < s.n; n++) {
    for (idx oy = 0; oy < s.oh; oy++) {
      for (idx ox = 0; ox < s.ow; ox++) {
        for (idx o = 0; o < outputs; o++, got++) {
          double want = 0;
          for (idx i = 0; i < s.ic; i++) {
            for (idx t = 0; t < taps; t++) {
              idx iy = oy * s.sh + t / s.kw * s.dh, ix = ox * s.sw + t % s.kw * s.dw;
              want += (double)x[n * call.x_n + iy * call.x_h + ix * call.x_w + (o / s.oc * s.ic + i) * call.x_c] *
                      w[(o * s.ic + i) * taps + t];
            }
          }
          if (!is_close(*got, want, 1e-5)) {
            fail_msg("tile %tdx%td n=%td o=%tdx%td groups=%td oc=%td ic=%td k=%tdx%td s=%tdx%td d=%tdx%td nchw=%td: "
                     "[%td][%td][%td][%td] is %.9g, not %.9g",
                     tiles[tile].mr, tiles[tile].nv, s.n, s.oh, s.ow, s.groups, s.oc, s.ic, s.kh, s.kw, s.sh, s.sw,
                     s.dh, s.dw, s.nchw, n, oy, ox, o, *got, want);
          }
        }
      }
    }
  }
  free(x), free(w), free(packed), free(y);
}

static void test_widths(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
    idx mr = tiles[t].mr, nr = tiles[t].nv * V;
    const idx widths[] = {1, 2, 3, 7, mr - 1, mr, mr + 1, 2 * mr, 2 * mr + 3};
    const idx outputs[] = {1, V - 1, V, nr, nr + 1, 2 * nr + V + 1};
    for (size_t i = 0; i < 9; i++) {
      for (size_t o = 0; o < 6; o++) {
        check(t, (Shape){1, 5, widths[i], 1, outputs[o], 3, 3, 3, 1, 1, 1, 1, 0});
        check(t, (Shape){2, 3, widths[i], 1, outputs[o], 5, 1, 1, 1, 1, 1, 1, 0});
      }
    }
  }
}

static void test_kernels(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
    for (int bits = 0; bits < 32; bits++) {
      Shape s = {1,
                 4,
                 9,
                 bits & 1 ? 3 : 1,
                 5,
                 4,
                 bits & 2 ? 5 : 2,
                 bits & 4 ? 1 : 3,
                 bits & 8 ? 2 : 1,
                 1 + bits % 3,
                 bits & 16 ? 2 : 1,
                 bits & 8 ? 3 : 1,
                 0};
      check(t, s);
      s.nchw = 1;
      check(t, s);
    }
    check(t, (Shape){1, 7, 7, 1, 2 * V + 3, 16, 3, 3, 2, 2, 1, 1, 0});
    check(t, (Shape){1, 56, 30, 1, 3 * V, 48, 1, 1, 1, 1, 1, 1, 0}); // several strips
    // A row of taps at a time, for several groups of tiles.
    check(t, (Shape){1, 7, 19, 1, tiles[t].nv * V + 1, 66000 / (6 * tiles[t].nv * V), 3, 2, 1, 1, 1, 1, 0});
  }
}

#define PIXELS(pixels)                                                                                                 \
  static Status run_depthwise_##pixels(void *context, idx part, idx parts) {                                           \
    Call *c = context;                                                                                                 \
    Shape s = c->s;                                                                                                    \
    return depthwise2d_f32(s.n, s.oh, s.ow, s.oc, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, c->ih, c->iw, c->pad_top,        \
                           c->pad_left, c->x, c->x_n, c->x_h, c->x_w, c->w, pixels, store_y, (void *[]){c}, part,      \
                           parts);                                                                                     \
  }
PIXELS(1)
PIXELS(4)
PIXELS(6)

static void check_depthwise(Run *run, idx ih, idx iw, Shape s, idx pad_top, idx pad_left, idx pad_bottom,
                            idx pad_right) {
  s.oh = (ih + pad_top + pad_bottom - (s.kh - 1) * s.dh - 1) / s.sh + 1;
  s.ow = (iw + pad_left + pad_right - (s.kw - 1) * s.dw - 1) / s.sw + 1;
  idx c = s.oc;
  float *x = new_random(s.n * ih * iw * c), *w = new_random(s.kh * s.kw * c), *y = new_floats(s.n * s.oh * s.ow * c);
  Call call = {s, ih * iw * c, iw * c, c, 1, ih, iw, pad_top, pad_left, x, w, y};
  run_parts(run, &call, y, s.n * s.oh * s.ow * c * 4);
  for (idx i = 0; i < s.n * s.oh * s.ow * c; i++) {
    idx ch = i % c, ox = i / c % s.ow, oy = i / c / s.ow % s.oh, n = i / c / s.ow / s.oh;
    double want = 0;
    for (idx t = 0; t < s.kh * s.kw; t++) {
      idx iy = oy * s.sh - pad_top + t / s.kw * s.dh, ix = ox * s.sw - pad_left + t % s.kw * s.dw;
      if (iy >= 0 && iy < ih && ix >= 0 && ix < iw)
        want += (double)x[((n * ih + iy) * iw + ix) * c + ch] * w[t * c + ch];
    }
    if (!is_close(y[i], want, 1e-5)) {
      fail_msg("i=%tdx%td c=%td k=%tdx%td s=%tdx%td d=%tdx%td pads=%td,%td,%td,%td: [%td] is %.9g, not %.9g", ih, iw, c,
               s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, pad_top, pad_left, pad_bottom, pad_right, i, y[i], want);
    }
  }
  free(x), free(w), free(y);
}

static void test_depthwise(void **state) {
  (void)state;
  Run *const runs[] = {run_depthwise_1, run_depthwise_4, run_depthwise_6};
  for (size_t r = 0; r < 3; r++) {
    const idx channels[] = {1, V - 1, V, V + 1, 3 * V + 2};
    for (size_t c = 0; c < 5; c++) {
      for (idx stride = 1; stride <= 2; stride++) {
        for (idx width = 3; width < 19; width += 3) {
          check_depthwise(runs[r], 6, width, (Shape){1, 0, 0, 1, channels[c], 1, 3, 3, stride, stride, 1, 1, 0}, 1, 1,
                          1, 1);
        }
      }
      check_depthwise(runs[r], 9, 11, (Shape){2, 0, 0, 1, channels[c], 1, 5, 3, 2, 1, 1, 2, 0}, 2, 3, 0, 1);
      check_depthwise(runs[r], 2, 2, (Shape){1, 0, 0, 1, channels[c], 1, 5, 5, 1, 1, 1, 1, 0}, 4, 4, 4, 4);
      check_depthwise(runs[r], 8, 20, (Shape){1, 0, 0, 1, channels[c], 1, 1, 7, 1, 1, 1, 1, 0}, 0, 0, 0, 0);
      check_depthwise(runs[r], 3, 4, (Shape){1, 0, 0, 1, channels[c], 1, 1, 1, 1, 1, 1, 1, 0}, 2, 2, 2, 2); // pads only
    }
  }
}

RUN_TESTS(cmocka_unit_test(test_widths), cmocka_unit_test(test_kernels), cmocka_unit_test(test_depthwise))
