// What the files of the LLVM emitter share.
#pragma once
#include "compiler/emit/emit.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

typedef struct {
  Model *model;
  const Target *target;
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  LLVMTargetMachineRef machine;
  LLVMTypeRef pointer, idx, i1, i8, i32, i64, f32;
  unsigned lanes;   // V of templates/template.h
  const Step *step; // whose functions are being written
} Emitter;

/* llvm_func.c */
// A Load, Store or Body of templates/template.h for one function of a step.
LLVMValueRef emit_func(Emitter *e, const Func *func, const char *name);
void set_target_attributes(Emitter *e, LLVMValueRef function);
// The pointer at bufs[index]: the same for the whole call, which LLVM cannot see by itself.
LLVMValueRef load_pointer(Emitter *e, LLVMValueRef bufs, int index);
// A number of the step, as idx: a constant, or read from the frame.
LLVMValueRef emit_number(Emitter *e, LLVMValueRef bufs, Dim number);

/* llvm_dims.c */
// The body of a dims step's kernel: computes numbers of the frame and checks them.
void emit_dims(Emitter *e, const Program *program, const Step *step, LLVMValueRef kernel);

/* description.c */
void emit_model(Emitter *e, Program *const *programs, size_t count, const Description *description);
