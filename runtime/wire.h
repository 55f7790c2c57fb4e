// Protobuf's wire format: a key (field << 3 | type), then a varint, 8, 4 or a counted number of bytes.
#pragma once
#include "runtime/system.h"

typedef struct {
  const uint8_t *at, *end;
} Wire;

typedef struct {
  uint32_t field, type;
  uint64_t value; // of a varint or fixed
  Wire bytes;     // of a counted field, or of a fixed one
} Field;

// False where the message is broken.
bool take_varint(Wire *wire, uint64_t *value);
bool take_field(Wire *wire, Field *field);

// A message goes out twice: once to be measured, since its length comes before it.
typedef struct {
  Output *output; // NULL: measure only
  uint64_t size;
  Error *error;
  bool failed;
} WireWriter;

void put_bytes(WireWriter *wire, const void *data, size_t size);
void put_varint(WireWriter *wire, uint64_t value);
void put_number(WireWriter *wire, uint32_t field, uint64_t value);
void put_counted(WireWriter *wire, uint32_t field, const void *data, size_t size);
