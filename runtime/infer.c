// Inference from JSON to JSON.
#include <inttypes.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/oip.h"
#include "runtime/tensor_file.h"

// One element of the request's "inputs", whose members may come in any order.
typedef struct {
  uint32_t index; // input_count: no name yet
  const Dtype *dtype;
  bool has_shape, has_data, stored;
  Shape shape;
  JsonReader data; // where the data begins, when it came before name, datatype or shape
} InputObject;

static bool expect_event(JsonReader *json, JsonEvent expected, const char *what, Error *error) {
  if (read_json(json) == expected) return true;
  return json->fault ? fail_json(json, error) : fail(error, "%s", what);
}

static bool read_shape(JsonReader *json, InputObject *input, Error *error) {
  static const char what[] = "\"shape\" must be an array of integers";
  if (!expect_event(json, JSON_ARRAY, what, error)) return false;
  input->shape.rank = 0;
  for (JsonEvent event; (event = read_json(json)) != JSON_ARRAY_END;) {
    if (event == JSON_FAULT) return fail_json(json, error);
    const Decimal *number = &json->number;
    if (event != JSON_NUMBER || !number->integer || number->negative || number->digits > INT64_MAX)
      return fail(error, "%s", what);
    if (input->shape.rank == TENSOR_RANK) return fail(error, "\"shape\" has more than %d dims", TENSOR_RANK);
    input->shape.dims[input->shape.rank++] = (int64_t)number->digits;
  }
  input->has_shape = true;
  return true;
}

// The shape of what is no tensor tells nothing that its data do not.
static bool store_input(Oip *oip, InputObject *input, JsonReader *json, Error *error) {
  Value *value = &oip->session->inputs[input->index];
  const ModelTensor *tensor = value->model;
  bool whole = tensor->kind == MODEL_TENSOR;
  if (whole && !check_tensor(value, input->dtype, "", &input->shape, NULL, error)) return false;
  if (input->dtype->number != tensor->dtype)
    return fail(error, "input '%s' has elements of %s", tensor->name, find_dtype(tensor->dtype)->name);
  if (value->given) return fail(error, "input '%s' is given twice", tensor->name);
  value->given = input->stored = true;
  return read_json_value(json, value, whole ? &input->shape : NULL, error);
}

static bool has_all(const Oip *oip, const InputObject *input) {
  return input->index < oip->model->input_count && input->dtype && input->has_shape;
}

static bool fail_unknown(const JsonReader *json, const char *what, Error *error) {
  return fail(error, "unknown %s '%.*s'", what, (int)(json->length < 200 ? json->length : 200), json->text);
}

static bool read_input(Oip *oip, JsonReader *json, Error *error) {
  const IngotModel *model = oip->model;
  InputObject input = {.index = model->input_count};
  for (JsonEvent event; (event = read_json(json)) != JSON_OBJECT_END;) {
    if (event == JSON_FAULT) return fail_json(json, error);
    if (json_equals(json, "name")) {
      if (!expect_event(json, JSON_STRING, "an input's \"name\" must be a string", error)) return false;
      for (input.index = 0; input.index < model->input_count; input.index++)
        if (json_equals(json, model->inputs[input.index].name)) break;
      if (input.index == model->input_count) return fail_unknown(json, "input", error);
    } else if (json_equals(json, "datatype")) {
      if (!expect_event(json, JSON_STRING, "an input's \"datatype\" must be a string", error)) return false;
      input.dtype = find_dtype_by_protocol(json->text, json->length);
      if (!input.dtype) return fail_unknown(json, "datatype", error);
    } else if (json_equals(json, "shape")) {
      if (!read_shape(json, &input, error)) return false;
    } else if (json_equals(json, "data")) {
      if (input.has_data) return fail(error, "an input has \"data\" twice");
      input.has_data = true;
      if (has_all(oip, &input)) {
        if (!store_input(oip, &input, json, error)) return false;
      } else {
        input.data = *json;
        if (!skip_json(json)) return fail_json(json, error);
      }
    } else if (!skip_json(json)) {
      return fail_json(json, error);
    }
  }
  if (input.index == model->input_count) return fail(error, "an input has no \"name\"");
  const char *name = model->inputs[input.index].name;
  if (!input.dtype) return fail(error, "input '%s' has no \"datatype\"", name);
  if (!input.has_shape && model->inputs[input.index].kind == MODEL_TENSOR)
    return fail(error, "input '%s' has no \"shape\"", name);
  if (!input.has_data) return fail(error, "input '%s' has no \"data\"", name);
  return input.stored || store_input(oip, &input, &input.data, error);
}

static bool read_output(Oip *oip, JsonReader *json, Error *error) {
  uint32_t index = oip->model->output_count;
  for (JsonEvent event; (event = read_json(json)) != JSON_OBJECT_END;) {
    if (event == JSON_FAULT) return fail_json(json, error);
    if (!json_equals(json, "name")) {
      if (!skip_json(json)) return fail_json(json, error);
      continue;
    }
    if (!expect_event(json, JSON_STRING, "an output's \"name\" must be a string", error)) return false;
    for (index = 0; index < oip->model->output_count; index++)
      if (json_equals(json, oip->model->outputs[index].name)) break;
    if (index == oip->model->output_count) return fail_unknown(json, "output", error);
  }
  if (index == oip->model->output_count) return fail(error, "an output has no \"name\"");
  for (size_t i = 0; i < oip->chosen_count; i++)
    if (oip->chosen[i] == index) return fail(error, "output '%s' is asked for twice", oip->model->outputs[index].name);
  oip->chosen[oip->chosen_count++] = index;
  return true;
}

static bool read_array(Oip *oip, JsonReader *json, bool (*read)(Oip *, JsonReader *, Error *), const char *what,
                       Error *error) {
  if (!expect_event(json, JSON_ARRAY, what, error)) return false;
  for (JsonEvent event; (event = read_json(json)) != JSON_ARRAY_END;) {
    if (event == JSON_FAULT) return fail_json(json, error);
    if (event != JSON_OBJECT) return fail(error, "%s", what);
    if (!read(oip, json, error)) return false;
  }
  return true;
}

typedef struct {
  const char *id; // as in the request, escapes and all; NULL: none
  size_t id_length;
} InferRequest;

static bool read_request(Oip *oip, const char *body, size_t size, InferRequest *request, Error *error) {
  JsonReader json;
  open_json(&json, body, size);
  clear_inputs(oip->session);
  oip->chosen_count = 0;
  if (!expect_event(&json, JSON_OBJECT, "the request must be a JSON object", error)) return false;
  for (JsonEvent event; (event = read_json(&json)) != JSON_OBJECT_END;) {
    if (event == JSON_FAULT) return fail_json(&json, error);
    bool done = true;
    if (json_equals(&json, "id")) {
      if (!expect_event(&json, JSON_STRING, "\"id\" must be a string", error)) return false;
      if (json.length > OIP_ID_BYTES) return fail(error, "\"id\" is longer than %d bytes", OIP_ID_BYTES);
      request->id = json.text;
      request->id_length = json.length;
    } else if (json_equals(&json, "inputs")) {
      done = read_array(oip, &json, read_input, "\"inputs\" must be an array of objects", error);
    } else if (json_equals(&json, "outputs")) {
      done = read_array(oip, &json, read_output, "\"outputs\" must be an array of objects", error);
    } else {
      done = skip_json(&json) || fail_json(&json, error);
    }
    if (!done) return false;
  }
  if (read_json(&json) != JSON_END) return fail_json(&json, error);
  for (uint32_t i = 0; i < oip->model->input_count; i++)
    if (!oip->session->inputs[i].given) return fail(error, "input '%s' is missing", oip->model->inputs[i].name);
  if (oip->chosen_count == 0) // none named, or an empty list: all
    for (uint32_t i = 0; i < oip->model->output_count; i++) oip->chosen[oip->chosen_count++] = i;
  return true;
}

static void put_outputs(JsonWriter *json, const Oip *oip, const InferRequest *request) {
  put_string(json, "{\"model_name\":");
  put_quoted(json, oip->model->name);
  put_format(json, ",\"model_version\":\"%s\"", OIP_VERSION);
  if (request->id) {
    put_string(json, ",\"id\":\"");
    put_text(json, request->id, request->id_length);
    put_string(json, "\"");
  }
  put_string(json, ",\"outputs\":[");
  for (size_t i = 0; i < oip->chosen_count; i++) {
    const Value *value = &oip->session->outputs[oip->chosen[i]];
    const ModelTensor *tensor = value->model;
    put_string(json, i ? ",{\"name\":" : "{\"name\":");
    put_quoted(json, tensor->name);
    put_format(json, ",\"datatype\":\"%s\",\"shape\":[", find_dtype(tensor->dtype)->protocol);
    if (tensor->kind != MODEL_TENSOR) put_format(json, "%" PRId64, ((const Sequence *)value->data)->count);
    for (uint32_t d = 0; d < tensor->rank; d++) put_format(json, d ? ",%" PRId64 : "%" PRId64, value->dims[d]);
    put_string(json, "],\"data\":");
    put_json_value(json, value, false);
    put_string(json, "}");
  }
  put_string(json, "]}");
}

Reply answer_inference(Oip *oip, const char *body, size_t size, char *reply_buffer, char buffer[ERROR_REPLY_BYTES]) {
  Error error;
  InferRequest request = {NULL, 0};
  if (!read_request(oip, body, size, &request, &error)) return make_error_reply(400, error.text, buffer);
  if (!run_session(oip->session, NULL, &error)) { // all that can go wrong comes from the data
    trim_session(oip->session);
    return make_error_reply(400, error.text, buffer);
  }
  JsonWriter json = {.data = reply_buffer, .capacity = oip->reply_bytes};
  put_outputs(&json, oip, &request);
  trim_session(oip->session);
  if (json.overflow) {
    fail(&error, "the answer is longer than %zu bytes: raise the limit with --max-answer", oip->reply_bytes);
    return make_error_reply(500, error.text, buffer);
  }
  return make_reply(200, reply_buffer, json.size);
}
