// What frame.c and frame_steps.c share.
#pragma once
#include "compiler/program/program.h"

struct Frame {
  int *slot_of; // by expression id; 0: none
  size_t id_count;
  struct Slot {
    const DimExpr *expr;
    int end; // of the slots that were made together
    bool input;
  } *slots;
  size_t slot_count;
};

// Whether its value follows from those of others.
static inline bool is_compound(const DimExpr *e) { return e->op != DIM_SYMBOL || e->defined; }

typedef void Visit(void *context, Dim dim);
void no_visit(void *context, Dim dim);
// Calls visit for every run-time number that a step reads.
void each_read(const Step *step, Visit *visit, void *context);
// Calls visit(context, slot) for every slot that a step writes.
void each_written(const Program *program, const Step *step, void (*visit)(void *context, int slot), void *context);
