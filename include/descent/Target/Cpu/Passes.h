// Passes of the CPU target.
#ifndef DESCENT_TARGET_CPU_PASSES_H
#define DESCENT_TARGET_CPU_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace descent {
#define GEN_PASS_DECL
#include "descent/Target/Cpu/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

#endif // DESCENT_TARGET_CPU_PASSES_H
