// Passes that all kinds of devices share.
#ifndef DESCENT_TARGET_GPU_PASSES_TD
#define DESCENT_TARGET_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def GpuAddDriver : Pass<"gpu-add-driver", "::mlir::ModuleOp"> {
  let summary = "add the driver's kernels to those of a plan";
  let description = [{
    Requires the module `@kernels` (`convert-plan-to-gpu`). Adds the kernels of `driver.mlir`, which begin and end a
    step and fold numbers over layers: they are the same for all optimizers, and read tables that the runtime makes for
    a layer table (device.h). Guarantees that they are the first kernels of the module, in the order of device.h. Leaves
    the plan's kernels alone. Fails without such a module.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def GpuEmitArtifact : Pass<"gpu-emit-artifact", "::mlir::ModuleOp"> {
  let summary = "replace programs by the constant tables that the driver of a device reads";
  let description = [{
    Requires a kernel for every stage and those of the driver (`convert-plan-to-gpu`, `gpu-add-driver`); for CUDA, the
    compiled kernels in the module's attribute `descent.image`. Emits the tables of artifact.h and device.h as
    internal constants, and the exported functions `<program>_step` and so on, which call the step driver with its
    tables. For the simulator, kernels are functions `<kernel>_simulated` that are declared. Guarantees the layout of
    these headers on 64-bit machines. Erases the programs and the `gpu.module`. Fails on an unknown target and on a
    stage without a kernel.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"simulator\"", "the devices that the kernels are for">,
    Option<"features", "features", "std::string", "\"\"", "instruction sets of the processor that the simulator needs">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // DESCENT_TARGET_GPU_PASSES_TD
