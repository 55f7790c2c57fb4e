// Machines that executables are built for. Each is described by one short file in targets/ (targets/README.md).
#pragma once
#include "compiler/base.h"

typedef struct Target {
  const char *name;          // "x86-64-v4": what --cpu takes, the file's name
  const char *parent;        // whose description this one starts from
  const char *os_target;     // "x86_64-linux": what --target takes
  const char *arch;          // "x86_64": folder of its libraries in the resource folder
  const char *triple;        // LLVM's: "x86_64-unknown-linux-musl"
  const char *llvm_cpu;      // LLVM's target-cpu
  const char *llvm_features; // LLVM's target-features: "+avx512vnni,+avx512bf16", may be ""
  const char *bitcode;       // file of kernel templates in the resource folder: "x86-64-v4.bc"
  int64_t vector_bytes;      // of one vector register
  int64_t registers;         // vector registers
  int64_t l1, l2, l3;        // bytes of data cache that one core can count on
  int64_t gemm_mr, gemm_nv;  // preferred GEMM tile: rows, vectors
  uint32_t cpu_features;     // what the CPU must have: bits of runtime/cpu.h
} Target;

// The target that --target and --cpu name. `os_target` NULL: this machine's. `cpu` "native": the most capable
// description that this machine's CPU fulfils; NULL: the same when os_target is this machine's, else the least
// demanding one. NULL after a recorded error, which lists the known names.
const Target *target_find(Arena *arena, Diag *diag, const char *os_target, const char *cpu);

// All targets, by os_target, the least demanding first. NULL after a recorded error.
const Target *const *target_list(Arena *arena, Diag *diag, size_t *count);

// Whether this machine can run code for the target.
bool target_runs_here(const Target *target);
