// What one thread loads and stores of a stage's entries: a vector of neighbours at a time.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_ENTRYMEMORY_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_ENTRYMEMORY_H

#include "OrientedBlocks.h"
#include "ThreadCodes.h"
#include "VectorAccess.h"

#include "descent/Conversion/Kernels/StageValues.h"

namespace descent::plan {

/// A vector of the domain: where it begins, and how many of its entries there are; more than its length for whole ones.
struct Place {
  mlir::Value row, col, count;
};

/// Whole vectors in accesses of 16 bytes where memory is aligned; entry by entry elsewhere and at the ends of rows.
class EntryMemory {
public:
  EntryMemory(mlir::ImplicitLocOpBuilder &b, StageOpInterface stage, GpuKernel &kernel, int64_t length);

  /// Whether nothing depends on where in its row an entry stands. Then the domain is one long row, whose entry p lies
  /// at [p / columns, p % columns]: at p, in memory without gaps.
  static bool isOneRow(StageOpInterface stage);

  /// Once a tile; vectors begin at multiples of their length from the tile's first column.
  void begin(mlir::Value colBegin);
  /// Before vectors of a block of the domain are loaded; see OrientedBlocks.
  void gather(mlir::Value rowBegin, mlir::Value rowEnd, mlir::Value colBegin, mlir::Value colEnd) {
    oriented.gather(rowBegin, rowEnd, colBegin, colEnd);
  }
  /// Entries computed before, at [row - firstRow, column - firstCol] of workgroup memory. Its rows are aligned, and
  /// hold whole vectors.
  void setSource(mlir::Value memref, mlir::Value firstRow, mlir::Value firstCol) {
    source = memref;
    sourceRow = firstRow;
    sourceCol = firstCol;
  }

  /// Goes to a vector, which is then loaded and stored.
  void enter(Place next);
  /// Loads what operations of `needed` use, or everything if it is empty. All loads stand together, so that none waits
  /// for another.
  void load(const StageValues::Operations &needed, mlir::IRMapping &values);
  /// Stores what the region yields. Every thread of the warp must come by.
  void store(mlir::ValueRange values);

private:
  void checkGaps();
  mlir::Value isWhole();
  mlir::Value loadSource();
  ScatteredVector scatter(mlir::Value buffer);
  mlir::Value createRow(mlir::Value buffer);
  llvm::SmallVector<mlir::Value> loadTogether(llvm::ArrayRef<mlir::Value> buffers);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  StageOpInterface stage;
  GpuKernel &kernel;
  int64_t length;
  bool oneRow;
  OrientedBlocks oriented;
  ThreadCodes codes;
  mlir::Value aligned;            // whether whole vectors may be accessed at once
  mlir::Value gapless, rowLength; // of one row: whether memory is without gaps; columns up to its next row
  mlir::Value source, sourceRow, sourceCol;
  Place place;          // in the domain
  mlir::Value row, col; // of its first entry in memory
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_ENTRYMEMORY_H
