// What the families of sequences, optionals and maps share.
#pragma once
#include "compiler/ops/lower.h"

/* inference */

// Makes an output a block of `bytes`.
bool set_block(Model *model, Node *node, size_t output, ValueKind kind, DType type, const Content *content, Dim bytes);
// The same kind of value with the same bytes.
bool set_block_like(Model *model, Node *node, size_t output, const Value *like);
// What is known of a tensor as an element.
Content content_of(const Value *tensor);
// What is known of elements of which each is as `a` or as `b` says.
Content content_join(const Content *a, const Content *b);
bool content_equal(const Content *a, const Content *b);
// Bytes that a value takes as an element of a block.
Dim element_bytes(Model *model, const Value *value);
// Makes an output one of the elements of a sequence or optional: its dims are constants or symbols that lower_found
// finds out.
bool set_element(Model *model, Node *node, size_t output, const Value *block);

/* lowering */

// A step that begins a block, and one that puts an element at *at, which it moves behind it.
void block_begin(Lower *lower, const View *block, Dim count);
bool block_put(Lower *lower, const View *block, int64_t index, Dim *at, const Value *value);
// Adds place_bytes or the place of an element to a step; `position` NULL: the last one.
void step_place_bytes(Lower *lower, Step *step, const Value *position);
void step_place(Lower *lower, Step *step, const Value *position, const View *otherwise);
// Pointer arguments: what the output's dims must be, -1 where the step finds them out.
void step_wanted(Lower *lower, Step *step, const Value *out);
// A pointer argument: consecutive slots for the output's dims, and one more for *last unless it is NULL.
void step_found(Lower *lower, Step *step, const Value *out, Dim *last);
// The output becomes a view of the element at `position` (NULL: the last one).
bool lower_element(Lower *lower, Node *node, const Value *block, const Value *position);
