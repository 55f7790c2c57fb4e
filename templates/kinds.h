// Numbers that the compiler hands to templates: which type, which way to combine.
#pragma once

// ONNX's numbers of element types, and the C types that hold them.
#define NUMBER_TYPES(X)                                                                                                \
  X(NUMBER_F32, 1, float)                                                                                              \
  X(NUMBER_U8, 2, uint8_t)                                                                                             \
  X(NUMBER_I8, 3, int8_t)                                                                                              \
  X(NUMBER_U16, 4, uint16_t)                                                                                           \
  X(NUMBER_I16, 5, int16_t)                                                                                            \
  X(NUMBER_I32, 6, int32_t)                                                                                            \
  X(NUMBER_I64, 7, int64_t)                                                                                            \
  X(NUMBER_BOOL, 9, uint8_t)                                                                                           \
  X(NUMBER_F64, 11, double)                                                                                            \
  X(NUMBER_U32, 12, uint32_t)                                                                                          \
  X(NUMBER_U64, 13, uint64_t)
enum {
#define X(name, number, type) name = number,
  NUMBER_TYPES(X)
#undef X
};

enum { COMBINE_NONE, COMBINE_ADD, COMBINE_MUL, COMBINE_MAX, COMBINE_MIN };

enum { CUMULATE_SUM, CUMULATE_PRODUCT };
enum { SAMPLE_NEAREST, SAMPLE_LINEAR, SAMPLE_CUBIC };
enum { SAMPLE_ZEROS, SAMPLE_BORDER, SAMPLE_REFLECTION };
