// What becomes of a product's sums: the stage's region over them, and mirror images.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTEPILOGUE_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTEPILOGUE_H

#include "BlockMemory.h"

namespace descent::plan {

/// Sums of a tile on their way through the block's memory: some rows at a time, which lie apart.
struct SumsShape {
  int64_t rows, cols, gap;
  mlir::Type type;

  int64_t stride() const { return cols + gap; }
};

/// Sums pass through the block's memory, where the loops that a sweep has find them.
class ProductEpilogue {
public:
  ProductEpilogue(mlir::ImplicitLocOpBuilder &b, ProductOp product, GpuKernel &kernel, SumsShape sums,
                  BlockMemory memory)
      : b(b), index(b), product(product), kernel(kernel), sums(sums), memory(memory) {}

  /// Whether tiles on and below the diagonal stand for all. A reduction of rows or columns wants all tiles.
  static bool isTriangle(ProductOp product);
  /// Notes tile and triangle at the stage.
  static void describeTile(ProductOp product, int64_t rows, int64_t cols);
  /// What it needs of the block's memory.
  static int64_t getMemoryBytes(ProductOp product, SumsShape sums);

  /// `storePart` stores the tile's rows `part` * rows, ... to the rows of a memref: those that the thread has sums of.
  /// Returns the tile's numbers. All threads that share the tile must come by.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(llvm::function_ref<void(mlir::Value part, mlir::Value memref)> storePart);

private:
  using Values = llvm::SmallVector<mlir::Value>;

  void weigh(llvm::MutableArrayRef<mlir::Value> results);
  void emitMirrors();

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  ProductOp product;
  GpuKernel &kernel;
  SumsShape sums;
  BlockMemory memory;
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTEPILOGUE_H
