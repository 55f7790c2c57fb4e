// Numbers as texts and back.
#pragma once
#include "templates/decimal.h"
#include "templates/string.h"

/* numbers to texts */

// The digits of n, and behind them nothing; how many.
HELPER idx write_digits(uint64_t n, char *text) {
  idx count = 1;
  for (uint64_t rest = n; rest >= 10; rest /= 10) count++;
  for (idx i = count; i-- > 0; n /= 10) text[i] = (char)('0' + n % 10);
  return count;
}

HELPER Status store_text(const char *text, idx size, char *pool, int64_t *used, String *out) {
  if (claim_text(used, (uint64_t)size, out)) return STATUS_MEMORY;
  memcpy(pool + out->offset, text, (size_t)size);
  return STATUS_OK;
}

// Serial, as all that writes texts. x is uint64 where is_signed is 0.
TEMPLATE Status string_from_int(idx count, idx is_signed, const int64_t *x, char *pool, int64_t *used, String *out,
                                void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  for (idx i = 0; i < count && part == 0; i++) {
    char text[24] = "-";
    int minus = is_signed && x[i] < 0;
    idx size = minus + write_digits(minus ? 0 - (uint64_t)x[i] : (uint64_t)x[i], text + minus);
    if (store_text(text, size, pool, used, &out[i])) return STATUS_MEMORY;
  }
  return STATUS_OK;
}

// Digits that stand for digits * 10^power.
typedef struct {
  uint64_t digits;
  int64_t power;
} Digits;

// The double nearest to a number of `bits` bits.
HELPER double round_digits(Digits n, int64_t bits, int64_t least) {
  Decimal d;
  decimal_clear(&d);
  for (int64_t power = n.power; n.digits > 0; n.digits /= 10, power++)
    decimal_put(&d, power, (uint32_t)(n.digits % 10));
  return decimal_round(&d, bits, least);
}

// The fewest digits that are read back as x > 0, from `fewest` on; the nearest of them, or else the one above it.
HELPER Digits find_digits(double x, int64_t bits, int64_t least, int64_t fewest) {
  Decimal exact;
  decimal_set(&exact, x);
  int64_t top = 9 * (LIMBS - POINT) - 1;
  while (decimal_digit(&exact, top) == 0) top--;
  uint64_t digits = 0;
  for (int64_t count = 1;; count++) {
    digits = digits * 10 + decimal_digit(&exact, top - count + 1);
    if (count < fewest) continue;
    int half = decimal_half(&exact, top - count), up = half > 0 || (half == 0 && (digits & 1));
    for (int other = 0; other < 2; other++) {
      Digits n = {digits + (uint64_t)(up ^ other), top - count + 1};
      if (count < 18 && round_digits(n, bits, least) != x) continue;
      for (; n.digits % 10 == 0; n.digits /= 10) n.power++;
      return n;
    }
  }
}

// "0.001", "12", "1.5e+20": plain where the first digit is worth 10^-4 to 10^(plain - 1).
HELPER idx write_number(Digits n, int64_t plain, char *text) {
  char digits[24];
  idx count = write_digits(n.digits, digits), size = 0;
  int64_t top = n.power + count - 1;
  int scientific = top < -4 || top >= plain;
  int64_t before = scientific ? 1 : top + 1; // digits before the point
  if (before <= 0) text[size++] = '0';
  for (int64_t i = 0; i < before; i++) text[size++] = i < count ? digits[i] : '0';
  if (count > before) text[size++] = '.';
  for (int64_t i = before; i < 0; i++) text[size++] = '0';
  for (int64_t i = before > 0 ? before : 0; i < count; i++) text[size++] = digits[i];
  if (!scientific) return size;
  text[size++] = 'e';
  text[size++] = top < 0 ? '-' : '+';
  if (top < 0) top = -top;
  if (top < 10) text[size++] = '0';
  return size + write_digits((uint64_t)top, text + size);
}

// Numbers of `bits` bits that are multiples of 2^least, as doubles: the fewest digits that are read back as the same.
TEMPLATE Status string_from_float(idx count, idx bits, idx least, idx plain, const double *x, char *pool, int64_t *used,
                                  String *out, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  for (idx i = 0; i < count && part == 0; i++) {
    char text[48] = "-";
    uint64_t sign;
    memcpy(&sign, &x[i], sizeof sign);
    idx size = x[i] == x[i] && sign >> 63;
    double value = size ? -x[i] : x[i];
    if (value != value) {
      memcpy(text, "NaN", 3), size = 3;
    } else if (value == 0) {
      text[size++] = '0';
    } else if (value - value != 0) {
      memcpy(text + size, "INF", 3), size += 3;
    } else { // as many decimal digits as all numbers of so many bits keep; the smallest have fewer bits
      int64_t fewest = value < scale_double(1, least + bits) ? 1 : (bits - 1) * 301 / 1000;
      size += write_number(find_digits(value, bits, least, fewest < 1 ? 1 : fewest), plain, text + size);
    }
    if (store_text(text, size, pool, used, &out[i])) return STATUS_MEMORY;
  }
  return STATUS_OK;
}

// |x| of a finite float32 with six decimals, half to even, as C's "%f".
HELPER idx write_fixed(double x, char *text) {
  enum { DECIMALS = 6, MOST = 40 };
  Decimal exact;
  char digits[MOST + DECIMALS];
  idx size = 0, first = 0;
  decimal_clear(&exact);
  if (x > 0) decimal_set(&exact, x);
  for (idx i = 0; i < MOST + DECIMALS; i++) digits[i] = (char)decimal_digit(&exact, MOST - 1 - i);
  int half = decimal_half(&exact, -DECIMALS - 1), up = half > 0 || (half == 0 && digits[MOST + DECIMALS - 1] % 2);
  for (idx i = MOST + DECIMALS; up && i-- > 0;) {
    up = digits[i] == 9;
    digits[i] = up ? 0 : (char)(digits[i] + 1);
  }
  while (first < MOST - 1 && digits[first] == 0) first++;
  for (idx i = first; i < MOST + DECIMALS; i++) {
    if (i == MOST) text[size++] = '.';
    text[size++] = (char)('0' + digits[i]);
  }
  return size;
}

TEMPLATE Status string_from_fixed(idx count, const float *x, char *pool, int64_t *used, String *out, void *const *bufs,
                                  idx part, idx parts) {
  (void)bufs, (void)parts;
  for (idx i = 0; i < count && part == 0; i++) {
    char text[64] = "-";
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    idx size = bits >> 31;
    if (x[i] != x[i])
      memcpy(text + size, "nan", 3), size += 3;
    else if (x[i] - x[i] != 0)
      memcpy(text + size, "inf", 3), size += 3;
    else
      size += write_fixed(size ? -(double)x[i] : (double)x[i], text + size);
    if (store_text(text, size, pool, used, &out[i])) return STATUS_MEMORY;
  }
  return STATUS_OK;
}

/* texts to numbers */

// A text without blanks around it and its sign.
typedef struct {
  const char *at, *end;
  int minus;
} Number;

HELPER Number open_number(const char *text, uint64_t size) {
  Number n = {text, text + size, 0};
  while (n.at < n.end && (*n.at == ' ' || (*n.at >= '\t' && *n.at <= '\r'))) n.at++;
  while (n.at < n.end && (n.end[-1] == ' ' || (n.end[-1] >= '\t' && n.end[-1] <= '\r'))) n.end--;
  if (n.at < n.end && (*n.at == '-' || *n.at == '+')) n.minus = *n.at++ == '-';
  return n;
}

// Whether the rest is this word, which is in lower case.
HELPER int is_word(const Number *n, const char *word, idx length) {
  if (n->end - n->at != length) return 0;
  for (idx i = 0; i < length; i++)
    if ((n->at[i] | 0x20) != word[i]) return 0;
  return 1;
}

HELPER int is_digit(const char *at, const char *end) { return at < end && *at >= '0' && *at <= '9'; }

// The exponent behind an 'e', if there is one; false where something else stands there.
HELPER int read_power(Number *n, int64_t *power) {
  *power = 0;
  if (n->at == n->end) return 1;
  if ((*n->at++ | 0x20) != 'e') return 0;
  int minus = n->at < n->end && *n->at == '-';
  if (n->at < n->end && (*n->at == '-' || *n->at == '+')) n->at++;
  if (!is_digit(n->at, n->end)) return 0;
  for (; is_digit(n->at, n->end); n->at++)
    if (*power < 1000000000000000) *power = *power * 10 + (*n->at - '0');
  if (minus) *power = -*power;
  return n->at == n->end;
}

// The number rounded as by decimal_round; false where the text is none.
HELPER int read_number(Number n, int64_t bits, int64_t least, double *x) {
  union {
    uint64_t bits;
    double x;
  } infinity = {UINT64_C(0x7ff) << 52};
  const char *digits = n.at;
  int64_t before = 0, any = 0, power;
  for (; is_digit(n.at, n.end); n.at++) before++, any = 1; // digits before the point
  if (n.at < n.end && *n.at == '.')
    for (n.at++; is_digit(n.at, n.end); n.at++) any = 1;
  const char *stop = n.at;
  double value;
  if (any) {
    Decimal d;
    decimal_clear(&d);
    if (!read_power(&n, &power)) return 0;
    power += before - 1;
    value = 0;
    for (const char *at = digits; at < stop; at++) {
      if (*at == '.') continue;
      if (*at != '0' && power > 9 * (LIMBS - POINT) - 10) value = infinity.x;
      if (value == 0) decimal_put(&d, power, (uint32_t)(*at - '0'));
      power--;
    }
    if (value == 0 && (d.high > POINT || d.low < POINT)) value = decimal_round(&d, bits, least);
  } else if (is_word(&n, "inf", 3) || is_word(&n, "infinity", 8)) {
    value = infinity.x;
  } else if (is_word(&n, "nan", 3)) {
    value = infinity.x - infinity.x;
  } else {
    return 0;
  }
  *x = n.minus ? -value : value;
  return 1;
}

// Parallel over count.
TEMPLATE Status string_to_float(idx count, idx bits, idx least, const String *x, const char *pool, double *out,
                                void *const *bufs, idx part, idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++)
    if (!read_number(open_number(pool + x[i].offset, x[i].size), bits, least, &out[i])) return STATUS_NUMBER;
  return STATUS_OK;
}

// Whole numbers modulo 2^64; others are read as doubles, cut towards zero and, where they are too large, to the
// largest. Parallel over count.
TEMPLATE Status string_to_int(idx count, const String *x, const char *pool, int64_t *out, void *const *bufs, idx part,
                              idx parts) {
  (void)bufs;
  idx i, end;
  share(count, part, parts, &i, &end);
  for (; i < end; i++) {
    Number n = open_number(pool + x[i].offset, x[i].size);
    const char *at = n.at;
    uint64_t whole = 0;
    double value;
    for (; is_digit(at, n.end); at++) whole = whole * 10 + (uint64_t)(*at - '0');
    if (at > n.at && at == n.end) {
      out[i] = (int64_t)(n.minus ? 0 - whole : whole);
      continue;
    }
    if (!read_number(n, 53, -1074, &value)) return STATUS_NUMBER;
    int fits = value > -0x1p63 && value < 0x1p63;
    out[i] = fits ? (int64_t)value : value != value ? 0 : value < 0 ? INT64_MIN : INT64_MAX;
  }
  return STATUS_OK;
}
