// The table of operators for readers: `ingot ops` and the page OPERATORS.md, which is made from the same rows.
#include "compiler/ops/ops.h"

#include <stdlib.h>
#include <string.h>

static const char *domain_name(const Op *op) { return *op->domain ? op->domain : "ai.onnx"; }

static void print_types(const TypeSet *set, FILE *out) {
  for (DType t = DT_F32; t < DT_COUNT; t++)
    if (set->types >> t & 1) fprintf(out, " %s", dtype_name(t));
}

void print_ops(FILE *out) {
  fprintf(out, "%-24s %-24s %5s  %s\n", "domain", "operator", "since", "inputs -> outputs; types");
  for (size_t i = 0; i < op_count(); i++) {
    const Op *op = op_at(i);
    fprintf(out, "%-24s %-24s %5d  %s\n", domain_name(op), op->type, op->since, op->signature);
  }
  fprintf(out, "\n%-24s types\n", "set");
  for (size_t i = 0; op_type_set(i); i++) {
    fprintf(out, "%-24s", op_type_set(i)->name);
    print_types(op_type_set(i), out);
    fputc('\n', out);
  }
}

/* the page */

// By domain, ai.onnx first, then by name and opset.
static int by_name(const void *a, const void *b) {
  const Op *x = *(const Op *const *)a, *y = *(const Op *const *)b;
  int domain = strcmp(x->domain, y->domain), name = strcmp(x->type, y->type);
  return domain ? domain : name ? name : x->since - y->since;
}

static bool same_operator(const Op *a, const Op *b) {
  return !strcmp(a->domain, b->domain) && !strcmp(a->type, b->type);
}

// A part of a signature as a cell of a table, where '|' would end it.
static void print_cell(const char *text, size_t length, FILE *out) {
  fputs(length ? "`" : "", out);
  for (size_t i = 0; i < length; i++) fputc(text[i] == '|' ? '/' : text[i], out);
  fputs(length ? "` |" : " |", out);
}

void print_ops_page(FILE *out) {
  size_t count = 0;
  const Op **ops = calloc(op_count(), sizeof *ops);
  if (!ops) return;
  for (size_t i = 0; i < op_count(); i++)
    if (strcmp(op_at(i)->domain, "ingot")) ops[count++] = op_at(i);
  qsort(ops, count, sizeof *ops, by_name);
  fputs("# Operators\n\nWritten by `ingot ops --markdown`. Opsets: the first, and those that changed the meaning; "
        "inputs, outputs and\n"
        "types are those of the newest. `?` is optional, `*` any number of them, `[]` a sequence, `{}` any kind of "
        "value.\n"
        "Sets of types stand at the end.\n",
        out);
  for (size_t i = 0; i < count;) {
    const Op *op = ops[i];
    if (!i || strcmp(op->domain, ops[i - 1]->domain))
      fprintf(out, "\n## %s\n| operator | opsets | inputs and outputs | types |\n|---|---|---|---|\n", domain_name(op));
    fprintf(out, "| %s |", op->type);
    for (; i < count && same_operator(op, ops[i]); i++) fprintf(out, "%s%d", op == ops[i] ? " " : ", ", ops[i]->since);
    const char *signature = ops[i - 1]->signature, *semicolon = strchr(signature, ';');
    fputs(" | ", out);
    print_cell(signature, strcspn(signature, ";"), out);
    fputc(' ', out);
    const char *types = semicolon ? semicolon + 1 + strspn(semicolon + 1, " ") : "";
    print_cell(types, strlen(types), out);
    fputc('\n', out);
  }
  fputs("\n## Sets of types\n| set | types |\n|---|---|\n", out);
  for (size_t i = 0; op_type_set(i); i++) {
    fprintf(out, "| %s |", op_type_set(i)->name);
    print_types(op_type_set(i), out);
    fputs(" |\n", out);
  }
  free(ops);
}
