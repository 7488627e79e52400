// Panels of a product's factors in the block's memory: one thread fills them, and those that multiply empty them.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PANELRING_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PANELRING_H

#include "BlockMemory.h"

namespace descent::plan {

/// What a block of a product on tensor cores of four warps keeps in memory: stages of panels of both factors, then what
/// the epilogue needs, then two barriers a stage. A factor's panel is made of boxes whose rows have 128 bytes, of which
/// pieces of 16 bytes are permuted (swizzled), so that neither columns nor rows of eight meet in a bank.
struct RingShape {
  mlir::Type type; // of the factors, 16 bits
  int64_t cols;    // of the tile
  bool innerFirst; // the right factor lies with the inner extent first: boxes of 64 columns stand side by side
  int64_t stages, epilogueBytes;

  static constexpr int64_t rows = 128, depth = 64; // of the tile, of the panels
  static constexpr int64_t boxCols = 64, rowBytes = 128;
  static constexpr int64_t alignment = 1024; // of boxes: eight rows, after which the permutation starts anew
  static constexpr int64_t multipliers = 256, group = 128; // threads that multiply; threads of four warps

  int64_t rhsBoxRows() const { return innerFirst ? depth : cols; }
  int64_t lhsBytes() const { return rows * rowBytes; }
  int64_t rhsBytes() const { return cols * rowBytes; }
  int64_t stageBytes() const { return lhsBytes() + rhsBytes(); }
  int64_t epilogueOffset() const { return stages * stageBytes(); }
  int64_t barriersOffset() const { return llvm::alignTo(epilogueOffset() + epilogueBytes, 8); }
  /// Of dynamic workgroup memory, whose begin is aligned to 16 bytes only.
  int64_t bytes() const { return alignment + barriersOffset() + 2 * 8 * stages; }
};

/// Panels are numbered from a block's first to its last, over all of its tiles; number n lies in stage n % stages. The
/// stage's two barriers change phase each time it has been filled, and each time it has been emptied.
class PanelRing {
public:
  PanelRing(mlir::ImplicitLocOpBuilder &b, const RingShape &shape);

  struct Stage {
    mlir::Value index, phase; // i32; the parity of how often the stage was used before
  };

  /// By one thread, before all others go on.
  void initialize();
  Stage at(mlir::Value number);

  void waitUntilEmpty(Stage stage);
  void waitUntilFull(Stage stage);
  /// By the loader, before it asks for the stage's bytes: the stage is full when all of them have come.
  void expectBytes(Stage stage);
  /// By one thread of each warp that multiplies.
  void arriveEmpty(Stage stage);

  /// The address of a place in a stage: i64, of shared memory.
  mlir::Value getAddress(Stage stage, int64_t offset);
  mlir::Value getPointer(mlir::Value address);
  mlir::Value getFullBarrier(Stage stage) { return getBarrier(stage.index, 0); }

  const RingShape &shape;
  BlockMemory memory; // from the first stage on

private:
  mlir::Value getBarrier(mlir::Value stage, int64_t which);
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
  }
  void wait(mlir::Value barrier, mlir::Value phase);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  mlir::Value base; // i64
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PANELRING_H
