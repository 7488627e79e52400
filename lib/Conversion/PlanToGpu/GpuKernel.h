// What all kernels of a device share: the function, its layer and tile, and loads from the driver's tables.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_GPUKERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_GPUKERNEL_H

#include "descent/Conversion/GpuKernels.h"
#include "descent/Conversion/Kernels/IndexBuilder.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace descent::plan {

/// Facts of a device that shape kernels.
struct GpuShape {
  int64_t threads = 256;    // of a block that share its tile's entries, a power of two
  int64_t vectorBytes = 16; // of the widest access of a thread
  GpuProducts products = GpuProducts::Mma;
  int64_t workgroupBytes = 232448; // that a block may have
  int64_t loaders = 0;             // threads of a block besides, which load for the others
  static constexpr int64_t warp = 32;
};

/// What one tile takes, given what the tile before has left; returns what this one leaves.
using EmitCarried = llvm::function_ref<mlir::FailureOr<llvm::SmallVector<mlir::Value>>(mlir::ValueRange)>;

/// A kernel under construction. Blocks take tiles, or layers, in turn; what stands for one of them is emitted by the
/// callback of `create...Kernel`, with the fields below filled in.
struct GpuKernel {
  mlir::gpu::GPUFuncOp function;
  GpuShape shape;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers; // the plan's buffer -> memref in global memory, of this layer
  llvm::SmallVector<mlir::Value> scalars;           // f64, one a scalar operand of the stage
  mlir::Value rowBegin, rowEnd, colBegin, colEnd, rowBlock, colBlock, tile, tiles, domainRows, domainCols;
  mlir::Value layer;  // of the launch
  mlir::Value thread; // of the block
  mlir::Value maps;   // !llvm.ptr: the launch's tensor maps

  /// Finds the tile's bounds, buffers and numbers once more, so that what is needed late does not stay in registers
  /// until then.
  std::function<void()> reload;

  /// Emits a loop over the block's tiles, at first with `initial`. Threads that come by take all of them.
  std::function<mlir::LogicalResult(mlir::ValueRange initial, EmitCarried emit)> forTiles;
  /// Stores the tile's f64 for each of its reductions.
  std::function<void(llvm::ArrayRef<mlir::Value>)> storeResults;

  /// Waits for all threads that share the tile.
  void createBarrier(mlir::ImplicitLocOpBuilder &b) const;
  mlir::Value buffer(mlir::Value planBuffer) const { return buffers.lookup(planBuffer); }
  /// A buffer of the block, which all its threads see.
  mlir::Value addWorkgroupBuffer(mlir::ImplicitLocOpBuilder &b, mlir::MemRefType type);
  /// One for the duration of a fold across threads, which ends with a barrier.
  mlir::Value getFoldMemory(mlir::ImplicitLocOpBuilder &b, mlir::MemRefType type);
  /// Emits what a block does once, before its first tile.
  void emitOnce(mlir::ImplicitLocOpBuilder &b, llvm::function_ref<void()> body);

  /// Loads the buffers' places from the tables again, here.
  std::function<void()> reloadBuffers;

  mlir::Operation *begun; // the last operation that a block does once
  llvm::DenseMap<mlir::MemRefType, mlir::Value> foldMemory;
};

/// Emits what one tile of a stage takes; returns its f64 for each reduction of the tile, the same in all threads.
using EmitTile = llvm::function_ref<mlir::FailureOr<llvm::SmallVector<mlir::Value>>(GpuKernel &)>;

/// Creates the kernel of a stage with a grid at the builder's place: every block takes tiles `block`, `block + blocks`,
/// ..., finds layer and tile, and stores what the callback returns. Fails, leaving nothing, if the callback does.
mlir::FailureOr<mlir::gpu::GPUFuncOp> createTileKernel(mlir::ImplicitLocOpBuilder &b, mlir::Operation *stage,
                                                       GpuShape shape, EmitTile emitTile);

/// The same for a block whose threads part ways: emits all of the body, in which each of them loops over the tiles.
using EmitBody = llvm::function_ref<mlir::LogicalResult(GpuKernel &)>;
mlir::FailureOr<mlir::gpu::GPUFuncOp> createRolesKernel(mlir::ImplicitLocOpBuilder &b, mlir::Operation *stage,
                                                        GpuShape shape, EmitBody emitBody);

/// Creates the kernel of work on the numbers of a layer: the stages in their order, a block a layer.
mlir::gpu::GPUFuncOp createNumbersKernel(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Operation *> stages,
                                         GpuShape shape);

/// The memref that stands for a buffer: any row stride, a contiguous second axis, in global memory.
mlir::MemRefType getGlobalMemRefType(mlir::MLIRContext *context, mlir::Type elementType);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_GPUKERNEL_H
