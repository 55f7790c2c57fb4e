// The string pool of a program: the texts of its constants, each once. At run time it grows behind them.
#include "compiler/program/program.h"
#include "templates/string.h"

#include <string.h>

struct StringPool {
  Text bytes;
  Buffer *buffer;
  String *slots; // an open table of the texts; free ones have no size
  size_t slot_count, text_count;
};

StringPool *program_pool(Program *program) {
  if (!program->pool) {
    program->pool = NEW(program->arena, StringPool);
    program->pool->bytes.arena = program->arena;
    program->pool->buffer = buffer_new(program, BUFFER_STRINGS, dim_const(INT64_MAX / 2), "strings");
  }
  return program->pool;
}

Buffer *pool_buffer(Program *program) { return program_pool(program)->buffer; }

const char *pool_bytes(const Program *program, size_t *size) {
  *size = program->pool ? program->pool->bytes.size : 0;
  return *size ? program->pool->bytes.data : "";
}

static String *find_slot(StringPool *pool, const char *text, size_t size) {
  for (uint64_t at = hash_text(text, size);; at++) {
    String *slot = &pool->slots[at & (pool->slot_count - 1)];
    if (!slot->size || (slot->size == size && !memcmp(pool->bytes.data + slot->offset, text, size))) return slot;
  }
}

static void grow_table(Program *program, StringPool *pool) {
  String *old = pool->slots;
  size_t count = pool->slot_count;
  pool->slot_count = count ? 2 * count : 64;
  pool->slots = NEW_ARRAY(program->arena, String, pool->slot_count);
  for (size_t i = 0; i < count; i++)
    if (old[i].size) *find_slot(pool, pool->bytes.data + old[i].offset, old[i].size) = old[i];
}

void pool_add(Program *program, const char *text, size_t size, int64_t place[2]) {
  StringPool *pool = program_pool(program);
  String string = {0, size};
  if (size) {
    if (2 * pool->text_count >= pool->slot_count) grow_table(program, pool);
    String *slot = find_slot(pool, text, size);
    if (!slot->size) {
      *slot = (String){pool->bytes.size, size};
      text_append(&pool->bytes, text, size);
      pool->text_count++;
    }
    string = *slot;
  }
  place[0] = (int64_t)string.offset, place[1] = (int64_t)string.size;
}

const Tensor *pool_tensor(Program *program, const Tensor *strings) {
  int64_t count = tensor_count(strings), *dims = NEW_ARRAY(program->arena, int64_t, 2);
  int64_t *places = NEW_ARRAY(program->arena, int64_t, 2 * (size_t)count);
  for (int64_t i = 0; i < count; i++)
    pool_add(program, strings->strings[i], strlen(strings->strings[i]), places + 2 * i);
  Tensor *tensor = NEW(program->arena, Tensor);
  dims[0] = count, dims[1] = 2;
  *tensor = (Tensor){.type = DT_I64, .rank = 2, .dims = dims, .data = count ? places : NULL};
  return tensor;
}
