// What the families that handle texts share.
#pragma once
#include "compiler/ops/expand.h"

// A new node that gives int64 numbers for the strings x: values[i] where x is keys[i] (i itself where values is NULL;
// of equal keys the last counts), `missing` where it is none of them. strict: that is a fault of the run instead.
Value *expand_string_lookup(Expansion *e, Value *x, size_t count, const char *const *keys, const int64_t *values,
                            int64_t missing, bool strict);

/* lowering */

// Arguments for the pool: its bytes, and for steps that write text also how much of it is in use.
void step_pool(Lower *lower, Step *step);
void step_pool_used(Lower *lower, Step *step);
// A pointer argument for a constant table; data is kept.
void step_constant(Lower *lower, Step *step, DType type, int64_t count, const void *data);
// A pointer argument for one constant text, as an element.
void step_text(Lower *lower, Step *step, const char *text);
// The table of templates/strings.h; *entries of it. numbers: NULL for 0, 1, ...
const int64_t *make_lookup(Lower *lower, size_t count, const char *const *keys, const int64_t *numbers,
                           int64_t *entries);
// The step that looks x up in such a table.
void string_lookup_step(Lower *lower, const View *x, const View *out, const int64_t *table, int64_t entries,
                        int64_t missing, bool strict);

// The list of strings of an attribute; 0 of them where it is absent.
const char *const *node_strings(const Node *node, const char *name, size_t *count);

// Unicode's simple mappings to upper or lower case, as templates/string_case.h has them.
const int32_t *case_table(bool upper, int64_t *runs);

// casts from and to strings, for cast's rules (strings_cast.c)
bool lower_cast_strings(Lower *lower, Node *node);
