// Calls of the simulator for kernels with asynchronous operations.
#ifndef DESCENT_LIB_TARGET_SIMULATOR_PIPELINELOWERING_H
#define DESCENT_LIB_TARGET_SIMULATOR_PIPELINELOWERING_H

#include "SimulatorCalls.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace descent {

/// Lowers mbarriers, bulk copies of tensors, products of warpgroups and the like: the operations of `nvvm` that the
/// runtime's Pipelines.h knows.
class PipelineLowering {
public:
  /// `registers` are those of a thread at the kernel's begin, 0 if the kernel does not say; `createWords` makes memory
  /// of the thread's stack for some words of 32 bits.
  PipelineLowering(mlir::ImplicitLocOpBuilder &b, SimulatorCalls &calls, mlir::Value self, int64_t registers,
                   llvm::function_ref<mlir::Value(int64_t)> createWords)
      : b(b), calls(calls), self(self), registers(registers), createWords(createWords) {}

  /// Creates what stands for the operation, before it. Nothing for all other operations; fails on one that the
  /// simulator knows, but not all of.
  std::optional<llvm::LogicalResult> lower(mlir::Operation *op);

private:
  std::optional<llvm::LogicalResult> lowerBarrier(mlir::Operation *op);
  std::optional<llvm::LogicalResult> lowerMbarrier(mlir::Operation *op);
  std::optional<llvm::LogicalResult> lowerFence(mlir::Operation *op);
  std::optional<llvm::LogicalResult> lowerCopy(mlir::Operation *op);
  std::optional<llvm::LogicalResult> lowerWarpgroup(mlir::Operation *op);
  llvm::LogicalResult lowerNamedBarrier(mlir::NVVM::BarrierOp barrier);
  llvm::LogicalResult lowerArrival(mlir::Operation *op, mlir::Value address, mlir::Value count, mlir::Value bytes);
  llvm::LogicalResult lowerTest(mlir::Operation *op, mlir::Value address, mlir::Value phase);
  llvm::LogicalResult lowerProduct(mlir::NVVM::WgmmaMmaAsyncOp product);

  llvm::LogicalResult call(mlir::Operation *op, llvm::StringRef function, mlir::ValueRange arguments) {
    calls.create(b, function, {}, self, op, arguments);
    return llvm::success();
  }
  /// Replaces the operation's result, an i1, by what `function` returns.
  llvm::LogicalResult callTest(mlir::Operation *op, llvm::StringRef function, mlir::ValueRange arguments);
  mlir::Value constantI32(int64_t value) { return mlir::LLVM::ConstantOp::create(b, b.getI32Type(), value); }
  mlir::Value constantI64(int64_t value) { return mlir::LLVM::ConstantOp::create(b, b.getI64Type(), value); }

  mlir::ImplicitLocOpBuilder &b;
  SimulatorCalls &calls;
  mlir::Value self;
  int64_t registers;
  llvm::function_ref<mlir::Value(int64_t)> createWords;
};

/// Before each use of registers that a product of a warpgroup may still write, calls the simulator with the product.
void checkUsesOfSums(mlir::Operation *kernel, SimulatorCalls &calls, mlir::Value self);

} // namespace descent

#endif // DESCENT_LIB_TARGET_SIMULATOR_PIPELINELOWERING_H
