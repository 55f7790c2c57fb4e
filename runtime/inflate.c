// DEFLATE by canonical codes: codes of up to FAST_BITS bits are looked up at once, longer ones are found bit by bit
// from the number of codes of each length. Reading past the end gives zero bits and is noticed at the next check.
#include "runtime/inflate.h"

#include <string.h>

enum { FAST_BITS = 9, MAX_BITS = 15, LITERALS = 288, DISTANCES = 30 };

typedef struct {
  uint16_t fast[1 << FAST_BITS]; // length << 12 | symbol + 1... 0: a longer code
  uint16_t count[MAX_BITS + 1];  // codes of each length
  uint16_t symbol[LITERALS];     // in order of their codes
} Code;

typedef struct {
  const uint8_t *at, *end;
  uint64_t bits;
  unsigned count;   // of valid bits
  unsigned missing; // bytes read past the end
  uint8_t *out;
  size_t used, size;
  Code literal, distance;
} Inflate;

static uint32_t reverse_bits(uint32_t code, unsigned length) {
  uint32_t reversed = 0;
  for (; length > 0; length--, code >>= 1) reversed = reversed << 1 | (code & 1);
  return reversed;
}

// An over-subscribed set of lengths is a fault; an incomplete one is allowed where the format needs it: one distance
// code only, or none.
static bool build_code(Code *code, const uint8_t *lengths, unsigned symbols) {
  memset(code, 0, sizeof *code);
  for (unsigned s = 0; s < symbols; s++) code->count[lengths[s]]++;
  unsigned used = symbols - code->count[0];
  code->count[0] = 0;
  int left = 1;
  uint32_t next[MAX_BITS + 2] = {0};
  uint16_t offset[MAX_BITS + 2] = {0};
  for (unsigned length = 1; length <= MAX_BITS; length++) {
    left = left * 2 - code->count[length];
    if (left < 0) return false;
    next[length + 1] = (next[length] + code->count[length]) << 1;
    offset[length + 1] = (uint16_t)(offset[length] + code->count[length]);
  }
  if (left > 0 && (used > 1 || code->count[1] != used)) return false;
  for (unsigned s = 0; s < symbols; s++) {
    unsigned length = lengths[s];
    if (length == 0) continue;
    code->symbol[offset[length]++] = (uint16_t)s;
    uint32_t bits = reverse_bits(next[length]++, length);
    if (length > FAST_BITS) continue;
    for (; bits < 1u << FAST_BITS; bits += 1u << length) code->fast[bits] = (uint16_t)(length << 12 | s);
  }
  return true;
}

static void fill_bits(Inflate *in) {
  while (in->count <= 56) {
    if (in->at < in->end)
      in->bits |= (uint64_t)*in->at++ << in->count;
    else
      in->missing++;
    in->count += 8;
  }
}

static uint32_t take_bits(Inflate *in, unsigned count) {
  if (in->count < count) fill_bits(in);
  uint32_t value = (uint32_t)(in->bits & ((UINT64_C(1) << count) - 1));
  in->bits >>= count;
  in->count -= count;
  return value;
}

// Whether bits were used that the data does not have.
static bool is_exhausted(const Inflate *in) { return in->missing * 8 > in->count; }

static int take_symbol(Inflate *in, const Code *code) {
  if (in->count < MAX_BITS) fill_bits(in);
  uint16_t entry = code->fast[in->bits & ((1u << FAST_BITS) - 1)];
  if (entry) {
    take_bits(in, entry >> 12);
    return entry & 0xfff;
  }
  uint32_t value = 0, first = 0, index = 0;
  for (unsigned length = 1; length <= MAX_BITS; length++) {
    value |= (uint32_t)(in->bits >> (length - 1)) & 1;
    uint32_t count = code->count[length];
    if (value - first < count) {
      take_bits(in, length);
      return code->symbol[index + value - first];
    }
    index += count;
    first = (first + count) << 1;
    value <<= 1;
  }
  return -1;
}

static const char *copy_stored(Inflate *in) {
  take_bits(in, in->count % 8);
  uint32_t length = take_bits(in, 16), check = take_bits(in, 16);
  if (is_exhausted(in)) return "the compressed data ends too early";
  if ((length ^ check) != 0xffff) return "a stored block's length is wrong";
  if (length > in->size - in->used) return "more data than the entry's size";
  for (; length > 0 && in->count > in->missing * 8; length--) in->out[in->used++] = (uint8_t)take_bits(in, 8);
  if (length > (size_t)(in->end - in->at)) return "the compressed data ends too early";
  if (length > 0) memcpy(in->out + in->used, in->at, length);
  in->used += length;
  in->at += length;
  return NULL;
}

static const char *read_codes(Inflate *in) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  unsigned literals = take_bits(in, 5) + 257, distances = take_bits(in, 5) + 1, count = take_bits(in, 4) + 4;
  if (literals > 286 || distances > DISTANCES) return "too many codes";
  uint8_t lengths[286 + DISTANCES] = {0};
  for (unsigned i = 0; i < count; i++) lengths[order[i]] = (uint8_t)take_bits(in, 3);
  if (!build_code(&in->literal, lengths, 19)) return "bad code lengths";
  memset(lengths, 0, sizeof lengths);
  for (unsigned i = 0; i < literals + distances;) {
    int symbol = take_symbol(in, &in->literal);
    if (symbol < 0 || is_exhausted(in)) return "bad code lengths";
    if (symbol < 16) {
      lengths[i++] = (uint8_t)symbol;
      continue;
    }
    if (symbol == 16 && i == 0) return "bad code lengths";
    uint8_t value = symbol == 16 ? lengths[i - 1] : 0;
    unsigned repeat = symbol == 16 ? 3 + take_bits(in, 2) : symbol == 17 ? 3 + take_bits(in, 3) : 11 + take_bits(in, 7);
    if (repeat > literals + distances - i) return "bad code lengths";
    while (repeat--) lengths[i++] = value;
  }
  if (lengths[256] == 0) return "a block without an end";
  if (!build_code(&in->literal, lengths, literals) || !build_code(&in->distance, lengths + literals, distances))
    return "bad code lengths";
  return NULL;
}

static void use_fixed_codes(Inflate *in) {
  uint8_t lengths[LITERALS];
  for (unsigned s = 0; s < LITERALS; s++) lengths[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
  build_code(&in->literal, lengths, LITERALS);
  memset(lengths, 5, 32);
  build_code(&in->distance, lengths, 32); // 30 and 31 are in the code but must not occur
}

static const char *copy_block(Inflate *in) {
  static const uint16_t length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const uint8_t length_extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static const uint16_t distance_base[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                           33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                           1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  for (;;) {
    int symbol = take_symbol(in, &in->literal);
    if (symbol < 0) return "an invalid code";
    if (is_exhausted(in)) return "the compressed data ends too early";
    if (symbol == 256) return NULL;
    if (symbol < 256) {
      if (in->used == in->size) return "more data than the entry's size";
      in->out[in->used++] = (uint8_t)symbol;
      continue;
    }
    if (symbol > 285) return "an invalid length code";
    size_t length = length_base[symbol - 257] + take_bits(in, length_extra[symbol - 257]);
    int far = take_symbol(in, &in->distance);
    if (far < 0 || far >= DISTANCES) return "an invalid distance code";
    size_t distance = distance_base[far] + take_bits(in, far < 2 ? 0 : (unsigned)far / 2 - 1);
    if (is_exhausted(in)) return "the compressed data ends too early";
    if (distance > in->used) return "a distance before the start";
    if (length > in->size - in->used) return "more data than the entry's size";
    // Byte by byte: source and destination may overlap, that is how runs are written.
    for (uint8_t *to = in->out + in->used, *stop = to + length; to < stop; to++) *to = *(to - distance);
    in->used += length;
  }
}

const char *inflate(const uint8_t *packed, size_t packed_size, uint8_t *out, size_t size) {
  Inflate in = {.at = packed, .end = packed + packed_size, .out = out, .size = size};
  for (bool last = false; !last;) {
    last = take_bits(&in, 1);
    uint32_t type = take_bits(&in, 2);
    if (is_exhausted(&in)) return "the compressed data ends too early";
    const char *fault = NULL;
    if (type == 0) fault = copy_stored(&in);
    if (type == 1) use_fixed_codes(&in);
    if (type == 2) fault = read_codes(&in);
    if (type == 3) fault = "an unknown block type";
    if (!fault && type != 0) fault = copy_block(&in);
    if (fault) return fault;
  }
  return in.used == size ? NULL : "less data than the entry's size";
}

uint32_t update_crc32(uint32_t crc, const void *data, size_t size) {
  // The remainders of all 4-bit values for the reversed polynomial 0xedb88320: small, and two look-ups a byte.
  static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  crc = ~crc;
  for (const uint8_t *p = data, *end = p + size; p < end; p++) {
    crc ^= *p;
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}
