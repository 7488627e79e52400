// The kernel of a matrix product.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTKERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTKERNEL_H

#include "GpuKernel.h"

namespace descent::plan {

/// Creates the kernel at the builder's place, and notes tile and triangle at the stage. Fails on an epilogue that has
/// no vector form.
mlir::FailureOr<mlir::gpu::GPUFuncOp> createProductKernel(mlir::ImplicitLocOpBuilder &b, ProductOp product,
                                                          GpuShape shape);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTKERNEL_H
