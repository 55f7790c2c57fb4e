// Protobuf messages out of memory, without copying what is large.
#pragma once
#include "compiler/base.h"
#include <protobuf-c/protobuf-c.h>

// The message in data[0..size), as the struct that protoc-c made for it, or NULL after an error about `file` that
// gives the place in bytes. Structs, lists and strings live in the arena; `bytes` fields point into data, which has
// to outlive the message. Unknown fields are skipped; of a field that is given twice the last one counts.
//
// Holds for any data: messages nest at most 100 deep, and the arena grows by at most 256 MiB + 8 * size.
ProtobufCMessage *unpack_message(Arena *arena, Diag *diag, const char *file,
                                 const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size);
