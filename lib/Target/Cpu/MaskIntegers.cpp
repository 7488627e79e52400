#include "descent/Target/Cpu/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CPUMASKINTEGERS
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

/// The vector of integers with the same bits, if this is a vector of 16-bit floats.
static VectorType getIntegers(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || !(vector.getElementType().isBF16() || vector.getElementType().isF16()))
    return nullptr;
  return vector.clone(IntegerType::get(type.getContext(), 16));
}

namespace {
/// load(p, mask, otherwise) = bitcast(load(p, mask, bitcast(otherwise)))
struct LoadIntegers : OpRewritePattern<LLVM::MaskedLoadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::MaskedLoadOp load, PatternRewriter &rewriter) const override {
    VectorType integers = getIntegers(load.getType());
    if (!integers)
      return rewriter.notifyMatchFailure(load, "moves no 16-bit floats");
    Value otherwise;
    if (load.getPassThru())
      otherwise = LLVM::BitcastOp::create(rewriter, load.getLoc(), integers, load.getPassThru());
    Value loaded = LLVM::MaskedLoadOp::create(rewriter, load.getLoc(), integers, load.getData(), load.getMask(),
                                              otherwise, load.getAlignment());
    rewriter.replaceOpWithNewOp<LLVM::BitcastOp>(load, load.getType(), loaded);
    return success();
  }
};

/// store(x, p, mask) = store(bitcast(x), p, mask)
struct StoreIntegers : OpRewritePattern<LLVM::MaskedStoreOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::MaskedStoreOp store, PatternRewriter &rewriter) const override {
    VectorType integers = getIntegers(store.getValue().getType());
    if (!integers)
      return rewriter.notifyMatchFailure(store, "moves no 16-bit floats");
    Value value = LLVM::BitcastOp::create(rewriter, store.getLoc(), integers, store.getValue());
    rewriter.replaceOpWithNewOp<LLVM::MaskedStoreOp>(store, value, store.getData(), store.getMask(),
                                                     store.getAlignment());
    return success();
  }
};

struct CpuMaskIntegers : descent::impl::CpuMaskIntegersBase<CpuMaskIntegers> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LoadIntegers, StoreIntegers>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
