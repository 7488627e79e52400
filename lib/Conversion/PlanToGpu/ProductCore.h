// How a block of threads accumulates a tile of a product.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTCORE_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTCORE_H

#include "ProductEpilogue.h"

namespace descent::plan {

/// A panel is what a block multiplies at a time of one factor: its extent of the tile (outer), `depth` deep (inner). In
/// the block's memory it lies with either axis first.
struct PanelShape {
  int64_t outer, depth;
  bool innerFirst;
  mlir::Type type;

  int64_t bytes() const { return type.getIntOrFloatBitWidth() / 8; }
  int64_t rows() const { return innerFirst ? depth : outer; }
  int64_t cols() const { return innerFirst ? outer : depth; }
  /// Rows are aligned for vectors, and begin in different banks.
  int64_t stride() const { return cols() + 16 / bytes(); }
};

/// The tile of a product, and what its block keeps in memory.
struct ProductShape {
  bool usesTensorCores;
  int64_t registers;  // that a thread may have
  int64_t rows, cols; // of the tile
  SumsShape sums;
  PanelShape lhs, rhs;

  static constexpr int64_t threads = 256, warps = threads / GpuShape::warp;
};

/// What threads do with panels in the block's memory: memrefs <2 x rows x stride>, of which `buffer` is the one at
/// hand.
class ProductCore {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  virtual ~ProductCore() = default;
  /// A thread's sums of nothing.
  virtual Values createZeros() = 0;
  /// The sums, and the products of two panels, in the order of the inner extent.
  virtual Values multiply(mlir::Value lhs, mlir::Value rhs, mlir::Value buffer, mlir::ValueRange sums) = 0;
  /// Stores the thread's sums of the tile's rows `part` * sums.rows, ... to the rows of `memory`.
  virtual void storeSums(mlir::ValueRange sums, mlir::Value part, mlir::Value memory) = 0;
};

/// Fused multiply-adds: every thread has entries of its own.
std::unique_ptr<ProductCore> createFmaCore(mlir::ImplicitLocOpBuilder &b, const ProductShape &shape,
                                           mlir::Value thread);

/// Tensor cores: a warp's threads have the sums between them.
std::unique_ptr<ProductCore> createMmaCore(mlir::ImplicitLocOpBuilder &b, const ProductShape &shape,
                                           mlir::Value thread);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTCORE_H
