// The kernels that all optimizers have.
#include "descent/Target/Gpu/Passes.h"

#include "mlir/Parser/Parser.h"

namespace descent {
#define GEN_PASS_DEF_GPUADDDRIVER
#include "descent/Target/Gpu/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

static constexpr char driverText[] = {
#include "descent/Target/Gpu/driver.inc"
};

namespace {
struct GpuAddDriver : descent::impl::GpuAddDriverBase<GpuAddDriver> {
  void runOnOperation() override {
    auto kernels = getOperation().lookupSymbol<gpu::GPUModuleOp>("kernels");
    if (!kernels) {
      getOperation().emitError("has no module of kernels; run convert-plan-to-gpu first");
      return signalPassFailure();
    }
    auto driver = parseSourceString<ModuleOp>(StringRef(driverText, sizeof(driverText)), &getContext(), "driver.mlir");
    if (!driver)
      return signalPassFailure();
    OpBuilder b = OpBuilder::atBlockBegin(kernels.getBody());
    for (auto module : driver->getOps<gpu::GPUModuleOp>())
      for (auto kernel : module.getOps<gpu::GPUFuncOp>())
        b.clone(*kernel);
  }
};
} // namespace
