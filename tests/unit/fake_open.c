// A model made by hand whose sizes only a run knows: open dims, a loop, strings, sequences, an optional and maps.
//   y = 2x over float32[n,3], w of the same n is added to its rows; p = 2^k by a loop
//   t = s, lower-case letters raised, "!" behind each; z = q in reverse order; o = v; m = a map for each row of x
#include <string.h>

#include "runtime/model.h"
#include "runtime/sequence.h"
#include "templates/template.h"

enum {
  X = FRAME_OWN, // dims and place of x
  W = X + 3,
  S = W + 2,
  Q = S + 2, // bytes and place
  VALUE = Q + 2,
  Y = VALUE + 2,
  T = Y + 3,
  Z = T + 2,
  O = Z + 2,
  M = O + 2,
  TOP = M + 2, // bytes of the heap in use
  TURNS,
  POWER,
  MODEL_SLOTS
};
enum { MOST_TURNS = 62 };

// A place in the heap for `bytes`; false where it is full.
static int take(int64_t *frame, int64_t bytes, int64_t *place) {
  *place = frame[TOP];
  if (bytes > frame[FRAME_HEAP] - frame[TOP]) return 0;
  frame[TOP] += (bytes + 63) / 64 * 64;
  return 1;
}

// Behind the refs of each kernel come the frame and its slots.
static int plan_y(void *const *bufs, idx part, idx parts) {
  int64_t *frame = bufs[0];
  (void)part, (void)parts;
  frame[Y] = frame[X], frame[Y + 1] = 3;
  if (frame[W] != frame[X]) return STATUS_SHAPE;
  return take(frame, frame[X] * 12, &frame[Y + 2]) ? STATUS_OK : STATUS_MEMORY;
}

// 0: x, 1: w, 2: heap, 3: frame, 4: slots (of y)
static int scale(void *const *bufs, idx part, idx parts) {
  const float *x = bufs[0], *w = bufs[1];
  const int64_t *frame = bufs[3];
  const uint32_t *slots = bufs[4];
  float *y = (float *)((char *)bufs[2] + frame[slots[0] + 2]);
  idx from, to;
  share(frame[slots[0]], part, parts, &from, &to);
  for (idx i = from * 3; i < to * 3; i++) y[i] = 2 * x[i] + w[i / 3];
  return STATUS_OK;
}

// 0: k, 1: frame
static int begin(void *const *bufs, idx part, idx parts) {
  int64_t *frame = bufs[1];
  (void)part, (void)parts;
  frame[TURNS] = *(const int64_t *)bufs[0];
  frame[POWER] = 1;
  return frame[TURNS] < 0 || frame[TURNS] > MOST_TURNS ? STATUS_LOOP : STATUS_OK;
}

static int turn(void *const *bufs, idx part, idx parts) {
  int64_t *frame = bufs[0];
  (void)part, (void)parts;
  frame[TURNS]--;
  frame[POWER] *= 2;
  return STATUS_OK;
}

// 0: p, 1: frame, 2: slots
static int store(void *const *bufs, idx part, idx parts) {
  const int64_t *frame = bufs[1];
  const uint32_t *slots = bufs[2];
  (void)part, (void)parts;
  *(int64_t *)bufs[0] = frame[slots[0]];
  return STATUS_OK;
}

// 0: s, 1: strings, 2: heap, 3: frame
static int raise_letters(void *const *bufs, idx part, idx parts) {
  const ModelString *s = bufs[0];
  char *pool = bufs[1];
  int64_t *frame = bufs[3], count = frame[S];
  (void)part, (void)parts;
  frame[T] = count;
  if (!take(frame, count * (int64_t)sizeof(ModelString), &frame[T + 1])) return STATUS_MEMORY;
  ModelString *t = (ModelString *)((char *)bufs[2] + frame[T + 1]);
  for (int64_t i = 0; i < count; i++) {
    if ((int64_t)s[i].size + 1 > frame[FRAME_POOL] - frame[FRAME_STRINGS]) return STATUS_MEMORY;
    t[i] = (ModelString){(uint64_t)frame[FRAME_STRINGS], s[i].size + 1};
    char *to = pool + t[i].offset;
    for (uint64_t c = 0; c < s[i].size; c++) {
      char letter = pool[s[i].offset + c];
      to[c] = letter >= 'a' && letter <= 'z' ? (char)(letter - 32) : letter;
    }
    to[s[i].size] = pool[0]; // the model's own string: "!"
    frame[FRAME_STRINGS] += (int64_t)t[i].size;
  }
  return STATUS_OK;
}

// 0: a block, 1: heap, 2: frame, 3: slots (bytes of the block, of its copy): the elements in reverse order
static int reverse(void *const *bufs, idx part, idx parts) {
  const Sequence *from = bufs[0];
  int64_t *frame = bufs[2];
  const uint32_t *slots = bufs[3];
  (void)part, (void)parts;
  frame[slots[1]] = frame[slots[0]];
  if (!take(frame, from->bytes, &frame[slots[1] + 1])) return STATUS_MEMORY;
  Sequence *to = (Sequence *)((char *)bufs[1] + frame[slots[1] + 1]);
  memcpy(to, from, (size_t)from->bytes);
  for (int64_t i = 0; i < from->count; i++) to->offsets[i] = from->offsets[from->count - 1 - i];
  return STATUS_OK;
}

// 0: x, 1: heap, 2: frame: {1: the first of the row, -2: the last} for each row
static int make_maps(void *const *bufs, idx part, idx parts) {
  const float *x = bufs[0];
  int64_t *frame = bufs[2], rows = frame[X];
  int64_t head = element_head_bytes(0), keys = element_head_bytes(1);
  int64_t map_bytes = sequence_head_bytes(2) + keys + 16 + keys + 16, each = head + map_bytes;
  (void)part, (void)parts;
  frame[M] = sequence_head_bytes(rows) + rows * each;
  if (!take(frame, frame[M], &frame[M + 1])) return STATUS_MEMORY;
  Sequence *all = (Sequence *)((char *)bufs[1] + frame[M + 1]);
  all->bytes = frame[M], all->count = rows;
  for (int64_t i = 0; i < rows; i++) {
    all->offsets[i] = sequence_head_bytes(rows) + i * each;
    Element *outer = (Element *)((char *)all + all->offsets[i]);
    outer->kind = -MODEL_MAP, outer->rank = 0;
    Sequence *map = (Sequence *)((char *)outer + head);
    map->bytes = map_bytes, map->count = 2;
    for (int k = 0; k < 2; k++) {
      map->offsets[k] = sequence_head_bytes(2) + k * (keys + 16);
      Element *element = (Element *)((char *)map + map->offsets[k]);
      void *data = (char *)element + keys;
      element->kind = k ? 1 : 7, element->rank = 1, element->dims[0] = 2;
      if (k)
        ((float *)data)[0] = x[i * 3], ((float *)data)[1] = x[i * 3 + 2];
      else
        ((int64_t *)data)[0] = 1, ((int64_t *)data)[1] = -2;
    }
  }
  return STATUS_OK;
}

static const int64_t rows[] = {-1, 3}, open_dim[] = {-1};
static const char *const row_names[] = {"n", NULL}, *const open_names[] = {"n"}, *const no_names[] = {NULL};
static const ModelTensor inputs[] = {
    {.name = "x", .dtype = 1, .rank = 2, .dims = rows, .slot = X, .dim_names = row_names},
    {.name = "w", .dtype = 1, .rank = 1, .dims = open_dim, .slot = W, .dim_names = open_names},
    {.name = "k", .dtype = 7, .bytes = 8},
    {.name = "s", .dtype = 8, .rank = 1, .dims = open_dim, .slot = S, .dim_names = no_names},
    {.name = "q", .dtype = 1, .kind = MODEL_SEQUENCE, .slot = Q},
    {.name = "v", .dtype = 7, .kind = MODEL_OPTIONAL, .slot = VALUE},
};
static const ModelTensor outputs[] = {
    {.name = "y", .dtype = 1, .rank = 2, .dims = rows, .slot = Y, .dim_names = row_names},
    {.name = "p", .dtype = 7, .bytes = 8},
    {.name = "t", .dtype = 8, .rank = 1, .dims = open_dim, .slot = T, .dim_names = no_names},
    {.name = "z", .dtype = 1, .kind = MODEL_SEQUENCE, .slot = Z},
    {.name = "o", .dtype = 7, .kind = MODEL_OPTIONAL, .slot = O},
    {.name = "m", .dtype = 1, .kind = MODEL_SEQUENCE_OF_MAPS, .slot = M, .key_dtype = 7},
};

enum { INPUTS = sizeof inputs / sizeof *inputs, OUT = BASE_IO + INPUTS };
static const ModelRef scale_refs[] = {{BASE_IO, 0, 0}, {BASE_IO + 1, 0, 0}, {BASE_HEAP, 0, 0}};
static const ModelRef begin_refs[] = {{BASE_IO + 2, 0, 0}}, store_refs[] = {{OUT + 1, 0, 0}};
static const ModelRef text_refs[] = {{BASE_IO + 3, 0, 0}, {BASE_STRINGS, 0, 0}, {BASE_HEAP, 0, 0}};
static const ModelRef q_refs[] = {{BASE_IO + 4, 0, 0}, {BASE_HEAP, 0, 0}};
static const ModelRef v_refs[] = {{BASE_IO + 5, 0, 0}, {BASE_HEAP, 0, 0}};
static const ModelRef map_refs[] = {{BASE_IO, 0, 0}, {BASE_HEAP, 0, 0}};
static const uint32_t y_slot[] = {Y}, turns_slot[] = {TURNS}, zero_slot[] = {FRAME_ZERO}, power_slot[] = {POWER};
static const uint32_t z_slots[] = {Q, Z}, o_slots[] = {VALUE, O};
static const ModelStep steps[] = {
    {plan_y, NULL, y_slot, 0, 1, 0, 1, "plan", "dims", 0},
    {scale, scale_refs, y_slot, 3, 1, 0, 64, "scale", "map 2", 0},
    {begin, begin_refs, turns_slot, 1, 1, 0, 1, "loop", "begin", 0},
    {NULL, NULL, turns_slot, 0, 1, 6, 1, "loop", "while", 0},
    {turn, NULL, turns_slot, 0, 1, 0, 1, "turn", "map 1", 0},
    {NULL, NULL, zero_slot, 0, 1, 3, 1, "loop", "again", 0},
    {store, store_refs, power_slot, 1, 1, 0, 1, "p", "store", 0},
    {raise_letters, text_refs, y_slot, 3, 1, 0, 1, "t", "upper", 0},
    {reverse, q_refs, z_slots, 2, 2, 0, 1, "z", "reverse", 0},
    {reverse, v_refs, o_slots, 2, 2, 0, 1, "o", "copy", 0},
    {make_maps, map_refs, y_slot, 2, 1, 0, 1, "m", "zip", 0},
};

static const ModelVariant variant = {.steps = steps, .step_count = sizeof steps / sizeof *steps};
const IngotModel ingot_model = {
    .abi = MODEL_ABI,
    .variant_count = 1,
    .variants = &variant,
    .input_count = INPUTS,
    .output_count = sizeof outputs / sizeof *outputs,
    .threads = 1,
    .inputs = inputs,
    .outputs = outputs,
    .heap_bytes = UINT64_MAX,
    .strings = "!",
    .string_bytes = 1,
    .frame_count = MODEL_SLOTS,
    .pool_used = 1,
    .name = "open",
    .producer = "hand",
    .target = "x86_64-linux",
    .cpu = "x86-64-v2",
    .compiler = "ingot 0.1.0",
};
