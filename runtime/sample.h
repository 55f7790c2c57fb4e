// Seeded input values: what `selftest`, `bench` and `run --fill random` feed, and what the compiler feeds when it
// records the vectors of a self-test. Both sides must make the same bytes on every machine: integer arithmetic and
// exact float operations only.
#pragma once
#include <stdint.h>

// Fills `count` elements of the ONNX dtype for input number `input`. Floats are uniform in [-1, 1) in steps of 2^-23
// (float16 and bfloat16 rounded from that), integers and booleans are 0 or 1. Other dtypes are left alone.
void sample_fill(uint32_t dtype, void *data, uint64_t count, uint64_t seed, uint32_t input);
