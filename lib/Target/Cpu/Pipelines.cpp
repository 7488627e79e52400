#include "descent/Conversion/Passes.h"
#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cpu/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildPlanToLoopsPipeline(OpPassManager &passes, unsigned vectorBits) {
  passes.addPass(createConvertPlanToLoops({vectorBits}));
  passes.addNestedPass<func::FuncOp>(createCSEPass());
}

void descent::buildCpuArtifactPipeline(OpPassManager &passes, StringRef target) {
  passes.addPass(createCpuBindKernels());
  passes.addPass(createCpuEmitArtifact({target.str()}));
}

void descent::buildLoopsToLLVMPipeline(OpPassManager &passes) {
  // Control flow is blocks, and memrefs have neither casts nor metadata operations.
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  // Rounding to bf16 is integer arithmetic, which LLVM would otherwise call a library for; so are rounded divisions.
  passes.addPass(createCpuExpandBf16());
  passes.addPass(arith::createArithExpandOpsPass());
  // The mathematics is LLVM's intrinsics, the rest calls of libm.
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false;
  passes.addPass(createConvertMathToLLVMPass(math));
  passes.addPass(createConvertMathToLibmPass());
  // Everything else is the LLVM dialect.
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createCpuMaskIntegers());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void descent::registerCpuPipelines() {
  registerDescentCpuPasses();
  PassPipelineRegistration<CpuPipelineOptions>(
      "plan-to-cpu", "compile plans to the LLVM dialect: kernels, tables and entry points",
      [](OpPassManager &passes, const CpuPipelineOptions &options) {
        std::optional<CpuTarget> target = findCpuTarget(options.target);
        buildPlanToLoopsPipeline(passes, options.vectorBits ? options.vectorBits : target ? target->vectorBits : 256);
        buildCpuArtifactPipeline(passes, options.target);
        buildLoopsToLLVMPipeline(passes);
      });
}
