// Passes between the layers.
#ifndef DESCENT_CONVERSION_PASSES_H
#define DESCENT_CONVERSION_PASSES_H

#include "descent/Conversion/GpuKernels.h"
#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace descent {
#define GEN_PASS_DECL
#include "descent/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Conversion/Passes.h.inc"
} // namespace descent

#endif // DESCENT_CONVERSION_PASSES_H
