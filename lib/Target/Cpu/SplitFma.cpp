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

namespace {
/// fma(a, b, c) = a b + c
template <typename Op> struct SplitFma : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op fma, PatternRewriter &rewriter) const override {
    OperandRange operands = fma->getOperands();
    Value product = arith::MulFOp::create(rewriter, fma.getLoc(), operands[0], operands[1]);
    rewriter.replaceOpWithNewOp<arith::AddFOp>(fma, product, operands[2]);
    return success();
  }
};

struct CpuSplitFma : descent::impl::CpuSplitFmaBase<CpuSplitFma> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitFma<vector::FMAOp>, SplitFma<math::FmaOp>>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
