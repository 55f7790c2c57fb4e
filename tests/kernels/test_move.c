// Moves of data against plain index arithmetic: transpose, gather, resize.
#include "tests/kernels/kernels.h"
#include "templates/move.h"

static unsigned char *new_pattern(idx bytes) {
  unsigned char *p = new_bytes(bytes);
  for (idx i = 0; i < bytes; i++) p[i] = (unsigned char)random_bits();
  return p;
}

typedef struct {
  idx size, n0, n1, rows, cols, xr, xc, yc, yr;
  const void *x;
  void *y;
} Transpose;
static Status run_transpose(void *context, idx part, idx parts) {
  Transpose *t = context;
  idx one = t->rows * t->cols;
  return transpose(t->size, t->n0, t->n1, t->rows, t->cols, t->x, t->n1 * one, one, t->xr, t->xc, t->y, t->n1 * one,
                   one, t->yc, t->yr, NULL, part, parts);
}
static void test_transpose(void **state) {
  (void)state;
  const idx sizes[] = {1, V - 1, V, V + 1, 3 * V + 2, 67, 130};
  for (idx size = 1; size <= 8; size *= 2) {
    for (size_t r = 0; r < 7; r++) {
      for (size_t c = 0; c < 7; c++) {
        for (int flip = 0; flip < 2; flip++) { // flip: both sides stored the other way round
          idx rows = sizes[r], cols = sizes[c], bytes = 6 * rows * cols * size;
          unsigned char *x = new_pattern(bytes), *y = new_bytes(bytes);
          Transpose t = {size, 2, 3, rows, cols, flip ? 1 : cols, flip ? rows : 1, flip ? 1 : rows, flip ? cols : 1,
                         x,    y};
          run_parts(run_transpose, &t, y, bytes);
          for (idx m = 0; m < 6; m++) {
            for (idx i = 0; i < rows; i++) {
              for (idx j = 0; j < cols; j++) {
                if (memcmp(x + (m * rows * cols + i * t.xr + j * t.xc) * size,
                           y + (m * rows * cols + j * t.yc + i * t.yr) * size, (size_t)size)) {
                  fail_msg("size %td %tdx%td flip %d: [%td][%td] differs", size, rows, cols, flip, i, j);
                }
              }
            }
          }
          free(x), free(y);
        }
      }
    }
  }
}

typedef struct {
  idx outer, axis, count, inner, index_bytes;
  const void *data, *indices;
  void *out;
} Gather;
static Status run_gather(void *context, idx part, idx parts) {
  Gather *g = context;
  return gather(g->outer, g->axis, g->count, g->inner, g->data, g->indices, g->index_bytes, g->out, NULL, part, parts);
}
static void test_gather(void **state) {
  (void)state;
  const int64_t wide[] = {0, 4, -1, -5, 2};
  const int32_t narrow[] = {0, 4, -1, -5, 2};
  for (idx inner = 1; inner < 70; inner += 17) {
    unsigned char *data = new_pattern(3 * 5 * inner), *out = new_bytes(3 * 5 * inner);
    for (int bytes = 4; bytes <= 8; bytes += 4) {
      Gather g = {3, 5, 5, inner, bytes, data, bytes == 8 ? (const void *)wide : narrow, out};
      run_parts(run_gather, &g, out, 3 * 5 * inner);
      for (idx i = 0; i < 15; i++) {
        idx from = wide[i % 5] < 0 ? (idx)wide[i % 5] + 5 : (idx)wide[i % 5];
        assert_memory_equal(out + i * inner, data + (i / 5 * 5 + from) * inner, (size_t)inner);
      }
    }
    free(data), free(out);
  }
  const int64_t bad[] = {5, -6, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 4; i++) {
    unsigned char data[5] = {0}, out[1];
    Gather g = {1, 5, 1, 1, 8, data, bad + i, out};
    assert_int_equal(run_gather(&g, 0, 1), STATUS_INDEX);
  }
}

enum { N = 2, IH = 4, IW = 3, OH = 7, OW = 5 };
static const int32_t ynear[OH] = {0, 0, 1, 1, 2, 3, 3}, xnear[OW] = {0, 0, 1, 2, 2};
static const int32_t ytable[2 * OH] = {0, 0, 0, 1, 0, 1, 1, 2, 2, 3, 2, 3, 3, 3},
                                xtable[2 * OW] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2};
static const float yweight[2 * OH] = {1, 0, .5f, .5f, .25f, .75f, .5f, .5f, .75f, .25f, .125f, .875f, 1, 0};
static const float xweight[2 * OW] = {1, 0, .25f, .75f, 1, 0, .5f, .5f, 0, 1};
typedef struct {
  idx c, stride; // stride of a pixel of x
  const float *x;
  float *y;
} Resize;
static Status run_nearest(void *context, idx part, idx parts) {
  Resize *r = context;
  return resize2d_nearest(4 * r->c, N, OH, OW, ynear, xnear, r->x, 4 * IH * IW * r->stride, 4 * IW * r->stride,
                          4 * r->stride, r->y, NULL, part, parts);
}
static void store_resized(void *const *bufs, vf v, idx n, idx oy, idx ox, idx c, idx lanes) {
  const Resize *r = bufs[0];
  store_some(r->y + ((n * OH + oy) * OW + ox) * r->c + c, v, lanes);
}
static Status run_linear(void *context, idx part, idx parts) {
  Resize *r = context;
  return resize2d_linear_f32(N, OH, OW, r->c, ytable, yweight, xtable, xweight, r->x, IH * IW * r->stride,
                             IW * r->stride, r->stride, store_resized, (void *[]){r}, part, parts);
}
static void test_resize(void **state) {
  (void)state;
  const idx channels[] = {1, V - 1, V, 2 * V + 1};
  for (size_t k = 0; k < 4; k++) {
    idx c = channels[k], stride = c + 2, count = N * OH * OW * c;
    float *x = new_random(N * IH * IW * stride), *y = new_floats(count);
    Resize r = {c, stride, x, y};
    run_parts(run_nearest, &r, y, count * 4);
    for (idx i = 0; i < count; i++) {
      idx ox = i / c % OW, oy = i / c / OW % OH, n = i / c / OW / OH;
      assert_true(y[i] == x[((n * IH + ynear[oy]) * IW + xnear[ox]) * stride + i % c]);
    }
    run_parts(run_linear, &r, y, count * 4);
    for (idx i = 0; i < count; i++) {
      idx ox = i / c % OW, oy = i / c / OW % OH, n = i / c / OW / OH;
      double want = 0;
      for (int t = 0; t < 4; t++) {
        want += (double)yweight[2 * oy + t / 2] * xweight[2 * ox + t % 2] *
                x[((n * IH + ytable[2 * oy + t / 2]) * IW + xtable[2 * ox + t % 2]) * stride + i % c];
      }
      assert_true(is_close(y[i], want, 1e-6));
    }
    free(x), free(y);
  }
}

// y[a][b][j] = x[b][j][a], and lines that lie as they are.
typedef struct {
  idx size, n, x_n;
  int64_t table[6];
  const char *x;
  char *y;
} Box;
static Status run_box(void *context, idx part, idx parts) {
  Box *b = context;
  return copy_box(b->size, 2, b->table, b->n, b->x_n, 1, b->x, b->y, NULL, part, parts);
}
static void test_box(void **state) {
  (void)state;
  enum { A = 3, B = 4, J = 5 };
  for (idx size = 1; size <= 16; size *= 2) {
    for (int lines = 0; lines < 2; lines++) {
      char *x = new_bytes(A * B * J * size), *y = new_bytes(A * B * J * size);
      for (idx i = 0; i < A * B * J * size; i++) x[i] = (char)random_bits();
      Box box = {size, J, lines ? 1 : A, {A, lines ? J : 1, B * J, B, lines ? A * J : J * A, J}, x, y};
      run_parts(run_box, &box, y, A * B * J * size);
      for (idx i = 0; i < A * B * J; i++) {
        idx a = i / J / B, b = i / J % B, j = i % J, from = lines ? (b * A + a) * J + j : (b * J + j) * A + a;
        assert_memory_equal(y + i * size, x + from * size, (size_t)size);
      }
      free(x), free(y);
    }
  }
}

RUN_TESTS(cmocka_unit_test(test_box), cmocka_unit_test(test_transpose), cmocka_unit_test(test_gather),
          cmocka_unit_test(test_resize))
