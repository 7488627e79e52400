// Passes from rules to rules: what a recipe says, in arithmetic, reductions and products.
#ifndef DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_H
#define DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_H

#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace descent {
#define GEN_PASS_DECL
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"

struct ExpandOptions : mlir::PassPipelineOptions<ExpandOptions> {
  Option<std::string> compute{*this, "compute", llvm::cl::desc("element type of matrices: f32 or f64"),
                              llvm::cl::init("f32")};
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("do the algebra that saves passes over memory"),
                    llvm::cl::init(true)};
  Option<std::string> form{*this, "form", llvm::cl::desc("form of Newton-Schulz: auto, plain or gram"),
                           llvm::cl::init("auto")};
};

/// A recipe as rules of arithmetic, reductions and products, ready for planning.
void buildDescentExpandPipeline(mlir::OpPassManager &manager, const ExpandOptions &options);

/// The pipelines of this folder, by name.
void registerDescentTransformsPipelines();

#define GEN_PASS_REGISTRATION
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

#endif // DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_H
