// What kernels of all targets do with numbers and vectors of them: conversions, masks and folds.
#ifndef DESCENT_CONVERSION_KERNELS_ENTRIES_H
#define DESCENT_CONVERSION_KERNELS_ENTRIES_H

#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace descent::plan {

/// The memref that stands for a buffer: any row stride, a contiguous second axis.
mlir::MemRefType getMemRefType(mlir::MLIRContext *context, mlir::Type elementType);

mlir::Value createIndex(mlir::ImplicitLocOpBuilder &b, int64_t value);

/// `value` in `type`, which is wider or narrower than its own or the same; elements for vectors. Integers are signed.
mlir::Value convertFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value value, mlir::Type elementType);

/// A mask of the first `count` of `length` lanes; none if the count is negative.
mlir::Value createMask(mlir::ImplicitLocOpBuilder &b, mlir::Value count, int64_t length);

/// What folds with nothing: 0 for sums, an infinity for max and min. A scalar, or a vector of it.
mlir::Value createIdentity(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Type type);

/// One step of a reduction. Max and min propagate NaN.
mlir::Value createFold(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Value lhs, mlir::Value rhs);

/// Folds the lanes of a vector: its halves, then their halves, down to one number.
mlir::Value foldLanes(mlir::ImplicitLocOpBuilder &b, CombineKind kind, mlir::Value vector);

} // namespace descent::plan

#endif // DESCENT_CONVERSION_KERNELS_ENTRIES_H
