#include "ProductBlocking.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace descent::plan;

ProductBlocking::ProductBlocking(unsigned vectorBits, Type panels)
    : accumulator(panels.isBF16() ? Float32Type::get(panels.getContext()) : panels),
      length(vectorBits / accumulator.getIntOrFloatBitWidth()), panel(2 * length) {
  // Accumulators, two vectors of the panel and one of the left factor fill 32 registers, or 16.
  rows = vectorBits >= 512 ? 8 : 6;
  fewRows = rows / 2;
  group = panels == accumulator ? 1 : 2;
  inner = length * group;
  innerBlock = 1024 * group;
  widths = {length, panel};
  if (vectorBits >= 512 && group == 1)
    widths = {length / 2, length, length + length / 2, panel};
  rowCols = 8 * length;
}

/// The rows of the products that may read the factor of these panels where it lies, if all of them may.
static std::optional<Extent> getReadersInPlace(Value panels) {
  std::optional<Extent> readers;
  for (Operation *user : panels.getUsers()) {
    auto product = dyn_cast<ProductOp>(user);
    if (!product)
      continue;
    Extent rows = product.getStageDomain().getRows();
    bool isSame = product.getRhs().getType().getElementType() == product.getAccumulatorType();
    if (product.getTransposed() || !isSame || readers.value_or(rows) != rows)
      return std::nullopt;
    readers = rows;
  }
  return readers;
}

void descent::plan::describePanels(ScratchOp scratch, unsigned vectorBits) {
  ProductBlocking size(vectorBits, scratch.getType().getElementType());
  std::optional<Extent> readers = getReadersInPlace(scratch);
  Builder b(scratch.getContext());
  scratch->setAttr("plan.panels", b.getDenseI64ArrayAttr({size.panel, size.inner, readers ? size.tileRows : 0,
                                                          int64_t(readers.value_or(Extent::One))}));
}
