// Passes of the simulator.
#ifndef DESCENT_TARGET_SIMULATOR_PASSES_TD
#define DESCENT_TARGET_SIMULATOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def SimulatorCheckAccesses : Pass<"simulator-check-accesses", "::mlir::ModuleOp"> {
  let summary = "tell the simulator of every access to memory";
  let description = [{
    Requires kernels in `gpu.func`. Before each load and store of `memref`, `vector` and `llvm` calls
    `descent_sim_access` with the address, the number of bytes, whether it is a store and whether memory is the
    workgroup's, and the place of the operation in the source. Accesses of a thread's private memory are left alone.
    Guarantees that kernels compute what they did. Fails on an operation with an effect on memory that it does not know.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def SimulatorLowerKernels : Pass<"simulator-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "turn kernels into functions that a fiber runs";
  let description = [{
    Requires kernels in `gpu.func` with a one-dimensional grid of one-dimensional blocks. Turns each into a function of
    the module that takes the simulator's thread before its own arguments, and an entry `<kernel>_simulated` that takes
    the thread and the addresses of the arguments, as the simulator calls it. Thread and block numbers are read from the
    thread; barriers and shuffles are calls. Workgroup memory is the block's, private memory the fiber's stack.
    Guarantees that nothing of the `gpu` dialect and no memory space is left. Erases the `gpu.module`s. Fails on an
    operation of the `gpu` or `nvvm` dialect that it does not know.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // DESCENT_TARGET_SIMULATOR_PASSES_TD
