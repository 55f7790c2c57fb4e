// Kernels of dims steps as C: integer arithmetic on the frame. What overflows counts as more memory than there is.
#include "compiler/emit/c.h"

#include <assert.h>

static const char *number(const Emitter *e, Dim dim) {
  if (!dim_is_const(dim)) return arena_printf(e->arena, "frame[%d]", frame_find(e->program, dim));
  return dim.value == INT64_MIN ? "INT64_MIN" : arena_printf(e->arena, "INT64_C(%lld)", (long long)dim.value);
}

static const char *compute(const Emitter *e, const DimExpr *x) {
  static const struct {
    const char *function, *more;
  } calls[] = {
      [DIM_ADD] = {"dim_add", ", &overflow"},
      [DIM_MUL] = {"dim_mul", ", &overflow"},
      [DIM_DIV] = {"dim_div", ""},
      [DIM_MOD] = {"dim_mod", ""},
      [DIM_MIN] = {"dim_min", ""},
      [DIM_MAX] = {"dim_max", ""},
      [DIM_EQ] = {"dim_equals", ""},
      [DIM_LT] = {"dim_less", ""},
      [DIM_CHOOSE] = {"dim_choose", NULL},
  };
  if (x->op == DIM_SYMBOL) return number(e, x->a); // a defined one: others stand in the frame
  assert((size_t)x->op < COUNT(calls) && calls[x->op].function);
  const char *more = x->op == DIM_CHOOSE ? arena_printf(e->arena, ", %s", number(e, x->c)) : calls[x->op].more;
  return arena_printf(e->arena, "%s(%s, %s%s)", calls[x->op].function, number(e, x->a), number(e, x->b), more);
}

void c_dims(const Emitter *e, Text *out, const Step *step) {
  text_printf(out, "  int64_t *frame = bufs[0];\n  int overflow = 0;\n  (void)part, (void)parts;\n");
  for (size_t i = 0; i < step->dim_count; i++)
    text_printf(out, "  frame[%d] = %s;\n", frame_find(e->program, step->dims[i]), compute(e, step->dims[i].expr));
  text_printf(out, "  if (overflow) return STATUS_MEMORY;\n");
  for (size_t i = 0; i < step->check_count; i++)
    text_printf(out, "  if (%s < 0) return (Status)%d;\n", number(e, step->checks[i].dim), step->checks[i].status);
  text_printf(out, "  return STATUS_OK;\n");
}
