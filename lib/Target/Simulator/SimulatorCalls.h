// Calls of the simulator's runtime from within kernels.
#ifndef DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H
#define DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

namespace descent {

/// Creates calls in a module of kernels. Their first argument is the simulator's thread, the second a text that names
/// an operation and its place in the source.
class SimulatorCalls {
public:
  explicit SimulatorCalls(mlir::Operation *module) : module(module) {}

  /// Calls `function` for `op`; returns its result, if it has one.
  mlir::Value create(mlir::ImplicitLocOpBuilder &b, llvm::StringRef function, mlir::Type result, mlir::Operation *op,
                     mlir::ValueRange arguments);

  /// What stands for the thread until a kernel is a function that has it as an argument.
  static constexpr llvm::StringLiteral kSelf = "descent_sim_self";

private:
  mlir::LLVM::LLVMFuncOp declare(llvm::StringRef name, mlir::Type result, mlir::TypeRange arguments);
  mlir::Value createText(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op);

  mlir::Operation *module;
  llvm::StringMap<mlir::LLVM::GlobalOp> texts;
};

} // namespace descent

#endif // DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H
