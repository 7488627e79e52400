// From plans to the kernels that all kinds of devices share.
#ifndef DESCENT_TARGET_GPU_GPU_H
#define DESCENT_TARGET_GPU_GPU_H

#include "descent/Target/Gpu/GpuTarget.h"

#include "mlir/Pass/PassManager.h"

namespace descent {

/// plan -> plan with a kernel in `gpu.func` for every stage.
void buildPlanToKernelsPipeline(mlir::OpPassManager &passes, const GpuTarget &target);

} // namespace descent

#endif // DESCENT_TARGET_GPU_GPU_H
