// A value for arbitrary data to be read into: of any dtype and kind, with fixed or open dims.
#pragma once
#include <stdlib.h>
#include <string.h>

#include "runtime/value.h"

typedef struct {
  ModelTensor tensor;
  StringPool strings;
  int64_t dims[3];
  Value value;
} FuzzValue;

// False where the choice means no dtype.
static bool make_value(FuzzValue *fuzz, uint8_t choice) {
  static const int64_t fixed[] = {2, 3, 2}, open[] = {-1, 3, -1};
  static char pool[4096]; // some strings do not fit
  const Dtype *dtype = find_dtype(choice % 27);
  if (!dtype) return false;
  bool is_open = choice & 128;
  uint32_t kind = is_open ? choice / 27 % 2 * (1 + choice % 5) : MODEL_TENSOR;
  fuzz->tensor = (ModelTensor){.name = "t", .dtype = dtype->number, .kind = kind, .slot = is_open};
  fuzz->tensor.rank = kind == MODEL_TENSOR ? choice / 27 % 4 : 0;
  fuzz->tensor.dims = is_open ? open : fixed;
  if (kind == MODEL_MAP || kind == MODEL_SEQUENCE_OF_MAPS) fuzz->tensor.key_dtype = choice & 1 ? 7 : 8;
  fuzz->strings = (StringPool){pool, 0, sizeof pool};
  fuzz->value = (Value){.model = &fuzz->tensor, .strings = &fuzz->strings, .dims = fuzz->dims};
  if (is_open) return true;
  uint64_t count;
  memcpy(fuzz->dims, fixed, sizeof fixed);
  if (!count_elements(fuzz->tensor.rank, fixed, &count)) abort();
  if (!measure_elements(dtype, count, &fuzz->tensor.bytes)) abort();
  fuzz->value.bytes = fuzz->tensor.bytes;
  fuzz->value.data = calloc(fuzz->tensor.bytes, 1); // exactly: sanitizers see a byte too many
  return true;
}

static void free_value(FuzzValue *fuzz) {
  if (fuzz->tensor.slot > 0)
    unmap_memory(fuzz->value.data, fuzz->value.room);
  else
    free(fuzz->value.data);
}
