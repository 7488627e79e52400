#include "Symmetry.h"

#include "descent/Dialect/Descent/IR/Descent.h"

using namespace mlir;
using namespace descent;

bool descent::isSymmetric(Value matrix) {
  Operation *op = matrix.getDefiningOp();
  if (!op)
    return false;
  if (auto product = dyn_cast<ProductOp>(op))
    return product.getSymmetric();
  if (isa<IdentityOp>(op))
    return true;
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return !isa<RankedTensorType>(broadcast.getOperand().getType());
  if (!isa<ChooseOp>(op) && !OpTrait::hasElementwiseMappableTraits(op))
    return false;
  return llvm::all_of(op->getOperands(),
                      [](Value operand) { return !isa<RankedTensorType>(operand.getType()) || isSymmetric(operand); });
}
