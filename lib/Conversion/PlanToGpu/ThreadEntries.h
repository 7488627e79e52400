// What one thread does with the entries of a tile: a vector of neighbours at a time.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H

#include "GpuKernel.h"

#include "mlir/IR/IRMapping.h"

namespace descent::plan {

/// Emits the sweep over a tile. Threads stand in rows of `lanes`, a power of two: each takes vectors of its row in
/// turn. Every thread makes as many rounds as any other, so that all of them meet where numbers are folded; who has
/// nothing left neither loads nor stores.
class ThreadEntries {
public:
  ThreadEntries(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel);

  /// Entries that a vector has: whole accesses of the narrowest type in memory.
  static int64_t getVectorLength(StageOpInterface stage, GpuShape shape);
  /// Columns and elements of a tile: how far threads reach together.
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
  void setSource(mlir::Value memref, mlir::Value firstRow) {
    source = memref;
    sourceRow = firstRow;
  }

private:
  struct Reduction {
    CombineKind kind;
    Access access;
    mlir::Value memref;
  };
  /// A vector at hand: where it begins, and how many of its entries there are; more than its length for whole ones.
  struct Place {
    mlir::Value row, col, count;
  };

  mlir::LogicalResult emitShared();
  bool canBeOneRow();
  void treatAsOneRow();
  void placeThreads();
  void checkAlignment();
  Values emitRow(mlir::Value row, mlir::Value isRow, mlir::ValueRange carried);
  Values emitColumns(mlir::Value row, mlir::Value isRow, mlir::ValueRange carried,
                     llvm::function_ref<Values(Place, mlir::ValueRange)> body);
  void emitRowFolds(mlir::Value row, mlir::Value isRow);
  mlir::IRMapping emitValues(Place place, const llvm::SetVector<mlir::Operation *> &needed);
  Values emitEntries(Place place, mlir::ValueRange carried);
  void loadReads(Place place, const llvm::SetVector<mlir::Operation *> &needed, mlir::IRMapping &values);
  void loadRowNumbers(mlir::Value row, mlir::IRMapping &values);
  void storeWrites(Place place, mlir::ValueRange values);
  mlir::Value isWhole(Place place);
  mlir::Value loadVector(mlir::Value memref, mlir::Value row, mlir::Value col);
  mlir::Value loadSource(Place place);
  mlir::Value loadPart(mlir::Value memref, Place place, bool transposed);
  void storePart(mlir::Value vector, mlir::Value memref, Place place);
  mlir::Value maskReduced(CombineKind kind, mlir::Value vector, mlir::Value count);
  mlir::VectorType vectorOf(mlir::Type type) const { return mlir::VectorType::get({length}, type); }

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  StageOpInterface stage;
  GpuKernel &kernel;
  int64_t length;
  mlir::Value rowBegin, rowEnd, colBegin, colEnd; // of the tile, or of the one row that it is
  mlir::Value lanes, lane, firstRow, rowsAtOnce;  // threads of a row, and the thread's place
  mlir::Value aligned;                            // whether whole vectors may be accessed at once
  mlir::Value source, sourceRow;
  llvm::SmallVector<Reduction> reductions;
  llvm::SmallPtrSet<mlir::Operation *, 8> uniform;
  mlir::IRMapping scalars; // values that all entries share
  mlir::IRMapping shared;  // the same as vectors, and the row's own
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_THREADENTRIES_H
