// Products on the tensor cores of four warps, from compute capability 9.0a on.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMACORE_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMACORE_H

#include "PanelRing.h"

namespace descent::plan {

/// What the threads do that multiply: two groups of four warps have 64 rows of the tile each. The sums of a group lie
/// in its threads' registers: lane 4 r + c of warp w has entries (16 w + r, 8 j + 2 c), its neighbour to the right, and
/// the same two eight rows below, for all j.
class WgmmaCore {
public:
  /// `group` is the thread's group of four warps.
  WgmmaCore(mlir::ImplicitLocOpBuilder &b, const GpuKernel &kernel, PanelRing &ring, mlir::Value group);

  /// The sums over panels `first` (i32), ... of which there are `steps`: a struct of the thread's. Empties the panels.
  mlir::Value accumulate(mlir::Value first, mlir::Value steps);
  /// Stores the thread's sums of the tile's rows `part` * `partRows`, ... to the rows of `memory`.
  void storeSums(mlir::Value sums, mlir::Value part, int64_t partRows, mlir::Value memory);

private:
  static constexpr int64_t groupRows = 64, depth = 16; // of one instruction
  static constexpr int64_t warpRows = 16;

  mlir::Value createDescriptor(mlir::Value address, bool innerFirst);
  mlir::Value multiply(PanelRing::Stage stage, mlir::Value sums);
  void release(mlir::Value number, mlir::Value condition);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  PanelRing &ring;
  mlir::LLVM::LLVMStructType sumsType;
  mlir::Value group, warp, lane; // warp of the group
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_WGMMACORE_H
