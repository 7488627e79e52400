// Passes of the simulator.
#ifndef DESCENT_TARGET_SIMULATOR_PASSES_H
#define DESCENT_TARGET_SIMULATOR_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace descent {
#define GEN_PASS_DECL
#include "descent/Target/Simulator/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Target/Simulator/Passes.h.inc"
} // namespace descent

#endif // DESCENT_TARGET_SIMULATOR_PASSES_H
