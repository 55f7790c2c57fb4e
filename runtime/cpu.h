// Which instruction sets this CPU has, as the bits that IngotModel.cpu_features and targets/ use.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  CPU_X86_64_V2 = 1 << 0, // SSE4.2, POPCNT
  CPU_X86_64_V3 = 1 << 1, // AVX2, FMA, BMI
  CPU_X86_64_V4 = 1 << 2, // AVX-512 F, BW, CD, DQ, VL
  CPU_AVX512_VNNI = 1 << 3,
  CPU_AVX512_BF16 = 1 << 4,
  CPU_AARCH64_DOTPROD = 1 << 8,
  CPU_AARCH64_I8MM = 1 << 9,
};

// What the CPU has and the operating system lets a program use.
uint32_t detect_cpu_features(void);

// The names of the bits in `features`: "x86-64-v4 (AVX-512), AVX512-VNNI". Returns text.
char *describe_cpu_features(char *text, size_t size, uint32_t features);
