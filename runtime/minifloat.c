// A format is its number of significand bits, the exponent's bias, and which codes are no numbers. Codes without sign
// grow with the value, so that rounding is a search.
#include "runtime/minifloat.h"

#include <math.h>
#include <stddef.h>

#include "runtime/dtype.h"

enum { NONE = 256 };

typedef struct {
  uint16_t dtype;
  uint8_t sign; // its bit; 0: none
  uint8_t significand;
  uint8_t bias;
  uint8_t largest;        // code of the largest number
  uint16_t infinity, nan; // codes, or NONE
} Format;

static const Format *find_format(uint32_t dtype) {
  static const Format formats[] = {
      {DTYPE_FLOAT8E4M3FN, 0x80, 3, 7, 0x7e, NONE, 0x7f}, {DTYPE_FLOAT8E4M3FNUZ, 0x80, 3, 8, 0x7f, NONE, 0x80},
      {DTYPE_FLOAT8E5M2, 0x80, 2, 15, 0x7b, 0x7c, 0x7e},  {DTYPE_FLOAT8E5M2FNUZ, 0x80, 2, 16, 0x7f, NONE, 0x80},
      {DTYPE_FLOAT4E2M1, 0x08, 1, 1, 0x07, NONE, NONE},   {DTYPE_FLOAT8E8M0, 0, 0, 127, 0xfe, NONE, 0xff},
  };
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    if (formats[i].dtype == dtype) return &formats[i];
  return &formats[0];
}

// The value of a code without sign; float8e8m0 has neither zero nor denormals.
static double read_magnitude(const Format *format, unsigned code) {
  unsigned one = 1u << format->significand, exponent = code >> format->significand, fraction = code & (one - 1);
  if (format->sign && exponent == 0) return ldexp(fraction, 1 - format->bias - format->significand);
  return ldexp(fraction | one, (int)exponent - format->bias - format->significand);
}

double read_minifloat(uint32_t dtype, uint32_t code) {
  const Format *format = find_format(dtype);
  unsigned magnitude = code & ~(unsigned)format->sign;
  if (code == format->nan) return NAN;
  double value = magnitude <= format->largest    ? read_magnitude(format, magnitude)
                 : magnitude == format->infinity ? INFINITY
                                                 : NAN;
  return code & format->sign ? -value : value;
}

bool write_minifloat(uint32_t dtype, double value, uint8_t *code) {
  const Format *format = find_format(dtype);
  double magnitude = fabs(value);
  bool negative = signbit(value);
  unsigned low = 0, high = format->largest;
  if (isnan(value)) {
    *code = (uint8_t)format->nan;
    return format->nan != NONE;
  }
  while (low < high) { // the first code whose value is not below
    unsigned middle = (low + high) / 2;
    if (read_magnitude(format, middle) < magnitude)
      low = middle + 1;
    else
      high = middle;
  }
  double above = read_magnitude(format, low);
  if (!format->sign) {
    *code = (uint8_t)low;
    return !negative && above == magnitude;
  }
  if (above < magnitude) { // beyond the largest: half a step more is still rounded down
    double limit = above + (above - read_magnitude(format, low - 1)) / 2;
    if (magnitude > limit || (magnitude == limit && (low & 1))) {
      *code = (uint8_t)(format->infinity | (negative ? format->sign : 0));
      return format->infinity != NONE;
    }
  } else if (low > 0) {
    double below = magnitude - read_magnitude(format, low - 1);
    if (below < above - magnitude || (below == above - magnitude && (low & 1))) low--;
  }
  *code = (uint8_t)(low | (negative ? format->sign : 0));
  if (*code == format->nan) *code = 0; // there is no -0
  return true;
}
