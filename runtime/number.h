// Decimal text to binary floating point and back, exactly rounded: what JSON needs, fast enough for whole tensors.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A number's text taken apart: value = ±digits * 10^exponent, or, where `cut`, a little more than that.
typedef struct {
  uint64_t digits;        // as many of the first as fit
  int32_t exponent;       // kept within ±100000
  bool negative, integer; // integer: written without fraction and exponent
  bool cut;               // other digits than 0 did not fit
} Decimal;

// The double nearest to the number (ties to even). text[0..length) is the same number, in JSON's grammar; it is read
// only in the rare cases that need all its digits.
double round_decimal(const Decimal *decimal, const char *text, size_t length);

// The value of "e-12" or ""; at least as far from 0 as any text is long where it is too large.
int64_t read_exponent(const char *text, const char *end);

enum { NUMBER_SIZE = 32 }; // bytes that any of these writes at most
// Decimal text without a final '\0'; returns its length. Floats get the fewest digits that read back as the same
// value; value must be finite.
size_t print_float(char *text, float value);
size_t print_double(char *text, double value, int digits);
size_t print_integer(char *text, uint64_t magnitude, bool negative);
