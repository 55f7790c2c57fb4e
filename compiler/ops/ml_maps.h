// Maps as inputs of operators that are made of others.
#pragma once
#include "compiler/ops/expand.h"

bool check_map(Expansion *e, const Value *map);          // or an error
Value *map_part(Expansion *e, Value *map, int64_t part); // 0: its keys, 1: its values: vectors
// A row of `count` elements with values[i] at places[i]; elsewhere 0, of strings `none`. What is at place `count` is
// left out.
Value *scatter_parts(Expansion *e, Value *places, Value *values, int64_t count, const char *none);
