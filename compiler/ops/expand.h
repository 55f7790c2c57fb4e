// Operators as compositions of others. An expansion reads like the operator's formula:
//
//   Value *d = SUB(e, x, mean);
//   return expand_done(e, 0, MUL(e, d, POW(e, var, SCALAR(e, var, -0.5))));
//
// The new nodes are of ai.onnx in its newest opset and stand before the node that they replace. Ranks and dims of the
// node's own inputs are known, those of values made here are not yet: inference goes on with the new nodes, some of
// which may be expanded in turn. Sizes are read by DIM, so that they may be symbols; constants fold on the way.
#pragma once
#include "compiler/ops/ops.h"

struct Expansion {
  Model *model;
  Graph *graph;
  Node *node;
  Node *before;    // which new nodes stand; NULL: at the graph's end
  int first;       // values from this id on are the expansion's own
  Value **results; // of each output of the node
};

// Replaces the node by what its operator's `expand` makes. *replaced stays false when that leaves the node to its other
// rules. False after a recorded error.
bool expand_node(Graph *graph, Node *node, bool *replaced);
// The value is the node's output number i. Absent outputs are skipped. Returns true, for the end of expansions.
bool expand_done(Expansion *e, size_t i, Value *value);
static inline bool node_has_out(const Node *node, size_t i) { return node_out(node, i) != NULL; }

/* new nodes: all return the first result */

// Its type is that of the first input, until inference sets it.
Value *expand_make(Expansion *e, const char *type, size_t count, Value *const *in);
Value *expand_make_in(Expansion *e, const char *domain, const char *type, size_t count, Value *const *in);
#define MAKE(e, type, ...) expand_make(e, type, COUNT(((Value *const[]){__VA_ARGS__})), (Value *const[]){__VA_ARGS__})
// Attributes of the node that made the value; they return the value.
Value *with_int(Value *value, const char *name, int64_t i);
Value *with_float(Value *value, const char *name, double x);
Value *with_string(Value *value, const char *name, const char *text);
Value *with_ints(Value *value, const char *name, size_t count, const int64_t *ints);
// The same attribute as the node that is being replaced has, if it has one.
Value *with_same(Expansion *e, Value *value, const char *name);
// More results of the node that made the value.
Value *more_results(Expansion *e, Value *value, size_t i);

#define ADD(e, a, b)           MAKE(e, "Add", a, b)
#define SUB(e, a, b)           MAKE(e, "Sub", a, b)
#define MUL(e, a, b)           MAKE(e, "Mul", a, b)
#define DIV(e, a, b)           MAKE(e, "Div", a, b)
#define MOD(e, a, b)           MAKE(e, "Mod", a, b)
#define POW(e, a, b)           MAKE(e, "Pow", a, b)
#define MAX(e, a, b)           MAKE(e, "Max", a, b)
#define MIN(e, a, b)           MAKE(e, "Min", a, b)
#define ABS(e, x)              MAKE(e, "Abs", x)
#define NEG(e, x)              MAKE(e, "Neg", x)
#define EXP(e, x)              MAKE(e, "Exp", x)
#define LOG(e, x)              MAKE(e, "Log", x)
#define COS(e, x)              MAKE(e, "Cos", x)
#define SIN(e, x)              MAKE(e, "Sin", x)
#define SQRT(e, x)             MAKE(e, "Sqrt", x)
#define TANH(e, x)             MAKE(e, "Tanh", x)
#define FLOOR(e, x)            MAKE(e, "Floor", x)
#define RECIPROCAL(e, x)       MAKE(e, "Reciprocal", x)
#define IDENTITY(e, x)         MAKE(e, "Identity", x)
#define AND(e, a, b)           MAKE(e, "And", a, b)
#define EQUAL(e, a, b)         MAKE(e, "Equal", a, b)
#define LESS(e, a, b)          MAKE(e, "Less", a, b)
#define LESS_EQUAL(e, a, b)    MAKE(e, "LessOrEqual", a, b)
#define WHERE(e, c, a, b)      MAKE(e, "Where", c, a, b)
#define MATMUL(e, a, b)        MAKE(e, "MatMul", a, b)
#define SCALAR(e, like, x)     expand_scalar(e, (like)->type, x)
#define INTS(e, ...)           expand_ints(e, COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})
#define TRANSPOSE(e, x, ...)   expand_transpose(e, x, COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})
#define RESHAPE(e, x, ...)     MAKE(e, "Reshape", x, INTS(e, __VA_ARGS__))      // 0: the same dim, -1: the rest
#define RESHAPE_TO(e, x, ...)  MAKE(e, "Reshape", x, CONCAT(e, 0, __VA_ARGS__)) // of one-element vectors
#define UNSQUEEZE(e, x, ...)   MAKE(e, "Unsqueeze", x, INTS(e, __VA_ARGS__))
#define SQUEEZE(e, x, ...)     MAKE(e, "Squeeze", x, INTS(e, __VA_ARGS__))
#define CONCAT(e, axis, ...)   with_int(MAKE(e, "Concat", __VA_ARGS__), "axis", axis)
#define GATHER(e, x, at, axis) with_int(MAKE(e, "Gather", x, at), "axis", axis)
#define EXPAND_TO(e, x, shape) MAKE(e, "Expand", x, shape)
#define SHAPE(e, x)            expand_shape(e, x, 0, MAX_RANK)
#define DIM(e, x, axis)        expand_shape(e, x, axis, (axis) + 1) // a vector of one element; axis not negative
#define INT(e, n)              INTS(e, n)
#define SOFTMAX(e, x, axis)    with_int(MAKE(e, "Softmax", x), "axis", axis)

Value *expand_scalar(Expansion *e, DType type, double x); // integers are rounded down
Value *expand_ints(Expansion *e, size_t count, const int64_t *ints);
Value *expand_tensor(Expansion *e, DType type, int rank, const int64_t *dims, const double *x); // of floats
Value *expand_shape(Expansion *e, Value *x, int64_t from, int64_t to);
Value *expand_transpose(Expansion *e, Value *x, size_t count, const int64_t *perm);
Value *expand_cast(Expansion *e, Value *x, DType type); // x itself when it has that type
Value *expand_slice(Expansion *e, Value *x, int axis, int64_t from, int64_t to, int64_t step);
// A reduction that keeps its axes; over all of them when count is 0.
Value *expand_reduce(Expansion *e, const char *type, Value *x, size_t count, const int64_t *axes);
#define REDUCE(e, type, x, ...) expand_reduce(e, type, x, COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})
Value *expand_sum_all(Expansion *e, Value *x); // a scalar
// A dim as a vector of one element: a constant, or what axis `axis` of x turns out to be.
Value *expand_size(Expansion *e, Dim dim, Value *x, int axis);
// 0, 1, ... n - 1 for an int64 scalar or one-element vector n.
Value *expand_range(Expansion *e, Value *n);
// A vector along axis 1 of values of this rank: [C, 1, 1, ...].
Value *expand_channels(Expansion *e, Value *vector, int rank);
// The nodes of a subgraph, which is used up but for its list of outputs, over these inputs: its first output.
Value *expand_inline(Expansion *e, Graph *body, Value *const *in);

// A body for a Scan that is made here: MAKE and the others put nodes at its end.
Expansion expand_body(Expansion *e, const char *name);
Value *expand_body_input(Expansion *body, DType type);
void expand_body_output(Expansion *body, Value *value);
void expand_set_body(Expansion *e, Value *scan, const Expansion *body);

// Dropout in training (random.c).
bool expand_dropout_training(Expansion *e, Node *node);

/* what the node says */

// An axis attribute made non-negative. False after an error.
bool expand_axis(Expansion *e, const char *name, int64_t otherwise, int rank, int *axis);
// A dim of an input that must be known when compiling. False after an error.
bool expand_const_dim(Expansion *e, size_t input, int axis, int64_t *out);
// The only element of an input that must be known when compiling.
bool expand_int_input(Expansion *e, size_t input, int64_t otherwise, int64_t *out);
