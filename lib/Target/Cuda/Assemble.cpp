// From PTX to machine code by the toolkit's programs.
#include "EmitPtx.h"
#include "KernelUses.h"

#include "descent/Target/Artifact/TemporaryFolder.h"

using namespace mlir;
using namespace descent;

static constexpr int64_t mostRegisters = 255; // of a thread, on all chips

static StringRef toText(const Bytes &bytes) { return StringRef(bytes.data(), bytes.size()); }

namespace {
/// The kernels of one chip, assembled in a folder that several chips share.
class Assembly {
public:
  Assembly(TemporaryFolder &folder, const GpuTarget &target, const CudaToolkit &toolkit)
      : folder(folder), target(target), toolkit(toolkit) {}

  LogicalResult run(ModuleOp module);
  std::string getName(StringRef ending) const { return (target.chip + ending).str(); }
  std::vector<KernelUse> uses;

private:
  LogicalResult assemble(CompiledKernels &kernels);
  bool widen(CompiledKernels &kernels);

  TemporaryFolder &folder;
  const GpuTarget &target;
  const CudaToolkit &toolkit;
  llvm::StringMap<int64_t> budgets;
};
} // namespace

LogicalResult Assembly::assemble(CompiledKernels &kernels) {
  Bytes ptx, cubin;
  FailureOr<std::string> program = toolkit.findProgram("ptxas");
  if (failed(program) || failed(kernels.emitPtx(ptx)) || failed(folder.write(getName(".ptx"), toText(ptx))))
    return failure();
  std::string input = folder.path(getName(".ptx")), output = folder.path(getName(".cubin"));
  // Products and sums stay apart here, too.
  StringRef arguments[] = {*program, "-v", "--fmad=false", "--gpu-name", target.chip, "-o", output, input};
  FailureOr<std::string> log = folder.run("assembling", arguments);
  if (failed(log) || failed(folder.read(getName(".cubin"), cubin)))
    return failure();
  uses = readKernelUses(target.chip, toText(ptx), *log, toText(cubin));
  llvm::StringMap<int64_t> limits = kernels.getLimits();
  for (KernelUse &use : uses) {
    use.limit = limits.lookup(use.name);
    use.budget = budgets.lookup(use.name);
    use.workgroupBytes += kernels.getDynamicBytes(use.name);
  }
  return success();
}

/// Raises the limits of kernels that spill, as far as the registers suffice for a block; whether there were any.
bool Assembly::widen(CompiledKernels &kernels) {
  bool changes = false;
  for (const KernelUse &use : uses) {
    int64_t most = std::min<int64_t>(mostRegisters, target.getMostRegisters(kernels.getThreads(use.name)));
    if (!(use.spillBytes || use.stackBytes) || use.limit >= most)
      continue;
    kernels.setLimit(use.name, std::min(use.limit + (use.limit < 128 ? 8 : 32), most));
    changes = true;
  }
  return changes;
}

LogicalResult Assembly::run(ModuleOp module) {
  CompiledKernels kernels;
  if (failed(kernels.compile(module, target, toolkit)))
    return failure();
  budgets = kernels.getLimits();
  if (failed(assemble(kernels)))
    return failure();
  while (widen(kernels))
    if (failed(assemble(kernels)))
      return failure();
  return success();
}

LogicalResult descent::emitCubin(ModuleOp module, const CudaOptions &options, CudaImage &image) {
  Location location = UnknownLoc::get(module.getContext());
  TemporaryFolder folder(location);
  CudaToolkit toolkit(location, options.toolkit);
  Assembly assembly(folder, options.chips.front(), toolkit);
  if (failed(folder.create()) || failed(assembly.run(module)))
    return failure();
  image.kernels = std::move(assembly.uses);
  return folder.read(assembly.getName(".cubin"), image.bytes);
}

/// "--image3=kind=elf,sm=90a,file=..."
static std::string describeImage(const TemporaryFolder &folder, StringRef chip, StringRef kind, StringRef ending) {
  StringRef number = chip.substr(StringRef("sm_").size());
  return ("--image3=kind=" + kind + ",sm=" + number + ",file=" + folder.path((chip + ending).str())).str();
}

LogicalResult descent::emitFatbin(ModuleOp module, const CudaOptions &options, CudaImage &image) {
  Location location = UnknownLoc::get(module.getContext());
  TemporaryFolder folder(location);
  CudaToolkit toolkit(location, options.toolkit);
  FailureOr<std::string> program = toolkit.findProgram("fatbinary");
  if (failed(program) || failed(folder.create()))
    return failure();
  SmallVector<std::string> images;
  for (const GpuTarget &target : options.chips) {
    Assembly assembly(folder, target, toolkit);
    if (failed(assembly.run(module)))
      return failure();
    llvm::append_range(image.kernels, assembly.uses);
    images.push_back(describeImage(folder, target.chip, "elf", ".cubin"));
    if (target.isForward())
      images.push_back(describeImage(folder, target.chip, "ptx", ".ptx"));
  }
  std::string output = "--create=" + folder.path("kernels.fatbin");
  SmallVector<StringRef> arguments = {*program, "-64", output};
  arguments.append(images.begin(), images.end());
  return success(succeeded(folder.run("joining kernels", arguments)) &&
                 succeeded(folder.read("kernels.fatbin", image.bytes)));
}
