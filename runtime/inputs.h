// The model's inputs from the files that a command line names.
#pragma once
#include "runtime/run.h"

// arguments: "NAME=FILE", or "FILE" where the file names its tensors (.npz, .json) or the model has one input, or a
// folder with "input_0.pb", "input_1.npy" and so on. Fills the session's inputs; all must be given once unless
// `partial`.
bool read_inputs(Session *session, char **arguments, size_t count, bool partial, Error *error);
