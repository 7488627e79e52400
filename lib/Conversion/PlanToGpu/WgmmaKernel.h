// The kernel of a matrix product on tensor cores of four warps.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMAKERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMAKERNEL_H

#include "GpuKernel.h"

namespace descent::plan {

/// Whether the copy engine can load what the product reads.
bool suitsWgmma(ProductOp product);

/// As createProductKernel, for two factors in bf16 or in f16 that are accumulated in f32. Notes at the function which
/// tensor maps it wants, and what it takes of the device.
mlir::FailureOr<mlir::gpu::GPUFuncOp> createWgmmaKernel(mlir::ImplicitLocOpBuilder &b, ProductOp product,
                                                        GpuShape device);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMAKERNEL_H
