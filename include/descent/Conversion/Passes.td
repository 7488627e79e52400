// Passes between the layers.
#ifndef DESCENT_CONVERSION_PASSES_TD
#define DESCENT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDescentToPlan : Pass<"convert-descent-to-plan", "::mlir::ModuleOp"> {
  let summary = "turn the rules of a recipe into a plan";
  let description = [{
    Requires one recipe whose groups use instances of rules, lowered to element-wise operations, reductions, products
    and orientations of one element type (`descent-expand`). Places every operation in a stage: element-wise operations
    over the same entries share a sweep or become the epilogue of a product, reductions join the stage that computes
    their operand, and values are computed as late as their first use allows, so that what a cut does not need sinks
    below it. Where a value is needed in several stages, the cost model decides whether it is kept or computed again.

    Guarantees that a state is overwritten after its last reader, that nothing is stored before the decision to skip,
    and that scratch which outlives a segment lives as long as the layer. Replaces the recipe, its rules and its shared
    bodies by one `plan.program` named after the recipe.

    Fails on an operation without a place in a plan, on a cycle through totals, on a hyperparameter without a value, and
    on a storage policy that the rule cannot have.
  }];
  let options = [Option<"storage", "storage", "std::string", "\"f32\"",
                        "the policy of groups and recipes that have none: a short name or fields of #descent.storage">,
                 Option<"fuse", "fuse", "bool", "true",
                        "let operations share stages; otherwise each has one of its own, for comparison">];
  let dependentDialects = ["::descent::plan::PlanDialect", "::mlir::arith::ArithDialect"];
}

def ConvertPlanToLoops : Pass<"convert-plan-to-loops", "::mlir::ModuleOp"> {
  let summary = "emit a kernel of vector loops for every stage of a plan";
  let description = [{
    Requires a plan whose regions hold `arith` and `math` operations on scalars, and whose products read packed factors
    (`plan-pack-factors`). Emits a private function beside the program for every sweep, packing, product, combine, fold
    and scalar stage, and names it in the stage's `kernel`.
    A kernel takes a memref for each distinct buffer of the stage, an f64 for each scalar and, when the stage has a
    grid, the tile's bounds (rows, columns) and its block numbers; it returns an f64 for each result or reduction of a
    tile. Stages with the same body share a function.

    Guarantees that main loops are free of masks and that a remainder is masked, so that no kernel touches memory
    outside its buffers; that a reduction folds lane by lane in f64, in an order given by the logical shape and
    `vector-bits` alone; and that every operation of a region happens as written, without contraction, so that an
    entry's value does not depend on its place. Products accumulate with fused multiply-adds in the order of the inner
    extent.

    Leaves the program in place. Fails on a region with an operation that has no vector form, and on a product without
    a packed factor.
  }];
  let options = [Option<"vectorBits", "vector-bits", "unsigned", "512", "bits of one vector register">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def ConvertPlanToGpu : Pass<"convert-plan-to-gpu", "::mlir::ModuleOp"> {
  let summary = "emit a kernel of a device for every stage of a plan";
  let description = [{
    Requires a plan whose regions hold `arith` and `math` operations on scalars, and whose products read plain factors
    (not `plan-pack-factors`). Emits a `gpu.func` in the module `@kernels` for every sweep, product and fold, and one
    for all work on numbers between two of them (between cuts, and of one alternative), and names it in the stages'
    `plan.kernel`; `plan.tile` says how a stage's grid is made, and `plan.triangle` that it is a triangle. Kernels have
    the arguments of `device.h`. Stages with the same body share one.

    A block of threads takes tiles in turn, so that results do not depend on how many blocks there are. Threads access
    vectors of `vector-bytes` where memory is aligned, and entries one by one elsewhere and at the ends of rows. Stages
    whose entries need not know where they stand take the domain as one long row. A matrix in the other orientation than
    the domain's is transposed through workgroup memory where it is tall. A block of 8-bit codes belongs to threads of
    one warp, which find its scale together; codes and scales are those of the CPU, bit by bit, as random numbers are.

    Numbers are folded in f64: lane by lane of a vector, then its lanes, then across the threads of a warp, across the
    warps of a block and tile by tile, in an order that follows from the shape and the options alone, without atomic
    operations.

    Products have blocks of 256 threads. They sum in the order of the inner extent, with fused multiply-adds or, with
    `products=mma` and both factors in bf16 or both in f16, `nvvm.mma.sync`: 16 products at a time, whose sum the device
    rounds. With `products=wgmma` such a product of two scratch buffers has blocks of 384 threads, of which one loads
    by tensor maps that `plan.maps` of the kernel describes, and 256 multiply by `nvvm.wgmma.mma_async`; it takes as
    much as it can use of `workgroup-bytes`. A symmetric product that reduces no rows or columns has tiles on and below
    the diagonal only, and writes their mirror images.

    Guarantees that no kernel touches memory outside its buffers, that all threads of a block meet every barrier and
    shuffle, and that every operation of a region happens as written, without contraction. Leaves the program in place.
    Fails on a region with an operation that has no vector form, on a packing, and if `workgroup-bytes` are too few.
  }];
  let options = [Option<"threads", "threads", "unsigned", "256", "threads of a block, a power of two from 32 to 1024">,
                 Option<"vectorBytes", "vector-bytes", "unsigned", "16", "bytes that a thread accesses at once">,
                 Option<"products", "products", "::descent::GpuProducts", "::descent::GpuProducts::Mma",
                        "what multiplies factors in 16 bits",
                        [{::llvm::cl::values(clEnumValN(::descent::GpuProducts::Fma, "fma", "multiply-adds"),
                                             clEnumValN(::descent::GpuProducts::Mma, "mma", "a warp's tensor cores"),
                                             clEnumValN(::descent::GpuProducts::Wgmma, "wgmma",
                                                        "those of four warps, from 9.0a on"))}]>,
                 Option<"workgroupBytes", "workgroup-bytes", "unsigned", "232448",
                        "memory that a block may have, for kernels that use what there is">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // DESCENT_CONVERSION_PASSES_TD
