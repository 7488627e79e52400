#include "descent/Target/Cuda/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CUDAEXPANDEXACTMATH
#include "descent/Target/Cuda/Passes.h.inc"
} // namespace descent

using namespace mlir;

static Value callIntrinsic(PatternRewriter &rewriter, Operation *op, StringRef name) {
  return LLVM::CallIntrinsicOp::create(rewriter, op->getLoc(), op->getResultTypes(), name, op->getOperands(),
                                       LLVM::FastmathFlags::none, {}, {}, {}, {})
      .getResult(0);
}

namespace {
/// math.f(x) = llvm.f(x). The intrinsics' operations would become calls of the library again.
template <typename Op> struct CallIntrinsic : OpRewritePattern<Op> {
  CallIntrinsic(MLIRContext *context, StringRef name) : OpRewritePattern<Op>(context), name(name) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, callIntrinsic(rewriter, op, name));
    return success();
  }

  StringRef name;
};

/// math.rsqrt(x) = 1 / sqrt(x)
struct DivideByRoot : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::RsqrtOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    TypedAttr one = rewriter.getFloatAttr(getElementTypeOrSelf(type), 1.0);
    if (auto vector = dyn_cast<VectorType>(type))
      one = DenseElementsAttr::get(vector, one);
    Value root = callIntrinsic(rewriter, op, "llvm.sqrt");
    rewriter.replaceOpWithNewOp<arith::DivFOp>(op, arith::ConstantOp::create(rewriter, op.getLoc(), one), root);
    return success();
  }
};

struct CudaExpandExactMath : descent::impl::CudaExpandExactMathBase<CudaExpandExactMath> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<CallIntrinsic<math::SqrtOp>>(context, "llvm.sqrt");
    patterns.add<CallIntrinsic<math::FmaOp>>(context, "llvm.fma");
    patterns.add<CallIntrinsic<math::AbsFOp>>(context, "llvm.fabs");
    patterns.add<CallIntrinsic<math::CopySignOp>>(context, "llvm.copysign");
    patterns.add<CallIntrinsic<math::FloorOp>>(context, "llvm.floor");
    patterns.add<CallIntrinsic<math::CeilOp>>(context, "llvm.ceil");
    patterns.add<CallIntrinsic<math::TruncOp>>(context, "llvm.trunc");
    patterns.add<CallIntrinsic<math::RoundEvenOp>>(context, "llvm.roundeven");
    patterns.add<DivideByRoot>(context);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
