#include "descent/Dialect/Descent/IR/Formulas.h"
#include "descent/Dialect/Descent/Transforms/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

namespace descent {
#define GEN_PASS_DEF_EXPANDMOMENTUM
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// ema: beta x + (1 - beta) y;  heavy_ball: beta x + y
static Value mix(ImplicitLocOpBuilder &b, MomentumKind kind, Value x, Value y, Value beta) {
  Value kept = formula::scale(b, x, beta);
  if (kind == MomentumKind::HeavyBall)
    return formula::add(b, kept, y);
  Value rest = arith::SubFOp::create(b, formula::constant(b, 1.0), beta);
  return formula::add(b, kept, formula::scale(b, y, rest));
}

static Value expand(ImplicitLocOpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](MomentumOp op) { return mix(b, op.getKind(), op.getState(), op.getValue(), op.getBeta()); })
      .Case([&](LookAheadOp op) { return mix(b, op.getKind(), op.getMomentum(), op.getGradient(), op.getBeta()); })
      .Case([&](ApplyOp op) {
        return formula::add(b, op.getParameter(), formula::scale(b, op.getDirection(), op.getEta()));
      });
}

namespace {
struct ExpandMomentum : descent::impl::ExpandMomentumBase<ExpandMomentum> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (!isa<MomentumOp, LookAheadOp, ApplyOp>(op))
        return;
      ImplicitLocOpBuilder b(op->getLoc(), op);
      op->getResult(0).replaceAllUsesWith(expand(b, op));
      op->erase();
    });
  }
};
} // namespace
