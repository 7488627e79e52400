// Which of several plans of one rule is taken.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_PLANSEARCH_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_PLANSEARCH_H

#include "TrackBuilder.h"

namespace descent {

/// Builds a group's track: first as the rules of thumb say, then with one decision changed at a time, as long as the
/// cost model finds that it pays.
class PlanSearch {
public:
  PlanSearch(mlir::OpBuilder &builder, const Totals &totals, const TrackStorage &storage, GroupOp group,
             OptimizerOp rule)
      : builder(builder), totals(totals), storage(storage), group(group), rule(rule) {}

  llvm::LogicalResult build(bool fuse);

private:
  struct Candidate {
    plan::TrackOp track;
    double cost = 0;
    std::vector<Decisions> variations;
  };
  double getCost(plan::TrackOp track);
  mlir::FailureOr<Candidate> plan(const Decisions &decisions);
  bool improve(Candidate &best);

  mlir::OpBuilder &builder;
  const Totals &totals;
  const TrackStorage &storage;
  GroupOp group;
  OptimizerOp rule;
  llvm::SmallVector<double> firstCosts; // of the group's shapes
};
} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_PLANSEARCH_H
