// Algebra that canonicalisation may use. Each pattern stands under its equation.
#include "descent/Dialect/Descent/IR/Descent.h"
#include "descent/Dialect/Descent/IR/Formulas.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace descent;

#define GET_OP_CLASSES
#include "descent/Dialect/Descent/IR/DescentOps.cpp.inc"

/// The constant that a tensor holds in every entry, if it is a broadcast of one.
static std::optional<double> getUniformConstant(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  auto constant = broadcast ? broadcast.getOperand().getDefiningOp<arith::ConstantOp>() : nullptr;
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : nullptr;
  return number ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

/// If `value` is c * x with a constant c, returns x and c.
static std::pair<Value, double> splitConstantFactor(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return {};
  if (auto factor = getUniformConstant(product.getRhs()))
    return {product.getLhs(), *factor};
  if (auto factor = getUniformConstant(product.getLhs()))
    return {product.getRhs(), *factor};
  return {};
}

namespace {
/// lmo(c x) = lmo(x) for c > 0, when the norm's method ignores scale. The product itself stays where it is stored.
struct DropScaleOfLmo : OpRewritePattern<LmoOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LmoOp op, PatternRewriter &rewriter) const override {
    auto [x, factor] = splitConstantFactor(op.getDirection());
    if (!x || !(factor > 0.0) || !std::isfinite(factor))
      return rewriter.notifyMatchFailure(op, "the direction is no positive multiple of a tensor");
    if (!op.getNorm().ignoresScale())
      return rewriter.notifyMatchFailure(op, "the norm's method does not ignore scale");
    rewriter.modifyOpInPlace(op, [&, x = x] { op.getDirectionMutable().assign(x); });
    return success();
  }
};

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
} // namespace

void LmoOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropScaleOfLmo>(context);
}

void DualNormOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropNegationOfDualNorm>(context);
}

void MomentumOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<AccumulateWithoutDecay>(context);
}

void OrientOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<OrientBack>(context);
}
