// Routes and the answers that need no inference.
#include "runtime/bind.h"
#include "runtime/oip.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/dtype.h"
#include "runtime/json.h"
#include "runtime/tensor_file.h"

enum { PATH_BYTES = 1024, OPEN_BYTES = 64 << 20 }; // OPEN_BYTES: of bodies and answers whose size only a run tells

static void put_tensors(JsonWriter *json, const char *key, const ModelTensor *tensors, uint32_t count) {
  put_format(json, ",\"%s\":[", key);
  for (uint32_t i = 0; i < count; i++) {
    put_string(json, i ? ",{\"name\":" : "{\"name\":");
    put_quoted(json, tensors[i].name);
    put_format(json, ",\"datatype\":\"%s\",\"shape\":[", find_dtype(tensors[i].dtype)->protocol);
    if (tensors[i].kind != MODEL_TENSOR) put_string(json, "-1");
    for (uint32_t d = 0; d < tensors[i].rank; d++) put_format(json, d ? ",%" PRId64 : "%" PRId64, tensors[i].dims[d]);
    put_string(json, "]}");
  }
  put_string(json, "]");
}

static void put_metadata(JsonWriter *json, const Oip *oip) {
  put_string(json, "{\"name\":");
  put_quoted(json, oip->model->name);
  put_format(json, ",\"versions\":[\"%s\"],\"platform\":\"ingot\"", OIP_VERSION);
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

bool open_oip(Oip *oip, Session *session, uint64_t reply_bytes, Error *error) {
  const IngotModel *model = session->model;
  *oip = (Oip){.model = model, .session = session};
  uint64_t reply = count_bytes(oip, put_outline) + OIP_ID_BYTES, tensor;
  for (uint32_t i = 0; i < model->output_count; i++) {
    if (!bound_json_value(&model->outputs[i], &tensor)) tensor = OPEN_BYTES;
    if (__builtin_add_overflow(reply, tensor, &reply) || reply > PTRDIFF_MAX)
      return fail(error, "the model's outputs are too large to serve");
  }
  oip->reply_bytes = reply_bytes ? reply_bytes : reply;
  size_t size = count_bytes(oip, put_metadata);
  char *metadata = map_memory(size, error);
  if (!metadata) return false;
  JsonWriter json = {.data = metadata, .capacity = size};
  put_metadata(&json, oip);
  oip->metadata = metadata;
  oip->metadata_size = size;
  return (oip->chosen = map_memory(model->output_count * sizeof(uint32_t), error));
}

size_t suggest_body_bytes(const IngotModel *model) {
  // A number on a line of its own, indented.
  const size_t each = 64, least = 1 << 20;
  uint64_t total = 65536, bytes;
  for (uint32_t i = 0; i < model->input_count; i++) {
    const ModelTensor *tensor = &model->inputs[i];
    uint64_t count = tensor->bytes * 8 / find_dtype(tensor->dtype)->bits;
    if (is_unbounded(tensor) || tensor->dtype == DTYPE_STRING) count = OPEN_BYTES / each;
    if (__builtin_mul_overflow(count, each, &bytes) || __builtin_add_overflow(total, bytes, &total)) return PTRDIFF_MAX;
  }
  return total < least ? least : total < PTRDIFF_MAX ? total : PTRDIFF_MAX;
}

Reply make_reply(int status, const char *body, size_t size) {
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
  return skip_prefix(&versioned, "/versions/") && skip_prefix(&versioned, OIP_VERSION) &&
         strcmp(versioned, hole + 3) == 0;
}

static bool is_known_method(HttpSpan method, const char *data) {
  static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
  for (size_t i = 0; i < COUNT(methods); i++)
    if (http_span_equals(method, data, methods[i])) return true;
  return false;
}

static bool lists_method(const char *allow, HttpSpan method, const char *data) {
  const char *found = allow;
  while (strncmp(found, data + method.at, method.length) != 0 ||
         (found[method.length] && found[method.length] != ',')) {
    const char *space = strchr(found, ' ');
    if (!space) return false;
    found = space + 1;
  }
  return true;
}

static Reply answer_route(Oip *oip, Route route, char buffer[ERROR_REPLY_BYTES]) {
  bool ready = !oip->draining;
  JsonWriter json = {.data = buffer, .capacity = ERROR_REPLY_BYTES};
  switch (route) {
  case ROUTE_LIVE:
    return make_fixed_reply(200, ready ? "{\"live\":true,\"ready\":true}" : "{\"live\":true,\"ready\":false}");
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
    *reply = (Reply){.status = 204, .allow = all, .body = ""};
    return false;
  }
  for (size_t i = 0; i < COUNT(routes); i++) {
    if (!match_route(routes[i].path, path, oip->model->name)) continue;
    if (options || !lists_method(routes[i].allow, head->method, data)) {
      *reply = options ? make_reply(204, "", 0) : make_error_reply(405, "method not allowed here", buffer);
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
