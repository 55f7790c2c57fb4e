// What inference and lowering of Loop and Scan share.
#pragma once
#include "compiler/ops/control.h"

typedef struct {
  Graph *body;
  size_t carried, scanned;        // values carried, inputs that are scanned
  size_t first_input;             // of the node: that starts the first carried value
  size_t body_input, body_output; // of the body: of the first carried value
  Dim round, rounds;              // rounds: constant -1 where a condition decides
  bool has_condition;             // Loop: the body's first output
} Cycle;

// Read the node; the number of rounds is left open. False after an error.
bool read_loop(Model *model, Node *node, Cycle *c);
bool read_scan(Model *model, Node *node, Cycle *c);
// The number of rounds of a Loop of at most `limit`.
void settle_rounds(const Node *node, Cycle *c, Dim limit);
// `list`[i], or 0.
int64_t list_at(const Node *node, const char *list, size_t i);
// The axis of a Scan's scanned input i.
bool scan_axis(Model *model, Node *node, const Cycle *c, size_t i, int *axis);
// Whether a dim is the same in every round: its symbols are older than the round's.
bool is_same_each_round(const Cycle *c, Dim dim);
