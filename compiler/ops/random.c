// Random numbers. Each is a function of the seed, of the round where the node stands in a loop, and of the element's
// number: the same ones on every machine and with any number of threads. A node with a seed draws the same numbers in
// every run; without one the seed is made of the run's own and of the name of its result, so that runs and nodes
// differ.
//
// The generator is a counter through the finaliser of splitmix64; a number from 0 to 1 is its upper bits. In training
// Dropout draws as ONNX's reference does: from NumPy's RandomState(seed), the Mersenne Twister.
#include "compiler/ops/expand.h"
#include "compiler/ops/mapping.h"

#include <math.h>
#include <string.h>

bool draws_numbers(const Node *node) {
  static const char *const types[] = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
  bool draws = node_is(node, "ingot", "MersenneUniform");
  for (size_t i = 0; i < COUNT(types); i++) draws = draws || node_is(node, "", types[i]);
  return draws && !node_attr(node, "seed");
}

static uint64_t node_seed(const Node *node) {
  uint64_t bits = 0xcbf29ce484222325;
  double x = node_float(node, "seed", 0);
  if (node_attr(node, "seed"))
    memcpy(&bits, &x, sizeof bits);
  else
    for (const char *c = node->out[0]->name; *c; c++) bits = (bits ^ (unsigned char)*c) * 0x100000001b3;
  return bits;
}

static const Expr *word(const Mapping *m, uint64_t x) { return expr_int(m->exprs, DT_U64, (int64_t)x); }

static const Expr *mix_expr(const Mapping *m, const Expr *z) {
  static const uint64_t factors[] = {0xbf58476d1ce4e5b9, 0x94d049bb133111eb};
  static const int shifts[] = {30, 27};
  for (int i = 0; i < 2; i++) {
    z = map_op(m, EX_XOR, z, map_op(m, EX_SHR, z, word(m, (uint64_t)shifts[i])));
    z = map_op(m, EX_MUL, z, word(m, factors[i]));
  }
  return map_op(m, EX_XOR, z, map_op(m, EX_SHR, z, word(m, 31)));
}

static const uint64_t golden = 0x9e3779b97f4a7c15;

// Another seed for each value of a number that the run knows.
static const Expr *reseed(Mapping *m, const Expr *seed, Dim number) {
  const Expr *factor = map_op(m, EX_MUL, map_cast(m, DT_U64, map_dim(m, number)), word(m, golden));
  return mix_expr(m, map_op(m, EX_ADD, seed, factor));
}

static const Expr *seed_expr(Mapping *m, const Node *node) {
  const Expr *seed = word(m, node_seed(node));
  if (draws_numbers(node)) seed = reseed(m, seed, frame_seed(m->lower->program));
  return dim_is(m->lower->round, 0) ? seed : reseed(m, seed, m->lower->round);
}

// Draw number `stream` of each element (the output is a line of them): from 0 to below 1 or, `open`, above 0 to 1.
static const Expr *draw(const Mapping *m, const Expr *seed, int stream, DType type, bool open) {
  int bits = type == DT_F64 ? 53 : 24;
  const Expr *counter = map_op(m, EX_MUL, map_cast(m, DT_U64, map_coord(m, 0)), word(m, golden));
  seed = mix_expr(m, map_op(m, EX_ADD, seed, word(m, golden * (uint64_t)(stream + 1))));
  counter = map_op(m, EX_ADD, counter, seed);
  const Expr *number = map_op(m, EX_SHR, mix_expr(m, counter), word(m, (uint64_t)(64 - bits)));
  if (open) number = map_op(m, EX_ADD, number, word(m, 1));
  return map_op(m, EX_MUL, map_cast(m, type, number), expr_float(m->exprs, type, ldexp(1, -bits)));
}

static bool set_type(Model *model, Node *node, int64_t type) {
  if (type != DT_F16 && type != DT_BF16 && type != DT_F32 && type != DT_F64)
    return node_error(model, node, "'dtype' must be a type of floats");
  node->out[0]->type = (DType)type;
  return true;
}

bool infer_random(Model *model, Node *node) {
  int64_t count;
  const Dim *shape = attr_dims(model, node, "shape", &count);
  if (!shape) return node_error(model, node, "attribute 'shape' is missing");
  if (count > MAX_RANK) return node_error(model, node, "'shape' has %lld dims", (long long)count);
  return set_type(model, node, node_int(node, "dtype", DT_F32)) && set_dims(model, node, 0, (int)count, shape);
}

bool infer_random_like(Model *model, Node *node) {
  return set_type(model, node, node_int(node, "dtype", node->in[0]->type)) && infer_same(model, node);
}

static Mapping start(Lower *lower, Node *node, DType *type, const Expr **seed) {
  View out = lower_out(lower, node->out[0]), line = view_shaped(&out, 1, (Dim[]){view_count(&out)});
  *type = out.type == DT_F64 ? DT_F64 : DT_F32;
  Mapping m = map_over(lower, &line);
  *seed = seed_expr(&m, node);
  return m;
}

bool lower_random_uniform(Lower *lower, Node *node) {
  DType type;
  const Expr *seed;
  Mapping m = start(lower, node, &type, &seed);
  double low = node_float(node, "low", 0), high = node_float(node, "high", 1);
  const Expr *x = draw(&m, seed, 0, type, false);
  if (low != 0 || high != 1) {
    x = map_op(&m, EX_MUL, x, expr_float(m.exprs, type, high - low));
    x = map_op(&m, EX_ADD, x, expr_float(m.exprs, type, low));
  }
  return map_done(&m, map_cast(&m, m.out.type, x));
}

// Box and Muller: sqrt(-2·log(u))·cos(2π·v).
bool lower_random_normal(Lower *lower, Node *node) {
  DType type;
  const Expr *seed;
  Mapping m = start(lower, node, &type, &seed);
  const Expr *u = draw(&m, seed, 0, type, true), *v = draw(&m, seed, 1, type, false);
  const Expr *squared = map_op(&m, EX_MUL, map_op(&m, EX_LOG, u, NULL), expr_float(m.exprs, type, -2));
  const Expr *angle = map_op(&m, EX_MUL, v, expr_float(m.exprs, type, 6.283185307179586));
  const Expr *x = map_op(&m, EX_MUL, map_op(&m, EX_SQRT, squared, NULL), map_op(&m, EX_COS, angle, NULL));
  x = map_op(&m, EX_MUL, x, expr_float(m.exprs, type, node_float(node, "scale", 1)));
  x = map_op(&m, EX_ADD, x, expr_float(m.exprs, type, node_float(node, "mean", 0)));
  return map_done(&m, map_cast(&m, m.out.type, x));
}

/* Multinomial */

// The first class whose running sum of probabilities is above a number drawn from 0 to their sum.
bool expand_multinomial(Expansion *e, Node *node) {
  int64_t count = node_int(node, "sample_size", 1), type = node_int(node, "dtype", DT_I32);
  if (!need_rank(e->model, node, 0, 2, 2)) return false;
  if (count < 1 || count > INT32_MAX) return node_error(e->model, node, "'sample_size' is %lld", (long long)count);
  if (type != DT_I32 && type != DT_I64) return node_error(e->model, node, "'dtype' must be int32 or int64");
  Value *x = expand_cast(e, node->in[0], node->in[0]->type == DT_F64 ? DT_F64 : DT_F32);
  Value *sums = UNSQUEEZE(e, MAKE(e, "CumSum", SOFTMAX(e, x, 1), expand_ints(e, 1, (int64_t[]){1})), 1);
  Value *like = EXPAND_TO(e, SCALAR(e, x, 0), CONCAT(e, 0, DIM(e, x, 0), INT(e, count), INT(e, 1)));
  Value *drawn = with_same(e, MAKE(e, "RandomUniformLike", like), "seed");
  Value *sum = expand_slice(e, sums, 2, -1, INT64_MAX, 1);
  Value *below = expand_cast(e, LESS_EQUAL(e, sums, MUL(e, drawn, sum)), DT_F32);
  Value *found = expand_cast(e, SQUEEZE(e, REDUCE(e, "ReduceSum", below, 2), 2), DT_I64);
  Value *last = SUB(e, DIM(e, x, 1), INT(e, 1));
  return expand_done(e, 0, expand_cast(e, MIN(e, found, last), (DType)type));
}

/* Dropout in training */

bool lower_mersenne(Lower *lower, Node *node) {
  View out = lower_out(lower, node->out[0]);
  Program *program = lower->program;
  Step *step = lower_step(lower, "mersenne_uniform");
  Dim seed = dim_const(node_int(node, "seed", (int64_t)(node_seed(node) >> 33)));
  if (draws_numbers(node)) seed = dim_add(frame_seed(program), seed);
  ADD_DIMS(program, step, dim_add(seed, lower->round), view_count(&out));
  step_view(lower, step, &out);
  return true;
}

// What is kept is scaled up. The ratio and whether this is training may be known at run time only.
bool expand_dropout_training(Expansion *e, Node *node) {
  Value *x = node->in[0], *ratio = node_in(node, 1), *training = node_in(node, 2);
  Value *drawn = expand_make_in(e, "ingot", "MersenneUniform", 1, &x);
  drawn->type = DT_F64;
  if (node_attr(node, "seed")) with_int(drawn, "seed", node_int(node, "seed", 0) & UINT32_MAX);
  Value *dropped = ratio ? expand_cast(e, ratio, DT_F64) : expand_scalar(e, DT_F64, 0.5);
  dropped = WHERE(e, training, dropped, expand_scalar(e, DT_F64, 0));
  Value *kept = MAKE(e, "GreaterOrEqual", drawn, dropped);
  Value *scale =
      expand_cast(e, DIV(e, expand_scalar(e, DT_F64, 1), SUB(e, expand_scalar(e, DT_F64, 1), dropped)), x->type);
  if (node_has_out(node, 1)) expand_done(e, 1, kept);
  return expand_done(e, 0, WHERE(e, kept, MUL(e, x, scale), SCALAR(e, x, 0)));
}
