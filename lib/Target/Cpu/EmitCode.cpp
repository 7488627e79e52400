// From plans to LLVM IR, assembly and object code, for several processors at once.
#include "descent/Target/Cpu/Cpu.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace descent;

void descent::registerCpuTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

static void buildPipeline(OpPassManager &passes, const CpuTarget &target, ArrayRef<CpuTarget> paths) {
  buildPlanToLoopsPipeline(passes, target);
  buildCpuArtifactPipeline(passes, target, paths);
  buildLoopsToLLVMPipeline(passes, target);
}

LogicalResult descent::lowerPlanToLLVM(ModuleOp module, const CpuTarget &target, ArrayRef<CpuTarget> paths) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPipeline(passes, target, paths);
  return passes.run(module);
}

/// Those of the architectures that CpuTarget.cpp knows.
static void initializeCodeGenerators() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
}

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const CpuTarget &target, std::string &error) {
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return nullptr;
  // What a function may use is its own attribute: entry points run on any processor.
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, "", "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// Kernels are the artifact's own: only the entry points, which the tables' users call, are seen outside.
static void setFunctionAttributes(llvm::Module &module, const CpuTarget &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("frame-pointer", "none");
    if (!function.hasLocalLinkage())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.more.empty())
      function.addFnAttr("target-features", target.more);
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
  }
}

/// Loops are as the kernels' builders want them, and vectors explicit: nothing is unrolled or vectorized. What is left
/// is to take kernels into their entries, to keep numbers in registers, to find what is computed twice or in every
/// iteration, and to pass on only those parts of memrefs that are looked at. LLVM's default pipeline takes three times
/// as long for code that is no faster.
static constexpr StringRef optimizations =
    "cgscc(inline),"
    "function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop-simplify,lcssa,loop-mssa(loop-rotate,licm),"
    "early-cse<memssa>,gvn,instcombine<no-verify-fixpoint>,simplifycfg),"
    "deadargelim,globaldce";

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, optimizations));
  passes.run(module, modules);
}

static LogicalResult emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine, CpuOutput output,
                                     SmallVectorImpl<char> &bytes) {
  llvm::raw_svector_ostream os(bytes);
  if (output == CpuOutput::LLVMIR) {
    module.print(os, nullptr);
    return success();
  }
  llvm::legacy::PassManager passes;
  auto type = output == CpuOutput::Assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return failure();
  passes.run(module);
  return success();
}

namespace {
/// One of the artifact's code paths: an optimized module in a context of its own.
struct CompiledPath {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;

  LogicalResult compile(ModuleOp lowered, const CpuTarget &target, ArrayRef<CpuTarget> paths);
  /// The same for a module of the LLVM dialect.
  LogicalResult translate(ModuleOp lowered, const CpuTarget &target);
};
} // namespace

LogicalResult CompiledPath::compile(ModuleOp lowered, const CpuTarget &target, ArrayRef<CpuTarget> paths) {
  return success(succeeded(lowerPlanToLLVM(lowered, target, paths)) && succeeded(translate(lowered, target)));
}

LogicalResult CompiledPath::translate(ModuleOp lowered, const CpuTarget &target) {
  std::string error;
  machine = createTargetMachine(target, error);
  if (!machine)
    return lowered.emitError("no code generator for '") << target.triple << "': " << error;
  module = translateModuleToLLVMIR(lowered, context);
  if (!module)
    return lowered.emitError("does not translate to LLVM IR");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  setFunctionAttributes(*module, target);
  optimize(*module, *machine);
  return success();
}

LogicalResult descent::emitHostCode(ModuleOp lowered, const CpuTarget &target, CpuOutput output,
                                    SmallVectorImpl<char> &bytes) {
  initializeCodeGenerators();
  CompiledPath path;
  return success(succeeded(path.translate(lowered, target)) &&
                 succeeded(emitMachineCode(*path.module, *path.machine, output, bytes)));
}

/// Passes may not load dialects while others run in the same context.
static void loadDialects(MLIRContext *context, ArrayRef<CpuTarget> paths) {
  DialectRegistry dialects;
  PassManager passes(context);
  for (const CpuTarget &target : paths)
    buildPipeline(passes, target, paths);
  passes.getDependentDialects(dialects);
  context->appendDialectRegistry(dialects);
  for (StringRef name : dialects.getDialectNames())
    context->getOrLoadDialect(name);
}

/// Compiles every path by a thread of its own, which then calls `finish` with the path's number.
static LogicalResult forEachPath(ModuleOp module, ArrayRef<CpuTarget> paths,
                                 llvm::function_ref<LogicalResult(size_t, CompiledPath &)> finish) {
  initializeCodeGenerators();
  MLIRContext *context = module.getContext();
  loadDialects(context, paths);
  SmallVector<OwningOpRef<ModuleOp>> copies;
  for (size_t i = 0; i < paths.size(); ++i)
    copies.push_back(module.clone());
  std::atomic<bool> hasFailed = false;
  auto compile = [&](size_t i) {
    CompiledPath path;
    if (failed(path.compile(*copies[i], paths[i], paths)) || failed(finish(i, path)))
      hasFailed = true;
  };
  if (context->isMultithreadingEnabled())
    llvm::parallelFor(0, paths.size(), compile);
  else
    llvm::for_each(llvm::seq(paths.size()), compile);
  return failure(hasFailed);
}

LogicalResult descent::emitCpuObjects(ModuleOp module, const CpuOptions &options, ObjectFiles &objects) {
  objects.resize(options.paths.size());
  return forEachPath(module, options.paths, [&](size_t i, CompiledPath &path) {
    return emitMachineCode(*path.module, *path.machine, CpuOutput::Object, objects[i]);
  });
}

/// The paths' modules as one. Bitcode takes them from their contexts to another.
static LogicalResult linkPaths(ModuleOp module, const ObjectFiles &bitcode, std::unique_ptr<llvm::Module> &all,
                               llvm::LLVMContext &context) {
  for (const SmallVector<char, 0> &bytes : bitcode) {
    StringRef text(bytes.data(), bytes.size());
    auto path = llvm::parseBitcodeFile(llvm::MemoryBufferRef(text, "path"), context);
    if (!path)
      return module.emitError("does not come back from bitcode: ") << llvm::toString(path.takeError());
    if (!all)
      all = std::move(*path);
    else if (llvm::Linker::linkModules(*all, std::move(*path)))
      return module.emitError("does not link with the other code paths");
  }
  return success();
}

LogicalResult descent::emitCpuCode(ModuleOp module, const CpuOptions &options, CpuOutput output,
                                   SmallVectorImpl<char> &bytes) {
  ObjectFiles bitcode(options.paths.size());
  auto write = [&](size_t i, CompiledPath &path) {
    llvm::raw_svector_ostream os(bitcode[i]);
    llvm::WriteBitcodeToFile(*path.module, os);
    return success();
  };
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> all;
  if (failed(forEachPath(module, options.paths, write)) || failed(linkPaths(module, bitcode, all, context)))
    return failure();
  std::string error; // none: the paths were compiled
  return emitMachineCode(*all, *createTargetMachine(options.paths.front(), error), output, bytes);
}
