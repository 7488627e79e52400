// Loads panels of a product's factors into a ring.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_PANELLOADER_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_PANELLOADER_H

#include "PanelRing.h"

namespace descent::plan {

/// What the one thread does that loads: it asks the device's copy engine for boxes of both factors, as their tensor
/// maps describe them. Beyond a factor's ends there are zeros.
class PanelLoader {
public:
  PanelLoader(mlir::ImplicitLocOpBuilder &b, GpuKernel &kernel, PanelRing &ring);

  /// Whether there are maps of both factors: of scratch, whose rows are aligned. The caller's matrices may lie anyhow,
  /// and a gradient elsewhere in each step.
  static bool canLoad(ProductOp product);
  /// The maps, as `plan.maps` has them: the factor, rows and columns of a box, bytes of the swizzle.
  static mlir::ArrayAttr getMaps(mlir::MLIRContext *context, const RingShape &shape);

  /// Before the first panel of a layer.
  void enterLayer();
  /// Loads all panels of the tile at hand, which are numbered from `first` (i32) on.
  void loadTile(mlir::Value first, mlir::Value steps);

private:
  /// A factor, as the tile at hand sees it.
  struct Factor {
    mlir::Value map, outerBegin;
    bool runsAlongInner;
    int64_t offset, boxes, boxBytes; // in a stage
  };

  Factor createFactor(unsigned number);
  void requestBoxes(const Factor &factor, PanelRing::Stage stage, mlir::Value inner);
  mlir::Value toI32(mlir::Value index) { return mlir::arith::IndexCastOp::create(b, b.getI32Type(), index); }
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
  }

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder index;
  GpuKernel &kernel;
  PanelRing &ring;
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_PANELLOADER_H
