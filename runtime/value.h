// What flows in and out of one run.
#pragma once
#include "runtime/dtype.h"
#include "runtime/model.h"
#include "runtime/sequence.h"
#include "runtime/system.h"

enum { TENSOR_RANK = 32 };

// The bytes of all strings. It never moves.
typedef struct {
  char *data;
  uint64_t size, room;
} StringPool;

// Puts bytes into the pool; false where they do not fit. bytes: NULL leaves them to the caller.
bool add_string(StringPool *pool, const char *bytes, uint64_t size, ModelString *string, Error *error);

// The block of a sequence that is being filled, see sequence.h.
typedef struct {
  uint64_t block; // its offset
  int64_t next;   // of its elements
  uint32_t kind;  // MODEL_TENSOR: there is none
} Cursor;

// One input or output: what the model declares, and what it is in this run.
typedef struct {
  const ModelTensor *model;
  StringPool *strings; // where its strings are
  int64_t *dims;       // of a tensor: model->rank numbers
  uint8_t *data;       // packed, 64-byte aligned
  uint8_t *fixed;      // where an output lies that is not in the heap
  uint64_t bytes;      // of data
  uint64_t room;       // bytes mapped for an input that has no fixed size; else 0
  Cursor cursor;       // of a sequence that is being read
  bool given;          // an input that a source has been found for
  bool settled;        // its dims are those of this run
} Value;

typedef struct {
  uint32_t rank;
  int64_t dims[TENSOR_RANK];
} Shape;

// Whether what a source holds is what the model declares; else an error says both. source: the file's name, or NULL for
// a request. dtype_text: what the source calls a dtype that is not known (NULL).
bool check_tensor(const Value *value, const Dtype *dtype, const char *dtype_text, const Shape *shape,
                  const char *source, Error *error);
// Checks it and returns the place for its data, which the caller fills. NULL with an error where it does not fit, and
// where it has more than `most` elements, as many as the source can hold. Inside begin_sequence the tensor becomes the
// next element.
void *place_tensor(Value *value, const Dtype *dtype, const char *dtype_text, const Shape *shape, uint64_t most,
                   const char *source, Error *error);
// A sequence, optional or map of `count` elements, inside another one its next element. Elements follow one by one.
// Returns the cursor of the one around it, for end_sequence.
bool begin_sequence(Value *value, uint32_t kind, uint64_t count, Cursor *outer, Error *error);
void end_sequence(Value *value, Cursor outer);
// Makes room for `bytes`, keeping what is there.
bool resize_value(Value *value, uint64_t bytes, Error *error);

// A tensor to be written: of a value, or one element of a sequence.
typedef struct {
  const char *name;
  const Dtype *dtype;
  uint32_t rank;
  const int64_t *dims;
  uint64_t count, bytes;
  const void *data;
  const char *strings; // the pool
} Tensor;

Tensor view_value(const Value *value);
Tensor view_element(const Value *value, const Element *element); // that is a tensor

// "float32[batch,3]", "float32[batch<=8,3]", "sequence of float32", "map from int64 to float32": what the model
// declares. Returns text.
char *describe_type(char *text, size_t size, const ModelTensor *tensor);
