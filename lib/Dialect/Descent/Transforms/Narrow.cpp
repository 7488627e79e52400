#include "descent/Dialect/Descent/Transforms/Passes.h"

namespace descent {
#define GEN_PASS_DEF_NARROW
#include "descent/Dialect/Descent/Transforms/Passes.h.inc"
} // namespace descent

using namespace mlir;
using namespace descent;

/// Matrices of reals become matrices of `compute`; what a method rounded stays narrow, unless nothing is to be rounded.
static Type narrow(Type type, FloatType compute) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  bool isMatrix = tensor && tensor.getRank() == 2;
  auto element = isMatrix ? dyn_cast<FloatType>(tensor.getElementType()) : FloatType();
  if (!element || (!element.isF64() && !compute.isF64()))
    return type;
  return tensor.clone(compute);
}

static void narrowValues(OptimizerOp rule, FloatType compute) {
  for (BlockArgument argument : rule.getBody().getArguments())
    argument.setType(narrow(argument.getType(), compute));
  for (Operation &op : rule.getBody().front())
    for (Value result : op.getResults())
      result.setType(narrow(result.getType(), compute));
}

/// Roundings and extensions between equal types say nothing.
static void dropConversions(OptimizerOp rule) {
  for (Operation &op : llvm::make_early_inc_range(rule.getBody().front())) {
    if (!isa<arith::TruncFOp, arith::ExtFOp>(op) || op.getOperand(0).getType() != op.getResult(0).getType())
      continue;
    op.getResult(0).replaceAllUsesWith(op.getOperand(0));
    op.erase();
  }
}

namespace {
struct Narrow : descent::impl::NarrowBase<Narrow> {
  using NarrowBase::NarrowBase;
  void runOnOperation() override {
    Builder b(&getContext());
    FloatType type = compute == "f32" ? FloatType(b.getF32Type()) : compute == "f64" ? b.getF64Type() : FloatType();
    if (!type) {
      getOperation()->emitError() << "expected compute=f32 or compute=f64, found '" << compute << "'";
      return signalPassFailure();
    }
    getOperation()->walk([&](OptimizerOp rule) {
      narrowValues(rule, type);
      dropConversions(rule);
    });
  }
};
} // namespace
