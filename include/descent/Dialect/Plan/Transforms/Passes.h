// Passes from plan to plan.
#ifndef DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_H
#define DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_H

#include "descent/Dialect/Plan/Analysis/CostRates.h"
#include "descent/Dialect/Plan/IR/Plan.h"

#include "mlir/Pass/Pass.h"

namespace descent::plan {
#define GEN_PASS_DECL
#include "descent/Dialect/Plan/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "descent/Dialect/Plan/Transforms/Passes.h.inc"

/// For whom a plan is explained: a core of a processor, or a device, whose library may do products.
struct ExplainOptions {
  CostRates rates;
  bool forDevice = false;
};

/// Prints what every stage moves and computes, track by track, and what the step would move at least.
void explain(ProgramOp program, const ExplainOptions &options, llvm::raw_ostream &os);
} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_TRANSFORMS_PASSES_H
