// expand_classical: operators of ai.onnx.ml become those that the later passes know.
#include "compiler/ops/ml.h"
#include "compiler/passes/passes.h"

bool expand_classical(Model *model, const PassOptions *options) {
  return ml_expand(model, model->graph) && infer_shapes(model, options);
}
