// The Mersenne Twister MT19937, as NumPy's RandomState(seed) uses it.
#pragma once
#include "templates/template.h"

enum { TWISTER_WORDS = 624, TWISTER_SHIFT = 397 };

HELPER void twist(uint32_t state[TWISTER_WORDS]) {
  for (idx i = 0; i < TWISTER_WORDS; i++) {
    uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % TWISTER_WORDS] & 0x7fffffffu);
    state[i] = state[(i + TWISTER_SHIFT) % TWISTER_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
  }
}

HELPER uint32_t temper(uint32_t y) {
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

// y[i] = the numbers of RandomState(seed).uniform(size=count): from 0 to below 1. Only part 0 works.
TEMPLATE Status mersenne_uniform(idx seed, idx count, double *y, void *const *bufs, idx part, idx parts) {
  (void)bufs, (void)parts;
  uint32_t state[TWISTER_WORDS] = {(uint32_t)seed};
  if (part) return STATUS_OK;
  for (idx i = 1; i < TWISTER_WORDS; i++) state[i] = 1812433253u * (state[i - 1] ^ state[i - 1] >> 30) + (uint32_t)i;
  for (idx i = 0, used = TWISTER_WORDS; i < count; i++, used += 2) {
    if (used == TWISTER_WORDS) twist(state), used = 0;
    uint32_t high = temper(state[used]) >> 5, low = temper(state[used + 1]) >> 6;
    y[i] = ((double)high * 0x1p26 + (double)low) * 0x1p-53;
  }
  return STATUS_OK;
}
