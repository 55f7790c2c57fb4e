// Losses over classes along axis 1.
#include "compiler/ops/expand.h"

#include <string.h>

static Value *reduced(Expansion *e, Value *loss, Value *weights) {
  const char *how = node_string(e->node, "reduction", "mean");
  if (!strcmp(how, "none")) return loss;
  if (!strcmp(how, "sum")) return expand_sum_all(e, loss);
  if (strcmp(how, "mean")) {
    node_report(e->model, e->node, "'reduction' is '%.64s'; none, sum and mean are possible", how);
    return NULL;
  }
  if (weights) return DIV(e, expand_sum_all(e, loss), expand_sum_all(e, weights));
  return with_int(MAKE(e, "ReduceMean", loss), "keepdims", 0);
}

// -x[n, target[n, ...], ...] · weight[target[n, ...]], 0 where the target is `ignore_index`.
static Value *negative_log_likelihood(Expansion *e, Value *x, Value *target, Value *weight) {
  Value *ignored = NULL, *at = target, *zero = SCALAR(e, x, 0), *weights = NULL;
  if (node_attr(e->node, "ignore_index")) {
    ignored = EQUAL(e, target, SCALAR(e, target, (double)node_int(e->node, "ignore_index", 0)));
    at = WHERE(e, ignored, SCALAR(e, target, 0), target);
  }
  Value *picked = with_int(MAKE(e, "GatherElements", x, UNSQUEEZE(e, at, 1)), "axis", 1);
  Value *loss = NEG(e, SQUEEZE(e, picked, 1));
  if (weight) weights = GATHER(e, weight, at, 0);
  if (weight) loss = MUL(e, loss, weights);
  if (ignored) {
    loss = WHERE(e, ignored, zero, loss);
    weights = WHERE(e, ignored, zero, weight ? weights : SCALAR(e, x, 1));
  }
  return reduced(e, loss, weights);
}

static bool check_classes(Expansion *e, Node *node) {
  const Value *target = node->in[1];
  if (!need_rank(e->model, node, 0, 2, MAX_RANK)) return false;
  if (target->rank == node->in[0]->rank - 1) return true;
  return node_error(e->model, node, "input '%s' has rank %d; one less than the first input's is needed",
                    op_input_name(node->op, 1), target->rank);
}

bool expand_nll_loss(Expansion *e, Node *node) {
  if (!check_classes(e, node)) return false;
  Value *loss = negative_log_likelihood(e, node->in[0], node->in[1], node_in(node, 2));
  return loss && expand_done(e, 0, loss);
}

bool expand_softmax_cross_entropy(Expansion *e, Node *node) {
  if (!check_classes(e, node)) return false;
  Value *log_prob = with_int(MAKE(e, "LogSoftmax", node->in[0]), "axis", 1);
  Value *loss = negative_log_likelihood(e, log_prob, node->in[1], node_in(node, 2));
  if (!loss) return false;
  expand_done(e, 1, log_prob);
  return expand_done(e, 0, loss);
}
