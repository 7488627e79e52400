#include "descent/InitAll.h"

#include "descent/Conversion/Passes.h"
#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"
#include "descent/Dialect/Plan/IR/Plan.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"
#include "descent/Target/Cpu/Cpu.h"
#include "descent/Target/Cuda/Cuda.h"
#include "descent/Target/Gpu/Passes.h"
#include "descent/Target/Simulator/Simulator.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Transforms/Passes.h"

void descent::registerAllDialects(mlir::DialectRegistry &registry) {
  registerCpuTranslations(registry);
  registerCudaTranslations(registry);
  registry.insert<DescentDialect, plan::PlanDialect>();
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::gpu::GPUDialect, mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::NVVM::NVVMDialect, mlir::scf::SCFDialect, mlir::ub::UBDialect, mlir::vector::VectorDialect>();
}

void descent::registerAllPasses() {
  registerCpuPipelines();
  registerCudaPipelines();
  registerDescentGpuPasses();
  registerDescentConversionPasses();
  registerDescentTransformsPasses();
  registerDescentTransformsPipelines();
  plan::registerDescentPlanPasses();
  registerSimulatorPipelines();
  mlir::registerTransformsPasses();
}
