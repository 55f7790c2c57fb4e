// CPU detection. The levels are those of the x86-64 psABI; the bit positions are Intel's CPUID leaves 1, 7 and
// 0x80000001, and Linux's AT_HWCAP on aarch64.
#include "runtime/cpu.h"

#include <stdio.h>

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t read_enabled_state(void) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

uint32_t detect_cpu_features(void) {
  uint32_t a, b, c1 = 0, d, b7 = 0, c7 = 0, a71 = 0, c81 = 0;
  if (!__get_cpuid(1, &a, &b, &c1, &d)) return 0;
  uint32_t top_leaf = 0;
  if (__get_cpuid_count(7, 0, &top_leaf, &b7, &c7, &d) && top_leaf >= 1) __get_cpuid_count(7, 1, &a71, &b, &a, &d);
  __get_cpuid(0x80000001, &a, &b, &c81, &d);
  bool os_saves = has(c1, 1u << 27);
  uint64_t state = os_saves ? read_enabled_state() : 0;

  uint32_t features = 0;
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
  if (!has(c1, 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23) || !has(c81, 1u << 0)) return features;
  features |= CPU_X86_64_V2;
  // FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT; the upper halves of YMM saved
  if ((state & 6) != 6 || !has(c1, 1u << 12 | 1u << 22 | 1u << 28 | 1u << 29) ||
      !has(b7, 1u << 3 | 1u << 5 | 1u << 8) || !has(c81, 1u << 5))
    return features;
  features |= CPU_X86_64_V3;
  // AVX-512 F, DQ, CD, BW, VL; opmasks and ZMM saved
  if ((state & 0xe6) != 0xe6 || !has(b7, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31)) return features;
  features |= CPU_X86_64_V4;
  if (has(c7, 1u << 11)) features |= CPU_AVX512_VNNI;
  if (has(a71, 1u << 5)) features |= CPU_AVX512_BF16;
  return features;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

uint32_t detect_cpu_features(void) {
  uint32_t features = 0;
  if (getauxval(AT_HWCAP) >> 20 & 1) features |= CPU_AARCH64_DOTPROD;
  if (getauxval(AT_HWCAP2) >> 13 & 1) features |= CPU_AARCH64_I8MM;
  return features;
}

#else
uint32_t detect_cpu_features(void) { return 0; }
#endif

char *describe_cpu_features(char *text, size_t size, uint32_t features) {
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {
      {CPU_X86_64_V2, "x86-64-v2 (SSE4.2)"},
      {CPU_X86_64_V3, "x86-64-v3 (AVX2, FMA)"},
      {CPU_X86_64_V4, "x86-64-v4 (AVX-512)"},
      {CPU_AVX512_VNNI, "AVX512-VNNI"},
      {CPU_AVX512_BF16, "AVX512-BF16"},
      {CPU_AARCH64_DOTPROD, "dotprod"},
      {CPU_AARCH64_I8MM, "i8mm"},
  };
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!(features & names[i].bit) || used >= size) continue;
    used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i].name);
  }
  return text;
}
