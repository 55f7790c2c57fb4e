// The table of operators and what follows from a row alone: lookup, arity and types.
#include "compiler/ops/ops.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

// First the rules that the rows name, then the rows.
#define OP(domain, type, since, signature, rule) rule
#define RULE(infer, lower)                                                                                             \
  bool infer_##infer(Model *model, Node *node);                                                                        \
  bool lower_##lower(Lower *lower, Node *node);
#define EXPAND(expand)                       bool expand_##expand(Expansion *e, Node *node);
#define RULE_OR_EXPAND(infer, lower, expand) RULE(infer, lower) EXPAND(expand)
#define ELEMENTWISE(formula)
#define ELEMENTWISE_AXIS(formula)
#define ELEMENTWISE_OR(formula, lower) bool lower_##lower(Lower *lower, Node *node);
#include "compiler/ops/ops.def"
#undef OP
#undef RULE
#undef EXPAND
#undef RULE_OR_EXPAND
#undef ELEMENTWISE
#undef ELEMENTWISE_AXIS
#undef ELEMENTWISE_OR

static const Op ops[] = {
#define OP(domain, type, since, signature, rule) {domain, #type, since, signature, rule},
#define RULE(infer, lower)                       NULL, infer_##infer, lower_##lower, NULL
#define EXPAND(expand)                           NULL, NULL, NULL, expand_##expand
#define RULE_OR_EXPAND(infer, lower, expand)     NULL, infer_##infer, lower_##lower, expand_##expand
#define ELEMENTWISE(formula)                     formula, infer_elementwise, lower_elementwise, NULL
#define ELEMENTWISE_AXIS(formula)                formula, infer_elementwise_axis, lower_elementwise, NULL
#define ELEMENTWISE_OR(formula, lower)           formula, infer_elementwise, lower_##lower, NULL
#include "compiler/ops/ops.def"
#undef OP
#undef RULE
#undef EXPAND
#undef RULE_OR_EXPAND
#undef ELEMENTWISE
#undef ELEMENTWISE_AXIS
#undef ELEMENTWISE_OR
};

size_t op_count(void) { return COUNT(ops); }
const Op *op_at(size_t i) { return &ops[i]; }

static const char *domain_of(const char *domain) { return strcmp(domain, "ai.onnx") ? domain : ""; }

const Op *op_find(const char *domain, const char *type, int opset) {
  const Op *best = NULL;
  for (size_t i = 0; i < COUNT(ops); i++)
    if (!strcmp(ops[i].type, type) && !strcmp(ops[i].domain, domain_of(domain)) && ops[i].since <= opset &&
        (!best || ops[i].since > best->since))
      best = &ops[i];
  return best;
}

bool op_known_elsewhere(const char *domain, const char *type) {
  for (size_t i = 0; i < COUNT(ops); i++)
    if (!strcmp(ops[i].type, type) && !strcmp(ops[i].domain, domain_of(domain))) return true;
  return false;
}

/* signatures */

// One parameter of a signature: "B?:T".
typedef struct {
  const char *name, *type;
  int name_length, type_length;
  bool optional, variadic;
  bool sequence, any_kind;
} Param;

// Reads the parameter at *at; false at "->", ';' and the end, which are stepped over.
static bool read_param(const char **at, Param *param) {
  while (**at == ' ') (*at)++;
  if (**at == '\0') return false;
  if (**at == ';') return (*at)++, false;
  if (!strncmp(*at, "->", 2)) return *at += 2, false;
  *param = (Param){.name = *at};
  while (isalnum((unsigned char)**at) || **at == '_') (*at)++;
  param->name_length = (int)(*at - param->name);
  if (**at == '?') param->optional = true, (*at)++;
  if (**at == '*') param->variadic = true, (*at)++;
  if (!strncmp(*at, "[]", 2)) param->sequence = true, *at += 2;
  if (!strncmp(*at, "{}", 2)) param->any_kind = true, *at += 2;
  assert(**at == ':' && "signature: ':' missing");
  param->type = ++*at;
  while (**at && !strchr(" ;", **at)) (*at)++;
  param->type_length = (int)(*at - param->type);
  return true;
}

static uint32_t bit(DType type) { return UINT32_C(1) << type; }

#define BITS_SIGNED   (1u << DT_I8 | 1u << DT_I16 | 1u << DT_I32 | 1u << DT_I64)
#define BITS_UNSIGNED (1u << DT_U8 | 1u << DT_U16 | 1u << DT_U32 | 1u << DT_U64)
#define BITS_FLOAT    (1u << DT_F32 | 1u << DT_F16 | 1u << DT_F64 | 1u << DT_BF16)
#define BITS_FLOAT8   (1u << DT_F8E4M3FN | 1u << DT_F8E4M3FNUZ | 1u << DT_F8E5M2 | 1u << DT_F8E5M2FNUZ)
#define BITS_PACKED   (1u << DT_I4 | 1u << DT_U4 | 1u << DT_I2 | 1u << DT_U2)
#define BITS_OPAQUE   (1u << DT_STRING | 1u << DT_C64 | 1u << DT_C128)
#define BITS_ANY      ((1u << DT_COUNT) - 2) // all but DT_UNDEFINED
static const TypeSet sets[] = {
    {"float", BITS_FLOAT},
    {"float16_32", 1u << DT_F32 | 1u << DT_F16 | 1u << DT_BF16}, // what is computed in float32
    {"float8", BITS_FLOAT8},
    {"int", BITS_SIGNED | BITS_UNSIGNED},
    {"index", 1u << DT_I32 | 1u << DT_I64},
    {"ml", 1u << DT_F32 | 1u << DT_F64 | 1u << DT_I32 | 1u << DT_I64},
    {"number", BITS_FLOAT | BITS_SIGNED | BITS_UNSIGNED},
    {"signed", BITS_FLOAT | BITS_SIGNED},
    {"unsigned", BITS_UNSIGNED},
    {"packed", BITS_PACKED}, // integers narrower than a byte
    {"castable", BITS_ANY & ~(uint32_t)BITS_OPAQUE},
    {"element", BITS_ANY & ~(uint32_t)(BITS_PACKED | 1u << DT_F4E2M1)}, // of a sequence
    {"any", BITS_ANY},
};

const TypeSet *op_type_set(size_t i) { return i < COUNT(sets) ? &sets[i] : NULL; }

// The types that a word of a signature names.
static uint32_t type_set(const char *word, size_t length) {
  uint32_t types = 0;
  while (length) {
    const char *bar = memchr(word, '|', length);
    size_t n = bar ? (size_t)(bar - word) : length;
    uint32_t found = 0;
    for (size_t i = 0; i < COUNT(sets); i++)
      if (strlen(sets[i].name) == n && !memcmp(sets[i].name, word, n)) found = sets[i].types;
    for (DType t = DT_F32; t < DT_COUNT; t++)
      if (strlen(dtype_name(t)) == n && !memcmp(dtype_name(t), word, n)) found = bit(t);
    assert(found && "signature: unknown type");
    types |= found;
    length -= bar ? n + 1 : n;
    word += n + 1;
  }
  return types;
}

// Type variables are single capital letters with an optional digit; what each may be stands after ';'.
static bool is_variable(const Param *p) { return isupper((unsigned char)p->type[0]) && p->type_length <= 2; }
static int variable_slot(const Param *p) {
  return (p->type[0] - 'A') * 11 + (p->type_length > 1 ? p->type[1] - '0' + 1 : 0);
}
enum { SLOTS = 26 * 11 };

static uint32_t allowed_types(const Op *op, const Param *p) {
  if (!is_variable(p)) return type_set(p->type, (size_t)p->type_length);
  const char *at = strchr(op->signature, ';');
  assert(at && "signature: variable without types");
  for (at++; *at;) {
    while (*at == ' ') at++;
    size_t name = strcspn(at, "=");
    size_t end = strcspn(at, " ");
    if ((int)name == p->type_length && !memcmp(at, p->type, name)) return type_set(at + name + 1, end - name - 1);
    at += end;
  }
  assert(!"signature: variable without types");
  return 0;
}

static const char *list_types(Model *model, uint32_t types) {
  Text text = {.arena = model->arena};
  for (DType t = DT_F32; t < DT_COUNT; t++)
    if (types & bit(t)) text_printf(&text, "%s%s", text.size ? ", " : "", dtype_name(t));
  return text.data;
}

const char *op_input_name(const Op *op, size_t i) {
  static _Thread_local char name[64];
  const char *at = op->signature;
  Param p;
  for (size_t k = 0; read_param(&at, &p); k++)
    if (k == i || p.variadic) {
      snprintf(name, sizeof name, "%.*s", p.name_length, p.name);
      return name;
    }
  return "";
}

static bool check_inputs(Model *model, Node *node, const char **at, DType *bound) {
  size_t i = 0;
  Param p;
  while (read_param(at, &p)) {
    if (!p.optional && !p.variadic && !node_in(node, i))
      return node_error(model, node, "input %zu '%.*s' is missing", i, p.name_length, p.name);
    uint32_t types = allowed_types(node->op, &p);
    do {
      const Value *value = node_in(node, i);
      if (!value) continue;
      if (value->type == DT_UNDEFINED)
        return node_error(model, node, "type of input '%.*s' is not known", p.name_length, p.name);
      if (!p.any_kind && value->kind != (p.sequence ? VALUE_SEQUENCE : VALUE_TENSOR))
        return node_error(model, node, "input '%.*s' is no %s", p.name_length, p.name,
                          p.sequence ? "sequence" : "tensor");
      if (!(types & bit(value->type)))
        return node_error(model, node, "input '%.*s' is %s; supported here: %s", p.name_length, p.name,
                          dtype_name(value->type), list_types(model, types));
      DType *variable = is_variable(&p) ? &bound[variable_slot(&p)] : NULL;
      if (variable && *variable && *variable != value->type)
        return node_error(model, node, "input '%.*s' is %s where %s is expected", p.name_length, p.name,
                          dtype_name(value->type), dtype_name(*variable));
      if (variable) *variable = value->type;
    } while (i++, p.variadic && i < node->in_count);
  }
  if (i < node->in_count) {
    size_t most = i;
    for (i = node->in_count; i > most && !node->in[i - 1];) i--;
    if (i > most) return node_error(model, node, "%zu inputs given, at most %zu taken", node->in_count, most);
  }
  return true;
}

bool op_check_types(Model *model, Node *node) {
  DType bound[SLOTS] = {0};
  const char *at = node->op->signature;
  if (!check_inputs(model, node, &at, bound)) return false;
  size_t i = 0;
  Param p;
  while (read_param(&at, &p)) {
    if (!p.optional && !p.variadic && !node_out(node, i))
      return node_error(model, node, "output %zu '%.*s' is missing", i, p.name_length, p.name);
    do {
      Value *value = node_out(node, i);
      if (!value) continue;
      if (is_variable(&p))
        value->type = bound[variable_slot(&p)];
      else
        for (DType t = DT_F32; t < DT_COUNT; t++)
          if (type_set(p.type, (size_t)p.type_length) == bit(t)) value->type = t;
    } while (i++, p.variadic && i < node->out_count);
  }
  if (i < node->out_count) return node_error(model, node, "%zu outputs given, at most %zu made", node->out_count, i);
  return true;
}
