// How weights get into ELF files. See weights.c.
#pragma once
#include "compiler/link/link.h"
#include "compiler/link/output.h"

// Where executables find their weights: above everything that the linker places, within reach of 64-bit pointers.
#define WEIGHTS_ADDRESS 0x100000000

// Alignment of weights, in bytes. The linker puts the segment itself at the start of a page.
enum { WEIGHTS_ALIGN = 64 };

// Writes to `path` an object for the same machine as the object at `like`, with a read-only section `section` that
// holds the weights under the name `symbol`.
bool write_weights_object(Arena *arena, Diag *diag, const char *like, const char *path, const char *section,
                          const char *symbol, const WeightSource *weights);

// Puts the weights in place of the placeholder in a linked executable, at its end.
bool append_weights(Arena *arena, Diag *diag, Output *output, const WeightSource *weights);
