// How products are cut into blocks, and how their right factors lie in panels.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_PRODUCTBLOCKING_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_PRODUCTBLOCKING_H

#include "descent/Dialect/Plan/IR/Plan.h"

namespace descent::plan {

/// Sizes, in entries, for vectors of so many bits and panels of one type: that of accumulation, or pairs of bf16.
struct ProductBlocking {
  ProductBlocking(unsigned vectorBits, mlir::Type panels);

  mlir::Type accumulator;
  int64_t length;  // of a vector of accumulators
  int64_t panel;   // columns of the micro-kernel: two vectors
  int64_t rows;    // its rows, and those of the one that ends a tile
  int64_t fewRows; //
  /// Columns of micro-kernels, up to the panel's: narrower ones are for its side. Where long vectors pass in halves, a
  /// half of one costs half as much.
  llvm::SmallVector<int64_t> widths;
  int64_t rowCols; // columns of the micro-kernel for a single row, of a factor in place: memory in longer runs
  int64_t group;   // indices of the inner extent that lie in one lane of a panel: 2 for pairs, else 1
  int64_t inner;   // the inner extent of panels is rounded up to this

  /// The most of the inner extent that is summed up at a time: that many rows of a panel stay in the second-level
  /// cache while a tile's rows pass.
  int64_t innerBlock;

  /// A tile: its rows of the left factor, and a panel, share the second-level cache. More columns would gain nothing,
  /// as panels pass anyway, and leave less to share among workers.
  int64_t tileRows = 96, tileCols = 128;
  /// A tile that takes a factor unpacked reads it in place up to so many entries, which the caches hold while its rows
  /// pass, and if it has no more than so many rows, which spend their time on moving it; else it copies its panels.
  int64_t entriesInPlace = 1500000, rowsInPlace = 16;

  /// A tile of a pack stage reads runs of a kilobyte, whichever way its factor lies.
  int64_t packAlong = 256, packAcross = 64;

  /// Sums of a tile, when they have to wait for more of the inner extent or for reductions.
  int64_t sums() const { return (tileRows + rows) * (tileCols + panel); }
  /// Rows of the left factor in the type of accumulation; the stride is no power of two.
  int64_t leftStride() const { return innerBlock + length; }
  int64_t left() const { return tileRows * leftStride(); }
  /// Panels of a tile, for one block of the inner extent; their stride, too, is no power of two.
  int64_t copyStride() const { return innerBlock + 4; }
  int64_t copies() const { return tileCols * copyStride(); }
};

/// Tells the layout of memory about panels, in attributes of `scratch`: multiples of the extents; if products may do
/// without, the rows of their tiles, and the extent that their rows are.
void describePanels(ScratchOp scratch, unsigned vectorBits);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_PRODUCTBLOCKING_H
