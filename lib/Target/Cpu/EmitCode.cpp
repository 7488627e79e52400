// From the LLVM dialect to LLVM IR, assembly and object code.
#include "descent/Target/Cpu/Cpu.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace descent;

void descent::registerCpuTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

LogicalResult descent::lowerPlanToLLVM(ModuleOp module, const CpuOptions &options) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  buildPlanToLoopsPipeline(passes, options.target.vectorBits);
  buildCpuArtifactPipeline(passes, options.target.name);
  buildLoopsToLLVMPipeline(passes);
  return passes.run(module);
}

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const CpuTarget &target, std::string &error) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// Kernels are the artifact's own: only the entry points, which the tables' users call, are seen outside.
static void setFunctionAttributes(llvm::Module &module, const CpuTarget &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("frame-pointer", "none");
  }
}

/// Vectors are explicit, so LLVM's vectorizers only cost time.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  tuning.LoopInterleaving = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

static LogicalResult emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine, CpuOutput output,
                                     llvm::raw_pwrite_stream &os) {
  llvm::legacy::PassManager passes;
  auto type = output == CpuOutput::Assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return failure();
  passes.run(module);
  return success();
}

LogicalResult descent::emitCpuCode(ModuleOp module, const CpuOptions &options, CpuOutput output,
                                   SmallVectorImpl<char> &bytes) {
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(options.target, error);
  if (!machine)
    return module.emitError("no code generator for '") << options.target.triple << "': " << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context);
  if (!translated)
    return module.emitError("does not translate to LLVM IR");
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  setFunctionAttributes(*translated, options.target);
  optimize(*translated, *machine);

  llvm::raw_svector_ostream os(bytes);
  if (output == CpuOutput::LLVMIR) {
    translated->print(os, nullptr);
    return success();
  }
  if (failed(emitMachineCode(*translated, *machine, output, os)))
    return module.emitError("the code generator cannot write this kind of file");
  return success();
}
