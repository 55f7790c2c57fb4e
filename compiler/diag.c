// Messages to the user: recorded in order, printed by nobody here.
//
// Names out of a model file reach these texts: control characters are shown as '?', so that a hostile file cannot
// steer the user's terminal. Line ends stay, because a message may quote several lines of another program.
#include "compiler/base.h"
#include <string.h>

void diag_init(Diag *diag, Arena *arena) {
  *diag = (Diag){.arena = arena};
  diag->last = &diag->first;
}

static char *format_text(Arena *arena, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  char *text = arena_alloc(arena, length < 0 ? 1 : (size_t)length + 1);
  if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  for (char *c = text; *c; c++)
    if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f) *c = '?';
  return text;
}

static void append(Diag *diag, Message *message) {
  // Until diag_init's caller adds the first message the tail is the field `first` of this very struct.
  if (!diag->first) diag->last = &diag->first;
  *diag->last = message;
  diag->last = &message->next;
  if (!message->warning) diag->errors++;
}

static void add_message(Diag *diag, bool warning, const char *text) {
  Message *message = NEW(diag->arena, Message);
  *message = (Message){.warning = warning, .text = text};
  append(diag, message);
}

Message *diag_take(Diag *diag, DiagMark mark) {
  Message **first = mark.last ? mark.last : &diag->first, *taken = *first;
  *first = NULL;
  diag->last = first;
  diag->errors = mark.errors;
  return taken;
}

void diag_put_back(Diag *diag, Message *messages) {
  for (Message *message = messages, *next; message; message = next) {
    next = message->next;
    message->next = NULL;
    append(diag, message);
  }
}

void diag_report(Diag *diag, const char *file, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = format_text(diag->arena, format, arguments);
  va_end(arguments);
  add_message(diag, false, arena_printf(diag->arena, "%s: error: %s", file, text));
}

void diag_warning(Diag *diag, const char *file, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = format_text(diag->arena, format, arguments);
  va_end(arguments);
  add_message(diag, true, arena_printf(diag->arena, "%s: warning: %s", file, text));
}

// One piece of a Loc, through the same filter as messages.
PRINTF_LIKE(2, 3) static const char *format_piece(Arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = format_text(arena, format, arguments);
  va_end(arguments);
  return text;
}

void diag_report_at(Diag *diag, const Loc *loc, const char *format, ...) {
  Arena *arena = diag->arena;
  va_list arguments;
  va_start(arguments, format);
  const char *text = format_text(arena, format, arguments);
  va_end(arguments);
  // The main graph is where a reader looks anyway: only other graphs are named. Nodes that passes made have no index.
  bool is_main = !loc->graph || !*loc->graph || strcmp(loc->graph, "main") == 0;
  const char *graph = is_main ? "" : format_piece(arena, "%s: ", loc->graph);
  const char *index = loc->index < 0 ? "" : format_piece(arena, " #%d", loc->index);
  const char *name = loc->name && *loc->name ? format_piece(arena, " '%s'", loc->name) : "";
  const char *op = format_piece(arena, "%s", loc->op ? loc->op : "?");
  add_message(
      diag, false,
      arena_printf(arena, "%s: %snode%s%s (%s-%d): error: %s", loc->file, graph, index, name, op, loc->opset, text));
}

void diag_note(Diag *diag, const char *format, ...) {
  if (!diag->first) return;
  va_list arguments;
  va_start(arguments, format);
  const char *text = format_text(diag->arena, format, arguments);
  va_end(arguments);
  Message *message = (Message *)(void *)((char *)diag->last - offsetof(Message, next));
  message->text = arena_printf(diag->arena, "%s\n  %s", message->text, text);
}
