// The code paths of an artifact for devices: chips that run the same kernels share one.
#ifndef DESCENT_COMPILER_DEVICEPATHS_H
#define DESCENT_COMPILER_DEVICEPATHS_H

#include "descent/Target/Gpu/GpuTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace descent {

struct DevicePath {
  llvm::SmallVector<GpuTarget> devices;
  mlir::OwningOpRef<mlir::ModuleOp> module; // the plan, and kernels for its stages and of the driver

  bool isSimulator() const { return devices.front().chip.empty(); }
  /// "cuda:sm_90a,sm_80", whichever way they were asked for.
  std::string getName() const;
};

using DevicePaths = llvm::SmallVector<DevicePath, 0>;

/// "cuda:sm_100a,sm_80+cuda:sm_90a": the names, joined.
std::string joinNames(const DevicePaths &paths, llvm::StringRef between);

/// A plan -> its kernels for each device. The module is left as it is.
mlir::FailureOr<DevicePaths> lowerToDevicePaths(mlir::ModuleOp module, llvm::ArrayRef<GpuTarget> devices);

} // namespace descent

#endif // DESCENT_COMPILER_DEVICEPATHS_H
