// Files that the compiler leaves behind: written whole or not at all.
#pragma once
#include "compiler/base.h"

// A file that appears under its name only when it is complete. Until then it lies beside it under a temporary name,
// which also goes when the arena is freed.
typedef struct Output Output;

// Whether a file can be made at `path`: its folder is there, and it is no folder, no device and not the file `input`
// (NULL: none). Records an error when not, before anyone has waited for the compiler.
bool output_check(Diag *diag, const char *path, const char *input);
// Starts a file at `path`. NULL after a recorded error: folder missing or not writable, path is a folder.
Output *output_open(Arena *arena, Diag *diag, const char *path);
int output_fd(const Output *output); // for reading and writing; the output stays its owner
// Records why writing to the output failed, by errno. Returns false.
bool output_error(Diag *diag, const Output *output);
// Gives the file its name, in place of what had it before. `executable`: anyone may run it.
bool output_commit(Diag *diag, Output *output, bool executable);

// A private folder in $TMPDIR or /tmp, removed with the files in it when the arena is freed. NULL after a recorded
// error.
const char *temporary_folder(Arena *arena, Diag *diag);

// Writes all of it, however many calls that takes. False, with errno set, when it cannot.
bool write_all(int fd, const void *data, size_t size);

// Removes every temporary file and folder of the process, which must end then: for signals.
void remove_temporaries(void);
