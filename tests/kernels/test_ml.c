// Scores, support vector machines and look-ups against double.
#include "tests/kernels/kernels.h"
#include "templates/ml_lookup.h"
#include "templates/ml_score.h"
#include "templates/ml_svm.h"

/* scores */

typedef struct {
  idx rows, n, transform, second, label, pick, bases, tracked;
  double limit;
  float *raw, *base;
  uint8_t *seen;
  float *out;
  int64_t *labels;
} Scores;
static Status run_scores(void *context, idx part, idx parts) {
  Scores *c = context;
  return ml_scores(c->rows, c->n, c->transform, c->second, c->label, c->limit, c->pick, c->raw, c->n, c->bases, c->base,
                   c->tracked, c->seen, c->out, c->labels, NULL, part, parts);
}

static double want_probit(double v) {
  double x = 2 * v - 1, log_x = log((1 - x) * (1 + x)), b = 2 / (3.14159 * 0.147) + log_x / 2;
  return sqrt(2) * (x < 0 ? -1 : 1) * sqrt(-b + sqrt(b * b - log_x / 0.147));
}
static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void want_transform(idx transform, double *x, idx n) {
  double top = -INFINITY, sum = 0;
  for (idx i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
  for (idx i = 0; i < n; i++) {
    int zero = transform == SCORES_SOFTMAX_ZERO && fabs(x[i]) <= 1e-7;
    if (transform == SCORES_PROBIT) x[i] = want_probit(x[i]);
    if (transform == SCORES_LOGISTIC) x[i] = logistic(x[i]);
    if (transform != SCORES_SOFTMAX && transform != SCORES_SOFTMAX_ZERO) continue;
    x[i] = zero ? x[i] * exp(-top) : exp(x[i] - top);
    sum += zero ? 0 : x[i];
  }
  for (idx i = 0; i < n && (transform == SCORES_SOFTMAX || transform == SCORES_SOFTMAX_ZERO); i++) x[i] /= sum;
}

static void check_scores(idx rows, idx n, idx transform, idx bases, idx tracked) {
  Scores c = {rows, n, transform, SECOND_NONE, LABEL_LARGEST, 0, bases, tracked, 0, NULL, NULL, NULL, NULL, NULL};
  c.raw = new_random(rows * n), c.base = new_random(n), c.out = new_floats(rows * n);
  c.seen = new_bytes(rows * n), c.labels = new_bytes(rows * 8);
  for (idx i = 0; i < rows * n; i++) {
    c.seen[i] = random_bits() % 2;
    if (transform == SCORES_PROBIT)
      c.raw[i] = (c.raw[i] + 1) / 2;
    else if (i % 5 == 0)
      c.raw[i] = 0;
    else if (transform == SCORES_SOFTMAX)
      c.raw[i] *= 50;
  }
  for (idx i = 0; i < n && transform == SCORES_PROBIT; i++) c.base[i] = 0;
  run_parts(run_scores, &c, c.out, rows * n * 4);
  double *want = new_bytes(n * 8);
  for (idx r = 0; r < rows; r++) {
    idx best = -1;
    for (idx i = 0; i < n; i++) {
      float x = bases ? c.raw[r * n + i] + c.base[i] : c.raw[r * n + i];
      want[i] = x;
      if ((!tracked || c.seen[r * n + i]) && (best < 0 || x > want[best])) best = i;
    }
    assert_int_equal(c.labels[r], best < 0 ? 0 : best);
    if (n > 1 || transform == SCORES_PROBIT) want_transform(transform, want, n);
    assert_close(c.out + r * n, want, n, transform == SCORES_PROBIT ? 2e-6 : 1e-6, "scores");
  }
  free(c.raw), free(c.base), free(c.out), free(c.seen), free(c.labels), free(want);
}

static void test_scores(void **state) {
  (void)state;
  const idx sizes[] = {1, 2, 3, V - 1, V, V + 1, 4 * V + 3};
  for (idx transform = SCORES_NONE; transform <= SCORES_PROBIT; transform++) {
    for (int s = 0; s < 7; s++) check_scores(9, sizes[s], transform, s % 2, s % 3 == 0);
  }
}

static void test_second_class(void **state) {
  (void)state;
  float raw[] = {-2, -0.5f, 0, 0.25f, 0.5f, 0.75f, 3}, out[14];
  int64_t labels[7];
  for (idx transform = SCORES_NONE; transform <= SCORES_PROBIT; transform++) {
    for (idx second = SECOND_COMPLEMENT; second <= SECOND_NEGATED; second++) {
      double limit = second == SECOND_COMPLEMENT ? 0.5 : 0;
      Scores c = {7, 1, transform, second, LABEL_OVER, 0, 0, 0, limit, raw, NULL, NULL, out, labels};
      run_parts(run_scores, &c, out, sizeof out);
      for (int i = 0; i < 7; i++) {
        double s = raw[i], want[] = {second == SECOND_COMPLEMENT ? 1 - s : -s, s};
        if (transform == SCORES_LOGISTIC) want[0] = logistic(-s), want[1] = logistic(s);
        if (transform == SCORES_PROBIT) want[0] = want_probit(s), want[1] = -want[0];
        assert_close(out + 2 * i, want, 2, 1e-6, "pair");
        assert_int_equal(labels[i], s > limit);
      }
    }
  }
  const float two[] = {-1, -2, 0.5f, 0.25f, -3, -1};
  const idx over[] = {0, 1, 1}, at_least[] = {0, 1, 1};
  Scores c = {3, 2, SCORES_NONE, SECOND_NONE, LABEL_LARGEST_OVER, 0, 0, 0, 0, (float *)two, NULL, NULL, out, labels};
  run_parts(run_scores, &c, out, 24);
  for (int i = 0; i < 3; i++) assert_int_equal(labels[i], over[i]);
  c.label = LABEL_LARGEST_AT_LEAST, c.limit = 0.5;
  run_parts(run_scores, &c, out, 24);
  for (int i = 0; i < 3; i++) assert_int_equal(labels[i], at_least[i]);
}

/* support vectors */

typedef struct {
  idx rows, features, count, classes;
  float *x, *vectors, *out, *kernels, *coefficients, *rho, *a, *b, *scratch;
  int32_t *starts;
  int64_t *labels;
} Svm;
static Status run_rbf(void *context, idx part, idx parts) {
  Svm *c = context;
  return ml_rbf(c->rows, c->features, c->count, 0.7, c->x, c->features, c->vectors, c->out, NULL, part, parts);
}
static Status run_pairs(void *context, idx part, idx parts) {
  Svm *c = context;
  return ml_svm_pairs(c->rows, c->classes, c->count, c->kernels, c->starts, c->coefficients, c->rho, c->out, c->labels,
                      NULL, part, parts);
}
static Status run_probabilities(void *context, idx part, idx parts) {
  Svm *c = context;
  return ml_svm_probabilities(c->rows, c->classes, c->x, c->a, c->b, c->scratch, c->out, NULL, part, parts);
}

static void test_rbf(void **state) {
  (void)state;
  const idx counts[] = {1, V - 1, V, V + 1, 4 * V, 4 * V + 1, 11 * V + 3};
  for (int k = 0; k < 7; k++) {
    Svm c = {.rows = 5, .features = 3 + k, .count = counts[k]};
    idx pitch = (c.count + 15) / 16 * 16;
    c.x = new_random(c.rows * c.features), c.vectors = new_random(pitch * c.features),
    c.out = new_floats(c.rows * c.count);
    double *want = new_bytes(c.rows * c.count * 8);
    for (idx i = 0; i < c.rows * c.count; i++) {
      double sum = 0;
      for (idx f = 0; f < c.features; f++)
        sum += pow((double)c.x[i / c.count * c.features + f] - (double)c.vectors[f * pitch + i % c.count], 2);
      want[i] = exp(-0.7 * sum);
    }
    run_parts(run_rbf, &c, c.out, c.rows * c.count * 4);
    assert_close(c.out, want, c.rows * c.count, 1e-6, "rbf");
    free(c.x), free(c.vectors), free(c.out), free(want);
  }
}

static void test_pairs(void **state) {
  (void)state;
  for (idx classes = 2; classes < 7; classes++) {
    int32_t starts[8] = {0};
    for (idx i = 0; i < classes; i++) starts[i + 1] = starts[i] + (int32_t)((i * 2 * V + 1) * (i != 2));
    idx count = starts[classes], pairs = classes * (classes - 1) / 2;
    Svm c = {.rows = 6, .count = count, .classes = classes, .starts = starts};
    c.kernels = new_random(c.rows * count), c.coefficients = new_random((classes - 1) * count),
    c.rho = new_random(pairs);
    c.out = new_floats(c.rows * pairs), c.labels = new_bytes(c.rows * 8);
    run_parts(run_pairs, &c, c.out, c.rows * pairs * 4);
    for (idx r = 0; r < c.rows; r++) {
      idx pair = 0, best = 0, votes[8] = {0};
      for (idx i = 0; i < classes; i++) {
        for (idx j = i + 1; j < classes; j++, pair++) {
          double sum = c.rho[pair];
          for (idx s = starts[i]; s < starts[i + 1]; s++)
            sum += (double)c.kernels[r * count + s] * c.coefficients[(j - 1) * count + s];
          for (idx s = starts[j]; s < starts[j + 1]; s++)
            sum += (double)c.kernels[r * count + s] * c.coefficients[i * count + s];
          assert_close(c.out + r * pairs + pair, &sum, 1, 2e-6, "pair");
          votes[sum > 0 ? i : j]++;
        }
      }
      for (idx i = 0; i < classes; i++) best = votes[i] > votes[best] ? i : best;
      assert_int_equal(c.labels[r], best);
    }
    free(c.kernels), free(c.coefficients), free(c.rho), free(c.out), free(c.labels);
  }
}

// Two classes: the pair's own probability. More: the result minimises what the iteration minimises, up to its end.
static void test_probabilities(void **state) {
  (void)state;
  for (idx n = 2; n < 7; n++) {
    idx pairs = n * (n - 1) / 2;
    Svm c = {.rows = 20, .classes = n};
    c.x = new_random(c.rows * pairs), c.a = new_random(pairs), c.b = new_random(pairs);
    c.scratch = new_floats(7 * (2 * n * n + n)), c.out = new_floats(c.rows * n);
    for (idx i = 0; i < pairs; i++) c.a[i] = -1 - c.a[i];
    run_parts(run_probabilities, &c, c.out, c.rows * n * 4);
    for (idx r = 0; r < c.rows; r++) {
      double win[8][8] = {{0}}, sum = 0;
      for (idx i = 0, pair = 0; i < n; i++) {
        for (idx j = i + 1; j < n; j++, pair++) {
          win[i][j] = 1 / (1 + exp((double)c.x[r * pairs + pair] * c.a[pair] + c.b[pair]));
          win[j][i] = 1 - win[i][j];
        }
      }
      double lambda[8] = {0}, all = 0; // at the minimum Σ over j of r_ji² p_i - r_ji r_ij p_j is the same for every i
      for (idx i = 0; i < n; i++) {
        const float *p = c.out + r * n;
        for (idx j = 0; j < n; j++)
          lambda[i] += j == i ? 0 : win[j][i] * win[j][i] * p[i] - win[j][i] * win[i][j] * p[j];
        sum += p[i], all += p[i] * lambda[i];
      }
      assert_true(fabs(sum - 1) < 1e-5);
      for (idx i = 0; i < n; i++) assert_true(fabs(lambda[i] - all) < 0.005 / (double)n + 1e-5);
      if (n == 2) assert_true(fabs(c.out[r * 2] - win[0][1]) < 0.01);
    }
    free(c.x), free(c.a), free(c.b), free(c.scratch), free(c.out);
  }
}

/* look-ups */

typedef struct {
  idx kind, count, keys, strict;
  const void *x;
  const int64_t *key, *value;
  int64_t *out;
} Lookup;
static Status run_lookup(void *context, idx part, idx parts) {
  Lookup *c = context;
  return ml_lookup(c->kind, c->count, c->keys, -7, c->strict, c->x, c->key, c->value, c->out, NULL, part, parts);
}

static void test_lookup(void **state) {
  (void)state;
  int64_t keys[40], values[40], ints[200], out[200];
  int32_t narrow[200];
  int16_t narrower[200];
  for (idx n = 0; n <= 40; n++) {
    for (idx i = 0; i < n; i++) keys[i] = i * 3 - 20, values[i] = i * i;
    for (idx i = 0; i < 200; i++) ints[i] = i - 60, narrow[i] = (int32_t)ints[i], narrower[i] = (int16_t)ints[i];
    const void *const inputs[] = {ints, narrow, narrower};
    for (idx kind = KEY_I64; kind <= KEY_I16; kind++) {
      Lookup c = {kind, 200, n, 0, inputs[kind], keys, values, out};
      run_parts(run_lookup, &c, out, sizeof out);
      for (idx i = 0; i < 200; i++) {
        idx k = ints[i] + 20, found = k >= 0 && k % 3 == 0 && k / 3 < n;
        assert_int_equal(out[i], found ? k / 3 * (k / 3) : -7);
      }
      c.strict = 1;
      assert_int_equal(run_lookup(&c, 0, 1), STATUS_INDEX);
    }
  }
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}
static void test_lookup_of_floats(void **state) {
  (void)state;
  const float single[] = {0.5f, -0.0f, NAN, -1, INFINITY, 7, 0, -NAN};
  const double wide[] = {0.5, -0.0, NAN, -1, INFINITY, 7, 0, -NAN}, known[] = {-1, 0, 0.5, INFINITY, NAN};
  int64_t keys[5], values[5], out[8];
  for (int i = 0; i < 5; i++) keys[i] = key_of(KEY_F64, known, i);
  qsort(keys, 5, sizeof *keys, by_value);
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < 5; k++)
      if (keys[k] == key_of(KEY_F64, known, i)) values[k] = i;
  }
  const int64_t want[] = {2, 1, 4, 0, 3, -7, 1, 4};
  for (idx kind = KEY_F32; kind <= KEY_F64; kind++) {
    Lookup c = {kind, 8, 5, 0, kind == KEY_F32 ? (const void *)single : wide, keys, values, out};
    run_parts(run_lookup, &c, out, sizeof out);
    for (int i = 0; i < 8; i++) assert_int_equal(out[i], want[i]);
  }
}

RUN_TESTS(cmocka_unit_test(test_scores), cmocka_unit_test(test_second_class), cmocka_unit_test(test_rbf),
          cmocka_unit_test(test_pairs), cmocka_unit_test(test_probabilities), cmocka_unit_test(test_lookup),
          cmocka_unit_test(test_lookup_of_floats))
