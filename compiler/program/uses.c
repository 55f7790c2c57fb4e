// What a step does with the buffers it points to: the one place that knows how templates mark what they write.
#include "compiler/program/program.h"
#include <string.h>

static unsigned uses_of_func(const Func *func, int pointer) {
  unsigned uses = 0;
  for (size_t i = 0; i < func->load_count; i++)
    if (func->loads[i].pointer == pointer) uses |= func->loads[i].fetched ? USE_RAW_READ : USE_LOAD;
  for (size_t i = 0; i < func->store_count; i++)
    if (func->stores[i].pointer == pointer) uses |= USE_STORE;
  return uses;
}

unsigned step_uses(const Step *step, int pointer) {
  unsigned uses = 0;
  const char *word = step->kernel->args;
  for (size_t i = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    word += strspn(word, " ");
    size_t length = strcspn(word, " ");
    if (arg->kind == ARG_FUNC)
      uses |= uses_of_func(arg->func, pointer);
    else if (arg->kind == ARG_POINTER && arg->pointer == pointer)
      uses |= word[length - 1] == '!' ? USE_RAW_READ | USE_RAW_WRITE : USE_RAW_READ;
    word += length;
  }
  return uses;
}
