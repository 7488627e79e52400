#include "descent/InitAll.h"

#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Transforms/Passes.h"

void descent::registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<DescentDialect, plan::PlanDialect>();
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::ub::UBDialect, mlir::vector::VectorDialect>();
}

void descent::registerAllPasses() {
  registerDescentConversionPasses();
  mlir::registerTransformsPasses();
}
