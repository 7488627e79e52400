#include "Devices.h"

#include "DevicePaths.h"
#include "Outputs.h"

#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"
#include "descent/Target/Cuda/Cuda.h"
#include "descent/Target/Gpu/Gpu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace descent;

static InFlightDiagnostic error(MLIRContext *context) { return emitError(UnknownLoc::get(context)); }

static FailureOr<SmallVector<GpuTarget>> getDevices(MLIRContext *context, const CompileOptions &options) {
  SmallVector<GpuTarget> devices = findGpuTargets(options.target);
  if (!devices.empty())
    return devices;
  auto diagnostic = error(context) << "unknown target '" << options.target << "': expected cuda, all chips";
  for (const GpuTarget &known : getGpuTargets())
    diagnostic << ", " << known.name;
  return diagnostic << ", or several chips as in cuda:sm_80,sm_90a";
}

LogicalResult descent::checkDeviceOutput(MLIRContext &context, StringRef extension, const CompileOptions &options) {
  FailureOr<SmallVector<GpuTarget>> devices = getDevices(&context, options);
  if (failed(devices))
    return failure();
  SmallVector<StringRef> endings = {".so", ".o", ".s", ".ll", ".mlir"};
  if (!devices->front().chip.empty())
    endings.append({".ptx", ".cubin", ".fatbin"});
  if (!llvm::is_contained(endings, extension))
    return error(&context) << "--target=" << options.target << " writes "
                           << llvm::join(ArrayRef(endings).drop_back(), ", ") << " or " << endings.back() << ", found '"
                           << options.output << "'";
  bool isOne = llvm::is_contained({".ptx", ".cubin"}, extension) || (extension == ".mlir" && options.layer == "llvm");
  if (isOne && devices->size() > 1)
    return error(&context) << "a " << extension << " file is for one chip, found '" << options.target
                           << "'; choose one, such as " << devices->front().name << ", or write a .fatbin";
  return success();
}

LogicalResult descent::explainForDevices(ModuleOp module, const CompileOptions &options) {
  FailureOr<SmallVector<GpuTarget>> devices = getDevices(module.getContext(), options);
  if (failed(devices))
    return failure();
  const GpuTarget &first = devices->front();
  plan::explain(*module.getOps<plan::ProgramOp>().begin(), {first.getRates(), !first.chip.empty()}, llvm::outs());
  if (!first.chip.empty())
    llvm::outs() << "costs by the rates of " << first.name << "\n";
  llvm::outs() << "kernels for";
  for (const GpuTarget &target : *devices)
    llvm::outs() << " " << target.name;
  llvm::outs() << "\n";
  return success();
}

/// Kernels without those of the driver, if all devices run the same.
static LogicalResult emitKernels(ModuleOp module, ArrayRef<GpuTarget> devices, const CompileOptions &options) {
  if (devices.size() > 1) {
    FailureOr<DevicePaths> paths = lowerToDevicePaths(module, devices);
    if (failed(paths))
      return failure();
    if (paths->size() > 1)
      return error(module.getContext()) << "--emit=kernels shows kernels that all chips run, but there are those of "
                                        << joinNames(*paths, " and of ") << "; choose one";
  }
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPlanToKernelsPipeline(passes, devices.front());
  return success(succeeded(passes.run(module)) && succeeded(writeIR(module, options.output)));
}

LogicalResult descent::emitDeviceIR(ModuleOp module, const CompileOptions &options) {
  SmallVector<GpuTarget> devices = findGpuTargets(options.target);
  if (options.layer == "plan")
    return writeIR(module, options.output);
  if (options.layer == "kernels")
    return emitKernels(module, devices, options);
  if (devices.front().chip.empty()) {
    OwningOpRef<ModuleOp> artifact = lowerDeviceArtifact(module, options);
    return success(artifact && succeeded(writeIR(*artifact, options.output)));
  }
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPlanToKernelsPipeline(passes, devices.front());
  buildKernelsToNvvmPipeline(passes, devices.front());
  return success(succeeded(passes.run(module)) && succeeded(writeIR(module, options.output)));
}

/// The table of kernels, in JSON.
static std::string describeKernels(StringRef name, ArrayRef<KernelUse> kernels) {
  llvm::json::Array all;
  for (const KernelUse &kernel : kernels) {
    llvm::json::Array warnings(kernel.warnings);
    all.push_back(llvm::json::Object{{"name", kernel.name},
                                     {"chip", kernel.chip},
                                     {"registers", kernel.registers},
                                     {"register_budget", kernel.budget},
                                     {"register_limit", kernel.limit},
                                     {"stack_bytes", kernel.stackBytes},
                                     {"spill_bytes", kernel.spillBytes},
                                     {"workgroup_bytes", kernel.workgroupBytes},
                                     {"instructions", kernel.instructions},
                                     {"warp_products", kernel.warpProducts},
                                     {"group_products", kernel.groupProducts},
                                     {"wide_loads", kernel.wideLoads},
                                     {"wide_stores", kernel.wideStores},
                                     {"warnings", std::move(warnings)}});
  }
  llvm::json::Object table{{"name", name}, {"kernels", std::move(all)}};
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(table)));
}

LogicalResult descent::emitDeviceCode(ModuleOp module, StringRef extension, const CompileOptions &options) {
  if (!llvm::is_contained({".ptx", ".cubin", ".fatbin"}, extension))
    return emitDeviceArtifact(module, extension, options);
  CudaOptions cuda{findGpuTargets(options.target), options.cuda};
  CudaImage image;
  LogicalResult emitted = extension == ".ptx"     ? emitPtx(module, cuda, image.bytes)
                          : extension == ".cubin" ? emitCubin(module, cuda, image)
                                                  : emitFatbin(module, cuda, image);
  if (failed(emitted))
    return failure();
  Outputs outputs(UnknownLoc::get(module.getContext()));
  if (failed(outputs.add(options.output, StringRef(image.bytes.data(), image.bytes.size()))))
    return failure();
  StringRef name = (*module.getOps<plan::ProgramOp>().begin()).getSymName();
  bool isAssembled = extension != ".ptx";
  if (isAssembled && failed(outputs.add(beside(options.output, "json"), describeKernels(name, image.kernels))))
    return failure();
  return outputs.commit();
}
