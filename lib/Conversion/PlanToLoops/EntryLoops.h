// The loops over the entries of one tile: a sweep's whole kernel, a product's epilogue.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H

#include "OrientedTile.h"

#include "mlir/IR/IRMapping.h"

namespace descent::plan {

/// Emits, for each row of the tile, an unmasked loop over whole vectors and a masked remainder.
class EntryLoops {
public:
  EntryLoops(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, const Kernel &kernel, unsigned vectorBits);

  /// Entries computed before these loops, at [row - rowBegin, column - colBegin] of a memref.
  void setSource(mlir::Value tile) { source = tile; }

  /// Emits the loops; returns the tile's number for each reduction that has one.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> emit();

private:
  struct Reduction {
    CombineKind kind;
    Access access;
    mlir::Value memref;
  };
  /// One number a reduction; null for those a column, which live in memory.
  using Accumulators = llvm::SmallVector<mlir::Value>;

  mlir::LogicalResult emitUniform();
  void treatAsOneRow();
  bool canBeOneRow();
  void broadcastUniform();
  llvm::SmallVector<mlir::Value> emitRows(mlir::Value begin, mlir::Value end, mlir::ValueRange tileAccumulators);
  llvm::SmallVector<mlir::Value> emitRowBlocks(mlir::ValueRange tileAccumulators);
  llvm::SmallVector<mlir::Value> emitRow(mlir::Value row, mlir::ValueRange tileAccumulators);
  void emitEntries(mlir::Value row, mlir::Value col, mlir::Value mask, Accumulators &accumulators);
  void loadReads(mlir::Value row, mlir::Value col, mlir::Value mask, mlir::IRMapping &values);
  /// What a remainder reduces: the identity where the mask is off.
  llvm::SmallVector<mlir::Value> maskReduced(mlir::Value mask, mlir::ValueRange values);
  void foldEntries(mlir::Value row, mlir::Value col, mlir::Value mask, mlir::ValueRange values,
                   Accumulators &accumulators);
  /// The accumulators that loops carry: those of the tile, and within a row also the row's.
  llvm::SmallVector<mlir::Value> carried(const Accumulators &accumulators, bool withinRow) const;
  void setCarried(Accumulators &accumulators, mlir::ValueRange values, bool withinRow) const;

  mlir::ImplicitLocOpBuilder &b;
  StageOpInterface stage;
  const Kernel &kernel;
  int64_t length; // of vectors
  mlir::Value rowBegin, rowEnd, colBegin, colEnd;
  mlir::Value source;
  OrientedTiles oriented;
  llvm::SmallVector<Reduction> reductions;
  llvm::SmallPtrSet<mlir::Operation *, 8> uniform;
  mlir::IRMapping scalars; // values that all entries share
  mlir::IRMapping shared;  // the same as vectors, and the row's own
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_ENTRYLOOPS_H
