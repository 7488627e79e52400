// What types leave to verification in norms, reductions and products; each rule has its number from DescentOps.td.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// The group's class is known later; here only whether there is a formula.
static LogicalResult verifyQueryOp(Operation *op) {
  return getNormOf(op).verifyQuery(getNormQuery(op), GroupClass::Matrix, [&] { return op->emitOpError(); });
}

LogicalResult NormOp::verify() { return verifyQueryOp(*this); }     // (R1)
LogicalResult DualNormOp::verify() { return verifyQueryOp(*this); } // (R1)
LogicalResult LmoOp::verify() { return verifyQueryOp(*this); }
LogicalResult ProjectOp::verify() { return verifyQueryOp(*this); } // (R1)

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static SmallVector<Side, 2> sidesOf(Type type) { return *getSides(cast<RankedTensorType>(type)); }

/// `small` is f64, or has one number for each index of one side of `large`.
static LogicalResult verifySlice(Operation *op, Type small, Type large) {
  if (small.isF64())
    return success();
  SmallVector<Side, 2> sides = sidesOf(large), side = sidesOf(small);
  bool isAmbiguous = sides.size() == 2 && sides[0] == sides[1];
  if (side.size() != 1 || sides.size() != 2 || isAmbiguous || !llvm::is_contained(sides, side.front())) // (R1)
    return op->emitOpError() << "needs f64 or one number a row or column of " << large << ", found " << small;
  return success();
}

LogicalResult BroadcastOp::verify() { return verifySlice(*this, getOperand().getType(), getType()); } // (R1)

LogicalResult ReduceOp::verify() {
  // Along rows of a square matrix: numbers of columns would look alike.
  auto operand = cast<RankedTensorType>(getOperand().getType());
  SmallVector<Side, 2> sides = sidesOf(operand);
  if (sides.size() == 2 && sides[0] == sides[1] && isa<RankedTensorType>(getType()) &&
      sidesOf(getType()) == ArrayRef(sides).take_front())
    return success();
  return verifySlice(*this, getType(), operand); // (R1)
}

LogicalResult OrientOp::verify() {
  auto from = cast<RankedTensorType>(getOperand().getType()), to = cast<RankedTensorType>(getType());
  RankedTensorType wide = getTensorType(getContext(), {Side::Short, Side::Long}, from.getElementType());
  bool isThere = isShapedLikeParameter(from) && to == wide, isBack = from == wide && isShapedLikeParameter(to);
  if (!(isThere || isBack) || from.getElementType() != to.getElementType()) // (R1)
    return emitOpError()
           << "goes between a tensor shaped like the parameter and '#descent.dims<short, long>' of the same "
           << "element type, found " << from << " to " << to;
  return success();
}

LogicalResult ProductOp::verify() {
  SmallVector<Side, 2> lhs = sidesOf(getLhs().getType()), rhs = sidesOf(getRhs().getType()),
                       result = sidesOf(getType());
  bool fits = lhs.size() == 2 && rhs.size() == 2 && result.size() == 2;
  fits = fits && lhs[1] == rhs[getTransposed() ? 1 : 0] && result[0] == lhs[0] &&
         result[1] == rhs[getTransposed() ? 0 : 1];
  if (!fits) // (R1)
    return emitOpError() << "cannot multiply " << getLhs().getType() << " by " << getRhs().getType()
                         << (getTransposed() ? " transposed" : "") << " to " << getType();
  if (getSymmetric() && result[0] != result[1]) // (R2)
    return emitOpError() << "is marked symmetric, but its result " << getType() << " is not square";
  return success();
}

LogicalResult IdentityOp::verify() {
  SmallVector<Side, 2> sides = sidesOf(getType());
  if (sides.size() != 2 || sides[0] != sides[1]) // (R1)
    return emitOpError() << "is square, found " << getType();
  return success();
}

LogicalResult ChooseOp::verify() {
  llvm::SmallDenseSet<Attribute> names(getNames().begin(), getNames().end());
  if (getAlternatives().size() < 2 || names.size() != getAlternatives().size() ||
      getNames().size() != getAlternatives().size()) // (R1)
    return emitOpError() << "needs two alternatives or more with a name of its own each, found "
                         << getAlternatives().size() << " and names " << getNames();
  return success();
}
