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

static constexpr int64_t kRegisterBits = 512, kMaxEntries = 256;

/// The entries of the constant that is gathered from, as integers; none if there is no constant of i16 or f32.
static SmallVector<APInt> getTable(vector::GatherOp gather) {
  auto global = gather.getBase().getDefiningOp<memref::GetGlobalOp>();
  auto table = global ? SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(global, global.getNameAttr())
                      : memref::GlobalOp();
  auto entries = table && table.getConstant() && table.getInitialValue()
                     ? dyn_cast<DenseElementsAttr>(*table.getInitialValue())
                     : DenseElementsAttr();
  if (entries && entries.getElementType().isInteger(16))
    return llvm::to_vector(entries.getValues<APInt>());
  if (entries && entries.getElementType().isF32())
    return llvm::map_to_vector(entries.getValues<APFloat>(), [](APFloat x) { return x.bitcastToAPInt(); });
  return {};
}

namespace {
/// Looks up one register of parts of entries, `bits` wide.
class Permutations {
public:
  Permutations(ImplicitLocOpBuilder &b, Value indices, unsigned bits)
      : b(b), bits(bits), lanes(kRegisterBits / bits), type(VectorType::get({lanes}, b.getIntegerType(bits))),
        indices(b.createOrFold<arith::TruncIOp>(type, indices)) {}

  /// Of one constant for each entry.
  Value lookUp(ArrayRef<APInt> parts);
  /// Of entries that are several times as wide.
  Value lookUpWide(ArrayRef<APInt> entries);

private:
  Value constant(ArrayRef<APInt> values) { return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values)); }
  Value isSet(int64_t bit);
  Value call(StringRef name, ValueRange operands) {
    auto intrinsic = b.getStringAttr("llvm.x86.avx512." + name + (bits == 8 ? ".qi.512" : ".hi.512"));
    return LLVM::CallIntrinsicOp::create(b, type, intrinsic, operands).getResult(0);
  }

  ImplicitLocOpBuilder &b;
  unsigned bits;
  int64_t lanes;
  VectorType type;
  Value indices;
};
} // namespace

Value Permutations::isSet(int64_t bit) {
  Value mask = arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(bits, bit)));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value set = arith::AndIOp::create(b, indices, mask);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, set, zero);
}

/// One register of entries is permuted alone; else a permutation for each two of the table's registers, and choices
/// between them by the index's upper bits.
Value Permutations::lookUp(ArrayRef<APInt> entries) {
  if (int64_t(entries.size()) == lanes)
    return call("permvar", {constant(entries), indices});
  SmallVector<Value> found;
  for (int64_t reach = 2 * lanes; !entries.empty(); entries = entries.drop_front(reach)) {
    Value low = constant(entries.take_front(lanes)), high = constant(entries.slice(lanes, lanes));
    found.push_back(call("vpermi2var", {low, indices, high}));
  }
  for (int64_t bit = 2 * lanes; found.size() > 1; bit *= 2) {
    Value choice = isSet(bit);
    for (size_t i = 0; i + 1 < found.size(); ++i) {
      found[i] = arith::SelectOp::create(b, choice, found[i + 1], found[i]);
      found.erase(found.begin() + i + 1);
    }
  }
  return found.front();
}

/// Parts from the lowest to the highest; neighbours are interleaved until entries are whole.
Value Permutations::lookUpWide(ArrayRef<APInt> entries) {
  SmallVector<Value> parts;
  for (unsigned begin = 0; begin < entries.front().getBitWidth(); begin += bits)
    parts.push_back(lookUp(llvm::map_to_vector(entries, [&](APInt x) { return x.extractBits(bits, begin); })));
  for (unsigned width = bits; parts.size() > 1; width *= 2) {
    SmallVector<Value> wider;
    for (size_t i = 0; i < parts.size(); i += 2) {
      Value pairs = vector::InterleaveOp::create(b, parts[i], parts[i + 1]);
      auto wide = VectorType::get({lanes}, b.getIntegerType(2 * width));
      wider.push_back(vector::BitCastOp::create(b, wide, pairs));
    }
    parts = wider;
  }
  return parts.front();
}

namespace {
/// gather(constant table, indices) = parts of entries, looked up a register at a time, and interleaved
struct PermuteLookup : OpRewritePattern<vector::GatherOp> {
  PermuteLookup(MLIRContext *context, bool permutesBytes) : OpRewritePattern(context), permutesBytes(permutesBytes) {}

  LogicalResult matchAndRewrite(vector::GatherOp gather, PatternRewriter &rewriter) const override {
    VectorType type = gather.getVectorType(), indices = cast<VectorType>(gather.getIndices().getType());
    // Bytes reach farther, of what has more than two.
    unsigned bits = permutesBytes && type.getElementType().isF32() ? 8 : 16;
    int64_t lanes = kRegisterBits / bits;
    if (type.getRank() != 1 || type.getDimSize(0) % lanes != 0 || !indices.getElementType().isInteger(16))
      return rewriter.notifyMatchFailure(gather, "has no indices of 16 bits for whole registers");
    SmallVector<APInt> table = getTable(gather);
    int64_t size = table.size();
    bool isReached = llvm::isPowerOf2_64(size) && size >= lanes && size <= kMaxEntries;
    if (!isReached || !llvm::all_of(gather.getOffsets(), [](Value offset) { return matchPattern(offset, m_Zero()); }) ||
        !matchPattern(gather.getMask(), m_One()))
      return rewriter.notifyMatchFailure(gather, "looks nothing up in a small constant");
    ImplicitLocOpBuilder b(gather.getLoc(), rewriter);
    Value found = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (int64_t begin = 0; begin < type.getDimSize(0); begin += lanes) {
      Value some = b.createOrFold<vector::ExtractStridedSliceOp>(gather.getIndices(), begin, lanes, 1);
      Value entries = Permutations(b, some, bits).lookUpWide(table);
      entries = b.createOrFold<vector::BitCastOp>(VectorType::get({lanes}, type.getElementType()), entries);
      found = b.createOrFold<vector::InsertStridedSliceOp>(entries, found, begin, 1);
    }
    rewriter.replaceOp(gather, found);
    return success();
  }

private:
  bool permutesBytes;
};

struct CpuPermuteLookups : descent::impl::CpuPermuteLookupsBase<CpuPermuteLookups> {
  using CpuPermuteLookupsBase::CpuPermuteLookupsBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PermuteLookup>(&getContext(), permutesBytes);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
