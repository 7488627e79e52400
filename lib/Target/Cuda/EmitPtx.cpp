// From plans to PTX by LLVM's code generator.
#include "EmitPtx.h"

#include "descent/Conversion/GpuKernels.h"
#include "descent/Runtime/device.h"
#include "descent/Target/Gpu/Gpu.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace descent;

static constexpr StringRef tripleName = "nvptx64-nvidia-cuda", limitName = "nvvm.maxnreg";

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const GpuTarget &target, std::string &error) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::Triple triple(tripleName);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // an operation is rounded as the plan writes it
  return std::unique_ptr<llvm::TargetMachine>(
      found->createTargetMachine(triple, target.chip, target.features, options, std::nullopt));
}

/// The kernel of device.h that writes words of its parameters: MLIR has no such parameters.
static std::string getWriteKernel() {
  return llvm::formatv(R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()

define ptx_kernel void @descent_write(ptr addrspace(1) %to, i32 %count, ptr byval([{0} x i64]) align 8 %words) #0 {{
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %has_word = icmp slt i32 %thread, %count
  br i1 %has_word, label %write, label %exit
write:
  %index = zext i32 %thread to i64
  %from = getelementptr i64, ptr %words, i64 %index
  %word = load i64, ptr %from, align 8
  %place = getelementptr i64, ptr addrspace(1) %to, i64 %index
  store i64 %word, ptr addrspace(1) %place, align 8
  br label %exit
exit:
  ret void
}
attributes #0 = {{ nounwind "nvvm.maxntid"="{0}" "nvvm.maxnreg"="32" }
)",
                       int(DESCENT_WORDS_AT_ONCE))
      .str();
}

/// A plan's kernels -> one `gpu.module` of the LLVM dialect.
static LogicalResult lowerKernels(ModuleOp module, const GpuTarget &target) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  if (module.getOps<gpu::GPUModuleOp>().empty())
    buildPlanToKernelsPipeline(passes, target);
  buildKernelsToNvvmPipeline(passes, target);
  return passes.run(module);
}

static std::unique_ptr<llvm::Module> translate(ModuleOp module, llvm::TargetMachine &machine,
                                               llvm::LLVMContext &context) {
  auto modules = module.getOps<gpu::GPUModuleOp>();
  if (!llvm::hasSingleElement(modules)) {
    module.emitError("needs one 'gpu.module'");
    return nullptr;
  }
  // Accesses without an alignment of their own get that of the layout.
  gpu::GPUModuleOp kernels = *modules.begin();
  Builder b(module.getContext());
  kernels->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(),
                   b.getStringAttr(machine.createDataLayout().getStringRepresentation()));
  kernels->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(), b.getStringAttr(tripleName));
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(kernels, context, "kernels");
  if (!translated)
    kernels.emitError("does not translate to LLVM IR");
  return translated;
}

LogicalResult CompiledKernels::compile(ModuleOp source, const GpuTarget &target, const CudaToolkit &toolkit) {
  OwningOpRef<ModuleOp> lowered = source.clone();
  std::string error;
  machine = createTargetMachine(target, error);
  if (!machine)
    return source.emitError("no code generator for '") << target.name << "': " << error;
  if (failed(lowerKernels(*lowered, target)))
    return failure();
  lowered->walk([&](LLVM::LLVMFuncOp function) {
    if (auto bytes = function->getAttrOfType<IntegerAttr>(kDynamicBytes))
      dynamicBytes[function.getName()] = bytes.getInt();
  });
  module = translate(*lowered, *machine, context);
  if (!module || failed(linkLibdevice(toolkit)))
    return failure();
  llvm::SMDiagnostic diagnostic; // none: the text is ours
  auto driver = llvm::parseAssemblyString(getWriteKernel(), diagnostic, context);
  driver->setTargetTriple(module->getTargetTriple());
  driver->setDataLayout(module->getDataLayout());
  llvm::Linker::linkModules(*module, std::move(driver));
  optimize();
  return checkCalls(source.getLoc());
}

static bool isOfLibdevice(const llvm::Function &function) {
  return function.isDeclaration() && function.getName().starts_with("__nv_");
}

LogicalResult CompiledKernels::linkLibdevice(const CudaToolkit &toolkit) {
  if (llvm::none_of(*module, isOfLibdevice))
    return success();
  FailureOr<std::string> path = toolkit.findLibdevice();
  if (failed(path))
    return failure();
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> library = llvm::parseIRFile(*path, diagnostic, context);
  if (!library)
    return emitError(toolkit.getLoc(), "cannot read '") << *path << "': " << diagnostic.getMessage();
  library->setTargetTriple(module->getTargetTriple());
  library->setDataLayout(module->getDataLayout());
  auto hide = [](llvm::Module &all, const llvm::StringSet<> &names) {
    llvm::internalizeModule(
        all, [&](const llvm::GlobalValue &value) { return !value.hasName() || !names.contains(value.getName()); });
  };
  if (llvm::Linker::linkModules(*module, std::move(library), llvm::Linker::LinkOnlyNeeded, hide))
    return emitError(toolkit.getLoc(), "cannot link '") << *path << "'";
  module->addModuleFlag(llvm::Module::Override, "nvvm-reflect-ftz", uint32_t(0)); // subnormal numbers stay
  return success();
}

void CompiledKernels::optimize() {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(*module, modules);
}

/// What nothing defines would only be missed when the kernels are loaded.
LogicalResult CompiledKernels::checkCalls(Location location) {
  for (const llvm::Function &function : *module)
    if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty())
      return emitError(location, "a kernel calls '") << function.getName() << "', which no library of the device has";
  return success();
}

LogicalResult CompiledKernels::emitPtx(Bytes &ptx) {
  // Generating code changes the module.
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*module);
  llvm::raw_svector_ostream os(ptx);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return failure();
  passes.run(*copy);
  return success();
}

llvm::StringMap<int64_t> CompiledKernels::getLimits() const {
  llvm::StringMap<int64_t> limits;
  for (const llvm::Function &function : *module)
    if (function.hasFnAttribute(limitName))
      limits[function.getName()] = function.getFnAttributeAsParsedInteger(limitName);
  return limits;
}

int64_t CompiledKernels::getThreads(StringRef kernel) const {
  constexpr StringRef attribute = "nvvm.maxntid"; // of x, y and z
  StringRef threads = module->getFunction(kernel)->getFnAttribute(attribute).getValueAsString();
  int64_t all = 1, extent;
  while (!threads.consumeInteger(10, extent)) {
    all *= extent;
    threads.consume_front(",");
  }
  return all;
}

void CompiledKernels::setLimit(StringRef kernel, int64_t registers) {
  llvm::Function *function = module->getFunction(kernel);
  function->removeFnAttr(limitName);
  function->addFnAttr(limitName, std::to_string(registers));
}

LogicalResult descent::emitPtx(ModuleOp module, const CudaOptions &options, Bytes &ptx) {
  CompiledKernels kernels;
  CudaToolkit toolkit(UnknownLoc::get(module.getContext()), options.toolkit);
  return success(succeeded(kernels.compile(module, options.chips.front(), toolkit)) && succeeded(kernels.emitPtx(ptx)));
}
