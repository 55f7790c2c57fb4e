// A model made by hand that hands every input on: one input of open dims for each element type.
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/model.h"
#include "templates/template.h"

enum {
#define X(symbol, number, ...) INDEX_##symbol,
  DTYPES(X)
#undef X
      TYPES
};
// Slots of each: two dims, the place of the output; then the top of the heap.
enum { EACH = 6, TOP = FRAME_OWN + TYPES * EACH, MODEL_SLOTS };

// 0: input, 1: heap, 2: frame, 3: slots: the input's first, the bits of an element
static int pass(void *const *bufs, idx part, idx parts) {
  int64_t *frame = bufs[2];
  const uint32_t *slots = bufs[3];
  int64_t *in = frame + slots[0], *out = in + 2;
  (void)part, (void)parts;
  int64_t bytes = (in[0] * in[1] * slots[1] + 7) / 8;
  if (bytes > frame[FRAME_HEAP] - frame[TOP]) return STATUS_MEMORY;
  out[0] = in[0], out[1] = in[1], out[2] = frame[TOP];
  memcpy((char *)bufs[1] + frame[TOP], bufs[0], (size_t)bytes);
  frame[TOP] += (bytes + 63) / 64 * 64;
  return STATUS_OK;
}

static const int64_t dims[] = {-1, -1};
static const ModelTensor inputs[] = {
#define X(symbol, number, text, ...)                                                                                   \
  {.name = text, .dtype = number, .rank = 2, .dims = dims, .slot = FRAME_OWN + INDEX_##symbol * EACH},
    DTYPES(X)
#undef X
};
static const ModelTensor outputs[] = {
#define X(symbol, number, text, ...)                                                                                   \
  {.name = text, .dtype = number, .rank = 2, .dims = dims, .slot = FRAME_OWN + INDEX_##symbol * EACH + 2},
    DTYPES(X)
#undef X
};
static const ModelRef refs[][2] = {
#define X(symbol, ...) {{BASE_IO + INDEX_##symbol, 0, 0}, {BASE_HEAP, 0, 0}},
    DTYPES(X)
#undef X
};
static const uint32_t slots[][2] = {
#define X(symbol, number, name, protocol, numpy, bits, ...) {FRAME_OWN + INDEX_##symbol * EACH, bits},
    DTYPES(X)
#undef X
};
static const ModelStep steps[] = {
#define X(symbol, number, name, ...) {pass, refs[INDEX_##symbol], slots[INDEX_##symbol], 2, 2, 0, 1, name, "pass", 0},
    DTYPES(X)
#undef X
};

static const ModelVariant variant = {.steps = steps, .step_count = TYPES};
const IngotModel ingot_model = {
    .abi = MODEL_ABI,
    .variant_count = 1,
    .variants = &variant,
    .input_count = TYPES,
    .output_count = TYPES,
    .threads = 1,
    .inputs = inputs,
    .outputs = outputs,
    .heap_bytes = 1 << 20,
    .frame_count = MODEL_SLOTS,
    .pool_used = 1,
    .name = "types",
    .producer = "hand",
    .target = "x86_64-linux",
    .cpu = "x86-64-v2",
    .compiler = "ingot 0.1.0",
};
