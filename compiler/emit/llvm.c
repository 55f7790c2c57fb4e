// The LLVM emitter: a module of kernel templates, one small function per distinct step that calls a template with
// constants, and LLVM's pipeline, which inlines and specialises.
#include "compiler/emit/llvm_emit.h"
#include "compiler/resources.h"

#include <assert.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

// Numbers the kernels of all programs. What computes dims knows the slots of its own program.
static void share_kernels(Program *const *programs, size_t program_count) {
  const char **signatures = NULL;
  size_t count = 0;
  for (size_t v = 0; v < program_count; v++) {
    size_t own = count;
    for (size_t i = 0; i < programs[v]->step_count; i++) {
      Step *step = programs[v]->steps[i];
      step->code = -1;
      if (!step_has_kernel(step)) continue;
      const char *signature = step_signature(programs[v], step);
      size_t k = step->kind == STEP_DIMS ? own : 0;
      while (k < count && strcmp(signatures[k], signature)) k++;
      if (k == count) APPEND(programs[0]->arena, signatures, count, signature);
      step->code = (int)k;
    }
  }
}

int *number_kernels(const Program *program, int *count) {
  int *numbers = NEW_ARRAY(program->arena, int, program->step_count);
  const char **signatures = NEW_ARRAY(program->arena, const char *, program->step_count);
  *count = 0;
  for (size_t i = 0; i < program->step_count; i++) {
    numbers[i] = -1;
    if (!step_has_kernel(program->steps[i])) continue;
    const char *signature = step_signature(program, program->steps[i]);
    int k = 0;
    while (k < *count && strcmp(signatures[k], signature)) k++;
    if (k == *count) signatures[(*count)++] = signature;
    numbers[i] = k;
  }
  return numbers;
}

static bool llvm_error(Emitter *e, char *message, const char *what) {
  diag_error(e->model->diag, e->model->file, "%s: %s", what, message ? message : "unknown fault");
  LLVMDisposeMessage(message);
  return false;
}

static bool open_machine(Emitter *e) {
  static _Thread_local bool ready;
  if (!ready) {
    LLVMInitializeX86TargetInfo(), LLVMInitializeX86Target(), LLVMInitializeX86TargetMC(),
        LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo(), LLVMInitializeAArch64Target(), LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter(), LLVMInitializeAArch64AsmParser();
    ready = true;
  }
  LLVMTargetRef target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(e->target->triple, &target, &message)) return llvm_error(e, message, "no code generator");
  e->machine = LLVMCreateTargetMachine(target, e->target->triple, e->target->llvm_cpu, e->target->llvm_features,
                                       LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelSmall);
  return true;
}

// Attributes of the level that the templates were compiled for make way for those of the chosen CPU.
static void adopt_templates(Emitter *e) {
  static const char *const drop[] = {"target-cpu", "target-features", "tune-cpu", "min-legal-vector-width"};
  for (LLVMValueRef f = LLVMGetFirstFunction(e->module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f)) continue;
    for (size_t i = 0; i < COUNT(drop); i++)
      LLVMRemoveStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, drop[i], (unsigned)strlen(drop[i]));
    set_target_attributes(e, f);
    LLVMSetLinkage(f, LLVMInternalLinkage);
  }
}

// LLVM's remarks (a loop that it did not unroll) are nothing that a user could act on.
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *context) {
  const Model *model = context;
  if (LLVMGetDiagInfoSeverity(info) != LLVMDSError) return;
  char *text = LLVMGetDiagInfoDescription(info);
  diag_error(model->diag, model->file, "code generation: %s", text);
  LLVMDisposeMessage(text);
}

static bool open_emitter(Emitter *e, Model *model, const Target *target) {
  *e = (Emitter){.model = model, .target = target, .context = LLVMContextCreate()};
  LLVMContextSetDiagnosticHandler(e->context, on_diagnostic, model);
  e->builder = LLVMCreateBuilderInContext(e->context);
  e->pointer = LLVMPointerTypeInContext(e->context, 0);
  e->i1 = LLVMInt1TypeInContext(e->context), e->i8 = LLVMInt8TypeInContext(e->context);
  e->i32 = LLVMInt32TypeInContext(e->context), e->i64 = LLVMInt64TypeInContext(e->context);
  e->f32 = LLVMFloatTypeInContext(e->context);
  e->idx = e->i64;
  e->lanes = (unsigned)target->vector_bytes / 4;
  return open_machine(e);
}

static void close_emitter(Emitter *e) {
  if (e->machine) LLVMDisposeTargetMachine(e->machine);
  if (e->module) LLVMDisposeModule(e->module);
  LLVMDisposeBuilder(e->builder);
  LLVMContextDispose(e->context);
}

static bool read_templates(Emitter *e) {
  const char *path = resource_path(e->model->arena, e->model->diag, e->target->bitcode);
  if (!path) return false;
  LLVMMemoryBufferRef buffer;
  char *message = NULL;
  if (LLVMCreateMemoryBufferWithContentsOfFile(path, &buffer, &message)) return llvm_error(e, message, path);
  bool failed = LLVMParseBitcodeInContext2(e->context, buffer, &e->module);
  LLVMDisposeMemoryBuffer(buffer);
  if (failed) return diag_error(e->model->diag, path, "not the bitcode of this compiler's templates");
  adopt_templates(e);
  return true;
}

static bool new_module(Emitter *e) {
  e->module = LLVMModuleCreateWithNameInContext("model", e->context);
  LLVMSetTarget(e->module, e->target->triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(e->machine);
  LLVMSetModuleDataLayout(e->module, layout);
  LLVMDisposeTargetData(layout);
  return true;
}

// One call of the step's template.
static void emit_template_call(Emitter *e, const Step *step, LLVMValueRef kernel, int number) {
  char name[48];
  LLVMValueRef template = LLVMGetNamedFunction(e->module, step->kernel->name);
  assert(template && "template missing from the bitcode");
  LLVMTypeRef type = LLVMGlobalGetValueType(template);
  unsigned param_count = LLVMCountParamTypes(type), count = 0;
  LLVMTypeRef *params = NEW_ARRAY(e->model->arena, LLVMTypeRef, param_count);
  LLVMValueRef *args = NEW_ARRAY(e->model->arena, LLVMValueRef, param_count);
  LLVMGetParamTypes(type, params);
  assert(param_count == step->arg_count + 3);

  LLVMValueRef functions[8] = {0};
  for (size_t i = 0, k = 0; i < step->arg_count; i++) {
    if (step->args[i].kind != ARG_FUNC) continue;
    snprintf(name, sizeof name, "func_%d_%zu", number, k);
    functions[k++] = emit_func(e, step->args[i].func, name);
  }
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, kernel, ""));
  for (size_t i = 0, k = 0; i < step->arg_count; i++) {
    const Arg *arg = &step->args[i];
    switch (arg->kind) {
    case ARG_INT: args[count] = emit_number(e, LLVMGetParam(kernel, 0), arg->i); break;
    case ARG_FLOAT: args[count] = LLVMConstReal(params[count], arg->f); break;
    case ARG_POINTER: args[count] = load_pointer(e, LLVMGetParam(kernel, 0), arg->pointer); break;
    case ARG_FUNC: args[count] = functions[k++]; break;
    }
    count++;
  }
  for (unsigned i = 0; i < 3; i++) args[count++] = LLVMGetParam(kernel, i);
  LLVMBuildRet(e->builder, LLVMBuildCall2(e->builder, type, template, args, count, ""));
}

// int ingot_kernel_N(void *const *bufs, ptrdiff_t part, ptrdiff_t parts)
static void emit_kernel(Emitter *e, const Program *program, const Step *step, int number) {
  char name[48];
  LLVMTypeRef own[] = {e->pointer, e->idx, e->idx};
  snprintf(name, sizeof name, "ingot_kernel_%d", number);
  LLVMValueRef kernel = LLVMAddFunction(e->module, name, LLVMFunctionType(e->i32, own, 3, 0));
  set_target_attributes(e, kernel);
  e->step = step;
  if (step->kind == STEP_TEMPLATE)
    emit_template_call(e, step, kernel, number);
  else
    emit_dims(e, program, step, kernel);
}

static bool optimise(Emitter *e) {
  char *message = NULL;
  if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message)) return llvm_error(e, message, "broken module");
  LLVMDisposeMessage(message);
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(e->module, "globaldce,default<O3>", e->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!error) return true;
  message = LLVMGetErrorMessage(error);
  diag_error(e->model->diag, e->model->file, "optimising failed: %s", message);
  LLVMDisposeErrorMessage(message);
  return false;
}

static bool write_code(Emitter *e, CodeKind kind, Bytes *out) {
  if (kind == CODE_LL) {
    char *text = LLVMPrintModuleToString(e->module);
    *out = (Bytes){arena_strdup(e->model->arena, text), strlen(text)};
    LLVMDisposeMessage(text);
    return true;
  }
  LLVMMemoryBufferRef buffer;
  char *message = NULL;
  LLVMCodeGenFileType type = kind == CODE_ASM ? LLVMAssemblyFile : LLVMObjectFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(e->machine, e->module, type, &message, &buffer))
    return llvm_error(e, message, "code generation failed");
  out->size = LLVMGetBufferSize(buffer);
  out->data = arena_alloc(e->model->arena, out->size);
  memcpy(out->data, LLVMGetBufferStart(buffer), out->size);
  LLVMDisposeMemoryBuffer(buffer);
  return true;
}

bool emit_kernels(Model *model, Program *const *programs, size_t count, const Target *target, CodeKind kind,
                  const Description *with, Bytes *out) {
  Emitter e;
  int next = 0, errors = model->diag->errors;
  share_kernels(programs, count);
  bool ok = open_emitter(&e, model, target) && read_templates(&e);
  for (size_t v = 0; v < count; v++)
    for (size_t i = 0; ok && i < programs[v]->step_count; i++)
      if (programs[v]->steps[i]->code == next) emit_kernel(&e, programs[v], programs[v]->steps[i], next++);
  if (ok && with) emit_model(&e, programs, count, with);
  ok = ok && optimise(&e) && write_code(&e, kind, out) && model->diag->errors == errors;
  close_emitter(&e);
  return ok;
}

bool emit_description(Model *model, Program *const *programs, size_t count, const Target *target,
                      const Description *description, Bytes *out) {
  Emitter e;
  bool ok = open_emitter(&e, model, target) && new_module(&e);
  if (ok) emit_model(&e, programs, count, description);
  ok = ok && write_code(&e, CODE_OBJECT, out);
  close_emitter(&e);
  return ok;
}
