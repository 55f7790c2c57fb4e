// Convolutions of channels-last activations.
//
// conv2d_f32 is a batch-reduce matrix product: for each tap (kh, kw) the micro-kernel of tile.h multiplies a tile of
// pixels by a panel of nr = nv·V output channels, all taps into the same accumulators. Nothing is copied (no im2col).
#pragma once
#include "templates/tile.h"
#include "templates/window.h"

// Sizes that all parts of a convolution need; constants after inlining.
typedef struct {
  idx oh, ow, oc, ic, kh, kw, sh, sw, dh, dw; // oc and ic of one group
  idx x_h, x_w, x_c, nr;
  Store *store;
  void *const *bufs;
} Conv;

// Output pixels (oy + r / width, ox + r % width), r < rows, times `columns` channels from c on.
HELPER void conv_tile(const Conv *s, idx rows, idx width, idx nv, idx columns, const float *x, const float *w,
                      const float *ahead, idx n, idx oy, idx ox, idx c) {
  vf acc[TILE_MAX];
  idx kw = s->kw, ic = s->ic;
  // Taps of a row that follow each other in memory are one long run.
  if (s->dw * s->x_w == ic * s->x_c) {
    ic *= kw;
    kw = 1;
  }
  x += oy * s->sh * s->x_h + ox * s->sw * s->x_w;
  tile_clear(rows, nv, acc);
  NO_UNROLL for (idx ky = 0; ky < s->kh; ky++) {
    NO_UNROLL for (idx kx = 0; kx < kw; kx++) {
      tile_multiply(rows, nv, ic, x + ky * s->dh * s->x_h + kx * s->dw * s->x_w, width, s->sh * s->x_h, s->sw * s->x_w,
                    s->x_c, w + (ky * kw + kx) * ic * s->nr, s->nr, ahead + (ky * kw + kx) * ic * LINE_FLOATS, acc);
    }
  }
  tile_join(rows, nv, acc);
  UNROLL for (idx r = 0; r < rows; r++) {
    UNROLL for (idx v = 0; v < nv; v++) {
      s->store(s->bufs, acc[r * nv + v], n, oy + r / width, ox + r % width, c + v * V, min_idx(V, columns - v * V));
    }
  }
}

// One output row, or `lines` whole short rows when width = ow, in tiles `width` pixels wide; `tile` of them were done
// with these weights before. The first tiles fetch the next panel of weights, a cache line with each step.
HELPER void conv_lines(const Conv *s, idx lines, idx width, idx nv, idx columns, const float *x, const float *w,
                       idx tile, idx n, idx oy, idx c) {
  idx whole = s->ow / width * width, steps = s->kh * s->kw * s->ic;
  NO_UNROLL for (idx ox = 0; ox < whole; ox += width, tile++) {
    const float *ahead = tile * LINE_FLOATS < s->nr ? w + steps * (s->nr + tile * LINE_FLOATS) : w;
    conv_tile(s, lines * width, width, nv, columns, x, w, ahead, n, oy, ox, c);
  }
  if (lines > 1) return;
  idx left = s->ow - whole;
  if (left) conv_tile(s, left, left, nv, columns, x, w, w, n, oy, whole, c);
}

// Output rows [from, to) for one panel of channels, `lines` rows a tile; the image's last tile has what is left.
HELPER void conv_panel(const Conv *s, idx lines, idx width, idx nv, idx columns, idx from, idx to, const float *x,
                       const float *w, idx n, idx c) {
  idx tile = 0;
  NO_UNROLL for (; from + lines <= to; from += lines, tile += s->ow / width) {
    conv_lines(s, lines, width, nv, columns, x, w, tile, n, from, c);
  }
  if (from < to) conv_lines(s, s->oh % lines, width, nv, columns, x, w, tile, n, from, c);
}

// Splits the work into units of (image, strip of rows, group, panel, tile of rows), the last fastest. A panel of
// weights passes over a strip before the next one comes, so the strip should stay in L2; but where weights outweigh the
// input, one strip is the whole image and the input is what streams.
HELPER void conv_units(const Conv *s, idx n, idx groups, idx lines, idx width, idx nv, const float *x, idx x_n,
                       const float *w, idx part, idx parts) {
  enum { STRIP_FLOATS = 65536 };
  idx taps = s->kh * s->kw * s->ic, panels = (s->oc + s->nr - 1) / s->nr, whole = s->oc / s->nr;
  idx tiles = (s->oh + lines - 1) / lines, line_floats = lines * s->sh * s->ow * s->sw * s->ic * groups;
  idx strips = min_idx(tiles, (tiles * line_floats + STRIP_FLOATS - 1) / STRIP_FLOATS);
  idx weights = groups * panels * taps * s->nr, input = tiles * line_floats;
  if (strips * weights + input > weights + panels * input) strips = 1;
  idx deep = (tiles + strips - 1) / strips, unit, end;
  share(n * strips * groups * panels * deep, part, parts, &unit, &end);
  while (unit < end) {
    idx from = unit % deep, to = min_idx(deep, from + end - unit), at = unit / deep;
    idx panel = at % panels, group = at / panels % groups, strip = at / panels / groups % strips;
    idx image = at / panels / groups / strips, c = group * s->oc + panel * s->nr;
    unit += to - from;
    from = min_idx(s->oh, (strip * deep + from) * lines);
    to = min_idx(s->oh, (strip * deep + to) * lines);
    const float *in = x + image * x_n + group * s->ic * s->x_c, *taken = w + (group * panels + panel) * taps * s->nr;
    if (panel < whole) {
      conv_panel(s, lines, width, nv, s->nr, from, to, in, taken, image, c);
    } else {
      idx left = s->oc % s->nr;
      conv_panel(s, lines, width, (left + V - 1) / V, left, from, to, in, taken, image, c);
    }
  }
}

// y[n][oy][ox][c] = Σ x[n][oy·sh + ky·dh][ox·sw + kx·dw][g·ic + i]·w, handed to store(bufs, v, n, oy, ox, c, lanes)
// with c = g·oc + o. oc and ic are channels of one group. x is padded already: it points at tap (0, 0) of output (0,
// 0). Its strides are free: a first layer reads NCHW with x_c = height·width. w is [groups][ceil(oc /
// nr)][kh][kw][ic][nr] as pack_conv_f32 makes it, nr = nv·V. A tile is mr pixels of a row, or mr / ow rows when ow
// divides mr.
TEMPLATE Status conv2d_f32(idx n, idx oh, idx ow, idx groups, idx oc, idx ic, idx kh, idx kw, idx sh, idx sw, idx dh,
                           idx dw, const float *x, idx x_n, idx x_h, idx x_w, idx x_c, const float *w, idx mr, idx nv,
                           Store *store, void *const *bufs, idx part, idx parts) {
  Conv s = {oh, ow, oc, ic, kh, kw, sh, sw, dh, dw, x_h, x_w, x_c, nv * V, store, bufs};
  if (n * oh * ow * groups * oc == 0) return STATUS_OK;
  if (ow < mr && mr % ow == 0) {
    conv_units(&s, n, groups, mr / ow, ow, nv, x, x_n, w, part, parts);
  } else {
    conv_units(&s, n, groups, 1, mr, nv, x, x_n, w, part, parts);
  }
  return STATUS_OK;
}

// Packs W[groups·oc][ic][kh][kw] with strides w_o, w_i, w_h, w_w into out[groups][ceil(oc / nr)][kh][kw][ic][nr], zeros
// past oc. Parallel over panels.
TEMPLATE Status pack_conv_f32(idx groups, idx oc, idx ic, idx kh, idx kw, const float *w, idx w_o, idx w_i, idx w_h,
                              idx w_w, idx nr, float *out, void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx panels = (oc + nr - 1) / nr, unit, end;
  share(groups * panels, part, parts, &unit, &end);
  for (; unit < end; unit++) {
    idx first = unit % panels * nr, columns = min_idx(nr, oc - first);
    const float *from = w + (unit / panels * oc + first) * w_o;
    float *to = out + unit * kh * kw * ic * nr;
    for (idx ky = 0; ky < kh; ky++) {
      for (idx kx = 0; kx < kw; kx++) {
        for (idx i = 0; i < ic; i++, to += nr) {
          const float *tap = from + i * w_i + ky * w_h + kx * w_w;
          for (idx o = 0; o < columns; o++) to[o] = tap[o * w_o];
          for (idx o = columns; o < nr; o++) to[o] = 0;
        }
      }
    }
  }
  return STATUS_OK;
}

// Sizes of a depthwise convolution; constants after inlining.
typedef struct {
  idx c, kh, kw, sw, dh, dw, x_h, x_w;
  const float *w;
  Store *store;
  void *const *bufs;
} Depthwise;

// `pixels` neighbours from (oy, ox) on, one vector of channels; x is their first tap's place. Taps outside of rows
// [ky0, ky1) are padding, and for one pixel alone those outside of columns [kx0, kx1). Pixels share loads where windows
// overlap. Only columns are unrolled: rows would multiply the code for nothing.
HELPER void depthwise_vector(const Depthwise *s, idx pixels, idx ky0, idx ky1, idx kx0, idx kx1, const float *image,
                             idx x, idx n, idx oy, idx ox, idx c, idx lanes) {
  vf acc[TILE_MAX];
  UNROLL for (idx p = 0; p < pixels; p++) acc[p] = (vf){0};
  NO_UNROLL for (idx ky = ky0; ky < ky1; ky++) {
    const float *row = image + x + ky * s->dh * s->x_h + c, *taps = s->w + ky * s->kw * s->c + c;
    if (pixels == 1) {
      NO_UNROLL for (idx kx = kx0; kx < kx1; kx++) {
        acc[0] += load_some(taps + kx * s->c, lanes) * load_some(row + kx * s->dw * s->x_w, lanes);
      }
    } else {
      UNROLL for (idx kx = 0; kx < s->kw; kx++) {
        vf tap = load_some(taps + kx * s->c, lanes);
        UNROLL for (idx p = 0; p < pixels; p++) {
          acc[p] += tap * load_some(row + (p * s->sw + kx * s->dw) * s->x_w, lanes);
        }
      }
    }
  }
  UNROLL for (idx p = 0; p < pixels; p++) s->store(s->bufs, acc[p], n, oy, ox + p, c, lanes);
}

HELPER void depthwise_channels(const Depthwise *s, idx pixels, idx ky0, idx ky1, idx kx0, idx kx1, const float *image,
                               idx x, idx n, idx oy, idx ox) {
  idx whole = s->c / V * V;
  NO_UNROLL for (idx c = 0; c < whole; c += V) {
    depthwise_vector(s, pixels, ky0, ky1, kx0, kx1, image, x, n, oy, ox, c, V);
  }
  if (s->c % V) depthwise_vector(s, pixels, ky0, ky1, kx0, kx1, image, x, n, oy, ox, whole, s->c % V);
}

// y[n][oy][ox][c] = Σ x[n][oy·sh + ky·dh - pad_top][ox·sw + kx·dw - pad_left][c]·w[ky][kx][c], handed to
// store(bufs, v, n, oy, ox, c, lanes). x is ih×iw, not padded, channels contiguous. Tiles of `pixels` where windows lie
// inside the width, single pixels at its edges. Parallel over output rows.
TEMPLATE Status depthwise2d_f32(idx n, idx oh, idx ow, idx c, idx kh, idx kw, idx sh, idx sw, idx dh, idx dw, idx ih,
                                idx iw, idx pad_top, idx pad_left, const float *x, idx x_n, idx x_h, idx x_w,
                                const float *w, idx pixels, Store *store, void *const *bufs, idx part, idx parts) {
  Depthwise s = {c, kh, kw, sw, dh, dw, x_h, x_w, w, store, bufs};
  // Outputs [inner, outer) have all taps of a row inside.
  idx inner = min_idx(ow, (pad_left + sw - 1) / sw), reach = iw - 1 - (kw - 1) * dw + pad_left;
  idx outer = max_idx(inner, min_idx(ow, reach < 0 ? 0 : reach / sw + 1)), row, end;
  share(n * oh, part, parts, &row, &end);
  NO_UNROLL for (; row < end; row++) {
    idx i = row / oh, oy = row % oh, top = oy * sh - pad_top, ky0, ky1, kx0, kx1;
    const float *image = x + i * x_n;
    clip_window(top, kh, dh, 0, ih, &ky0, &ky1);
    NO_UNROLL for (idx ox = 0; ox < ow;) {
      idx left = ox * sw - pad_left, at = top * x_h + left * x_w;
      if (ox < inner || ox >= outer) {
        clip_window(left, kw, dw, 0, iw, &kx0, &kx1);
        depthwise_channels(&s, 1, ky0, ky1, kx0, kx1, image, at, i, oy, ox++);
      } else if (ox + pixels <= outer) {
        depthwise_channels(&s, pixels, ky0, ky1, 0, kw, image, at, i, oy, ox);
        ox += pixels;
      } else {
        depthwise_channels(&s, (outer - inner) % pixels, ky0, ky1, 0, kw, image, at, i, oy, ox);
        ox = outer;
      }
    }
  }
  return STATUS_OK;
}
