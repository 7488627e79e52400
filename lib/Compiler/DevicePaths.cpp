#include "DevicePaths.h"

#include "descent/Target/Gpu/Gpu.h"
#include "descent/Target/Gpu/Passes.h"

#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace descent;

std::string DevicePath::getName() const {
  if (isSimulator())
    return devices.front().name.str();
  auto chips = llvm::map_range(devices, [](const GpuTarget &device) { return device.chip; });
  return "cuda:" + llvm::join(chips, ",");
}

std::string descent::joinNames(const DevicePaths &paths, StringRef between) {
  auto names = llvm::map_range(paths, [](const DevicePath &path) { return path.getName(); });
  return llvm::join(names, between);
}

static LogicalResult lowerToKernels(ModuleOp module, const GpuTarget &device) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPlanToKernelsPipeline(passes, device);
  passes.addPass(createGpuAddDriver());
  return passes.run(module);
}

FailureOr<DevicePaths> descent::lowerToDevicePaths(ModuleOp module, ArrayRef<GpuTarget> devices) {
  DevicePaths paths;
  for (const GpuTarget &device : devices) {
    OwningOpRef<ModuleOp> lowered = module.clone();
    if (failed(lowerToKernels(*lowered, device)))
      return failure();
    auto *same = llvm::find_if(paths, [&](DevicePath &path) {
      return OperationEquivalence::isEquivalentTo(*path.module, *lowered, OperationEquivalence::IgnoreLocations);
    });
    if (same == paths.end())
      paths.push_back({{device}, std::move(lowered)});
    else
      same->devices.push_back(device);
  }
  return paths;
}
