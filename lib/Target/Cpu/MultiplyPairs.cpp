#include "descent/Target/Cpu/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CPUMULTIPLYPAIRS
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

/// Whether each lane of the result gets the pair of its own lane, of as many lanes as the instruction has.
static bool addsPairs(vector::ContractionOp op) {
  auto type = dyn_cast<VectorType>(op.getResultType());
  if (!type || !type.getElementType().isF32() || type.getRank() != 1 || type.getNumElements() != 16)
    return false;
  if (!op.getLhsType().getElementType().isBF16() || op.getLhsType().getShape() != ArrayRef<int64_t>({16, 2}))
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  return op.getKind() == vector::CombiningKind::ADD && !op.isMasked() && maps[0].isIdentity() && maps[1].isIdentity() &&
         maps[2] == AffineMap::get(2, 0, getAffineDimExpr(0, op.getContext()));
}

/// The pairs one after the other.
static Value flatten(PatternRewriter &rewriter, Value pairs) {
  auto type = VectorType::get({32}, rewriter.getBF16Type());
  auto cast = pairs.getDefiningOp<vector::ShapeCastOp>();
  if (cast && cast.getSource().getType() == type)
    return cast.getSource();
  return vector::ShapeCastOp::create(rewriter, pairs.getLoc(), type, pairs);
}

namespace {
/// contract(a, b, sum)[i] = sum[i] + a[i, 0] b[i, 0] + a[i, 1] b[i, 1]
struct DotPairs : OpRewritePattern<vector::ContractionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::ContractionOp op, PatternRewriter &rewriter) const override {
    if (!addsPairs(op))
      return rewriter.notifyMatchFailure(op, "adds no pairs of bf16 to 16 lanes of f32");
    Value lhs = flatten(rewriter, op.getLhs()), rhs = flatten(rewriter, op.getRhs());
    rewriter.replaceOpWithNewOp<x86vector::DotBF16Op>(op, op.getResultType(), op.getAcc(), lhs, rhs);
    return success();
  }
};

struct CpuMultiplyPairs : descent::impl::CpuMultiplyPairsBase<CpuMultiplyPairs> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DotPairs>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
