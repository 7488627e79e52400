// Artifacts whose kernels run on a device, or in the simulator of one.
#include "Devices.h"
#include "Outputs.h"

#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Target/Artifact/Artifact.h"
#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cuda/Cuda.h"
#include "descent/Target/Gpu/Gpu.h"
#include "descent/Target/Gpu/Passes.h"
#include "descent/Target/Simulator/Simulator.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace descent;

namespace {
/// What an artifact is compiled for: devices, and the processor beside them, which runs the entry points and the
/// simulator's kernels.
struct DeviceTargets {
  SmallVector<GpuTarget> devices;
  CpuTarget host;

  bool isSimulator() const { return devices.front().chip.empty(); }
  /// "cuda:sm_90a,sm_80", whichever way they were asked for.
  std::string getName() const;
};
} // namespace

std::string DeviceTargets::getName() const {
  if (isSimulator())
    return devices.front().name.str();
  auto chips = llvm::map_range(devices, [](const GpuTarget &device) { return device.chip; });
  return "cuda:" + llvm::join(chips, ",");
}

/// The host is the least processor of this kind; the simulator's multiplies and adds with one rounding, as devices do.
static FailureOr<DeviceTargets> getTargets(Location location, const CompileOptions &options) {
  DeviceTargets targets{findGpuTargets(options.target), CpuTarget()};
  for (const CpuTarget &host : llvm::reverse(getCpuTargets())) {
    if (!runsOnThisArchitecture(host) || (targets.isSimulator() && !host.hasFma))
      continue;
    targets.host = host;
    if (!targets.isSimulator())
      targets.host.features = ""; // the entry points run on any
    return targets;
  }
  return emitError(location, "knows no processor of this machine's architecture");
}

/// The kernels, in the LLVM dialect.
static LogicalResult lowerSimulatedKernels(ModuleOp module, const CpuTarget &host) {
  for (auto program : llvm::make_early_inc_range(module.getOps<plan::ProgramOp>()))
    program.erase();
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildGpuToSimulatorPipeline(passes, host);
  return passes.run(module);
}

/// Moves the simulator's kernels to the tables, which declare them.
static void merge(ModuleOp tables, ModuleOp kernels) {
  for (Operation &op : llvm::make_early_inc_range(*kernels.getBody())) {
    if (auto symbol = dyn_cast<SymbolOpInterface>(op))
      if (Operation *declared = tables.lookupSymbol(symbol.getNameAttr()))
        declared->erase();
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op); function && !function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
    op.moveBefore(tables.getBody(), tables.getBody()->end());
  }
}

/// Keeps the kernels for CUDA's chips in the module's attribute.
static LogicalResult attachImage(ModuleOp module, const DeviceTargets &targets, const CompileOptions &options) {
  CudaImage image;
  if (failed(emitFatbin(module, CudaOptions{targets.devices, options.cuda}, image)))
    return failure();
  StringRef bytes(image.bytes.data(), image.bytes.size());
  module->setAttr(kDeviceImage, StringAttr::get(module.getContext(), bytes));
  return success();
}

/// A plan -> all that the host has of an artifact, in the LLVM dialect.
static LogicalResult lowerArtifact(ModuleOp module, const DeviceTargets &targets, const CompileOptions &options) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPlanToKernelsPipeline(passes, targets.devices.front());
  passes.addPass(createGpuAddDriver());
  if (failed(passes.run(module)))
    return failure();
  OwningOpRef<ModuleOp> kernels;
  if (targets.isSimulator())
    kernels = module.clone();
  else if (failed(attachImage(module, targets, options)))
    return failure();
  PassManager tables(module.getContext());
  tables.addPass(createGpuEmitArtifact({targets.getName(), targets.host.features.str()}));
  if (failed(tables.run(module)) || (kernels && failed(lowerSimulatedKernels(*kernels, targets.host))))
    return failure();
  if (kernels)
    merge(module, *kernels);
  return success();
}

static LogicalResult emitBytes(ModuleOp module, StringRef name, StringRef extension, const DeviceTargets &targets,
                               SmallVectorImpl<char> &bytes) {
  CpuOutput kind = extension == ".ll" ? CpuOutput::LLVMIR : extension == ".s" ? CpuOutput::Assembly : CpuOutput::Object;
  if (extension != ".so")
    return emitHostCode(module, targets.host, kind, bytes);
  CpuOptions options;
  options.paths = {targets.host};
  if (targets.isSimulator())
    options.moreLibraries = {"descent_simulator"};
  ObjectFiles objects(1);
  return success(succeeded(emitHostCode(module, targets.host, kind, objects.front())) &&
                 succeeded(linkSharedObject(module.getLoc(), name, options, objects, bytes)));
}

LogicalResult descent::lowerDeviceArtifact(ModuleOp module, const CompileOptions &options) {
  FailureOr<DeviceTargets> targets = getTargets(module.getLoc(), options);
  return success(succeeded(targets) && succeeded(lowerArtifact(module, *targets, options)));
}

LogicalResult descent::emitDeviceArtifact(ModuleOp module, StringRef extension, const CompileOptions &options) {
  FailureOr<DeviceTargets> targets = getTargets(module.getLoc(), options);
  if (failed(targets))
    return failure();
  auto program = *module.getOps<plan::ProgramOp>().begin();
  std::string name = program.getSymName().str(), target = targets->getName(), header = plan::emitHeader(program);
  std::string manifest =
      plan::emitManifest(plan::ProgramLayout(program), plan::CodePath{target, targets->host.features});
  SmallVector<char> bytes;
  if (failed(lowerArtifact(module, *targets, options)) || failed(emitBytes(module, name, extension, *targets, bytes)))
    return failure();
  Outputs outputs(module.getLoc());
  return success(succeeded(outputs.add(options.output, StringRef(bytes.data(), bytes.size()))) &&
                 succeeded(outputs.add(beside(options.output, "h"), header)) &&
                 succeeded(outputs.add(beside(options.output, "json"), manifest)) && succeeded(outputs.commit()));
}
