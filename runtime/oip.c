// Routes, the fixed answers, and inference from JSON to JSON.
#include "runtime/oip.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/tensor_file.h"

enum { ID_BYTES = 1024, PATH_BYTES = 1024 };
static const char version[] = "1";

static void put_tensors(JsonWriter *json, const char *key, const ModelTensor *tensors, uint32_t count) {
  put_format(json, ",\"%s\":[", key);
  for (uint32_t i = 0; i < count; i++) {
    put_string(json, i ? ",{\"name\":" : "{\"name\":");
    put_quoted(json, tensors[i].name);
    put_format(json, ",\"datatype\":\"%s\",\"shape\":[", find_dtype(tensors[i].dtype)->protocol);
    for (uint32_t d = 0; d < tensors[i].rank; d++) put_format(json, d ? ",%" PRId64 : "%" PRId64, tensors[i].dims[d]);
    put_string(json, "]}");
  }
  put_string(json, "]");
}

static void put_metadata(JsonWriter *json, const Oip *oip) {
  put_string(json, "{\"name\":");
  put_quoted(json, oip->model->name);
  put_format(json, ",\"versions\":[\"%s\"],\"platform\":\"ingot\"", version);
  put_tensors(json, "inputs", oip->model->inputs, oip->model->input_count);
  put_tensors(json, "outputs", oip->model->outputs, oip->model->output_count);
  put_string(json, "}");
}

// Everything of an answer to an inference but id and data.
static void put_outline(JsonWriter *json, const Oip *oip) {
  put_metadata(json, oip);
  put_string(json, "{\"model_name\":,\"model_version\":,\"id\":\"\"}");
  for (uint32_t i = 0; i < oip->model->output_count; i++) put_string(json, ",\"data\":");
}

static bool add_size(void *context, const char *data, size_t size) {
  (void)data;
  *(size_t *)context += size;
  return true;
}

// What `put` writes, counted.
static size_t count_bytes(const Oip *oip, void (*put)(JsonWriter *, const Oip *)) {
  char buffer[512];
  size_t total = 0;
  JsonWriter json = (JsonWriter){.data = buffer, .capacity = sizeof buffer, .flush = add_size, .context = &total};
  put(&json, oip);
  flush_json(&json);
  return total;
}

bool open_oip(Oip *oip, const Model *model, Session *session, Error *error) {
  *oip = (Oip){.model = model, .session = session};
  uint64_t reply = count_bytes(oip, put_outline) + ID_BYTES, tensor;
  for (uint32_t i = 0; i < model->output_count; i++)
    if (!bound_json_tensor(&model->outputs[i], &tensor) || __builtin_add_overflow(reply, tensor, &reply) ||
        reply > PTRDIFF_MAX)
      return fail(error, "the model's outputs are too large to serve");
  oip->reply_bytes = reply;
  size_t size = count_bytes(oip, put_metadata);
  char *metadata = map_memory(size, error);
  if (!metadata) return false;
  JsonWriter json = {.data = metadata, .capacity = size};
  put_metadata(&json, oip);
  oip->metadata = metadata;
  oip->metadata_size = size;
  return map_io(&oip->io, model, error) && (oip->given = map_memory(model->input_count, error)) &&
         (oip->chosen = map_memory(model->output_count * sizeof(uint32_t), error));
}

size_t suggest_body_bytes(const Model *model) {
  // A number on a line of its own, indented.
  const size_t each = 64, least = 1 << 20;
  uint64_t total = 65536, bytes;
  for (uint32_t i = 0; i < model->input_count; i++) {
    uint64_t count = model->inputs[i].bytes / find_dtype(model->inputs[i].dtype)->bytes;
    if (__builtin_mul_overflow(count, each, &bytes) || __builtin_add_overflow(total, bytes, &total)) return PTRDIFF_MAX;
  }
  return total < least ? least : total < PTRDIFF_MAX ? total : PTRDIFF_MAX;
}

static Reply make_reply(int status, const char *body, size_t size) {
  return (Reply){.status = status, .body = body, .size = size};
}

Reply make_error_reply(int status, const char *text, char buffer[ERROR_REPLY_BYTES]) {
  JsonWriter json = {.data = buffer, .capacity = ERROR_REPLY_BYTES};
  put_string(&json, "{\"error\":");
  put_quoted(&json, text); // an Error's 640 bytes fit, whatever must be escaped
  put_string(&json, "}");
  return make_reply(status, buffer, json.size);
}

static Reply make_fixed_reply(int status, const char *text) { return make_reply(status, text, strlen(text)); }

typedef enum { ROUTE_SERVER, ROUTE_LIVE, ROUTE_READY, ROUTE_MODELS, ROUTE_MODEL, ROUTE_MODEL_READY, ROUTE_INFER } Route;

// "{m}" stands for the model's name with or without "/versions/1".
static const struct {
  const char *path;
  Route route;
  const char *allow;
} routes[] = {
    {"/v2", ROUTE_SERVER, "GET, HEAD, OPTIONS"},
    {"/v2/health/live", ROUTE_LIVE, "GET, HEAD, OPTIONS"},
    {"/v2/health/ready", ROUTE_READY, "GET, HEAD, OPTIONS"},
    {"/v2/models", ROUTE_MODELS, "GET, HEAD, OPTIONS"},
    {"/v2/models/{m}", ROUTE_MODEL, "GET, HEAD, OPTIONS"},
    {"/v2/models/{m}/ready", ROUTE_MODEL_READY, "GET, HEAD, OPTIONS"},
    {"/v2/models/{m}/infer", ROUTE_INFER, "POST, OPTIONS"},
};

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Undoes %XX and drops one trailing slash. False for a bad escape; a path too long for any route becomes "".
static bool decode_path(HttpSpan span, const char *data, char path[PATH_BYTES]) {
  const char *p = data + span.at, *end = p + span.length;
  size_t used = 0;
  while (p < end && used + 1 < PATH_BYTES) {
    char c = *p++;
    if (c == '%') {
      int high = end - p >= 2 ? hex_value(p[0]) : -1, low = end - p >= 2 ? hex_value(p[1]) : -1;
      if (high < 0 || low < 0 || (high | low) == 0) return false;
      c = (char)(high << 4 | low);
      p += 2;
    }
    path[used++] = c;
  }
  if (p < end) used = 0;
  if (used > 1 && path[used - 1] == '/') used--;
  path[used] = '\0';
  return true;
}

static bool skip_prefix(const char **p, const char *prefix) {
  size_t length = strlen(prefix);
  if (strncmp(*p, prefix, length) != 0) return false;
  *p += length;
  return true;
}

static bool match_route(const char *pattern, const char *path, const char *model) {
  const char *hole = strstr(pattern, "{m}");
  if (!hole) return strcmp(pattern, path) == 0;
  size_t before = (size_t)(hole - pattern);
  if (strncmp(pattern, path, before) != 0) return false;
  path += before;
  if (!skip_prefix(&path, model)) return false;
  const char *versioned = path;
  if (strcmp(path, hole + 3) == 0) return true;
  return skip_prefix(&versioned, "/versions/") && skip_prefix(&versioned, version) && strcmp(versioned, hole + 3) == 0;
}

static bool is_known_method(HttpSpan method, const char *data) {
  static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
  for (size_t i = 0; i < COUNT(methods); i++)
    if (http_span_equals(method, data, methods[i])) return true;
  return false;
}

static bool lists_method(const char *allow, HttpSpan method, const char *data) {
  const char *found = allow;
  while (strncmp(found, data + method.at, method.length) != 0 || (found[method.length] && found[method.length] != ',')) {
    found = strchr(found, ' ');
    if (!found++) return false;
  }
  return true;
}

static Reply answer_route(Oip *oip, Route route, char buffer[ERROR_REPLY_BYTES]) {
  bool ready = !oip->draining;
  JsonWriter json = {.data = buffer, .capacity = ERROR_REPLY_BYTES};
  switch (route) {
  case ROUTE_LIVE: return make_fixed_reply(200, ready ? "{\"live\":true,\"ready\":true}" : "{\"live\":true,\"ready\":false}");
  case ROUTE_READY:
    if (ready) return make_fixed_reply(200, "{\"live\":true,\"ready\":true}");
    return make_fixed_reply(503, "{\"live\":true,\"ready\":false,\"error\":\"the server is shutting down\"}");
  case ROUTE_MODEL: return make_reply(200, oip->metadata, oip->metadata_size);
  case ROUTE_MODEL_READY: put_string(&json, "{\"name\":"); break;
  case ROUTE_MODELS: put_string(&json, "{\"models\":["); break;
  default:
    put_string(&json, "{\"name\":\"ingot\",\"version\":");
    put_quoted(&json, oip->model->compiler);
    put_string(&json, ",\"extensions\":[]}");
    return make_reply(200, buffer, json.size);
  }
  put_quoted(&json, oip->model->name);
  if (route == ROUTE_MODELS)
    put_string(&json, "]}");
  else
    put_string(&json, ready ? ",\"live\":true,\"ready\":true}" : ",\"live\":true,\"ready\":false}");
  return make_reply(route == ROUTE_MODELS || ready ? 200 : 503, buffer, json.size);
}

bool route_request(Oip *oip, const HttpHead *head, const char *data, Reply *reply, char buffer[ERROR_REPLY_BYTES]) {
  static const char all[] = "GET, HEAD, POST, OPTIONS";
  char path[PATH_BYTES];
  bool options = http_span_equals(head->method, data, "OPTIONS");
  if (!is_known_method(head->method, data)) {
    *reply = make_error_reply(501, "unknown method", buffer);
    return false;
  }
  if (head->path.length == 0 && http_span_equals(head->method, data, "CONNECT")) {
    *reply = make_error_reply(405, "this server is no proxy", buffer);
    reply->allow = all;
    return false;
  }
  if (!decode_path(head->path, data, path)) {
    *reply = make_error_reply(400, "malformed percent-encoding in the path", buffer);
    return false;
  }
  if (options && strcmp(path, "*") == 0) {
    *reply = (Reply){.status = 204, .allow = all};
    return false;
  }
  for (size_t i = 0; i < COUNT(routes); i++) {
    if (!match_route(routes[i].path, path, oip->model->name)) continue;
    if (options || !lists_method(routes[i].allow, head->method, data)) {
      *reply = options ? (Reply){.status = 204} : make_error_reply(405, "method not allowed here", buffer);
      reply->allow = routes[i].allow;
      return false;
    }
    if (routes[i].route == ROUTE_INFER) {
      if (!find_http_field(head, data, "inference-header-content-length")) return true;
      *reply = make_error_reply(400, "binary tensors are not supported: send JSON alone", buffer);
      return false;
    }
    *reply = answer_route(oip, routes[i].route, buffer);
    return false;
  }
  Error error;
  fail(&error, "nothing at '%.200s': the model is '/v2/models/%.200s'", path, oip->model->name);
  *reply = make_error_reply(404, error.text, buffer);
  return false;
}

// One element of the request's "inputs", whose members may come in any order.
typedef struct {
  uint32_t index; // input_count: no name yet
  const Dtype *dtype;
  bool has_shape, has_data, stored;
  uint32_t rank;
  int64_t dims[TENSOR_RANK];
  JsonReader data; // where the data begins, when it came before name, datatype or shape
} InputObject;

static bool expect_event(JsonReader *json, JsonEvent expected, const char *what, Error *error) {
  if (read_json(json) == expected) return true;
  return json->fault ? fail_json(json, error) : fail(error, "%s", what);
}

static bool read_shape(JsonReader *json, InputObject *input, Error *error) {
  static const char what[] = "\"shape\" must be an array of integers";
  if (!expect_event(json, JSON_ARRAY, what, error)) return false;
  input->rank = 0;
  for (JsonEvent event; (event = read_json(json)) != JSON_ARRAY_END;) {
    if (event == JSON_FAULT) return fail_json(json, error);
    const Decimal *number = &json->number;
    if (event != JSON_NUMBER || !number->integer || number->negative || number->digits > INT64_MAX)
      return fail(error, "%s", what);
    if (input->rank == TENSOR_RANK) return fail(error, "\"shape\" has more than %d dims", TENSOR_RANK);
    input->dims[input->rank++] = (int64_t)number->digits;
  }
  input->has_shape = true;
  return true;
}

static bool store_input(Oip *oip, InputObject *input, JsonReader *json, Error *error) {
  const ModelTensor *tensor = &oip->model->inputs[input->index];
  bool same = input->dtype->number == tensor->dtype && input->rank == tensor->rank;
  for (uint32_t d = 0; same && d < tensor->rank; d++) same = input->dims[d] == tensor->dims[d];
  if (!same) {
    char expected[200], given[200];
    describe_tensor(expected, sizeof expected, find_dtype(tensor->dtype), tensor->rank, tensor->dims);
    describe_tensor(given, sizeof given, input->dtype, input->rank, input->dims);
    return fail(error, "input '%s' expects %s, the request has %s", tensor->name, expected, given);
  }
  if (oip->given[input->index]) return fail(error, "input '%s' is given twice", tensor->name);
  oip->given[input->index] = 1;
  input->stored = true;
  return read_json_tensor(json, tensor, oip->io.tensors[input->index], error);
}

static bool has_all(const Oip *oip, const InputObject *input) {
  return input->index < oip->model->input_count && input->dtype && input->has_shape;
}

static bool fail_unknown(const JsonReader *json, const char *what, Error *error) {
  return fail(error, "unknown %s '%.*s'", what, (int)(json->length < 200 ? json->length : 200), json->text);
}

static bool read_input(Oip *oip, JsonReader *json, Error *error) {
  const Model *model = oip->model;
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
  if (!input.has_shape) return fail(error, "input '%s' has no \"shape\"", name);
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
  memset(oip->given, 0, oip->model->input_count);
  oip->chosen_count = 0;
  if (!expect_event(&json, JSON_OBJECT, "the request must be a JSON object", error)) return false;
  for (JsonEvent event; (event = read_json(&json)) != JSON_OBJECT_END;) {
    if (event == JSON_FAULT) return fail_json(&json, error);
    bool done = true;
    if (json_equals(&json, "id")) {
      if (!expect_event(&json, JSON_STRING, "\"id\" must be a string", error)) return false;
      if (json.length > ID_BYTES) return fail(error, "\"id\" is longer than %d bytes", ID_BYTES);
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
    if (!oip->given[i]) return fail(error, "input '%s' is missing", oip->model->inputs[i].name);
  if (oip->chosen_count == 0) // none named, or an empty list: all
    for (uint32_t i = 0; i < oip->model->output_count; i++) oip->chosen[oip->chosen_count++] = i;
  return true;
}

static void put_outputs(JsonWriter *json, const Oip *oip, const InferRequest *request) {
  put_string(json, "{\"model_name\":");
  put_quoted(json, oip->model->name);
  put_format(json, ",\"model_version\":\"%s\"", version);
  if (request->id) {
    put_string(json, ",\"id\":\"");
    put_text(json, request->id, request->id_length);
    put_string(json, "\"");
  }
  put_string(json, ",\"outputs\":[");
  for (size_t i = 0; i < oip->chosen_count; i++) {
    const ModelTensor *tensor = &oip->model->outputs[oip->chosen[i]];
    put_string(json, i ? ",{\"name\":" : "{\"name\":");
    put_quoted(json, tensor->name);
    put_format(json, ",\"datatype\":\"%s\",\"shape\":[", find_dtype(tensor->dtype)->protocol);
    for (uint32_t d = 0; d < tensor->rank; d++) put_format(json, d ? ",%" PRId64 : "%" PRId64, tensor->dims[d]);
    put_string(json, "],\"data\":");
    put_json_tensor(json, tensor, oip->io.tensors[oip->model->input_count + oip->chosen[i]], false);
    put_string(json, "}");
  }
  put_string(json, "]}");
}

Reply answer_inference(Oip *oip, const char *body, size_t size, char *reply_buffer, char buffer[ERROR_REPLY_BYTES]) {
  Error error;
  InferRequest request = {NULL, 0};
  if (!read_request(oip, body, size, &request, &error)) return make_error_reply(400, error.text, buffer);
  const ModelStep *failed = NULL;
  int status = run_session(oip->session, oip->io.tensors, NULL, &failed);
  if (status != 0) { // the statuses of kernels all come from the data
    fail_step(status, failed, &error);
    return make_error_reply(400, error.text, buffer);
  }
  JsonWriter json = {.data = reply_buffer, .capacity = oip->reply_bytes};
  put_outputs(&json, oip, &request);
  if (json.overflow) return make_error_reply(500, "the answer does not fit into its buffer", buffer);
  return make_reply(200, reply_buffer, json.size);
}
