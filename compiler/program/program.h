// The Program: a flat list of Steps, the contract between the two halves of the compiler. Above it nobody knows
// machines, below it nobody knows ONNX.
//
// A step is a template (templates/templates.def) with its arguments: integers, floats, pointers into buffers and
// generated functions. The functions hold the fused scalar expressions and the addresses that they read and write, as
// strides over the four coordinates of the step's iteration space. Everything is counted in elements, but for a
// buffer's size and a pointer's offset, which are bytes.
//
// A number is a Dim: a constant, or an expression of symbols whose value the frame holds when the model runs (see
// frame.c). A dynamic step is the same template with run-time arguments.
#pragma once
#include "compiler/program/expr.h"

typedef struct Program Program;
typedef struct Step Step;
typedef struct Frame Frame;
typedef struct StringPool StringPool;

typedef enum {
  BUFFER_INPUT,
  BUFFER_OUTPUT,
  BUFFER_WEIGHT,
  BUFFER_ARENA,
  BUFFER_STATE,
  BUFFER_FRAME,   // the frame itself, for steps that find out a number
  BUFFER_STRINGS, // the string pool
} BufferKind;

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
  Dim bytes; // its room where it lies in the arena: the most that these can be
  const char *name;
  int io;               // BUFFER_INPUT, BUFFER_OUTPUT: index
  const Tensor *tensor; // BUFFER_WEIGHT: where its data comes from
  Pack pack;            // BUFFER_WEIGHT: rank 0: as it is
  int64_t offset;       // set by plan: of arena, weight and state buffers
  Dim place, heap_left; // set by plan: of buffers in the heap: bytes from its start, and those left above its group
  int first, last;      // set by plan: steps that touch it
  bool block;           // lies where its steps say: `place` is a symbol that they assign
  Dim place_symbol;     // BUFFER_OUTPUT in the heap: what shall have its place for a definition
} Buffer;

// A pointer that a step gets: entry of its `bufs`.
typedef struct {
  Buffer *buffer;
  Dim offset; // bytes
} Pointer;

enum { COORDS = 4, BUFFER_ALIGN = 64 };

// One element of a buffer for each point of the iteration space.
typedef struct {
  int pointer; // index into the step's pointers
  DType type;
  Dim stride[COORDS];
  bool fetched; // a load by EX_FETCH: what it reads is known at run time only
} Access;

typedef enum { FUNC_LOAD, FUNC_STORE, FUNC_BODY } FuncKind;

// A generated function (Load, Store, Body of templates/template.h).
typedef struct {
  FuncKind kind;
  DType acc;         // FUNC_STORE: type that the template hands over; FUNC_LOAD: type that it wants
  Dim space[COORDS]; // extents of the iteration space, for verification and fusion
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
    Dim i;
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

// A dim that must not be negative, else the run ends with a Status of templates/status.h.
typedef struct {
  Dim dim;
  int status;
} DimCheck;

// Besides calls of templates a program has:
// - dims: computes `dims` for the frame and checks them,
// - jumps: go on at `target` when `condition` is 0, labels: where jumps go.
typedef enum { STEP_TEMPLATE, STEP_DIMS, STEP_JUMP, STEP_LABEL } StepKind;

struct Step {
  StepKind kind;
  const Template *kernel;
  Arg *args;
  size_t arg_count;
  Pointer *pointers;
  size_t pointer_count;
  Dim *dims;        // STEP_DIMS: what is computed, and what must not be negative
  size_t dim_count; // of both
  DimCheck *checks;
  size_t check_count;
  Dim condition;          // STEP_JUMP
  Step *target;           // STEP_JUMP: a label
  const DimExpr **locals; // set by plan: what the step reads from the frame
  size_t local_count;
  int64_t parts; // most shares of its parallel axis that are worth having
  int64_t flops;
  int code;         // number of its kernel, set when that is emitted; -1: it has none
  const char *name; // of the nodes it computes
  Loc loc;
};

struct Program {
  Arena *arena;
  ExprTable *exprs;
  DimTable *dims;
  Frame *frame; // NULL until something is known at run time only
  Buffer *frame_buffer;
  StringPool *pool; // NULL until there are strings
  Step **steps;
  size_t step_count;
  Buffer **buffers;
  size_t buffer_count;
  Value **inputs, **outputs; // of the graph
  size_t input_count, output_count;
  bool has_blocks;
  bool has_images;                                // steps call image decoders
  int *input_slots, *output_slots;                // 0: everything about it is known when compiling
  int64_t arena_bytes, weight_bytes, state_bytes; // set by plan
  int64_t macs;
};

/* program.c */
Program *program_new(Arena *arena, DimTable *dims);
Buffer *buffer_new(Program *program, BufferKind kind, Dim bytes, const char *name);
// Bytes of elements of a type, one after the other.
Dim dim_bytes(DType type, Dim count);
// What so many bytes can be at most; -1: more than the arena takes, or no bound is known.
int64_t most_bytes(Dim bytes);
bool buffer_in_heap(const Buffer *buffer); // else it has a fixed place
// The buffer of an input or output.
const Buffer *io_buffer(const Program *program, BufferKind kind, size_t io);
Step *step_new(Program *program, const char *kernel, const Loc *loc, const char *name); // appended
int step_pointer(Program *program, Step *step, Buffer *buffer, Dim offset);             // index; equal ones are shared
void step_int(Program *program, Step *step, int64_t value);
void step_dims(Program *program, Step *step, size_t count, const Dim *values);
#define ADD_DIMS(program, step, ...)                                                                                   \
  step_dims(program, step, sizeof((Dim[]){__VA_ARGS__}) / sizeof(Dim), (Dim[]){__VA_ARGS__})
void step_float(Program *program, Step *step, double value);
void step_buffer(Program *program, Step *step, Buffer *buffer, Dim offset);
// Most shares worth having of a step that does `work`, when `each` is enough for one.
int64_t count_parts(Dim work, int64_t each);
Func *step_func(Program *program, Step *step, FuncKind kind, DType acc); // space and accesses are the caller's to fill
bool access_equal(const Access *a, const Access *b);
int func_load(Program *program, Func *func, const Access *access); // index for expr_load; equal ones are shared
void func_store(Program *program, Func *func, const Access *access, const Expr *value);
// The step's only function of that kind, or NULL.
Func *step_find_func(const Step *step, FuncKind kind);
size_t find_step(Step *const *steps, const Step *step); // its place among them
void program_print(const Program *program, Text *out);
// A step without buffer identities and offsets: steps with the same text can share one compiled kernel.
const char *step_signature(const Program *program, const Step *step);
// Checks argument kinds against the template's row, pointers and accesses against buffer sizes. Asserts.
void program_verify(const Program *program);

/* frame.c, frame_steps.c: numbers that are known at run time only, and the steps that compute them. */
// The slot where a symbol's value stands. A new one for a symbol that has none.
int frame_slot(Program *program, Dim symbol);
// The slot of a number that has one.
int frame_find(const Program *program, Dim number);
// Consecutive slots for symbols, those that they have or new ones; returns the first.
int frame_slots(Program *program, size_t count, const Dim *symbols);
// The same for the dims of an input, and one slot more: they are known from the start.
int frame_input(Program *program, size_t count, const Dim *dims);
// Makes the buffer a block: gives its place and its capacity slots, which hold 0 at the start.
void frame_block(Program *program, Buffer *buffer);
// The frame as a buffer of int64, for steps that write slots.
Buffer *frame_buffer(Program *program);
// Which steps, by index, read numbers that a step before them finds out: those must not change places with it.
bool *frame_late(const Program *program);
// Bytes that the heap may have.
Dim frame_heap(Program *program);
bool frame_uses_heap(const Program *program);
// Where the run's random numbers begin.
Dim frame_seed(Program *program);
// known[i]: the step after which all that dims[i] depends on is known; -1: from the start.
void frame_known(const Program *program, size_t count, const Dim *dims, int *known);
// Puts steps that compute dims where they can be computed, and lists what each step reads from the frame. False after
// an error: a step needs what cannot be known there.
bool program_frame(Program *program, Diag *diag);
int frame_count(const Program *program); // slots; 0 where nothing is dynamic
// The number of an expression among what the step reads.
int step_local(const Step *step, const DimExpr *expr);
bool step_has_kernel(const Step *step);
// What a pointer adds to its buffer's fixed address: constant 0 where nothing is dynamic.
Dim pointer_shift(const Pointer *pointer);
// A step of another kind than a template, appended.
Step *step_control(Program *program, StepKind kind, const Loc *loc, const char *name);

/* strings.c: the string pool, which begins with the texts of constants. An element of a string tensor is a place in it:
   offset and size, both int64. */
StringPool *program_pool(Program *program); // made by the first call
// The pool as a buffer, for steps that read texts or write new ones behind those in use.
Buffer *pool_buffer(Program *program);
// Where a text is in the pool, which holds each once.
void pool_add(Program *program, const char *text, size_t size, int64_t place[2]);
const Tensor *pool_tensor(Program *program, const Tensor *strings); // the places of a constant's strings
const char *pool_bytes(const Program *program, size_t *size);       // what the pool begins with

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
// Gives every arena and weight buffer its offset; drops steps whose results nobody reads. False after an error.
bool program_plan(Program *program, Diag *diag);

/* share.c */
// Lets all steps read one of the weights that are equal.
void program_share_weights(Program *program);
// Places the weights of planned programs in one stretch of bytes, in which those that are equal lie once.
void programs_join_weights(Program *const *programs, size_t count);

/* pack.c */
int64_t pack_count(const Buffer *weight); // elements of the packed form
// Writes elements of the packed form, in order, by calls of `write`; false as soon as that returns false.
bool pack_write(const Buffer *weight, bool (*write)(void *context, const void *data, size_t size), void *context);

/* weights.c */
// Writes the program->weight_bytes bytes of a planned program's weights, in order, by calls of `write`; false as soon
// as that returns false.
bool program_write_weights(const Program *program, bool (*write)(void *context, const void *data, size_t size),
                           void *context);
// The same for programs whose weights were joined.
bool programs_write_weights(Program *const *programs, size_t count,
                            bool (*write)(void *context, const void *data, size_t size), void *context);
