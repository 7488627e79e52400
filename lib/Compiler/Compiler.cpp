// The pipeline from a recipe to files.
#include "descent/Compiler/Compiler.h"

#include "Devices.h"
#include "Outputs.h"
#include "Products.h"

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

/// Whether the first group is computed in f64; the conversion to a plan refuses another one that is not.
static bool usesF64(ModuleOp module) {
  RecipeOp recipe = *module.getOps<RecipeOp>().begin();
  StorageAttr policy = recipe.getStorageAttr();
  for (auto group : recipe.getBody().getOps<GroupOp>())
    if (StorageAttr own = group.getStorageAttr() ? group.getStorageAttr() : policy)
      return own.getParam().isF64();
  return false;
}

/// A recipe -> its plan.
static LogicalResult lowerToPlan(ModuleOp module, const CompileOptions &options) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  ExpandOptions expand;
  expand.compute = usesF64(module) ? "f64" : "f32";
  expand.form = options.form;
  expand.fuse = !options.separate;
  buildDescentExpandPipeline(passes, expand);
  ConvertDescentToPlanOptions convert;
  convert.fuse = !options.separate;
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
  // The first two are of one architecture.
  StringRef one = getCpuTargets()[0].name, other = getCpuTargets()[1].name;
  other.consume_front("cpu:");
  return diagnostic << ", several of one architecture as in " << one << "+" << other
                    << ", or cpu, all of this machine's; devices are cuda, and its chips as in "
                    << getGpuTargets().front().name;
}

/// The plan -> what header and manifest tell of.
static LogicalResult prepareForCpu(ModuleOp module, const CpuTarget &target) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildCpuPlanPipeline(passes, target);
  return passes.run(module);
}

/// A plan -> machine code in the form that the extension says.
static LogicalResult emitBytes(ModuleOp module, StringRef name, StringRef extension, const CpuOptions &cpu,
                               SmallVectorImpl<char> &bytes) {
  CpuOutput kind = extension == ".ll" ? CpuOutput::LLVMIR : extension == ".s" ? CpuOutput::Assembly : CpuOutput::Object;
  // A linker joins the paths' objects, which are made side by side, unless it is another machine's.
  bool links = cpu.paths.size() > 1 && kind == CpuOutput::Object && runsOnThisArchitecture(cpu.paths.front());
  if (extension != ".so" && !links)
    return emitCpuCode(module, cpu, kind, bytes);
  Location location = UnknownLoc::get(module.getContext());
  ObjectFiles objects;
  if (failed(emitCpuObjects(module, cpu, objects)))
    return failure();
  return extension == ".so" ? linkSharedObject(location, name, cpu, objects, bytes)
                            : mergeObjects(location, cpu, objects, bytes);
}

/// The library of products; it has no header of its own.
static LogicalResult compileProducts(MLIRContext &context, StringRef extension, const CompileOptions &options) {
  StringRef name = options.name.empty() ? StringRef("products") : StringRef(options.name);
  OwningOpRef<ModuleOp> module = createProducts(context, name);
  if (!module)
    return failure();
  FailureOr<CpuOptions> cpu = getCpuOptions(*module, options);
  SmallVector<char> bytes;
  if (failed(cpu))
    return failure();
  if (cpu->paths.size() > 1)
    return error(&context) << "--emit=products is for one target, found '" << options.target << "'";
  if (failed(emitBytes(*module, name, extension, *cpu, bytes)))
    return failure();
  Outputs outputs(UnknownLoc::get(&context));
  return success(succeeded(outputs.add(options.output, StringRef(bytes.data(), bytes.size()))) &&
                 succeeded(outputs.commit()));
}

/// Machine code, its header and its manifest.
static LogicalResult emitCode(ModuleOp module, StringRef extension, const CompileOptions &options) {
  FailureOr<CpuOptions> cpu = getCpuOptions(module, options);
  if (failed(cpu))
    return failure();
  // All code paths have the stages of the first.
  OwningOpRef<ModuleOp> prepared = module.clone();
  if (failed(prepareForCpu(*prepared, cpu->paths.front())))
    return failure();
  auto program = *prepared->getOps<plan::ProgramOp>().begin();
  std::string name = program.getSymName().str();
  std::string header = plan::emitHeader(program);
  SmallVector<plan::CodePath> paths;
  for (const CpuTarget &target : cpu->paths)
    paths.push_back({target.name, target.features});
  std::string manifest = plan::emitManifest(plan::ProgramLayout(program), paths);
  SmallVector<char> bytes;
  if (failed(emitBytes(module, name, extension, *cpu, bytes)))
    return failure();
  Outputs outputs(UnknownLoc::get(module.getContext()));
  return success(succeeded(outputs.add(options.output, StringRef(bytes.data(), bytes.size()))) &&
                 succeeded(outputs.add(beside(options.output, "h"), header)) &&
                 succeeded(outputs.add(beside(options.output, "json"), manifest)) && succeeded(outputs.commit()));
}

/// A form is chosen for nothing where no matrix function has one.
static LogicalResult checkForm(ModuleOp module, const CompileOptions &options) {
  auto program = *module.getOps<plan::ProgramOp>().begin();
  auto hasMethods = [](plan::TrackOp track) { return track->hasAttr(plan::kMethods); };
  if (options.form == "auto" || llvm::any_of(program.getBody()->getOps<plan::TrackOp>(), hasMethods))
    return success();
  return error(module.getContext()) << "--form=" << options.form << " is a form of Newton-Schulz, which no group of '"
                                    << program.getSymName() << "' uses; leave it out";
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

/// The plan as the first processor runs it, and the processors that there would be code for.
static LogicalResult explain(ModuleOp module, const CompileOptions &options) {
  FailureOr<CpuOptions> cpu = getCpuOptions(module, options);
  if (failed(cpu))
    return failure();
  OwningOpRef<ModuleOp> prepared = module.clone();
  if (failed(prepareForCpu(*prepared, cpu->paths.front())))
    return failure();
  plan::explain(*prepared->getOps<plan::ProgramOp>().begin(), {}, llvm::outs());
  llvm::outs() << "code for";
  for (const CpuTarget &target : cpu->paths)
    llvm::outs() << " " << target.name;
  llvm::outs() << "\n";
  return success();
}

static LogicalResult checkWords(MLIRContext &context, const CompileOptions &options, StringRef extension) {
  if (!llvm::is_contained({"auto", "plain", "gram"}, StringRef(options.form)))
    return error(&context) << "--form needs auto, plain or gram, found '" << options.form << "'";
  if (options.layer == "products" && (extension == ".mlir" || extension.empty()))
    return error(&context) << "--emit=products writes code: -o needs a file that ends in .so, .o, .s or .ll";
  if (options.layer == "products" && !(options.input + options.storage + options.norm).empty())
    return error(&context) << "--emit=products writes a library for any program: it takes no rule, norm or storage";
  if (!llvm::is_contained({"plan", "products"}, StringRef(options.layer)) && extension != ".mlir" && !extension.empty())
    return error(&context) << "--emit=" << options.layer << " is for an output that ends in .mlir, found '"
                           << options.output << "'";
  if (!llvm::is_contained({"descent", "plan", "loops", "kernels", "llvm", "products"}, StringRef(options.layer)))
    return error(&context) << "--emit needs descent, plan, loops, kernels, llvm or products, found '" << options.layer
                           << "'";
  if (options.layer == (isGpuTarget(options.target) ? "loops" : "kernels"))
    return error(&context) << "--emit=loops is for processors and --emit=kernels for devices, found --target="
                           << options.target;
  if (options.output.empty())
    return options.explain ? success() : LogicalResult(error(&context) << "needs an output, -o FILE, or --explain");
  if (isGpuTarget(options.target))
    return checkDeviceOutput(context, extension, options);
  if (!llvm::is_contained({".so", ".o", ".s", ".ll", ".mlir"}, extension))
    return error(&context) << "cannot tell from '" << options.output
                           << "' what to write: its ending must be .so, .o, .s, "
                           << ".ll or .mlir; for --target=cuda .ptx, .cubin, .fatbin or .mlir";
  return success();
}

LogicalResult descent::compile(MLIRContext &context, const CompileOptions &options) {
  StringRef extension = llvm::sys::path::extension(options.output);
  if (failed(checkWords(context, options, extension)))
    return failure();
  if (options.layer == "products")
    return compileProducts(context, extension, options);
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
  bool isForDevice = isGpuTarget(options.target);
  auto explainPlan = isForDevice ? explainForDevices : explain;
  if (failed(checkForm(*module, options)) || (options.explain && failed(explainPlan(*module, options))))
    return failure();
  if (options.output.empty() || wantsRules)
    return success();
  if (isForDevice)
    return extension == ".mlir" ? emitDeviceIR(*module, options) : emitDeviceCode(*module, extension, options);
  return extension == ".mlir" ? emitIR(*module, options) : emitCode(*module, extension, options);
}
