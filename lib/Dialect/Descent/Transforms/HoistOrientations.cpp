#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace descent {
#define GEN_PASS_DEF_HOISTORIENTATIONS
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// A tensor that holds one number in every entry: its orientations are alike.
static bool isBroadcastNumber(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  return broadcast && !isa<RankedTensorType>(broadcast.getOperand().getType());
}

/// If every entry of `value` follows from numbers and the same entry of one other matrix, that matrix.
static Value getOnlyMatrix(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1)
    return {};
  Value matrix;
  for (Value operand : op->getOperands()) {
    if (operand == matrix || isBroadcastNumber(operand))
      continue;
    if (matrix)
      return {};
    matrix = operand;
  }
  return matrix;
}

/// Bits an entry that orienting `value` costs beyond reading it. What the step overwrites would have to outlive that.
static unsigned getMemoryCost(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return element.isInteger(1) ? ~0u : element.getIntOrFloatBitWidth();
  auto rule = dyn_cast<OptimizerOp>(argument.getOwner()->getParentOp());
  return rule && !rule.getUpdate().getValueFor(argument.getArgNumber()) ? 0 : ~0u;
}

/// The place on the way up from which on the rest is computed on the oriented matrix: the one with the fewest bits, and
/// of these the first.
static Value findSource(Value operand) {
  Value best = operand;
  for (Value value = operand; value; value = getOnlyMatrix(value))
    if (getMemoryCost(value) <= getMemoryCost(best))
      best = value;
  return best;
}

/// `value` in the other orientation, computed from that of `source`.
static Value rebuild(OpBuilder &b, Value value, Value source, Value oriented) {
  if (value == source)
    return oriented;
  auto turn = [&](Value x) { return cast<RankedTensorType>(oriented.getType()).clone(getElementTypeOrSelf(x)); };
  Operation *op = value.getDefiningOp();
  Value matrix = getOnlyMatrix(value), turned = rebuild(b, matrix, source, oriented);
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    if (operand == matrix)
      mapping.map(operand, turned);
    else if (auto broadcast = operand.getDefiningOp<BroadcastOp>(); !mapping.contains(operand))
      mapping.map(operand, BroadcastOp::create(b, op->getLoc(), turn(operand), broadcast.getOperand()));
  }
  Operation *clone = b.clone(*op, mapping);
  clone->getResult(0).setType(turn(value));
  return clone->getResult(0);
}

static void hoist(OrientOp op) {
  Value source = findSource(op.getOperand());
  if (source == op.getOperand())
    return;
  OpBuilder b(op);
  auto type = cast<RankedTensorType>(op.getType()).clone(getElementTypeOrSelf(source));
  Value oriented = OrientOp::create(b, op.getLoc(), type, source);
  op.getResult().replaceAllUsesWith(rebuild(b, op.getOperand(), source, oriented));
  op.erase();
}

namespace {
struct HoistOrientations : descent::impl::HoistOrientationsBase<HoistOrientations> {
  void runOnOperation() override { getOperation()->walk(hoist); }
};
} // namespace
