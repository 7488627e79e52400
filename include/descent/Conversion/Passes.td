// Passes between the layers.
#ifndef DESCENT_CONVERSION_PASSES_TD
#define DESCENT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPlanToLoops : Pass<"convert-plan-to-loops", "::mlir::ModuleOp"> {
  let summary = "emit a function of loops and vectors for every stage of a plan";
  let description = [{
    Requires a plan whose regions hold `arith` and `math` operations on scalars. Emits a private function beside the
    program for every sweep, product, orientation, combine, fold and scalar stage, and names it in the stage's `kernel`.
    A kernel takes a memref for each distinct buffer of the stage, an f64 for each scalar and, when the stage has a grid,
    the tile's bounds (rows, columns) and its block numbers; it returns an f64 for each result or reduction of a tile.
    Stages with the same body share a function.

    Guarantees that main loops are free of masks and that a remainder is masked, so that no kernel touches memory outside
    its buffers; that a reduction folds lane by lane in f64, in an order given by the logical shape and `vector-bits`
    alone; and that every operation of a region happens as written, without contraction, so that an entry's value does
    not depend on its place. Products accumulate with fused multiply-adds in the order of the inner extent.

    Leaves the program in place. Fails on a region with an operation that has no vector form.
  }];
  let options = [Option<"vectorBits", "vector-bits", "unsigned", "512", "bits of one vector register">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // DESCENT_CONVERSION_PASSES_TD
