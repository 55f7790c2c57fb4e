// Sessions and teams: the same result for every number of threads, faults are reported, the library gives what the
// executable gives.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail // the runtime has a function of this name
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ingot.h"
#include "runtime/run.h"
#include "runtime/sample.h"
#include "runtime/team.h"
#include "templates/template.h"

enum { NUMBERS = 4096 };
typedef struct {
  uint32_t hits[NUMBERS];
  _Atomic uint32_t calls;
  uint32_t fail_from;
} Job;

static int mark(void *const *buffers, ptrdiff_t part, ptrdiff_t parts) {
  Job *job = buffers[0];
  idx from, to;
  share(NUMBERS, part, parts, &from, &to);
  for (idx i = from; i < to; i++) job->hits[i]++;
  atomic_fetch_add(&job->calls, 1);
  return (uint32_t)part >= job->fail_from ? (int)part : 0;
}

static void test_team(void **state) {
  (void)state;
  Error error;
  for (unsigned threads = 2; threads <= 5; threads++) {
    Team *team = start_team(threads, &error);
    assert_non_null(team);
    static Job job;
    memset(&job, 0, sizeof job);
    job.fail_from = UINT32_MAX;
    uint32_t calls = 0;
    for (uint32_t run = 0; run < 300; run++) {
      begin_team(team);
      for (uint32_t parts = 1; parts <= 17; parts += 4, calls += parts - 4)
        assert_int_equal(share_kernel(team, mark, (void *const[]){&job}, parts), 0);
      end_team(team);
    }
    assert_int_equal(job.calls, 300 * (1 + 5 + 9 + 13 + 17));
    for (int i = 0; i < NUMBERS; i++) assert_int_equal(job.hits[i], 1500); // each part once, whoever did it
    job.fail_from = 3;
    begin_team(team);
    assert_int_equal(share_kernel(team, mark, (void *const[]){&job}, 16), 3); // of many failures the first part's
    end_team(team);
    stop_team(team);
  }
}

static void test_session(void **state) {
  (void)state;
  Error error;
  uint8_t *first = NULL;
  for (unsigned threads = 1; threads <= 4; threads++) {
    Session session;
    assert_true(open_session(&session, &ingot_model, &(SessionSettings){.threads = threads}, &error));
    assert_int_equal(count_session_threads(&session), threads);
    sample_fill(1, session.inputs[0].data, 6, 7, 0);
    for (int run = 0; run < 50; run++) assert_true(run_session(&session, NULL, &error));
    const float *x = (float *)session.inputs[0].data, *y = (float *)session.outputs[0].data;
    for (int i = 0; i < 6; i++) assert_true(y[i] == x[i] * 2 + 1);
    assert_true(*(uint64_t *)session.state == 50); // it outlives a run
    if (!first) {
      first = malloc(ingot_model.arena_bytes);
      memcpy(first, session.arena, ingot_model.arena_bytes);
    }
    assert_memory_equal(first, session.arena, ingot_model.arena_bytes);
    ((int64_t *)session.inputs[1].data)[1] = -1;
    assert_false(run_session(&session, NULL, &error));
    assert_string_equal(error.text, "step 'count' (map add 2): index out of range");
    uint64_t ns[5] = {0};
    ((int64_t *)session.inputs[1].data)[1] = 1;
    assert_true(run_session(&session, ns, &error));
    assert_true(ns[3] > 0);
    close_session(&session);
  }
  free(first);
}

static void test_library(void **state) {
  (void)state;
  const IngotModel *model = &ingot_model;
  assert_int_equal(ingot_input_count(model), 2);
  assert_int_equal(ingot_output_count(model), 3);
  assert_string_equal(ingot_input(model, 1).name, "k");
  assert_int_equal(ingot_output(model, 0).bytes, 24);
  size_t bytes = ingot_memory_bytes(model);
  assert_int_equal(bytes % 64, 0);
  void *memory[2];
  _Alignas(64) float x[2][6], y[2][6];
  _Alignas(64) int64_t k[2] = {3, 4}, n[2];
  _Alignas(64) uint16_t h;
  for (uint32_t i = 0; i < 2; i++) {
    memory[i] = aligned_alloc(64, bytes);
    memset(memory[i], 0xee, bytes);
    assert_int_equal(ingot_open(model, memory[i]), 0);
    sample_fill(1, x[i], 6, i, 0);
  }
  for (int run = 0; run < 6; run++) { // two blocks in turn do not disturb each other
    int i = run % 2;
    const void *inputs[] = {x[i], k};
    void *outputs[] = {y[i], n, &h};
    assert_int_equal(ingot_run(memory[i], inputs, outputs), 0);
  }
  for (int i = 0; i < 2; i++)
    for (int e = 0; e < 6; e++) assert_true(y[i][e] == x[i][e] * 2 + 1);
  assert_int_equal(n[1], 5);
  k[0] = -1;
  assert_int_equal(ingot_run(memory[0], (const void *const[]){x[0], k}, (void *const[]){y[0], n, &h}), STATUS_INDEX);
  assert_string_equal(ingot_status_text(STATUS_INDEX), "index out of range");
  free(memory[0]);
  free(memory[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_team),
      cmocka_unit_test(test_session),
      cmocka_unit_test(test_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
