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

typedef struct {
  idx y, x;
} Pixel;

// The pixel r places behind the first one of a tile, by way of `before`, the one r - 1 places behind it. Where tiles
// are even parts of lines, or so many whole lines, the place in the tile alone tells.
HELPER Pixel conv_pixel(const Conv *s, idx mr, Pixel first, Pixel before, idx r) {
  if (r == 0) return first;
  if (__builtin_constant_p(s->ow) && s->ow % mr == 0) return (Pixel){first.y, first.x + r};
  if (__builtin_constant_p(s->ow) && mr % s->ow == 0) return (Pixel){first.y + r / s->ow, r % s->ow};
  return before.x + 1 == s->ow ? (Pixel){before.y + 1, 0} : (Pixel){before.y, before.x + 1};
}

// `rows` pixels of an image from pixel p on, which is in tiles of mr, times `columns` channels from c on, and of their
// taps those of rows [ky, ky_end), which w points at. Sums that are not complete come from and go to `sums`.
HELPER void conv_tile(const Conv *s, idx mr, idx rows, idx nv, idx columns, const float *x, const float *w,
                      const float *ahead, idx n, idx p, idx c, idx ky, idx ky_end, vf *sums) {
  vf acc[TILE_MAX];
  Pixel pixels[TILE_MAX], first = {p / s->ow, p % s->ow};
  idx at[TILE_MAX], right = s->sw * s->x_w, down = s->sh * s->x_h, kw = s->kw, ic = s->ic;
  UNROLL for (idx r = 0; r < rows; r++) {
    pixels[r] = conv_pixel(s, mr, first, pixels[max_idx(r, 1) - 1], r);
    // Lines without a gap are one line.
    at[r] = down == s->ow * right ? r * right : (pixels[r].y - first.y) * down + (pixels[r].x - first.x) * right;
  }
  // Taps of a row that follow each other in memory are one long run.
  if (s->dw * s->x_w == ic * s->x_c) {
    ic *= kw;
    kw = 1;
  }
  x += first.y * down + first.x * right + ky * s->dh * s->x_h;
  if (ky == 0) {
    tile_clear(rows, nv, acc);
  } else {
    tile_copy(rows, nv, acc, sums);
  }
  NO_UNROLL for (idx i = 0; i < ky_end - ky; i++) {
    NO_UNROLL for (idx kx = 0; kx < kw; kx++) {
      idx tap = (i * kw + kx) * ic;
      tile_multiply(rows, nv, ic, x + i * s->dh * s->x_h + kx * s->dw * s->x_w, at, s->x_c, w + tap * s->nr, s->nr,
                    ahead + tap * LINE_FLOATS, acc);
    }
  }
  if (ky_end < s->kh) {
    tile_copy(rows, nv, sums, acc);
    return;
  }
  tile_join(rows, nv, acc);
  UNROLL for (idx r = 0; r < rows; r++) {
    UNROLL for (idx v = 0; v < nv; v++) {
      s->store(s->bufs, acc[r * nv + v], n, pixels[r].y, pixels[r].x, c + v * V, min_idx(V, columns - v * V));
    }
  }
}

// Tiles [from, to) of one image for one panel of channels and rows [ky, ky_end) of its taps; the last tile has what is
// left: where only the run tells how much, in tiles of 4 and of 1. The first tiles fetch the weights that come next, a
// cache line with each step.
HELPER void conv_tiles(const Conv *s, idx mr, idx nv, idx columns, idx from, idx to, const float *x, const float *w,
                       idx n, idx c, idx ky, idx ky_end, vf sums[][TILE_MAX]) {
  idx whole = s->oh * s->ow / mr, steps = (ky_end - ky) * s->kw * s->ic;
  w += ky * s->kw * s->ic * s->nr;
  NO_UNROLL for (idx t = from; t < min_idx(to, whole); t++) {
    const float *ahead = (t - from) * LINE_FLOATS < s->nr ? w + steps * (s->nr + (t - from) * LINE_FLOATS) : w;
    conv_tile(s, mr, mr, nv, columns, x, w, ahead, n, t * mr, c, ky, ky_end, sums ? sums[t - from] : NULL);
  }
  if (to <= whole) return;
  idx p = whole * mr, left = s->oh * s->ow % mr;
  if (__builtin_constant_p(left)) {
    conv_tile(s, mr, left, nv, columns, x, w, w, n, p, c, ky, ky_end, sums ? sums[whole - from] : NULL);
    return;
  }
  if (ky_end < s->kh) return; // all taps at once, with the last row of them
  w -= ky * s->kw * s->ic * s->nr;
  NO_UNROLL for (; left >= 4; left -= 4, p += 4) conv_tile(s, mr, 4, nv, columns, x, w, w, n, p, c, 0, s->kh, NULL);
  NO_UNROLL for (; left > 0; left--, p++) conv_tile(s, mr, 1, nv, columns, x, w, w, n, p, c, 0, s->kh, NULL);
}

// All taps of tiles [from, to) at once, or where a panel would fill L2, a row of taps for a group of tiles.
HELPER void conv_panel(const Conv *s, idx mr, idx nv, idx columns, idx from, idx to, const float *x, const float *w,
                       idx n, idx c) {
  enum { PANEL_FLOATS = 65536, GROUP = 8 };
  if (s->kh == 1 || s->kh * s->kw * s->ic * s->nr <= PANEL_FLOATS) {
    conv_tiles(s, mr, nv, columns, from, to, x, w, n, c, 0, s->kh, NULL);
    return;
  }
  vf sums[GROUP][TILE_MAX];
  NO_UNROLL for (; from < to; from += GROUP) {
    NO_UNROLL for (idx ky = 0; ky < s->kh; ky++) {
      conv_tiles(s, mr, nv, columns, from, min_idx(to, from + GROUP), x, w, n, c, ky, ky + 1, sums);
    }
  }
}

// Splits the work into units of (image, strip of tiles, group, panel, tile), the last fastest. A panel of weights
// passes over a strip before the next one comes, so the strip should stay in L2; but where weights outweigh the input,
// one strip is the whole image and the input is what streams.
HELPER void conv_units(const Conv *s, idx n, idx groups, idx mr, idx nv, const float *x, idx x_n, const float *w,
                       idx part, idx parts) {
  enum { STRIP_FLOATS = 65536 };
  idx taps = s->kh * s->kw * s->ic, panels = (s->oc + s->nr - 1) / s->nr, whole = s->oc / s->nr;
  idx tiles = (s->oh * s->ow + mr - 1) / mr, tile_floats = mr * s->sh * s->sw * s->ic * groups;
  idx strips = min_idx(tiles, (tiles * tile_floats + STRIP_FLOATS - 1) / STRIP_FLOATS);
  idx weights = groups * panels * taps * s->nr, input = tiles * tile_floats;
  if (strips * weights + input > weights + panels * input) strips = 1;
  idx deep = (tiles + strips - 1) / strips, unit, end;
  share(n * strips * groups * panels * deep, part, parts, &unit, &end);
  while (unit < end) {
    idx from = unit % deep, to = min_idx(deep, from + end - unit), at = unit / deep;
    idx panel = at % panels, group = at / panels % groups, strip = at / panels / groups % strips;
    idx image = at / panels / groups / strips, c = group * s->oc + panel * s->nr;
    unit += to - from;
    from = min_idx(tiles, strip * deep + from);
    to = min_idx(tiles, strip * deep + to);
    const float *in = x + image * x_n + group * s->ic * s->x_c, *taken = w + (group * panels + panel) * taps * s->nr;
    if (panel < whole) {
      conv_panel(s, mr, nv, s->nr, from, to, in, taken, image, c);
    } else {
      idx left = s->oc % s->nr;
      conv_panel(s, mr, (left + V - 1) / V, left, from, to, in, taken, image, c);
    }
  }
}

// y[n][oy][ox][c] = Σ x[n][oy·sh + ky·dh][ox·sw + kx·dw][g·ic + i]·w, handed to store(bufs, v, n, oy, ox, c, lanes)
// with c = g·oc + o. oc and ic are channels of one group. x is padded already: it points at tap (0, 0) of output (0,
// 0). Its strides are free: a first layer reads NCHW with x_c = height·width. w is [groups][ceil(oc /
// nr)][kh][kw][ic][nr] as pack_conv_f32 makes it, nr = nv·V. A tile is mr pixels, which may
// lie in several lines. Where neither of mr and ow divides the other and lines of x have gaps, each of its pixels takes
// an address register: mr <= 6 then.
TEMPLATE Status conv2d_f32(idx n, idx oh, idx ow, idx groups, idx oc, idx ic, idx kh, idx kw, idx sh, idx sw, idx dh,
                           idx dw, const float *x, idx x_n, idx x_h, idx x_w, idx x_c, const float *w, idx mr, idx nv,
                           Store *store, void *const *bufs, idx part, idx parts) {
  Conv s = {oh, ow, oc, ic, kh, kw, sh, sw, dh, dw, x_h, x_w, x_c, nv * V, store, bufs};
  if (n * oh * ow * groups * oc == 0) return STATUS_OK;
  conv_units(&s, n, groups, mr, nv, x, x_n, w, part, parts);
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
  enum { FEW = 4 };
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
      } else if (__builtin_constant_p(outer - inner)) {
        depthwise_channels(&s, (outer - inner) % pixels, ky0, ky1, 0, kw, image, at, i, oy, ox);
        ox = outer;
      } else if (ox + FEW <= outer) { // only the run tells how many are left
        depthwise_channels(&s, FEW, ky0, ky1, 0, kw, image, at, i, oy, ox);
        ox += FEW;
      } else {
        depthwise_channels(&s, 1, ky0, ky1, 0, kw, image, at, i, oy, ox++);
      }
    }
  }
  return STATUS_OK;
}
