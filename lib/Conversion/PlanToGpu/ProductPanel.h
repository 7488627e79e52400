// Panels of a product's factors on their way from global memory to a block's.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTPANEL_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTPANEL_H

#include "ProductCore.h"

namespace descent::plan {

/// One factor, as a tile of the product sees it. The threads of a block hold a panel in vectors that lie along the
/// factor's rows. Beyond its outer extent there is something, whose sums are never stored; beyond the inner extent
/// there are zeros.
class ProductPanel {
public:
  /// `innerAxis` of the factor is summed over, and the tile begins at `outerBegin` of the other. `memory` is the
  /// block's: <2 x rows x stride>.
  ProductPanel(mlir::ImplicitLocOpBuilder &b, const GpuKernel &kernel, const PanelShape &shape, mlir::Value factor,
               unsigned innerAxis, mlir::Value outerBegin, mlir::Value memory);

  /// This thread's vectors of the panel that begins at `innerBegin`, which is inside the factor.
  llvm::SmallVector<mlir::Value> load(mlir::Value innerBegin);
  /// Stores them to one of the panels in the block's memory.
  void store(mlir::ValueRange vectors, mlir::Value buffer);

  mlir::Value memory;

private:
  bool runsAlongInner() const { return innerAxis == 1; }
  /// A vector in the factor, and how many of its entries there are; more than its length for whole ones.
  struct Place {
    mlir::Value row, col, count;
  };
  Place getPlace(int64_t vector, mlir::Value innerBegin);
  mlir::Value loadWhole(Place place);
  mlir::Value loadPart(Place place);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  PanelShape shape;
  mlir::Value factor;
  unsigned innerAxis;
  mlir::Value outerBegin, outer, inner;
  mlir::VectorType type;     // as stored in the factor
  int64_t count, rowsAtOnce; // vectors of a thread; rows of the factor that the threads cover together
  mlir::Value row, col;      // of the thread's first vector in the panel
  mlir::Value aligned;       // whether vectors lie whole and aligned in the factor
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PRODUCTPANEL_H
