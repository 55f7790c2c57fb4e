// Stands for a compiled model in test_link.c: reads its weights back and compares them with the pattern that the test
// wrote, which depends on their size. The program takes the size as argument; it exits with 0 when all are right.
#include <stdint.h>

unsigned long long strtoull(const char *, char **, int); // compiled for machines whose headers may not be here

extern const uint64_t ingot_weights[];
const uint64_t *const volatile weights = ingot_weights; // 64-bit pointer in data, as in emitted models

int check_weights(uint64_t bytes) {
  const uint64_t *words = weights;
  if ((uintptr_t)words % 64) return 2;
  for (uint64_t i = 0; i < bytes / 8; i++)
    if (words[i] != i * 0x9e3779b97f4a7c15u + bytes) return 1;
  return 0;
}

#ifdef LIBRARY
int (*const ingot_model)(uint64_t) = check_weights; // what a library gives to the outside
#else
int main(int argc, char **argv) { return argc == 2 ? check_weights(strtoull(argv[1], 0, 10)) : 3; }
#endif
