// Tensors, the parts of which JSON values are made: see tensor_file.h.
#pragma once
#include "runtime/tensor_file.h"

// shape: NULL takes it from the model, or from the arrays where the model leaves it open.
bool read_json_tensor(JsonReader *json, Value *value, const Shape *shape, Error *error);
// The number or string that follows as element i.
bool read_json_scalar(JsonReader *json, Value *value, const Dtype *dtype, void *to, uint64_t i, Error *error);
// The last string into the pool.
bool store_json_string(const JsonReader *json, StringPool *pool, ModelString *string, Error *error);
// "input 'x' expects float32[2,3]: the JSON arrays have another shape". Returns false.
bool fail_json_shape(const ModelTensor *tensor, Error *error);

void put_json_tensor(JsonWriter *json, const Tensor *tensor, bool nested);
void put_json_element(JsonWriter *json, const Tensor *tensor, uint64_t i);
