// The wire format is a sequence of (field number, wire type, payload). Each message is walked twice: once to count
// the elements of its lists, so that each list is allocated once, and once to fill its struct, whose layout
// protobuf-c's descriptors give. A nested message is skipped over in the first walk.
//
// Wire format: https://protobuf.dev/programming-guides/encoding
#include "compiler/onnx/unpack.h"
#include <assert.h>
#include <string.h>

enum { MAX_DEPTH = 100 };
static const size_t FREE_BYTES = (size_t)256 << 20, BYTES_PER_BYTE = 8;

typedef enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 } WireType;

typedef struct {
  Arena *arena;
  Diag *diag;
  const char *file;
  const uint8_t *start; // of the file
  size_t room;          // bytes that may still be allocated
} Unpacker;

// The rest of one message.
typedef struct {
  const uint8_t *at, *end;
} Cursor;

// One field as it stands in the file.
typedef struct {
  const ProtobufCFieldDescriptor *field; // NULL: unknown
  WireType wire;
  uint64_t number;     // WIRE_VARINT, WIRE_64, WIRE_32
  const uint8_t *data; // WIRE_BYTES
  size_t size;
  const uint8_t *at; // where it starts
} Field;

static bool fail(const Unpacker *u, const uint8_t *at, const ProtobufCMessageDescriptor *message, const char *what) {
  return diag_error(u->diag, u->file, "not a readable ONNX file: %s in %s at byte %zu", what, message->short_name,
                    (size_t)(at - u->start));
}

static void *allocate(Unpacker *u, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > u->room) return NULL;
  bytes = (bytes + 15) & ~(size_t)15; // what the arena makes of it
  if (bytes > u->room) return NULL;
  u->room -= bytes;
  return arena_alloc(u->arena, bytes);
}

// NULL, or what is wrong.
static const char *read_varint(Cursor *cursor, uint64_t *out) {
  *out = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (cursor->at == cursor->end) return "a number is cut off";
    uint8_t byte = *cursor->at++;
    *out |= (uint64_t)(byte & 127) << shift; // of the tenth byte one bit counts
    if (byte < 128) return NULL;
  }
  return "a number takes more than 10 bytes";
}

static const char *read_fixed(Cursor *cursor, size_t size, uint64_t *out) {
  *out = 0;
  if ((size_t)(cursor->end - cursor->at) < size) return "a number is cut off";
  memcpy(out, cursor->at, size);
  cursor->at += size;
  return NULL;
}

static const char *read_payload(Cursor *cursor, Field *out) {
  uint64_t size;
  const char *wrong;
  switch (out->wire) {
  case WIRE_VARINT: return read_varint(cursor, &out->number);
  case WIRE_64: return read_fixed(cursor, 8, &out->number);
  case WIRE_32: return read_fixed(cursor, 4, &out->number);
  case WIRE_BYTES:
    if ((wrong = read_varint(cursor, &size))) return wrong;
    if (size > (size_t)(cursor->end - cursor->at)) return "a length reaches past the end";
    out->data = cursor->at;
    out->size = (size_t)size;
    cursor->at += size;
    return NULL;
  }
  return "an invalid wire type";
}

static WireType wire_of(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_FLOAT:
  case PROTOBUF_C_TYPE_FIXED32:
  case PROTOBUF_C_TYPE_SFIXED32: return WIRE_32;
  case PROTOBUF_C_TYPE_DOUBLE:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_SFIXED64: return WIRE_64;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
  default: return WIRE_VARINT;
  }
}

static size_t size_of(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
  case PROTOBUF_C_TYPE_DOUBLE:
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_UINT64: return 8;
  default: return 4;
  }
}

// A list of numbers in one piece of bytes, whether or not the schema says packed: readers must take both.
static bool is_packed(const Field *f) {
  return f->field->label == PROTOBUF_C_LABEL_REPEATED && f->wire == WIRE_BYTES && wire_of(f->field->type) != WIRE_BYTES;
}

static bool read_field(const Unpacker *u, const ProtobufCMessageDescriptor *message, Cursor *cursor, Field *out) {
  *out = (Field){.at = cursor->at};
  uint64_t tag;
  const char *wrong = read_varint(cursor, &tag);
  uint64_t id = tag >> 3;
  if (!wrong && (id == 0 || id >= 1 << 29)) wrong = "an invalid field number";
  if (!wrong) {
    out->wire = (WireType)(tag & 7);
    wrong = read_payload(cursor, out);
  }
  if (wrong) return fail(u, out->at, message, wrong);
  out->field = protobuf_c_message_descriptor_get_field(message, (unsigned)id);
  if (out->field && out->wire != wire_of(out->field->type) && !is_packed(out))
    return fail(u, out->at, message, arena_printf(u->arena, "'%s' has the wrong wire type", out->field->name));
  return true;
}

// Elements that a field adds to its list.
static bool count_elements(const Unpacker *u, const ProtobufCMessageDescriptor *message, const Field *f,
                           size_t *count) {
  WireType wire = wire_of(f->field->type);
  if (!is_packed(f)) {
    *count += 1;
  } else if (wire == WIRE_VARINT) {
    for (size_t i = 0; i < f->size; i++) *count += f->data[i] < 128;
  } else {
    size_t size = wire == WIRE_32 ? 4 : 8;
    if (f->size % size) return fail(u, f->at, message, "a packed list is not a whole number of elements");
    *count += f->size / size;
  }
  return true;
}

static ProtobufCMessage *unpack(Unpacker *u, const ProtobufCMessageDescriptor *descriptor, Cursor cursor, int depth);

// One value that is no list of its own, written to `slot`.
static bool store(Unpacker *u, const ProtobufCMessageDescriptor *message, const Field *f, void *slot, int depth) {
  ProtobufCType type = f->field->type;
  if (type == PROTOBUF_C_TYPE_BYTES) {
    *(ProtobufCBinaryData *)slot = (ProtobufCBinaryData){f->size, (uint8_t *)(uintptr_t)f->data};
  } else if (type == PROTOBUF_C_TYPE_STRING) {
    char *text = allocate(u, 1, f->size + 1);
    if (!text) return fail(u, f->at, message, "too much memory is needed for the size of the file");
    if (memchr(f->data, 0, f->size)) return fail(u, f->at, message, "a zero byte in a text");
    memcpy(text, f->data, f->size);
    *(char **)slot = text;
  } else if (type == PROTOBUF_C_TYPE_MESSAGE) {
    *(ProtobufCMessage **)slot = unpack(u, f->field->descriptor, (Cursor){f->data, f->data + f->size}, depth + 1);
    return *(ProtobufCMessage **)slot;
  } else {
    memcpy(slot, &f->number, size_of(type)); // little-endian: the low bytes are the narrower number
  }
  return true;
}

static bool store_packed(const Unpacker *u, const ProtobufCMessageDescriptor *message, const Field *f, char *slot) {
  size_t size = size_of(f->field->type);
  if (wire_of(f->field->type) != WIRE_VARINT) {
    if (f->size) memcpy(slot, f->data, f->size);
    return true;
  }
  for (Cursor cursor = {f->data, f->data + f->size}; cursor.at < cursor.end; slot += size) {
    uint64_t number;
    const char *wrong = read_varint(&cursor, &number);
    if (wrong) return fail(u, cursor.at, message, wrong);
    memcpy(slot, &number, size);
  }
  return true;
}

static bool store_field(Unpacker *u, ProtobufCMessage *message, const Field *f, int depth) {
  char *slot = (char *)message + f->field->offset;
  void *quantifier = (char *)message + f->field->quantifier_offset;
  if (f->field->label == PROTOBUF_C_LABEL_REPEATED) {
    size_t *count = quantifier;
    slot = *(char **)(void *)slot;
    if (slot) slot += *count * size_of(f->field->type); // there is no list for packed data without an element
    if (!count_elements(u, message->descriptor, f, count)) return false;
    if (is_packed(f)) return store_packed(u, message->descriptor, f, slot);
    assert(slot);
  } else if (f->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    *(uint32_t *)quantifier = f->field->id;
  } else if (f->field->quantifier_offset) {
    *(protobuf_c_boolean *)quantifier = 1;
  }
  return store(u, message->descriptor, f, slot, depth);
}

// Sizes all lists of a message and leaves them empty.
static bool allocate_lists(Unpacker *u, ProtobufCMessage *message, Cursor cursor) {
  const ProtobufCMessageDescriptor *descriptor = message->descriptor;
  const uint8_t *start = cursor.at;
  while (cursor.at < cursor.end) {
    Field f;
    if (!read_field(u, descriptor, &cursor, &f)) return false;
    if (!f.field || f.field->label != PROTOBUF_C_LABEL_REPEATED) continue;
    if (!count_elements(u, descriptor, &f, (size_t *)(void *)((char *)message + f.field->quantifier_offset)))
      return false;
  }
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
    if (field->label != PROTOBUF_C_LABEL_REPEATED) continue;
    size_t *count = (size_t *)(void *)((char *)message + field->quantifier_offset);
    if (!*count) continue;
    void *list = allocate(u, *count, size_of(field->type));
    if (!list) return fail(u, start, descriptor, "too much memory is needed for the size of the file");
    *(void **)(void *)((char *)message + field->offset) = list;
    *count = 0;
  }
  return true;
}

static ProtobufCMessage *unpack(Unpacker *u, const ProtobufCMessageDescriptor *descriptor, Cursor cursor, int depth) {
  ProtobufCMessage *message = allocate(u, 1, descriptor->sizeof_message);
  if (depth > MAX_DEPTH || !message) {
    fail(u, cursor.at, descriptor,
         message ? "messages nest too deeply" : "too much memory is needed for the size of the file");
    return NULL;
  }
  protobuf_c_message_init(descriptor, message);
  if (!allocate_lists(u, message, cursor)) return NULL;
  while (cursor.at < cursor.end) {
    Field f;
    if (!read_field(u, descriptor, &cursor, &f)) return NULL;
    if (f.field && !store_field(u, message, &f, depth)) return NULL;
  }
  return message;
}

ProtobufCMessage *unpack_message(Arena *arena, Diag *diag, const char *file,
                                 const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size) {
  Unpacker u = {.arena = arena, .diag = diag, .file = file, .start = data};
  if (__builtin_mul_overflow(size, BYTES_PER_BYTE, &u.room) || __builtin_add_overflow(u.room, FREE_BYTES, &u.room))
    u.room = SIZE_MAX;
  return unpack(&u, descriptor, (Cursor){data, data + size}, 0);
}
