// The Program: a flat list of Steps, the contract between the two halves of the compiler. Above it nobody knows
// machines, below it nobody knows ONNX.
//
// A step is a template (templates/templates.def) with its arguments: integers, floats, pointers into buffers and
// generated functions. The functions hold the fused scalar expressions and the addresses that they read and write, as
// strides over the four coordinates of the step's iteration space. Everything is counted in elements, but for a
// buffer's size and a pointer's offset, which are bytes.
#pragma once
#include "compiler/program/expr.h"

typedef struct Program Program;
typedef struct Step Step;

typedef enum { BUFFER_INPUT, BUFFER_OUTPUT, BUFFER_WEIGHT, BUFFER_ARENA, BUFFER_STATE } BufferKind;

// How a weight is laid out for the template that reads it: a strided copy into a dense array of `rank` dims. With
// panel > 0 the last dim counts lanes of panels along dim `panel_dim`: lane l of panel p is element p * panel + l of
// an axis of `bound` elements, and zero beyond it.
typedef struct {
  int rank;
  int64_t dims[8];
  int64_t strides[8]; // of the source, in elements
  int64_t panel;
  int panel_dim;
  int64_t bound;
} Pack;

typedef struct Buffer {
  int id;
  BufferKind kind;
  int64_t bytes;
  const char *name;
  int io;               // BUFFER_INPUT, BUFFER_OUTPUT: index
  const Tensor *tensor; // BUFFER_WEIGHT: where its data comes from
  Pack pack;            // BUFFER_WEIGHT: rank 0: as it is
  int64_t offset;       // set by plan: of arena, weight and state buffers
  int first, last;      // set by plan: steps that touch it
} Buffer;

// A pointer that a step gets: entry of its `bufs`.
typedef struct {
  Buffer *buffer;
  int64_t offset; // bytes
} Pointer;

enum { COORDS = 4 };

// One element of a buffer for each point of the iteration space.
typedef struct {
  int pointer; // index into the step's pointers
  DType type;
  int64_t stride[COORDS];
  bool fetched; // a load by EX_FETCH: what it reads is known at run time only
} Access;

typedef enum { FUNC_LOAD, FUNC_STORE, FUNC_BODY } FuncKind;

// A generated function (Load, Store, Body of templates/template.h).
typedef struct {
  FuncKind kind;
  DType acc;             // FUNC_STORE: type that the template hands over; FUNC_LOAD: type that it wants
  int64_t space[COORDS]; // extents of the iteration space, for verification and fusion
  Access *loads;
  size_t load_count;
  Access *stores;      // FUNC_LOAD: none
  const Expr **values; // one per store; FUNC_LOAD: values[0] is what it returns
  size_t store_count;
} Func;

typedef enum { ARG_INT, ARG_FLOAT, ARG_POINTER, ARG_FUNC } ArgKind;
typedef struct {
  ArgKind kind;
  union {
    int64_t i;
    double f;
    int pointer; // index into the step's pointers
    Func *func;
  };
} Arg;

// A row of templates/templates.def.
typedef struct {
  const char *name;
  const char *args; // "m n k *a a_m @store %epsilon": one word per argument, its first letter gives the kind
  const char *help;
} Template;
const Template *template_find(const char *name); // asserts that it exists

struct Step {
  const Template *kernel;
  Arg *args;
  size_t arg_count;
  Pointer *pointers;
  size_t pointer_count;
  int64_t parts; // most shares of its parallel axis that are worth having
  int64_t flops;
  const char *name; // of the nodes it computes
  Loc loc;
};

struct Program {
  Arena *arena;
  ExprTable *exprs;
  Step **steps;
  size_t step_count;
  Buffer **buffers;
  size_t buffer_count;
  Value **inputs, **outputs; // of the graph
  size_t input_count, output_count;
  int64_t arena_bytes, weight_bytes, state_bytes; // set by plan
  int64_t macs;
};

/* program.c */
Program *program_new(Arena *arena);
Buffer *buffer_new(Program *program, BufferKind kind, int64_t bytes, const char *name);
Step *step_new(Program *program, const char *kernel, const Loc *loc, const char *name); // appended
int step_pointer(Program *program, Step *step, Buffer *buffer, int64_t offset);         // index; equal ones are shared
void step_int(Program *program, Step *step, int64_t value);
void step_float(Program *program, Step *step, double value);
void step_buffer(Program *program, Step *step, Buffer *buffer, int64_t offset);
Func *step_func(Program *program, Step *step, FuncKind kind, DType acc); // space and accesses are the caller's to fill
int func_load(Program *program, Func *func, const Access *access);       // index for expr_load; equal ones are shared
void func_store(Program *program, Func *func, const Access *access, const Expr *value);
// The step's only function of that kind, or NULL.
Func *step_find_func(const Step *step, FuncKind kind);
void program_print(const Program *program, Text *out);
// A step without buffer identities and offsets: steps with the same text can share one compiled kernel.
const char *step_signature(const Program *program, const Step *step);
// Checks argument kinds against the template's row, pointers and accesses against buffer sizes. Asserts.
void program_verify(const Program *program);

/* uses.c */
// What a step does with one of its pointers: through accesses of its functions, or as a plain pointer that its template
// gets. A template's argument "*y!" is one that it writes and may read. What is fetched is read as by a plain pointer.
enum { USE_LOAD = 1, USE_STORE = 2, USE_RAW_READ = 4, USE_RAW_WRITE = 8 };
enum { USE_READS = USE_LOAD | USE_RAW_READ, USE_WRITES = USE_STORE | USE_RAW_WRITE };
unsigned step_uses(const Step *step, int pointer); // 0: nothing refers to it

/* fuse.c */
// Merges elementwise steps into the steps that produce what they read, and cheap ones into those that read them.
void program_fuse(Program *program);

/* plan.c */
// Gives every arena and weight buffer its offset; drops steps whose results nobody reads.
void program_plan(Program *program);

/* pack.c */
int64_t pack_count(const Buffer *weight); // elements of the packed form
// Writes elements of the packed form, in order, by calls of `write`; false as soon as that returns false.
bool pack_write(const Buffer *weight, bool (*write)(void *context, const void *data, size_t size), void *context);

/* weights.c */
// Writes the program->weight_bytes bytes of a planned program's weights, in order, by calls of `write`; false as soon
// as that returns false.
bool program_write_weights(const Program *program, bool (*write)(void *context, const void *data, size_t size),
                           void *context);
