// Passes of the simulator.
#ifndef DESCENT_TARGET_SIMULATOR_PASSES_TD
#define DESCENT_TARGET_SIMULATOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def SimulatorCheckAccesses : Pass<"simulator-check-accesses", "::mlir::ModuleOp"> {
  let summary = "tell the simulator of every access to memory";
  let description = [{
    Requires kernels in `gpu.func`. Before each load and store of `memref`, `vector` and `llvm` calls the simulator with
    the place of the operation in the source: `descent_sim_index` for each index of a memref, or `descent_sim_entry` for
    the last two of a buffer whose sizes are not constant, and `descent_sim_access` with the address, the number of
    bytes, the alignment, whether it is a store, and the kind of memory if the type tells. Of a thread's private memory
    only indices are checked. Guarantees that kernels compute what they did. Leaves operations of `gpu` and `nvvm`
    alone. Fails on any other operation with an effect on memory.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def SimulatorLowerKernels : Pass<"simulator-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "turn kernels into functions that a fiber runs";
  let description = [{
    Requires kernels in `gpu.func` with a one-dimensional grid of one-dimensional blocks. Turns each into a function
    `<kernel>_simulated` of the module, with the signature `descent_sim_kernel`: it takes the simulator's thread and the
    addresses of the kernel's arguments. Thread and block numbers are read from the thread. Barriers, shuffles and
    products of a warp are calls of the simulator, where threads wait for each other. So are mbarriers, bulk copies of
    tensors and products of a warpgroup; `descent_sim_use_sum` is called before each use of a sum that a product may
    still write. `plan.registers` tells `setmaxregister` what threads begin with. Workgroup memory is the block's,
    private memory the fiber's stack.
    Guarantees that nothing of the `gpu` and `nvvm` dialects and no memory space is left. Erases the `gpu.module`s,
    whose constants become the module's. Fails on an operation of these dialects that it does not know, or not all of,
    and on functions that are no kernels.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // DESCENT_TARGET_SIMULATOR_PASSES_TD
