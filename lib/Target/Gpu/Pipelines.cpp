#include "descent/Target/Gpu/Gpu.h"

#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"

#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildPlanToKernelsPipeline(OpPassManager &passes, const GpuTarget &target) {
  passes.addPass(plan::createPlanReuseScratch());
  passes.addPass(createConvertPlanToGpu({target.threads, target.vectorBytes, target.products, target.workgroupBytes}));
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
}
