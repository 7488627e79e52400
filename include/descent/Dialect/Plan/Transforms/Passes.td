// Passes from plan to plan.
#ifndef DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
#define DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanReuseScratch : Pass<"plan-reuse-scratch"> {
  let summary = "let scratch buffers that are never alive together share memory";
  let description = [{
    Requires a plan in which scratch is written before it is read. Replaces a worker's scratch buffer by an earlier one
    of the same type in the same segment whose last use lies before the first use of this one, and drops unused scratch.
    Guarantees that every stage reads what it read before. Leaves scratch that lives across a cut, and partial results,
    whose size is that of one stage's grid. Never fails.
  }];
  let statistics = [Statistic<"numShared", "num-shared", "Buffers that took the memory of an earlier one">];
}

#endif // DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
