// Operators: what each is (a row of ops.def), what shape its results have (infer) and which steps compute it (lower).
// One file a family holds both for each operator. An operator that others make up has one function instead (expand),
// which puts those others in its place.
#pragma once
#include "compiler/program/program.h"
#include "compiler/target.h"

typedef struct Op Op;
typedef struct Lower Lower;
typedef struct Expansion Expansion;

// The signature names inputs and outputs and says which types they take: "X:T W:T B?:T -> Y:T; T=float". After a
// name: '?' optional, '*' any number, then "[]" a sequence, "{}" any kind of value, else a tensor. Types: a variable,
// or a type or set of types by name (float32, float, int, number, any, ...). Variables are bound by inputs in order;
// one that no input binds is the infer rule's to set.
struct Op {
  const char *domain; // "" is ai.onnx; "ingot" are those that passes make
  const char *type;
  int since; // first opset with this meaning
  const char *signature;
  const char *formula; // elementwise operators: over the signature's input names and attributes "alpha=0.2 : ..."
  bool (*infer)(Model *model, Node *node); // sets rank and dims of outputs (dtype is set from the signature before)
  bool (*lower)(Lower *lower, Node *node);
  bool (*expand)(Expansion *e, Node *node); // see expand.h; beside it the rules may be absent
};

/* ops.c */
const Op *op_find(const char *domain, const char *type, int opset); // newest row with since <= opset; NULL
size_t op_count(void);
const Op *op_at(size_t i);
bool op_known_elsewhere(const char *domain, const char *type); // another opset has it: better messages
// Checks arity and types of a node against its signature and sets the types of its outputs.
bool op_check_types(Model *model, Node *node);
const char *op_input_name(const Op *op, size_t i); // as the signature calls it
// A set of types that signatures name: bit t is element type t.
typedef struct {
  const char *name;
  uint32_t types;
} TypeSet;
const TypeSet *op_type_set(size_t i); // NULL behind the last

/* ops_table.c */
// The table of operators as text, or as the page of OPERATORS.md.
void print_ops(FILE *out);
void print_ops_page(FILE *out);

/* infer.c: helpers of the infer rules. All return false after recording an error. */
bool set_dims(Model *model, Node *node, size_t output, int rank, const Dim *dims);
bool set_dims_like(Model *model, Node *node, size_t output, const Value *like);
// NumPy's broadcasting: joins `more` dims into dims[MAX_RANK], of which there are *rank so far. False: they do not fit.
bool broadcast_dims(int *rank, Dim *dims, int more, const Dim *with);
// Output 0 has the broadcast shape of all inputs.
bool infer_broadcast(Model *model, Node *node);
bool infer_same(Model *model, Node *node);        // every output has the first input's shape
bool infer_elementwise(Model *model, Node *node); // broadcasts and carries known elements through the formula
// The same before opset 7, where attributes `broadcast` and `axis` say how B's dims meet those of A.
bool infer_elementwise_axis(Model *model, Node *node);
// True when inference should fold the value, which is computed from constants, and come again.
bool want_constant(Model *model, Value *value);
// Integer elements of a constant or shape-computed input: *count dims, NULL after an error that names the input.
const Dim *need_elems(Model *model, Node *node, size_t input, int64_t *count);
const int64_t *need_ints(Model *model, Node *node, size_t input, int64_t *count); // the same, constants only
// A list of integers as dims: *count of them, NULL where the attribute is absent.
const Dim *attr_dims(Model *model, const Node *node, const char *name, int64_t *count);
// An axis attribute made non-negative, or an error.
bool need_axis(Model *model, Node *node, int64_t axis, int rank, int *out);
bool need_rank(Model *model, Node *node, size_t input, int min, int max);

// Types, dims and known elements of all values of a graph whose inputs have them (passes/infer.c). Values that have
// them already are passed by. False after recorded errors.
bool infer_graph(Graph *graph);
// Where results of an If have other ranks in one branch than in the other: moves what reads them into both, and the If
// to the graph's end. False where nothing does (branch.c).
bool sink_tail(Graph *graph, Node *node);

/* random.c */
bool draws_numbers(const Node *node); // others in every run

/* view.c, lower.c, lower_steps.c, lower_map.c: helpers of the lower rules. */

// Where a value's elements lie: logical dims in ONNX's order over physical strides. Transpose, Slice, Split, Expand,
// Squeeze are other views of the same buffer; a convolution's result is a channels-last buffer seen as NCHW. Operators
// that need a certain order ask for it and get a copy only when the strides differ.
typedef struct {
  Buffer *buffer;
  DType type;
  int rank;
  Dim offset; // elements
  Dim dims[MAX_RANK];
  Dim strides[MAX_RANK];
} View;

struct Lower {
  Model *model;
  const Target *target;
  Program *program;
  View **views;         // by value id; NULL until the value is computed
  View **channels_last; // by value id: what lower_channels_last gave before
  View **rooms;         // by value id: the room of a sequence that may be appended to in its place; NULL: it may not
  Node *node;           // that is being lowered
  Dim round;            // of the loops around it, 0 outside: a number of its own for each round
  Dim *checked;         // dims that a check stands for already
  size_t check_count;
};

// The view of an input of any strides.
View lower_in(Lower *lower, const Value *value);
// The same with row-major order, by a copy step when it is not.
View lower_dense(Lower *lower, const Value *value);
// With unit stride in the last dim.
View lower_rows(Lower *lower, const Value *value);
// A channels-last view (NCHW dims, channel stride 1, dense) of an [N, C, spatial...] value.
View lower_channels_last(Lower *lower, const Value *value);
// Makes a buffer for a node's output: dims of the value, row-major order.
View lower_out(Lower *lower, Value *value);
// The same in the order of strides of another view of equal dims (dense).
View lower_out_like(Lower *lower, Value *value, const View *like);
View lower_out_channels_last(Lower *lower, Value *value);
// Makes the output another view of an input: nothing is computed.
void lower_alias(Lower *lower, Value *value, const View *view);
View view_dense(Buffer *buffer, DType type, int rank, const Dim *dims);
View view_of_ints(Buffer *buffer, DType type, int rank, const int64_t *dims); // the same for constant dims
bool view_is_dense(const View *view);
Dim view_count(const View *view);
bool view_is_empty(const View *view); // known to have no elements
bool view_is_static(const View *view);
// The view with its dims taken as `dims` (same count): true when strides allow it.
bool view_reshape(const View *view, int rank, const Dim *dims, View *out);
// NumPy's rule: stride 0 where a dim was 1. Where only the run tells whether a dim is 1, so does the stride.
View view_broadcast(const View *view, int rank, const Dim *dims);

// Numbers that are known at run time only, as an int64 vector.
View lower_numbers(Lower *lower, size_t count, const Dim *numbers);
// Ends the run with a Status when a dim turns out to be negative; nothing where it is known not to be.
void lower_check(Lower *lower, Dim not_negative, int status);
// A step for the current node; its name is the node's.
Step *lower_step(Lower *lower, const char *kernel);
void step_view(Lower *lower, Step *step, const View *view); // a pointer argument
// Adds the Store of the step: writes what the template computes to `out`, whose dims are taken in groups as the four
// coordinates of the step: coords[i] of `out` (a view of rank COORDS).
Func *step_store(Lower *lower, Step *step, const View *out);
Func *step_load(Lower *lower, Step *step, const View *in);
// An elementwise step: value(loads...) for each element of out. Inputs have any strides and broadcast.
// `value` is over EX_LOAD i = ins[i]. ins[i] of an EX_FETCH i has size 1 in the dims that its index chooses along. In
// an expression that holds EX_COORD, dim i of out (of at most COORDS) is coordinate COORDS - rank + i.
bool lower_map(Lower *lower, const View *out, const View *ins, size_t count, const Expr *value);
bool lower_copy(Lower *lower, const View *out, const View *in);
// A constant or run-time value packed for a template: a weight buffer with `pack`.
Buffer *lower_pack(Lower *lower, const Tensor *tensor, const Pack *pack, const char *name);
// node_error on the current node.
#define lower_error(...) (lower_report(__VA_ARGS__), always_false())
void lower_report(Lower *lower, const char *format, ...) PRINTF_LIKE(2, 3);

// rules that several files share
bool lower_elementwise(Lower *lower, Node *node);
