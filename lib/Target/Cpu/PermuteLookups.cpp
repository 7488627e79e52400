#include "descent/Target/Cpu/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace descent {
#define GEN_PASS_DEF_CPUPERMUTELOOKUPS
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

/// Lanes of 16 bits in a register, and entries that one permutation of two registers reaches.
static constexpr int64_t kLanes = 32, kReach = 64;

/// The entries of the constant that is gathered from, if it is one of 64, 128 or 256 f32.
static DenseElementsAttr getTable(vector::GatherOp gather) {
  auto global = gather.getBase().getDefiningOp<memref::GetGlobalOp>();
  auto table = global ? SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(global, global.getNameAttr())
                      : memref::GlobalOp();
  auto entries = table && table.getConstant() && table.getInitialValue()
                     ? dyn_cast<DenseElementsAttr>(*table.getInitialValue())
                     : DenseElementsAttr();
  if (!entries || !entries.getElementType().isF32())
    return {};
  return llvm::is_contained({kReach, 2 * kReach, 4 * kReach}, entries.getNumElements()) ? entries : DenseElementsAttr();
}

namespace {
/// Looks 16 bits of every entry up.
class Permutations {
public:
  Permutations(ImplicitLocOpBuilder &b, Value indices)
      : b(b), type(VectorType::get({kLanes}, b.getI16Type())), indices(indices) {
    for (int64_t bit = kReach; bit < 4 * kReach; bit *= 2) {
      Value set = arith::AndIOp::create(b, indices, all(bit));
      bits.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::ne, set, all(0)));
    }
  }

  Value lookUp(ArrayRef<uint16_t> entries);

private:
  Value all(int64_t value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getI16IntegerAttr(value)));
  }
  Value constant(ArrayRef<uint16_t> entries) {
    SmallVector<APInt> values;
    for (uint16_t entry : entries)
      values.push_back(APInt(16, entry));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values));
  }

  ImplicitLocOpBuilder &b;
  VectorType type;
  Value indices;
  SmallVector<Value> bits; // of the indices, above those that one permutation takes
};
} // namespace

/// A permutation for each part of the table, and choices between them by the index's upper bits.
Value Permutations::lookUp(ArrayRef<uint16_t> entries) {
  SmallVector<Value> parts;
  for (; !entries.empty(); entries = entries.drop_front(kReach)) {
    Value low = constant(entries.take_front(kLanes)), high = constant(entries.slice(kLanes, kLanes));
    auto name = b.getStringAttr("llvm.x86.avx512.vpermi2var.hi.512");
    parts.push_back(LLVM::CallIntrinsicOp::create(b, type, name, ValueRange{low, indices, high}).getResult(0));
  }
  for (Value bit : bits) {
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      parts[i] = arith::SelectOp::create(b, bit, parts[i + 1], parts[i]);
      parts.erase(parts.begin() + i + 1);
    }
  }
  return parts.front();
}

namespace {
/// gather(constant table, indices) = the upper and lower halves of entries, looked up and interleaved
struct PermuteLookup : OpRewritePattern<vector::GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::GatherOp gather, PatternRewriter &rewriter) const override {
    auto indices = cast<VectorType>(gather.getIndices().getType());
    if (indices.getShape() != ArrayRef(kLanes) || !indices.getElementType().isInteger(16))
      return rewriter.notifyMatchFailure(gather, "has no indices of 16 bits for one register");
    DenseElementsAttr table = getTable(gather);
    if (!table || !llvm::all_of(gather.getOffsets(), [](Value offset) { return matchPattern(offset, m_Zero()); }) ||
        !matchPattern(gather.getMask(), m_One()))
      return rewriter.notifyMatchFailure(gather, "looks nothing up in a small constant");
    SmallVector<uint16_t> low, high;
    for (APInt bits : llvm::map_range(table.getValues<APFloat>(), [](APFloat x) { return x.bitcastToAPInt(); })) {
      low.push_back(bits.getLoBits(16).getZExtValue());
      high.push_back(bits.getHiBits(16).getZExtValue());
    }
    ImplicitLocOpBuilder b(gather.getLoc(), rewriter);
    Permutations permutations(b, gather.getIndices());
    SmallVector<int64_t> interleaved;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      interleaved.append({lane, kLanes + lane});
    Value halves = vector::ShuffleOp::create(b, permutations.lookUp(low), permutations.lookUp(high), interleaved);
    rewriter.replaceOpWithNewOp<vector::BitCastOp>(gather, gather.getVectorType(), halves);
    return success();
  }
};

struct CpuPermuteLookups : descent::impl::CpuPermuteLookupsBase<CpuPermuteLookups> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PermuteLookup>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
