// Accesses of one thread to vectors of neighbours in memory.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_VECTORACCESS_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_VECTORACCESS_H

#include "GpuKernel.h"

namespace descent::plan {

/// What addresses have beyond whole accesses to vectors of `length` entries, in bytes: that of the first entry, and the
/// distance of the rows. Vectors that begin at multiples of their length in a row are aligned if both are zero.
struct Misalignment {
  mlir::Value address, stride;
};
Misalignment createMisalignment(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, int64_t length, GpuShape shape);

/// An aligned vector in one access, or a few of them.
mlir::Value loadVector(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, mlir::ValueRange place, int64_t length,
                       GpuShape shape);
void storeVector(mlir::ImplicitLocOpBuilder &b, mlir::Value vector, mlir::Value memref, mlir::ValueRange place,
                 GpuShape shape);

/// The entries of a vector one by one, with row and column of each.
struct ScatteredVector {
  mlir::Value memref;
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> places;
};
/// The first `count` entries of the vectors, which have one length; the others are zero, or not touched.
llvm::SmallVector<mlir::Value> loadScattered(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<ScatteredVector> vectors,
                                             mlir::Value count);
void storeScattered(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange values, llvm::ArrayRef<ScatteredVector> vectors,
                    mlir::Value count);

/// Neighbours in a row.
ScatteredVector getNeighbours(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, mlir::Value row, mlir::Value col,
                              int64_t length);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_VECTORACCESS_H
