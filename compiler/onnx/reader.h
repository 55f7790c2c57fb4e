// What the files of the reader share. The work is split by what a message becomes: types (read_type.c), tensors
// (read_tensor.c, read_sparse.c, external.c), attributes (read_attr.c), graphs (read_graph.c, sort.c), function calls
// (functions.c) and the model (read.c).
//
// Functions that return bool or a pointer record an error before they return false or NULL.
#pragma once
#include "compiler/graph/graph.h"
#include "compiler/onnx/names.h"
#include "compiler/onnx/onnx.pb-c.h"

typedef Onnx__ModelProto ModelProto;
typedef Onnx__GraphProto GraphProto;
typedef Onnx__NodeProto NodeProto;
typedef Onnx__AttributeProto AttributeProto;
typedef Onnx__FunctionProto FunctionProto;
typedef Onnx__TensorProto TensorProto;
typedef Onnx__SparseTensorProto SparseTensorProto;
typedef Onnx__ValueInfoProto ValueInfoProto;
typedef Onnx__TypeProto TypeProto;

enum {
  MAX_ERRORS = 20,              // after which reading stops
  MAX_CALL_DEPTH = 64,          // of functions that call functions
  MAX_EXPANSION = 1000000,      // of functions: nodes, names and attributes, counted at each call
  MAX_OWN_NUMBER = 1000000000,  // of names that the compiler invents
  MAX_SPARSE_BYTES = 256 << 20, // of all sparse tensors of a model, made dense
};

// A model-local function.
typedef struct {
  const FunctionProto *proto;
  bool active; // being inlined right now
} Function;

typedef struct {
  Model *model;
  Arena *arena;
  Diag *diag;
  const char *file;
  const char *folder; // of external data, or NULL
  Names functions;    // Function by function_key
  Names values;       // names that are taken, in the whole model
  Names symbols;      // dims' names of the main graph's inputs
  Names mappings;     // files of external data, by their real path
  Names tensors;      // that were read, by the address of their TensorProto: a function's are read once
  int64_t sparse_bytes;
  int64_t expansion;
} Reader;

typedef struct Scope Scope;

// An attribute that a function's caller gave, and the names that a graph in it may use.
typedef struct {
  const AttributeProto *proto;
  Scope *scope;
} Argument;

// One call of a function while its body is read.
typedef struct Call {
  const struct Call *caller;
  const FunctionProto *function;
  Names arguments; // Argument by name
} Call;

// What a name stands for.
typedef struct {
  Value *value; // NULL: an input of a function that the caller left out
  int producer; // index of the node in the list that is read; -1 for inputs and initialisers
} Slot;

// The names of one list of nodes: a graph or a function's body.
struct Scope {
  Scope *parent;     // names are looked for there too; NULL for the main graph and functions
  Graph *graph;      // that nodes are appended to
  const char *path;  // of graphs' and calls' names, for messages
  const char *label; // in a function: what its values' names start with
  const Call *call;  // the function whose body this is, or is in
  Names slots;
};

// Whether to stop reading: there are messages enough, or functions have grown too large.
static inline bool is_full(const Reader *r) { return r->diag->errors >= MAX_ERRORS || r->expansion >= MAX_EXPANSION; }

/* read_type.c */
// Sets kind, type and, if `with_dims`, rank and dims of a value. `what` names it in messages: "input".
bool read_type(Reader *r, const TypeProto *type, Value *value, bool with_dims, const char *what);
// Notes the names of dims, so that names for the nameless differ from them.
void note_symbols(Reader *r, const TypeProto *type);
bool check_dtype(Reader *r, int32_t number, const char *what, const char *name);

/* read_tensor.c */
// `loc`: of the node whose attribute it is, or NULL.
Tensor *read_tensor(Reader *r, const TensorProto *proto, const Loc *loc);
// Rank and dims of a tensor and the bytes that its data takes; the product of all dims but zeros fits as well.
bool read_shape(Reader *r, const char *name, int32_t type, size_t rank, const int64_t *dims, const Loc *loc,
                Tensor *out, int64_t *bytes);
// "... tensor 'name' TEXT"
#define tensor_error(...) (tensor_report(__VA_ARGS__), always_false())
void tensor_report(Reader *r, const Loc *loc, const char *name, const char *format, ...) PRINTF_LIKE(4, 5);

/* read_sparse.c */
Tensor *read_sparse_tensor(Reader *r, const SparseTensorProto *proto, const Loc *loc);

/* external.c */
// The bytes of a tensor in another file: exactly `bytes`. Only files in the model's folder or below are read.
const void *read_external(Reader *r, const TensorProto *proto, int64_t bytes, const Loc *loc);

/* read_attr.c */
// Follows a reference to an attribute of the calling function; proto is NULL when the caller has none and there is no
// default.
Argument resolve_attr(const AttributeProto *proto, Scope *scope);
bool read_attrs(Reader *r, const NodeProto *proto, Scope *scope, Node *node);
// Gives a value the tensor that a Constant node holds.
bool read_constant(Reader *r, const NodeProto *proto, Scope *scope, const Loc *loc, Value *value);

/* read_graph.c */
void set_constant(Reader *r, Value *value, Tensor *tensor);
Graph *read_graph(Reader *r, const GraphProto *proto, Scope *parent, const char *path);
// A name that no other value of the model has, as near to `name` as can be.
const char *take_name(Reader *r, const char *name);
// The value of a name, in *out, from this scope or one around it. False when there is no such name.
bool find_value(const Scope *scope, const char *name, Value **out);
// Reads a list of nodes. `bound` gives values for names that the nodes make, or is NULL.
bool read_nodes(Reader *r, Scope *scope, NodeProto *const *nodes, size_t count, const Names *bound);

// Counts what reading a function's body costs: few bytes of a file can call a large function very often. False after
// an error, when it is too much. Outside of functions everything is linear in the file's size, and free.
bool count_expansion(Reader *r, const Call *call, size_t cost);
size_t cost_of_nodes(NodeProto *const *nodes, size_t count);

/* sort.c */
// order[0..count): the nodes' indices, makers before readers, else as they stand.
bool sort_nodes(Reader *r, const Scope *scope, NodeProto *const *nodes, size_t count, size_t *order);

/* read.c */
bool read_opset(Reader *r, const Onnx__OperatorSetIdProto *proto, OpsetImport *out);

/* functions.c */
bool note_functions(Reader *r, const ModelProto *proto);
Function *find_function(const Reader *r, const NodeProto *node);
bool inline_function(Reader *r, Scope *scope, const NodeProto *node, const Loc *loc, Function *function);

static inline const char *text_or_empty(const char *text) { return text ? text : ""; }
// ONNX's own domain has two names.
const char *plain_domain(const char *domain);
