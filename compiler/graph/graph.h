// The Graph: an ONNX model after reading, in memory of its own. Nothing here knows protobuf or machines.
//
// Holds between passes (graph_verify checks it): nodes stand in topological order; every value has at most one
// producer; uses are exact; `op` is set on every node once reading has ended.
#pragma once
#include "compiler/base.h"

/* dtype.c */
// Element types. The numbers are those of ONNX's TensorProto.DataType.
//     name            number  bits  ONNX name
#define DTYPES(X)                                                                                                      \
  X(DT_UNDEFINED, 0, 0, "undefined")                                                                                   \
  X(DT_F32, 1, 32, "float32")                                                                                          \
  X(DT_U8, 2, 8, "uint8")                                                                                              \
  X(DT_I8, 3, 8, "int8")                                                                                               \
  X(DT_U16, 4, 16, "uint16")                                                                                           \
  X(DT_I16, 5, 16, "int16")                                                                                            \
  X(DT_I32, 6, 32, "int32")                                                                                            \
  X(DT_I64, 7, 64, "int64")                                                                                            \
  X(DT_STRING, 8, 0, "string")                                                                                         \
  X(DT_BOOL, 9, 8, "bool")                                                                                             \
  X(DT_F16, 10, 16, "float16")                                                                                         \
  X(DT_F64, 11, 64, "float64")                                                                                         \
  X(DT_U32, 12, 32, "uint32")                                                                                          \
  X(DT_U64, 13, 64, "uint64")                                                                                          \
  X(DT_C64, 14, 64, "complex64")                                                                                       \
  X(DT_C128, 15, 128, "complex128")                                                                                    \
  X(DT_BF16, 16, 16, "bfloat16")                                                                                       \
  X(DT_F8E4M3FN, 17, 8, "float8e4m3fn")                                                                                \
  X(DT_F8E4M3FNUZ, 18, 8, "float8e4m3fnuz")                                                                            \
  X(DT_F8E5M2, 19, 8, "float8e5m2")                                                                                    \
  X(DT_F8E5M2FNUZ, 20, 8, "float8e5m2fnuz")                                                                            \
  X(DT_U4, 21, 4, "uint4")                                                                                             \
  X(DT_I4, 22, 4, "int4")                                                                                              \
  X(DT_F4E2M1, 23, 4, "float4e2m1")                                                                                    \
  X(DT_F8E8M0, 24, 8, "float8e8m0")                                                                                    \
  X(DT_U2, 25, 2, "uint2")                                                                                             \
  X(DT_I2, 26, 2, "int2")

typedef enum {
#define X(name, number, bits, text) name = number,
  DTYPES(X)
#undef X
      DT_COUNT
} DType;

const char *dtype_name(DType type);
int dtype_bits(DType type); // 0 for strings and undefined
// Bytes of an element inside a Program, where those narrower than a byte take one and a string (its offset in the
// string pool and its size) 16.
int dtype_unit(DType type);
bool dtype_is_float(DType type);
bool dtype_is_small_float(DType type);          // float8 and float4 types: nothing computes with them but casts
bool dtype_is_signed(DType type);               // floats and signed integers
int64_t dtype_bytes(DType type, int64_t count); // packed, rounded up; 0 for strings

/* dim.c */
// A dimension: a constant, a symbol ("batch") or an expression of symbols. Expressions are interned per arena owner
// (DimTable), so that equal dims compare equal with ==.
typedef struct DimExpr DimExpr;
typedef struct {
  int64_t value;       // when expr is NULL
  const DimExpr *expr; // else
} Dim;
typedef struct DimTable DimTable;

typedef enum {
  DIM_SYMBOL,
  DIM_ADD,
  DIM_MUL,
  DIM_DIV, // floor
  DIM_MOD,
  DIM_MIN,
  DIM_MAX,
  DIM_EQ, // 1 or 0
  DIM_LT,
  DIM_CHOOSE, // a is 1 or 0: b or c
} DimOp;

// What values a dim can have; INT64_MIN and INT64_MAX: no bound is known.
typedef struct {
  int64_t low, high;
} DimRange;

// Sums and products are chains to the left: ((x + y) + 2*z) + 1, each summand and factor once, a constant last.
struct DimExpr {
  DimOp op;
  const char *name; // DIM_SYMBOL
  bool defined;     // DIM_SYMBOL: its value is that of `a`
  bool any;         // DIM_SYMBOL: may be negative: a number out of the data, or defined by such ones
  Dim a, b, c;      // else; c: DIM_CHOOSE
  DimRange range;
  int id;    // in order of making: the same in every run
  int size;  // nodes of the expression written as a tree
  int depth; // operations that stand on one another, definitions included
  double estimate;
  const DimExpr *symbol; // dim_define's; NULL: none yet
  DimTable *table;       // that holds it
};

DimTable *dims_new(Arena *arena);
size_t dims_count(const DimTable *table); // expressions made so far: the largest id
static inline Dim dim_const(int64_t value) { return (Dim){value, NULL}; }
static inline bool dim_is_const(Dim d) { return !d.expr; }
static inline bool dim_equal(Dim a, Dim b) { return a.expr == b.expr && (a.expr || a.value == b.value); }
Dim dim_symbol(DimTable *table, const char *name);
// A symbol unlike all others, named after what it is the size of.
Dim dim_new_symbol(DimTable *table, const char *name);
Dim dim_data_symbol(DimTable *table, const char *name);     // the same for a number that may be negative
Dim dim_found(DimTable *table, const char *name, Dim most); // the same for one that is at most `most`
// Gives a symbol that nothing has been made of yet a bound.
void dim_set_most(Dim symbol, int64_t most);
// A symbol of its own for a value, whatever that is.
Dim dim_alias(DimTable *table, const char *name, Dim value);
// The one symbol for the value of an expression that nobody need look into. Constants and symbols stay what they are.
Dim dim_define(DimTable *table, const char *name, Dim value);
// Folds constants and keeps sums and products in one normal form; operands of what would be very long become symbols.
// Constants beyond 64 bits give a symbol named "overflow", which no binding resolves.
Dim dim_op(DimTable *table, DimOp op, Dim a, Dim b);
bool dim_is_overflow(Dim d);
// The same, for dims that are of reasonable size where both are constants: those stay within 64 bits, and as the run
// does it, a division by 0 gives 0.
Dim dim_add(Dim a, Dim b);
Dim dim_sub(Dim a, Dim b);
Dim dim_mul(Dim a, Dim b);
Dim dim_div(Dim a, Dim b); // floor
Dim dim_min(Dim a, Dim b);
Dim dim_max(Dim a, Dim b);
Dim dim_equals(Dim a, Dim b); // 1 or 0
Dim dim_less(Dim a, Dim b);
Dim dim_choose(Dim condition, Dim b, Dim c); // condition is 1 or 0: b or c
static inline Dim dim_plus(Dim a, int64_t k) { return dim_add(a, dim_const(k)); }
static inline Dim dim_times(Dim a, int64_t k) { return dim_mul(a, dim_const(k)); }
static inline Dim dim_div_up(Dim a, int64_t k) { return dim_div(dim_plus(a, k - 1), dim_const(k)); }
// The product of dims[from] to dims[to - 1].
static inline Dim dims_product(const Dim *dims, int from, int to) {
  Dim product = dim_const(1);
  for (int i = from; i < to; i++) product = dim_mul(product, dims[i]);
  return product;
}
static inline bool dim_is(Dim d, int64_t k) { return !d.expr && d.value == k; }
// True when b divides a whatever the symbols are; *quotient may be NULL.
bool dim_divides(Dim a, Dim b, Dim *quotient);
// True when a < b wherever the symbols in `positive` are above 0 and all others are not negative.
bool dim_is_less(Dim a, Dim b, const Dim *positive, size_t count);
bool dim_may_be_negative(Dim d); // false: no term of it is subtracted
// |d| where each symbol is a hundred: for choices in which any answer is right.
double dim_estimate(Dim d);
// -1, 0, 1: how the estimates of a and b compare.
int dim_compare(Dim a, Dim b);
// Puts constants where symbols stand: names[i] becomes values[i].
Dim dim_bind(DimTable *table, Dim d, const char *const *names, const int64_t *values, size_t count);
const char *dim_text(DimTable *table, Dim d); // "3", "batch", "(seq+1)"

/* dim_range.c */
DimRange dim_range(Dim d);
int64_t dim_most(Dim d);                              // the largest value it can have; INT64_MAX: no bound is known
DimRange dim_range_of(DimOp op, Dim x, Dim y, Dim z); // of an operation

/* graph.c */
typedef struct Node Node;
typedef struct Graph Graph;
typedef struct Value Value;
typedef struct Model Model;

enum { MAX_RANK = 16 };
enum { NEWEST_OPSET = 28 }; // of ai.onnx: the newest that can be read, and that of nodes which passes make

// Constant data in row-major order, little-endian, at any alignment. Points into the mapped model file or an arena.
typedef struct Tensor {
  DType type;
  int rank; // 0..MAX_RANK
  const int64_t *dims;
  const void *data;           // dtype_bytes(type, count) bytes; NULL when count is 0 or the type is DT_STRING
  const char *const *strings; // DT_STRING: NUL-terminated
} Tensor;
int64_t tensor_count(const Tensor *tensor); // product of dims, checked when the tensor was made
int64_t tensor_bytes(const Tensor *tensor);
// Lets go of the memory that bytes [from, from + bytes) take. Those of a mapped file are read again when they are
// needed.
void tensor_page_out(const Tensor *tensor, int64_t from, int64_t bytes);
// Element i of an integer or bool tensor as int64, of a float tensor as double.
int64_t tensor_int(const Tensor *tensor, int64_t i);
double tensor_float(const Tensor *tensor, int64_t i);
// The tensor with elements narrower than a byte as bytes, integers with their sign extended; itself when they are not.
const Tensor *tensor_unpacked(Arena *arena, const Tensor *tensor);
// x in a float type, rounded to nearest even: the bits, in the low end. Beyond the range: infinity, else NaN, else the
// largest number.
uint64_t float_bits(DType type, double x);

typedef enum { VALUE_TENSOR, VALUE_SEQUENCE, VALUE_OPTIONAL, VALUE_MAP } ValueKind;

// What a sequence, an optional or a map holds.
typedef struct {
  ValueKind of;           // its elements: sequences in an optional, maps in a sequence, else tensors
  DType key;              // of maps
  int rank;               // of the tensors at the bottom
  int64_t dims[MAX_RANK]; // of those; -1: not known, or not the same in all
} Content;
enum { NO_TENSORS = -1, ANY_RANK = -2 }; // ranks of a Content: it holds none yet, they differ or are not known

// One tensor that flows between nodes, or another kind of value: that is a block of bytes as runtime/sequence.h lays it
// out, of rank 1; its only dim is a symbol for their number.
struct Value {
  int id;           // counts from 0 within its model: side tables are arrays
  const char *name; // "" when the model gave none; unique within its model otherwise
  ValueKind kind;
  const Content *content; // where the kind is not VALUE_TENSOR
  DType type;             // of elements, of a map: of its values
  int rank;               // -1: not known yet
  Dim *dims;              // [rank]
  Tensor *data;           // constant, or NULL
  Dim *elems;    // elements of a small integer tensor known as expressions (what shapes are computed with), or NULL
  bool measured; // elems are symbols that the run finds out when it has computed the tensor
  bool from_constants; // computed from constants alone
  Node *producer;      // NULL for inputs and constants
  Node **uses;         // one entry per use: a node that reads it twice stands here twice
  size_t use_count;
  bool is_output; // of its graph
};

typedef enum {
  ATTR_FLOAT = 1,
  ATTR_INT = 2,
  ATTR_STRING = 3,
  ATTR_TENSOR = 4,
  ATTR_GRAPH = 5,
  ATTR_FLOATS = 6,
  ATTR_INTS = 7,
  ATTR_STRINGS = 8,
  ATTR_TENSORS = 9,
  ATTR_GRAPHS = 10, // ONNX's numbers
} AttrType;

typedef struct Attr {
  const char *name;
  AttrType type;
  size_t count; // of the lists
  union {
    double f;
    int64_t i;
    const char *s; // also NUL-terminated; `count` bytes
    Tensor *t;
    Graph *g;
    double *floats;
    int64_t *ints;
    const char **strings;
    Tensor **tensors;
    Graph **graphs;
  };
} Attr;

// The subgraphs of an attribute: *count of them.
static inline Graph *const *attr_graphs(const Attr *attr, size_t *count) {
  *count = attr->type == ATTR_GRAPH ? 1 : attr->type == ATTR_GRAPHS ? attr->count : 0;
  return attr->type == ATTR_GRAPH ? &attr->g : attr->graphs;
}

struct Op; // ops/ops.h

struct Node {
  const struct Op *op; // the row of ops.def that matches domain, type and opset; NULL: unknown operator
  const char *domain;  // "" is ai.onnx
  const char *type;    // "Conv"
  Loc loc;
  Value **in; // NULL where an optional input is absent
  size_t in_count;
  Value **out; // NULL where an optional output is absent
  size_t out_count;
  Attr *attrs;
  size_t attr_count;
  Node *prev, *next;
  Model *model; // that owns it
  int mark;     // free for the pass that runs
};

struct Graph {
  Model *model;
  Graph *parent; // of an If, Loop or Scan body
  Dim round;     // of a Loop or Scan body: the number of the round, from 0
  const char *name;
  Value **inputs; // without those that have an initialiser
  size_t input_count;
  Value **outputs;
  size_t output_count;
  const char **output_names; // as the model names them, whatever passes do to the values
  Node *first, *last;
  const char *fault; // of an If's branch that cannot run, whose nodes are gone: why
};

typedef struct {
  const char *domain; // "" is ai.onnx
  int version;
} OpsetImport;

struct Model {
  Arena *arena;
  Diag *diag;
  DimTable *dims;
  const char *file; // as the user named it
  int64_t ir_version;
  const char *producer; // may be ""
  OpsetImport *opsets;
  size_t opset_count;
  Graph *graph;
  int values;    // made so far
  Value *wanted; // inference asks for the elements of this one, which is computed from constants
  int unnamed;   // counter for names that passes invent
};

Model *model_new(Arena *arena, Diag *diag, const char *file);
int model_opset(const Model *model, const char *domain); // 0: not imported

Graph *graph_new(Model *model, Graph *parent, const char *name);
// A copy with values of its own; values from outside are the same. For a trial: graph_discard lets go of it again.
Graph *graph_clone(const Graph *graph);
Graph *graph_copy(const Graph *graph); // of a whole model, with constants of its own: passes may change either
void graph_discard(Graph *graph);
// Moves the nodes after `node` that depend on its results to the end of each of its bodies, and `node` to the graph's
// end: its results are then those of the graph's outputs that depend on it. False where no node does, or where copies
// would be too many.
bool graph_sink(Graph *graph, Node *node, Graph *const *bodies, size_t body_count);
// A value without producer. `name` NULL: one is invented from `hint`.
Value *value_new(Graph *graph, const char *name);
Value *value_new_typed(Graph *graph, const char *hint, DType type, int rank, const Dim *dims);
Value *value_const(Graph *graph, const char *hint, Tensor *data);
Value *value_const_ints(Graph *graph, const char *hint, const int64_t *ints, int64_t count); // int64[count]
Value *value_const_float(Graph *graph, const char *hint, DType type, double x);              // scalar
// The type of what lies in memory: bytes where the value is no tensor.
static inline DType value_storage(const Value *value) { return value->kind == VALUE_TENSOR ? value->type : DT_U8; }
bool value_is_static(const Value *value);                       // rank and all dims are constants
bool value_is_empty(const Value *value);                        // known to have no elements
int64_t value_count(const Value *value);                        // elements of a static value; -1 on overflow
int64_t value_dim(const Value *value, int axis);                // of a static value; negative axes count from the end
const char *value_text(const Model *model, const Value *value); // "'x' float32[8,128]"

// A new node before `before` (NULL: at the end), with the meaning that its operator has in the newest opset. The arrays
// are copied; outputs get this node as their producer.
Node *node_new(Graph *graph, Node *before, const char *domain, const char *type, Value *const *in, size_t in_count,
               Value *const *out, size_t out_count);
// The result, of a's type and not yet of any shape, of a new node `type`(a, b) of ai.onnx before `before`; b may be
// NULL.
Value *node_result(Graph *graph, Node *before, const char *type, Value *a, Value *b);
void node_set_input(Node *node, size_t i, Value *value); // keeps uses exact; value may be NULL
void node_add_input(Node *node, Value *value);
void node_remove(Graph *graph, Node *node); // its outputs must have no uses
void node_move_last(Graph *graph, Node *node);
// Removes a node whose results have become constants: those stay, without a producer.
void node_settle(Graph *graph, Node *node);
void value_replace(Graph *graph, Value *old, Value *with); // in all uses and graph outputs

const Attr *node_attr(const Node *node, const char *name); // NULL when absent
int64_t node_int(const Node *node, const char *name, int64_t otherwise);
double node_float(const Node *node, const char *name, double otherwise);
const char *node_string(const Node *node, const char *name, const char *otherwise);
// *count elements, or NULL when absent
const int64_t *node_ints(const Node *node, const char *name, size_t *count);
void node_set_int(Model *model, Node *node, const char *name, int64_t value);
void node_set_float(Model *model, Node *node, const char *name, double value);
void node_set_ints(Model *model, Node *node, const char *name, const int64_t *ints, size_t count);
void node_set_string(Model *model, Node *node, const char *name, const char *value);
static inline Value *node_in(const Node *node, size_t i) { return i < node->in_count ? node->in[i] : NULL; }
static inline Value *node_out(const Node *node, size_t i) { return i < node->out_count ? node->out[i] : NULL; }
bool node_is(const Node *node, const char *domain, const char *type);

// Records an error with the node's place, then one line per input with its name, type and shape, and its attributes.
#define node_error(...) (node_report(__VA_ARGS__), always_false())
void node_report(const Model *model, const Node *node, const char *format, ...) PRINTF_LIKE(3, 4);

/* graph_print.c */
void graph_print(const Graph *graph, Text *out);
// "transB=0 axes=[1,2]": one line, long lists and graphs cut short.
void print_attrs(const Node *node, Text *out);

/* graph_verify.c */
// The invariants above, as a list of rules; a broken one is a compiler's fault and is reported as such.
bool graph_verify(const Graph *graph);
