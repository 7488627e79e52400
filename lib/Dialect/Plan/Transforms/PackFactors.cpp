#include "descent/Dialect/Plan/Analysis/CostModel.h"
#include "descent/Dialect/Plan/Transforms/Passes.h"

namespace descent::plan {
#define GEN_PASS_DEF_PLANPACKFACTORS
#include "descent/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace descent::plan

using namespace mlir;
using namespace descent::plan;

/// Whether both factors are bf16. Products share panels only if they agree, so that targets with and without pairs
/// have the same stages.
static bool isNarrow(ProductOp product) {
  return product.getLhs().getType().getElementType().isBF16() && product.getRhs().getType().getElementType().isBF16() &&
         product.getAccumulatorType().isF32();
}

/// Whether what belongs to `alternative` is done whenever `op` is.
static bool isDoneWith(AlternativeAttr alternative, Operation *op) {
  return !alternative || alternative == getAlternative(op);
}

namespace {
/// A right factor in panels, as long as nothing writes it.
struct Packed {
  Value factor;
  bool transposed, isNarrow;
  Value panels;
  AlternativeAttr alternative;
};

struct PlanPackFactors : descent::plan::impl::PlanPackFactorsBase<PlanPackFactors> {
  using PlanPackFactorsBase::PlanPackFactorsBase;

  void runOnOperation() override {
    getOperation()->walk([&](TrackOp track) {
      packed.clear();
      symmetric.clear();
      for (Operation &op : llvm::make_early_inc_range(*track.getBody())) {
        if (auto product = dyn_cast<ProductOp>(op))
          pack(product);
        if (isa<CutOp>(op))
          packed.clear();
        noteWrites(&op);
      }
    });
  }

  void pack(ProductOp product) {
    auto writer = symmetric.find(product.getRhs());
    if (writer != symmetric.end() && isDoneWith(writer->second, product))
      product.setTransposed(false);
    BufferType type = getPanels(product);
    auto holds = [&](const Packed &known) {
      return known.factor == product.getRhs() && known.transposed == product.getTransposed() &&
             known.isNarrow == isNarrow(product) && known.panels.getType() == type &&
             isDoneWith(known.alternative, product);
    };
    auto known = llvm::find_if(packed, holds);
    if (known == packed.end()) {
      packed.push_back(createPack(product, type));
      known = std::prev(packed.end());
    } else {
      ++numShared;
    }
    product.getPackedMutable().assign(known->panels);
  }

  Packed createPack(ProductOp product, BufferType type) {
    OpBuilder b(product);
    Value panels = ScratchOp::create(b, product.getLoc(), type, Lifetime::Worker), factor = product.getRhs();
    auto pack = PackOp::create(b, product.getLoc(), factor, product.getTransposed(), panels, FlatSymbolRefAttr());
    AlternativeAttr alternative = getAlternative(product.getOperation());
    if (alternative)
      pack->setAttr(kAlternative, alternative);
    return {factor, product.getTransposed(), isNarrow(product), panels, alternative};
  }

  BufferType getPanels(ProductOp product) {
    Type type = pairs && isNarrow(product) ? Builder(&getContext()).getBF16Type() : product.getAccumulatorType();
    Extent outer = product.getStageDomain().getCols();
    return BufferType::get(&getContext(), outer, product.getInnerExtent(), type, Layout::Panels);
  }

  void noteWrites(Operation *op) {
    auto product = dyn_cast<ProductOp>(op);
    for (Value written : getTraffic(op).writes) {
      llvm::erase_if(packed, [&](const Packed &known) { return known.factor == written; });
      symmetric.erase(written);
      if (product && product.getSymmetric())
        symmetric[written] = getAlternative(op);
    }
  }

  SmallVector<Packed> packed;
  llvm::DenseMap<Value, AlternativeAttr> symmetric; // buffers that a symmetric product wrote last, and its alternative
};
} // namespace
