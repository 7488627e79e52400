// The loops over the entries of one tile: a sweep's whole kernel, a product's epilogue.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H

#include "BlockwiseEntries.h"
#include "OrientedTile.h"

#include "descent/Conversion/Kernels/StageValues.h"

namespace descent::plan {

/// A part of the domain.
struct EntryBlock {
  mlir::Value rowBegin, rowEnd, colBegin, colEnd;
};

/// Emits, for each row of a block, an unmasked loop over whole vectors and a masked remainder.
class EntryLoops {
public:
  EntryLoops(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits);

  /// Entries computed before these loops, at [row - firstRow, column - firstCol] of a memref.
  void setSource(mlir::Value memref, mlir::Value firstRow, mlir::Value firstCol) {
    source = memref;
    sourceRow = firstRow;
    sourceCol = firstCol;
  }
  /// Every entry's partner across the diagonal is an entry of no tile: what is summed counts twice where `factor` is 2.
  void setWeight(mlir::Value factor) { weight = factor; }

  /// Emits what all entries share, once, before any loop. Fails on an operation without a vector form.
  mlir::LogicalResult emitShared() { return region.emitShared(kernel.scalars); }
  /// Emits the loops over a block; returns its number for each reduction of the tile.
  llvm::SmallVector<mlir::Value> emitBlock(EntryBlock block);
  /// Emits the loops over the tile, from what entries share on.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> emitTile();

private:
  /// One number a reduction; null for those a column, which live in memory.
  using Accumulators = llvm::SmallVector<mlir::Value>;

  void treatAsOneRow();
  bool canBeOneRow();
  llvm::SmallVector<mlir::Value> emitRows(mlir::Value begin, mlir::Value end, mlir::ValueRange tileAccumulators);
  llvm::SmallVector<mlir::Value> emitRowBlocks(mlir::ValueRange tileAccumulators);
  llvm::SmallVector<mlir::Value> emitRow(mlir::Value row, mlir::ValueRange tileAccumulators);
  void emitEntries(mlir::Value row, mlir::Value col, mlir::Value mask, Accumulators &accumulators);
  /// The operations of the region for a vector of entries, those of `needed` if it says something.
  mlir::IRMapping emitValues(mlir::Value row, mlir::Value col, mlir::Value mask, const StageValues::Operations &needed);
  /// Is given a column, a mask (null for whole vectors), and what it yielded before.
  using VisitColumns = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::Value, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value> emitRange(mlir::Value begin, mlir::Value end, llvm::ArrayRef<mlir::Value> initial,
                                           VisitColumns body);
  /// Visits a row, and keeps what was stored if `stores` says so.
  llvm::SmallVector<mlir::Value> emitColumns(llvm::ArrayRef<mlir::Value> initial, VisitColumns body, bool stores);
  void emitRowFolds(mlir::Value row);
  mlir::Value loadRead(mlir::Value buffer, mlir::Type type, mlir::Value row, mlir::Value col, mlir::Value mask);
  void storeWrite(mlir::Value entries, mlir::Value buffer, mlir::Value row, mlir::Value col, mlir::Value mask);
  void loadReads(mlir::Value row, mlir::Value col, mlir::Value mask, mlir::IRMapping &loaded);
  /// What a remainder reduces: the identity where the mask is off.
  llvm::SmallVector<mlir::Value> maskReduced(mlir::Value mask, mlir::ValueRange values);
  void foldEntries(mlir::Value row, mlir::Value col, mlir::Value mask, mlir::ValueRange values,
                   Accumulators &accumulators);
  /// What one tile stands for of a sum.
  mlir::Value weigh(CombineKind kind, mlir::Value number);
  /// The accumulators that loops carry: those of the tile, and within a row also the row's.
  llvm::SmallVector<mlir::Value> carried(const Accumulators &accumulators, bool withinRow) const;
  void setCarried(Accumulators &accumulators, mlir::ValueRange values, bool withinRow) const;

  mlir::ImplicitLocOpBuilder &b;
  StageOpInterface stage;
  const Kernel &kernel;
  int64_t length;                                 // of vectors
  mlir::Value rowBegin, rowEnd, colBegin, colEnd; // of the block
  mlir::Value source, sourceRow, sourceCol, weight;
  BlockwiseEntries codes;
  mlir::Value rowAtHand, blockBegin; // of codes: the row, and its block's first column
  OrientedTiles oriented;
  StageValues region;
  llvm::ArrayRef<Reduction> reductions;
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H
