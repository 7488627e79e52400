#include "descent/Dialect/Plan/Transforms/Passes.h"

namespace descent::plan {
#define GEN_PASS_DEF_PLANREUSESCRATCH
#include "descent/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace descent::plan

using namespace mlir;
using namespace descent::plan;

namespace {
/// Scratch and the places, counted in operations, of its first and last use.
struct Lifespan {
  ScratchOp scratch;
  unsigned segment, first, last;
  AlternativeAttr alternative; // that alone uses it

  /// Whether no layer uses both.
  bool excludes(const Lifespan &other) const {
    return alternative && other.alternative && alternative.getChoice() == other.alternative.getChoice() &&
           alternative != other.alternative;
  }
};

struct PlanReuseScratch : descent::plan::impl::PlanReuseScratchBase<PlanReuseScratch> {
  void runOnOperation() override {
    getOperation()->walk([&](TrackOp track) {
      SmallVector<Lifespan> alive;
      for (Lifespan &next : findLifespans(track)) {
        auto canTake = [&](Lifespan &earlier) {
          return earlier.scratch.getType() == next.scratch.getType() && earlier.segment == next.segment &&
                 (earlier.last < next.first || earlier.excludes(next));
        };
        auto *earlier = llvm::find_if(alive, canTake);
        if (earlier == alive.end()) {
          alive.push_back(next);
          continue;
        }
        next.scratch.replaceAllUsesWith(earlier->scratch.getResult());
        next.scratch.erase();
        earlier->last = std::max(earlier->last, next.last);
        earlier->alternative = earlier->alternative == next.alternative ? next.alternative : AlternativeAttr();
        ++numShared;
      }
    });
  }

  /// The worker's scratch of a track that may share memory, by first use.
  SmallVector<Lifespan> findLifespans(TrackOp track) {
    SmallVector<Lifespan> lifespans;
    llvm::DenseMap<Value, unsigned> number;
    unsigned segment = 0, place = 0;
    for (Operation &op : llvm::make_early_inc_range(*track.getBody())) {
      ++place;
      for (Value operand : op.getOperands()) {
        auto scratch = operand.getDefiningOp<ScratchOp>();
        if (!scratch || scratch.getLifetime() != Lifetime::Worker || scratch.getType().isPartial())
          continue;
        auto [entry, isFirst] = number.insert({operand, lifespans.size()});
        if (isFirst)
          lifespans.push_back({scratch, segment, place, place, getAlternative(operand)});
        lifespans[entry->second].last = place;
      }
      segment += isa<CutOp>(op);
      if (isa<ScratchOp>(op) && op.use_empty())
        op.erase();
    }
    return lifespans;
  }
};
} // namespace
