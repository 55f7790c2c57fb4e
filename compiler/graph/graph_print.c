// The Graph as text, for --dump-after, tests and messages. The same graph gives the same text in every run.
//
//   graph main ('x' float32[batch,4])
//     'y' float32[batch,3] = Gemm-13('x', 'w' float32[4,3]) transB=0  # 0 'fc1'
//     return 'y'
//
// Constants stand where they are read, with their elements when these are few; subgraphs follow their node.
#include "compiler/graph/graph.h"

enum { FEW = 8 };

static void print_element(const Tensor *tensor, int64_t i, Text *out) {
  if (tensor->type == DT_STRING)
    text_printf(out, "\"%.40s\"", tensor->strings[i]);
  else if (dtype_is_float(tensor->type))
    text_printf(out, "%g", tensor_float(tensor, i));
  else if (tensor->type == DT_U64)
    text_printf(out, "%llu", (unsigned long long)tensor_int(tensor, i));
  else
    text_printf(out, "%lld", (long long)tensor_int(tensor, i));
}

static void print_elements(const Tensor *tensor, Text *out) {
  int64_t count = tensor_count(tensor);
  if (count > FEW || tensor->type == DT_C64 || tensor->type == DT_C128) return;
  text_printf(out, "{");
  for (int64_t i = 0; i < count; i++) {
    if (i) text_printf(out, ",");
    print_element(tensor, i, out);
  }
  text_printf(out, "}");
}

static void print_list(const Attr *attr, Text *out) {
  text_printf(out, "[");
  for (size_t i = 0; i < attr->count && i < FEW; i++) {
    if (i) text_printf(out, ",");
    switch (attr->type) {
    case ATTR_FLOATS: text_printf(out, "%g", attr->floats[i]); break;
    case ATTR_INTS: text_printf(out, "%lld", (long long)attr->ints[i]); break;
    case ATTR_STRINGS: text_printf(out, "'%.40s'", attr->strings[i]); break;
    case ATTR_TENSORS: text_printf(out, "tensor"); break;
    default: text_printf(out, "graph"); break;
    }
  }
  text_printf(out, attr->count > FEW ? ",... %zu in all]" : "]", attr->count);
}

static void print_tensor(const Tensor *tensor, Text *out) {
  text_printf(out, "%s[", dtype_name(tensor->type));
  for (int i = 0; i < tensor->rank; i++) text_printf(out, "%s%lld", i ? "," : "", (long long)tensor->dims[i]);
  text_printf(out, "]");
  print_elements(tensor, out);
}

static void print_attr(const Attr *attr, Text *out) {
  text_printf(out, "%s=", attr->name);
  switch (attr->type) {
  case ATTR_FLOAT: text_printf(out, "%g", attr->f); break;
  case ATTR_INT: text_printf(out, "%lld", (long long)attr->i); break;
  case ATTR_STRING: text_printf(out, attr->count > 40 ? "'%.40s...'" : "'%.40s'", attr->s); break;
  case ATTR_TENSOR: print_tensor(attr->t, out); break;
  case ATTR_GRAPH: text_printf(out, "graph"); break;
  default: print_list(attr, out); break;
  }
}

void print_attrs(const Node *node, Text *out) {
  for (size_t i = 0; i < node->attr_count; i++) {
    if (i) text_printf(out, " ");
    print_attr(&node->attrs[i], out);
  }
}

static void print_inputs(const Graph *graph, const Node *node, Text *out) {
  text_printf(out, "(");
  for (size_t i = 0; i < node->in_count; i++) {
    if (i) text_printf(out, ", ");
    const Value *value = node->in[i];
    if (value && value->data) {
      text_printf(out, "%s", value_text(graph->model, value));
      print_elements(value->data, out);
    } else {
      text_printf(out, value ? "'%s'" : "-%s", value ? value->name : "");
    }
  }
  text_printf(out, ")");
}

static void print_graph(const Graph *graph, int depth, Text *out) {
  const Model *model = graph->model;
  text_printf(out, "%*sgraph %s (", 2 * depth, "", graph->name);
  for (size_t i = 0; i < graph->input_count; i++)
    text_printf(out, "%s%s", i ? ", " : "", value_text(model, graph->inputs[i]));
  text_printf(out, ")\n");
  for (const Node *node = graph->first; node; node = node->next) {
    text_printf(out, "%*s", 2 * depth + 2, "");
    for (size_t i = 0; i < node->out_count; i++)
      text_printf(out, "%s%s", i ? ", " : "", node->out[i] ? value_text(model, node->out[i]) : "-");
    text_printf(out, " = %s-%d", node->loc.op, node->loc.opset);
    print_inputs(graph, node, out);
    if (node->attr_count) text_printf(out, " ");
    print_attrs(node, out);
    if (node->loc.index >= 0) text_printf(out, "  # %d '%s'", node->loc.index, node->loc.name);
    text_printf(out, "\n");
    for (size_t i = 0; i < node->attr_count; i++) {
      size_t count;
      Graph *const *graphs = attr_graphs(&node->attrs[i], &count);
      for (size_t j = 0; j < count; j++) print_graph(graphs[j], depth + 2, out);
    }
  }
  text_printf(out, "%*sreturn", 2 * depth + 2, "");
  for (size_t i = 0; i < graph->output_count; i++) text_printf(out, "%s '%s'", i ? "," : "", graph->outputs[i]->name);
  text_printf(out, "\n");
}

void graph_print(const Graph *graph, Text *out) { print_graph(graph, 0, out); }
