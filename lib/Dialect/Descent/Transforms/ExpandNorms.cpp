#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_EXPANDNORMS
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// Null when the norm has no formula for it.
static Value expand(ImplicitLocOpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](NormOp op) { return op.getNorm().emitNorm(b, op.getOperand()); })
      .Case([&](DualNormOp op) { return op.getNorm().emitDualNorm(b, op.getOperand()); })
      .Case([&](LmoOp op) { return op.getNorm().emitLmo(b, op.getDirection()); })
      .Case([&](ProjectOp op) { return op.getNorm().emitProjection(b, op.getOperand(), op.getRadius()); });
}

static WalkResult expandInPlace(Operation *op) {
  if (!isa<NormOp, DualNormOp, LmoOp, ProjectOp>(op))
    return WalkResult::advance();
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value expanded = expand(b, op);
  if (!expanded)
    return op->emitOpError() << "has norm '" << op->getAttr("norm")
                             << "', which has no formula; a group's norm takes its place in descent-instantiate-groups";
  op->getResult(0).replaceAllUsesWith(expanded);
  op->erase();
  return WalkResult::advance();
}

namespace {
struct ExpandNorms : descent::impl::ExpandNormsBase<ExpandNorms> {
  void runOnOperation() override {
    if (getOperation()->walk(expandInPlace).wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
