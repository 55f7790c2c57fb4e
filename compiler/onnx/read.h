// Reading ONNX files.
#pragma once
#include "compiler/graph/graph.h"

// The model in a file, or NULL after recorded errors (at most about 20). The file stays mapped as long as the arena
// lives: constants point into it. The result
// - has its nodes in topological order, whatever their order in the file;
// - has no calls of model-local functions: their bodies stand in their place;
// - has no Constant nodes: these are values with data, as initialisers are;
// - knows element types and dims of its inputs, and element types of other values where the file says so.
// An operator that nobody knows is no error here: its node's `op` is NULL.
Model *read_onnx(Arena *arena, Diag *diag, const char *path);

// The same from memory, which has to outlive the arena. `name` is for messages; `folder` is where external data may
// lie, NULL forbids it.
Model *read_onnx_bytes(Arena *arena, Diag *diag, const char *name, const void *data, size_t size, const char *folder);
