// Passes that all kinds of devices share.
#ifndef DESCENT_TARGET_GPU_PASSES_H
#define DESCENT_TARGET_GPU_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace descent {

/// An attribute of modules: the compiled kernels, as CUDA loads them.
inline constexpr llvm::StringLiteral kDeviceImage = "descent.image";

#define GEN_PASS_DECL
#include "descent/Target/Gpu/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Target/Gpu/Passes.h.inc"
} // namespace descent

#endif // DESCENT_TARGET_GPU_PASSES_H
