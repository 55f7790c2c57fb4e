// Scalar expressions as vector IR: each value is V lanes of its type. Loads and stores with unit stride are vector
// accesses, with stride 0 splats, else gathers; a function's last vector may be partial and is masked.
//
// float16 and bfloat16 are computed as float32 and bool as i1. Small floats are moved as their codes; casts turn them
// into float32. What the templates compute on doubles or codes goes through memory: arrays of V that vanish when the
// function is inlined.
#include "compiler/emit/llvm_emit.h"
#include "templates/status.h"

#include <assert.h>
#include <string.h>

typedef struct {
  Emitter *e;
  const Func *func;
  LLVMValueRef bufs, acc, coords[COORDS], mask; // mask NULL: all lanes
  LLVMValueRef *done;                           // by expression id, until `done_count`
  size_t done_count;
  LLVMBasicBlockRef entry;
  LLVMValueRef faults[STATUS_COUNT]; // by Status: <V x i1>, the lanes that have it, or NULL
} FuncEmitter;

// Whether the CPU converts float16 vectors; of x86-64 the level that has 32 bytes a vector is the first.
static bool converts_half(const Emitter *e) { return strcmp(e->target->arch, "x86_64") || e->lanes > 4; }

static LLVMTypeRef memory_type(Emitter *e, DType type) {
  if (type == DT_F32) return e->f32;
  if (type == DT_F64) return LLVMDoubleTypeInContext(e->context);
  if (type == DT_F16 && converts_half(e)) return LLVMHalfTypeInContext(e->context);
  return LLVMIntTypeInContext(e->context, 8 * (unsigned)dtype_unit(type));
}

// Elements of 16 bytes are strings and pairs of 8.
static unsigned alignment_of(DType type) { return dtype_unit(type) < 8 ? (unsigned)dtype_unit(type) : 8; }

static LLVMTypeRef compute_type(Emitter *e, DType type) {
  return type == DT_F16 || type == DT_BF16 ? e->f32 : type == DT_BOOL ? e->i1 : memory_type(e, type);
}

static LLVMTypeRef vector(Emitter *e, LLVMTypeRef type) { return LLVMVectorType(type, e->lanes); }

static LLVMValueRef splat(Emitter *e, LLVMValueRef scalar) {
  if (LLVMIsConstant(scalar)) {
    LLVMValueRef lanes[64];
    for (unsigned i = 0; i < e->lanes; i++) lanes[i] = scalar;
    return LLVMConstVector(lanes, e->lanes);
  }
  LLVMValueRef zero = LLVMConstInt(e->i32, 0, 0), empty = LLVMGetPoison(vector(e, LLVMTypeOf(scalar)));
  LLVMValueRef one = LLVMBuildInsertElement(e->builder, empty, scalar, zero, "");
  return LLVMBuildShuffleVector(e->builder, one, empty, LLVMConstNull(vector(e, e->i32)), "");
}

static LLVMValueRef lane_numbers(Emitter *e, LLVMTypeRef type) {
  LLVMValueRef lanes[64];
  for (unsigned i = 0; i < e->lanes; i++) lanes[i] = LLVMConstInt(type, i, 0);
  return LLVMConstVector(lanes, e->lanes);
}

static LLVMValueRef call_intrinsic(Emitter *e, const char *name, LLVMTypeRef *types, size_t type_count,
                                   LLVMValueRef *args, unsigned arg_count) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  assert(id);
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, types, type_count);
  LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, types, type_count);
  return LLVMBuildCall2(e->builder, type, function, args, arg_count, "");
}

// An array of V elements in the function's frame.
static LLVMValueRef new_array(FuncEmitter *f, LLVMTypeRef vector_type) {
  Emitter *e = f->e;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
  LLVMPositionBuilderBefore(e->builder, LLVMGetFirstInstruction(f->entry));
  LLVMValueRef array = LLVMBuildAlloca(e->builder, vector_type, "");
  LLVMPositionBuilderAtEnd(e->builder, here);
  return array;
}

// Calls the templates' NAME_lanes(const A *x, ..., B *y) on arrays of V.
static LLVMValueRef call_lanes(FuncEmitter *f, const char *name, LLVMValueRef *args, unsigned count,
                               LLVMTypeRef element) {
  Emitter *e = f->e;
  char symbol[60];
  snprintf(symbol, sizeof symbol, "%s_lanes", name);
  LLVMValueRef function = LLVMGetNamedFunction(e->module, symbol), arrays[4];
  assert(function && count < COUNT(arrays));
  for (unsigned i = 0; i < count; i++) {
    arrays[i] = new_array(f, LLVMTypeOf(args[i]));
    LLVMBuildStore(e->builder, args[i], arrays[i]);
  }
  arrays[count] = new_array(f, vector(e, element));
  LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(function), function, arrays, count + 1, "");
  return LLVMBuildLoad2(e->builder, vector(e, element), arrays[count], "");
}

/* memory */

// What is read is the same for the whole call.
static LLVMValueRef load_invariant(Emitter *e, LLVMTypeRef type, LLVMValueRef array, LLVMValueRef index) {
  LLVMValueRef address = LLVMBuildInBoundsGEP2(e->builder, type, array, &index, 1, "");
  LLVMValueRef value = LLVMBuildLoad2(e->builder, type, address, "");
  unsigned kind = LLVMGetMDKindIDInContext(e->context, "invariant.load", 14);
  LLVMSetMetadata(value, kind, LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, NULL, 0)));
  return value;
}

static LLVMValueRef load_entry(Emitter *e, LLVMValueRef bufs, size_t index) {
  return load_invariant(e, e->pointer, bufs, LLVMConstInt(e->i32, index, 0));
}

// Behind the pointers of a step lie those to the frame and to the list of slots that it reads.
LLVMValueRef emit_number(Emitter *e, LLVMValueRef bufs, Dim number) {
  if (dim_is_const(number)) return LLVMConstInt(e->idx, (unsigned long long)number.value, 1);
  LLVMValueRef frame = load_entry(e, bufs, e->step->pointer_count);
  LLVMValueRef slots = load_entry(e, bufs, e->step->pointer_count + 1);
  LLVMValueRef local = LLVMConstInt(e->i32, (unsigned long long)step_local(e->step, number.expr), 0);
  LLVMValueRef slot = load_invariant(e, e->i32, slots, local);
  return load_invariant(e, e->i64, frame, LLVMBuildZExt(e->builder, slot, e->i64, ""));
}

LLVMValueRef load_pointer(Emitter *e, LLVMValueRef bufs, int index) {
  LLVMValueRef pointer = load_entry(e, bufs, (size_t)index);
  Dim shift = pointer_shift(&e->step->pointers[index]);
  if (dim_is_const(shift)) return pointer;
  LLVMValueRef bytes = emit_number(e, bufs, shift);
  return LLVMBuildInBoundsGEP2(e->builder, e->i8, pointer, &bytes, 1, "");
}

// Address of the first lane.
static LLVMValueRef access_address(FuncEmitter *f, const Access *access) {
  Emitter *e = f->e;
  LLVMValueRef address = load_pointer(e, f->bufs, access->pointer), offset = NULL;
  for (int i = 0; i < COORDS; i++) {
    if (dim_is(access->stride[i], 0)) continue;
    LLVMValueRef stride = emit_number(e, f->bufs, access->stride[i]);
    LLVMValueRef part = LLVMBuildNSWMul(e->builder, f->coords[i], stride, "");
    offset = offset ? LLVMBuildNSWAdd(e->builder, offset, part, "") : part;
  }
  return offset ? LLVMBuildInBoundsGEP2(e->builder, memory_type(e, access->type), address, &offset, 1, "") : address;
}

static LLVMValueRef lane_addresses(FuncEmitter *f, const Access *access, LLVMValueRef first) {
  Emitter *e = f->e;
  LLVMValueRef stride = splat(e, emit_number(e, f->bufs, access->stride[COORDS - 1]));
  LLVMValueRef offsets = LLVMBuildMul(e->builder, lane_numbers(e, e->idx), stride, "");
  return LLVMBuildInBoundsGEP2(e->builder, memory_type(e, access->type), first, &offsets, 1, "");
}

static LLVMValueRef full_mask(Emitter *e) { return LLVMConstAllOnes(vector(e, e->i1)); }

// What is loaded from memory, as it is computed with.
static LLVMValueRef from_memory(FuncEmitter *f, DType type, LLVMValueRef value) {
  Emitter *e = f->e;
  if (type == DT_BOOL) return LLVMBuildICmp(e->builder, LLVMIntNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
  if (type == DT_F16 && converts_half(e)) return LLVMBuildFPExt(e->builder, value, vector(e, e->f32), "");
  if (type == DT_F16) return call_lanes(f, "f16_to_f32", &value, 1, e->f32);
  if (type == DT_BF16) return call_lanes(f, "bf16_to_f32", &value, 1, e->f32);
  return value;
}

// And back, rounded.
static LLVMValueRef to_memory(FuncEmitter *f, DType type, LLVMValueRef value) {
  Emitter *e = f->e;
  LLVMTypeRef element = memory_type(e, type);
  if (type == DT_BOOL) return LLVMBuildZExt(e->builder, value, vector(e, element), "");
  if (type == DT_F16 && converts_half(e)) return LLVMBuildFPTrunc(e->builder, value, vector(e, element), "");
  if (type == DT_F16) return call_lanes(f, "f16_from_f32", &value, 1, element);
  if (type == DT_BF16) return call_lanes(f, "bf16_from_f32", &value, 1, element);
  return value;
}

static LLVMValueRef emit_load(FuncEmitter *f, const Access *access) {
  Emitter *e = f->e;
  LLVMTypeRef element = memory_type(e, access->type), type = vector(e, element);
  LLVMValueRef address = access_address(f, access), value;
  unsigned align = alignment_of(access->type);
  LLVMValueRef alignment = LLVMConstInt(e->i32, align, 0);
  Dim stride = access->stride[COORDS - 1];
  if (dim_is(stride, 0)) {
    LLVMValueRef one = LLVMBuildLoad2(e->builder, element, address, "");
    LLVMSetAlignment(one, align);
    value = splat(e, one);
  } else if (dim_is(stride, 1) && !f->mask) {
    value = LLVMBuildLoad2(e->builder, type, address, "");
    LLVMSetAlignment(value, align);
  } else if (dim_is(stride, 1)) {
    LLVMTypeRef types[] = {type, e->pointer};
    LLVMValueRef args[] = {address, alignment, f->mask, LLVMConstNull(type)};
    value = call_intrinsic(e, "llvm.masked.load", types, 2, args, 4);
  } else {
    LLVMValueRef addresses = lane_addresses(f, access, address);
    LLVMTypeRef types[] = {type, LLVMTypeOf(addresses)};
    LLVMValueRef args[] = {addresses, alignment, f->mask ? f->mask : full_mask(e), LLVMConstNull(type)};
    value = call_intrinsic(e, "llvm.masked.gather", types, 2, args, 4);
  }
  return from_memory(f, access->type, value);
}

static void add_fault(FuncEmitter *f, Status status, LLVMValueRef lanes) {
  if (f->func->kind != FUNC_BODY) return; // others cannot report, and hold nothing that may fail
  LLVMValueRef *fault = &f->faults[status];
  *fault = *fault ? LLVMBuildOr(f->e->builder, *fault, lanes, "") : lanes;
}

// Lanes whose index is outside read nothing and are faults.
static LLVMValueRef emit_fetch(FuncEmitter *f, const Access *access, LLVMValueRef at, LLVMValueRef bound) {
  Emitter *e = f->e;
  LLVMTypeRef element = memory_type(e, access->type), type = vector(e, element);
  LLVMValueRef inside = LLVMBuildICmp(e->builder, LLVMIntULT, at, bound, ""); // bounds are not negative
  add_fault(f, STATUS_INDEX, LLVMBuildNot(e->builder, inside, ""));
  LLVMValueRef mask = f->mask ? LLVMBuildAnd(e->builder, inside, f->mask, "") : inside;
  LLVMValueRef first = lane_addresses(f, access, access_address(f, access));
  LLVMValueRef addresses = LLVMBuildGEP2(e->builder, element, first, &at, 1, "");
  LLVMValueRef alignment = LLVMConstInt(e->i32, alignment_of(access->type), 0);
  LLVMTypeRef types[] = {type, LLVMTypeOf(addresses)};
  LLVMValueRef args[] = {addresses, alignment, mask, LLVMConstNull(type)};
  return from_memory(f, access->type, call_intrinsic(e, "llvm.masked.gather", types, 2, args, 4));
}

static LLVMValueRef emit_coord(FuncEmitter *f, int axis) {
  Emitter *e = f->e;
  LLVMValueRef first = splat(e, LLVMBuildIntCast2(e->builder, f->coords[axis], e->i64, true, ""));
  return axis < COORDS - 1 ? first : LLVMBuildNSWAdd(e->builder, first, lane_numbers(e, e->i64), "");
}

static void emit_store(FuncEmitter *f, const Access *access, LLVMValueRef value) {
  Emitter *e = f->e;
  LLVMTypeRef type = vector(e, memory_type(e, access->type));
  value = to_memory(f, access->type, value);
  LLVMValueRef address = access_address(f, access);
  unsigned align = alignment_of(access->type);
  LLVMValueRef alignment = LLVMConstInt(e->i32, align, 0);
  bool unit = dim_is(access->stride[COORDS - 1], 1) || dim_is(f->func->space[COORDS - 1], 1);
  if (unit && !f->mask) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, address), align);
  } else if (unit) {
    LLVMTypeRef types[] = {type, e->pointer};
    LLVMValueRef args[] = {value, address, alignment, f->mask};
    call_intrinsic(e, "llvm.masked.store", types, 2, args, 4);
  } else {
    LLVMValueRef addresses = lane_addresses(f, access, address);
    LLVMTypeRef types[] = {type, LLVMTypeOf(addresses)};
    LLVMValueRef args[] = {value, addresses, alignment, f->mask ? f->mask : full_mask(e)};
    call_intrinsic(e, "llvm.masked.scatter", types, 2, args, 4);
  }
}

/* operators */

// How each operator is written: an instruction for floats, signed and unsigned integers, an intrinsic, or a call of
// the templates' own function NAME_f32 or, of doubles, NAME_f64. 0 and NULL: by hand below.
static const struct {
  LLVMOpcode on_float, on_signed, on_unsigned;
  const char *intrinsic;
  bool call;
} rules[EX_COUNT] = {
    [EX_ADD] = {LLVMFAdd, LLVMAdd, LLVMAdd, NULL, false},
    [EX_SUB] = {LLVMFSub, LLVMSub, LLVMSub, NULL, false},
    [EX_MUL] = {LLVMFMul, LLVMMul, LLVMMul, NULL, false},
    [EX_DIV] = {LLVMFDiv, 0, 0, NULL, false},
    [EX_AND] = {0, LLVMAnd, LLVMAnd, NULL, false},
    [EX_OR] = {0, LLVMOr, LLVMOr, NULL, false},
    [EX_XOR] = {0, LLVMXor, LLVMXor, NULL, false},
    [EX_SQRT] = {.intrinsic = "llvm.sqrt"},
    [EX_FLOOR] = {.intrinsic = "llvm.floor"},
    [EX_CEIL] = {.intrinsic = "llvm.ceil"},
    [EX_TRUNC] = {.intrinsic = "llvm.trunc"},
    [EX_ROUND] = {.intrinsic = "llvm.roundeven"},
    [EX_EXP] = {.call = true},
    [EX_LOG] = {.call = true},
    [EX_LOG1P] = {.call = true},
    [EX_EXPM1] = {.call = true},
    [EX_TANH] = {.call = true},
    [EX_ERF] = {.call = true},
    [EX_SIGMOID] = {.call = true},
    [EX_SIN] = {.call = true},
    [EX_COS] = {.call = true},
    [EX_TAN] = {.call = true},
    [EX_ASIN] = {.call = true},
    [EX_ACOS] = {.call = true},
    [EX_ATAN] = {.call = true},
    [EX_SINH] = {.call = true},
    [EX_COSH] = {.call = true},
    [EX_ASINH] = {.call = true},
    [EX_ACOSH] = {.call = true},
    [EX_ATANH] = {.call = true},
    [EX_POW] = {.call = true},
};

static LLVMValueRef call_math(FuncEmitter *f, DType type, const char *name, LLVMValueRef *args, unsigned count) {
  Emitter *e = f->e;
  char symbol[40];
  snprintf(symbol, sizeof symbol, "%s_%s", name, type == DT_F64 ? "f64" : "f32");
  if (type == DT_F64) return call_lanes(f, symbol, args, count, memory_type(e, type));
  LLVMValueRef function = LLVMGetNamedFunction(e->module, symbol);
  assert(function);
  return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(function), function, args, count, "");
}

// Only multiplications and additions may join; NaN and infinities keep their meaning.
static LLVMValueRef contract(LLVMValueRef value) {
  if (LLVMIsAInstruction(value) && LLVMCanValueUseFastMathFlags(value))
    LLVMSetFastMathFlags(value, LLVMFastMathAllowContract);
  return value;
}

// Names of small floats in templates/convert.h.
static const char *const small_floats[DT_COUNT] = {
    [DT_F8E4M3FN] = "f8e4m3fn",     [DT_F8E4M3FNUZ] = "f8e4m3fnuz", [DT_F8E5M2] = "f8e5m2",
    [DT_F8E5M2FNUZ] = "f8e5m2fnuz", [DT_F4E2M1] = "f4e2m1",         [DT_F8E8M0] = "f8e8m0"};

// A number as float32, such that rounding it once more to a narrower type is right.
static LLVMValueRef emit_narrow(FuncEmitter *f, DType from, LLVMValueRef x) {
  Emitter *e = f->e;
  if (dtype_is_float(from) && from != DT_F64) return x;
  if (!dtype_is_float(from)) {
    LLVMTypeRef type = vector(e, memory_type(e, dtype_unit(from) < 4 ? DT_F32 : DT_F64));
    x = dtype_is_signed(from) ? LLVMBuildSIToFP(e->builder, x, type, "") : LLVMBuildUIToFP(e->builder, x, type, "");
    if (dtype_unit(from) < 4) return x;
  }
  return call_lanes(f, "f64_to_odd", &x, 1, e->f32);
}

static LLVMValueRef emit_cast(FuncEmitter *f, const Expr *cast, LLVMValueRef x) {
  Emitter *e = f->e;
  DType from = cast->a[0]->type, to = cast->type;
  char name[40];
  if (dtype_is_small_float(from)) {
    snprintf(name, sizeof name, "%s_to_f32", small_floats[from]);
    x = call_lanes(f, name, &x, 1, e->f32);
    from = DT_F32;
  }
  LLVMTypeRef type = vector(e, compute_type(e, to));
  bool to_float = dtype_is_float(to), from_float = dtype_is_float(from);
  bool from_signed = dtype_is_signed(from);
  if (to == DT_BOOL)
    return from_float ? LLVMBuildFCmp(e->builder, LLVMRealUNE, x, LLVMConstNull(LLVMTypeOf(x)), "")
                      : LLVMBuildICmp(e->builder, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
  if (to == DT_F16 || to == DT_BF16) // rounds, though computing goes on in float32
    return from_memory(f, to, to_memory(f, to, emit_narrow(f, from, x)));
  if (dtype_is_small_float(to)) {
    static const char *const modes[] = {"_up", "_down", "_nearest"};
    x = emit_narrow(f, from, x);
    snprintf(name, sizeof name, "%s_from_f32%s%s", small_floats[to], to == DT_F8E8M0 ? modes[cast->index & 3] : "",
             cast->index & CAST_OPEN ? "_open" : "");
    return call_lanes(f, name, &x, 1, e->i8);
  }
  if (from_float && to_float) return LLVMBuildFPCast(e->builder, x, type, "");
  if (to_float)
    return from_signed ? LLVMBuildSIToFP(e->builder, x, type, "") : LLVMBuildUIToFP(e->builder, x, type, "");
  // Floats out of range: the nearest value; NaN: 0. Types narrower than a byte take the low bits of what int32 holds.
  unsigned bits = (unsigned)dtype_bits(to);
  LLVMTypeRef exact = vector(e, LLVMIntTypeInContext(e->context, bits));
  if (from_float) {
    LLVMTypeRef types[] = {bits < 8 ? vector(e, e->i32) : exact, LLVMTypeOf(x)};
    bool is_signed = dtype_is_signed(to) || bits < 8;
    x = call_intrinsic(e, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat", types, 2, &x, 1);
  }
  x = LLVMBuildIntCast2(e->builder, x, exact, from_signed, "");
  return LLVMBuildIntCast2(e->builder, x, type, dtype_is_signed(to), "");
}

static LLVMValueRef emit_compare(Emitter *e, const Expr *x, LLVMValueRef *a) {
  DType type = x->a[0]->type;
  static const LLVMRealPredicate reals[] = {LLVMRealOLT, LLVMRealOLE, LLVMRealOEQ};
  static const LLVMIntPredicate ints[2][3] = {{LLVMIntULT, LLVMIntULE, LLVMIntEQ}, {LLVMIntSLT, LLVMIntSLE, LLVMIntEQ}};
  int which = x->op - EX_LT;
  if (dtype_is_float(type)) return LLVMBuildFCmp(e->builder, reals[which], a[0], a[1], "");
  return LLVMBuildICmp(e->builder, ints[dtype_is_signed(type)][which], a[0], a[1], "");
}

// The larger (smaller) of two; NaN when either is. One constant operand makes it a single instruction on x86.
static LLVMValueRef emit_max(Emitter *e, const Expr *x, LLVMValueRef *a) {
  DType type = x->type;
  bool max = x->op == EX_MAX;
  if (!dtype_is_float(type)) {
    LLVMIntPredicate order = dtype_is_signed(type) ? (max ? LLVMIntSGT : LLVMIntSLT) : (max ? LLVMIntUGT : LLVMIntULT);
    return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, order, a[0], a[1], ""), a[0], a[1], "");
  }
  bool swap = x->a[0]->op == EX_CONST; // the constant, which is no NaN, goes second
  LLVMValueRef p = a[swap], q = a[!swap];
  LLVMRealPredicate order = max ? LLVMRealOGT : LLVMRealOLT;
  LLVMValueRef best = LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, order, q, p, ""), q, p, "");
  const Expr *second = x->a[!swap];
  if (second->op == EX_CONST && second->f == second->f) return best;
  return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, LLVMRealUNO, q, q, ""), q, best, "");
}

// Integer division that cannot trap: lanes that would are remembered as faults, or wrap.
static LLVMValueRef emit_divide(FuncEmitter *f, const Expr *x, LLVMValueRef *a) {
  Emitter *e = f->e;
  LLVMTypeRef type = LLVMTypeOf(a[1]);
  LLVMValueRef zero = LLVMBuildICmp(e->builder, LLVMIntEQ, a[1], LLVMConstNull(type), "");
  LLVMValueRef one = splat(e, LLVMConstInt(memory_type(e, x->type), 1, 0));
  LLVMValueRef divisor = LLVMBuildSelect(e->builder, zero, one, a[1], "");
  add_fault(f, STATUS_DIVIDE, zero);
  bool divide = x->op == EX_DIV;
  if (!dtype_is_signed(x->type))
    return divide ? LLVMBuildUDiv(e->builder, a[0], divisor, "") : LLVMBuildURem(e->builder, a[0], divisor, "");
  LLVMValueRef minus = LLVMBuildICmp(e->builder, LLVMIntEQ, divisor, LLVMConstAllOnes(type), "");
  divisor = LLVMBuildSelect(e->builder, minus, one, divisor, "");
  LLVMValueRef result =
      divide ? LLVMBuildSDiv(e->builder, a[0], divisor, "") : LLVMBuildSRem(e->builder, a[0], divisor, "");
  LLVMValueRef by_minus = divide ? LLVMBuildNeg(e->builder, a[0], "") : LLVMConstNull(type);
  return LLVMBuildSelect(e->builder, minus, by_minus, result, "");
}

static LLVMValueRef emit_shift(Emitter *e, const Expr *x, LLVMValueRef *a) {
  LLVMTypeRef type = LLVMTypeOf(a[0]);
  LLVMValueRef width = splat(e, LLVMConstInt(memory_type(e, x->type), (unsigned long long)dtype_bits(x->type), 0));
  LLVMValueRef fits = LLVMBuildICmp(e->builder, LLVMIntULT, a[1], width, "");
  LLVMValueRef by = LLVMBuildSelect(e->builder, fits, a[1], LLVMConstNull(type), "");
  LLVMValueRef y = x->op == EX_SHL            ? LLVMBuildShl(e->builder, a[0], by, "")
                   : dtype_is_signed(x->type) ? LLVMBuildAShr(e->builder, a[0], by, "")
                                              : LLVMBuildLShr(e->builder, a[0], by, "");
  return LLVMBuildSelect(e->builder, fits, y, LLVMConstNull(type), "");
}

static LLVMValueRef emit_constant(Emitter *e, const Expr *x) {
  LLVMTypeRef type = compute_type(e, x->type);
  if (dtype_is_small_float(x->type)) return splat(e, LLVMConstInt(type, float_bits(x->type, x->f), 0));
  return splat(e,
               dtype_is_float(x->type) ? LLVMConstReal(type, x->f) : LLVMConstInt(type, (unsigned long long)x->i, 1));
}

static LLVMValueRef emit_expr(FuncEmitter *f, const Expr *x);

static LLVMValueRef emit_op(FuncEmitter *f, const Expr *x) {
  Emitter *e = f->e;
  LLVMValueRef a[3] = {0};
  unsigned count = (unsigned)scalar_arity(x->op);
  for (unsigned i = 0; i < count; i++) a[i] = emit_expr(f, x->a[i]);
  bool is_float = dtype_is_float(x->type);
  LLVMTypeRef type = vector(e, compute_type(e, x->type));
  LLVMOpcode opcode = is_float                   ? rules[x->op].on_float
                      : dtype_is_signed(x->type) ? rules[x->op].on_signed
                                                 : rules[x->op].on_unsigned;
  if (opcode) return contract(LLVMBuildBinOp(e->builder, opcode, a[0], a[1], ""));
  if (rules[x->op].intrinsic) return is_float ? call_intrinsic(e, rules[x->op].intrinsic, &type, 1, a, count) : a[0];
  if (rules[x->op].call) return call_math(f, x->type, scalar_text(x->op), a, count);
  switch (x->op) {
  case EX_CONST: return emit_constant(e, x);
  case EX_ACC: return f->acc;
  case EX_LOAD: return emit_load(f, &f->func->loads[x->index]);
  case EX_COORD: return emit_coord(f, x->index);
  case EX_FETCH: return emit_fetch(f, &f->func->loads[x->index], a[0], a[1]);
  case EX_CAST: return emit_cast(f, x, a[0]);
  case EX_NEG: return is_float ? LLVMBuildFNeg(e->builder, a[0], "") : LLVMBuildNeg(e->builder, a[0], "");
  case EX_ABS: {
    if (is_float) return call_intrinsic(e, "llvm.fabs", &type, 1, a, 1);
    if (!dtype_is_signed(x->type)) return a[0];
    LLVMValueRef args[] = {a[0], LLVMConstInt(e->i1, 0, 0)};
    return call_intrinsic(e, "llvm.abs", &type, 1, args, 2);
  }
  case EX_ISNAN: return LLVMBuildFCmp(e->builder, LLVMRealUNO, a[0], a[0], "");
  case EX_NOT:
  case EX_BITNOT: return LLVMBuildNot(e->builder, a[0], "");
  case EX_LT:
  case EX_LE:
  case EX_EQ: return emit_compare(e, x, a);
  case EX_MIN:
  case EX_MAX: return emit_max(e, x, a);
  case EX_DIV: return emit_divide(f, x, a);
  case EX_REM: return is_float ? call_math(f, x->type, "fmod", a, 2) : emit_divide(f, x, a);
  case EX_SHL:
  case EX_SHR: return emit_shift(e, x, a);
  case EX_SELECT: return LLVMBuildSelect(e->builder, a[0], a[1], a[2], "");
  default: assert(!"scalar operator without a rule"); return NULL;
  }
}

static LLVMValueRef emit_expr(FuncEmitter *f, const Expr *x) {
  LLVMValueRef *done = &f->done[x->id];
  if (!*done) *done = emit_op(f, x);
  return *done;
}

/* functions */

void set_target_attributes(Emitter *e, LLVMValueRef function) {
  const char *pairs[][2] = {{"target-cpu", e->target->llvm_cpu}, {"target-features", e->target->llvm_features}};
  for (size_t i = 0; i < COUNT(pairs); i++) {
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(e->context, pairs[i][0], (unsigned)strlen(pairs[i][0]),
                                                           pairs[i][1], (unsigned)strlen(pairs[i][1]));
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attribute);
  }
  unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
  LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(e->context, nounwind, 0));
}

static void emit_body(FuncEmitter *f) {
  Emitter *e = f->e;
  const Func *func = f->func;
  memset(f->done, 0, f->done_count * sizeof *f->done);
  memset(f->faults, 0, sizeof f->faults);
  if (func->kind == FUNC_LOAD) {
    LLVMBuildRet(e->builder, emit_expr(f, func->values[0]));
    return;
  }
  for (size_t i = 0; i < func->store_count; i++) emit_expr(f, func->values[i]); // all loads before any store
  for (size_t i = 0; i < func->store_count; i++) emit_store(f, &func->stores[i], emit_expr(f, func->values[i]));
  if (func->kind == FUNC_STORE) {
    LLVMBuildRetVoid(e->builder);
    return;
  }
  LLVMValueRef status = LLVMConstInt(e->i32, STATUS_OK, 0);
  for (unsigned i = 0; i < STATUS_COUNT; i++) {
    if (!f->faults[i]) continue;
    LLVMTypeRef type = vector(e, e->i1);
    LLVMValueRef fault = f->mask ? LLVMBuildAnd(e->builder, f->faults[i], f->mask, "") : f->faults[i];
    LLVMValueRef any = call_intrinsic(e, "llvm.vector.reduce.or", &type, 1, &fault, 1);
    status = LLVMBuildSelect(e->builder, any, LLVMConstInt(e->i32, i, 0), status, "");
  }
  LLVMBuildRet(e->builder, status);
}

LLVMValueRef emit_func(Emitter *e, const Func *func, const char *name) {
  LLVMTypeRef params[COORDS + 3], vf = vector(e, e->f32);
  unsigned count = 0;
  params[count++] = e->pointer;
  if (func->kind == FUNC_STORE) params[count++] = vf;
  for (int i = 0; i < COORDS + 1; i++) params[count++] = e->idx; // coordinates, lanes
  LLVMTypeRef result = func->kind == FUNC_LOAD    ? vf
                       : func->kind == FUNC_STORE ? LLVMVoidTypeInContext(e->context)
                                                  : e->i32;
  LLVMValueRef function = LLVMAddFunction(e->module, name, LLVMFunctionType(result, params, count, 0));
  LLVMSetLinkage(function, LLVMInternalLinkage);
  set_target_attributes(e, function);
  unsigned inlined = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
  LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(e->context, inlined, 0));

  FuncEmitter f = {.e = e, .func = func, .bufs = LLVMGetParam(function, 0)};
  unsigned at = 1;
  if (func->kind == FUNC_STORE) f.acc = LLVMGetParam(function, at++);
  for (int i = 0; i < COORDS; i++) f.coords[i] = LLVMGetParam(function, at++);
  LLVMValueRef lanes = LLVMGetParam(function, at);
  size_t values = func->kind == FUNC_LOAD ? 1 : func->store_count;
  for (size_t i = 0; i < values; i++)
    if ((size_t)func->values[i]->id >= f.done_count) f.done_count = (size_t)func->values[i]->id + 1;
  f.done = NEW_ARRAY(e->model->arena, LLVMValueRef, f.done_count);

  LLVMBasicBlockRef entry = f.entry = LLVMAppendBasicBlockInContext(e->context, function, "entry");
  LLVMBasicBlockRef whole = LLVMAppendBasicBlockInContext(e->context, function, "whole");
  LLVMBasicBlockRef partial = LLVMAppendBasicBlockInContext(e->context, function, "partial");
  LLVMPositionBuilderAtEnd(e->builder, entry);
  LLVMValueRef all = LLVMConstInt(e->idx, e->lanes, 0);
  LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntEQ, lanes, all, ""), whole, partial);
  LLVMPositionBuilderAtEnd(e->builder, whole);
  emit_body(&f);
  LLVMPositionBuilderAtEnd(e->builder, partial);
  LLVMValueRef narrow = LLVMBuildTrunc(e->builder, lanes, e->i32, "");
  f.mask = LLVMBuildICmp(e->builder, LLVMIntULT, lane_numbers(e, e->i32), splat(e, narrow), "");
  emit_body(&f);
  return function;
}
