// Passes of the CUDA target.
#ifndef DESCENT_TARGET_CUDA_PASSES_H
#define DESCENT_TARGET_CUDA_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/Pass.h"

namespace descent {
#define GEN_PASS_DECL
#include "descent/Target/Cuda/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Target/Cuda/Passes.h.inc"
} // namespace descent

#endif // DESCENT_TARGET_CUDA_PASSES_H
