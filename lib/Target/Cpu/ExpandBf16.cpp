#include "descent/Target/Cpu/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CPUEXPANDBF16
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

/// `shaped`, or a scalar, with integers of `bits` bits.
static Type integersLike(Type shaped, unsigned bits) {
  auto integer = IntegerType::get(shaped.getContext(), bits);
  if (auto vector = dyn_cast<VectorType>(shaped))
    return vector.clone(integer);
  return integer;
}

static Value createInteger(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(b, attr);
}

namespace {
/// extf(x) = bits(x) << 16
struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isBF16() || !getElementTypeOrSelf(op).isF32())
      return rewriter.notifyMatchFailure(op, "does not widen bf16 to f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type i32 = integersLike(op.getType(), 32);
    Value bits = arith::BitcastOp::create(b, integersLike(op.getType(), 16), op.getIn());
    bits = arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i32, bits), createInteger(b, i32, 16));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

/// The bits of x, if nothing but zeros would be dropped: x = bitcast(bits & 0xffff0000).
static Value getClearedBits(Value x) {
  auto cast = x.getDefiningOp<arith::BitcastOp>();
  auto mask = cast ? cast.getIn().getDefiningOp<arith::AndIOp>() : arith::AndIOp();
  APInt kept;
  if (!mask || !matchPattern(mask.getRhs(), m_ConstantInt(&kept)) || kept.getBitWidth() != 32 ||
      kept.countTrailingZeros() < 16)
    return {};
  return mask;
}

/// truncf(x) = (bits(x) + 0x7fff + (bit 16 of x)) >> 16: half of the dropped bits' range, and a tie goes to even.
struct ExpandTruncF : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF32() || !getElementTypeOrSelf(op).isBF16())
      return rewriter.notifyMatchFailure(op, "does not round f32 to bf16");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type i32 = integersLike(op.getType(), 32);
    if (Value cleared = getClearedBits(op.getIn())) {
      Value half = arith::ShRUIOp::create(b, cleared, createInteger(b, i32, 16));
      half = arith::TruncIOp::create(b, integersLike(op.getType(), 16), half);
      rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
      return success();
    }
    Value bits = arith::BitcastOp::create(b, i32, op.getIn());
    Value last = arith::ShRUIOp::create(b, bits, createInteger(b, i32, 16));
    last = arith::AndIOp::create(b, last, createInteger(b, i32, 1));
    Value rounded = arith::AddIOp::create(b, bits, arith::AddIOp::create(b, last, createInteger(b, i32, 0x7fff)));
    // The sum would turn some NaNs into infinities, or wrap. The choice is between integers: there are no vectors of
    // bf16 to choose between.
    Value quiet = arith::OrIOp::create(b, bits, createInteger(b, i32, 0x400000));
    Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, op.getIn(), op.getIn());
    rounded = arith::SelectOp::create(b, isNaN, quiet, rounded);
    rounded = arith::ShRUIOp::create(b, rounded, createInteger(b, i32, 16));
    rounded = arith::TruncIOp::create(b, integersLike(op.getType(), 16), rounded);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), rounded);
    return success();
  }
};

struct CpuExpandBf16 : descent::impl::CpuExpandBf16Base<CpuExpandBf16> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExtF, ExpandTruncF>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
