// The folder lib/ingot: what the compiler puts into executables (targets/CMakeLists.txt builds it).
#pragma once
#include "compiler/base.h"

// Path of lib/ingot: $INGOT_RESOURCES, or lib/ingot beside the compiler's executable, or ../lib/ingot. NULL after a
// recorded error.
const char *resources_find(Arena *arena, Diag *diag);
// Path of one file in it, "x86_64/libc.a". NULL after a recorded error when it is not there.
const char *resource_path(Arena *arena, Diag *diag, const char *name);
// Its text. NULL after a recorded error.
char *resource_read(Arena *arena, Diag *diag, const char *name);
