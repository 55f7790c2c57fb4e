// Axes that an operand names. Each axis of a tensor gets a mark: 1 where it is named, else 0. Marks are constants, or
// numbers that the run finds out when the operand is not known before.
#pragma once
#include "compiler/ops/ops.h"

// Marks the `count` axes given, negative ones from the end, of `rank`. `once`: a constant that names an axis again is
// an error.
bool mark_axes(Model *model, Node *node, int64_t count, const Dim *axes, int rank, bool once, Dim *marks);
bool marks_are_const(const Dim *marks, int rank);
// Ends the run where run-time axes are outside of the rank, or not `count` different ones.
void lower_check_marks(Lower *lower, const Dim *marks, int rank, int64_t count);
// The `rank - count` dims without a mark.
void drop_marked(Model *model, const Dim *marks, int rank, const Dim *dims, int64_t count, Dim *out);
// `rank` dims: 1 where there is a mark, else the next one of `dims`, of which there are rank - count.
void insert_marked(Model *model, const Dim *marks, int rank, const Dim *dims, int64_t count, Dim *out);
