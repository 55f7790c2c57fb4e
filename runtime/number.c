// Decimal and binary. Reading: numbers of up to 19 digits by one 64x64-bit multiplication with a power of ten known to
// 64 bits; where the error of that product could change the rounding (less than 1 % of numbers), and for exponents out
// of the table, strtod decides. The method is Eisel and Lemire's ("Number parsing at a gigabyte per second", 2021).
// Writing a float32: digits from a product in double that is proved to read back as the same float.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/half.h"
#include "runtime/number.h"

enum { TABLE_LIMIT = 60 };
// The upper 64 bits of 10^-60 ... 10^60, rounded down.
static const uint64_t powers[2 * TABLE_LIMIT + 1] = {
    0xcdb02555653131b6u, 0x808e17555f3ebf11u, 0xa0b19d2ab70e6ed6u, 0xc8de047564d20a8bu, 0xfb158592be068d2eu,
    0x9ced737bb6c4183du, 0xc428d05aa4751e4cu, 0xf53304714d9265dfu, 0x993fe2c6d07b7fabu, 0xbf8fdb78849a5f96u,
    0xef73d256a5c0f77cu, 0x95a8637627989aadu, 0xbb127c53b17ec159u, 0xe9d71b689dde71afu, 0x9226712162ab070du,
    0xb6b00d69bb55c8d1u, 0xe45c10c42a2b3b05u, 0x8eb98a7a9a5b04e3u, 0xb267ed1940f1c61cu, 0xdf01e85f912e37a3u,
    0x8b61313bbabce2c6u, 0xae397d8aa96c1b77u, 0xd9c7dced53c72255u, 0x881cea14545c7575u, 0xaa242499697392d2u,
    0xd4ad2dbfc3d07787u, 0x84ec3c97da624ab4u, 0xa6274bbdd0fadd61u, 0xcfb11ead453994bau, 0x81ceb32c4b43fcf4u,
    0xa2425ff75e14fc31u, 0xcad2f7f5359a3b3eu, 0xfd87b5f28300ca0du, 0x9e74d1b791e07e48u, 0xc612062576589ddau,
    0xf79687aed3eec551u, 0x9abe14cd44753b52u, 0xc16d9a0095928a27u, 0xf1c90080baf72cb1u, 0x971da05074da7beeu,
    0xbce5086492111aeau, 0xec1e4a7db69561a5u, 0x9392ee8e921d5d07u, 0xb877aa3236a4b449u, 0xe69594bec44de15bu,
    0x901d7cf73ab0acd9u, 0xb424dc35095cd80fu, 0xe12e13424bb40e13u, 0x8cbccc096f5088cbu, 0xafebff0bcb24aafeu,
    0xdbe6fecebdedd5beu, 0x89705f4136b4a597u, 0xabcc77118461cefcu, 0xd6bf94d5e57a42bcu, 0x8637bd05af6c69b5u,
    0xa7c5ac471b478423u, 0xd1b71758e219652bu, 0x83126e978d4fdf3bu, 0xa3d70a3d70a3d70au, 0xccccccccccccccccu,
    0x8000000000000000u, 0xa000000000000000u, 0xc800000000000000u, 0xfa00000000000000u, 0x9c40000000000000u,
    0xc350000000000000u, 0xf424000000000000u, 0x9896800000000000u, 0xbebc200000000000u, 0xee6b280000000000u,
    0x9502f90000000000u, 0xba43b74000000000u, 0xe8d4a51000000000u, 0x9184e72a00000000u, 0xb5e620f480000000u,
    0xe35fa931a0000000u, 0x8e1bc9bf04000000u, 0xb1a2bc2ec5000000u, 0xde0b6b3a76400000u, 0x8ac7230489e80000u,
    0xad78ebc5ac620000u, 0xd8d726b7177a8000u, 0x878678326eac9000u, 0xa968163f0a57b400u, 0xd3c21bcecceda100u,
    0x84595161401484a0u, 0xa56fa5b99019a5c8u, 0xcecb8f27f4200f3au, 0x813f3978f8940984u, 0xa18f07d736b90be5u,
    0xc9f2c9cd04674edeu, 0xfc6f7c4045812296u, 0x9dc5ada82b70b59du, 0xc5371912364ce305u, 0xf684df56c3e01bc6u,
    0x9a130b963a6c115cu, 0xc097ce7bc90715b3u, 0xf0bdc21abb48db20u, 0x96769950b50d88f4u, 0xbc143fa4e250eb31u,
    0xeb194f8e1ae525fdu, 0x92efd1b8d0cf37beu, 0xb7abc627050305adu, 0xe596b7b0c643c719u, 0x8f7e32ce7bea5c6fu,
    0xb35dbf821ae4f38bu, 0xe0352f62a19e306eu, 0x8c213d9da502de45u, 0xaf298d050e4395d6u, 0xdaf3f04651d47b4cu,
    0x88d8762bf324cd0fu, 0xab0e93b6efee0053u, 0xd5d238a4abe98068u, 0x85a36366eb71f041u, 0xa70c3c40a64e6c51u,
    0xd0cf4b50cfe20765u, 0x82818f1281ed449fu, 0xa321f2d7226895c7u, 0xcbea6f8ceb02bb39u, 0xfee50b7025c36a08u,
    0x9f4f2726179a2245u,
};

int64_t read_exponent(const char *text, const char *end) {
  int64_t exponent = 0;
  bool minus = end - text > 1 && text[1] == '-';
  for (const char *p = text; p < end; p++)
    if (*p >= '0' && *p <= '9' && exponent < INT64_C(100000000000000000)) exponent = exponent * 10 + (*p - '0');
  return minus ? -exponent : exponent;
}

// All digits that can matter to a double (767) and one that tells "more than that", for strtod.
static double round_long(const Decimal *decimal, const char *text, size_t length) {
  enum { SIGNIFICANT = 780, FAR = 1000000 };
  char copy[SIGNIFICANT + 32];
  size_t used = 0;
  int64_t exponent = 0;
  bool fraction = false, more = false;
  if (decimal->negative) copy[used++] = '-';
  size_t start = used, i = decimal->negative;
  for (; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    exponent -= fraction;
    if (used == start && text[i] == '0') continue;
    if (used - start < SIGNIFICANT) {
      copy[used++] = text[i];
    } else {
      more |= text[i] != '0';
      exponent++;
    }
  }
  if (used == start) copy[used++] = '0';
  if (more && copy[used - 1] == '0') copy[used - 1] = '1'; // never looks like a tie
  exponent += read_exponent(text + i, text + length);
  if (exponent > FAR) exponent = FAR; // an infinity or zero by far
  if (exponent < -FAR) exponent = -FAR;
  snprintf(copy + used, sizeof copy - used, "e%d", (int)exponent);
  return strtod(copy, NULL);
}

double round_decimal(const Decimal *decimal, const char *text, size_t length) {
  uint64_t m = decimal->digits;
  int32_t e = decimal->exponent;
  if (m == 0 && !decimal->cut) return decimal->negative ? -0.0 : 0.0;
  if (decimal->cut || e < -TABLE_LIMIT || e > TABLE_LIMIT) return round_long(decimal, text, length);
  double exact = (double)m;
  if (m < UINT64_C(1) << 53 && e == 0) return decimal->negative ? -exact : exact;

  int shift = __builtin_clzll(m);
  m <<= shift;
  uint64_t power = powers[e + TABLE_LIMIT];
  __extension__ typedef unsigned __int128 Wide;
  Wide product = (Wide)m * power;
  uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
  // The power is too small by less than one unit, the product by less than m: may a carry reach the kept bits?
  if ((high & 0x1ff) == 0x1ff && low + m < low) return round_long(decimal, text, length);
  int top = (int)(high >> 63);
  uint64_t mantissa = high >> (top + 9); // 54 bits: one more than a double has
  if (low == 0 && (high & 0x1ff) == 0 && (mantissa & 3) == 1) return round_long(decimal, text, length); // a tie?
  mantissa += mantissa & 1;
  mantissa >>= 1;
  // 217706 / 2^16 is log2(10): exact floors within the table.
  int binary = ((217706 * e) >> 16) + 64 + 1023 - shift - (top ^ 1);
  if (mantissa >> 53) mantissa >>= 1, binary++;
  uint64_t bits = (uint64_t)binary << 52 | (mantissa & ((UINT64_C(1) << 52) - 1));
  bits |= (uint64_t)decimal->negative << 63;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

size_t print_integer(char *text, uint64_t magnitude, bool negative) {
  char digits[20];
  size_t count = 0, used = 0;
  do digits[count++] = (char)('0' + magnitude % 10);
  while (magnitude /= 10);
  if (negative) text[used++] = '-';
  while (count) text[used++] = digits[--count];
  return used;
}

size_t print_double(char *text, double value, int digits) {
  char printed[NUMBER_SIZE];
  size_t length = 0;
  for (int d = digits > 15 ? 15 : digits; d <= digits; d++) { // 0.1 rather than 0.10000000000000001
    length = (size_t)snprintf(printed, sizeof printed, "%.*g", d, value);
    if (d == digits || strtod(printed, NULL) == value) break;
  }
  memcpy(text, printed, length);
  return length;
}

// Powers of ten that a double holds exactly.
static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// digits * 10^-scale in double, rounded once: both operands are exact.
static double scale_digits(uint64_t digits, int scale) {
  return scale >= 0 ? (double)digits / tens[scale] : (double)digits * tens[-scale];
}

size_t print_float(char *text, float value) {
  double x = fabs((double)value);
  size_t used = 0;
  if (signbit(value)) text[used++] = '-';
  if (x == 0) {
    text[used++] = '0';
    return used;
  }
  if (!(x >= 1e-9 && x < 1e15)) return print_double(text, (double)value, 9);

  int exponent = 0; // x in [10^exponent, 10^(exponent+1)), or one off near the ends, which costs no correctness
  if (x >= 1)
    while (x >= tens[exponent + 1]) exponent++;
  else
    while (x * tens[-exponent] < 1) exponent--;
  for (int precision = 6; precision <= 9; precision++) {
    int scale = precision - 1 - exponent; // digits behind the point: -9 ... 17
    uint64_t digits = (uint64_t)((scale >= 0 ? x * tens[scale] : x / tens[-scale]) + 0.5);
    double back = scale_digits(digits, scale);
    uint64_t bits;
    memcpy(&bits, &back, sizeof bits);
    // `back` is the double nearest to the decimal. Where it is no midpoint of two floats (their low 29 bits are
    // 0x10000000), it rounds to the same float as the decimal itself.
    if ((float)back != fabsf(value) || (bits & 0x1fffffff) == 0x10000000) continue;
    while (digits % 10 == 0) digits /= 10, scale--;
    char printed[NUMBER_SIZE];
    int count = (int)print_integer(printed, digits, false);
    int point = count - scale; // digits before the point
    if (point > 15 || point < -5) {
      text[used++] = printed[0];
      if (count > 1) text[used++] = '.';
      memcpy(text + used, printed + 1, (size_t)count - 1);
      used += (size_t)count - 1;
      text[used++] = 'e';
      return used + print_integer(text + used, (uint64_t)(point > 0 ? point - 1 : 1 - point), point < 1);
    }
    if (point <= 0) {
      text[used++] = '0';
      text[used++] = '.';
      for (int i = point; i < 0; i++) text[used++] = '0';
    }
    for (int i = 0; i < count; i++) {
      if (i == point && point > 0) text[used++] = '.';
      text[used++] = printed[i];
    }
    for (int i = count; i < point; i++) text[used++] = '0';
    return used;
  }
  return print_double(text, (double)value, 9);
}
