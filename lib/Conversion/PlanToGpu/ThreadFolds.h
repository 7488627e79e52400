// Folds across the threads of a block, in an order that depends on the number of lanes only.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_THREADFOLDS_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_THREADFOLDS_H

#include "GpuKernel.h"

namespace descent::plan {

/// Folds a number over `lanes` threads, a power of two: those of a group of neighbours, whose first thread's number is
/// a multiple of it. All of them get the result. Every thread of the block must come by.
mlir::Value foldThreads(mlir::ImplicitLocOpBuilder &b, GpuKernel &kernel, CombineKind kind, mlir::Value number,
                        mlir::Value lanes);

/// Folds vectors over the threads that have the same place in such groups, group by group. Those of the first group get
/// the result, the others their own vector. Every thread of the block must come by.
mlir::Value foldGroups(mlir::ImplicitLocOpBuilder &b, GpuKernel &kernel, CombineKind kind, mlir::Value vector,
                       mlir::Value lanes);

/// The number that the first of `lanes` neighbours has, a power of two up to a warp's. Every thread of the warp must
/// come by.
mlir::Value createFirst(mlir::ImplicitLocOpBuilder &b, GpuKernel &kernel, mlir::Value number, int64_t lanes);

/// The largest of the integers of `lanes` threads, a power of two up to a warp's; all of them get it. Every thread of
/// the warp must come by.
mlir::Value createLargest(mlir::ImplicitLocOpBuilder &b, mlir::Value number, int64_t lanes);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_THREADFOLDS_H
