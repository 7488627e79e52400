// The pipeline from a recipe to files.
#include "descent/Compiler/Compiler.h"

#include "Outputs.h"

#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"
#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"
#include "descent/Target/Artifact/Artifact.h"
#include "descent/Target/Cpu/Cpu.h"

#include "mlir/Transforms/Passes.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace descent;

static InFlightDiagnostic error(MLIRContext *context) { return emitError(UnknownLoc::get(context)); }

/// A recipe -> its plan.
static LogicalResult lowerToPlan(ModuleOp module, const CompileOptions &options) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  ExpandOptions expand;
  expand.compute = options.storage == "f64" ? "f64" : "f32";
  buildDescentExpandPipeline(passes, expand);
  ConvertDescentToPlanOptions convert;
  convert.storage = options.storage;
  passes.addPass(createConvertDescentToPlan(convert));
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(plan::createPlanReuseScratch());
  return passes.run(module);
}

static FailureOr<CpuOptions> getCpuOptions(ModuleOp module, const CompileOptions &options) {
  CpuOptions result;
  result.paths = findCpuTargets(options.target);
  if (!result.paths.empty())
    return result;
  auto diagnostic = error(module.getContext()) << "unknown target '" << options.target << "': expected cpu:native";
  for (const CpuTarget &known : getCpuTargets())
    diagnostic << ", " << known.name;
  return diagnostic << ", several of one architecture as in cpu:avx2+avx512, or cpu, all of this machine's";
}

static LogicalResult writeIR(ModuleOp module, StringRef path) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  out << "\n";
  Outputs outputs(UnknownLoc::get(module.getContext()));
  return success(succeeded(outputs.add(path, text)) && succeeded(outputs.commit()));
}

static std::string beside(StringRef output, StringRef extension) {
  SmallString<128> path(output);
  llvm::sys::path::replace_extension(path, extension);
  return path.str().str();
}

/// Machine code, its header and its manifest.
static LogicalResult emitCode(ModuleOp module, StringRef extension, const CompileOptions &options) {
  FailureOr<CpuOptions> cpu = getCpuOptions(module, options);
  if (failed(cpu))
    return failure();
  auto program = *module.getOps<plan::ProgramOp>().begin();
  std::string name = program.getSymName().str();
  std::string header = plan::emitHeader(program);
  SmallVector<plan::CodePath> paths;
  for (const CpuTarget &target : cpu->paths)
    paths.push_back({target.name, target.features});
  std::string manifest = plan::emitManifest(plan::ProgramLayout(program), paths);
  CpuOutput kind = extension == ".ll" ? CpuOutput::LLVMIR : extension == ".s" ? CpuOutput::Assembly : CpuOutput::Object;
  SmallVector<char> bytes;
  if (failed(emitCpuCode(module, *cpu, kind, bytes)))
    return failure();
  Location loc = UnknownLoc::get(module.getContext());
  if (extension == ".so" && failed(linkSharedObject(loc, name, *cpu, bytes)))
    return failure();
  Outputs outputs(loc);
  return success(succeeded(outputs.add(options.output, StringRef(bytes.data(), bytes.size()))) &&
                 succeeded(outputs.add(beside(options.output, "h"), header)) &&
                 succeeded(outputs.add(beside(options.output, "json"), manifest)) && succeeded(outputs.commit()));
}

/// A layer's IR. The module holds the plan unless `descent` is asked for.
static LogicalResult emitIR(ModuleOp module, const CompileOptions &options) {
  FailureOr<CpuOptions> cpu = getCpuOptions(module, options);
  if (failed(cpu))
    return failure();
  const CpuTarget &target = cpu->paths.front();
  if (options.layer != "plan" && cpu->paths.size() > 1)
    return error(module.getContext()) << "--emit=" << options.layer << " shows one target, found '" << options.target
                                      << "'; choose one, such as " << target.name;
  PassManager passes(module.getContext());
  if (options.layer == "loops")
    buildPlanToLoopsPipeline(passes, target);
  if (failed(passes.run(module)) || (options.layer == "llvm" && failed(lowerPlanToLLVM(module, target, target))))
    return failure();
  return writeIR(module, options.output);
}

/// The plan, and the processors that there would be code for.
static LogicalResult explain(ModuleOp module, const CompileOptions &options) {
  FailureOr<CpuOptions> cpu = getCpuOptions(module, options);
  if (failed(cpu))
    return failure();
  plan::explain(*module.getOps<plan::ProgramOp>().begin(), llvm::outs());
  llvm::outs() << "code for";
  for (const CpuTarget &target : cpu->paths)
    llvm::outs() << " " << target.name;
  llvm::outs() << "\n";
  return success();
}

static LogicalResult checkWords(MLIRContext &context, const CompileOptions &options, StringRef extension) {
  if (!llvm::is_contained({"f32", "f64", "bf16"}, StringRef(options.storage)))
    return error(&context) << "--storage needs f32, f64 or bf16, found '" << options.storage << "'";
  if (!llvm::is_contained({"descent", "plan", "loops", "llvm"}, StringRef(options.layer)))
    return error(&context) << "--emit needs descent, plan, loops or llvm, found '" << options.layer << "'";
  if (options.output.empty())
    return options.explain ? success() : LogicalResult(error(&context) << "needs an output, -o FILE, or --explain");
  if (!llvm::is_contained({".so", ".o", ".s", ".ll", ".mlir"}, extension))
    return error(&context) << "cannot tell from '" << options.output
                           << "' what to write: its ending must be .so, .o, .s, "
                           << ".ll or .mlir";
  return success();
}

LogicalResult descent::compile(MLIRContext &context, const CompileOptions &options) {
  StringRef extension = llvm::sys::path::extension(options.output);
  if (failed(checkWords(context, options, extension)))
    return failure();
  OwningOpRef<ModuleOp> module = loadRecipe(context, options);
  if (!module)
    return failure();
  bool wantsRules = extension == ".mlir" && options.layer == "descent";
  if (wantsRules && failed(writeIR(*module, options.output)))
    return failure();
  if (wantsRules && !options.explain)
    return success();
  FailureOr<std::string> name = getArtifactName(*module, options);
  if (failed(name) || failed(lowerToPlan(*module, options)))
    return failure();
  (*module->getOps<plan::ProgramOp>().begin()).setSymName(*name);
  if (options.explain && failed(explain(*module, options)))
    return failure();
  if (options.output.empty() || wantsRules)
    return success();
  return extension == ".mlir" ? emitIR(*module, options) : emitCode(*module, extension, options);
}
