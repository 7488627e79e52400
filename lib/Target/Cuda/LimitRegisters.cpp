#include "descent/Target/Cuda/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace descent {
#define GEN_PASS_DEF_CUDALIMITREGISTERS
#include "descent/Target/Cuda/Passes.h.inc"
} // namespace descent

using namespace mlir;

static constexpr int64_t leastRegisters = 16, mostRegisters = 255; // of a thread, on all chips

namespace {
struct CudaLimitRegisters : descent::impl::CudaLimitRegistersBase<CudaLimitRegisters> {
  using CudaLimitRegistersBase::CudaLimitRegistersBase;

  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](gpu::GPUFuncOp function) {
      return function.isKernel() && failed(limit(function)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult limit(gpu::GPUFuncOp function) {
    auto own = dyn_cast_or_null<IntegerAttr>(function->removeDiscardableAttr("plan.registers"));
    int64_t most = own ? own.getInt() : int64_t(registers);
    if (most < leastRegisters || most > mostRegisters)
      return function.emitOpError("needs from ")
             << leastRegisters << " to " << mostRegisters << " registers a thread, found " << most;
    Builder b(&getContext());
    function->setAttr(NVVM::NVVMDialect::getMaxnregAttrName(), b.getI32IntegerAttr(most));
    return success();
  }
};
} // namespace
