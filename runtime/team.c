// One 64-bit ticket holds the number of the job, how many parts it has and the next part to take. A thread takes a part
// by compare-and-swap of the ticket, so a part of an old job can never be taken, and nobody waits for a thread that has
// taken none: a core that is stolen for a while delays only the part it is on.
//
// What holds: the job's fields are written before its ticket is published, and stay until all parts are done, because
// the caller waits for `done`. A thread reads them only after it has taken a part.
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/team.h"

enum {
  CACHE_LINE = 128,  // two lines: neighbours are fetched in pairs
  SPIN_YIELD = 2000, // spins between two sched_yield, some 50 us
  SPIN_AFTER_RUN = 4000,
  STACK_BYTES = 256 * 1024,
  FUTEX_WAIT_PRIVATE = 128, // of the kernel's interface; musl brings no kernel headers
  FUTEX_WAKE_PRIVATE = 129
};

struct Team {
  _Alignas(CACHE_LINE) _Atomic uint64_t ticket; // job << 32 | parts << 16 | next part
  _Alignas(CACHE_LINE) _Atomic uint32_t done;   // parts of this job
  _Atomic uint64_t failed;                      // UINT64_MAX, or the lowest part << 32 | its status
  _Alignas(CACHE_LINE) _Atomic uint32_t wake;   // the futex: counts the wake-ups
  _Atomic uint32_t asleep;
  _Atomic bool active, stop;
  ModelKernel *kernel;
  void *const *buffers;
  uint32_t parts;
  uint32_t job;
  unsigned threads;
  size_t bytes;
  pthread_t workers[];
};

static void pause_cpu(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool has_part(uint64_t ticket) { return (ticket & 0xffff) < (ticket >> 16 & 0xffff); }

// Takes and runs parts until none is left.
static void work(Team *team) {
  uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
  while (has_part(ticket)) {
    if (!atomic_compare_exchange_weak_explicit(&team->ticket, &ticket, ticket + 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    uint32_t part = ticket & 0xffff;
    int status = team->kernel(team->buffers, (ptrdiff_t)part, (ptrdiff_t)team->parts);
    if (status != 0) {
      uint64_t mine = (uint64_t)part << 32 | (uint32_t)status;
      uint64_t lowest = atomic_load(&team->failed);
      while (mine < lowest && !atomic_compare_exchange_weak(&team->failed, &lowest, mine)) {}
    }
    atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
    ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
  }
}

static bool is_needed(Team *team) {
  return atomic_load(&team->active) || atomic_load(&team->stop) || has_part(atomic_load(&team->ticket));
}

// Sleeps unless there is something to do. `asleep` is raised before the last look and the caller looks at it after
// publishing, both sequentially consistent: one of the two sees the other.
static void sleep_until_needed(Team *team) {
  uint32_t wake = atomic_load(&team->wake);
  atomic_fetch_add(&team->asleep, 1);
  if (!is_needed(team)) syscall(SYS_futex, &team->wake, FUTEX_WAIT_PRIVATE, wake, NULL, NULL, 0);
  atomic_fetch_sub(&team->asleep, 1);
}

static void *run_worker(void *argument) {
  Team *team = argument;
  for (unsigned spins = 0; !atomic_load_explicit(&team->stop, memory_order_relaxed); spins++) {
    if (has_part(atomic_load_explicit(&team->ticket, memory_order_acquire))) {
      work(team);
      spins = 0;
    } else if (atomic_load_explicit(&team->active, memory_order_relaxed)) {
      if (spins >= SPIN_YIELD) {
        sched_yield();
        spins = 0;
      }
    } else if (spins >= SPIN_AFTER_RUN) {
      sleep_until_needed(team);
      spins = 0;
    }
    pause_cpu();
  }
  return NULL;
}

static void wake_team(Team *team) {
  if (atomic_load(&team->asleep) == 0) return;
  atomic_fetch_add(&team->wake, 1);
  syscall(SYS_futex, &team->wake, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

Team *start_team(unsigned threads, Error *error) {
  size_t bytes = sizeof(Team) + threads * sizeof(pthread_t);
  Team *team = map_memory(bytes, error);
  if (!team) return NULL;
  team->bytes = bytes;
  team->threads = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  while (team->threads < threads) {
    int code = pthread_create(&team->workers[team->threads - 1], &attributes, run_worker, team);
    if (code != 0) {
      fail(error, "cannot start thread %u of %u: %s", team->threads + 1, threads, strerror(code));
      break;
    }
    team->threads++;
  }
  pthread_attr_destroy(&attributes);
  if (team->threads == threads) return team;
  stop_team(team);
  return NULL;
}

void stop_team(Team *team) {
  if (!team) return;
  atomic_store(&team->stop, true);
  wake_team(team);
  for (unsigned i = 0; i + 1 < team->threads; i++) pthread_join(team->workers[i], NULL);
  unmap_memory(team, team->bytes);
}

unsigned count_team(const Team *team) { return team->threads; }

void begin_team(Team *team) {
  atomic_store(&team->active, true);
  wake_team(team);
}

void end_team(Team *team) { atomic_store_explicit(&team->active, false, memory_order_release); }

int share_kernel(Team *team, ModelKernel *kernel, void *const *buffers, uint32_t parts) {
  team->kernel = kernel;
  team->buffers = buffers;
  team->parts = parts;
  atomic_store_explicit(&team->done, 0, memory_order_relaxed);
  atomic_store_explicit(&team->failed, UINT64_MAX, memory_order_relaxed);
  atomic_store_explicit(&team->ticket, (uint64_t)++team->job << 32 | (uint64_t)parts << 16, memory_order_release);
  work(team);
  for (unsigned spins = 1; atomic_load_explicit(&team->done, memory_order_acquire) < parts; spins++) {
    if (spins % SPIN_YIELD == 0) sched_yield();
    pause_cpu();
  }
  uint64_t failed = atomic_load_explicit(&team->failed, memory_order_relaxed);
  return failed == UINT64_MAX ? 0 : (int)(uint32_t)failed;
}
