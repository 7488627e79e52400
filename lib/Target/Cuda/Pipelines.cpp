#include "descent/Target/Cuda/Cuda.h"
#include "descent/Target/Cuda/Passes.h"
#include "descent/Target/Gpu/Gpu.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace descent;

void descent::buildKernelsToNvvmPipeline(OpPassManager &passes, const GpuTarget &target) {
  GpuNVVMAttachTargetOptions chip;
  chip.chip = target.chip.str();
  chip.features = target.features.str();
  passes.addPass(createGpuNVVMAttachTarget(chip));
  OpPassManager &kernels = passes.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCudaLimitRegisters({target.getRegisterBudget()}));
  // What is left of the mathematics is calls of the device's library.
  kernels.addPass(createCudaExpandExactMath());
  // Control flow is blocks, and memrefs have neither casts, views nor metadata operations.
  kernels.addPass(createConvertVectorToSCFPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  // Everything else is the LLVM and NVVM dialects: first what knows of memory spaces, then vectors that are left.
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createArithToLLVMConversionPass());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
}

using Refuse = llvm::function_ref<LogicalResult(const Twine &)>;

static LogicalResult buildPlanToCudaPipeline(OpPassManager &passes, StringRef text, Refuse refuse) {
  CudaPipelineOptions options;
  if (failed(options.parseFromString(text)))
    return failure();
  std::optional<GpuTarget> target = findGpuTarget(options.target);
  if (!target || target->chip.empty())
    return refuse("unknown target '" + options.target + "': expected a chip such as " + getGpuTargets().front().name);
  buildPlanToKernelsPipeline(passes, *target);
  buildKernelsToNvvmPipeline(passes, *target);
  return success();
}

void descent::registerCudaPipelines() {
  registerDescentCudaPasses();
  registerPassPipeline(
      "plan-to-cuda", "compile the kernels of plans to the LLVM and NVVM dialects", buildPlanToCudaPipeline,
      [](llvm::function_ref<void(const detail::PassOptions &)> describe) { describe(CudaPipelineOptions()); });
}

void descent::registerCudaTranslations(DialectRegistry &registry) {
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}
