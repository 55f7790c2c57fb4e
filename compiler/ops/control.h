// What If, Loop and Scan share: their bodies are lowered in place, between jumps and labels.
#pragma once
#include "compiler/ops/lower.h"

// The body that an attribute holds; NULL after an error.
Graph *find_body(Model *model, Node *node, const char *name);
bool set_value(Model *model, Value *value, DType type, int rank, const Dim *dims);
// The same type, and kind of value, as another value, with other dims.
bool set_value_like(Model *model, Value *value, const Value *like, const Content *content, const Dim *dims);
// What is known of values of which each is as `a` or as `b` says. NULL for tensors.
const Content *join_contents(Model *model, const Content *a, const Content *b);
bool same_kind(const Value *a, const Value *b);

// Numbers of the frame that steps assign: one from memory, or several at once. All values are computed before the first
// symbol changes.
void assign_view(Lower *lower, Dim symbol, const View *number);
void assign_dims(Lower *lower, size_t count, const Dim *symbols, const Dim *values);
Step *add_control(Lower *lower, StepKind kind);
Step *add_jump(Lower *lower, Dim condition, Step *target);

// What a body makes for itself is there only where the body ran.
typedef struct {
  View **channels_last;
  size_t check_count;
} Scope;
Scope enter_body(Lower *lower);
void leave_body(Lower *lower, Scope scope);
bool lower_body(Lower *lower, const Graph *body);
// A buffer for a value whose dims are assigned later: a block where they change.
View carried_view(Lower *lower, const char *name, DType type, int rank, const Dim *dims, bool changes);
