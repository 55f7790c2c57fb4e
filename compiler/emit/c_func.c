// Prints generated functions as C: loops over lanes with one local per node of the expressions.
//
// Names in what it prints: x0.. and y0.. where loads and stores point, t0.. for nodes, n0.. for numbers of the frame, l
// for the lane. A mathematical
// function works on whole vectors: it ends a loop and begins the next one, and what passes from one loop to another is
// an array of V lanes. float16 and bfloat16 are computed with as float, rounded by casts and stores; small floats are
// moved as their codes, which casts turn into float.
#include "compiler/emit/c.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { FLOAT, DOUBLE, SIGNED, UNSIGNED, BOOLEAN, CODE, CLASS_COUNT } Class; // CODE: only moved and cast

// How an element type looks in C. `suffix`: in names of templates/scalar.h. `arithmetic`: an integer type of the same
// or a larger size that wraps and that C does not promote. In `load` and `round` $a is the stored or computed value.
typedef struct {
  Class class;
  const char *suffix, *local, *stored, *arithmetic;
  const char *load;  // stored → local
  const char *store; // local → stored
  const char *round; // any number → what the type can hold; NULL: the cast to `local` does that
  const char *wrap;  // any integer → the same
} TypeText;

#define SMALL_FLOAT(name) {CODE, name, "uint8_t", "uint8_t", NULL, "$a", "$a", NULL, NULL}

static const TypeText types[DT_COUNT] = {
    [DT_F32] = {FLOAT, "f32", "float", "float", "float", "$a", "$a", NULL, NULL},
    [DT_F64] = {DOUBLE, "f64", "double", "double", "double", "$a", "$a", NULL, NULL},
    [DT_F16] = {FLOAT, "f16", "float", "uint16_t", "float", "f16_to_float($a)", "f16_from_real($a)",
                "f16_to_float(f16_from_real($a))", NULL},
    [DT_BF16] = {FLOAT, "bf16", "float", "uint16_t", "float", "bf16_to_float($a)", "bf16_from_real($a)",
                 "bf16_to_float(bf16_from_real($a))", NULL},
    [DT_I8] = {SIGNED, "i8", "int8_t", "int8_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_I16] = {SIGNED, "i16", "int16_t", "int16_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_I32] = {SIGNED, "i32", "int32_t", "int32_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_I64] = {SIGNED, "i64", "int64_t", "int64_t", "uint64_t", "$a", "$a", NULL, NULL},
    [DT_U8] = {UNSIGNED, "u8", "uint8_t", "uint8_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_U16] = {UNSIGNED, "u16", "uint16_t", "uint16_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_U32] = {UNSIGNED, "u32", "uint32_t", "uint32_t", "uint32_t", "$a", "$a", NULL, NULL},
    [DT_U64] = {UNSIGNED, "u64", "uint64_t", "uint64_t", "uint64_t", "$a", "$a", NULL, NULL},
    [DT_I4] = {SIGNED, "i4", "int8_t", "int8_t", "uint32_t", "$a", "$a", NULL, "wrap_i4((uint32_t)$a)"},
    [DT_I2] = {SIGNED, "i2", "int8_t", "int8_t", "uint32_t", "$a", "$a", NULL, "wrap_i2((uint32_t)$a)"},
    [DT_U4] = {UNSIGNED, "u4", "uint8_t", "uint8_t", "uint32_t", "$a", "$a", NULL, "($T)($a & 15)"},
    [DT_U2] = {UNSIGNED, "u2", "uint8_t", "uint8_t", "uint32_t", "$a", "$a", NULL, "($T)($a & 3)"},
    [DT_BOOL] = {BOOLEAN, "bool", "uint8_t", "uint8_t", "uint32_t", "$a != 0", "$a", NULL, NULL},
    [DT_F8E4M3FN] = SMALL_FLOAT("f8e4m3fn"),
    [DT_F8E4M3FNUZ] = SMALL_FLOAT("f8e4m3fnuz"),
    [DT_F8E5M2] = SMALL_FLOAT("f8e5m2"),
    [DT_F8E5M2FNUZ] = SMALL_FLOAT("f8e5m2fnuz"),
    [DT_F4E2M1] = SMALL_FLOAT("f4e2m1"),
    [DT_F8E8M0] = SMALL_FLOAT("f8e8m0"),
    [DT_C64] = {CODE, "c64", "uint64_t", "uint64_t", NULL, "$a", "$a", NULL, NULL},
    [DT_C128] = {CODE, "c128", "Pair", "Pair", NULL, "$a", "$a", NULL, NULL},
    [DT_STRING] = {CODE, "string", "Pair", "Pair", NULL, "$a", "$a", NULL, NULL},
};

// Every operation on operands $a, $b, $c of each class. $T, $U, $S: local, arithmetic and suffix of the operands' type.
#define REALS(text)    [FLOAT] = text, [DOUBLE] = text
#define INTEGERS(text) [SIGNED] = text, [UNSIGNED] = text
#define ALL(text)      REALS(text), INTEGERS(text), [BOOLEAN] = text
#define WRAPPING(op)   INTEGERS("($T)(($U)$a " op " ($U)$b)")
#define BITS(op)       INTEGERS("($T)($a " op " $b)"), [BOOLEAN] = "$a " op " $b"
static const char *const ops[EX_COUNT][CLASS_COUNT] = {
    [EX_NEG] = {REALS("-$a"), INTEGERS("($T)(0 - ($U)$a)")},
    [EX_ABS] = {[FLOAT] = "__builtin_fabsf($a)",
                [DOUBLE] = "__builtin_fabs($a)",
                [SIGNED] = "$a < 0 ? ($T)(0 - ($U)$a) : $a",
                [UNSIGNED] = "$a"},
    [EX_SQRT] = {[DOUBLE] = "sqrt_real($a)"},
    [EX_FLOOR] = {[DOUBLE] = "floor_real($a)", INTEGERS("$a")},
    [EX_CEIL] = {[DOUBLE] = "ceil_real($a)", INTEGERS("$a")},
    [EX_TRUNC] = {[DOUBLE] = "trunc_real($a)", INTEGERS("$a")},
    [EX_ROUND] = {[DOUBLE] = "round_real($a)", INTEGERS("$a")},
    [EX_EXP] = {[DOUBLE] = "exp_f64($a)"},
    [EX_LOG] = {[DOUBLE] = "log_f64($a)"},
    [EX_LOG1P] = {[DOUBLE] = "log1p_f64($a)"},
    [EX_EXPM1] = {[DOUBLE] = "expm1_f64($a)"},
    [EX_TANH] = {[DOUBLE] = "tanh_f64($a)"},
    [EX_ERF] = {[DOUBLE] = "erf_f64($a)"},
    [EX_SIGMOID] = {[DOUBLE] = "sigmoid_f64($a)"},
    [EX_SIN] = {[DOUBLE] = "sin_f64($a)"},
    [EX_COS] = {[DOUBLE] = "cos_f64($a)"},
    [EX_TAN] = {[DOUBLE] = "tan_f64($a)"},
    [EX_ASIN] = {[DOUBLE] = "asin_f64($a)"},
    [EX_ACOS] = {[DOUBLE] = "acos_f64($a)"},
    [EX_ATAN] = {[DOUBLE] = "atan_f64($a)"},
    [EX_SINH] = {[DOUBLE] = "sinh_f64($a)"},
    [EX_COSH] = {[DOUBLE] = "cosh_f64($a)"},
    [EX_ASINH] = {[DOUBLE] = "asinh_f64($a)"},
    [EX_ACOSH] = {[DOUBLE] = "acosh_f64($a)"},
    [EX_ATANH] = {[DOUBLE] = "atanh_f64($a)"},
    [EX_POW] = {[DOUBLE] = "pow_f64($a, $b)"},
    [EX_ISNAN] = {REALS("$a != $a")},
    [EX_NOT] = {[BOOLEAN] = "!$a"},
    [EX_BITNOT] = {INTEGERS("($T)~$a")},
    [EX_ADD] = {REALS("$a + $b"), WRAPPING("+")},
    [EX_SUB] = {REALS("$a - $b"), WRAPPING("-")},
    [EX_MUL] = {REALS("$a * $b"), WRAPPING("*")},
    [EX_DIV] = {REALS("$a / $b"), INTEGERS("div_$S($a, $b, &status)")},
    [EX_REM] = {REALS("($T)rem_real($a, $b)"), INTEGERS("rem_$S($a, $b, &status)")},
    [EX_MIN] = {REALS("$a < $b || $a != $a ? $a : $b"), INTEGERS("$a < $b ? $a : $b"), [BOOLEAN] = "$a & $b"},
    [EX_MAX] = {REALS("$a > $b || $a != $a ? $a : $b"), INTEGERS("$a > $b ? $a : $b"), [BOOLEAN] = "$a | $b"},
    [EX_AND] = {BITS("&")},
    [EX_OR] = {BITS("|")},
    [EX_XOR] = {BITS("^")},
    [EX_SHL] = {INTEGERS("shl_$S($a, $b)")},
    [EX_SHR] = {INTEGERS("shr_$S($a, $b)")},
    [EX_LT] = {ALL("$a < $b")},
    [EX_LE] = {ALL("$a <= $b")},
    [EX_EQ] = {ALL("$a == $b")},
    [EX_SELECT] = {ALL("$a ? $b : $c"), [CODE] = "$a ? $b : $c"}, // the class of $b
};

// Functions of templates/math.h, for float32 and narrower: of and to whole vectors.
static const char *const vector_functions[EX_COUNT] = {
    [EX_SQRT] = "sqrt_f32",   [EX_FLOOR] = "floor_f32", [EX_CEIL] = "ceil_f32",   [EX_TRUNC] = "trunc_f32",
    [EX_ROUND] = "round_f32", [EX_EXP] = "exp_f32",     [EX_LOG] = "log_f32",     [EX_LOG1P] = "log1p_f32",
    [EX_EXPM1] = "expm1_f32", [EX_TANH] = "tanh_f32",   [EX_ERF] = "erf_f32",     [EX_SIGMOID] = "sigmoid_f32",
    [EX_SIN] = "sin_f32",     [EX_COS] = "cos_f32",     [EX_TAN] = "tan_f32",     [EX_ASIN] = "asin_f32",
    [EX_ACOS] = "acos_f32",   [EX_ATAN] = "atan_f32",   [EX_SINH] = "sinh_f32",   [EX_COSH] = "cosh_f32",
    [EX_ASINH] = "asinh_f32", [EX_ACOSH] = "acosh_f32", [EX_ATANH] = "atanh_f32", [EX_POW] = "pow_f32",
};

// Conversions [from][to]; here $T and $S are of the result's type.
static const char *const casts[CLASS_COUNT][CLASS_COUNT] = {
    [FLOAT] = {REALS("($T)$a"), INTEGERS("to_$S($a)"), [BOOLEAN] = "$a != 0"},
    [DOUBLE] = {REALS("($T)$a"), INTEGERS("to_$S($a)"), [BOOLEAN] = "$a != 0"},
    [SIGNED] = {REALS("($T)$a"), INTEGERS("($T)$a"), [BOOLEAN] = "$a != 0"},
    [UNSIGNED] = {REALS("($T)$a"), INTEGERS("($T)$a"), [BOOLEAN] = "$a != 0"},
    [BOOLEAN] = {REALS("($T)$a"), INTEGERS("($T)$a"), [BOOLEAN] = "$a"},
};

// A node below a function's values; node i is local t<i>.
typedef struct {
  const Expr *e;
  int loop;      // that computes it; a vector function stands behind its loop
  bool is_array; // another loop or a vector function reads it
} Local;

// Operands stand before their users.
typedef struct {
  Arena *arena;
  const Step *step;
  Local *nodes;
  size_t count;
} Nodes;

static bool is_vector_function(const Expr *e) { return vector_functions[e->op] && types[e->type].class == FLOAT; }

static size_t find_node(const Nodes *nodes, const Expr *e) {
  size_t i = nodes->count;
  while (i-- > 0)
    if (nodes->nodes[i].e == e) return i;
  return SIZE_MAX;
}

// The first loop in which the node's value can be read.
static int ready_in(const Local *node) { return node->loop + is_vector_function(node->e); }

static size_t add_nodes(Nodes *nodes, const Expr *e) {
  size_t found = find_node(nodes, e);
  if (found < nodes->count) return found;
  assert(types[e->type].local); // no other types have scalar expressions
  Local node = {.e = e, .is_array = is_vector_function(e)};
  size_t operands[3];
  int count = scalar_arity(e->op);
  for (int i = 0; i < count; i++) {
    operands[i] = add_nodes(nodes, e->a[i]);
    assert(nodes->nodes);
    int ready = ready_in(&nodes->nodes[operands[i]]);
    if (ready > node.loop) node.loop = ready;
  }
  for (int i = 0; i < count; i++) {
    Local *operand = &nodes->nodes[operands[i]];
    operand->is_array |= is_vector_function(e) || operand->loop < node.loop;
  }
  APPEND(nodes->arena, nodes->nodes, nodes->count, node);
  return nodes->count - 1;
}

void c_real(Text *out, double x, bool is_float) {
  const char *suffix = is_float ? "f" : "";
  if (isnan(x) || isinf(x)) {
    text_printf(out, isnan(x) ? "__builtin_nan%s(\"\")" : x < 0 ? "(-__builtin_inf%s())" : "__builtin_inf%s()", suffix);
    return;
  }
  // The fewest digits that read back as the same number.
  char digits[40];
  for (int n = 1; n <= 17; n++) {
    snprintf(digits, sizeof digits, "%.*g", n, x);
    if (is_float ? strtof(digits, NULL) == (float)x : strtod(digits, NULL) == x) break;
  }
  const char *point = strpbrk(digits, ".e") ? "" : ".0";
  text_printf(out, signbit(x) ? "(%s%s%s)" : "%s%s%s", digits, point, suffix);
}

static void print_integer(Text *out, int64_t x, DType type) {
  if (type == DT_U64 || type == DT_U32)
    text_printf(out, "UINT64_C(%llu)", (unsigned long long)x);
  else if (x == INT64_MIN)
    text_printf(out, "INT64_MIN");
  else
    text_printf(out, x == (int32_t)x && x != INT32_MIN ? "%lld" : "INT64_C(%lld)", (long long)x);
}

static bool is_real_const(const Expr *e) { return e->op == EX_CONST && dtype_is_float(e->type); } // or a code

// Constants of floats stand where they are used. Those of integers are locals, so that no compiler finds a comparison
// or a shift with them remarkable.
static const char *operand_text(const Nodes *nodes, const Expr *e) {
  Text out = {.arena = nodes->arena};
  size_t i = find_node(nodes, e);
  if (is_real_const(e) && dtype_is_small_float(e->type))
    text_printf(&out, "%d", (int)float_bits(e->type, e->f));
  else if (is_real_const(e))
    c_real(&out, e->f, e->type != DT_F64);
  else
    text_printf(&out, nodes->nodes[i].is_array && e->op != EX_CONST ? "t%zu[l]" : "t%zu", i);
  return out.data;
}

// Prints `pattern` with $T, $U, $S of `type` and the operands given as texts.
static void expand(Text *out, const char *pattern, const TypeText *type, const char *const operands[3]) {
  for (const char *at = pattern;; at += 2) {
    size_t plain = strcspn(at, "$");
    text_append(out, at, plain);
    at += plain;
    if (!*at) return;
    const char *text = at[1] == 'T'   ? type->local
                       : at[1] == 'U' ? type->arithmetic
                       : at[1] == 'S' ? type->suffix
                                      : operands[at[1] - 'a'];
    text_append(out, text, strlen(text));
  }
}

static char *expand_one(Arena *arena, const char *pattern, const TypeText *type, const char *a) {
  Text out = {.arena = arena};
  const char *operands[3] = {a};
  expand(&out, pattern, type, operands);
  return out.data;
}

// A number of the step: a constant, or a local that holds it.
static const char *number_text(const Nodes *nodes, Dim number) {
  if (dim_is_const(number)) return arena_printf(nodes->arena, "%lld", (long long)number.value);
  return arena_printf(nodes->arena, "n%d", step_local(nodes->step, number.expr));
}

// The address of an access in one lane.
static const char *lane_text(const Nodes *nodes, char letter, size_t index, const Access *access) {
  Dim stride = access->stride[COORDS - 1];
  if (dim_is(stride, 0)) return arena_printf(nodes->arena, "*%c%zu", letter, index);
  if (dim_is(stride, 1)) return arena_printf(nodes->arena, "%c%zu[l]", letter, index);
  return arena_printf(nodes->arena, "%c%zu[l * %s]", letter, index, number_text(nodes, stride));
}

// A cast to a small float. float32 holds integers of 16 bits; others go through double to float32, rounded to odd.
static const char *to_code(Arena *arena, const Expr *cast, const char *operand, const TypeText *from,
                           const TypeText *to) {
  static const char *const modes[] = {"_up", "_down", "_nearest"};
  bool exact = from->class == FLOAT || (from->class != DOUBLE && dtype_unit(cast->a[0]->type) < 4);
  const char *number = exact ? operand : arena_printf(arena, "f64_to_odd((double)%s)", operand);
  return arena_printf(arena, "%s_from_f32%s%s(%s)", to->suffix, cast->type == DT_F8E8M0 ? modes[cast->index & 3] : "",
                      cast->index & CAST_OPEN ? "_open" : "", number);
}

// What the loop over lanes computes for a node.
static const char *node_text(const Func *func, const Nodes *nodes, const Expr *e) {
  Arena *arena = nodes->arena;
  if (e->op == EX_ACC) return "acc[l]";
  if (e->op == EX_LOAD) {
    const Access *load = &func->loads[e->index];
    const TypeText *type = &types[load->type];
    return expand_one(arena, type->load, type, lane_text(nodes, 'x', (size_t)e->index, load));
  }
  if (e->op == EX_COORD) return arena_printf(arena, e->index < COORDS - 1 ? "i%d" : "i%d + l", e->index);
  const char *operands[3] = {0};
  for (int i = 0; i < scalar_arity(e->op); i++) operands[i] = operand_text(nodes, e->a[i]);
  if (e->op == EX_FETCH) {
    const Access *load = &func->loads[e->index];
    const char *first = lane_text(nodes, 'x', (size_t)e->index, load);
    const char *element = arena_printf(arena, "(&%s)[%s]", first, operands[0]);
    return arena_printf(arena, "is_inside(%s, %s, &status) ? %s : (%s){0}", operands[0], operands[1],
                        expand_one(arena, types[load->type].load, &types[load->type], element),
                        types[load->type].local);
  }
  const TypeText *result = &types[e->type], *of = &types[e->a[e->op == EX_SELECT]->type];
  if (e->op == EX_CAST && of->class == CODE) {
    operands[0] = arena_printf(arena, "%s_to_f32(%s)", of->suffix, operands[0]);
    of = &types[DT_F32];
  }
  if (e->op == EX_CAST && result->class == CODE) return to_code(arena, e, operands[0], of, result);
  const char *pattern = e->op == EX_CAST ? casts[of->class][result->class] : ops[e->op][of->class];
  assert(pattern); // the operators' signatures admit no others
  if (e->op == EX_CAST && result->round) pattern = result->round;
  if (e->op == EX_CAST && result->wrap) {
    if (of->class <= DOUBLE) operands[0] = arena_printf(arena, "to_i32(%s)", operands[0]);
    pattern = result->wrap;
  }
  Text out = {.arena = arena};
  expand(&out, pattern, e->op == EX_CAST ? result : of, operands);
  return out.data;
}

// A vector function behind its loop: all V lanes, the unused ones being 0.
static void print_vector_function(Text *out, const Nodes *nodes, size_t i) {
  const Expr *e = nodes->nodes[i].e;
  text_printf(out, "  store_all(t%zu, %s(", i, vector_functions[e->op]);
  for (int k = 0; k < 3 && e->a[k]; k++) {
    bool is_const = is_real_const(e->a[k]);
    text_printf(out, k ? ", " : "");
    if (is_const)
      text_printf(out, "splat(%s)", operand_text(nodes, e->a[k]));
    else
      text_printf(out, "load_all(t%zu)", find_node(nodes, e->a[k]));
  }
  text_printf(out, "));\n");
}

static void print_pointer(Text *out, const Nodes *nodes, char letter, size_t index, const Access *access) {
  static const char *const coordinates[COORDS] = {"i0", "i1", "i2", "i3"};
  const char *type = types[access->type].stored, *constant = letter == 'x' ? "const " : "";
  Dim shift = pointer_shift(&nodes->step->pointers[access->pointer]);
  assert(type);
  text_printf(out, "  %s%s *%c%zu = (%s%s *)", constant, type, letter, index, constant, type);
  if (dim_is_const(shift))
    text_printf(out, "bufs[%d]", access->pointer);
  else
    text_printf(out, "at_byte(bufs[%d], %s)", access->pointer, number_text(nodes, shift));
  for (int i = 0; i < COORDS; i++) {
    Dim stride = access->stride[i];
    if (dim_is(stride, 1))
      text_printf(out, " + %s", coordinates[i]);
    else if (!dim_is(stride, 0))
      text_printf(out, " + %s * %s", coordinates[i], number_text(nodes, stride));
  }
  text_printf(out, ";\n");
}

// Locals for what the accesses read from the frame.
static void print_numbers(Text *out, const Nodes *nodes, const bool *read) {
  for (size_t i = 0; i < nodes->step->local_count; i++)
    if (read[i])
      text_printf(out, "  const idx n%zu = frame_number(bufs, %zu, %zu);\n", i, nodes->step->pointer_count, i);
}

static void note_number(const Nodes *nodes, Dim number, bool *read) {
  if (!dim_is_const(number)) read[step_local(nodes->step, number.expr)] = true;
}

static bool reads_load(const Nodes *nodes, size_t load) {
  for (size_t i = 0; i < nodes->count; i++)
    if ((nodes->nodes[i].e->op == EX_LOAD || nodes->nodes[i].e->op == EX_FETCH) &&
        (size_t)nodes->nodes[i].e->index == load)
      return true;
  return false;
}

// Where loads and stores point, and what the function does not use, so that no compiler says so.
static void print_pointers(Text *out, const Func *func, const Nodes *nodes) {
  bool used[COORDS] = {0}, any = false, *read = NEW_ARRAY(nodes->arena, bool, nodes->step->local_count);
  Text pointers = {.arena = nodes->arena};
  for (size_t k = 0; k < func->load_count + func->store_count; k++) {
    bool is_load = k < func->load_count;
    const Access *access = is_load ? &func->loads[k] : &func->stores[k - func->load_count];
    if (is_load && !reads_load(nodes, k)) continue;
    print_pointer(&pointers, nodes, is_load ? 'x' : 'y', is_load ? k : k - func->load_count, access);
    note_number(nodes, pointer_shift(&nodes->step->pointers[access->pointer]), read);
    for (int i = 0; i < COORDS; i++) {
      used[i] |= !dim_is(access->stride[i], 0);
      note_number(nodes, access->stride[i], read);
    }
    any = true;
  }
  for (size_t i = 0; i < nodes->count; i++)
    if (nodes->nodes[i].e->op == EX_COORD) used[nodes->nodes[i].e->index] = true;
  if (!any) text_printf(out, "  (void)bufs;\n");
  for (int i = 0; i < COORDS; i++)
    if (!used[i]) text_printf(out, "  (void)i%d;\n", i);
  print_numbers(out, nodes, read);
  if (any) text_append(out, pointers.data, pointers.size);
}

static bool may_fault(const Expr *e) {
  return e->op == EX_FETCH || ((e->op == EX_DIV || e->op == EX_REM) && !dtype_is_float(e->type));
}

// What is declared before the first loop: integer constants and arrays.
static void print_declarations(Text *out, const Nodes *nodes) {
  for (size_t i = 0; i < nodes->count; i++) {
    const Local *node = &nodes->nodes[i];
    const char *type = types[node->e->type].local;
    if (is_real_const(node->e)) continue;
    if (node->e->op == EX_CONST) {
      text_printf(out, "  %s t%zu = ", type, i);
      print_integer(out, node->e->i, node->e->type);
      text_printf(out, ";\n");
    } else if (node->is_array) {
      text_printf(out, "  %s t%zu[V] = {0};\n", type, i);
    }
  }
}

static void print_loop(Text *out, const Func *func, const Nodes *nodes, int loop) {
  for (size_t i = 0; i < nodes->count; i++) {
    const Local *node = &nodes->nodes[i];
    if (node->loop != loop || node->e->op == EX_CONST || is_vector_function(node->e)) continue;
    if (node->is_array)
      text_printf(out, "    t%zu[l] = %s;\n", i, node_text(func, nodes, node->e));
    else
      text_printf(out, "    %s t%zu = %s;\n", types[node->e->type].local, i, node_text(func, nodes, node->e));
  }
}

static size_t result_count(const Func *func) { return func->kind == FUNC_LOAD ? 1 : func->store_count; }

static void print_results(Text *out, const Func *func, const Nodes *nodes) {
  for (size_t i = 0; i < result_count(func); i++) {
    const char *value = operand_text(nodes, func->values[i]);
    if (func->kind == FUNC_LOAD)
      text_printf(out, "    result[l] = %s;\n", value);
    else
      text_printf(out, "    %s = %s;\n", lane_text(nodes, 'y', i, &func->stores[i]),
                  expand_one(nodes->arena, types[func->stores[i].type].store, &types[func->stores[i].type], value));
  }
}

void c_func(Arena *arena, Text *out, const Step *step, const Func *func, const char *name) {
  static const char *const starts[] = {[FUNC_LOAD] = "vf", [FUNC_STORE] = "void", [FUNC_BODY] = "Status"};
  Nodes nodes = {.arena = arena, .step = step};
  int last = 0; // loop: the one that stores
  for (size_t i = 0; i < result_count(func); i++) {
    size_t value = add_nodes(&nodes, func->values[i]); // may move the nodes
    int ready = ready_in(&nodes.nodes[value]);
    if (ready > last) last = ready;
  }
  for (size_t i = 0; i < result_count(func); i++) {
    Local *value = &nodes.nodes[find_node(&nodes, func->values[i])];
    value->is_array |= value->loop < last;
  }
  bool has_acc = false, faults = false;
  for (size_t i = 0; i < nodes.count; i++) {
    has_acc |= nodes.nodes[i].e->op == EX_ACC;
    faults |= may_fault(nodes.nodes[i].e);
  }
  const char *acc = types[func->acc].local;

  text_printf(out, "static inline %s %s(void *const *bufs, %sidx i0, idx i1, idx i2, idx i3, idx lanes) {\n",
              starts[func->kind], name, func->kind == FUNC_STORE ? "vf value, " : "");
  print_pointers(out, func, &nodes);
  if (func->kind == FUNC_STORE && !has_acc) text_printf(out, "  (void)value;\n");
  if (faults) text_printf(out, "  Status status = STATUS_OK;\n");
  if (has_acc) text_printf(out, "  %s acc[V];\n  memcpy(acc, &value, sizeof value);\n", acc);
  if (func->kind == FUNC_LOAD) text_printf(out, "  %s result[V] = {0};\n", acc);
  print_declarations(out, &nodes);
  for (int loop = 0; loop <= last; loop++) {
    Text body = {.arena = arena};
    print_loop(&body, func, &nodes, loop);
    if (loop == last) print_results(&body, func, &nodes);
    if (body.size) text_printf(out, "  LANES_LOOP for (idx l = 0; l < lanes; l++) {\n%s  }\n", body.data);
    for (size_t i = 0; i < nodes.count; i++)
      if (nodes.nodes[i].loop == loop && is_vector_function(nodes.nodes[i].e)) print_vector_function(out, &nodes, i);
  }
  if (func->kind == FUNC_LOAD)
    text_printf(out, "  vf value;\n  memcpy(&value, result, sizeof value);\n  return value;\n");
  if (func->kind == FUNC_BODY) text_printf(out, "  return %s;\n", faults ? "status" : "STATUS_OK");
  text_printf(out, "}\n");
}
