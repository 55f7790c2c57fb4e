// Protobuf's wire format.
#include "runtime/wire.h"

bool take_varint(Wire *wire, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
    uint8_t byte = *wire->at++;
    *value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

bool take_field(Wire *wire, Field *field) {
  uint64_t key, length;
  if (!take_varint(wire, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) return false;
  *field = (Field){.field = (uint32_t)(key >> 3), .type = (uint32_t)(key & 7)};
  switch (field->type) {
  case 0: return take_varint(wire, &field->value);
  case 1: length = 8; break;
  case 5: length = 4; break;
  case 2:
    if (!take_varint(wire, &length)) return false;
    break;
  default: return false;
  }
  if (length > (uint64_t)(wire->end - wire->at)) return false;
  field->bytes = (Wire){wire->at, wire->at + length};
  wire->at += length;
  return true;
}

void put_bytes(WireWriter *wire, const void *data, size_t size) {
  wire->size += size;
  if (wire->output && !wire->failed) wire->failed = !write_output(wire->output, data, size, wire->error);
}

void put_varint(WireWriter *wire, uint64_t value) {
  uint8_t bytes[10];
  size_t used = 0;
  for (; value >= 128; value >>= 7) bytes[used++] = (uint8_t)(value | 128);
  bytes[used++] = (uint8_t)value;
  put_bytes(wire, bytes, used);
}

void put_number(WireWriter *wire, uint32_t field, uint64_t value) {
  put_varint(wire, field << 3);
  put_varint(wire, value);
}

void put_counted(WireWriter *wire, uint32_t field, const void *data, size_t size) {
  put_varint(wire, field << 3 | 2);
  put_varint(wire, size);
  put_bytes(wire, data, size);
}
