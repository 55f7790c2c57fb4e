// Passes over the Graph. Each does one thing, leaves a valid graph and may run again. passes.c lists them in order.
#pragma once
#include "compiler/ops/ops.h"

// Dims of one input as the user gave them: "x=1x3x224x224".
typedef struct {
  const char *input;
  int rank;
  int64_t dims[MAX_RANK];
} ShapeOption;

typedef struct {
  const ShapeOption *shapes;
  size_t shape_count;
  const char *wanted;     // --passes: names of optional passes with ',' between them, "none", or NULL: all
  const char *dump_after; // name of a pass, "all", or NULL
  void (*on_pass)(void *context, const char *pass, double seconds, const Graph *graph); // after each, or NULL
  void *context;
} PassOptions;

typedef bool Pass(Model *model, const PassOptions *options);

Pass check_operators;   // every node has a known operator: all unknown ones are reported at once
Pass bind_shapes;       // --shape: symbols become numbers everywhere
Pass infer_shapes;      // types, dims and known elements of all values
Pass widen_floats;      // float16 models compute in float32, converting at their inputs and outputs
Pass simplify;          // what does nothing, twice the same, or for nobody
Pass expand_batch_norm; // BatchNormalization as one multiplication and one addition of constants
Pass recognise_norm;    // LayerNormalization written out as means and differences
Pass fold_scale;        // per-channel Mul and Add behind a Conv into its weights
Pass fold_constants;    // what depends on constants alone is computed now

// Folds those of the graph's nodes that inference has reached.
bool fold_known(Graph *graph);
bool run_passes(Model *model, const PassOptions *options);
// Names of the passes, for --dump-after; NULL after the last.
const char *pass_name(size_t i);
// Names of those that may be left out; NULL after the last. One of them fuses the steps of the program.
extern const char FUSE_STEPS[];
const char *optional_pass(size_t i);
bool pass_is_wanted(const PassOptions *options, const char *name);

// How much the graph would have to keep: parameters as given.
int64_t count_parameters(const Graph *graph);
