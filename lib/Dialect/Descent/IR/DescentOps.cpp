// Algebra that canonicalisation may use. Each pattern stands under its equation.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace descent;

#define GET_OP_CLASSES
#include "descent/Dialect/Descent/IR/DescentOps.cpp.inc"

namespace {
/// dual_norm(-x) = dual_norm(x)
struct DropNegationOfDualNorm : OpRewritePattern<DualNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DualNormOp op, PatternRewriter &rewriter) const override {
    auto negation = op.getOperand().getDefiningOp<arith::NegFOp>();
    if (!negation)
      return rewriter.notifyMatchFailure(op, "the operand is not negated");
    rewriter.modifyOpInPlace(op, [&] { op.getOperandMutable().assign(negation.getOperand()); });
    return success();
  }
};

/// momentum heavy_ball(s, x; 1) = s + x
struct AccumulateWithoutDecay : OpRewritePattern<MomentumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MomentumOp op, PatternRewriter &rewriter) const override {
    FloatAttr beta;
    if (op.getKind() != MomentumKind::HeavyBall || !matchPattern(op.getBeta(), m_Constant(&beta)) ||
        beta.getValueAsDouble() != 1.0)
      return rewriter.notifyMatchFailure(op, "not a heavy ball with beta = 1");
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, op.getState(), op.getValue());
    return success();
  }
};

/// orient(orient(x)) = x, there and back
struct OrientBack : OpRewritePattern<OrientOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(OrientOp op, PatternRewriter &rewriter) const override {
    auto there = op.getOperand().getDefiningOp<OrientOp>();
    if (!there)
      return rewriter.notifyMatchFailure(op, "the operand is not oriented");
    rewriter.replaceOp(op, there.getOperand());
    return success();
  }
};

/// orient(one number everywhere) = that number everywhere
struct OrientNumber : OpRewritePattern<OrientOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(OrientOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getOperand().getDefiningOp<BroadcastOp>();
    if (!broadcast || isa<RankedTensorType>(broadcast.getOperand().getType()))
      return rewriter.notifyMatchFailure(op, "the operand is no broadcast number");
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), broadcast.getOperand());
    return success();
  }
};
} // namespace

void DualNormOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropNegationOfDualNorm>(context);
}

void MomentumOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<AccumulateWithoutDecay>(context);
}

void OrientOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<OrientBack, OrientNumber>(context);
}

/// choose(x, x) = x
OpFoldResult ChooseOp::fold(FoldAdaptor) {
  return llvm::all_equal(getAlternatives()) ? getAlternatives().front() : Value();
}
