// Calls of the simulator's runtime from within kernels.
#ifndef DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H
#define DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace descent {

/// Creates calls in a module of kernels.
class SimulatorCalls {
public:
  explicit SimulatorCalls(mlir::gpu::GPUModuleOp module) : module(module), symbols(module) {}

  /// Calls `function`; returns its result, if it has one.
  mlir::Value create(mlir::ImplicitLocOpBuilder &b, llvm::StringRef function, mlir::Type result,
                     mlir::ValueRange arguments);
  /// The same for `op`: the first arguments are the simulator's thread and a text that names the operation and its
  /// place in the source.
  mlir::Value create(mlir::ImplicitLocOpBuilder &b, llvm::StringRef function, mlir::Type result, mlir::Value thread,
                     mlir::Operation *op, mlir::ValueRange arguments);

  /// The text that names an operation and its place in the source.
  mlir::Value createPlace(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op);

  /// Whether a constant is a text that this class made.
  static bool isText(mlir::LLVM::GlobalOp global) { return global.getName().starts_with(kText); }

  /// Stands for the thread until a kernel is a function that has it as an argument.
  static constexpr llvm::StringLiteral kSelf = "descent_sim_self";

private:
  static constexpr llvm::StringLiteral kText = "descent_sim_text";
  mlir::LLVM::LLVMFuncOp declare(llvm::StringRef name, mlir::Type result, mlir::TypeRange arguments);
  /// One for each operation: the runtime tells operations apart by their texts' addresses.
  mlir::LLVM::GlobalOp createText(mlir::Operation *op);

  mlir::gpu::GPUModuleOp module;
  mlir::SymbolTable symbols;
  llvm::DenseMap<mlir::Operation *, mlir::LLVM::GlobalOp> texts;
  llvm::StringMap<unsigned> timesSeen;
};

} // namespace descent

#endif // DESCENT_LIB_TARGET_SIMULATOR_SIMULATORCALLS_H
