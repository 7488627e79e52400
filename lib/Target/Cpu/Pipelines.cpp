#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"
#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cpu/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildCpuPlanPipeline(OpPassManager &passes, const CpuTarget &target) {
  passes.addPass(plan::createPlanPackFactors({target.multipliesPairs}));
  passes.addPass(plan::createPlanReuseScratch());
}

void descent::buildPlanToLoopsPipeline(OpPassManager &passes, const CpuTarget &target) {
  buildCpuPlanPipeline(passes, target);
  passes.addPass(createConvertPlanToLoops({target.vectorBits}));
  passes.addNestedPass<func::FuncOp>(createCSEPass());
}

void descent::buildCpuArtifactPipeline(OpPassManager &passes, const CpuTarget &target, ArrayRef<CpuTarget> paths) {
  CpuEmitArtifactOptions options;
  options.target = target.name.str();
  for (const CpuTarget &path : paths)
    options.paths.push_back(path.name.str());
  passes.addPass(createCpuBindKernels());
  passes.addPass(createCpuEmitArtifact(options));
}

void descent::buildLoopsToLLVMPipeline(OpPassManager &passes, const CpuTarget &target) {
  // Pairs of bf16 are the processor's own dot products.
  if (target.multipliesPairs)
    passes.addPass(createCpuMultiplyPairs());
  // Control flow is blocks, and memrefs have neither casts, views nor metadata operations.
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  if (target.features.contains("avx512bw"))
    passes.addPass(createCpuPermuteLookups({target.features.contains("avx512vbmi")}));
  if (!target.hasFma)
    passes.addPass(createCpuSplitFma());
  // Rounding to bf16 is integer arithmetic, which LLVM would otherwise call a library for; so are rounded divisions.
  passes.addPass(createCpuExpandBf16());
  passes.addPass(arith::createArithExpandOpsPass());
  // The mathematics is LLVM's intrinsics, the rest calls of libm.
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false;
  passes.addPass(createConvertMathToLLVMPass(math));
  passes.addPass(createConvertMathToLibmPass());
  // Everything else is the LLVM dialect.
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  passes.addPass(createConvertVectorToLLVMPass(vectors));
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
        // A target that is not known is refused when its pass runs.
        CpuTarget target = findCpuTarget(options.target).value_or(getCpuTargets().back());
        if (options.vectorBits)
          target.vectorBits = options.vectorBits;
        buildPlanToLoopsPipeline(passes, target);
        passes.addPass(createCpuBindKernels());
        passes.addPass(createCpuEmitArtifact({options.target, {}}));
        buildLoopsToLLVMPipeline(passes, target);
      });
}
