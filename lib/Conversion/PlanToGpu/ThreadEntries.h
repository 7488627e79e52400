// The loops over the entries of one tile, as the threads of a block share them: a sweep's whole kernel, a product's
// epilogue.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H

#include "EntryMemory.h"

namespace descent::plan {

/// Emits the loops over a tile. Threads stand in rows of `lanes`, a power of two: each takes vectors of its row in
/// turn. Every thread makes as many rounds as any other, so that all of them meet where numbers are folded; who has
/// nothing left neither loads nor stores. Which thread takes which entries depends on the tile's shape only, and so
/// does the order of every fold.
class ThreadEntries {
public:
  ThreadEntries(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel);

  /// Entries that a vector has: one access of the widest type in memory.
  static int64_t getVectorLength(StageOpInterface stage, GpuShape shape);
  /// Columns and elements of a sweep's tile, then rows and the multiples of its sides.
  static llvm::SmallVector<int64_t> getTile(StageOpInterface stage, GpuShape shape);

  using Values = llvm::SmallVector<mlir::Value>;

  /// Emits the loops over the tile; returns its number for each reduction of the tile, in all threads.
  mlir::FailureOr<Values> emitTile();

  /// The same by ranges of rows: what all entries share; loops over the rows, which take what the rows before have
  /// reduced, at first `getInitial()`; and the tile's numbers.
  mlir::LogicalResult begin();
  Values getInitial();
  Values emitRows(mlir::Value begin, mlir::Value end, mlir::ValueRange carried);
  Values finishTile(mlir::ValueRange carried);

  /// Entries computed before, at [row - firstRow, column - the tile's first] of the block's memory. Its rows are
  /// aligned, and hold whole vectors up to the tile's last column.
  void setSource(mlir::Value memref, mlir::Value firstRow) { memory.setSource(memref, firstRow, colBegin); }

private:
  using EmitVector = llvm::function_ref<Values(Place, mlir::ValueRange)>;

  void takeOneRow();
  void placeThreads();
  mlir::Value createLanesShift();
  Values emitRow(mlir::Value row, mlir::ValueRange carried);
  Values emitColumns(mlir::Value row, mlir::ValueRange carried, EmitVector body);
  Values emitEntries(Place place, mlir::ValueRange carried);
  void emitRowFolds(mlir::Value row);
  mlir::IRMapping emitValues(Place place, const StageValues::Operations &needed);
  mlir::Value maskReduced(CombineKind kind, mlir::Value vector, mlir::Value count);
  void foldColumn(const Reduction &reduction, mlir::Value vector, Place place);
  void storeColumn(const Reduction &reduction, mlir::Value vector, mlir::Value col, mlir::Value count);
  mlir::Value foldAll(CombineKind kind, mlir::Value vector, mlir::Value among);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  StageOpInterface stage;
  GpuKernel &kernel;
  int64_t length;
  EntryMemory memory;
  StageValues region;
  llvm::ArrayRef<Reduction> reductions;
  mlir::Value rowBegin, rowEnd, colBegin, colEnd; // of the tile
  mlir::Value lanes, lane, firstRow, rowsAtOnce;  // threads of a row, and the thread's place
  mlir::Value nextRow, lastRow;                   // the first of the rows at hand, and the end of their range
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H
