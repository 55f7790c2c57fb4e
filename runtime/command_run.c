// `run`: tensors from files, one inference, tensors to files.
#include <string.h>

#include "runtime/commands.h"
#include "runtime/inputs.h"
#include "runtime/outputs.h"

bool command_run(const Invocation *call, Error *error) {
  char *standard_output[] = {"-"};
  OptionList inputs = {NULL, 0}, outputs = {NULL, 0}, shapes = {NULL, 0};
  const char *format = NULL, *fill = NULL;
  SessionSettings settings = {0};
  uint64_t seed = 0;
  const Option options[] = {
      {"input", 'i', OPTION_LIST, &inputs, 0, 0, "NAME=FILE",
       "an input from .npy, .npz, .json, .pb or raw bytes; FOLDER/: input_0.pb, ..."},
      {"output", 'o', OPTION_LIST, &outputs, 0, 0, "FILE",
       "where all outputs go, or NAME=FILE: .npz, .json, .npy, .pb or raw bytes; FOLDER/: output_0.pb, ..."},
      {"format", '\0', OPTION_TEXT, &format, 0, 0, "FORMAT", "json, npz, npy, pb or raw, whatever the file's name"},
      {"fill", '\0', OPTION_TEXT, &fill, 0, 0, "random", "seeded random values for inputs that are not given"},
      {"seed", '\0', OPTION_COUNT, &seed, 0, UINT64_MAX, "N", "for --fill random (0)"},
      {"shape", '\0', OPTION_LIST, &shapes, 0, 0, "NAME=2x3", SHAPE_HELP},
      THREADS_OPTION(&settings.threads),
      MEMORY_OPTION(&settings.memory),
  };
  bool done;
  if (!read_options(call, options, COUNT(options), &done, error)) return false;
  if (done) return true;
  if (fill && strcmp(fill, "random") != 0) return fail(error, "--fill takes 'random', not '%s'", fill);
  if (!fill && shapes.count > 0) return fail(error, "--shape is for inputs that --fill random makes");
  const IngotModel *model = call->model;
  if (outputs.count == 0) outputs = (OptionList){standard_output, 1};
  const OutputPlan plan = {model, outputs.items, outputs.count, format};
  if (!check_outputs(&plan, error)) return false;
  Session session;
  if (!open_session(&session, model, &settings, error)) return false;
  bool succeeded = read_inputs(&session, inputs.items, inputs.count, fill != NULL, error);
  if (succeeded && fill) {
    succeeded = shape_inputs(&session, shapes.items, shapes.count, error);
    uint32_t variant = succeeded ? find_variant(&session, 0) : 0;
    if (variant == model->variant_count) succeeded = fail_variant(&session, error);
    succeeded = succeeded && fill_inputs(&session, variant, seed, error);
  }
  if (succeeded) succeeded = run_session(&session, NULL, error) && write_outputs(&plan, session.outputs, error);
  close_session(&session);
  return succeeded;
}
