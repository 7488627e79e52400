// Passes of the CUDA target.
#ifndef DESCENT_TARGET_CUDA_PASSES_TD
#define DESCENT_TARGET_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def CudaExpandExactMath : Pass<"cuda-expand-exact-math"> {
  let summary = "compute by instructions what they round correctly";
  let description = [{
    Requires nothing. Turns square roots, fused multiply-adds, absolute values, copies of a sign and roundings to
    integers of `math` into calls of LLVM's intrinsics, which are instructions of the device, and `math.rsqrt` into a
    division by a square root. Guarantees IEEE results: the device's library would approximate roots. Leaves all else
    to that library. Never fails.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect"];
}

def CudaLimitRegisters : Pass<"cuda-limit-registers"> {
  let summary = "tell the assembler how many registers a kernel may use";
  let description = [{
    Requires kernels in `gpu.func`. Limits each kernel to the registers that its `plan.registers` says, or to
    `registers`, so that a multiprocessor holds enough threads; the assembler would otherwise take more for little use.
    Guarantees `nvvm.maxnreg` of every kernel and that no `plan.registers` is left. Leaves functions that are no kernels
    alone. Fails on a limit that no thread can have.
  }];
  let options = [Option<"registers", "registers", "unsigned", "64", "of a thread, in kernels that do not say">];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

#endif // DESCENT_TARGET_CUDA_PASSES_TD
