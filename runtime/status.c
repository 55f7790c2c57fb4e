// Texts of the statuses.
#include "runtime/status.h"

#include "templates/status.h"

#include <stddef.h>

const char *describe_status(int status) {
  static const char *const texts[] = {
#define X(name, text) [name] = text,
      STATUSES(X)
#undef X
  };
  return status >= 0 && (size_t)status < sizeof texts / sizeof texts[0] ? texts[status] : "unknown fault";
}
