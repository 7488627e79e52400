// Artifacts whose kernels run on a device, or in the simulator of one.
#include "DevicePaths.h"
#include "Devices.h"
#include "Outputs.h"

#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Target/Artifact/Artifact.h"
#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cuda/Cuda.h"
#include "descent/Target/Gpu/Passes.h"
#include "descent/Target/Simulator/Simulator.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace descent;

/// The processor beside a device, which runs the entry points and the simulator's kernels: the least of this kind; the
/// simulator's multiplies and adds with one rounding, as devices do.
static FailureOr<CpuTarget> getHost(Location location, bool isSimulator) {
  for (const CpuTarget &host : llvm::reverse(getCpuTargets())) {
    if (!runsOnThisArchitecture(host) || (isSimulator && !host.hasFma))
      continue;
    CpuTarget found = host;
    if (!isSimulator)
      found.features = ""; // the entry points run on any
    return found;
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

/// Moves what one module defines to another, which may declare it.
static void merge(ModuleOp tables, ModuleOp others) {
  for (Operation &op : llvm::make_early_inc_range(*others.getBody())) {
    if (auto symbol = dyn_cast<SymbolOpInterface>(op))
      if (Operation *declared = tables.lookupSymbol(symbol.getNameAttr()))
        declared->erase();
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op); function && !function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
    op.moveBefore(tables.getBody(), tables.getBody()->end());
  }
}

/// Keeps the kernels for CUDA's chips in the module's attribute.
static LogicalResult attachImage(DevicePath &path, const CompileOptions &options) {
  CudaImage image;
  if (failed(emitFatbin(*path.module, CudaOptions{path.devices, options.cuda}, image)))
    return failure();
  StringRef bytes(image.bytes.data(), image.bytes.size());
  path.module.get()->setAttr(kDeviceImage, StringAttr::get(path.module->getContext(), bytes));
  return success();
}

/// The path's kernels -> its tables, and of the first path the entry points.
static LogicalResult lowerPath(DevicePath &path, StringRef allPaths, const CpuTarget &host,
                               const CompileOptions &options) {
  OwningOpRef<ModuleOp> kernels;
  if (path.isSimulator())
    kernels = path.module->clone();
  else if (failed(attachImage(path, options)))
    return failure();
  PassManager tables(path.module->getContext());
  tables.addPass(createGpuEmitArtifact({path.getName(), host.features.str(), allPaths.str()}));
  if (failed(tables.run(*path.module)) || (kernels && failed(lowerSimulatedKernels(*kernels, host))))
    return failure();
  if (kernels)
    merge(*path.module, *kernels);
  return success();
}

/// All that the host has of an artifact, in the LLVM dialect: the first path's module with what the others define.
static OwningOpRef<ModuleOp> lowerArtifact(DevicePaths &paths, const CpuTarget &host, const CompileOptions &options) {
  std::string all = joinNames(paths, "+");
  for (DevicePath &path : paths)
    if (failed(lowerPath(path, all, host, options)))
      return nullptr;
  for (DevicePath &path : llvm::drop_begin(paths))
    merge(*paths.front().module, *path.module);
  return std::move(paths.front().module);
}

static LogicalResult emitBytes(ModuleOp module, StringRef name, StringRef extension, const CpuTarget &host,
                               bool isSimulator, SmallVectorImpl<char> &bytes) {
  CpuOutput kind = extension == ".ll" ? CpuOutput::LLVMIR : extension == ".s" ? CpuOutput::Assembly : CpuOutput::Object;
  if (extension != ".so")
    return emitHostCode(module, host, kind, bytes);
  CpuOptions options;
  options.paths = {host};
  if (isSimulator)
    options.moreLibraries = {"descent_simulator"};
  ObjectFiles objects(1);
  return success(succeeded(emitHostCode(module, host, kind, objects.front())) &&
                 succeeded(linkSharedObject(module.getLoc(), name, options, objects, bytes)));
}

OwningOpRef<ModuleOp> descent::lowerDeviceArtifact(ModuleOp module, const CompileOptions &options) {
  SmallVector<GpuTarget> devices = findGpuTargets(options.target);
  FailureOr<CpuTarget> host = getHost(module.getLoc(), devices.front().chip.empty());
  FailureOr<DevicePaths> paths = lowerToDevicePaths(module, devices);
  return failed(host) || failed(paths) ? nullptr : lowerArtifact(*paths, *host, options);
}

LogicalResult descent::emitDeviceArtifact(ModuleOp module, StringRef extension, const CompileOptions &options) {
  SmallVector<GpuTarget> devices = findGpuTargets(options.target);
  FailureOr<CpuTarget> host = getHost(module.getLoc(), devices.front().chip.empty());
  FailureOr<DevicePaths> paths = lowerToDevicePaths(module, devices);
  if (failed(host) || failed(paths))
    return failure();
  auto program = *module.getOps<plan::ProgramOp>().begin();
  std::string header = plan::emitHeader(program), names = joinNames(*paths, "+");
  SmallVector<plan::CodePath> described;
  for (StringRef name : llvm::split(names, '+'))
    described.push_back({name, host->features});
  std::string manifest =
      plan::emitManifest(plan::ProgramLayout(program, paths->front().devices.front().getRates()), described);
  bool isSimulator = paths->front().isSimulator();
  OwningOpRef<ModuleOp> artifact = lowerArtifact(*paths, *host, options);
  SmallVector<char> bytes;
  if (!artifact || failed(emitBytes(*artifact, program.getSymName(), extension, *host, isSimulator, bytes)))
    return failure();
  Outputs outputs(module.getLoc());
  return success(succeeded(outputs.add(options.output, StringRef(bytes.data(), bytes.size()))) &&
                 succeeded(outputs.add(beside(options.output, "h"), header)) &&
                 succeeded(outputs.add(beside(options.output, "json"), manifest)) && succeeded(outputs.commit()));
}
