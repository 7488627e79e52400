#include "PlanSearch.h"

#include "descent/Dialect/Plan/Analysis/CostModel.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace descent;

/// A layer for which plans are compared. Decisions are about matrices, whose bytes grow alike.
static constexpr plan::Shape typical = {1024, 1024};
/// What a plan must save, so that rounding in the cost decides nothing.
static constexpr double leastGain = 1e-6;

FailureOr<PlanSearch::Candidate> PlanSearch::plan(const Decisions &decisions) {
  TrackBuilder track(builder, totals, storage);
  FailureOr<plan::TrackOp> built = track.buildGroup(group, rule, decisions);
  if (failed(built))
    return failure();
  plan::Formula cost;
  for (Operation &op : *built->getBody())
    cost += plan::getCost(&op);
  return Candidate{*built, cost.evaluate(typical), track.getSchedule().getVariations()};
}

/// Takes the cheapest alternative in place of the plan, if one is cheaper.
bool PlanSearch::improve(Candidate &best) {
  // A plan that cannot be built is none; the first one has told the user's errors.
  ScopedDiagnosticHandler quiet(builder.getContext(), [](Diagnostic &) { return success(); });
  std::vector<Decisions> variations = std::move(best.variations);
  bool improved = false;
  for (const Decisions &decisions : variations) {
    FailureOr<Candidate> candidate = plan(decisions);
    if (failed(candidate))
      continue;
    if (failed(verify(candidate->track))) {
      candidate->track.erase();
      continue;
    }
    if (candidate->cost < best.cost * (1.0 - leastGain)) {
      std::swap(*candidate, best);
      improved = true;
    }
    candidate->track.erase();
  }
  return improved;
}

LogicalResult PlanSearch::build(bool fuse) {
  Decisions first;
  first.fuse = fuse;
  FailureOr<Candidate> best = plan(first);
  if (failed(best))
    return failure();
  while (improve(*best))
    continue;
  return success();
}
