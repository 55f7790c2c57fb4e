// A filter for tests that compare the runtime with Python's libraries: reads standard input, writes the result.
//   inflate SIZE    DEFLATE data -> SIZE bytes; exit code 1 and a sentence where the data is wrong
//   json            exit code 0 where the input is one JSON document
//   numbers         one JSON number a line -> its double's bits in hex, a line each
//   floats          float32 bits in hex, a line each -> print_float's text
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/half.h"
#include "runtime/inflate.h"
#include "runtime/json.h"

static int filter_inflate(const Bytes *input, size_t size) {
  uint8_t *out = malloc(size ? size : 1); // exactly: sanitizers see every byte too many
  const char *fault = inflate(input->data, input->size, out, size);
  if (fault)
    fprintf(stderr, "%s\n", fault);
  else
    fwrite(out, 1, size, stdout);
  free(out);
  return fault != NULL;
}

static int filter_json(const Bytes *input) {
  uint8_t *text = malloc(input->size ? input->size : 1); // without anything behind it
  if (input->size) memcpy(text, input->data, input->size);
  JsonReader json;
  open_json(&json, text, input->size);
  JsonEvent event;
  while ((event = read_json(&json)) != JSON_END && event != JSON_FAULT) {}
  if (event == JSON_FAULT) fprintf(stderr, "%s\n", json.fault);
  free(text);
  return event == JSON_FAULT;
}

static int filter_lines(const Bytes *input, bool floats) {
  const char *at = (const char *)input->data, *end = at + input->size;
  for (const char *next; at < end; at = next + 1) {
    next = memchr(at, '\n', (size_t)(end - at));
    if (!next) next = end;
    if (floats) {
      char text[NUMBER_SIZE];
      size_t length = print_float(text, float_from_bits((uint32_t)strtoul(at, NULL, 16)));
      printf("%.*s\n", (int)length, text);
      continue;
    }
    JsonReader json;
    open_json(&json, at, (size_t)(next - at));
    if (read_json(&json) != JSON_NUMBER) return 1;
    double value = get_json_number(&json);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    printf("%016" PRIx64 "\n", bits);
  }
  return 0;
}

int main(int argc, char **argv) {
  Error error;
  Bytes input;
  if (argc < 2 || !read_file("-", &input, &error)) return 2;
  int code = strcmp(argv[1], "inflate") == 0 && argc == 3 ? filter_inflate(&input, strtoull(argv[2], NULL, 10))
             : strcmp(argv[1], "json") == 0               ? filter_json(&input)
             : strcmp(argv[1], "numbers") == 0            ? filter_lines(&input, false)
             : strcmp(argv[1], "floats") == 0             ? filter_lines(&input, true)
                                                          : 2;
  free_file(&input);
  return code;
}
