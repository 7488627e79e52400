#include "PlanSearch.h"

#include "descent/Dialect/Plan/Analysis/CostModel.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace descent;

/// Layers for which plans are compared: square, wide, tall and a vector, as far as the group has them.
static constexpr plan::Shape typical[] = {{1024, 1024}, {768, 3072}, {3072, 768}, {1, 3072}};
/// What a plan must save, so that rounding in the cost decides nothing.
static constexpr double leastGain = 1e-6;

static ArrayRef<plan::Shape> getShapes(GroupClass groupClass) {
  ArrayRef<plan::Shape> shapes = typical;
  switch (groupClass) {
  case GroupClass::Any:
    return shapes;
  case GroupClass::Matrix:
    return shapes.drop_back();
  case GroupClass::Vector:
    return shapes.take_back();
  }
  llvm_unreachable("a class without shapes");
}

/// Over the group's shapes, the mean of what a layer costs as a share of what it costs in the first plan: the largest
/// one would decide alone otherwise.
double PlanSearch::getCost(plan::TrackOp track) {
  ArrayRef<plan::Shape> shapes = getShapes(group.getGroupClass());
  SmallVector<double> costs =
      llvm::map_to_vector(shapes, [&](plan::Shape shape) { return plan::getCost(track, shape); });
  if (firstCosts.empty())
    firstCosts = costs;
  double sum = 0;
  for (auto [cost, first] : llvm::zip(costs, firstCosts))
    sum += cost / first;
  return sum / shapes.size();
}

FailureOr<PlanSearch::Candidate> PlanSearch::plan(const Decisions &decisions) {
  TrackBuilder track(builder, totals, storage);
  FailureOr<plan::TrackOp> built = track.buildGroup(group, rule, decisions);
  if (failed(built))
    return failure();
  return Candidate{*built, getCost(*built), track.getSchedule().getVariations()};
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
