// Kernels of dims steps: integer arithmetic on the frame. What overflows counts as more memory than there is.
#include "compiler/emit/llvm_emit.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

typedef struct {
  Emitter *e;
  const Program *program;
  const Step *step;
  LLVMValueRef frame, overflow;
  LLVMValueRef *done; // by place in step->dims
} DimsEmitter;

static LLVMValueRef number(DimsEmitter *d, Dim dim);

static LLVMValueRef slot_address(DimsEmitter *d, Dim dim) {
  LLVMValueRef slot = LLVMConstInt(d->e->i64, (unsigned long long)frame_find(d->program, dim), 0);
  return LLVMBuildInBoundsGEP2(d->e->builder, d->e->i64, d->frame, &slot, 1, "");
}

static LLVMValueRef constant(DimsEmitter *d, int64_t value) {
  return LLVMConstInt(d->e->i64, (unsigned long long)value, 1);
}

// a op b of llvm.sOP.with.overflow.i64.
static LLVMValueRef checked(DimsEmitter *d, const char *intrinsic, LLVMValueRef a, LLVMValueRef b) {
  Emitter *e = d->e;
  LLVMValueRef args[] = {a, b};
  unsigned id = LLVMLookupIntrinsicID(intrinsic, strlen(intrinsic));
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, &e->i64, 1);
  LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, &e->i64, 1);
  LLVMValueRef both = LLVMBuildCall2(e->builder, type, function, args, 2, "");
  d->overflow = LLVMBuildOr(e->builder, d->overflow, LLVMBuildExtractValue(e->builder, both, 1, ""), "");
  return LLVMBuildExtractValue(e->builder, both, 0, "");
}

// The quotient is rounded down, the remainder has the divisor's sign; of a division by 0 both are 0.
static LLVMValueRef divide(DimsEmitter *d, bool quotient, LLVMValueRef a, LLVMValueRef b) {
  LLVMBuilderRef builder = d->e->builder;
  LLVMValueRef zero = constant(d, 0), none = LLVMBuildICmp(builder, LLVMIntEQ, b, zero, "");
  LLVMValueRef minus = LLVMBuildICmp(builder, LLVMIntEQ, b, constant(d, -1), "");
  LLVMValueRef bad = LLVMBuildOr(builder, none, minus, ""); // -1: no exception for the smallest number
  LLVMValueRef safe = LLVMBuildSelect(builder, bad, constant(d, 1), b, "");
  LLVMValueRef q = LLVMBuildSDiv(builder, a, safe, ""), r = LLVMBuildSRem(builder, a, safe, "");
  LLVMValueRef signs = LLVMBuildICmp(builder, LLVMIntSLT, LLVMBuildXor(builder, r, safe, ""), zero, "");
  LLVMValueRef down = LLVMBuildAnd(builder, LLVMBuildICmp(builder, LLVMIntNE, r, zero, ""), signs, "");
  q = LLVMBuildSub(builder, q, LLVMBuildZExt(builder, down, d->e->i64, ""), "");
  r = LLVMBuildAdd(builder, r, LLVMBuildSelect(builder, down, safe, zero, ""), "");
  if (!quotient) return LLVMBuildSelect(builder, bad, zero, r, "");
  q = LLVMBuildSelect(builder, minus, LLVMBuildNeg(builder, a, ""), q, "");
  return LLVMBuildSelect(builder, none, zero, q, "");
}

static LLVMValueRef choose(DimsEmitter *d, LLVMIntPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(d->e->builder, LLVMBuildICmp(d->e->builder, predicate, a, b, ""), a, b, "");
}

static LLVMValueRef truth(DimsEmitter *d, LLVMIntPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildZExt(d->e->builder, LLVMBuildICmp(d->e->builder, predicate, a, b, ""), d->e->i64, "");
}

static LLVMValueRef compute(DimsEmitter *d, const DimExpr *x) {
  if (x->op == DIM_SYMBOL) return number(d, x->a); // a defined one: others stand in the frame
  LLVMValueRef a = number(d, x->a), b = number(d, x->b);
  switch (x->op) {
  case DIM_ADD: return checked(d, "llvm.sadd.with.overflow", a, b);
  case DIM_MUL: return checked(d, "llvm.smul.with.overflow", a, b);
  case DIM_DIV:
  case DIM_MOD: return divide(d, x->op == DIM_DIV, a, b);
  case DIM_MIN: return choose(d, LLVMIntSLT, a, b);
  case DIM_MAX: return choose(d, LLVMIntSGT, a, b);
  case DIM_EQ: return truth(d, LLVMIntEQ, a, b);
  case DIM_LT: return truth(d, LLVMIntSLT, a, b);
  case DIM_CHOOSE: {
    LLVMValueRef condition = LLVMBuildICmp(d->e->builder, LLVMIntNE, a, constant(d, 0), "");
    return LLVMBuildSelect(d->e->builder, condition, b, number(d, x->c), "");
  }
  case DIM_SYMBOL: break;
  }
  assert(!"dim operator without a rule");
  return NULL;
}

static LLVMValueRef number(DimsEmitter *d, Dim dim) {
  if (dim_is_const(dim)) return constant(d, dim.value);
  for (size_t i = 0; i < d->step->dim_count; i++)
    if (dim_equal(d->step->dims[i], dim) && d->done[i]) return d->done[i];
  return LLVMBuildLoad2(d->e->builder, d->e->i64, slot_address(d, dim), "");
}

void emit_dims(Emitter *e, const Program *program, const Step *step, LLVMValueRef kernel) {
  DimsEmitter d = {.e = e, .program = program, .step = step};
  d.done = NEW_ARRAY(e->model->arena, LLVMValueRef, step->dim_count);
  d.overflow = LLVMConstInt(e->i1, 0, 0);
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, kernel, ""));
  LLVMValueRef at = LLVMConstInt(e->i32, 0, 0), bufs = LLVMGetParam(kernel, 0);
  d.frame = LLVMBuildLoad2(e->builder, e->pointer, LLVMBuildInBoundsGEP2(e->builder, e->pointer, bufs, &at, 1, ""), "");
  for (size_t i = 0; i < step->dim_count; i++) {
    d.done[i] = compute(&d, step->dims[i].expr);
    LLVMBuildStore(e->builder, d.done[i], slot_address(&d, step->dims[i]));
  }
  LLVMValueRef status = LLVMConstInt(e->i32, STATUS_OK, 0);
  for (size_t i = step->check_count; i-- > 0;) {
    LLVMValueRef value = number(&d, step->checks[i].dim);
    LLVMValueRef negative = LLVMBuildICmp(e->builder, LLVMIntSLT, value, constant(&d, 0), "");
    LLVMValueRef fault = LLVMConstInt(e->i32, (unsigned long long)step->checks[i].status, 0);
    status = LLVMBuildSelect(e->builder, negative, fault, status, "");
  }
  LLVMValueRef fault = LLVMConstInt(e->i32, STATUS_MEMORY, 0);
  LLVMBuildRet(e->builder, LLVMBuildSelect(e->builder, d.overflow, fault, status, ""));
}
