// Passes of the CPU target.
#ifndef DESCENT_TARGET_CPU_PASSES_TD
#define DESCENT_TARGET_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def CpuBindKernels : Pass<"cpu-bind-kernels", "::mlir::ModuleOp"> {
  let summary = "emit the entries that the step driver calls for stages";
  let description = [{
    Requires a kernel for every stage (`convert-plan-to-loops`). Emits, for each kernel, a function with the signature
    `descent_kernel` of artifact.h: it loads the buffers and numbers that the operands name, and the tile, calls the
    kernel, and stores what it returns to the tile's place in partial buffers or to slots. The `kernel` of all of its
    stages then names the entry. Guarantees the order of operands that artifact.h describes, so that a stage is data.
    Leaves kernels as they are. Fails on a stage without a kernel.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def CpuEmitArtifact : Pass<"cpu-emit-artifact", "::mlir::ModuleOp"> {
  let summary = "replace programs by the constant tables that the step driver reads";
  let description = [{
    Requires an entry for every stage (`cpu-bind-kernels`). Emits the tables of artifact.h as internal constants, with
    the manifest, the signature of the states and its fingerprint. The tables link to those
    of the next of `paths`, which are declared. For the first path, also emits the exported functions `<program>_step`
    and so on, which call the step driver with its tables; those of the others are `<program>_artifact_<target>`.
    Guarantees the layout of artifact.h on 64-bit machines. Erases the program. Fails on an unknown target or a stage
    without an entry.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cpu:native\"", "the processors that the kernels are for">,
    ListOption<"paths", "paths", "std::string", "all targets of the artifact, the best first; none: the target alone">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def CpuSplitFma : Pass<"cpu-split-fma"> {
  let summary = "compute fused multiply-adds in two roundings";
  let description = [{
    Requires nothing. For processors that have no such instruction, for which LLVM would call a library for each entry:
    turns `vector.fma`, and `math.fma` of f64, into `arith.mulf` and `arith.addf`, and `math.fma` of f32 into those of
    f64. Guarantees the value up to one rounding, and of `math.fma` of f32, whose product f64 holds, the sign. Leaves
    all else alone. Never fails.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def CpuExpandBf16 : Pass<"cpu-expand-bf16"> {
  let summary = "round to bf16 with integers";
  let description = [{
    Requires `arith` on scalars and vectors. Turns conversions between f32 and bf16 into integer arithmetic on the bits.
    Guarantees rounding to nearest even, infinities for what is too large, quiet NaNs for NaNs, and subnormal numbers,
    which the conversions of some processors flush to zero. Leaves other types alone. Never fails.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def CpuMultiplyPairs : Pass<"cpu-multiply-pairs"> {
  let summary = "multiply pairs of bf16 by the processor's instruction";
  let description = [{
    Requires nothing. Turns contractions that add, lane by lane, the two products of a pair of bf16 to f32 into the
    dot product of 512-bit vectors that processors with `avx512bf16` have. Guarantees f32 sums; subnormal numbers count
    as zero. Leaves other contractions. Never fails.
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::x86vector::X86VectorDialect"];
}

def CpuPermuteLookups : Pass<"cpu-permute-lookups", "::mlir::ModuleOp"> {
  let summary = "look up small constant tables by permutations of registers";
  let description = [{
    Requires a processor with AVX-512 for words. Turns gathers of i16 and f32 with indices of 16 bits, a multiple of 32,
    from a constant of 32, 64, 128 or 256 entries into `vpermw` and `vpermi2w` of the words of entries; with
    `permute-bytes`, those of f32, a multiple of 64 from at least 64 entries, into `vpermb` and `vpermi2b` of their
    bytes. Guarantees the same numbers for indices within the table. Leaves other gathers alone. Never fails.
  }];
  let options = [Option<"permutesBytes", "permute-bytes", "bool", "false", "the processor permutes bytes too">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def CpuMaskIntegers : Pass<"cpu-mask-integers"> {
  let summary = "move 16-bit floats under a mask as integers";
  let description = [{
    Requires nothing. Turns masked loads and stores of vectors of bf16 and f16 in the LLVM dialect into those of i16.
    Guarantees the same bits: processors without arithmetic on these types have no masked moves of them either, and LLVM
    would convert them entry by entry. Leaves other types alone. Never fails.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def CpuCarryBf16 : Pass<"cpu-carry-bf16", "::mlir::ModuleOp"> {
  let summary = "carry bf16 in integers";
  let description = [{
    Requires the LLVM dialect, with no arithmetic of bf16 left (`cpu-expand-bf16`). Replaces bf16 by i16 everywhere:
    what is loaded, chosen, put into vectors and stored. Guarantees the same bits: for processors without bf16 LLVM
    would widen what is in registers to f32, and call a library to narrow it. Leaves other types alone. Never fails.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // DESCENT_TARGET_CPU_PASSES_TD
