// Decimal numbers of as many digits as any double has, exactly: what texts are converted by.
#pragma once
#include "templates/template.h"

// Digits in limbs of nine; limb POINT is worth its value, the one above it 10^9 times that.
enum { LIMB = 1000000000, POINT = 120, LIMBS = POINT + 37 };
typedef struct {
  uint32_t limb[LIMBS];
  int low, high; // limbs in use: [low, high)
  int more;      // something above 0 was too small for the lowest limb
} Decimal;

HELPER void decimal_clear(Decimal *d) { memset(d, 0, sizeof *d), d->low = d->high = POINT; }

HELPER void decimal_use(Decimal *d, int at) {
  if (at < d->low) d->low = at;
  if (at >= d->high) d->high = at + 1;
}

// Adds digit * 10^power to digits that have none there.
HELPER void decimal_put(Decimal *d, int64_t power, uint32_t digit) {
  int64_t at = power + 9 * POINT;
  if (digit == 0) return;
  if (at < 0) {
    d->more = 1;
    return;
  }
  for (int64_t i = at % 9; i > 0; i--) digit *= 10;
  d->limb[at / 9] += digit;
  decimal_use(d, (int)(at / 9));
}

// Times 2^bits; bits <= 32.
HELPER void decimal_double(Decimal *d, int bits) {
  uint64_t carry = 0;
  for (int i = d->low; i < d->high; i++) {
    carry += (uint64_t)d->limb[i] << bits;
    d->limb[i] = (uint32_t)(carry % LIMB);
    carry /= LIMB;
  }
  for (; carry > 0 && d->high < LIMBS; carry /= LIMB) d->limb[d->high++] = (uint32_t)(carry % LIMB);
}

// Divided by 2^bits; bits <= 32.
HELPER void decimal_halve(Decimal *d, int bits) {
  uint64_t rest = 0, mask = (UINT64_C(1) << bits) - 1;
  for (int i = d->high; i-- > 0 && (i >= d->low || rest > 0);) {
    rest = rest * LIMB + d->limb[i];
    d->limb[i] = (uint32_t)(rest >> bits);
    rest &= mask;
    if (i < d->low) d->low = i;
  }
  d->more |= rest > 0;
  while (d->high > POINT && d->limb[d->high - 1] == 0) d->high--;
}

// The whole number before the point, of less than 10^18.
HELPER uint64_t decimal_whole(const Decimal *d) { return (uint64_t)d->limb[POINT + 1] * LIMB + d->limb[POINT]; }

// x * 2^power where the result is exact, infinite or zero.
HELPER double scale_double(double x, int64_t power) {
  for (; power > 1000; power -= 1000) x *= 0x1p1000;
  for (; power < -1000; power += 1000) x *= 0x1p-1000;
  union {
    uint64_t bits;
    double x;
  } scale = {(uint64_t)(power + 1023) << 52};
  return x * scale.x;
}

// The nearest number of `bits` bits (at most 53) that is a multiple of 2^least, half to even; d is used up.
HELPER double decimal_round(Decimal *d, int64_t bits, int64_t least) {
  enum { TOP = 58 }; // bits of the whole number that is rounded
  int64_t power = 0;
  while (d->high > POINT + 2 || decimal_whole(d) >> TOP) decimal_halve(d, 20), power += 20;
  while (decimal_whole(d) < UINT64_C(1) << (TOP - 30)) {
    if (power < -2200) return 0; // there is nothing
    decimal_double(d, 29), power -= 29;
  }
  int left = 0;
  while (!(decimal_whole(d) << left >> (TOP - 1))) left++;
  decimal_double(d, left);
  power -= left;
  uint64_t whole = decimal_whole(d), more = d->more != 0;
  for (int i = d->low; i < POINT; i++) more |= d->limb[i] != 0;
  int64_t drop = TOP - bits > least - power ? TOP - bits : least - power;
  if (drop > TOP) return 0; // less than half of the least
  uint64_t kept = whole >> drop, rest = whole & ((UINT64_C(1) << drop) - 1), half = UINT64_C(1) << (drop - 1);
  kept += rest > half || (rest == half && (more || (kept & 1)));
  return scale_double((double)kept, power + drop);
}

// The exact digits of a finite x above 0.
HELPER void decimal_set(Decimal *d, double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int power = (int)(bits >> 52 & 0x7ff);
  uint64_t whole = bits & ((UINT64_C(1) << 52) - 1);
  if (power > 0) whole |= UINT64_C(1) << 52;
  power = (power > 0 ? power : 1) - 1075;
  decimal_clear(d);
  d->limb[POINT] = (uint32_t)(whole % LIMB), d->limb[POINT + 1] = (uint32_t)(whole / LIMB % LIMB);
  d->high = POINT + 2;
  for (; power > 0; power -= power < 30 ? power : 30) decimal_double(d, power < 30 ? power : 30);
  for (; power<0; power += power> - 30 ? -power : 30) decimal_halve(d, power > -30 ? -power : 30);
}

// The digit that is worth 10^power times its value.
HELPER uint32_t decimal_digit(const Decimal *d, int64_t power) {
  int64_t at = power + 9 * POINT;
  if (at < 0 || at >= 9 * LIMBS) return 0;
  uint32_t limb = d->limb[at / 9];
  for (int64_t i = at % 9; i > 0; i--) limb /= 10;
  return limb % 10;
}

// Whether what stands at 10^power and below is more than half of the digit above it: 1, as much: 0, less: -1.
HELPER int decimal_half(const Decimal *d, int64_t power) {
  uint32_t digit = decimal_digit(d, power);
  if (digit != 5) return digit > 5 ? 1 : -1;
  for (int64_t below = power - 1; below >= 9 * (d->low - POINT); below--)
    if (decimal_digit(d, below)) return 1;
  return 0;
}
