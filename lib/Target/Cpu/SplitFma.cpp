#include "descent/Target/Cpu/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CPUSPLITFMA
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

static Value addProduct(PatternRewriter &rewriter, Location loc, ValueRange operands) {
  Value product = arith::MulFOp::create(rewriter, loc, operands[0], operands[1]);
  return arith::AddFOp::create(rewriter, loc, product, operands[2]);
}

namespace {
/// vector.fma(a, b, c) = a b + c
struct SplitProducts : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::FMAOp fma, PatternRewriter &rewriter) const override {
    rewriter.replaceOp(fma, addProduct(rewriter, fma.getLoc(), fma->getOperands()));
    return success();
  }
};

/// math.fma(a, b, c) = a b + c, of f32 in f64: who asks for one rounding has decisions made by the sign.
struct SplitEntries : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp fma, PatternRewriter &rewriter) const override {
    Type type = fma.getType(), f64 = rewriter.getF64Type();
    SmallVector<Value> operands = llvm::to_vector(fma->getOperands());
    if (!getElementTypeOrSelf(type).isF32()) {
      rewriter.replaceOp(fma, addProduct(rewriter, fma.getLoc(), operands));
      return success();
    }
    auto vector = dyn_cast<VectorType>(type);
    for (Value &operand : operands)
      operand = arith::ExtFOp::create(rewriter, fma.getLoc(), vector ? vector.clone(f64) : f64, operand);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(fma, type, addProduct(rewriter, fma.getLoc(), operands));
    return success();
  }
};

struct CpuSplitFma : descent::impl::CpuSplitFmaBase<CpuSplitFma> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitProducts, SplitEntries>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
