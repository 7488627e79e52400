// What the kernels of all stages share: the function's signature, and vectors of entries.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H

#include "descent/Conversion/Kernels/Entries.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace descent::plan {

/// The function of one kernel, and what its arguments stand for.
struct Kernel {
  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers; // the plan's buffer -> memref
  llvm::SmallVector<mlir::Value> scalars;           // one a scalar operand of the stage
  mlir::Value rowBegin, rowEnd, colBegin, colEnd, rowBlock, colBlock;
  mlir::Value scratch;    // null unless asked for
  mlir::Value domainRows; // null unless the stage reads a matrix in the other orientation, as is
  mlir::Value memory;     // bytes for blocks of such matrices

  mlir::Value buffer(mlir::Value planBuffer) const { return buffers.lookup(planBuffer); }
};

/// What a kernel has beyond its buffers and scalars.
struct KernelShape {
  bool hasGrid = true;                // whether it takes the bounds of a tile
  mlir::MemRefType scratch = nullptr; // its private memory
  unsigned results = 0;               // numbers that it returns
};

/// Creates the function of `stage`'s kernel at the builder's place and moves the builder into it.
Kernel createKernel(mlir::ImplicitLocOpBuilder &b, mlir::Operation *stage, KernelShape shape);

/// Creates the kernel of `stage`, or says why there is none.
mlir::FailureOr<mlir::func::FuncOp> createSweepKernel(mlir::ImplicitLocOpBuilder &b, SweepOp stage,
                                                      unsigned vectorBits);
mlir::FailureOr<mlir::func::FuncOp> createProductKernel(mlir::ImplicitLocOpBuilder &b, ProductOp stage,
                                                        unsigned vectorBits);
mlir::func::FuncOp createPackKernel(mlir::ImplicitLocOpBuilder &b, PackOp stage, unsigned vectorBits);
mlir::func::FuncOp createCombineKernel(mlir::ImplicitLocOpBuilder &b, CombineOp stage);
mlir::func::FuncOp createFoldKernel(mlir::ImplicitLocOpBuilder &b, FoldOp stage, unsigned vectorBits);
mlir::func::FuncOp createScalarsKernel(mlir::ImplicitLocOpBuilder &b, ScalarsOp stage);

/// Loads `length` entries as numbers of `type`; those without a set bit in `mask`, if there is one, are zero and not
/// read.
mlir::Value loadEntries(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, mlir::ValueRange indices, int64_t length,
                        mlir::Type type, mlir::Value mask);

/// Stores a vector, rounding to the memref's type; entries without a set bit in `mask`, if there is one, are not
/// touched.
void storeEntries(mlir::ImplicitLocOpBuilder &b, mlir::Value vector, mlir::Value memref, mlir::ValueRange indices,
                  mlir::Value mask);

/// Transposes as many vectors as they have lanes.
llvm::SmallVector<mlir::Value> transpose(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> rows);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H
