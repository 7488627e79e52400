// What the kernels of all stages share: the function's signature, and vectors of entries.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H

#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

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

/// The memref that stands for a buffer: any row stride, a contiguous second axis.
mlir::MemRefType getMemRefType(mlir::MLIRContext *context, mlir::Type elementType);

mlir::Value createIndex(mlir::ImplicitLocOpBuilder &b, int64_t value);

/// `value` in `type`, which is wider or narrower than its own or the same; elements for vectors. Integers are signed.
mlir::Value convertFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value value, mlir::Type elementType);

/// Loads `length` entries as numbers of `type`; those without a set bit in `mask`, if there is one, are zero and not
/// read.
mlir::Value loadEntries(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, mlir::ValueRange indices, int64_t length,
                        mlir::Type type, mlir::Value mask);

/// Stores a vector, rounding to the memref's type; entries without a set bit in `mask`, if there is one, are not
/// touched.
void storeEntries(mlir::ImplicitLocOpBuilder &b, mlir::Value vector, mlir::Value memref, mlir::ValueRange indices,
                  mlir::Value mask);

/// A mask of the first `count` of `length` lanes; none if the count is negative.
mlir::Value createMask(mlir::ImplicitLocOpBuilder &b, mlir::Value count, int64_t length);

/// What folds with nothing: 0 for sums, an infinity for max and min. A scalar, or a vector of it.
mlir::Value createIdentity(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Type type);

/// One step of a reduction. Max and min propagate NaN.
mlir::Value createFold(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Value lhs, mlir::Value rhs);

/// Folds the lanes of a vector: its halves, then their halves, down to one number.
mlir::Value foldLanes(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Value vector);

/// Transposes as many vectors as they have lanes.
llvm::SmallVector<mlir::Value> transpose(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> rows);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_KERNEL_H
