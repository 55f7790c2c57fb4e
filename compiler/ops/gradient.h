// The operator Gradient: reverse-mode derivatives as nodes. expand_gradient.c walks the graph backwards,
// gradient_rules.c says what each operator hands to its inputs, gradient_formula.c derives elementwise formulas.
#pragma once
#include "compiler/ops/expand.h"

typedef struct {
  Expansion *e;
  int count;        // values when the walk begins
  bool *active;     // by value id: it depends on what is derived by
  bool *stop;       // by value id: its gradient goes no further
  Value **gradient; // by value id: NULL: none yet
} Tape;

bool tape_wants(const Tape *tape, const Value *value);
// Adds to the gradient of a value that wants one; passes by any other.
void tape_add(Tape *tape, Value *value, Value *gradient);
// The gradient that has come to an output; zeros where none has.
Value *tape_of(Tape *tape, Value *value);
// g, which has the dims of `whole`, summed over what broadcasting `like` repeated. NULL after an error.
Value *sum_to(Tape *tape, Value *g, const Value *whole, Value *like);

Value *size_of(Expansion *e, Value *x); // the number of elements, a scalar
Value *flat(Expansion *e, Value *x);

// What the outputs' gradients are to the inputs of a node. False after an error.
bool derive_node(Tape *tape, Node *node);
// The same of an elementwise operator; *known is false where it is none.
bool derive_formula(Tape *tape, Node *node, bool *known);

/* gradient_windows.c */
bool derive_conv(Tape *tape, Node *node);
bool derive_max_pool(Tape *tape, Node *node);
