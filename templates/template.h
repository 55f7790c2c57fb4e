// What every kernel template stands on. A template is an ordinary C function whose sizes, strides and tiles are
// parameters. The same text serves three times: as LLVM bitcode per instruction-set level (where calls with constant
// arguments specialise it), native in the tests, and pasted into the file that `--emit=c` writes. It is therefore
// GNU C that gcc and clang both take, it calls nothing but mem*, and only vector.h knows instruction sets.
//
// Rules of a template:
// - It returns a Status. Its last parameters are `void *const *bufs, idx part, idx parts`: every pointer of the step
//   (for the generated functions) and which share of the parallel axis to do. The result must be the same, bit for
//   bit, for every `parts`; parts <= 0 never happens; a part may be empty.
// - It reads tensors through plain pointers with strides in elements, or through a Load; it writes results through a
//   Store, which the compiler generates from the fused scalar expression: epilogue, conversion and final address. All
//   take four coordinates of the step's iteration space; consecutive lanes are consecutive values of the last.
//   1 <= lanes <= V; only the first `lanes` lanes of a loaded vector are defined (the others are finite: 0).
// - Loops over tile sizes carry UNROLL, so that constant sizes leave straight code and accumulators in registers.
// - No allocation. Scratch memory is a parameter.
#pragma once
#include "templates/status.h"

#include <stddef.h>
#include <stdint.h>
#ifdef INGOT_BITCODE // needs no libc headers, whatever the target
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
#else
#include <string.h>
#endif

typedef ptrdiff_t idx;

// Bytes of one vector register: 64 (AVX-512), 32 (AVX2), 16 (SSE, NEON). Set by the target's build flags.
#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#define V (VECTOR_BYTES / 4) // lanes of a float32 vector; every Load and Store moves V lanes, whatever their type

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(VECTOR_BYTES)));
// The same at any alignment, for loads and stores through pointers.
typedef float vf_any __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t vi_any __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

// Generated functions. A Load gives the step's input after its fused prologue; a Store takes the step's result through
// its fused epilogue to memory; a Body does both (an elementwise step).
typedef vf Load(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes);
typedef void Store(void *const *bufs, vf value, idx i0, idx i1, idx i2, idx i3, idx lanes);
typedef Status Body(void *const *bufs, idx i0, idx i1, idx i2, idx i3, idx lanes);

// TEMPLATE: a kernel template. HELPER: a part of one. Both vanish into their caller.
#ifdef INGOT_BITCODE
#define TEMPLATE __attribute__((always_inline))
#else
#define TEMPLATE static inline __attribute__((always_inline, unused))
#endif
#define HELPER static inline __attribute__((always_inline, unused))

// Tile sizes are constants, so that these loops vanish. Where they are not, gcc takes the wish literally at every level
// of a loop nest and needs minutes: such code is compiled with -DUNROLL=.
#ifdef __clang__
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif
#ifndef UNROLL
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" // edges have run-time bounds: there it is but a wish
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif
#endif

HELPER idx min_idx(idx a, idx b) { return a < b ? a : b; }
HELPER idx max_idx(idx a, idx b) { return a > b ? a : b; }
HELPER vf splat(float x) { return x - (vf){0}; } // minus: -0 stays -0, and it costs nothing
HELPER vf load_all(const float *p) { return *(const vf_any *)p; }
HELPER void store_all(float *p, vf x) { *(vf_any *)p = x; }

// This part's share [*from, *to) of n units of work.
HELPER void share(idx n, idx part, idx parts, idx *from, idx *to) {
  idx each = n / parts, more = n % parts;
  *from = part * each + min_idx(part, more);
  *to = *from + each + (part < more);
}
