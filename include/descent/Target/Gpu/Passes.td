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
    tables. For the simulator, kernels are functions `<kernel>_simulated` that are declared. Where kernels differ from
    chip to chip, an artifact has several code paths, each from a module of its own: the exported functions are the
    first one's, and its tables declare `<program>_path1_artifact`, the next one's.

    How a kernel runs is told by its `known_block_size` and the attributes `plan.dynamic_bytes`, `plan.cluster` and
    `plan.blocks_per_processor`. Of `plan.maps`, an array, each element is a tensor map of a product's factor: the
    factor (0 the left one, 1 the right one), rows and columns of a box, and the bytes of its swizzle.

    Guarantees the layout of these headers on 64-bit machines. Erases the programs and the `gpu.module`. Fails on an
    unknown target, on a stage without a kernel, and on tensor maps that no device can make: of what is no factor, of
    boxes with more than 256 rows or columns, with a row that is no multiple of 16 bytes or longer than its swizzle, and
    of the gradient, which each step may bring elsewhere.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"simulator\"", "the devices that the kernels are for">,
    Option<"features", "features", "std::string", "\"\"", "instruction sets of the processor that the simulator needs">,
    Option<"paths", "paths", "std::string", "\"\"",
           "the targets of all of the artifact's code paths, joined by '+'; without any, this one alone">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // DESCENT_TARGET_GPU_PASSES_TD
