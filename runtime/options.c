// Parsing and printing of option tables.
#include "runtime/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const Option *find_option(const Option *options, size_t count, const char *argument, const char **value) {
  *value = NULL;
  for (size_t i = 0; i < count; i++) {
    const Option *option = &options[i];
    if (argument[1] != '-') {
      if (option->letter && argument[1] == option->letter && argument[2] == '\0') return option;
      continue;
    }
    size_t length = strlen(option->name);
    if (strncmp(argument + 2, option->name, length) != 0) continue;
    if (argument[2 + length] == '=') *value = argument + 3 + length;
    if (*value || argument[2 + length] == '\0') return option;
  }
  return NULL;
}

static bool parse_count(const Option *option, const char *text, Error *error) {
  uint64_t number = 0;
  bool valid = *text != '\0';
  for (const char *p = text; *p && valid; p++) {
    static const char units[] = "KMGT";
    const char *unit = option->kind == OPTION_BYTES && p > text && p[1] == '\0' ? strchr(units, *p) : NULL;
    if (unit) {
      for (int shift = 10 * (int)(unit - units + 1); shift > 0 && valid; shift -= 10)
        valid = !__builtin_mul_overflow(number, 1024, &number);
      break;
    }
    valid = *p >= '0' && *p <= '9' && !__builtin_mul_overflow(number, 10, &number) &&
            !__builtin_add_overflow(number, (uint64_t)(*p - '0'), &number);
  }
  if (!valid || number < option->low || number > option->high)
    return fail(error, "--%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", option->name, option->low,
                option->high, text);
  *(uint64_t *)option->value = number;
  return true;
}

// Values of lists move to the front of argv, which was read already: list behind list, in the order of the table.
static void add_to_list(const Option *options, size_t count, const Option *option, char **argv, const char *value) {
  char **end = argv;
  for (size_t i = 0; i < count; i++) {
    OptionList *list = options[i].value;
    if (options[i].kind != OPTION_LIST) continue;
    list->items = end;
    end += list->count;
    if (&options[i] > option) list->items++;
  }
  OptionList *list = option->value;
  char **place = list->items + list->count++;
  memmove(place + 1, place, (size_t)(end - place) * sizeof *place);
  *place = (char *)(uintptr_t)value;
}

bool parse_options(const Option *options, size_t count, int argc, char **argv, Error *error) {
  for (int i = 0; i < argc; i++) {
    const char *value;
    if (argv[i][0] != '-' || argv[i][1] == '\0') return fail(error, "unexpected argument '%s'", argv[i]);
    const Option *option = find_option(options, count, argv[i], &value);
    if (!option) return fail(error, "unknown option '%s'", argv[i]);
    if (option->kind == OPTION_FLAG) {
      if (value) return fail(error, "--%s takes no value", option->name);
      *(bool *)option->value = true;
      continue;
    }
    if (!value && i + 1 == argc) return fail(error, "'%s' needs a value: %s", argv[i], option->meta);
    if (!value) value = argv[++i];
    if ((option->kind == OPTION_COUNT || option->kind == OPTION_BYTES) && !parse_count(option, value, error))
      return false;
    if (option->kind == OPTION_TEXT) *(const char **)option->value = value;
    if (option->kind == OPTION_LIST) add_to_list(options, count, option, argv, value);
  }
  return true;
}

void print_options(const Option *options, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char left[64];
    char letter[8] = "";
    if (options[i].letter) snprintf(letter, sizeof letter, "-%c, ", options[i].letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, options[i].name, options[i].meta ? options[i].meta : "");
    printf("  %-26s %s\n", left, options[i].help);
  }
}
