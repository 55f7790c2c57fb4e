// What lowering offers beyond ops.h: to the families' files and to the pipeline.
#pragma once
#include "compiler/ops/ops.h"

enum { MAX_VIEWS = 40 }; // of one elementwise step

// The graph's Program for a target: lowered, fused if `fuse`, and planned. NULL after recorded errors.
Program *make_program(Arena *arena, const Graph *graph, const Target *target, bool fuse);

// Ends the run where two dims turn out to differ.
void lower_check_equal(Lower *lower, Dim a, Dim b);
// Ends the run when the view turns out not to broadcast to `dims`.
void lower_check_broadcast(Lower *lower, const View *view, int rank, const Dim *dims);
// A row-major buffer for what a rule needs between its steps.
View lower_scratch(Lower *lower, DType type, int rank, const Dim *dims);
// Elements that shapes are made of go into the frame as soon as they are computed.
bool lower_measure(Lower *lower, const Value *value);
// One node of a graph, with what its results need besides.
bool lower_node(Lower *lower, Node *node);
// A buffer that lower_reserve gives a place and a size when the model runs, as often as they change: of values whose
// dims are symbols that steps assign.
View lower_block(Lower *lower, const char *name, DType type, int rank, const Dim *dims);
// A block has room for `bytes` from here on, and holds its first `keep` bytes still.
void lower_reserve(Lower *lower, Buffer *block, Dim bytes, Dim keep);
// A pointer argument: the frame's slot of a symbol that the template finds out.
void step_slot(Lower *lower, Step *step, Dim symbol);
// A view in row-major order: itself or a copy.
View lower_dense_view(Lower *lower, const View *view, const char *name);
// One more load of a function of the step; returns its index for expr_load. step_fetch_more: for expr_fetch.
int step_load_more(Lower *lower, Step *step, Func *func, const View *in);
int step_fetch_more(Lower *lower, Step *step, Func *func, const View *in);
// An integer that is known when the model runs, or before, as an expression of that type; where it is no constant it is
// a load of ins[*count], which is added.
const Expr *dim_operand(Lower *lower, DType type, Dim value, View *ins, size_t *count);
// An argument that points at int64 numbers: a constant table where all of them are known.
void step_table(Lower *lower, Step *step, size_t count, const Dim *numbers);
// Shifts a view of lower rank into the last of COORDS dims; false when it has more.
bool view_to_coords(View *view);
// Dims by falling stride, those of size 1 first: order[0] is the outermost in memory.
void view_stride_order(const View *view, int *order);
// How a function of the step reads or writes a view of rank COORDS.
Access step_access(Lower *lower, Step *step, const View *view);

/* packed.c: elements narrower than a byte are packed in inputs, outputs and blocks, and one a byte in between. */
bool is_packed(DType type);
Dim packed_bytes(DType type, Dim count); // of elements of any type
// One a byte of packed ones, whose offset counts bytes; and the other way round.
View lower_unpacked(Lower *lower, const View *in, const char *name);
void lower_packed(Lower *lower, Buffer *out, const View *view, const char *name);

/* wide.c */
// An elementwise step over more than COORDS dims: views[0] is written, the others have its dims. `fetched`: which of
// the others are read by EX_FETCH.
bool lower_map_wide(Lower *lower, const View *views, size_t count, const bool *fetched, const Expr *value);
