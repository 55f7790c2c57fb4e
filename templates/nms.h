// Suppression of boxes that overlap better ones.
#pragma once
#include "templates/sort.h"

typedef struct {
  float y0, x0, y1, x1;
} Box;

// A box by two opposite corners (y, x, y, x) or, `centred`, by its centre and size (x, y, width, height).
HELPER Box read_box(const float *p, idx centred) {
  if (centred) return (Box){p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  Box b = {p[0], p[1], p[2], p[3]};
  if (p[0] > p[2]) b.y0 = p[2], b.y1 = p[0];
  if (p[1] > p[3]) b.x0 = p[3], b.x1 = p[1];
  return b;
}

// Whether the boxes share more than `most` of what they cover together.
HELPER int boxes_overlap(Box a, Box b, float most) {
  float h = (a.y1 < b.y1 ? a.y1 : b.y1) - (a.y0 > b.y0 ? a.y0 : b.y0);
  float w = (a.x1 < b.x1 ? a.x1 : b.x1) - (a.x0 > b.x0 ? a.x0 : b.x0);
  float area_a = (a.y1 - a.y0) * (a.x1 - a.x0), area_b = (b.y1 - b.y0) * (b.x1 - b.x0);
  if (!(h > 0) || !(w > 0) || !(area_a > 0) || !(area_b > 0)) return 0;
  return h * w / (area_a + area_b - h * w) > most;
}

// For each batch and class: boxes by falling score, without those below *least (where `bounded`) and those that overlap
// one before them by more than *overlap; at most *limit. boxes[batches][n][4], scores[batches][classes][n]. out: *count
// triples (batch, class, box). `order` has room for n numbers. Only part 0 works.
TEMPLATE Status non_max_suppression(idx batches, idx classes, idx n, idx centred, idx bounded, const float *boxes,
                                    const float *scores, const int64_t *limit, const float *overlap, const float *least,
                                    int64_t *order, int64_t *out, int64_t *count, void *const *bufs, idx part,
                                    idx parts) {
  (void)bufs, (void)parts;
  idx found = 0;
  if (part) return STATUS_OK;
  for (idx line = 0; line < batches * classes; line++) {
    const float *score = scores + line * n, *box = boxes + line / classes * n * 4;
    idx candidates = 0, first = found;
    SortLine falling = {NUMBER_F32, 1, score, 0};
    for (idx i = 0; i < n; i++)
      if (!bounded || score[i] > *least) lift(&falling, order, 1, candidates++, i);
    settle(&falling, order, 1, candidates);
    for (idx k = 0; k < candidates && found - first < *limit; k++) {
      Box candidate = read_box(box + 4 * order[k], centred);
      int kept = 1;
      for (idx j = first; j < found && kept; j++)
        kept = !boxes_overlap(candidate, read_box(box + 4 * out[3 * j + 2], centred), *overlap);
      if (!kept) continue;
      int64_t *row = out + 3 * found++;
      row[0] = line / classes, row[1] = line % classes, row[2] = order[k];
    }
  }
  *count = found;
  return STATUS_OK;
}
