// What operators with bodies share: If, Loop and Scan.
#pragma once
#include "compiler/ops/lower.h"

// The graph that an attribute holds; NULL after a recorded error.
Graph *find_body(Model *model, Node *node, const char *name);
bool set_value(Model *model, Value *value, DType type, int rank, const Dim *dims);
// The same type, and kind of value, as another value, with other dims.
bool set_value_like(Model *model, Value *value, const Value *like, const Content *content, const Dim *dims);
const Content *join_contents(Model *model, const Content *a, const Content *b);
bool same_kind(const Value *a, const Value *b);

/* numbers of the frame that steps assign */

void assign_from(Lower *lower, Dim symbol, const View *number);
// All values are computed before the first symbol changes.
void assign(Lower *lower, size_t count, const Dim *symbols, const Dim *values);
Step *add_control(Lower *lower, StepKind kind);
Step *add_jump(Lower *lower, Dim condition, Step *target);
// A buffer for a value whose dims are assigned later: a block where they change.
View carried_view(Lower *lower, const char *name, DType type, int rank, const Dim *dims, bool changes);

/* bodies */

// What a body makes for itself is there only where the body ran.
typedef struct {
  View **channels_last;
  size_t check_count;
} Scope;
Scope scope_enter(Lower *lower);
void scope_leave(Lower *lower, Scope scope);
bool lower_body(Lower *lower, const Graph *body);
