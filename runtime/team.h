// A team of threads that shares the parts of one step at a time. Inside a run its threads spin, since a step can be
// shorter than waking a thread; after a run they spin a little and then sleep in the kernel.
#pragma once
#include "runtime/model.h"
#include "runtime/system.h"

typedef struct Team Team;

// threads >= 2, the caller included. NULL with an error where the system gives no memory or no thread.
Team *start_team(unsigned threads, Error *error);
void stop_team(Team *team);
unsigned count_team(const Team *team);

// Around the steps of one run: wakes the team, and lets it go back to sleep.
void begin_team(Team *team);
void end_team(Team *team);
// Runs all parts of a kernel on the team, the caller taking its share; returns when all are done. The status is that of
// the failing part with the lowest number. parts <= 65535.
int share_kernel(Team *team, ModelKernel *kernel, void *const *buffers, uint32_t parts);
