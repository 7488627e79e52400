// Passes from plan to plan.
#ifndef DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
#define DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanPackFactors : Pass<"plan-pack-factors"> {
  let summary = "give every product its right factor in panels";
  let description = [{
    Requires a plan whose products have no packed factor. Puts a `plan.pack` before each product, or takes that of an
    earlier one in the same segment which read the same factor in the same way, if nothing has written it since. A
    factor that a symmetric product wrote last is read by rows, whether `transposed` or not. Panels have the type of
    accumulation; with `pairs`, factors that are both bf16 stay so. The stages are the same with and without.
    Guarantees that every product has a packed factor. Leaves other stages. Never fails.
  }];
  let options = [Option<"pairs", "pairs", "bool", "false",
    "whether the target multiplies pairs of bf16 and adds them to f32">];
  let statistics = [Statistic<"numShared", "num-shared", "Products that took the panels of an earlier one">];
}

def PlanReuseScratch : Pass<"plan-reuse-scratch"> {
  let summary = "let scratch buffers that are never alive together share memory";
  let description = [{
    Requires a plan in which scratch is written before it is read. Replaces a worker's scratch buffer by an earlier one
    of the same type in the same segment whose last use lies before the first use of this one, or which another
    alternative of the same choice uses, and drops unused scratch.
    Guarantees that every stage reads what it read before. Leaves scratch that lives across a cut, and partial results,
    whose size is that of one stage's grid. Never fails.
  }];
  let statistics = [Statistic<"numShared", "num-shared", "Buffers that took the memory of an earlier one">];
}

#endif // DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_TD
