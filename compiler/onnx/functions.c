// Calls of model-local functions, replaced by the function's body while reading.
//
// A body sees its formal inputs and its own values, nothing of the caller. Its formal inputs stand for the caller's
// values, its outputs are the caller's values; all other names are made unique. An attribute that refers to the
// function's attribute gets what the caller gave, else the default, else is left out.
#include "compiler/onnx/reader.h"
#include <string.h>

const char *plain_domain(const char *domain) { return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

// Domain, name and overload in one text. No name has a line end that matters: at worst two functions are "twice".
static const char *function_key(Arena *arena, const char *domain, const char *name, const char *overload) {
  return arena_printf(arena, "%s\n%s\n%s", plain_domain(domain), text_or_empty(name), text_or_empty(overload));
}

bool note_functions(Reader *r, const ModelProto *proto) {
  bool good = true;
  for (size_t i = 0; i < proto->n_functions && !is_full(r); i++) {
    const FunctionProto *f = proto->functions[i];
    Function *function = NEW(r->arena, Function);
    OpsetImport import;
    function->proto = f;
    for (size_t j = 0; j < f->n_opset_import; j++) good &= read_opset(r, f->opset_import[j], &import);
    if (!names_add(r->arena, &r->functions, function_key(r->arena, f->domain, f->name, f->overload), function))
      good = diag_error(r->diag, r->file, "function '%s' is defined twice", text_or_empty(f->name));
  }
  return good;
}

Function *find_function(const Reader *r, const NodeProto *node) {
  if (!r->functions.count) return NULL;
  return names_find(&r->functions, function_key(r->arena, node->domain, node->op_type, node->overload));
}

static bool recursion_error(Reader *r, const Scope *scope, const Loc *loc, const FunctionProto *function) {
  const char *chain = text_or_empty(function->name);
  for (const Call *call = scope->call; call; call = call->caller) {
    chain = arena_printf(r->arena, "%s -> %s", text_or_empty(call->function->name), chain);
    if (call->function == function) break;
  }
  return diag_error_at(r->diag, loc, "function '%s' calls itself (%.400s)", text_or_empty(function->name), chain);
}

static void add_argument(Reader *r, Call *call, const char *name, Argument argument) {
  Argument *copy = NEW(r->arena, Argument);
  *copy = argument;
  if (argument.proto) names_add(r->arena, &call->arguments, name, copy);
}

// The caller's attributes first: a default counts only where there is none.
static void add_arguments(Reader *r, Call *call, const NodeProto *node, Scope *scope) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const AttributeProto *attr = node->attribute[i];
    add_argument(r, call, text_or_empty(attr->name), resolve_attr(attr, scope));
  }
  for (size_t i = 0; i < call->function->n_attribute_proto; i++) {
    const AttributeProto *attr = call->function->attribute_proto[i];
    add_argument(r, call, text_or_empty(attr->name), (Argument){attr, scope});
  }
}

// Formal inputs become the caller's values.
static bool bind_inputs(Reader *r, const NodeProto *node, const Scope *caller, const Loc *loc, Scope *scope) {
  const FunctionProto *function = scope->call->function;
  bool good = true;
  for (size_t i = 0; i < function->n_input; i++) {
    Slot *slot = NEW(r->arena, Slot);
    const char *actual = i < node->n_input ? node->input[i] : "";
    *slot = (Slot){NULL, -1};
    if (*actual && !find_value(caller, actual, &slot->value))
      good = diag_error_at(r->diag, loc, "input '%s' is made by nothing in the graph", actual);
    if (!names_add(r->arena, &scope->slots, function->input[i], slot))
      good = diag_error_at(r->diag, loc, "function '%s' has two inputs '%s'", text_or_empty(function->name),
                           function->input[i]);
  }
  return good;
}

// An output that no node of the body makes, but that is one of its inputs: a copy.
static bool bind_outputs(Reader *r, const Scope *scope, const Loc *loc, const Names *bound) {
  const FunctionProto *function = scope->call->function;
  for (size_t i = 0; i < function->n_output; i++) {
    Value *inner, *outer = names_find(bound, function->output[i]);
    if (!find_value(scope, function->output[i], &inner) || !inner)
      return diag_error_at(r->diag, loc, "function '%s' does not make its output '%s'", text_or_empty(function->name),
                           function->output[i]);
    if (!outer || outer == inner) continue;
    Node *node = node_new(scope->graph, NULL, "", "Identity", &inner, 1, &outer, 1);
    node->loc.index = loc->index;
    node->loc.name = loc->name;
    node->loc.graph = loc->graph;
  }
  return true;
}

bool inline_function(Reader *r, Scope *scope, const NodeProto *node, const Loc *loc, Function *function) {
  const FunctionProto *proto = function->proto;
  const char *name = text_or_empty(proto->name);
  int depth = 0;
  for (const Call *call = scope->call; call; call = call->caller) depth++;
  if (function->active) return recursion_error(r, scope, loc, proto);
  if (depth >= MAX_CALL_DEPTH) return diag_error_at(r->diag, loc, "functions call each other too deeply");
  if (node->n_input > proto->n_input || node->n_output > proto->n_output)
    return diag_error_at(r->diag, loc, "function '%s' has %zu inputs and %zu outputs, but is called with %zu and %zu",
                         name, proto->n_input, proto->n_output, node->n_input, node->n_output);

  Call call = {.caller = scope->call, .function = proto};
  size_t cost = proto->n_input + proto->n_output + proto->n_attribute_proto + node->n_attribute + (size_t)depth +
                cost_of_nodes(proto->node, proto->n_node);
  if (!count_expansion(r, &call, cost)) return false;
  add_arguments(r, &call, node, scope);
  const char *label = *loc->name ? loc->name : name;
  const char *path = arena_printf(r->arena, "%s/%.64s", scope->path, label);
  Scope inner = {.graph = scope->graph, .path = path, .label = label, .call = &call};
  Names bound = {0};
  bool good = bind_inputs(r, node, scope, loc, &inner);
  for (size_t i = 0; i < node->n_output; i++) {
    Value *value;
    if (!*node->output[i] || !find_value(scope, node->output[i], &value) || !value) continue;
    if (!names_add(r->arena, &bound, proto->output[i], value))
      good = diag_error_at(r->diag, loc, "function '%s' has two outputs '%s'", name, proto->output[i]);
  }
  if (!good) return false;
  function->active = true;
  good = read_nodes(r, &inner, proto->node, proto->n_node, &bound) && bind_outputs(r, &inner, loc, &bound);
  function->active = false;
  return good;
}
