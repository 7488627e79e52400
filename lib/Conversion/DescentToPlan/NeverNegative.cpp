#include "NeverNegative.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace descent;

namespace {
/// Assumes it of one state, and proves it of values.
class NeverNegative {
public:
  NeverNegative(OptimizerOp rule, Value state) : rule(rule), state(state) {}
  bool holds(Value value);

private:
  bool isHyper(Value value);
  bool all(Operation *op) {
    return llvm::all_of(op->getOperands(), [&](Value operand) { return holds(operand); });
  }

  OptimizerOp rule;
  Value state;
};
} // namespace

bool NeverNegative::isHyper(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && rule.getRole(argument.getArgNumber()).getKind() == RoleKind::Hyper;
}

bool NeverNegative::holds(Value value) {
  if (value == state || isHyper(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  FloatAttr constant;
  if (matchPattern(op, m_Constant(&constant)))
    return !constant.getValue().isNegative();
  if (isa<math::AbsFOp, math::SqrtOp, math::ExpOp>(op))
    return true;
  if (isa<arith::MulFOp>(op) && op->getOperand(0) == op->getOperand(1))
    return true;
  if (isa<arith::SubFOp>(op))
    return matchPattern(op->getOperand(0), m_OneFloat()) && isHyper(op->getOperand(1));
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return holds(op->getOperand(0)) || holds(op->getOperand(1));
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return holds(select.getTrueValue()) && holds(select.getFalseValue());
  return isa<arith::AddFOp, arith::MulFOp, arith::DivFOp, arith::MinimumFOp, arith::MinNumFOp, arith::ExtFOp,
             arith::TruncFOp, BroadcastOp>(op) &&
         all(op);
}

bool descent::isNeverNegative(OptimizerOp rule, RoleAttr state) {
  UpdateOp update = rule.getUpdate();
  bool startsThere = state.getInit() == InitKind::Value && state.getValue().getValueAsDouble() >= 0.0;
  for (BlockArgument argument : rule.getBody().getArguments())
    if (rule.getRole(argument.getArgNumber()).getName() == state.getName())
      if (Value value = update.getValueFor(argument.getArgNumber()))
        return startsThere && NeverNegative(rule, argument).holds(value);
  return startsThere;
}
