// Which stages a device runs together.
#ifndef DESCENT_DIALECT_PLAN_ANALYSIS_LAUNCHES_H
#define DESCENT_DIALECT_PLAN_ANALYSIS_LAUNCHES_H

#include "descent/Dialect/Plan/IR/Plan.h"

namespace descent::plan {

/// Whether a stage works on the numbers of a layer, and so has no grid.
bool isWorkOnNumbers(mlir::Operation *stage);

/// Stages that one kernel of a device runs: one with a grid, or work on numbers that nothing else comes between,
/// neither another stage nor a cut, and that the same layers run.
using Launch = llvm::SmallVector<mlir::Operation *, 1>;

/// The launches of a track, in the order of its stages.
llvm::SmallVector<Launch> getLaunches(TrackOp track);

} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_ANALYSIS_LAUNCHES_H
