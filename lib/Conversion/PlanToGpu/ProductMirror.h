// Copies what lies below the diagonal to the other side.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTMIRROR_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTMIRROR_H

#include "GpuKernel.h"

namespace descent::plan {

/// Squares of a tile go through the block's memory, so that rows are read and written as they lie.
struct ProductMirror {
  static constexpr int64_t side = 64;
  static constexpr int64_t entries = side * (side + 1); // with a gap after each row: columns are read, too

  /// matrix[j, i] = matrix[i, j] for the tile's entries below the diagonal (i > j), once all threads have written them.
  /// The tile begins at multiples of `side`; `memory` has so many entries of the matrix's type.
  static void emit(mlir::ImplicitLocOpBuilder &b, const GpuKernel &kernel, mlir::Value matrix, mlir::Value memory);
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTMIRROR_H
