// What is agreed on kernels of a device: how they multiply, and what they say of themselves.
#ifndef DESCENT_CONVERSION_GPUKERNELS_H
#define DESCENT_CONVERSION_GPUKERNELS_H

#include "llvm/ADT/StringRef.h"

namespace descent {

/// What multiplies factors in 16 bits: fused multiply-adds of each thread, tensor cores that a warp feeds, or those
/// that four warps feed together, where they suit a product.
enum class GpuProducts { Fma, Mma, Wgmma };

/// Attributes of kernels that say how they run; what they leave out is usual. gpu-emit-artifact has their contract.
inline constexpr llvm::StringLiteral kDynamicBytes = "plan.dynamic_bytes"; // of workgroup memory
inline constexpr llvm::StringLiteral kCluster = "plan.cluster";            // blocks that run together
inline constexpr llvm::StringLiteral kBlocksPerProcessor = "plan.blocks_per_processor";
inline constexpr llvm::StringLiteral kMaps = "plan.maps"; // tensor maps of factors

} // namespace descent

#endif // DESCENT_CONVERSION_GPUKERNELS_H
