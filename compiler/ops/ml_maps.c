// Maps as inputs: CastMap, and the part of a map that it and DictVectorizer are made with.
#include "compiler/ops/ml.h"
#include "compiler/ops/ml_maps.h"

#include <string.h>

// Keys are the first part, values the second; lower_sequence_at makes views of them.
bool infer_map_part(Model *model, Node *node) {
  const Value *map = node->in[0];
  Value *part = node->out[0];
  Dim count = dim_new_symbol(model->dims, part->name);
  if (map->kind != VALUE_MAP) return node_error(model, node, "the input is no map");
  part->type = tensor_int(node->in[1]->data, 0) == 0 ? map->content->key : map->type;
  return set_dims(model, node, 0, 1, &count);
}

Value *map_part(Expansion *e, Value *map, int64_t part) {
  return ML_MAKE(e, "MapPart", part == 0 ? map->content->key : map->type, map, INT(e, part));
}

bool check_map(Expansion *e, const Value *map) {
  return map->kind == VALUE_MAP || node_error(e->model, e->node, "the input is no map");
}

Value *scatter_parts(Expansion *e, Value *places, Value *values, int64_t count, const char *none) {
  Value *zeros;
  if (values->type == DT_STRING) {
    const char **texts = NEW_ARRAY(e->model->arena, const char *, (size_t)count + 1);
    for (int64_t i = 0; i <= count; i++) texts[i] = none;
    zeros = ml_strings(e, texts, (size_t)count + 1);
  } else {
    size_t bytes = (size_t)dtype_bytes(values->type, count + 1);
    zeros = ml_constant(e, values->type, count + 1, memset(arena_alloc(e->model->arena, bytes), 0, bytes));
  }
  Value *all = MAKE(e, "ScatterElements", zeros, places, values);
  return UNSQUEEZE(e, expand_slice(e, all, 0, 0, count, 1), 0);
}

// DENSE: the values in the order of their keys. SPARSE: each at its key; what lies behind max_map is left out.
bool expand_cast_map(Expansion *e, Node *node) {
  static const struct {
    const char *name;
    DType type;
  } casts[] = {{"TO_FLOAT", DT_F32}, {"TO_INT64", DT_I64}, {"TO_STRING", DT_STRING}};
  Value *map = node->in[0];
  const char *cast = node_string(node, "cast_to", "TO_FLOAT"), *form = node_string(node, "map_form", "DENSE");
  int64_t most = node_int(node, "max_map", 1);
  DType type = DT_UNDEFINED;
  for (size_t i = 0; i < COUNT(casts); i++)
    if (!strcmp(casts[i].name, cast)) type = casts[i].type;
  bool sparse = !strcmp(form, "SPARSE");
  if (!check_map(e, map)) return false;
  if (map->content->key != DT_I64)
    return node_error(e->model, node, "keys are %s; int64 is needed", dtype_name(map->content->key));
  if (type == DT_UNDEFINED) return node_error(e->model, node, "'cast_to' is '%s'", cast);
  if (!sparse && strcmp(form, "DENSE")) return node_error(e->model, node, "'map_form' is '%s'", form);
  if (sparse && (most < 1 || most > 1 << 24)) return node_error(e->model, node, "'max_map' is %lld", (long long)most);
  Value *keys = map_part(e, map, 0), *values = map_part(e, map, 1);
  bool print = type == DT_STRING && map->type == DT_F32; // as ONNX Runtime does it, with what it fills up with
  values = print ? ML_MAKE(e, "FixedText", DT_STRING, values) : expand_cast(e, values, type);
  if (!sparse) {
    Value *sorted = with_int(MAKE(e, "TopK", keys, DIM(e, keys, 0)), "largest", 0);
    Value *order = more_results(e, sorted, 1);
    order->type = DT_I64;
    return expand_done(e, 0, UNSQUEEZE(e, GATHER(e, values, order, 0), 0));
  }
  Value *outside = SCALAR(e, keys, (double)most + 1), *behind = MIN(e, keys, SCALAR(e, keys, (double)most));
  Value *places = WHERE(e, LESS(e, keys, SCALAR(e, keys, 0)), outside, behind); // negative keys are a fault
  return expand_done(e, 0, scatter_parts(e, places, values, most, print ? "0.f" : ""));
}
